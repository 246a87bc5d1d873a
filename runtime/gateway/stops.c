#include "gateway/stops.h"

#include "gateway/held.h"
#include "order/ticks.h"

static inline held_part *part(tl_gateway *gateway, uint32_t slot) {
    return &gateway->orders[slot].held;
}

static inline int side_of(const gateway_order *order) {
    return order->record.last.side == TL_SIDE_SELL;
}

static inline bool reached(int side, int64_t stop, int64_t price) {
    return side == 0 ? price >= stop : price <= stop;
}

/* ---- the heap ---- */

static bool goes_first(const held_part *a, const held_part *b, int side) {
    if (a->stop != b->stop) return side == 0 ? a->stop < b->stop : a->stop > b->stop;
    return a->serial < b->serial;
}

/* Joins two heaps; the first of each has no `back` and no `sibling`. */
static uint32_t join(tl_gateway *gateway, int side, uint32_t a, uint32_t b) {
    if (a == 0 || b == 0) return a != 0 ? a : b;
    if (goes_first(part(gateway, b), part(gateway, a), side)) {
        uint32_t swap = a;
        a = b;
        b = swap;
    }
    held_part *top = part(gateway, a), *below = part(gateway, b);
    below->back = a;
    below->sibling = top->child;
    if (top->child != 0) part(gateway, top->child)->back = b;
    top->child = b;
    return a;
}

/* Joins what is left below one that leaves: neighbours in pairs, then the pairs from the last to the first. */
static uint32_t join_children(tl_gateway *gateway, int side, uint32_t first) {
    uint32_t pairs = 0, whole = 0;
    while (first != 0) {
        uint32_t a = first, b = part(gateway, a)->sibling;
        first = b != 0 ? part(gateway, b)->sibling : 0;
        part(gateway, a)->back = part(gateway, a)->sibling = 0;
        if (b != 0) part(gateway, b)->back = part(gateway, b)->sibling = 0;
        a = join(gateway, side, a, b);
        part(gateway, a)->sibling = pairs;
        pairs = a;
    }
    while (pairs != 0) {
        uint32_t next = part(gateway, pairs)->sibling;
        part(gateway, pairs)->sibling = 0;
        whole = join(gateway, side, whole, pairs);
        pairs = next;
    }
    return whole;
}

/* A stop without a price stands in no heap. */
static void place(tl_gateway *gateway, held_book *book, gateway_order *order) {
    held_part *mine = &order->held;
    if (mine->stop == TL_ABSENT) return;
    mine->child = mine->sibling = mine->back = 0;
    mine->serial = ++gateway->held_serial;
    uint32_t *first = &book->first[mine->trigger][side_of(order)];
    *first = join(gateway, side_of(order), *first, (uint32_t)(order - gateway->orders));
}

static void displace(tl_gateway *gateway, held_book *book, gateway_order *order) {
    held_part *mine = &order->held;
    if (mine->stop == TL_ABSENT) return;
    uint32_t slot = (uint32_t)(order - gateway->orders), *first = &book->first[mine->trigger][side_of(order)];
    uint32_t below = join_children(gateway, side_of(order), mine->child);
    if (*first == slot) {
        *first = below;
    } else {
        held_part *behind = part(gateway, mine->back);
        *(behind->child == slot ? &behind->child : &behind->sibling) = mine->sibling;
        if (mine->sibling != 0) part(gateway, mine->sibling)->back = mine->back;
        *first = join(gateway, side_of(order), *first, below);
    }
    mine->child = mine->sibling = mine->back = 0;
}

/* ---- trailing ---- */

/* The stop price of a trailing stop whose best price is `water`; one that cannot be stays where it was. A stop only moves towards the market. */
static int64_t trail(const tl_gateway *gateway, const gateway_order *order, int64_t water) {
    const tl_command *last = &order->record.last;
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, last->instrument);
    tl_int128 stop = tl_ticks_trailing_stop(instrument, last->side, water, last->offset, last->flags);
    int64_t before = order->held.stop;
    if (stop < 1 || stop > INT64_MAX) return before;
    if (before == TL_ABSENT) return (int64_t)stop;
    return (side_of(order) == 0 ? stop < before : stop > before) ? (int64_t)stop : before;
}

/* Widens the price at which the next trailing stop of a side moves so that it holds for `order`. */
static void note_slack(held_book *book, const gateway_order *order) {
    int64_t *slack = &book->slack[order->held.trigger][side_of(order)], water = order->held.water;
    if (side_of(order) == 0) {
        if (water == TL_ABSENT) water = INT64_MAX;
        if (water > *slack) *slack = water;
    } else if (water < *slack) { /* TL_ABSENT is the least */
        *slack = water;
    }
}

