/* Stops wait in order-by-order books of their own: `price` is the stop price, an instrument has one for each thing that a stop may
 * look at. A stop to buy stands on the sell side and a stop to sell on the buy side, so that the best of a side is always the one
 * that triggers first.
 */
#include "exchange/engine_state.h"
#include "order/ticks.h"

/* Stop prices that no price reaches: of a trailing stop that has seen none yet. */
#define NEVER_BUY  INT64_MAX
#define NEVER_SELL (INT64_MIN + 1)

static inline int trigger_of(const engine_order *order) {
    return (order->flags & TL_FLAG_TRIGGER_QUOTE)  ? TRIGGER_QUOTE
           : (order->flags & TL_FLAG_TRIGGER_MARK) ? TRIGGER_MARK
                                                   : TRIGGER_LAST;
}

static inline bool reached(const engine_order *order, int64_t price) {
    return order->side == TL_SIDE_BUY ? price >= order->stop_price : price <= order->stop_price;
}

/* The stop price of a trailing stop whose best price is `water`, within what prices can be. */
static int64_t trail(const tl_engine *engine, const engine_order *order, int64_t water) {
    const tl_instrument *instrument = tl_instruments_at(engine->instruments, order->instrument);
    tl_int128 stop = tl_ticks_trailing_stop(instrument, order->side, water, order->offset, order->flags);
    if (stop >= NEVER_BUY) return NEVER_BUY;
    return stop < 1 ? NEVER_SELL : (int64_t)stop;
}

static void queue_triggered(tl_engine *engine, uint32_t at) {
    engine->orders[at].next = 0;
    if (engine->triggered_last != 0)
        engine->orders[engine->triggered_last].next = at;
    else
        engine->triggered_first = at;
    engine->triggered_last = at;
}

static int64_t price_now(const tl_engine *engine, const engine_market *market, const engine_order *order, int trigger) {
    if (trigger == TRIGGER_LAST) return market->last;
    if (trigger == TRIGGER_MARK) return market->mark;
    tl_book_top top;
    tl_books_top(engine->books, order->instrument, &top);
    return order->side == TL_SIDE_BUY ? top.ask_price : top.bid_price;
}

/* Puts a stop into its book; false when that is full. */
static bool place(tl_engine *engine, uint32_t at, int trigger) {
    engine_order *order = &engine->orders[at];
    int64_t price = order->stop_price;
    if (price == TL_ABSENT) price = order->side == TL_SIDE_BUY ? NEVER_BUY : NEVER_SELL;
    return tl_books_add(engine->stops, order->instrument * TRIGGERS + (uint32_t)trigger, order->id,
                        engine_opposite(order->side), price, engine_open_quantity(order), at, &order->handle) == TL_OK;
}

/* Widens the price at which the next trailing stop of a side moves so that it holds for `order`. */
static void note_slack(engine_market *market, const engine_order *order, int trigger) {
    int64_t *slack = &market->slack[trigger][order->side - 1];
    if (order->side == TL_SIDE_BUY) {
        int64_t water = order->water != TL_ABSENT ? order->water : INT64_MAX;
        if (water > *slack) *slack = water;
    } else {
        int64_t water = order->water != TL_ABSENT ? order->water : INT64_MIN;
        if (water < *slack) *slack = water;
    }
}

void tl_engine_await(tl_engine *engine, engine_market *market, uint32_t at) {
    engine_order *order = &engine->orders[at];
    int trigger = trigger_of(order);
    int64_t now = price_now(engine, market, order, trigger);
    bool trails = order->type == TL_TYPE_TRAILING_STOP;
    if (trails && order->water == TL_ABSENT && now != TL_ABSENT) {
        order->water = now;
        if (order->stop_price == TL_ABSENT) order->stop_price = trail(engine, order, now);
    }
    if (order->stop_price != TL_ABSENT && now != TL_ABSENT && engine_trades(market) && reached(order, now)) {
        queue_triggered(engine, at);
        return;
    }
    if (!place(engine, at, trigger)) {
        tl_engine_emit(engine, order, TL_REPORT_CANCELED, TL_REASON_TOO_MANY_ORDERS);
        engine_free(engine, at);
        return;
    }
    order->where = ORDER_WAITS;
    market->waiting[trigger]++;
    if (order->expire_ns != 0) tl_expiry_add(&engine->expiry, at, order->expire_ns, order->sequence);
    if (!trails) return;
    uint32_t last = market->trailing_last[trigger];
    order->previous = last;
    order->next = 0;
    if (last != 0)
        engine->orders[last].next = at;
    else
        market->trailing[trigger] = at;
    market->trailing_last[trigger] = at;
    note_slack(market, order, trigger);
}

void tl_engine_unawait(tl_engine *engine, engine_market *market, uint32_t at) {
    engine_order *order = &engine->orders[at];
    int trigger = trigger_of(order);
    tl_books_remove(engine->stops, order->handle);
    order->where = ORDER_IN_HAND;
    market->waiting[trigger]--;
    if (order->expire_ns != 0) tl_expiry_remove(&engine->expiry, at);
    if (order->type != TL_TYPE_TRAILING_STOP) return;
    if (order->previous != 0)
        engine->orders[order->previous].next = order->next;
    else
        market->trailing[trigger] = order->next;
    if (order->next != 0)
        engine->orders[order->next].previous = order->previous;
    else
        market->trailing_last[trigger] = order->previous;
}

