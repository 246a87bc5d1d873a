#include "sched/idle.h"

#include <sched.h>

static void pause_briefly(void) {
#if defined(__x86_64__)
    for (int i = 0; i < 8; i++)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

void tl_idle_reset(tl_idle *idle) {
    idle->empty = 0;
}

int tl_idle_next(tl_idle *idle, int64_t now_ns) {
    if (idle->policy == TL_IDLE_BLOCK) return TL_IDLE_SLEEP;
    if (idle->policy == TL_IDLE_SPIN) return TL_IDLE_ON;
    if (idle->empty++ == 0) idle->since_ns = now_ns;
    if (idle->empty <= TL_IDLE_SPINS) return TL_IDLE_ON;
    if (now_ns - idle->since_ns >= TL_IDLE_AWAKE_NS) return TL_IDLE_SLEEP;
    if (idle->empty <= TL_IDLE_SPINS + TL_IDLE_PAUSES) {
        pause_briefly();
        return TL_IDLE_ON;
    }
    sched_yield();
    return TL_IDLE_YIELDED;
}
