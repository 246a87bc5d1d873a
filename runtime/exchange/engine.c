#include "exchange/engine_state.h"

#include <stdlib.h>

static inline uint32_t flags_of_post(uint32_t flags) {
    return flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE);
}

tl_engine *tl_engine_create(const tl_instruments *instruments, tl_self_trade_policy self_trade) {
    tl_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    engine->instruments = instruments;
    engine->self_trade = self_trade;
    engine->used_orders = 1;
    engine->books = tl_books_create(0);
    engine->stops = tl_books_create(0);
    if (engine->books == NULL || engine->stops == NULL || tl_holdings_init(&engine->holdings) != TL_OK ||
        tl_expiry_init(&engine->expiry, ENGINE_MAX_ORDERS) != TL_OK ||
        tl_vmem_reserve(&engine->order_memory, (size_t)ENGINE_MAX_ORDERS * sizeof(engine_order)) != TL_OK ||
        tl_vmem_reserve(&engine->market_memory, (size_t)ENGINE_MAX_MARKETS * sizeof(engine_market)) != TL_OK ||
        tl_vmem_reserve(&engine->event_memory, (size_t)ENGINE_MAX_EVENTS * sizeof(tl_engine_event)) != TL_OK) {
        tl_engine_destroy(engine);
        return NULL;
    }
    engine->orders = engine->order_memory.base;
    engine->markets = engine->market_memory.base;
    engine->events = engine->event_memory.base;
    return engine;
}

void tl_engine_destroy(tl_engine *engine) {
    if (engine == NULL) return;
    tl_books_destroy(engine->books);
    tl_books_destroy(engine->stops);
    tl_holdings_close(&engine->holdings);
    tl_expiry_close(&engine->expiry);
    tl_vmem_release(&engine->order_memory);
    tl_vmem_release(&engine->market_memory);
    tl_vmem_release(&engine->event_memory);
    free(engine);
}

/* Sets up the markets of instruments that joined the table. */
static bool grow_markets(tl_engine *engine, uint32_t instrument) {
    uint32_t count = tl_instruments_count(engine->instruments);
    if (instrument >= count || instrument >= ENGINE_MAX_MARKETS || tl_books_ensure(engine->books, instrument) != TL_OK ||
        tl_books_ensure(engine->stops, instrument * TRIGGERS + TRIGGER_MARK) != TL_OK)
        return false;
    for (; engine->market_count <= instrument; engine->market_count++) {
        engine_market *market = &engine->markets[engine->market_count];
        market->last = market->mark = TL_ABSENT;
        for (int trigger = 0; trigger < TRIGGERS; trigger++) {
            market->slack[trigger][0] = INT64_MIN;
            market->slack[trigger][1] = INT64_MAX;
        }
    }
    return true;
}

/* The market of an instrument, NULL when there is no such instrument. */
static inline engine_market *market_of(tl_engine *engine, uint32_t instrument) {
    if (TL_UNLIKELY(instrument >= engine->market_count) && !grow_markets(engine, instrument)) return NULL;
    return &engine->markets[instrument];
}

static inline tl_engine_event *next_event(tl_engine *engine) {
    /* The list is larger than what one operation can say of ENGINE_MAX_ORDERS orders, unless a caller never clears it: the last
     * event is then lost. */
    if (TL_UNLIKELY(engine->event_count == ENGINE_MAX_EVENTS)) engine->event_count--;
    return &engine->events[engine->event_count++];
}

tl_engine_event *tl_engine_emit(tl_engine *engine, const engine_order *order, int kind, int reason) {
    bool ended = kind == TL_REPORT_CANCELED || kind == TL_REPORT_EXPIRED;
    tl_engine_event *event = next_event(engine);
    event->id = order->id;
    event->against = (uint64_t)order->filled;
    event->price = order->price;
    event->quantity = order->quantity;
    event->remaining = ended ? 0 : engine_open_quantity(order);
    event->ahead = TL_ABSENT;
    event->ts_ns = engine->now_ns;
    event->instrument = order->instrument;
    event->kind = (uint8_t)kind;
    event->liquidity = TL_LIQUIDITY_NONE;
    event->reason = (uint16_t)reason;
    return event;
}

