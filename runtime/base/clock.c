#include "base/clock.h"

#include <time.h>

static int64_t read_clock_ns(clockid_t id) {
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * TL_NS_PER_S + now.tv_nsec;
}

int64_t tl_clock_monotonic_ns(void) {
    return read_clock_ns(CLOCK_MONOTONIC);
}

int64_t tl_clock_process_cpu_ns(void) {
    return read_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t tl_clock_tsc(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t ticks;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
#else
    return (uint64_t)tl_clock_monotonic_ns();
#endif
}

double tl_clock_ns_per_tsc(void) {
    static _Thread_local double ns_per_tick;
    if (ns_per_tick == 0) {
        int64_t begin_ns = tl_clock_monotonic_ns(), end_ns;
        uint64_t begin = tl_clock_tsc(), end;
        do {
            end_ns = tl_clock_monotonic_ns();
            end = tl_clock_tsc();
        } while (end_ns - begin_ns < 2 * TL_NS_PER_MS);
        ns_per_tick = (double)(end_ns - begin_ns) / (double)(end - begin);
    }
    return ns_per_tick;
}