static bool moves_trailing(const held_book *book, int trigger, int side, int64_t price) {
    if (price == TL_ABSENT || book->trailing[trigger] == 0) return false;
    int64_t slack = book->slack[trigger][side];
    return side == 0 ? price < slack : price > slack;
}

static void move_trailing(tl_gateway *gateway, held_book *book, int trigger, int side, int64_t price) {
    if (!moves_trailing(book, trigger, side, price)) return;
    book->slack[trigger][side] = side == 0 ? INT64_MIN : INT64_MAX;
    for (uint32_t slot = book->trailing[trigger]; slot != 0; slot = part(gateway, slot)->trail_next) {
        gateway_order *order = &gateway->orders[slot];
        if (side_of(order) != side) continue;
        int64_t water = order->held.water;
        if (water == TL_ABSENT || (side == 0 ? price < water : price > water)) {
            order->held.water = price;
            int64_t stop = trail(gateway, order, price);
            if (stop != order->held.stop) {
                displace(gateway, book, order);
                order->held.stop = stop;
                place(gateway, book, order);
            }
        }
        note_slack(book, order);
    }
}

/* ---- waiting ---- */

/* The price that stops of a side see now; without any trade a stop at the trade price looks at the quote. */
static int64_t price_now(const gateway_market *market, int trigger, int side) {
    if (trigger == HELD_MARK) return market->mark_price;
    if (trigger == HELD_LAST && market->last != TL_ABSENT) return market->last;
    return side == 0 ? market->ask : market->bid;
}

static held_book *book_of(tl_gateway *gateway, gateway_market *market) {
    if (market->held_book == 0) {
        market->held_book = ++gateway->held_book_count;
        held_book *book = &gateway->held_books[market->held_book];
        for (int trigger = 0; trigger < HELD_TRIGGERS; trigger++) {
            book->slack[trigger][0] = INT64_MIN;
            book->slack[trigger][1] = INT64_MAX;
        }
        book->seen_ns = INT64_MIN;
    }
    return &gateway->held_books[market->held_book];
}

void stops_add(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    gateway_market *market = &gateway->markets[order->record.last.instrument];
    held_book *book = book_of(gateway, market);
    held_part *mine = &order->held;
    int trigger = mine->trigger, side = side_of(order);
    bool trails = order->record.last.type == TL_TYPE_TRAILING_STOP;
    int64_t now = price_now(market, trigger, side);
    if (trails && mine->water == TL_ABSENT && now != TL_ABSENT) {
        mine->water = now;
        if (mine->stop == TL_ABSENT) mine->stop = trail(gateway, order, now);
    }
    if (mine->stop != TL_ABSENT && now != TL_ABSENT && gateway_trades(market) && reached(side, mine->stop, now)) {
        held_triggered(gateway, order, now_ns);
        return;
    }
    mine->waits = 1;
    book->waiting[trigger]++;
    book->all++;
    gateway->held_waiting++;
    if (now_ns > book->seen_ns) book->seen_ns = now_ns;
    place(gateway, book, order);
    if (!trails) return;
    uint32_t slot = (uint32_t)(order - gateway->orders), last = book->trailing_last[trigger];
    mine->trail_previous = last;
    mine->trail_next = 0;
    *(last != 0 ? &part(gateway, last)->trail_next : &book->trailing[trigger]) = slot;
    book->trailing_last[trigger] = slot;
    note_slack(book, order);
}

void stops_remove(tl_gateway *gateway, gateway_order *order) {
    held_part *mine = &order->held;
    if (!mine->waits) return;
    held_book *book = book_of(gateway, &gateway->markets[order->record.last.instrument]);
    int trigger = mine->trigger;
    mine->waits = 0;
    book->waiting[trigger]--;
    book->all--;
    gateway->held_waiting--;
    displace(gateway, book, order);
    if (order->record.last.type != TL_TYPE_TRAILING_STOP) return;
    *(mine->trail_previous != 0 ? &part(gateway, mine->trail_previous)->trail_next : &book->trailing[trigger]) =
        mine->trail_next;
    *(mine->trail_next != 0 ? &part(gateway, mine->trail_next)->trail_previous : &book->trailing_last[trigger]) =
        mine->trail_previous;
    mine->trail_previous = mine->trail_next = 0;
}

/* ---- looking ---- */

