#include "exchange/venue.h"

#include <string.h>

#include "exchange/simulator.h"

enum { MAX_INSTRUMENTS = 1 << 20, MAX_SLOTS = 1 << 25, MAX_REPORTS = 1 << 22, MAX_CHANGED = 1 << 22 };

/* One beyond the end of the outputs: written when there is no room, never read. */
enum { SPARE = 1 };

static const tl_book_top nothing = {.bid_price = TL_ABSENT, .ask_price = TL_ABSENT};

tl_status tl_venue_init(tl_venue *v, tl_instruments *instruments, int self_trade, uint64_t seed) {
    memset(v, 0, sizeof *v);
    v->instruments = instruments;
    v->now_ns = INT64_MIN;
    tl_random_seed(&v->random, seed, 0x76656e7565);
    tl_status status = tl_taken_init(&v->taken);
    v->engine = tl_engine_create(instruments, (tl_self_trade_policy)self_trade);
    if (status == TL_OK && v->engine == NULL) status = tl_error_prefix(TL_ERR_NO_MEMORY, "no memory for a simulator");
    v->own = tl_own_orders_create();
    const size_t bytes[] = {(size_t)MAX_INSTRUMENTS * sizeof *v->of, (size_t)(MAX_SLOTS + 2 * SPARE) * sizeof *v->events,
                            (size_t)(MAX_REPORTS + SPARE) * sizeof *v->reports,
                            (size_t)(TL_VENUE_TOUCHED + SPARE) * sizeof *v->touched,
                            (size_t)MAX_CHANGED * sizeof *v->changed};
    for (int i = 0; status == TL_OK && i < 5; i++)
        status = tl_vmem_reserve(&v->memory[i], bytes[i]);
    if (status == TL_OK && v->own == NULL) status = tl_error_set(TL_ERR_NO_MEMORY, "no memory for a simulator");
    if (status != TL_OK) {
        tl_venue_close(v);
        return status;
    }
    v->books = tl_engine_books(v->engine);
    v->of = v->memory[0].base;
    v->events = v->memory[1].base;
    v->reports = v->memory[2].base;
    v->touched = v->memory[3].base;
    v->changed = v->memory[4].base;
    tl_venue_ensure(v);
    return TL_OK;
}

void tl_venue_close(tl_venue *v) {
    tl_engine_destroy(v->engine);
    tl_own_orders_destroy(v->own);
    tl_taken_close(&v->taken);
    for (int i = 0; i < 5; i++)
        tl_vmem_release(&v->memory[i]);
}

void tl_venue_ensure(tl_venue *v) {
    uint32_t count = tl_instruments_count(v->instruments);
    for (; v->prepared < count; v->prepared++) {
        v->of[v->prepared].top = nothing;
        v->of[v->prepared].last_price = TL_ABSENT;
    }
}

/* ---- outputs ---- */

tl_event *tl_venue_event(tl_venue *v, int kind, uint32_t instrument) {
    if (TL_UNLIKELY(v->slots >= MAX_SLOTS)) {
        v->dropped++;
        return &v->events[MAX_SLOTS];
    }
    tl_event *event = &v->events[v->slots];
    v->slots += tl_event_slots((uint8_t)kind);
    *event = (tl_event){.ts_ns = v->now_ns, .instrument = instrument, .kind = (uint8_t)kind, .source = TL_SOURCE_MARKET};
    return event;
}

/* A one-slot event with its payload, as tl_venue_event(): the hot ones, written once. */
static inline void tell(tl_venue *v, int kind, uint32_t instrument, int64_t w0, int64_t w1, int64_t w2, int64_t w3) {
    if (TL_UNLIKELY(v->slots >= MAX_SLOTS)) {
        v->dropped++;
        return;
    }
    v->events[v->slots++] = (tl_event){.ts_ns = v->now_ns,
                                       .instrument = instrument,
                                       .kind = (uint8_t)kind,
                                       .source = TL_SOURCE_MARKET,
                                       .w = {w0, w1, w2, w3}};
}

void tl_venue_trade(tl_venue *v, uint32_t instrument, int64_t price, int64_t quantity, uint64_t id, int aggressor,
                    int kind) {
    v->of[instrument].last_price = price;
    if (v->quiet || !(v->of[instrument].want & TL_WANT_TRADES)) return;
    tell(v, TL_EVENT_TRADE, instrument, price, quantity, (int64_t)id, aggressor | kind << 8);
}

