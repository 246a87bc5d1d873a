#include "sched/watchdog.h"
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

enum { LOADING_LOOKS = 16 };
static const int64_t loading_ns = 5LL * TL_NS_PER_S;

/* -1 when it is gone. */
static int64_t cpu_time_ns(const tl_watch *watch) {
    struct timespec used;
    if (clock_gettime(watch->cpu_clock, &used) != 0) return -1;
    return (int64_t)used.tv_sec * TL_NS_PER_S + used.tv_nsec;
}

void tl_watch_begin(tl_watch *watch, int32_t pid, uint32_t epoch, int64_t hard_ns) {
    clockid_t clock;
    *watch = (tl_watch){.pid = pid, .epoch = epoch, .hard_ns = hard_ns, .in_hand_cpu = -1};
    if (clock_getcpuclockid(pid, &clock) != 0)
        watch->hard_ns = 0; /* dead already */
    else
        watch->cpu_clock = clock;
    watch->begun_cpu = watch->hard_ns != 0 ? cpu_time_ns(watch) : 0;
}

static void write_duration(char *text, size_t bytes, int64_t ns) {
    if (ns % TL_NS_PER_S == 0)
        snprintf(text, bytes, "%lld s", (long long)(ns / TL_NS_PER_S));
    else if (ns % TL_NS_PER_MS == 0)
        snprintf(text, bytes, "%lld ms", (long long)(ns / TL_NS_PER_MS));
    else
        snprintf(text, bytes, "%.3f ms", (double)ns / TL_NS_PER_MS);
}

static bool loads_too_long(tl_watch *watch) {
    if (watch->looks++ % LOADING_LOOKS != 0 || cpu_time_ns(watch) - watch->begun_cpu <= loading_ns) return false;
    snprintf(watch->why, sizeof watch->why, "over 5 s of CPU time while loading");
    return true;
}

static bool in_hand_too_long(tl_watch *watch, const tl_worker_page *page) {
    uint64_t in_hand = __atomic_load_n(&page->in_hand, __ATOMIC_ACQUIRE); /* `patient` was stored before it */
    if (in_hand == 0 || in_hand != watch->in_hand) {
        watch->in_hand = in_hand;
        watch->in_hand_cpu = -1;
        return false;
    }
    int64_t used_ns = cpu_time_ns(watch);
    if (used_ns < 0) return false;
    if (watch->in_hand_cpu < 0) watch->in_hand_cpu = used_ns;
    bool patient = __atomic_load_n(&page->patient, __ATOMIC_RELAXED) == in_hand;
    int64_t limit_ns = patient ? loading_ns : watch->hard_ns;
    if (used_ns - watch->in_hand_cpu <= limit_ns) return false;
    char limit[32];
    write_duration(limit, sizeof limit, limit_ns);
    snprintf(watch->why, sizeof watch->why, "over its hard budget of %s in event %llu", limit, (unsigned long long)in_hand);
    return true;
}

bool tl_watch_look(tl_watch *watch, const tl_worker_page *page) {
    if (watch->hard_ns == 0 || watch->why[0] != 0) return false;
    uint32_t state = __atomic_load_n(&page->state, __ATOMIC_ACQUIRE);
    /* A predecessor's page, until the new process has come as far as to write it. */
    bool begun = __atomic_load_n(&page->epoch, __ATOMIC_RELAXED) == watch->epoch;
    if (!begun || state <= TL_WORKER_LOADING) return loads_too_long(watch);
    return in_hand_too_long(watch, page);
}
