#include "sched/respawn.h"
#include "base/clock.h"

static const int64_t longest_ns = 5LL * TL_NS_PER_S, quiet_ns = 60LL * TL_NS_PER_S;

int64_t tl_respawn_after_death(tl_respawn *r, int64_t now_ns) {
    if (r->count > 0 && now_ns - r->at_ns[(r->count - 1) % TL_RESPAWN_DEATHS] > quiet_ns) r->row = 0;
    r->at_ns[r->count++ % TL_RESPAWN_DEATHS] = now_ns;
    uint32_t limit = r->limit < TL_RESPAWN_DEATHS ? r->limit : TL_RESPAWN_DEATHS;
    if (limit > 0 && r->count >= limit && now_ns - r->at_ns[(r->count - limit) % TL_RESPAWN_DEATHS] <= r->window_ns)
        return -1;
    if (r->row++ == 0) return 0;
    int64_t delay_ns = TL_RESPAWN_FIRST_NS;
    for (uint32_t i = 2; i < r->row && delay_ns < longest_ns; i++)
        delay_ns *= 2;
    return delay_ns < longest_ns ? delay_ns : longest_ns;
}
