#include "exchange/engine_state.h"

enum match_end { MATCH_DONE = 0, MATCH_SELF_TRADE };

static inline void hold(tl_engine *engine, const engine_order *order, int64_t quantity) {
    int64_t *held = &engine->holdings.all[order->holding].quantity;
    bool buys = order->side == TL_SIDE_BUY;
    if (TL_UNLIKELY(__builtin_add_overflow(*held, buys ? quantity : -quantity, held))) *held = buys ? INT64_MAX : -INT64_MAX;
}

int64_t tl_engine_reducible(const tl_engine *engine, uint32_t holding, int side) {
    if (holding == 0) return 0;
    int64_t held = engine->holdings.all[holding].quantity;
    int64_t reducible = side == TL_SIDE_BUY ? -held : held;
    return reducible > 0 ? reducible : 0;
}

/* What a change of a position leaves of its owner's resting reduce-only orders. */
static void trim_reducers(tl_engine *engine, engine_market *market, uint32_t holding) {
    for (uint32_t at = engine->holdings.all[holding].reducers, next; at != 0; at = next) {
        engine_order *order = &engine->orders[at];
        next = order->next;
        int64_t excess = engine_open_quantity(order) - tl_engine_reducible(engine, holding, order->side);
        if (excess <= 0) continue;
        if (excess == engine_open_quantity(order)) {
            tl_engine_withdraw(engine, market, at);
            tl_engine_emit(engine, order, TL_REPORT_CANCELED, TL_REASON_REDUCE_ONLY);
            engine_free(engine, at);
        } else {
            tl_engine_shrink(engine, market, at, excess);
            order->quantity -= excess;
            tl_engine_emit(engine, order, TL_REPORT_RESTATED, TL_REASON_REDUCE_ONLY);
        }
    }
}

/* Takes a resting order out of the counts. */
static void discount(tl_engine *engine, engine_market *market, uint32_t at) {
    engine_order *order = &engine->orders[at];
    int side = order->side - 1;
    order->where = ORDER_IN_HAND;
    market->resting[side]--;
    market->icebergs[side] -= order->display != 0;
    if (order->expire_ns != 0) tl_expiry_remove(&engine->expiry, at);
    if (order->holding == 0) return;
    tl_holding *holding = &engine->holdings.all[order->holding];
    holding->resting[side]--;
    if ((order->flags & TL_FLAG_REDUCE_ONLY) == 0) return;
    market->reducers[side]--;
    if (order->previous != 0)
        engine->orders[order->previous].next = order->next;
    else
        holding->reducers = order->next;
    if (order->next != 0) engine->orders[order->next].previous = order->previous;
}

void tl_engine_withdraw(tl_engine *engine, engine_market *market, uint32_t at) {
    engine_order *order = &engine->orders[at];
    tl_books_remove(engine->books, order->handle);
    market->open[order->side - 1] -= engine_open_quantity(order);
    discount(engine, market, at);
}

void tl_engine_shrink(tl_engine *engine, engine_market *market, uint32_t at, int64_t less) {
    engine_order *order = &engine->orders[at];
    market->open[order->side - 1] -= less;
    int64_t of_hidden = less < order->hidden ? less : order->hidden;
    order->hidden -= of_hidden;
    if (less > of_hidden) tl_books_reduce(engine->books, order->handle, less - of_hidden);
}

/* A resting order trades as maker. It is freed when that fills it. */
static void fill_maker(tl_engine *engine, engine_market *market, uint32_t at, int64_t quantity, uint64_t against) {
    engine_order *maker = &engine->orders[at];
    int64_t shown = tl_books_order(engine->books, maker->handle)->quantity;
    maker->filled += quantity;
    market->open[maker->side - 1] -= quantity;
    tl_engine_event *event = tl_engine_emit(engine, maker, TL_REPORT_FILL, TL_REASON_NONE);
    event->against = against;
    event->quantity = quantity;
    event->liquidity = TL_LIQUIDITY_MAKER;
    if (maker->holding != 0) hold(engine, maker, quantity);
    if (quantity < shown) {
        tl_books_reduce(engine->books, maker->handle, quantity);
    } else if (maker->hidden > 0) {
        int64_t slice = maker->hidden < maker->display ? maker->hidden : maker->display;
        maker->hidden -= slice;
        tl_books_requeue(engine->books, maker->handle, slice);
    } else {
        tl_books_remove(engine->books, maker->handle);
        discount(engine, market, at);
        engine_free(engine, at);
    }
}