static void look(tl_gateway *gateway, held_book *book, int trigger, const int64_t prices[2], int64_t now_ns) {
    if (book->waiting[trigger] == 0) return;
    for (int side = 0; side < 2; side++)
        move_trailing(gateway, book, trigger, side, prices[side]);
    for (int side = 0; side < 2; side++)
        for (uint32_t slot; prices[side] != TL_ABSENT && (slot = book->first[trigger][side]) != 0;) {
            gateway_order *order = &gateway->orders[slot];
            if (!reached(side, order->held.stop, prices[side])) break;
            stops_remove(gateway, order);
            held_triggered(gateway, order, now_ns);
        }
}

static void look_at_last(tl_gateway *gateway, held_book *book, int64_t price, int64_t now_ns) {
    look(gateway, book, HELD_LAST, (int64_t[2]){price, price}, now_ns);
}

/* A bar all of whose time its instrument's stops have waited, without another price meanwhile, is looked at along its path, as nearest says it: open, the nearer extreme, the
 * other, close. Of any other only the close is new, if that is. */
static void look_at_bar(tl_gateway *gateway, held_book *book, const tl_event *bar, const tl_event_tail *tail) {
    int64_t now_ns = bar->ts_recv_ns;
    if (bar->ts_ns <= book->seen_ns) return;
    if (!book->trades && tail != NULL && tail->w[3] >= book->seen_ns && bar->w[0] != TL_ABSENT && bar->w[1] != TL_ABSENT &&
        bar->w[2] != TL_ABSENT) {
        bool high_first = bar->w[1] - bar->w[0] <= bar->w[0] - bar->w[2];
        look_at_last(gateway, book, bar->w[0], now_ns);
        look_at_last(gateway, book, bar->w[high_first ? 1 : 2], now_ns);
        look_at_last(gateway, book, bar->w[high_first ? 2 : 1], now_ns);
    }
    book->seen_ns = bar->ts_ns;
    look_at_last(gateway, book, bar->w[3], now_ns);
}

void stops_look(tl_gateway *gateway, const tl_event *event, const tl_event_tail *tail) {
    const gateway_market *market = &gateway->markets[event->instrument];
    held_book *book = &gateway->held_books[market->held_book];
    if (book->all == 0 || !gateway_trades(market)) return;
    int64_t now_ns = event->ts_recv_ns, quote[2] = {market->ask, market->bid};
    int64_t mark[2] = {market->mark_price, market->mark_price};
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        look(gateway, book, HELD_QUOTE, quote, now_ns);
        if (market->last == TL_ABSENT) look(gateway, book, HELD_LAST, quote, now_ns);
        break;
    case TL_EVENT_TRADE:
        book->trades = 1;
        look_at_last(gateway, book, event->w[0], now_ns);
        break;
    case TL_EVENT_BAR:
        look_at_bar(gateway, book, event, tail);
        break;
    case TL_EVENT_MARK:
        look(gateway, book, HELD_MARK, mark, now_ns);
        break;
    case TL_EVENT_STATUS:
        look_at_last(gateway, book, market->last, now_ns);
        look(gateway, book, HELD_MARK, mark, now_ns);
        look(gateway, book, HELD_QUOTE, quote, now_ns);
        break;
    default:
        break;
    }
}

static bool minds(const tl_gateway *gateway, const held_book *book, int trigger, int64_t for_buys, int64_t for_sells) {
    const int64_t prices[2] = {for_buys, for_sells};
    for (int side = 0; side < 2; side++) {
        uint32_t first = book->first[trigger][side];
        if (moves_trailing(book, trigger, side, prices[side]) ||
            (first != 0 && prices[side] != TL_ABSENT && reached(side, gateway->orders[first].held.stop, prices[side])))
            return true;
    }
    return false;
}

bool stops_mind(const tl_gateway *gateway, const tl_event *event) {
    const gateway_market *market = &gateway->markets[event->instrument];
    const held_book *book = &gateway->held_books[market->held_book];
    if (market->held_book == 0 || book->all == 0) return false;
    int64_t price = event->w[0];
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        return minds(gateway, book, HELD_QUOTE, event->w[1], price) ||
               (market->last == TL_ABSENT && minds(gateway, book, HELD_LAST, event->w[1], price));
    case TL_EVENT_TRADE:
        return !book->trades || minds(gateway, book, HELD_LAST, price, price);
    case TL_EVENT_MARK:
        return minds(gateway, book, HELD_MARK, price, price);
    default:
        return event->kind == TL_EVENT_BAR || event->kind == TL_EVENT_STATUS;
    }
}