/* Moves the trailing stops of a side that `price` is better for than all they have seen. */
static void move_trailing(tl_engine *engine, engine_market *market, int trigger, int side, int64_t price) {
    int64_t *slack = &market->slack[trigger][side - 1];
    if (price == TL_ABSENT || (side == TL_SIDE_BUY ? price >= *slack : price <= *slack)) return;
    *slack = side == TL_SIDE_BUY ? INT64_MIN : INT64_MAX;
    for (uint32_t at = market->trailing[trigger]; at != 0; at = engine->orders[at].next) {
        engine_order *order = &engine->orders[at];
        if (order->side != side) continue;
        if (order->water == TL_ABSENT || (side == TL_SIDE_BUY ? price < order->water : price > order->water)) {
            order->water = price;
            int64_t stop = trail(engine, order, price);
            /* An offset wider than the price leaves the first stop where it is: a stop only ever moves towards the market. */
            if (order->stop_price == TL_ABSENT ||
                (side == TL_SIDE_BUY ? stop < order->stop_price : stop > order->stop_price)) {
                order->stop_price = stop;
                tl_books_remove(engine->stops, order->handle);
                place(engine, at, trigger); /* the place that was just given up is free */
            }
        }
        note_slack(market, order, trigger);
    }
}

static void queue_reached(tl_engine *engine, engine_market *market, uint32_t stops, int side, int64_t price) {
    uint32_t level;
    while (price != TL_ABSENT &&
           (level = tl_books_level_at(engine->stops, stops, engine_opposite(side), 0)) != TL_BOOK_NIL) {
        const tl_book_level *best = tl_books_level(engine->stops, level);
        if (!engine_reaches(side, price, best->price)) return;
        uint32_t at = tl_books_order(engine->stops, best->head)->owner;
        tl_engine_unawait(engine, market, at);
        queue_triggered(engine, at);
    }
}

void tl_engine_look(tl_engine *engine, engine_market *market, uint32_t instrument, int trigger, int64_t for_buys,
                    int64_t for_sells) {
    if (market->waiting[trigger] == 0 || !engine_trades(market)) return;
    if (market->trailing[trigger] != 0) {
        move_trailing(engine, market, trigger, TL_SIDE_BUY, for_buys);
        move_trailing(engine, market, trigger, TL_SIDE_SELL, for_sells);
    }
    uint32_t stops = instrument * TRIGGERS + (uint32_t)trigger;
    queue_reached(engine, market, stops, TL_SIDE_BUY, for_buys);
    queue_reached(engine, market, stops, TL_SIDE_SELL, for_sells);
}

void tl_engine_look_at_quote(tl_engine *engine, engine_market *market, uint32_t instrument) {
    tl_book_top top;
    tl_books_top(engine->books, instrument, &top);
    tl_engine_look(engine, market, instrument, TRIGGER_QUOTE, top.ask_price, top.bid_price);
}

/* A triggered stop goes to the book as what it becomes. */
static void run(tl_engine *engine, engine_market *market, uint32_t at) {
    engine_order *order = &engine->orders[at];
    order->type = order->type == TL_TYPE_STOP_LIMIT ? TL_TYPE_LIMIT : TL_TYPE_MARKET;
    int reason = TL_REASON_NONE;
    if (order->flags & TL_FLAG_REDUCE_ONLY) {
        int64_t reducible = tl_engine_reducible(engine, order->holding, order->side);
        if (reducible == 0)
            reason = TL_REASON_REDUCE_ONLY;
        else if (engine_open_quantity(order) > reducible)
            order->quantity = order->filled + reducible;
    }
    if (order->flags & TL_FLAG_POST_ONLY) {
        tl_book_top top;
        tl_books_top(engine->books, order->instrument, &top);
        int64_t best = order->side == TL_SIDE_BUY ? top.ask_price : top.bid_price;
        if (best != TL_ABSENT && engine_reaches(order->side, order->price, best)) reason = TL_REASON_POST_ONLY;
    }
    if (engine_open_quantity(order) > ENGINE_LARGEST - market->open[order->side - 1]) reason = TL_REASON_OVERFLOW;
    uint32_t event = engine->event_count;
    tl_engine_emit(engine, order, TL_REPORT_TRIGGERED, TL_REASON_NONE);
    if (reason == TL_REASON_NONE) {
        tl_engine_execute(engine, market, at, event);
        return;
    }
    tl_engine_emit(engine, order, TL_REPORT_CANCELED, reason);
    engine_free(engine, at);
}

void tl_engine_settle(tl_engine *engine, engine_market *market, uint32_t instrument) {
    for (;;) {
        if (market->waiting[TRIGGER_QUOTE] != 0) tl_engine_look_at_quote(engine, market, instrument);
        uint32_t at = engine->triggered_first;
        if (TL_LIKELY(at == 0)) return;
        engine->triggered_first = engine->orders[at].next;
        if (engine->triggered_first == 0) engine->triggered_last = 0;
        run(engine, market, at);
    }
}
