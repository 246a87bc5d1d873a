#include "exchange/fill_models.h"

#include <stdlib.h>

#include "exchange/bar_fill.h"
#include "exchange/quote_fill.h"
#include "order/ticks.h"

enum { MAX_INSTRUMENTS = 1 << 20, MAX_OPEN = 1 << 22 };

tl_status tl_fill_models_init(tl_fill_models *m, tl_venue *venue, const tl_calendars *calendars,
                              const tl_simulator_config *config) {
    *m = (tl_fill_models){.venue = venue, .calendars = calendars, .config = *config};
    tl_status status = tl_expiry_init(&m->expiry, MAX_OPEN);
    if (status == TL_OK) status = tl_vmem_reserve(&m->memory[0], (size_t)MAX_INSTRUMENTS * sizeof *m->bars);
    if (status == TL_OK) status = tl_vmem_reserve(&m->memory[1], (size_t)MAX_INSTRUMENTS * sizeof *m->quotes);
    m->bars = m->memory[0].base;
    m->quotes = m->memory[1].base;
    return status;
}

void tl_fill_models_close(tl_fill_models *m) {
    if (m->venue == NULL) return;
    for (uint32_t i = 0; m->quotes != NULL && i < m->venue->prepared; i++)
        for (int side = 0; side < 2; side++)
            tl_ladder_close(&m->quotes[i].sides[side]);
    tl_expiry_close(&m->expiry);
    tl_vmem_release(&m->memory[0]);
    tl_vmem_release(&m->memory[1]);
}

/* ---- life ---- */

/* An order that rests in displayed levels changes what they hold. */
static void touch(tl_fill_models *m, const tl_own_order *order) {
    if (order->rest_price != TL_ABSENT) tl_venue_touch_level(m->venue, order->side, order->rest_price, 0, 0);
}

void tl_model_end(tl_fill_models *m, uint32_t handle, int kind, int reason) {
    touch(m, tl_own_orders_at(m->venue->own, handle));
    tl_expiry_remove(&m->expiry, handle);
    tl_venue_end(m->venue, handle, kind, reason);
}

/* What an order's position leaves it to reduce. */
static int64_t reducible(const tl_fill_models *m, const tl_own_order *order) {
    int64_t position = tl_engine_position(m->venue->engine, order->owner, order->instrument);
    int64_t left = order->side == TL_SIDE_BUY ? -position : position;
    return left > 0 ? left : 0;
}

bool tl_model_reduce(tl_fill_models *m, uint32_t handle) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (!(order->flags & TL_FLAG_REDUCE_ONLY)) return false;
    int64_t most = reducible(m, order);
    if (most == 0) {
        tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_REDUCE_ONLY);
        return true;
    }
    if (most < tl_model_open_quantity(order)) {
        touch(m, order);
        order->quantity = order->filled + most;
        tl_venue_report(m->venue, order, TL_REPORT_RESTATED, TL_REASON_REDUCE_ONLY);
    }
    return false;
}

bool tl_model_fill(tl_fill_models *m, uint32_t handle, int64_t price, int64_t quantity, int liquidity) {
    if (tl_model_reduce(m, handle)) return true;
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    int64_t open = tl_model_open_quantity(order);
    if (quantity > open) quantity = open;
    if (quantity <= 0) return false;
    touch(m, order);
    if (quantity == open) tl_expiry_remove(&m->expiry, handle);
    return tl_venue_fill(m->venue, handle, price, quantity, liquidity);
}

void tl_model_trigger(tl_fill_models *m, uint32_t handle) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    order->stage = TL_OWN_WORKING;
    order->type = order->type == TL_TYPE_STOP_LIMIT ? TL_TYPE_LIMIT : TL_TYPE_MARKET;
    tl_venue_report(m->venue, order, TL_REPORT_TRIGGERED, TL_REASON_NONE);
}

void tl_model_trail(tl_fill_models *m, tl_own_order *order, int64_t price) {
    bool buys = order->side == TL_SIDE_BUY;
    if (order->water != TL_ABSENT && (buys ? price >= order->water : price <= order->water)) return;
    order->water = price;
    const tl_instrument *instrument = tl_instruments_at(m->venue->instruments, order->instrument);
    tl_int128 stop = tl_ticks_trailing_stop(instrument, order->side, price, order->offset, order->flags);
    if (stop < 1 || stop > INT64_MAX) return;
    if (order->stop_price == TL_ABSENT || (buys ? stop < order->stop_price : stop > order->stop_price))
        order->stop_price = (int64_t)stop;
}

