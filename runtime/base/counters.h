/* Counters: labelled 64-bit numbers in shared memory, each on a cache line of its own with one writer (after Aeron's).
 *
 * `tidelock status`, `top` and metrics only map and read them. A counter is allotted once, at set-up, and lives as long as its region: allotting a label that is
 * there already (a successor generation) finds it. Wait-free.
 */
#ifndef TL_BASE_COUNTERS_H
#define TL_BASE_COUNTERS_H

#include "base/status.h"

typedef struct tl_counter {
    uint64_t value TL_ALIGNED(64); /* written by the region's writer only */
    char label[56];                /* "feed.events", "" = not allotted; written before the first use */
} tl_counter;

TL_STATIC_ASSERT(sizeof(tl_counter) == 64, "one cache line");

/* The counter of a label among `capacity` in a section, allotted when it is new. NULL when all are taken (the caller goes without). Writer only. */
tl_counter *tl_counter_allot(tl_counter *counters, uint32_t capacity, const char *label);
/* Its value, 0 when there is none. Any process. */
uint64_t tl_counter_find(const tl_counter *counters, uint32_t capacity, const char *label);

#ifndef TL_CDEF
static inline void tl_counter_add(tl_counter *counter, uint64_t by) {
    __atomic_store_n(&counter->value, counter->value + by, __ATOMIC_RELAXED); /* one writer */
}
static inline void tl_counter_set(tl_counter *counter, uint64_t value) {
    __atomic_store_n(&counter->value, value, __ATOMIC_RELAXED);
}
#endif

#endif
