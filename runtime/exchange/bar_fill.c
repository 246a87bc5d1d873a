#include "exchange/bar_fill.h"

enum { OPEN = 0, CLOSE = TL_BAR_STAGES - 1 };

/* As the matching engine has it: sums of two stay in range. */
#define LARGEST_PRICE ((int64_t)1 << 61)

static int64_t distance(int64_t a, int64_t b) {
    return a > b ? a - b : b - a;
}

static bool high_first(int path, const int64_t w[4], int side) {
    switch (path) {
    case TL_BAR_PATH_HIGH_FIRST:
        return true;
    case TL_BAR_PATH_LOW_FIRST:
        return false;
    case TL_BAR_PATH_WORST:
        return side == TL_SIDE_BUY;
    default: {
        int64_t up = w[1] - w[0], down = w[0] - w[2];
        return up != down ? up < down : w[3] < w[0];
    }
    }
}

static void begin_bar(tl_fill_models *m, const tl_event *bar, const tl_event_tail *tail) {
    tl_bar_market *market = &m->bars[bar->instrument];
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++) {
        bool high = high_first(m->config.bar_path, bar->w, side);
        int64_t *path = market->path[side - 1];
        path[0] = bar->w[0];
        path[1] = high ? bar->w[1] : bar->w[2];
        path[2] = high ? bar->w[2] : bar->w[1];
        path[3] = bar->w[3];
    }
    market->room = INT64_MAX;
    if (m->config.bar_volume_e8 > 0 && tail->w[0] != TL_ABSENT) {
        const tl_instrument *instrument = tl_instruments_at(m->venue->instruments, bar->instrument);
        tl_int128 room = (tl_int128)tail->w[0] * m->config.bar_volume_e8 / 100000000;
        market->room = (int64_t)(room - room % instrument->lot);
    }
    market->inside = 1;
}

static int64_t slipped(const tl_fill_models *m, const tl_own_order *order, int64_t price) {
    int64_t tick = tl_instruments_at(m->venue->instruments, order->instrument)->tick;
    tl_int128 by = (tl_int128)m->config.slippage_ticks * tick;
    tl_int128 worse = order->side == TL_SIDE_BUY ? price + by : price - by;
    return worse < tick ? tick : worse > LARGEST_PRICE ? LARGEST_PRICE : (int64_t)worse;
}

/* Trades what there is room for. An order that must be done at once ends with what is left. True when it ended. */
static bool fill(tl_fill_models *m, uint32_t handle, int64_t price, int liquidity) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    tl_bar_market *market = &m->bars[order->instrument];
    int64_t open = tl_model_open_quantity(order), quantity = open < market->room ? open : market->room;
    bool at_once = tl_model_at_once(order);
    if (order->time_in_force == TL_TIF_FOK && quantity < open) {
        tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_FOK);
        return true;
    }
    if (quantity > 0) {
        int64_t before = order->filled;
        bool ended = tl_model_fill(m, handle, price, quantity, liquidity);
        /* The slot of an order that ended is still readable until the next one comes. */
        if (market->room != INT64_MAX) market->room -= order->filled - before;
        if (ended) return true;
    }
    if (!at_once) return false;
    tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_IOC);
    return true;
}

static void fill_market(tl_fill_models *m, uint32_t handle, int64_t price) {
    fill(m, handle, slipped(m, tl_own_orders_at(m->venue->own, handle), price), TL_LIQUIDITY_TAKER);
}

static void trigger_at(tl_fill_models *m, uint32_t handle, int64_t price) {
    tl_model_trigger(m, handle);
    const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (order->price == TL_ABSENT)
        fill_market(m, handle, price);
    else if (tl_model_reaches(order, price))
        fill(m, handle, price, TL_LIQUIDITY_TAKER);
    else if (tl_model_at_once(order))
        tl_model_end(m, handle, TL_REPORT_CANCELED, order->time_in_force == TL_TIF_FOK ? TL_REASON_FOK : TL_REASON_IOC);
}

/* An order that waited meets the open. */
static void meet_open(tl_fill_models *m, uint32_t handle, int64_t open) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (order->stage == TL_OWN_STOP) {
        if (tl_model_triggers(order, open))
            trigger_at(m, handle, open);
        else if (order->type == TL_TYPE_TRAILING_STOP)
            tl_model_trail(m, order, open);
    } else if (order->price == TL_ABSENT) {
        fill_market(m, handle, open);
    } else if (tl_model_reaches(order, open)) {
        bool better = open != order->price && !(order->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE));
        fill(m, handle, better ? open : order->price, better ? TL_LIQUIDITY_TAKER : TL_LIQUIDITY_MAKER);
    } else if (tl_model_at_once(order)) {
        tl_model_end(m, handle, TL_REPORT_CANCELED, order->time_in_force == TL_TIF_FOK ? TL_REASON_FOK : TL_REASON_IOC);
    }
}

/* The price at which an order is met on the way from `at` to `to`, TL_ABSENT when it is not. */
static int64_t met_between(const tl_own_order *order, int64_t at, int64_t to) {
    bool buys = order->side == TL_SIDE_BUY;
    if (order->stage == TL_OWN_STOP) {
        if (tl_model_triggers(order, at)) return at;
        return tl_model_triggers(order, to) ? order->stop_price : TL_ABSENT;
    }
    if (order->stage != TL_OWN_WORKING || order->price == TL_ABSENT)
        return TL_ABSENT; /* a market order's rest waits for an open */
    if (buys ? at <= order->price : at >= order->price) return at;
    return tl_model_reaches(order, to) ? order->price : TL_ABSENT;
}