/* When a day order of an instrument that comes now ends. */
static int64_t end_of_day(const tl_fill_models *m, uint32_t instrument) {
    uint32_t calendar = tl_instruments_at(m->venue->instruments, instrument)->calendar;
    int64_t now_ns = m->venue->now_ns;
    tl_session session;
    bool inside;
    if (!tl_calendars_session_at(m->calendars, calendar, now_ns, &session, &inside)) return INT64_MAX;
    if (now_ns < session.close_ns) return session.close_ns;
    return tl_calendars_next(m->calendars, calendar, now_ns, &session) ? session.close_ns : INT64_MAX;
}

static int model_of(const tl_fill_models *m, uint32_t instrument) {
    int model = m->venue->of[instrument].model;
    return model != TL_FILL_NONE ? model : m->finest;
}

/* The order meets the market as it is. */
static void arrive(tl_fill_models *m, uint32_t handle) {
    const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (model_of(m, order->instrument) == TL_FILL_BARS)
        tl_bar_fill_arrive(m, handle);
    else
        tl_quote_fill_arrive(m, handle);
}

/* Where a post-only order goes: its own price, a slid one, TL_ABSENT when it must be refused. */
static int64_t passive_price(const tl_fill_models *m, const tl_own_order *order) {
    bool bars = model_of(m, order->instrument) == TL_FILL_BARS;
    int64_t market = bars ? tl_bar_fill_price(m, order) : tl_quote_fill_price(m, order);
    if (market == TL_ABSENT || !tl_model_reaches(order, market)) return order->price;
    if (!(order->flags & TL_FLAG_POST_SLIDE)) return TL_ABSENT;
    int64_t tick = tl_instruments_at(m->venue->instruments, order->instrument)->tick;
    int64_t slid = order->side == TL_SIDE_BUY ? market - tick : market + tick;
    return slid > 0 ? slid : TL_ABSENT;
}

void tl_fill_models_new(tl_fill_models *m, const tl_command *c) {
    tl_venue *v = m->venue;
    tl_own_order one = {.id = c->order_id};
    tl_own_order_from(&one, c, v->now_ns);
    bool crosses = c->time_in_force == TL_TIF_AT_OPEN || c->time_in_force == TL_TIF_AT_CLOSE;
    tl_engine_order checked = tl_own_order_for_engine(&one);
    if (crosses) checked.time_in_force = TL_TIF_DAY;
    int reason = tl_engine_check(v->engine, &checked);
    if (reason == TL_REASON_NONE && crosses &&
        ((c->type != TL_TYPE_LIMIT && c->type != TL_TYPE_MARKET) ||
         (c->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE | TL_FLAG_REDUCE_ONLY)) != 0))
        reason = TL_REASON_UNSUPPORTED;
    if (reason == TL_REASON_NONE && (c->flags & TL_FLAG_REDUCE_ONLY) && reducible(m, &one) == 0)
        reason = TL_REASON_REDUCE_ONLY;
    if (reason == TL_REASON_NONE && (c->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE)) &&
        (one.price = passive_price(m, &one)) == TL_ABSENT)
        reason = TL_REASON_POST_ONLY;
    uint32_t handle = reason == TL_REASON_NONE ? tl_own_orders_add(v->own, &v->of[c->instrument].own, c->order_id) : 0;
    if (handle == 0) {
        tl_venue_refuse(v, c, TL_REPORT_REJECTED, reason != TL_REASON_NONE ? reason : TL_REASON_TOO_MANY_ORDERS);
        return;
    }
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    tl_own_order_from(order, c, v->now_ns);
    order->price = one.price;
    bool stops = c->type == TL_TYPE_STOP || c->type == TL_TYPE_STOP_LIMIT || c->type == TL_TYPE_TRAILING_STOP;
    order->stage = crosses ? TL_OWN_AUCTION : stops ? TL_OWN_STOP : TL_OWN_WORKING;
    m->arrivals++;
    int64_t expire_ns = c->time_in_force == TL_TIF_DAY ? end_of_day(m, c->instrument) : order->expire_ns;
    if (expire_ns != 0 && expire_ns != INT64_MAX) tl_expiry_add(&m->expiry, handle, expire_ns, m->arrivals);
    uint32_t accepted = v->report_count;
    tl_venue_report(v, order, TL_REPORT_ACCEPTED, TL_REASON_NONE);
    if (crosses) return;
    arrive(m, handle);
    /* The place in the queue is known only now that it rests. */
    if (accepted < v->report_count && tl_own_orders_find(v->own, c->order_id) == handle)
        v->reports[accepted].queue_ahead = order->ahead;
}

void tl_fill_models_cancel(tl_fill_models *m, uint32_t handle) {
    tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
}

