#include "exchange/quote_fill.h"

static inline tl_ladder *ladder_of(const tl_fill_models *m, uint32_t instrument, int side) {
    return &m->quotes[instrument].sides[side == TL_SIDE_SELL];
}

static inline bool rests(const tl_own_order *order) {
    return order->rest_price != TL_ABSENT;
}

/* ---- the merged picture ---- */

static void touch(tl_fill_models *m, int side, int64_t price) {
    tl_venue_touch_level(m->venue, side, price, 0, 0); /* what it holds is looked up when it is told */
}

static int64_t shown(const tl_own_order *order) {
    int64_t open = tl_model_open_quantity(order);
    return order->display > 0 && order->display < open ? order->display : open;
}

/* Displayed size less what was taken of it, plus own orders; *count is how many own orders there are. */
static int64_t merged_size(const tl_fill_models *m, uint32_t instrument, int side, int64_t price, uint32_t *count) {
    const tl_ladder_rung *rung = tl_ladder_find(ladder_of(m, instrument, side), side, price);
    int64_t size = rung != NULL && rung->size != INT64_MAX ? tl_ladder_left(rung) : 0;
    *count = 0;
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        if (rests(order) && order->side == side && order->price == price) {
            size += shown(order);
            ++*count;
        }
        handle = order->next;
    }
    return size;
}

/* The best displayed price with what is left of it. The quote is the others': a strategy that quotes around the middle must not follow
 * itself. */
static void best_of(const tl_fill_models *m, uint32_t instrument, int side, int64_t *price, int64_t *size) {
    *price = TL_ABSENT;
    *size = 0;
    const tl_ladder_rung *rung;
    for (uint32_t i = 0; (rung = tl_ladder_at(ladder_of(m, instrument, side), i)) != NULL; i++)
        if (tl_ladder_left(rung) > 0) break;
    if (rung == NULL) return;
    *price = rung->price;
    *size = rung->size != INT64_MAX ? tl_ladder_left(rung) : 0;
}

static void tell_queues(tl_fill_models *m, uint32_t instrument) {
    const tl_venue_instrument *of = &m->venue->of[instrument];
    if (!(of->want & TL_WANT_QUEUE) || m->venue->quiet) return;
    for (uint32_t handle = of->own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        handle = order->next;
        if (!rests(order) || order->ahead == TL_ABSENT) continue;
        uint32_t count;
        tl_venue_tell_queue(m->venue, order, order->ahead, merged_size(m, instrument, order->side, order->price, &count));
    }
}

void tl_quote_fill_flush(tl_fill_models *m, uint32_t instrument) {
    tl_venue *v = m->venue;
    for (uint32_t i = 0; i < v->touched_count; i++) {
        tl_venue_touch *one = &v->touched[i];
        one->quantity = merged_size(m, instrument, (int)one->side, one->price, &one->count);
    }
    tl_book_top top;
    best_of(m, instrument, TL_SIDE_BUY, &top.bid_price, &top.bid_size);
    best_of(m, instrument, TL_SIDE_SELL, &top.ask_price, &top.ask_size);
    tl_venue_tell_levels(v, instrument);
    if (v->of[instrument].own.count > 0) tell_queues(m, instrument);
    tl_venue_tell_top(v, instrument, &top);
}

void tl_quote_fill_tell_all(tl_fill_models *m, uint32_t instrument) {
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++) {
        const tl_ladder_rung *rung;
        for (uint32_t i = 0; (rung = tl_ladder_at(ladder_of(m, instrument, side), i)) != NULL; i++)
            touch(m, side, rung->price);
    }
    m->venue->of[instrument].top = (tl_book_top){.bid_price = TL_ABSENT, .ask_price = TL_ABSENT};
    tl_quote_fill_flush(m, instrument);
}

/* ---- queues ---- */

/* A shrinking level: how much of `cancelled` stood in front of an order that has `ahead` before and `behind` after it. */
static int64_t cancelled_ahead(tl_fill_models *m, int64_t ahead, int64_t behind, int64_t cancelled) {
    if (m->config.queue_model == TL_QUEUE_PROPORTIONAL)
        return (int64_t)((tl_int128)cancelled * ahead / (ahead + behind > 0 ? ahead + behind : 1));
    if (m->config.queue_model != TL_QUEUE_PROBABILISTIC) return 0;
    /* Cancels fall before it with probability ahead^3 / (ahead^3 + behind^3). */
    double front = (double)ahead, back = (double)behind;
    front = front * front * front;
    back = back * back * back;
    if (tl_random_uniform(&m->venue->random) * (front + back) < front) return cancelled < ahead ? cancelled : ahead;
    return cancelled > behind ? cancelled - behind : 0;
}