/* An event about what is not an order of the engine: a refusal. */
static void refuse(tl_engine *engine, uint64_t id, uint32_t instrument, int64_t price, int64_t quantity, int kind,
                   int reason) {
    *next_event(engine) = (tl_engine_event){.id = id,
                                            .price = price,
                                            .quantity = quantity,
                                            .ahead = TL_ABSENT,
                                            .ts_ns = engine->now_ns,
                                            .instrument = instrument,
                                            .kind = (uint8_t)kind,
                                            .reason = (uint16_t)reason};
}

static inline int state_reason(const engine_market *market) {
    if (TL_LIKELY(engine_trades(market) || market->state == TL_STATE_PRE_OPEN)) return TL_REASON_NONE;
    return market->state == TL_STATE_CLOSED ? TL_REASON_CLOSED : TL_REASON_HALTED;
}

static inline int quantity_reason(const tl_instrument *instrument, int64_t quantity) {
    if (quantity <= 0 || (instrument->lot > 1 && quantity % instrument->lot != 0)) return TL_REASON_BAD_QUANTITY;
    if (quantity > ENGINE_LARGEST) return TL_REASON_OVERFLOW;
    if (quantity < instrument->min_quantity) return TL_REASON_BAD_QUANTITY;
    return instrument->max_quantity > 0 && quantity > instrument->max_quantity ? TL_REASON_BAD_QUANTITY : TL_REASON_NONE;
}

static inline int price_reason(const tl_instrument *instrument, int64_t price) {
    if (price <= 0) return TL_REASON_BAD_PRICE;
    if (price > ENGINE_LARGEST) return TL_REASON_OVERFLOW;
    return instrument->tick > 1 && price % instrument->tick != 0 ? TL_REASON_OFF_TICK : TL_REASON_NONE;
}

/* What stands against a stop's own fields. */
static int stop_reason(const tl_instrument *instrument, const tl_engine_order *order) {
    bool trails = order->type == TL_TYPE_TRAILING_STOP;
    uint32_t both = TL_FLAG_TRIGGER_QUOTE | TL_FLAG_TRIGGER_MARK;
    if ((order->flags & both) == both) return TL_REASON_BAD_FIELD;
    if (order->stop_price != TL_ABSENT || !trails) {
        int reason = price_reason(instrument, order->stop_price);
        if (reason != TL_REASON_NONE) return reason;
    }
    if (!trails) return order->offset == 0 ? TL_REASON_NONE : TL_REASON_BAD_FIELD;
    if (order->offset <= 0 || order->offset > ENGINE_LARGEST) return TL_REASON_BAD_FIELD;
    if (order->flags & TL_FLAG_TRAIL_PERCENT) return order->offset < 100000000 ? TL_REASON_NONE : TL_REASON_BAD_FIELD;
    return instrument->tick > 1 && order->offset % instrument->tick != 0 ? TL_REASON_OFF_TICK : TL_REASON_NONE;
}