/* Trades an order in hand against the other side up to its limit. */
static enum match_end match(tl_engine *engine, engine_market *market, engine_order *taker) {
    tl_books *books = engine->books;
    uint32_t instrument = taker->instrument;
    int side = taker->side, other = engine_opposite(side);
    int64_t limit = taker->price != TL_ABSENT ? taker->price : side == TL_SIDE_BUY ? INT64_MAX : INT64_MIN;
    while (taker->filled < taker->quantity) {
        uint32_t best = tl_books_level_at(books, instrument, other, 0);
        if (best == TL_BOOK_NIL) break;
        const tl_book_level *level = tl_books_level(books, best);
        int64_t price = level->price;
        if (!engine_reaches(side, limit, price)) break;
        tl_book_handle handle = level->head;
        const tl_book_order *resting = tl_books_order(books, handle);
        uint32_t at = resting->owner;
        engine_order *maker = &engine->orders[at];
        if (at != 0 && taker->owner != 0 && maker->owner == taker->owner && engine->self_trade != TL_SELF_TRADE_ALLOW) {
            if (engine->self_trade != TL_SELF_TRADE_CANCEL_NEWEST) {
                tl_engine_withdraw(engine, market, at);
                tl_engine_emit(engine, maker, TL_REPORT_CANCELED, TL_REASON_SELF_TRADE);
                engine_free(engine, at);
            }
            if (engine->self_trade != TL_SELF_TRADE_CANCEL_OLDEST) return MATCH_SELF_TRADE;
            continue;
        }
        int64_t open = engine_open_quantity(taker);
        int64_t quantity = open < resting->quantity ? open : resting->quantity;
        taker->filled += quantity;
        if (taker->holding != 0) hold(engine, taker, quantity);
        tl_engine_event *event = tl_engine_emit(engine, taker, TL_REPORT_FILL, TL_REASON_NONE);
        event->against = resting->reference;
        event->price = price;
        event->quantity = quantity;
        event->liquidity = TL_LIQUIDITY_TAKER;
        if (at == 0) {
            tl_books_reduce(books, handle, quantity);
        } else {
            uint32_t holding = maker->holding;
            fill_maker(engine, market, at, quantity, taker->id);
            if (holding != 0 && engine->holdings.all[holding].reducers != 0) trim_reducers(engine, market, holding);
        }
        if (taker->holding != 0 && engine->holdings.all[taker->holding].reducers != 0)
            trim_reducers(engine, market, taker->holding);
        engine_print(engine, market, instrument, price);
    }
    return MATCH_DONE;
}

void tl_engine_adjust(tl_engine *engine, uint32_t owner, uint32_t instrument, int64_t quantity) {
    uint32_t holding = tl_holdings_of(&engine->holdings, owner, instrument);
    if (holding == 0) return;
    int64_t *held = &engine->holdings.all[holding].quantity;
    if (__builtin_add_overflow(*held, quantity, held)) *held = quantity > 0 ? INT64_MAX : -INT64_MAX;
    if (engine->holdings.all[holding].reducers != 0) trim_reducers(engine, &engine->markets[instrument], holding);
}

/* What a taker can count on from one resting order; *own is set when self-trade prevention stands between them. */
static int64_t takeable(const tl_engine *engine, const engine_order *taker, const tl_book_order *resting, bool *own) {
    *own = false;
    if (resting->owner == 0) return resting->quantity;
    const engine_order *maker = &engine->orders[resting->owner];
    *own = taker->owner != 0 && maker->owner == taker->owner && engine->self_trade != TL_SELF_TRADE_ALLOW;
    /* Another order of this owner may trade first in the same sweep and leave less to reduce: it cannot be counted on. */
    if ((maker->flags & TL_FLAG_REDUCE_ONLY) != 0 && engine->holdings.all[maker->holding].resting[maker->side - 1] > 1)
        return 0;
    return resting->quantity + maker->hidden;
}

/* Whether all of a fill-or-kill order would trade. Never says yes wrongly. */
static bool fillable(const tl_engine *engine, const engine_market *market, const engine_order *taker) {
    const tl_books *books = engine->books;
    int other = engine_opposite(taker->side);
    bool plain = market->icebergs[other - 1] == 0 && market->reducers[other - 1] == 0 &&
                 (taker->holding == 0 || engine->holdings.all[taker->holding].resting[other - 1] == 0);
    int64_t wanted = engine_open_quantity(taker);
    uint32_t at;
    for (uint32_t i = 0; (at = tl_books_level_at(books, taker->instrument, other, i)) != TL_BOOK_NIL; i++) {
        const tl_book_level *level = tl_books_level(books, at);
        if (taker->price != TL_ABSENT && !engine_reaches(taker->side, taker->price, level->price)) return false;
        if (plain) {
            wanted -= level->quantity;
        } else {
            int64_t hidden = 0; /* comes round only after the last order displayed in the level */
            for (tl_book_handle h = level->head; h != TL_BOOK_NIL && wanted > 0; h = tl_books_order(books, h)->next) {
                const tl_book_order *resting = tl_books_order(books, h);
                bool own;
                int64_t all = takeable(engine, taker, resting, &own);
                if (own && engine->self_trade == TL_SELF_TRADE_CANCEL_OLDEST) continue;
                if (own) return false;
                int64_t shown = all < resting->quantity ? all : resting->quantity;
                wanted -= shown;
                hidden += all - shown;
            }
            wanted -= hidden;
        }
        if (wanted <= 0) return true;
    }
    return false;
}