static tl_report *next_report(tl_venue *v) {
    if (TL_UNLIKELY(v->report_count >= MAX_REPORTS)) {
        v->dropped++;
        return &v->reports[MAX_REPORTS];
    }
    return &v->reports[v->report_count++];
}

tl_report *tl_venue_report(tl_venue *v, const tl_own_order *order, int kind, int reason) {
    tl_report *report = next_report(v);
    *report = (tl_report){.order_id = order->id,
                          .price = order->price,
                          .quantity = order->quantity,
                          .filled = order->filled,
                          .limit = TL_ABSENT,
                          .value = TL_ABSENT,
                          .ts_venue_ns = v->now_ns,
                          .queue_ahead = TL_ABSENT,
                          .instrument = order->instrument,
                          .kind = (uint8_t)kind,
                          .reason = (uint16_t)reason,
                          .strategy = order->owner - 1};
    return report;
}

tl_report *tl_venue_refuse(tl_venue *v, const tl_command *command, int kind, int reason) {
    tl_report *report = next_report(v);
    *report = (tl_report){.order_id = command->order_id,
                          .price = command->price,
                          .quantity = command->quantity,
                          .limit = TL_ABSENT,
                          .value = TL_ABSENT,
                          .ts_venue_ns = v->now_ns,
                          .queue_ahead = TL_ABSENT,
                          .instrument = command->instrument,
                          .kind = (uint8_t)kind,
                          .reason = (uint16_t)reason,
                          .strategy = command->strategy};
    return report;
}

bool tl_venue_fill(tl_venue *v, uint32_t handle, int64_t price, int64_t quantity, int liquidity) {
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    order->filled += quantity;
    tl_report *report = tl_venue_report(v, order, TL_REPORT_FILL, TL_REASON_NONE);
    report->execution_id = ++v->executions;
    report->price = price;
    report->quantity = quantity;
    report->liquidity = (uint8_t)liquidity;
    tl_engine_adjust(v->engine, order->owner, order->instrument, order->side == TL_SIDE_BUY ? quantity : -quantity);
    uint32_t instrument = order->instrument;
    bool closed = order->filled >= order->quantity;
    if (closed) tl_own_orders_remove(v->own, &v->of[instrument].own, handle);
    tl_venue_absorb(v, instrument); /* reduce-only orders of the engine that this left nothing to reduce */
    return closed;
}

void tl_venue_end(tl_venue *v, uint32_t handle, int kind, int reason) {
    const tl_own_order *order = tl_own_orders_at(v->own, handle);
    tl_venue_report(v, order, kind, reason);
    tl_own_orders_remove(v->own, &v->of[order->instrument].own, handle);
}

/* ---- what the engine did ---- */

static inline bool wants_levels(const tl_venue *v, uint32_t instrument) {
    return !v->quiet && (v->of[instrument].want & (TL_WANT_LEVELS | TL_WANT_QUEUE)) != 0;
}

static void touch_price(tl_venue *v, uint32_t instrument, int side, int64_t price) {
    if (!wants_levels(v, instrument)) return;
    uint32_t index = tl_books_level_find(v->books, instrument, side, price);
    const tl_book_level *level = index != TL_BOOK_NIL ? tl_books_level(v->books, index) : NULL;
    tl_venue_touch_level(v, side, price, level != NULL ? level->quantity : 0, level != NULL ? level->count : 0);
}

static void absorb_fill(tl_venue *v, tl_own_order *order, const tl_engine_event *e) {
    order->filled += e->quantity;
    tl_report *report = tl_venue_report(v, order, TL_REPORT_FILL, TL_REASON_NONE);
    report->execution_id = ++v->executions;
    report->price = e->price;
    report->quantity = e->quantity;
    report->liquidity = e->liquidity;
    if (e->liquidity == TL_LIQUIDITY_TAKER) {
        int resting = tl_other_side(order->side);
        tl_venue_trade(v, order->instrument, e->price, e->quantity, v->executions, order->side, TL_TRADE_NORMAL);
        if (!(e->against & TL_OWN_REFERENCE)) {
            tl_taken_add(&v->taken, e->against, e->quantity, order->instrument, resting, e->price);
            touch_price(v, order->instrument, resting, e->price);
        }
    } else if (v->hit == TL_HIT_ADD) {
        tl_venue_trade(v, order->instrument, e->price, e->quantity, v->executions, tl_other_side(order->side),
                       TL_TRADE_NORMAL);
    } else if (v->hit == TL_HIT_CROSS) {
        report->price = v->cross_price;
        report->liquidity = TL_LIQUIDITY_AUCTION;
    }
    order->closed = e->remaining == 0;
}

