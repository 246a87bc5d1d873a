#include "exchange/auction.h"

static int reason_against(const tl_venue *v, const tl_command *c) {
    const tl_venue_instrument *of = &v->of[c->instrument];
    if (c->type != TL_TYPE_LIMIT && c->type != TL_TYPE_MARKET) return TL_REASON_UNSUPPORTED;
    if (c->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE | TL_FLAG_REDUCE_ONLY)) return TL_REASON_UNSUPPORTED;
    tl_own_order order = {.owner = 1};
    tl_own_order_from(&order, c, v->now_ns);
    order.time_in_force = TL_TIF_DAY;
    tl_engine_order one = tl_own_order_for_engine(&order);
    int reason = tl_engine_check(v->engine, &one);
    if (reason != TL_REASON_NONE) return reason;
    if (of->state == TL_STATE_CLOSED || (c->time_in_force == TL_TIF_AT_OPEN && of->phase == TL_STATE_TRADING))
        return TL_REASON_CLOSED;
    if (of->action == TL_STATE_HALTED || of->action == TL_STATE_PAUSED) return TL_REASON_HALTED;
    return TL_REASON_NONE;
}

void tl_auction_submit(tl_venue *v, const tl_command *c) {
    int reason = reason_against(v, c);
    uint32_t handle = 0;
    if (reason == TL_REASON_NONE) {
        handle = tl_own_orders_add(v->own, &v->of[c->instrument].own, c->order_id);
        if (handle == 0) reason = TL_REASON_DUPLICATE_ID;
    }
    if (reason != TL_REASON_NONE) {
        tl_venue_refuse(v, c, TL_REPORT_REJECTED, reason);
        return;
    }
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    tl_own_order_from(order, c, v->now_ns);
    order->stage = TL_OWN_AUCTION;
    tl_venue_report(v, order, TL_REPORT_ACCEPTED, TL_REASON_NONE);
}

void tl_auction_replace(tl_venue *v, uint32_t handle, const tl_command *c) {
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    const tl_instrument *instrument = tl_instruments_at(v->instruments, order->instrument);
    int64_t quantity = c->quantity == TL_ABSENT ? order->quantity : c->quantity;
    int64_t price = c->price == TL_ABSENT ? order->price : c->price;
    int reason = TL_REASON_NONE;
    if (quantity <= 0 || quantity % instrument->lot != 0)
        reason = TL_REASON_BAD_QUANTITY;
    else if (order->type == TL_TYPE_LIMIT && (price <= 0 || price % instrument->tick != 0))
        reason = price <= 0 ? TL_REASON_BAD_PRICE : TL_REASON_OFF_TICK;
    if (reason != TL_REASON_NONE) {
        tl_venue_refuse(v, c, TL_REPORT_REPLACE_REJECTED, reason);
        return;
    }
    order->quantity = quantity;
    if (order->type == TL_TYPE_LIMIT) order->price = price;
    tl_venue_report(v, order, TL_REPORT_REPLACED, TL_REASON_NONE);
}

/* Own resting orders that are better than the cross price trade at it: whoever traded in the cross would have had to pass them. */
static void cross_resting(tl_venue *v, uint32_t instrument, int64_t price, int64_t *room_of_buys, int64_t *room_of_sells) {
    v->cross_price = price;
    *room_of_buys = tl_venue_hit(v, TL_HIT_CROSS, instrument, TL_SIDE_SELL, price + 1, *room_of_buys, TL_BOOK_NIL, 0);
    *room_of_sells = tl_venue_hit(v, TL_HIT_CROSS, instrument, TL_SIDE_BUY, price - 1, *room_of_sells, TL_BOOK_NIL, 0);
}

static uint32_t first_waiting(const tl_venue *v, uint32_t instrument, int time_in_force) {
    uint32_t handle = v->of[instrument].own.first;
    for (; handle != 0; handle = tl_own_orders_at(v->own, handle)->next) {
        const tl_own_order *order = tl_own_orders_at(v->own, handle);
        if (order->stage == TL_OWN_AUCTION && order->time_in_force == time_in_force) break;
    }
    return handle;
}

