/* The runtime's clock: CLOCK_MONOTONIC plus an offset that the master publishes (DESIGN §4).
 *
 * It is set once at the start so that it agrees with the wall clock, then slewed towards it by at most 500 ppm and never stepped back. All processes of
 * an instance read the same page. One writer (the master); readers are wait-free.
 */
#ifndef TL_BASE_RUNTIME_CLOCK_H
#define TL_BASE_RUNTIME_CLOCK_H

#include "base/clock.h"

typedef struct tl_runtime_clock {
    int64_t offset_ns TL_ALIGNED(64); /* runtime time = monotonic time + this */
    uint64_t steps;                   /* of the wall clock by more than a second, seen so far */
    uint64_t suspends;                /* of the machine, seen so far */
} tl_runtime_clock;

#ifndef TL_CDEF
static inline int64_t tl_runtime_clock_ns(const tl_runtime_clock *clock) {
    return tl_clock_monotonic_ns() + __atomic_load_n(&clock->offset_ns, __ATOMIC_RELAXED);
}
#endif

/* The form for Lua. */
int64_t tl_runtime_clock_read_ns(const tl_runtime_clock *clock);

/* The writer's: sets the offset so that the clock agrees with the wall clock (at a start), or, where `not_before_ns` is later, goes on from there (after a recovery). */
void tl_runtime_clock_start(tl_runtime_clock *clock, int64_t not_before_ns);
/* The writer's, about once a second: slews towards the wall clock, counts steps and suspends. */
void tl_runtime_clock_slew(tl_runtime_clock *clock);

#endif
