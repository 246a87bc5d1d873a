#include "base/runtime_clock.h"

#include <time.h>

static int64_t read_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * TL_NS_PER_S + now.tv_nsec;
}

static void publish(tl_runtime_clock *clock, const tl_runtime_piece *next) {
    uint64_t turn = clock->turn + 1;
    tl_runtime_piece *piece = &clock->pieces[turn % 2];
    /* Releases: a reader that sees one of these words sees, in `turn`, that its piece is old (pairs with the acquires in tl_runtime_clock_at()). */
    __atomic_store_n(&piece->from_ns, next->from_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&piece->offset_ns, next->offset_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&piece->before, next->before, __ATOMIC_RELEASE);
    __atomic_store_n(&piece->after, next->after, __ATOMIC_RELEASE);
    __atomic_store_n(&clock->turn, turn, __ATOMIC_RELEASE); /* the whole piece before its turn */
}

int64_t tl_runtime_clock_read_at(const tl_runtime_clock *clock, int64_t monotonic_ns) {
    return tl_runtime_clock_at(clock, monotonic_ns);
}

int64_t tl_runtime_clock_read_ns(const tl_runtime_clock *clock) {
    return tl_runtime_clock_ns(clock);
}

void tl_runtime_clock_start_at(tl_runtime_clock *clock, int64_t not_before_ns, int64_t monotonic_ns, int64_t wall_ns,
                               int64_t booted_ns) {
    int64_t begin_ns = wall_ns > not_before_ns ? wall_ns : not_before_ns;
    clock->wall_offset_ns = wall_ns - monotonic_ns;
    clock->asleep_ns = booted_ns - monotonic_ns;
    tl_runtime_piece piece = {.from_ns = monotonic_ns, .offset_ns = begin_ns - monotonic_ns};
    publish(clock, &piece);
}

void tl_runtime_clock_slew_at(tl_runtime_clock *clock, int64_t monotonic_ns, int64_t wall_ns, int64_t booted_ns) {
    int64_t wall_offset_ns = wall_ns - monotonic_ns, asleep_ns = booted_ns - monotonic_ns;
    int64_t slept_ns = asleep_ns - clock->asleep_ns;
    int64_t stepped_ns = wall_offset_ns - clock->wall_offset_ns - slept_ns; /* the wall clock goes on in a suspend */
    if (slept_ns > 10 * TL_NS_PER_MS) __atomic_store_n(&clock->suspends, clock->suspends + 1, __ATOMIC_RELAXED);
    if (stepped_ns > TL_NS_PER_S || stepped_ns < -TL_NS_PER_S)
        __atomic_store_n(&clock->steps, clock->steps + 1, __ATOMIC_RELAXED);
    clock->wall_offset_ns = wall_offset_ns;
    clock->asleep_ns = asleep_ns;

    const tl_runtime_piece *last = &clock->pieces[clock->turn % 2];
    tl_runtime_piece next = {.from_ns = monotonic_ns + TL_SLEW_LEAD_NS};
    next.offset_ns = tl_runtime_clock_at(clock, next.from_ns) - next.from_ns;
    const int64_t span_ns = (int64_t)TL_SLEW_SPAN_MS * TL_NS_PER_MS;
    next.before = next.from_ns - last->from_ns < span_ns ? last->after : 0; /* an old piece that ended is level */
    /* So steep that the wall clock is reached at the piece's end, and never steeper than allowed. A slew a second comes near it in some seconds and never overshoots. */
    int64_t off_ns = wall_offset_ns - next.offset_ns, most_ns = span_ns / 1000000 * TL_SLEW_PPM;
    if (off_ns > most_ns) off_ns = most_ns;
    if (off_ns < -most_ns) off_ns = -most_ns;
    next.after = off_ns * ((int64_t)1 << 32) / span_ns;
    publish(clock, &next);
}

void tl_runtime_clock_start(tl_runtime_clock *clock, int64_t not_before_ns) {
    int64_t monotonic_ns = read_ns(CLOCK_MONOTONIC);
    tl_runtime_clock_start_at(clock, not_before_ns, monotonic_ns, read_ns(CLOCK_REALTIME), read_ns(CLOCK_BOOTTIME));
}

void tl_runtime_clock_slew(tl_runtime_clock *clock) {
    int64_t monotonic_ns = read_ns(CLOCK_MONOTONIC);
    tl_runtime_clock_slew_at(clock, monotonic_ns, read_ns(CLOCK_REALTIME), read_ns(CLOCK_BOOTTIME));
}