static int reason_against_replace(const tl_fill_models *m, const tl_own_order *order, int64_t price, int64_t quantity) {
    const tl_instrument *instrument = tl_instruments_at(m->venue->instruments, order->instrument);
    if (quantity <= 0 || quantity % instrument->lot != 0) return TL_REASON_BAD_QUANTITY;
    if (price == TL_ABSENT) return TL_REASON_NONE;
    if (price <= 0 || order->type == TL_TYPE_MARKET || order->type == TL_TYPE_TRAILING_STOP) return TL_REASON_BAD_PRICE;
    return price % instrument->tick != 0 ? TL_REASON_OFF_TICK : TL_REASON_NONE;
}

void tl_fill_models_replace(tl_fill_models *m, uint32_t handle, const tl_command *c) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    int64_t quantity = c->quantity == TL_ABSENT ? order->quantity : c->quantity;
    int reason = reason_against_replace(m, order, c->price, quantity);
    if (reason == TL_REASON_NONE && quantity <= order->filled) {
        tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
        return;
    }
    bool waits = order->stage == TL_OWN_STOP;
    int64_t before = waits && order->type == TL_TYPE_STOP ? order->stop_price : order->price;
    int64_t price = c->price == TL_ABSENT ? before : c->price;
    if (reason == TL_REASON_NONE && !waits && (order->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE)) && price != before) {
        tl_own_order moved = *order;
        moved.price = price;
        price = passive_price(m, &moved);
        if (price == TL_ABSENT) reason = TL_REASON_POST_ONLY;
    }
    if (reason != TL_REASON_NONE) {
        tl_venue_refuse(m->venue, c, TL_REPORT_REPLACE_REJECTED, reason);
        return;
    }
    bool keeps_place = price == before && quantity <= order->quantity;
    touch(m, order);
    order->quantity = quantity;
    if (waits && order->type == TL_TYPE_STOP)
        order->stop_price = price;
    else
        order->price = price;
    tl_report *report = tl_venue_report(m->venue, order, TL_REPORT_REPLACED, TL_REASON_NONE);
    if (keeps_place || order->stage == TL_OWN_AUCTION) return;
    order->arrived_ns = m->venue->now_ns;
    order->ahead = order->rest_price = TL_ABSENT;
    order->takes = 0;
    uint64_t id = order->id;
    arrive(m, handle);
    if (tl_own_orders_find(m->venue->own, id) == handle) report->queue_ahead = order->ahead;
}

int64_t tl_fill_models_next_expiry_ns(const tl_fill_models *m) {
    return tl_expiry_first(&m->expiry, NULL);
}

void tl_fill_models_expire(tl_fill_models *m, int64_t now_ns) {
    for (uint32_t handle = 0; m->expiry.count > 0 && tl_expiry_first(&m->expiry, &handle) <= now_ns;) {
        const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        uint32_t instrument = order->instrument;
        bool day = order->time_in_force == TL_TIF_DAY;
        tl_model_end(m, handle, TL_REPORT_EXPIRED, day ? TL_REASON_END_OF_DAY : TL_REASON_EXPIRE_TIME);
        if (model_of(m, instrument) != TL_FILL_BARS) tl_quote_fill_flush(m, instrument);
    }
}

/* ---- sessions ---- */

void tl_model_auction(tl_fill_models *m, uint32_t instrument, int time_in_force, const int64_t by_side[2], int64_t *room) {
    tl_own_list *own = &m->venue->of[instrument].own;
    uint64_t pass = ++m->pass;
    for (uint32_t handle = own->first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        if (order->stage != TL_OWN_AUCTION || order->time_in_force != time_in_force || order->pass == pass) {
            handle = order->next;
            continue;
        }
        order->pass = pass;
        int64_t price = by_side[order->side == TL_SIDE_SELL];
        int64_t open = tl_model_open_quantity(order), quantity = open < *room ? open : *room;
        bool ended = false;
        if (price != TL_ABSENT && quantity > 0 && tl_model_reaches(order, price)) {
            if (*room != INT64_MAX) *room -= quantity;
            ended = tl_model_fill(m, handle, price, quantity, TL_LIQUIDITY_AUCTION);
        }
        if (!ended) tl_model_end(m, handle, TL_REPORT_EXPIRED, TL_REASON_NO_LIQUIDITY);
        handle = own->first; /* what was behind may have ended with it */
    }
}

void tl_fill_models_open(tl_fill_models *m, uint32_t instrument) {
    if (model_of(m, instrument) != TL_FILL_BARS) m->quotes[instrument].opening = 1;
}

void tl_fill_models_close_session(tl_fill_models *m, uint32_t instrument) {
    if (m->venue->of[instrument].own.count == 0) return;
    if (model_of(m, instrument) == TL_FILL_BARS)
        tl_bar_fill_close(m, instrument);
    else
        tl_quote_fill_close(m, instrument);
}