/* What stands against an order by its fields alone; TL_REASON_NONE for nothing. */
static int order_reason(const tl_engine *engine, const tl_instrument *instrument, const tl_engine_order *order) {
    static const struct {
        bool limit, stop;
    } has[TL_TYPES] = {
        [TL_TYPE_LIMIT] = {true, false},     [TL_TYPE_MARKET] = {false, false},       [TL_TYPE_STOP] = {false, true},
        [TL_TYPE_STOP_LIMIT] = {true, true}, [TL_TYPE_TRAILING_STOP] = {false, true}, [TL_TYPE_ICEBERG] = {true, false}};
    if (order->side != TL_SIDE_BUY && order->side != TL_SIDE_SELL) return TL_REASON_BAD_FIELD;
    if (order->type >= TL_TYPES || order->time_in_force >= TL_TIFS) return TL_REASON_BAD_FIELD;
    if (order->time_in_force == TL_TIF_AT_OPEN || order->time_in_force == TL_TIF_AT_CLOSE) return TL_REASON_UNSUPPORTED;
    int reason = quantity_reason(instrument, order->quantity);
    if (reason != TL_REASON_NONE) return reason;
    if (!has[order->type].limit && order->price != TL_ABSENT) return TL_REASON_BAD_PRICE;
    if (has[order->type].limit && (reason = price_reason(instrument, order->price)) != TL_REASON_NONE) return reason;
    if (has[order->type].stop) {
        if ((reason = stop_reason(instrument, order)) != TL_REASON_NONE) return reason;
    } else if (order->stop_price != TL_ABSENT || order->offset != 0) {
        return TL_REASON_BAD_FIELD;
    }
    bool rests = has[order->type].limit && order->time_in_force != TL_TIF_IOC && order->time_in_force != TL_TIF_FOK;
    if (order->display != 0) {
        if (!rests) return TL_REASON_UNSUPPORTED;
        if (order->display < 0 || order->display > order->quantity ||
            (instrument->lot > 1 && order->display % instrument->lot != 0))
            return TL_REASON_BAD_QUANTITY;
    } else if (order->type == TL_TYPE_ICEBERG) {
        return TL_REASON_BAD_QUANTITY;
    }
    if (flags_of_post(order->flags) != 0 && !rests) return TL_REASON_UNSUPPORTED;
    if ((order->flags & TL_FLAG_POST_SLIDE) != 0 && has[order->type].stop) return TL_REASON_UNSUPPORTED;
    if (order->expire_ns < 0 || (order->time_in_force == TL_TIF_GTD && order->expire_ns == 0)) return TL_REASON_BAD_FIELD;
    if (order->expire_ns != 0 && order->expire_ns <= engine->now_ns) return TL_REASON_EXPIRE_TIME;
    return TL_REASON_NONE;
}

int tl_engine_check(const tl_engine *engine, const tl_engine_order *order) {
    if (order->instrument >= tl_instruments_count(engine->instruments)) return TL_REASON_UNKNOWN_SYMBOL;
    return order_reason(engine, tl_instruments_at(engine->instruments, order->instrument), order);
}

/* The price at which a post-only order does not take: its own, a slid one, or TL_ABSENT when it must be refused. */
static int64_t passive_price(const tl_engine *engine, uint32_t instrument, int side, int64_t price, uint32_t flags) {
    uint32_t level = tl_books_level_at(engine->books, instrument, engine_opposite(side), 0);
    if (level == TL_BOOK_NIL) return price;
    int64_t best = tl_books_level(engine->books, level)->price;
    if (!engine_reaches(side, price, best)) return price;
    if ((flags & TL_FLAG_POST_SLIDE) == 0) return TL_ABSENT;
    int64_t tick = tl_instruments_at(engine->instruments, instrument)->tick;
    int64_t slid = side == TL_SIDE_BUY ? best - tick : best + tick;
    return slid > 0 && slid <= ENGINE_LARGEST ? slid : TL_ABSENT;
}

static inline bool is_live(const tl_engine *engine, uint64_t id) {
    return tl_books_find(engine->books, id) != TL_BOOK_NIL ||
           (tl_books_live_orders(engine->stops) != 0 && tl_books_find(engine->stops, id) != TL_BOOK_NIL);
}

/* The engine's own live order of an id, 0 when there is none. */
static inline uint32_t find(const tl_engine *engine, uint64_t id) {
    tl_book_handle handle = tl_books_find(engine->books, id);
    if (handle != TL_BOOK_NIL) return tl_books_order(engine->books, handle)->owner;
    if (tl_books_live_orders(engine->stops) == 0) return 0;
    handle = tl_books_find(engine->stops, id);
    return handle != TL_BOOK_NIL ? tl_books_order(engine->stops, handle)->owner : 0;
}

