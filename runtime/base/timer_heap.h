/* Deadlines of numbered things: at most one instant for each, the earliest first.
 *
 * A heap and not a wheel of buckets, because simulated time jumps to the exact next instant: the earliest is read in O(1); setting, moving and
 * clearing one are O(log n). Equal instants come in the order in which they were set. Single owner; no allocation after init.
 */
#ifndef TL_BASE_TIMER_HEAP_H
#define TL_BASE_TIMER_HEAP_H

#include "base/status.h"

typedef struct tl_timer_heap_entry {
    int64_t due_ns;
    uint64_t serial; /* order of setting */
    uint32_t id;
    uint32_t reserved;
} tl_timer_heap_entry;

typedef struct tl_timer_heap {
    tl_timer_heap_entry *entries; /* a binary heap */
    uint32_t *places;             /* by id: place in the heap + 1, 0 = none */
    uint64_t next_serial;
    uint32_t count;
    uint32_t capacity; /* ids go from 0 to capacity - 1 */
} tl_timer_heap;

/* TL_ERR_NO_MEMORY. */
tl_status tl_timer_heap_init(tl_timer_heap *heap, uint32_t capacity);
void tl_timer_heap_close(tl_timer_heap *heap);

void tl_timer_heap_set(tl_timer_heap *heap, uint32_t id, int64_t due_ns);
/* Harmless when none is set. */
void tl_timer_heap_clear(tl_timer_heap *heap, uint32_t id);

/* The earliest instant, INT64_MAX for none. */
int64_t tl_timer_heap_next_ns(const tl_timer_heap *heap);

/* Takes the earliest one that is due at or before now_ns; false when none is. */
bool tl_timer_heap_take(tl_timer_heap *heap, int64_t now_ns, uint32_t *id);

#endif