static void absorb_one(tl_venue *v, const tl_engine_event *e) {
    uint32_t handle = tl_own_orders_find(v->own, e->id & ~TL_OWN_REFERENCE);
    if (handle == 0) return; /* refusals of unknown ids are answered before the engine is asked */
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    order->told_ahead = TL_ABSENT;
    v->joined = false;
    if (!order->changed) {
        order->changed = 1;
        v->changed[v->changed_count++] = handle;
    }
    switch (e->kind) {
    case TL_REPORT_FILL:
        absorb_fill(v, order, e);
        return;
    case TL_REPORT_ACCEPTED:
    case TL_REPORT_TRIGGERED:
    case TL_REPORT_REPLACED:
    case TL_REPORT_RESTATED:
        order->price = e->price;
        order->quantity = e->quantity;
        break;
    case TL_REPORT_CANCELED:
    case TL_REPORT_EXPIRED:
    case TL_REPORT_REJECTED:
        order->closed = 1;
        break;
    default:
        break;
    }
    tl_venue_report(v, order, e->kind, e->reason)->queue_ahead = e->ahead;
}

/* Where an own order stands now, against where it stood: the levels that this changed. */
static void settle_place(tl_venue *v, uint32_t own) {
    tl_own_order *order = tl_own_orders_at(v->own, own);
    int64_t price = TL_ABSENT, quantity = 0;
    tl_book_handle handle = tl_books_find(v->books, order->id | TL_OWN_REFERENCE);
    if (handle != TL_BOOK_NIL) {
        const tl_book_order *resting = tl_books_order(v->books, handle);
        price = tl_books_level(v->books, resting->level)->price;
        quantity = resting->quantity;
    }
    if (price == order->rest_price && quantity == order->rest_quantity) return;
    if (order->rest_price != TL_ABSENT) touch_price(v, order->instrument, order->side, order->rest_price);
    if (price != TL_ABSENT && price != order->rest_price) touch_price(v, order->instrument, order->side, price);
    if (price != order->rest_price) tl_own_orders_rest(v->own, &v->of[order->instrument].own, own, price);
    order->rest_quantity = quantity;
}

static void refresh_busy(tl_venue *v, uint32_t instrument) {
    v->of[instrument].busy = tl_engine_resting(v->engine, instrument, TL_SIDE_BUY) > 0 ||
                             tl_engine_resting(v->engine, instrument, TL_SIDE_SELL) > 0 ||
                             tl_engine_waiting_stops(v->engine, instrument) > 0;
}

static void settle_changed(tl_venue *v, uint32_t instrument) {
    for (uint32_t i = 0; i < v->changed_count; i++) {
        tl_own_order *order = tl_own_orders_at(v->own, v->changed[i]);
        order->changed = 0;
        settle_place(v, v->changed[i]);
        if (order->closed) tl_own_orders_remove(v->own, &v->of[order->instrument].own, v->changed[i]);
    }
    v->changed_count = 0;
    refresh_busy(v, instrument);
}

void tl_venue_absorb(tl_venue *v, uint32_t instrument) {
    uint32_t count;
    const tl_engine_event *events = tl_engine_events(v->engine, &count);
    for (uint32_t i = 0; i < count; i++)
        absorb_one(v, &events[i]);
    settle_changed(v, instrument);
    if (count > 0) tl_engine_clear_events(v->engine);
}

void tl_venue_time(tl_venue *v, int64_t now_ns) {
    if (now_ns > v->now_ns) v->now_ns = now_ns;
    for (uint32_t instrument; TL_UNLIKELY(tl_engine_expire(v->engine, v->now_ns, &instrument));) {
        tl_venue_absorb(v, instrument);
        tl_venue_flush(v, instrument);
    }
    tl_engine_time(v->engine, v->now_ns);
}

int64_t tl_venue_hit(tl_venue *v, tl_hit_kind hit, uint32_t instrument, int aggressor, int64_t price, int64_t quantity,
                     tl_book_handle before, uint64_t against) {
    if (quantity <= 0 || tl_engine_resting(v->engine, instrument, tl_other_side(aggressor)) == 0) return quantity;
    v->hit = hit;
    int64_t left = tl_engine_hit(v->engine, instrument, aggressor, price, quantity, before, against);
    if (left != quantity) tl_venue_absorb(v, instrument);
    v->hit = TL_HIT_NONE;
    return left;
}