/* Puts an order in hand into the book; false when the book is full. */
static bool rest(tl_engine *engine, engine_market *market, uint32_t at, uint32_t event) {
    engine_order *order = &engine->orders[at];
    int64_t open = engine_open_quantity(order), shown = open;
    if (order->display != 0 && order->display < open) shown = order->display;
    if (tl_books_add(engine->books, order->instrument, order->id, order->side, order->price, shown, at, &order->handle) !=
        TL_OK)
        return false;
    int side = order->side - 1;
    order->where = ORDER_RESTS;
    order->hidden = open - shown;
    market->open[side] += open;
    market->resting[side]++;
    market->icebergs[side] += order->display != 0;
    if (order->expire_ns != 0) tl_expiry_add(&engine->expiry, at, order->expire_ns, order->sequence);
    if (order->holding != 0) {
        tl_holding *holding = &engine->holdings.all[order->holding];
        holding->resting[side]++;
        if ((order->flags & TL_FLAG_REDUCE_ONLY) != 0) {
            market->reducers[side]++;
            order->previous = 0;
            order->next = holding->reducers;
            if (order->next != 0) engine->orders[order->next].previous = at;
            holding->reducers = at;
        }
    }
    if (event != ENGINE_NO_EVENT) {
        const tl_book_order *resting = tl_books_order(engine->books, order->handle);
        engine->events[event].ahead = tl_books_level(engine->books, resting->level)->quantity - shown;
    }
    return true;
}

void tl_engine_execute(tl_engine *engine, engine_market *market, uint32_t at, uint32_t event) {
    engine_order *order = &engine->orders[at];
    bool market_order = order->type == TL_TYPE_MARKET;
    int reason = TL_REASON_NONE;
    if (order->time_in_force == TL_TIF_FOK && !fillable(engine, market, order))
        reason = TL_REASON_FOK;
    else if (match(engine, market, order) == MATCH_SELF_TRADE)
        reason = TL_REASON_SELF_TRADE;
    else if (order->filled == order->quantity)
        reason = TL_REASON_NONE;
    else if (market_order && order->filled == 0)
        reason = TL_REASON_NO_LIQUIDITY;
    else if (market_order || order->time_in_force == TL_TIF_IOC)
        reason = TL_REASON_IOC;
    else if (rest(engine, market, at, event))
        return;
    else
        reason = TL_REASON_TOO_MANY_ORDERS;
    if (reason != TL_REASON_NONE) tl_engine_emit(engine, order, TL_REPORT_CANCELED, reason);
    engine_free(engine, at);
}

int64_t tl_engine_hit(tl_engine *engine, uint32_t instrument, int side, int64_t price, int64_t quantity,
                      tl_book_handle before, uint64_t against) {
    if (instrument >= engine->market_count || (side != TL_SIDE_BUY && side != TL_SIDE_SELL)) return quantity;
    engine_market *market = &engine->markets[instrument];
    const tl_books *books = engine->books;
    int other = engine_opposite(side);
    if (market->resting[other - 1] == 0 || quantity <= 0) return quantity;
    for (uint32_t i = 0; quantity > 0;) {
        uint32_t at_level = tl_books_level_at(books, instrument, other, i);
        if (at_level == TL_BOOK_NIL) break;
        const tl_book_level *level = tl_books_level(books, at_level);
        if (!engine_reaches(side, price, level->price)) break;
        int64_t level_price = level->price;
        tl_book_handle stop = level_price == price ? before : TL_BOOK_NIL;
        tl_book_handle h = level->head;
        while (h != TL_BOOK_NIL && h != stop && tl_books_order(books, h)->owner == 0)
            h = tl_books_order(books, h)->next;
        if (h == TL_BOOK_NIL || h == stop) {
            i++;
            continue;
        }
        /* One fill, and from the top again: it may have removed the level, refreshed an iceberg or trimmed reduce-only orders. */
        const tl_book_order *resting = tl_books_order(books, h);
        int64_t traded = quantity < resting->quantity ? quantity : resting->quantity;
        uint32_t holding = engine->orders[resting->owner].holding;
        quantity -= traded;
        fill_maker(engine, market, resting->owner, traded, against);
        if (holding != 0 && engine->holdings.all[holding].reducers != 0) trim_reducers(engine, market, holding);
        engine_print(engine, market, instrument, level_price);
    }
    tl_engine_settle(engine, market, instrument);
    return quantity;
}