static inline uint32_t take_slot(tl_engine *engine) {
    uint32_t at = engine->free_order;
    if (at != 0)
        engine->free_order = engine->orders[at].next;
    else if (engine->used_orders < ENGINE_MAX_ORDERS)
        at = engine->used_orders++;
    return at;
}

void tl_engine_new(tl_engine *engine, const tl_engine_order *order) {
    engine_market *market = market_of(engine, order->instrument);
    int64_t price = order->price, quantity = order->quantity;
    uint32_t at = 0, holding = 0;
    bool stops = false;
    int reason = TL_REASON_UNKNOWN_SYMBOL;
    if (market == NULL) goto refused;
    if ((reason = order_reason(engine, tl_instruments_at(engine->instruments, order->instrument), order)) != TL_REASON_NONE)
        goto refused;
    if ((reason = state_reason(market)) != TL_REASON_NONE) goto refused;
    if (is_live(engine, order->id)) {
        reason = TL_REASON_DUPLICATE_ID;
        goto refused;
    }
    stops = order->type >= TL_TYPE_STOP && order->type <= TL_TYPE_TRAILING_STOP;
    if (order->owner != 0) {
        holding = tl_holdings_of(&engine->holdings, order->owner, order->instrument);
        if (holding == 0) {
            reason = TL_REASON_TOO_MANY_ORDERS;
            goto refused;
        }
    }
    if ((order->flags & TL_FLAG_REDUCE_ONLY) != 0 && !stops) {
        int64_t reducible = tl_engine_reducible(engine, holding, order->side);
        if (reducible == 0) {
            reason = TL_REASON_REDUCE_ONLY;
            goto refused;
        }
        if (quantity > reducible) quantity = reducible;
    }
    if (quantity > ENGINE_LARGEST - market->open[order->side - 1]) {
        reason = TL_REASON_OVERFLOW;
        goto refused;
    }
    if (flags_of_post(order->flags) != 0 && !stops) {
        price = passive_price(engine, order->instrument, order->side, price, order->flags);
        if (price == TL_ABSENT) {
            price = order->price;
            reason = TL_REASON_POST_ONLY;
            goto refused;
        }
    }
    if ((at = take_slot(engine)) == 0) {
        reason = TL_REASON_TOO_MANY_ORDERS;
        goto refused;
    }
    engine_order *mine = &engine->orders[at];
    *mine = (engine_order){.id = order->id,
                           .quantity = quantity,
                           .price = price,
                           .holding = holding,
                           .owner = order->owner,
                           .instrument = order->instrument,
                           .flags = (uint16_t)order->flags,
                           .side = order->side,
                           .type = order->type == TL_TYPE_ICEBERG ? TL_TYPE_LIMIT : order->type,
                           .time_in_force = order->time_in_force,
                           .stop_price = order->stop_price,
                           .offset = order->offset,
                           .water = TL_ABSENT,
                           .display = order->display,
                           .expire_ns = order->expire_ns,
                           .sequence = ++engine->sequence};
    uint32_t event = engine->event_count;
    tl_engine_emit(engine, mine, TL_REPORT_ACCEPTED, TL_REASON_NONE);
    if (stops)
        tl_engine_await(engine, market, at);
    else
        tl_engine_execute(engine, market, at, event);
    tl_engine_settle(engine, market, order->instrument);
    return;
refused:
    refuse(engine, order->id, order->instrument, price, order->quantity, TL_REPORT_REJECTED, reason);
}

/* Takes an order in hand from wherever it is. */
static void pick_up(tl_engine *engine, engine_market *market, uint32_t at) {
    if (engine->orders[at].where == ORDER_RESTS)
        tl_engine_withdraw(engine, market, at);
    else
        tl_engine_unawait(engine, market, at);
}

static void end_order(tl_engine *engine, engine_market *market, uint32_t at, int kind, int reason) {
    pick_up(engine, market, at);
    tl_engine_emit(engine, &engine->orders[at], kind, reason);
    engine_free(engine, at);
}