/* ---- what a strategy sees ---- */

static inline void tell_level(tl_venue *v, uint32_t instrument, const tl_venue_touch *touch) {
    tell(v, TL_EVENT_LEVEL, instrument, touch->price, touch->quantity, touch->count, touch->side);
}

static inline void tell_quote(tl_venue *v, uint32_t instrument) {
    const tl_book_top *top = &v->of[instrument].top;
    tell(v, TL_EVENT_QUOTE, instrument, top->bid_price, top->ask_price, top->bid_size, top->ask_size);
}

static inline bool same_top(const tl_book_top *a, const tl_book_top *b) {
    return ((a->bid_price ^ b->bid_price) | (a->ask_price ^ b->ask_price) | (a->bid_size ^ b->bid_size) |
            (a->ask_size ^ b->ask_size)) == 0;
}

void tl_venue_tell_levels(tl_venue *v, uint32_t instrument) {
    if (v->quiet || !(v->of[instrument].want & TL_WANT_LEVELS)) return;
    for (uint32_t i = 0; i < v->touched_count; i++)
        tell_level(v, instrument, &v->touched[i]);
}

void tl_venue_tell_top(tl_venue *v, uint32_t instrument, const tl_book_top *top) {
    tl_venue_instrument *of = &v->of[instrument];
    uint32_t want = v->quiet ? 0 : of->want;
    if (!same_top(top, &of->top)) {
        of->top = *top;
        if (want & TL_WANT_QUOTES) tell_quote(v, instrument);
    }
    if ((want & TL_WANT_LEVELS) && v->touched_count > 0) tell(v, TL_EVENT_BOOK, instrument, 0, 0, 0, 0);
    v->touched_count = 0;
}

void tl_venue_tell_queue(tl_venue *v, tl_own_order *order, int64_t ahead, int64_t total) {
    if (ahead == order->told_ahead && total == order->told_total) return;
    order->told_ahead = ahead;
    order->told_total = total;
    tell(v, TL_EVENT_QUEUE, order->instrument, (int64_t)order->id, ahead, total, 0);
}

/* Places in the queue of a level that the message changed. */
static void tell_queue_of(tl_venue *v, uint32_t instrument, const tl_venue_touch *touch) {
    int side = (int)touch->side;
    uint64_t known = 0;
    int64_t known_ahead = 0; /* many own orders in one level are one walk, not one each */
    for (uint32_t handle = v->of[instrument].own.best[side == TL_SIDE_SELL]; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(v->own, handle);
        if (tl_own_price_better(side, touch->price, order->rest_price)) return;
        handle = order->rest_next;
        if (order->rest_price != touch->price) continue;
        /* What joins a level stands behind; nothing comes in front of the first. Else the queue is walked. */
        int64_t ahead = order->told_ahead, total = touch->quantity;
        if ((ahead == TL_ABSENT || (ahead != 0 && !v->joined)) &&
            !tl_engine_queue_after(v->engine, order->id | TL_OWN_REFERENCE, known, known_ahead, &ahead, &total))
            continue;
        known = order->id | TL_OWN_REFERENCE;
        known_ahead = ahead;
        tl_venue_tell_queue(v, order, ahead, total);
    }
}

static inline void tell_queues(tl_venue *v, uint32_t instrument) {
    const tl_venue_instrument *of = &v->of[instrument];
    if (TL_LIKELY(!of->busy || (of->want & TL_WANT_QUEUE) == 0)) return;
    for (uint32_t i = 0; i < v->touched_count; i++)
        tell_queue_of(v, instrument, &v->touched[i]);
}

/* The one level that the message changed stands behind the best of its side. */
static inline bool is_behind_best(const tl_venue *v, const tl_venue_instrument *of) {
    if (v->touched_count != 1) return false;
    const tl_venue_touch *touch = v->touched;
    return touch->side == TL_SIDE_BUY ? touch->price < of->top.bid_price
                                      : touch->price > of->top.ask_price && of->top.ask_price != TL_ABSENT;
}

