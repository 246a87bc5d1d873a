/* The runtime's clock: CLOCK_MONOTONIC plus an offset that the master publishes (DESIGN §4).
 *
 * It is set once at the start so that it agrees with the wall clock, then slewed towards it by at most 500 ppm and never stepped back. All processes of
 * an instance read the same page. One writer (the master); readers are wait-free. An all-zero page is a clock: the monotonic one.
 *
 * A slew is a piece of a line: from `from_ns` on, the offset grows or shrinks evenly for at most TL_SLEW_SPAN_MS, and then stays (a master that died lets the clock run on).
 * The next piece begins TL_SLEW_LEAD_NS after it was published, where the old one would be, so that readers which still use the old piece agree with those that use the
 * new one. Two pieces take turns; a reader's piece is not written to before the next but one.
 */
#ifndef TL_BASE_RUNTIME_CLOCK_H
#define TL_BASE_RUNTIME_CLOCK_H

#include "base/clock.h"

enum { TL_SLEW_PPM = 500, TL_SLEW_LEAD_NS = 5000000, TL_SLEW_SPAN_MS = 4000 };

typedef struct tl_runtime_piece {
    int64_t from_ns;   /* monotonic time at which it begins */
    int64_t offset_ns; /* runtime time - monotonic time there */
    int64_t before;    /* slope of the offset before from_ns, in 2^-32 ns a ns */
    int64_t after;     /* and behind it */
} tl_runtime_piece;

typedef struct tl_runtime_clock {
    uint64_t turn TL_ALIGNED(64); /* pieces published so far; the last one is pieces[turn % 2] */
    uint64_t steps;               /* of the wall clock by more than a second, seen so far */
    uint64_t suspends;            /* of the machine, seen so far */
    int64_t wall_offset_ns;       /* the writer's: wall clock - monotonic time, as last seen */
    int64_t asleep_ns;            /* the writer's: how long the machine was suspended, as last seen */
    tl_runtime_piece pieces[2] TL_ALIGNED(64);
} tl_runtime_clock;

#ifndef TL_CDEF
/* Runtime time at a monotonic time. */
static inline int64_t tl_runtime_clock_at(const tl_runtime_clock *clock, int64_t monotonic_ns) {
    uint64_t turn = __atomic_load_n(&clock->turn, __ATOMIC_ACQUIRE), again;
    int64_t offset_ns;
    do { /* a second round needs two slews, a second apart, during the first */
        const tl_runtime_piece *piece = &clock->pieces[turn % 2];
        int64_t span_ns = monotonic_ns - __atomic_load_n(&piece->from_ns, __ATOMIC_ACQUIRE);
        int64_t slope = __atomic_load_n(span_ns < 0 ? &piece->before : &piece->after, __ATOMIC_ACQUIRE);
        const int64_t most_ns = (int64_t)TL_SLEW_SPAN_MS * TL_NS_PER_MS;
        if (span_ns > most_ns) span_ns = most_ns;
        if (span_ns < -most_ns) span_ns = -most_ns;
        offset_ns = __atomic_load_n(&piece->offset_ns, __ATOMIC_ACQUIRE) + ((span_ns * slope) >> 32);
        again = turn;
        turn = __atomic_load_n(&clock->turn, __ATOMIC_ACQUIRE);
    } while (TL_UNLIKELY(turn - again > 1));
    return monotonic_ns + offset_ns;
}

static inline int64_t tl_runtime_clock_ns(const tl_runtime_clock *clock) {
    return tl_runtime_clock_at(clock, tl_clock_monotonic_ns());
}
#endif

/* The form for Lua. */
int64_t tl_runtime_clock_read_ns(const tl_runtime_clock *clock);

/* The writer's: sets the offset so that the clock agrees with the wall clock (at a start), or, where `not_before_ns` is later, goes on from there (after a recovery). */
void tl_runtime_clock_start(tl_runtime_clock *clock, int64_t not_before_ns);
/* The writer's, about once a second: slews towards the wall clock, counts steps and suspends. */
void tl_runtime_clock_slew(tl_runtime_clock *clock);

/* What the two do, of given times: for tests. `wall_ns` and `booted_ns` (CLOCK_BOOTTIME, which goes on while the machine is suspended) belong to `monotonic_ns`. */
void tl_runtime_clock_start_at(tl_runtime_clock *clock, int64_t not_before_ns, int64_t monotonic_ns, int64_t wall_ns,
                               int64_t booted_ns);
void tl_runtime_clock_slew_at(tl_runtime_clock *clock, int64_t monotonic_ns, int64_t wall_ns, int64_t booted_ns);
int64_t tl_runtime_clock_read_at(const tl_runtime_clock *clock, int64_t monotonic_ns);

#endif