static void meet_on_the_way(tl_fill_models *m, uint32_t handle, int64_t price) {
    const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (order->stage == TL_OWN_STOP)
        trigger_at(m, handle, price);
    else
        fill(m, handle, order->price, TL_LIQUIDITY_MAKER);
}

static void trail_all(tl_fill_models *m, uint32_t instrument, int stage) {
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        handle = order->next;
        if (order->stage == TL_OWN_STOP && order->type == TL_TYPE_TRAILING_STOP)
            tl_model_trail(m, order, m->bars[instrument].path[order->side - 1][stage]);
    }
}

/* From one point to the next, in the order in which prices are reached, among equals in the order of arrival. */
static void travel(tl_fill_models *m, uint32_t instrument, int stage) {
    const tl_bar_market *market = &m->bars[instrument];
    uint64_t pass = ++m->pass;
    int64_t at[2] = {market->path[0][stage - 1], market->path[1][stage - 1]};
    for (;;) {
        uint32_t nearest = 0;
        int64_t nearest_price = 0, nearest_by = INT64_MAX;
        for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
            const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
            int way = order->side - 1;
            int64_t price = order->pass == pass ? TL_ABSENT : met_between(order, at[way], market->path[way][stage]);
            if (price != TL_ABSENT && distance(at[way], price) < nearest_by) {
                nearest = handle;
                nearest_price = price;
                nearest_by = distance(at[way], price);
            }
            handle = order->next;
        }
        if (nearest == 0) break;
        tl_own_order *order = tl_own_orders_at(m->venue->own, nearest);
        order->pass = pass;
        at[order->side - 1] = nearest_price;
        meet_on_the_way(m, nearest, nearest_price);
    }
    trail_all(m, instrument, stage);
}

/* In the order of arrival; what a fill ends elsewhere in the list is of no harm: the walk begins again. */
static void open_all(tl_fill_models *m, uint32_t instrument, int64_t open) {
    uint64_t pass = ++m->pass;
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        if (order->pass == pass || order->stage == TL_OWN_AUCTION || order->stage == TL_OWN_IN_ENGINE) {
            handle = order->next;
            continue;
        }
        order->pass = pass;
        uint32_t next = order->next;
        uint64_t reports = m->venue->report_count;
        meet_open(m, handle, open);
        handle = m->venue->report_count == reports ? next : m->venue->of[instrument].own.first;
    }
}

/* At-open orders trade at the first open in a session's regular hours. */
static void open_session(tl_fill_models *m, const tl_event *bar, const tl_event_tail *tail) {
    tl_bar_market *market = &m->bars[bar->instrument];
    if (tail->w[3] < market->session_close_ns) return;
    tl_session session;
    bool inside;
    uint32_t calendar = tl_instruments_at(m->venue->instruments, bar->instrument)->calendar;
    if (!tl_calendars_session_at(m->calendars, calendar, tail->w[3], &session, &inside) || !inside) return;
    if (session.close_ns == market->session_close_ns || bar->ts_ns <= session.open_ns || tail->w[3] >= session.close_ns)
        return;
    market->session_close_ns = session.close_ns;
    const int64_t price[2] = {bar->w[0], bar->w[0]};
    tl_model_auction(m, bar->instrument, TL_TIF_AT_OPEN, price, &market->room);
}

void tl_bar_fill_pass(tl_fill_models *m, const tl_event *bar, const tl_event_tail *tail, int stage) {
    tl_venue *v = m->venue;
    tl_venue_instrument *of = &v->of[bar->instrument];
    tl_bar_market *market = &m->bars[bar->instrument];
    market->stage = (uint8_t)stage;
    if (stage == OPEN) {
        begin_bar(m, bar, tail);
        open_session(m, bar, tail);
    }
    if (of->own.count > 0) {
        if (stage == OPEN)
            open_all(m, bar->instrument, bar->w[0]);
        else
            travel(m, bar->instrument, stage);
    }
    if (stage != CLOSE) return;
    market->inside = 0;
    of->last_price = bar->w[3];
}

void tl_bar_fill_tell(tl_fill_models *m, const tl_event *bar, const tl_event_tail *tail) {
    tl_venue *v = m->venue;
    if (v->quiet || !(v->of[bar->instrument].want & TL_WANT_BARS)) return;
    tl_event *event = tl_venue_event(v, TL_EVENT_BAR, bar->instrument);
    event->ts_ns = bar->ts_ns;
    event->source = TL_SOURCE_BAR;
    for (int i = 0; i < 4; i++)
        event->w[i] = bar->w[i];
    *(tl_event_tail *)(event + 1) = *tail;
}

int64_t tl_bar_fill_price(const tl_fill_models *m, const tl_own_order *order) {
    const tl_bar_market *market = &m->bars[order->instrument];
    return market->inside ? market->path[order->side == TL_SIDE_SELL][market->stage] : TL_ABSENT;
}

void tl_bar_fill_arrive(tl_fill_models *m, uint32_t handle) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    int64_t price = tl_bar_fill_price(m, order);
    if (price == TL_ABSENT) {
        int64_t last = m->venue->of[order->instrument].last_price;
        if (order->type == TL_TYPE_TRAILING_STOP && last != TL_ABSENT) tl_model_trail(m, order, last);
        return;
    }
    meet_open(m, handle, price);
}

void tl_bar_fill_close(tl_fill_models *m, uint32_t instrument) {
    tl_bar_market *market = &m->bars[instrument];
    bool traded = market->session_close_ns == m->venue->now_ns; /* a bar of this session was seen */
    int64_t last = traded ? m->venue->of[instrument].last_price : TL_ABSENT;
    const int64_t price[2] = {last, last};
    int64_t *room = &market->room;
    if (!traded) *room = 0;
    tl_model_auction(m, instrument, TL_TIF_AT_CLOSE, price, room);
}