/* The best level of a side with what is left of it without own orders, which stand in the same order as the levels. */
static void best_of_others(const tl_venue *v, uint32_t instrument, int side, int64_t *price, int64_t *size) {
    uint32_t handle = v->of[instrument].own.best[side == TL_SIDE_SELL];
    for (uint32_t i = 0;; i++) {
        uint32_t index = tl_books_level_at(v->books, instrument, side, i);
        if (index == TL_BOOK_NIL) break;
        const tl_book_level *level = tl_books_level(v->books, index);
        int64_t left = level->quantity;
        for (const tl_own_order *order; handle != 0; handle = order->rest_next) {
            order = tl_own_orders_at(v->own, handle);
            if (order->rest_price != level->price) break;
            left -= order->rest_quantity;
        }
        if (left > 0) {
            *price = level->price;
            *size = left;
            return;
        }
    }
    *price = TL_ABSENT;
    *size = 0;
}

/* The quote is the others': a strategy that quotes around the middle must not follow itself. Where the message at hand tells its levels, a side of which it
 * touched none is as it was told. */
static void top_of_others(const tl_venue *v, uint32_t instrument, tl_book_top *top) {
    const tl_venue_instrument *of = &v->of[instrument];
    if (TL_LIKELY(!of->busy)) {
        tl_books_top(v->books, instrument, top);
        return;
    }
    bool moved[2] = {v->touched_count == 0, v->touched_count == 0};
    for (uint32_t i = 0; i < v->touched_count; i++)
        moved[v->touched[i].side == TL_SIDE_SELL] = true;
    *top = of->top;
    if (moved[0]) best_of_others(v, instrument, TL_SIDE_BUY, &top->bid_price, &top->bid_size);
    if (moved[1]) best_of_others(v, instrument, TL_SIDE_SELL, &top->ask_price, &top->ask_size);
}

void tl_venue_flush(tl_venue *v, uint32_t instrument) {
    const tl_venue_instrument *of = &v->of[instrument];
    if (is_behind_best(v, of)) {
        if (of->want & TL_WANT_LEVELS) tell_level(v, instrument, v->touched);
        tell_queues(v, instrument);
        if (of->want & TL_WANT_LEVELS) tell(v, TL_EVENT_BOOK, instrument, 0, 0, 0, 0);
        v->touched_count = 0;
        return;
    }
    tl_book_top top;
    top_of_others(v, instrument, &top);
    if (TL_UNLIKELY(of->busy && tl_engine_waiting_stops(v->engine, instrument) > 0 && !same_top(&top, &of->top))) {
        tl_engine_saw_quote(v->engine, instrument);
        tl_venue_absorb(v, instrument);
        top_of_others(v, instrument, &top);
    }
    tl_venue_tell_levels(v, instrument);
    tell_queues(v, instrument);
    tl_venue_tell_top(v, instrument, &top);
}

void tl_venue_tell_all(tl_venue *v, uint32_t instrument) {
    tl_venue_instrument *of = &v->of[instrument];
    if (v->quiet) return;
    if (of->state != TL_STATE_UNKNOWN) tl_venue_event(v, TL_EVENT_STATUS, instrument)->w[0] = of->state;
    bool levels = false;
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL && (of->want & TL_WANT_LEVELS); side++)
        for (uint32_t i = tl_books_depth(v->books, instrument, side); i-- > 0;) {
            const tl_book_level *level = tl_books_level(v->books, tl_books_level_at(v->books, instrument, side, i));
            tl_venue_touch touch = {
                .price = level->price, .quantity = level->quantity, .count = level->count, .side = (uint32_t)side};
            tell_level(v, instrument, &touch);
            levels = true;
        }
    top_of_others(v, instrument, &of->top);
    if ((of->want & TL_WANT_QUOTES) && !same_top(&of->top, &nothing)) tell_quote(v, instrument);
    if (levels) tl_venue_event(v, TL_EVENT_BOOK, instrument);
}

void tl_venue_set_state(tl_venue *v, uint32_t instrument, int phase, int action, const char *reason) {
    tl_venue_instrument *of = &v->of[instrument];
    if (phase >= 0) of->phase = (uint8_t)phase;
    if (action >= 0) of->action = (uint8_t)action;
    bool stopped = of->action == TL_STATE_HALTED || of->action == TL_STATE_PAUSED || of->action == TL_STATE_AUCTION;
    uint8_t state = stopped || of->phase == TL_STATE_UNKNOWN ? of->action : of->phase;
    if (state == of->state) return;
    of->state = state;
    tl_engine_set_state(v->engine, instrument, state);
    if (v->quiet || of->want == 0) return;
    tl_event *event = tl_venue_event(v, TL_EVENT_STATUS, instrument);
    event->w[0] = state;
    for (int i = 0; i < 4 && reason[i] != 0; i++)
        event->w[1] |= (int64_t)(uint8_t)reason[i] << (8 * i);
}