/* The displayed size at a price was `before` and is `now`; of the difference `traded` was traded. */
static void requeue(tl_fill_models *m, uint32_t instrument, int side, int64_t price, int64_t before, int64_t now,
                    int64_t traded) {
    int64_t remaining = before > traded ? before - traded : 0;
    int64_t cancelled = remaining > now ? remaining - now : 0;
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        handle = order->next;
        if (!rests(order) || order->side != side || order->price != price) continue;
        if (order->ahead == TL_ABSENT) { /* displayed for the first time since it came: all of it stands before it */
            order->ahead = now;
            continue;
        }
        if (order->ahead == 0) continue;
        if (cancelled > 0) {
            int64_t behind = remaining > order->ahead ? remaining - order->ahead : 0;
            order->ahead -= cancelled_ahead(m, order->ahead, behind, cancelled);
        }
        if (order->ahead > now) order->ahead = now; /* never more than is displayed */
    }
}

/* The side's best is `best` now: nothing is displayed in front of orders at better prices. */
static void free_queues(tl_fill_models *m, uint32_t instrument, int side, int64_t best) {
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        handle = order->next;
        if (rests(order) && order->side == side &&
            (best == TL_ABSENT || (side == TL_SIDE_BUY ? order->price > best : order->price < best)))
            order->ahead = 0;
    }
}

/* ---- the market moves ---- */

static void set_size(tl_fill_models *m, uint32_t instrument, int side, int64_t price, int64_t size) {
    tl_ladder *ladder = ladder_of(m, instrument, side);
    tl_ladder_rung *rung = size > 0 ? tl_ladder_make(ladder, side, price) : tl_ladder_find(ladder, side, price);
    if (rung == NULL || rung->size == size) return;
    touch(m, side, price);
    int64_t before = rung->size, traded = rung->traded;
    if (size <= 0) {
        tl_ladder_remove(ladder, rung);
    } else {
        *rung = (tl_ladder_rung){.price = price, .size = size};
    }
    if (m->venue->of[instrument].own.count > 0 && before != INT64_MAX && size != INT64_MAX)
        requeue(m, instrument, side, price, before, size > 0 ? size : 0, traded);
}

/* A quote shows one price of a side, or none. */
static void set_best(tl_fill_models *m, uint32_t instrument, int side, int64_t price, int64_t size) {
    tl_ladder *ladder = ladder_of(m, instrument, side);
    for (uint32_t i = ladder->count; i-- > 0;)
        if (ladder->rungs[i].price != price) {
            touch(m, side, ladder->rungs[i].price);
            tl_ladder_remove(ladder, &ladder->rungs[i]);
        }
    if (price != TL_ABSENT) set_size(m, instrument, side, price, size == TL_ABSENT ? INT64_MAX : size);
}

/* Orders of the market that stand across own resting ones trade with them: at the own price, own best first. */
static void cross_resting(tl_fill_models *m, uint32_t instrument, int own_side) {
    uint64_t pass = ++m->pass;
    for (;;) {
        uint32_t best = 0;
        int64_t best_price = 0;
        for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
            const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
            if (rests(order) && order->side == own_side && order->pass != pass &&
                (best == 0 || (own_side == TL_SIDE_BUY ? order->price > best_price : order->price < best_price))) {
                best = handle;
                best_price = order->price;
            }
            handle = order->next;
        }
        if (best == 0) return;
        tl_own_order *order = tl_own_orders_at(m->venue->own, best);
        order->pass = pass;
        const tl_ladder *ladder = ladder_of(m, instrument, tl_other_side(own_side));
        tl_ladder_rung *rung;
        bool ended = false;
        for (uint32_t i = 0; !ended && (rung = tl_ladder_at(ladder, i)) != NULL && tl_model_reaches(order, rung->price);
             i++) {
            int64_t open = tl_model_open_quantity(order), left = tl_ladder_left(rung), quantity = open < left ? open : left;
            if (quantity <= 0) continue;
            touch(m, own_side, order->price);
            touch(m, tl_other_side(own_side), rung->price);
            rung->taken += quantity;
            ended = tl_model_fill(m, best, order->price, quantity, TL_LIQUIDITY_MAKER);
        }
        if (!ended && tl_ladder_at(ladder, 0) == NULL) return;
    }
}