void tl_engine_cancel(tl_engine *engine, uint64_t id) {
    uint32_t at = find(engine, id);
    if (at == 0) {
        refuse(engine, id, (uint32_t)TL_NO_INSTRUMENT, TL_ABSENT, TL_ABSENT, TL_REPORT_CANCEL_REJECTED,
               TL_REASON_UNKNOWN_ORDER);
        return;
    }
    uint32_t instrument = engine->orders[at].instrument;
    engine_market *market = &engine->markets[instrument];
    end_order(engine, market, at, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
    tl_engine_settle(engine, market, instrument);
}

/* A waiting stop waits on with other numbers; as in a book, a quantity that shrinks alone keeps its place among stops of its price. */
static void replace_waiting(tl_engine *engine, engine_market *market, uint32_t at, int64_t price, int64_t stop_price,
                            int64_t quantity) {
    engine_order *order = &engine->orders[at];
    if (price == TL_ABSENT && stop_price == TL_ABSENT && quantity < order->quantity) {
        order->quantity = quantity;
        tl_books_set_quantity(engine->stops, order->handle, quantity);
        tl_engine_emit(engine, order, TL_REPORT_REPLACED, TL_REASON_NONE);
        return;
    }
    tl_engine_unawait(engine, market, at);
    if (price != TL_ABSENT) order->price = price;
    if (stop_price != TL_ABSENT) order->stop_price = stop_price;
    order->quantity = quantity;
    tl_engine_emit(engine, order, TL_REPORT_REPLACED, TL_REASON_NONE);
    tl_engine_await(engine, market, at);
}

/* A resting order changes in place, or leaves and comes back as if it were new. Returns what stands against it. */
static int replace_resting(tl_engine *engine, engine_market *market, uint32_t at, int64_t price, int64_t total) {
    engine_order *order = &engine->orders[at];
    if (order->flags & TL_FLAG_REDUCE_ONLY) {
        int64_t reducible = tl_engine_reducible(engine, order->holding, order->side);
        if (total - order->filled > reducible) total = order->filled + reducible;
    }
    int64_t open = engine_open_quantity(order), new_open = total - order->filled;
    if (price == order->price && new_open < open) {
        tl_engine_shrink(engine, market, at, open - new_open);
        order->quantity = total;
        tl_engine_emit(engine, order, TL_REPORT_REPLACED, TL_REASON_NONE);
        return TL_REASON_NONE;
    }
    if (new_open - open > ENGINE_LARGEST - market->open[order->side - 1]) return TL_REASON_OVERFLOW;
    if (flags_of_post(order->flags) != 0) {
        price = passive_price(engine, order->instrument, order->side, price, order->flags);
        if (price == TL_ABSENT) return TL_REASON_POST_ONLY;
    }
    tl_engine_withdraw(engine, market, at);
    order->price = price;
    order->quantity = total;
    uint32_t event = engine->event_count;
    tl_engine_emit(engine, order, TL_REPORT_REPLACED, TL_REASON_NONE);
    tl_engine_execute(engine, market, at, event);
    return TL_REASON_NONE;
}

static void replace(tl_engine *engine, uint64_t id, int64_t price, int64_t stop_price, int64_t quantity) {
    uint32_t at = find(engine, id), of = (uint32_t)TL_NO_INSTRUMENT;
    int reason = TL_REASON_UNKNOWN_ORDER;
    if (at == 0) goto refused;
    engine_order *order = &engine->orders[at];
    of = order->instrument;
    engine_market *market = &engine->markets[of];
    const tl_instrument *instrument = tl_instruments_at(engine->instruments, of);
    bool rests = order->where == ORDER_RESTS;
    if (!rests && order->type == TL_TYPE_STOP && stop_price == TL_ABSENT) {
        stop_price = price; /* the one price that it has */
        price = TL_ABSENT;
    }
    int64_t total = quantity == TL_ABSENT ? order->quantity : quantity;
    bool has_limit = rests || order->type == TL_TYPE_STOP_LIMIT;
    bool has_stop = !rests && order->type != TL_TYPE_TRAILING_STOP;
    if ((reason = state_reason(market)) != TL_REASON_NONE) goto refused;
    reason = TL_REASON_BAD_PRICE;
    if ((price != TL_ABSENT && !has_limit) || (stop_price != TL_ABSENT && !has_stop)) goto refused;
    if (price != TL_ABSENT && (reason = price_reason(instrument, price)) != TL_REASON_NONE) goto refused;
    if (stop_price != TL_ABSENT && (reason = price_reason(instrument, stop_price)) != TL_REASON_NONE) goto refused;
    if (quantity != TL_ABSENT && (reason = quantity_reason(instrument, quantity)) != TL_REASON_NONE) goto refused;
    if (total <= order->filled)
        end_order(engine, market, at, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
    else if (!rests)
        replace_waiting(engine, market, at, price, stop_price, total);
    else if ((reason = replace_resting(engine, market, at, price != TL_ABSENT ? price : order->price, total)) !=
             TL_REASON_NONE)
        goto refused;
    tl_engine_settle(engine, market, of);
    return;
refused:
    refuse(engine, id, of, price != TL_ABSENT ? price : stop_price, quantity, TL_REPORT_REPLACE_REJECTED, reason);
}

void tl_engine_replace(tl_engine *engine, uint64_t id, int64_t price, int64_t quantity) {
    replace(engine, id, price, TL_ABSENT, quantity);
}

void tl_engine_replace_stop(tl_engine *engine, uint64_t id, int64_t stop_price, int64_t quantity) {
    replace(engine, id, TL_ABSENT, stop_price, quantity);
}

bool tl_engine_expire(tl_engine *engine, int64_t ts_ns, uint32_t *instrument) {
    uint32_t at = 0;
    int64_t due = tl_expiry_first(&engine->expiry, &at);
    if (due > ts_ns || due == INT64_MAX) return false;
    *instrument = engine->orders[at].instrument;
    engine_market *market = &engine->markets[*instrument];
    if (due > engine->now_ns) engine->now_ns = due;
    end_order(engine, market, at, TL_REPORT_EXPIRED, TL_REASON_EXPIRE_TIME);
    tl_engine_settle(engine, market, *instrument);
    return true;
}

void tl_engine_time(tl_engine *engine, int64_t ts_ns) {
    for (uint32_t instrument; tl_engine_expire(engine, ts_ns, &instrument);)
        ;
    if (ts_ns > engine->now_ns) engine->now_ns = ts_ns;
}

int64_t tl_engine_next_expiry_ns(const tl_engine *engine) {
    return tl_expiry_first(&engine->expiry, NULL);
}

void tl_engine_set_state(tl_engine *engine, uint32_t instrument, int state) {
    engine_market *market = market_of(engine, instrument);
    if (market == NULL) return;
    market->state = (uint8_t)state;
    tl_engine_look(engine, market, instrument, TRIGGER_LAST, market->last, market->last);
    tl_engine_look(engine, market, instrument, TRIGGER_MARK, market->mark, market->mark);
    tl_engine_settle(engine, market, instrument);
}

/* Marks the day orders of an instrument's book as due before all others. */
static void mark_day_orders(tl_engine *engine, const tl_books *books, uint32_t instrument) {
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++) {
        uint32_t level;
        for (uint32_t i = 0; (level = tl_books_level_at(books, instrument, side, i)) != TL_BOOK_NIL; i++)
            for (tl_book_handle h = tl_books_level(books, level)->head; h != TL_BOOK_NIL;
                 h = tl_books_order(books, h)->next) {
                uint32_t at = tl_books_order(books, h)->owner;
                if (at == 0 || engine->orders[at].time_in_force != TL_TIF_DAY) continue;
                tl_expiry_remove(&engine->expiry, at);
                tl_expiry_add(&engine->expiry, at, INT64_MIN, engine->orders[at].sequence);
            }
    }
}

void tl_engine_end_of_day(tl_engine *engine, uint32_t instrument) {
    engine_market *market = market_of(engine, instrument);
    if (market == NULL) return;
    mark_day_orders(engine, engine->books, instrument);
    for (uint32_t trigger = 0; trigger < TRIGGERS; trigger++)
        mark_day_orders(engine, engine->stops, instrument * TRIGGERS + trigger);
    for (uint32_t at; tl_expiry_first(&engine->expiry, &at) == INT64_MIN;) {
        tl_expiry_remove(&engine->expiry, at);
        end_order(engine, market, at, TL_REPORT_EXPIRED, TL_REASON_END_OF_DAY);
    }
    tl_engine_settle(engine, market, instrument);
}

void tl_engine_saw_trade(tl_engine *engine, uint32_t instrument, int64_t price) {
    engine_market *market = market_of(engine, instrument);
    if (market == NULL) return;
    engine_print(engine, market, instrument, price);
    tl_engine_settle(engine, market, instrument);
}

void tl_engine_saw_quote(tl_engine *engine, uint32_t instrument) {
    engine_market *market = market_of(engine, instrument);
    if (market != NULL) tl_engine_settle(engine, market, instrument);
}

void tl_engine_saw_mark(tl_engine *engine, uint32_t instrument, int64_t price) {
    engine_market *market = market_of(engine, instrument);
    if (market == NULL) return;
    market->mark = price;
    tl_engine_look(engine, market, instrument, TRIGGER_MARK, price, price);
    tl_engine_settle(engine, market, instrument);
}

uint32_t tl_engine_resting(const tl_engine *engine, uint32_t instrument, int side) {
    if (instrument >= engine->market_count || (side != TL_SIDE_BUY && side != TL_SIDE_SELL)) return 0;
    return engine->markets[instrument].resting[side - 1];
}

uint32_t tl_engine_waiting_stops(const tl_engine *engine, uint32_t instrument) {
    if (instrument >= engine->market_count) return 0;
    const uint32_t *waiting = engine->markets[instrument].waiting;
    return waiting[TRIGGER_LAST] + waiting[TRIGGER_QUOTE] + waiting[TRIGGER_MARK];
}

bool tl_engine_queue_after(const tl_engine *engine, uint64_t id, uint64_t known, int64_t known_ahead, int64_t *ahead,
                           int64_t *total) {
    tl_book_handle handle = tl_books_find(engine->books, id);
    if (handle == TL_BOOK_NIL) return false;
    const tl_book_order *order = tl_books_order(engine->books, handle);
    if (order->owner == 0) return false;
    *total = tl_books_level(engine->books, order->level)->quantity;
    int64_t before = 0;
    for (tl_book_handle h = order->previous; h != TL_BOOK_NIL;) {
        const tl_book_order *other = tl_books_order(engine->books, h);
        before += other->quantity;
        if (other->reference == known) {
            before += known_ahead;
            break;
        }
        h = other->previous;
    }
    *ahead = before;
    return true;
}

bool tl_engine_queue(const tl_engine *engine, uint64_t id, int64_t *ahead, int64_t *total) {
    return tl_engine_queue_after(engine, id, 0, 0, ahead, total);
}

int64_t tl_engine_position(const tl_engine *engine, uint32_t owner, uint32_t instrument) {
    uint32_t holding = tl_holdings_find(&engine->holdings, owner, instrument);
    return holding != 0 ? engine->holdings.all[holding].quantity : 0;
}

tl_books *tl_engine_books(tl_engine *engine) {
    return engine->books;
}

const tl_engine_event *tl_engine_events(const tl_engine *engine, uint32_t *count) {
    *count = engine->event_count;
    return engine->events;
}

void tl_engine_clear_events(tl_engine *engine) {
    engine->event_count = 0;
}