/* Each leaves the list: filled, or unfilled in what the cross had no room for. */
static void cross_waiting(tl_venue *v, uint32_t instrument, int time_in_force, int64_t price, int64_t *room_of_buys,
                          int64_t *room_of_sells) {
    for (uint32_t handle; (handle = first_waiting(v, instrument, time_in_force)) != 0;) {
        const tl_own_order *order = tl_own_orders_at(v->own, handle);
        bool buys = order->side == TL_SIDE_BUY;
        int64_t *room = buys ? room_of_buys : room_of_sells;
        int64_t open = order->quantity - order->filled, quantity = open < *room ? open : *room;
        bool reached = order->price == TL_ABSENT || (buys ? order->price >= price : order->price <= price);
        if (reached && quantity > 0) {
            *room -= quantity;
            if (tl_venue_fill(v, handle, price, quantity, TL_LIQUIDITY_AUCTION)) continue;
        }
        tl_venue_end(v, handle, TL_REPORT_EXPIRED, TL_REASON_NO_LIQUIDITY);
    }
}

void tl_auction_cross(tl_venue *v, uint32_t instrument, int code, int64_t price, int64_t shares) {
    int64_t room_of_buys = shares, room_of_sells = shares;
    if (shares > 0) cross_resting(v, instrument, price, &room_of_buys, &room_of_sells);
    if (code == 'O') cross_waiting(v, instrument, TL_TIF_AT_OPEN, price, &room_of_buys, &room_of_sells);
    if (code == 'C') cross_waiting(v, instrument, TL_TIF_AT_CLOSE, price, &room_of_buys, &room_of_sells);
}

void tl_auction_expire(tl_venue *v, uint32_t instrument, bool all) {
    for (uint32_t next, handle = v->of[instrument].own.first; handle != 0; handle = next) {
        const tl_own_order *order = tl_own_orders_at(v->own, handle);
        next = order->next;
        if (order->stage == TL_OWN_AUCTION && (all || order->time_in_force == TL_TIF_AT_OPEN))
            tl_venue_end(v, handle, TL_REPORT_EXPIRED, TL_REASON_END_OF_DAY);
    }
}

/* The first own order in a level, TL_BOOK_NIL when there is none. */
static tl_book_handle first_own(const tl_books *books, const tl_book_level *level) {
    tl_book_handle handle = level->head;
    while (handle != TL_BOOK_NIL && tl_books_order(books, handle)->owner == 0)
        handle = tl_books_order(books, handle)->next;
    return handle;
}

/* The best price at which an own order of a side rests, TL_ABSENT without one. */
static int64_t best_own(const tl_venue *v, uint32_t instrument, int side) {
    uint32_t index;
    for (uint32_t i = 0; (index = tl_books_level_at(v->books, instrument, side, i)) != TL_BOOK_NIL; i++)
        if (first_own(v->books, tl_books_level(v->books, index)) != TL_BOOK_NIL)
            return tl_books_level(v->books, index)->price;
    return TL_ABSENT;
}

/* History's orders of `side` that stand across own orders of the other side trade with them, best first. */
static void uncross_side(tl_venue *v, uint32_t instrument, int side) {
    int own_side = tl_other_side(side);
    for (;;) {
        int64_t own_price = best_own(v, instrument, own_side);
        uint32_t index = tl_books_level_at(v->books, instrument, side, 0);
        if (own_price == TL_ABSENT || index == TL_BOOK_NIL) return;
        const tl_book_level *level = tl_books_level(v->books, index);
        int64_t price = level->price;
        if (side == TL_SIDE_BUY ? price < own_price : price > own_price) return;
        tl_book_handle handle = level->head;
        const tl_book_order *order = tl_books_order(v->books, handle);
        if (order->owner != 0) return; /* own against own: the engine saw to it when they came */
        uint64_t reference = order->reference;
        int64_t open = order->quantity;
        int64_t left = tl_venue_hit(v, TL_HIT_ADD, instrument, side, price, open, TL_BOOK_NIL, reference);
        handle = tl_books_find(v->books, reference);
        if (left == open) return;
        if (handle == TL_BOOK_NIL) continue;
        bool gone = open - left >= tl_books_order(v->books, handle)->quantity && tl_books_level(v->books, index)->count == 1;
        tl_taken_add(&v->taken, reference, tl_books_reduce(v->books, handle, open - left), instrument, side, price);
        tl_venue_touch_level(v, side, price, gone ? 0 : tl_books_level(v->books, index)->quantity,
                             gone ? 0 : tl_books_level(v->books, index)->count);
    }
}

void tl_auction_uncross(tl_venue *v, uint32_t instrument) {
    uncross_side(v, instrument, TL_SIDE_BUY);
    uncross_side(v, instrument, TL_SIDE_SELL);
}