/* The price that stops of a side look at. */
static int64_t stop_looks_at(const tl_fill_models *m, const tl_own_order *order) {
    int64_t last = m->venue->of[order->instrument].last_price;
    if (!(order->flags & TL_FLAG_TRIGGER_QUOTE) && last != TL_ABSENT) return last;
    const tl_ladder_rung *rung = tl_ladder_at(ladder_of(m, order->instrument, tl_other_side(order->side)), 0);
    return rung != NULL ? rung->price : TL_ABSENT;
}

static void look_at_stops(tl_fill_models *m, uint32_t instrument) {
    uint64_t pass = ++m->pass;
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        uint32_t next = order->next;
        if (order->stage == TL_OWN_STOP && order->pass != pass) {
            order->pass = pass;
            int64_t price = stop_looks_at(m, order);
            if (price != TL_ABSENT && tl_model_triggers(order, price)) {
                tl_model_trigger(m, handle);
                tl_quote_fill_arrive(m, handle);
                next = m->venue->of[instrument].own.first; /* its fill may have ended others */
            } else if (price != TL_ABSENT && order->type == TL_TYPE_TRAILING_STOP) {
                tl_model_trail(m, order, price);
            }
        }
        handle = next;
    }
}

/* Whether a trade at an own order's price can have been with its side. */
static bool trade_meets(const tl_fill_models *m, const tl_own_order *order, int64_t price, int aggressor) {
    bool buys = order->side == TL_SIDE_BUY;
    if (buys ? price < order->price : price > order->price) return true;
    if (price != order->price) return false;
    if (aggressor != TL_SIDE_NONE) return aggressor != order->side;
    /* Not told: the quote tells, where it does. */
    const tl_ladder_rung *across = tl_ladder_at(ladder_of(m, order->instrument, tl_other_side(order->side)), 0);
    return across == NULL || (buys ? price < across->price : price > across->price);
}

/* A trade of `quantity` meets resting own orders of a side, best first; what stands before them at its price trades first. */
static void trade_with_resting(tl_fill_models *m, uint32_t instrument, int own_side, int64_t price, int64_t quantity,
                               int aggressor) {
    uint64_t pass = ++m->pass;
    int64_t left = quantity, here = TL_ABSENT; /* left when the trade reached its own price */
    for (;;) {
        uint32_t best = 0;
        int64_t best_price = 0;
        for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
            const tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
            if (rests(order) && order->side == own_side && order->pass != pass && trade_meets(m, order, price, aggressor) &&
                (best == 0 || (own_side == TL_SIDE_BUY ? order->price > best_price : order->price < best_price))) {
                best = handle;
                best_price = order->price;
            }
            handle = order->next;
        }
        if (best == 0) return;
        tl_own_order *order = tl_own_orders_at(m->venue->own, best);
        order->pass = pass;
        int64_t reaches = left;
        if (best_price == price) {
            if (here == TL_ABSENT) here = left;
            if (order->ahead == TL_ABSENT) {
                const tl_ladder_rung *rung = tl_ladder_find(ladder_of(m, instrument, own_side), own_side, price);
                order->ahead = rung != NULL && rung->size != INT64_MAX ? rung->size : 0;
            }
            int64_t before = order->ahead;
            order->ahead = before > here ? before - here : 0;
            reaches = left < here - before ? left : here - before;
        }
        if (reaches <= 0) continue;
        int64_t open = tl_model_open_quantity(order), traded = open < reaches ? open : reaches;
        left -= traded;
        touch(m, own_side, order->price);
        tl_model_fill(m, best, order->price, traded, TL_LIQUIDITY_MAKER);
    }
}

static void rest(tl_fill_models *m, tl_own_order *order) {
    order->rest_price = order->price;
    touch(m, order->side, order->price);
    const tl_ladder *ladder = ladder_of(m, order->instrument, order->side);
    const tl_ladder_rung *rung = tl_ladder_find(ladder, order->side, order->price), *best = tl_ladder_at(ladder, 0);
    int model = m->venue->of[order->instrument].model;
    if (rung != NULL)
        order->ahead = rung->size != INT64_MAX ? rung->size : 0;
    else if (model == TL_FILL_TRADES)
        order->ahead = tl_model_open_quantity(order); /* no queue is shown: as much as it is itself */
    else if (model == TL_FILL_DEPTH || best == NULL ||
             (order->side == TL_SIDE_BUY ? order->price > best->price : order->price < best->price))
        order->ahead = 0;
    else
        order->ahead = TL_ABSENT; /* behind the best quote: known when the quote comes there */
}

