/* The market as of now, from the latches: at a start, after a gap, when something is subscribed to. What is read enters the log as records that bring the view from what it is to that. */
#include <stdlib.h>

#include "script/live_inside.h"

void live_resync_ask(tl_live *live, uint32_t instrument, uint32_t why, uint64_t lost) {
    for (uint32_t i = 0; i < live->resync_count; i++)
        if (live->resyncs[i].instrument == instrument) {
            if (why > live->resyncs[i].why) live->resyncs[i].why = why;
            live->resyncs[i].lost += lost;
            return;
        }
    if (live->resync_count == live->resync_capacity) {
        uint32_t grown = live->resync_capacity ? live->resync_capacity * 2 : 64;
        live_resync *wider = realloc(live->resyncs, grown * sizeof *wider);
        if (!wider) return;
        live->resyncs = wider;
        live->resync_capacity = grown;
    }
    live->resyncs[live->resync_count++] = (live_resync){.instrument = instrument, .why = why, .lost = lost};
}

void live_resync_all(tl_live *live, uint32_t why, uint64_t lost) {
    for (uint32_t i = 0; i < live->instrument_count; i++)
        if (live->wanted[i]) live_resync_ask(live, i, why, lost);
}

/* ---- records ---- */

static void tell(tl_live *live, const tl_feed_market *m, uint32_t instrument, uint8_t kind, bool silent, int64_t a,
                 int64_t b, int64_t c, int64_t d) {
    tl_event event = {
        .ts_ns = m->ts_ns ? m->ts_ns : live->now_ns, .instrument = instrument, .kind = kind, .w = {a, b, c, d}};
    tl_event *slot = tl_input_log_put_one(live->log, &event);
    if (!slot) return;
    slot->ts_recv_ns = live->now_ns;
    slot->source = silent ? TL_SOURCE_RESYNC : TL_SOURCE_MARKET;
}

static const tl_feed_level *level_at(const tl_feed_market *m, int side, int64_t price) {
    const tl_feed_level *levels = m->levels + (side ? TL_FEED_LATCH_LEVELS : 0);
    for (uint32_t i = 0; i < m->level_count[side]; i++)
        if (levels[i].price == price) return &levels[i];
    return NULL;
}

/* Levels that are gone, then those that are there. */
static void tell_levels(tl_live *live, const tl_feed_market *m, uint32_t instrument) {
    const tl_view_instrument *seen = tl_view_at(live->view, instrument);
    for (int side = 0; side < 2; side++) {
        int64_t word = side ? TL_SIDE_SELL : TL_SIDE_BUY;
        const tl_view_side *known = &seen->sides[side];
        for (uint32_t i = 0; i < known->count; i++)
            if (!level_at(m, side, known->levels[i].price))
                tell(live, m, instrument, TL_EVENT_LEVEL, true, known->levels[i].price, 0, 0, word);
        const tl_feed_level *levels = m->levels + (side ? TL_FEED_LATCH_LEVELS : 0);
        for (uint32_t i = 0; i < m->level_count[side]; i++)
            tell(live, m, instrument, TL_EVENT_LEVEL, true, levels[i].price, levels[i].size, levels[i].count, word);
    }
}

static void tell_market(tl_live *live, const tl_feed_market *m, const live_resync *r) {
    uint32_t id = r->instrument;
    const tl_view_instrument *seen = tl_view_at(live->view, id);
    bool told = r->why != RESYNC_START;
    tell_levels(live, m, id);
    if (m->last_price != TL_ABSENT) tell(live, m, id, TL_EVENT_TRADE, true, m->last_price, m->last_size, 0, 0);
    tell(live, m, id, TL_EVENT_QUOTE, true, m->bid, m->ask, m->bid_size, m->ask_size);
    if (m->mark != TL_ABSENT) tell(live, m, id, TL_EVENT_MARK, true, m->mark, m->index, 0, 0);
    if (m->state != seen->state) tell(live, m, id, TL_EVENT_STATUS, !told, m->state, 0, 0, 0);
    if (m->stale != seen->stale) tell(live, m, id, TL_EVENT_FEED, !told, !m->stale, 0, 0, 0);
    if (r->why == RESYNC_GAP) tell(live, m, id, TL_EVENT_GAP, false, (int64_t)r->lost, 0, 0, 0);
    if (!told) return;
    tell(live, m, id, TL_EVENT_QUOTE, false, m->bid, m->ask, m->bid_size, m->ask_size);
    tell(live, m, id, TL_EVENT_BOOK, false, 0, 0, 0, 0);
}

static bool read_latch(const tl_live *live, uint32_t instrument, tl_feed_market *m) {
    return tl_feed_latch_read(live->latches, instrument, m) && m->position > 0;
}

bool live_resync_next(tl_live *live) {
    /* Latches that are behind what was read of the ring would lack what was not wanted then. They follow when the feed rests, or within 1024 slots. */
    if (__atomic_load_n(&live->feed.head->latched, __ATOMIC_ACQUIRE) < live->feed.position) return false;
    live_resync r = live->resyncs[0];
    tl_feed_market market;
    live->resync_count--;
    for (uint32_t i = 0; i < live->resync_count; i++)
        live->resyncs[i] = live->resyncs[i + 1];
    live->wanted[r.instrument] = 1;
    if (r.why == RESYNC_GAP) tl_counter_add(live->counters.gaps, 1);
    if (read_latch(live, r.instrument, &market)) {
        live->skip_until[r.instrument] = market.position;
        if (market.position > live->skip_most) live->skip_most = market.position;
        tell_market(live, &market, &r);
    } else if (r.why == RESYNC_GAP) {
        market.ts_ns = 0;
        tell(live, &market, r.instrument, TL_EVENT_GAP, false, (int64_t)r.lost, 0, 0, 0);
    }
    return true;
}