/* Orders that met a market of which only trades are known trade at the next one's price. */
static void trade_with_takers(tl_fill_models *m, uint32_t instrument, int64_t price, int64_t quantity) {
    uint64_t pass = ++m->pass;
    for (uint32_t handle = m->venue->of[instrument].own.first; handle != 0;) {
        tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
        if (order->stage != TL_OWN_WORKING || !order->takes || order->pass == pass) {
            handle = order->next;
            continue;
        }
        order->pass = pass;
        int64_t open = tl_model_open_quantity(order), traded = open < quantity ? open : quantity;
        bool reached = tl_model_reaches(order, price), ended = false, at_once = tl_model_at_once(order);
        if (order->time_in_force == TL_TIF_FOK && (!reached || traded < open)) {
            tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_FOK);
            ended = true;
        } else if (reached && traded > 0) {
            quantity -= traded;
            ended = tl_model_fill(m, handle, price, traded, TL_LIQUIDITY_TAKER);
        }
        if (!ended && at_once)
            tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_IOC);
        else if (!ended && !reached) {
            order->takes = 0; /* the market moved away */
            rest(m, order);
        }
        handle = m->venue->of[instrument].own.first;
    }
}

static void opening_trade(tl_fill_models *m, uint32_t instrument, const int64_t price[2], int64_t room) {
    m->quotes[instrument].opening = 0;
    tl_model_auction(m, instrument, TL_TIF_AT_OPEN, price, &room);
}

static void on_trade(tl_fill_models *m, const tl_event *event) {
    tl_venue *v = m->venue;
    uint32_t instrument = event->instrument;
    int64_t price = event->w[0], quantity = event->w[1];
    int aggressor = (int)(event->w[3] & 0xff);
    tl_venue_trade(v, instrument, price, quantity, (uint64_t)event->w[2], aggressor, (int)(event->w[3] >> 8));
    if (v->of[instrument].own.count > 0) {
        const int64_t both[2] = {price, price};
        if (m->quotes[instrument].opening) opening_trade(m, instrument, both, quantity);
        trade_with_takers(m, instrument, price, quantity);
        trade_with_resting(m, instrument, TL_SIDE_BUY, price, quantity, aggressor);
        trade_with_resting(m, instrument, TL_SIDE_SELL, price, quantity, aggressor);
        look_at_stops(m, instrument);
    }
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++) {
        tl_ladder_rung *rung = tl_ladder_find(ladder_of(m, instrument, side), side, price);
        if (rung != NULL && side != aggressor) rung->traded += quantity;
    }
}

static int64_t best_price(const tl_fill_models *m, uint32_t instrument, int side) {
    const tl_ladder_rung *rung = tl_ladder_at(ladder_of(m, instrument, side), 0);
    return rung != NULL ? rung->price : TL_ABSENT;
}

static void moved(tl_fill_models *m, uint32_t instrument) {
    if (m->venue->of[instrument].own.count == 0) return;
    if (m->quotes[instrument].opening) {
        const int64_t price[2] = {best_price(m, instrument, TL_SIDE_SELL), best_price(m, instrument, TL_SIDE_BUY)};
        opening_trade(m, instrument, price, INT64_MAX);
    }
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++) {
        free_queues(m, instrument, side, best_price(m, instrument, side));
        cross_resting(m, instrument, side);
    }
    look_at_stops(m, instrument);
}

void tl_quote_fill_event(tl_fill_models *m, const tl_event *event) {
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        set_best(m, event->instrument, TL_SIDE_BUY, event->w[0], event->w[2]);
        set_best(m, event->instrument, TL_SIDE_SELL, event->w[1], event->w[3]);
        moved(m, event->instrument);
        break;
    case TL_EVENT_LEVEL:
        set_size(m, event->instrument, (int)event->w[3], event->w[0], event->w[1]);
        return;
    case TL_EVENT_BOOK:
        moved(m, event->instrument);
        break;
    case TL_EVENT_TRADE:
        on_trade(m, event);
        break;
    default:
        return;
    }
    tl_quote_fill_flush(m, event->instrument);
}

/* ---- own orders come ---- */

int64_t tl_quote_fill_price(const tl_fill_models *m, const tl_own_order *order) {
    const tl_ladder *ladder = ladder_of(m, order->instrument, tl_other_side(order->side));
    const tl_ladder_rung *rung;
    for (uint32_t i = 0; (rung = tl_ladder_at(ladder, i)) != NULL; i++)
        if (tl_ladder_left(rung) > 0) return rung->price;
    return m->venue->of[order->instrument].model == TL_FILL_TRADES ? m->venue->of[order->instrument].last_price : TL_ABSENT;
}

/* What an order could take now. */
static int64_t takeable(const tl_fill_models *m, const tl_own_order *order) {
    const tl_ladder *ladder = ladder_of(m, order->instrument, tl_other_side(order->side));
    const tl_ladder_rung *rung;
    int64_t sum = 0, open = tl_model_open_quantity(order);
    for (uint32_t i = 0; sum < open && (rung = tl_ladder_at(ladder, i)) != NULL && tl_model_reaches(order, rung->price);
         i++) {
        int64_t left = tl_ladder_left(rung);
        sum = left >= open - sum ? open : sum + left;
    }
    return sum;
}

/* Takes what is displayed, best first. True when the order ended. */
static bool take(tl_fill_models *m, uint32_t handle) {
    if (tl_model_reduce(m, handle)) return true;
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    int other = tl_other_side(order->side);
    const tl_ladder *ladder = ladder_of(m, order->instrument, other);
    tl_ladder_rung *rung;
    for (uint32_t i = 0; (rung = tl_ladder_at(ladder, i)) != NULL && tl_model_reaches(order, rung->price); i++) {
        int64_t open = tl_model_open_quantity(order), left = tl_ladder_left(rung), quantity = open < left ? open : left;
        if (quantity <= 0) continue;
        if (rung->size != INT64_MAX) rung->taken += quantity;
        touch(m, other, rung->price);
        tl_venue_trade(m->venue, order->instrument, rung->price, quantity, m->venue->executions + 1, order->side,
                       TL_TRADE_NORMAL);
        if (tl_model_fill(m, handle, rung->price, quantity, TL_LIQUIDITY_TAKER)) return true;
    }
    return false;
}

void tl_quote_fill_arrive(tl_fill_models *m, uint32_t handle) {
    tl_own_order *order = tl_own_orders_at(m->venue->own, handle);
    if (order->stage == TL_OWN_STOP) {
        int64_t price = stop_looks_at(m, order);
        if (price != TL_ABSENT && order->type == TL_TYPE_TRAILING_STOP) tl_model_trail(m, order, price);
        if (price == TL_ABSENT || !tl_model_triggers(order, price)) return;
        tl_model_trigger(m, handle);
    }
    if (m->venue->of[order->instrument].model <= TL_FILL_TRADES) {
        int64_t last = m->venue->of[order->instrument].last_price;
        order->takes =
            order->price == TL_ABSENT || (last != TL_ABSENT && tl_model_reaches(order, last)) || tl_model_at_once(order);
        if (!order->takes) rest(m, order);
        return;
    }
    if (order->time_in_force == TL_TIF_FOK && takeable(m, order) < tl_model_open_quantity(order)) {
        tl_model_end(m, handle, TL_REPORT_CANCELED, TL_REASON_FOK);
        return;
    }
    if (take(m, handle)) return;
    bool market = order->price == TL_ABSENT;
    if (market || tl_model_at_once(order))
        tl_model_end(m, handle, TL_REPORT_CANCELED, market && order->filled == 0 ? TL_REASON_NO_LIQUIDITY : TL_REASON_IOC);
    else
        rest(m, order);
}

void tl_quote_fill_close(tl_fill_models *m, uint32_t instrument) {
    int64_t last = m->venue->of[instrument].last_price, room = INT64_MAX;
    int64_t price[2] = {last, last};
    if (last == TL_ABSENT) {
        price[0] = best_price(m, instrument, TL_SIDE_SELL);
        price[1] = best_price(m, instrument, TL_SIDE_BUY);
    }
    tl_model_auction(m, instrument, TL_TIF_AT_CLOSE, price, &room);
}
