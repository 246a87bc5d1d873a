#include "sched/recorder.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "memory/vmem.h"

enum { MAX_INSTRUMENTS = 1 << 20, FIRST_PATHS = 16, FIRST_PATH_STEP_NS = TL_NS_PER_MS };

static const int64_t BEAT_NS = 3600 * (int64_t)TL_NS_PER_S;
static const int64_t horizon_ns[TL_RECORDER_HORIZONS] = {100 * (int64_t)TL_NS_PER_MS, TL_NS_PER_S,
                                                         10 * (int64_t)TL_NS_PER_S};

/* Where the price of an instrument comes from; a better source displaces a worse one for good. */
enum { SOURCE_NONE = 0, SOURCE_BARS, SOURCE_TRADES, SOURCE_QUOTES };

/* What is known of an instrument: one cache line. */
typedef struct known {
    int64_t twice;       /* the present reference price, doubled; TL_ABSENT for none */
    int64_t first_trade; /* first and last traded price (or bar's close), doubled; TL_ABSENT before any */
    int64_t last_trade;
    int64_t first_middle;
    int64_t last_middle;
    int64_t realized_e8; /* of its position, after the last fill */
    int64_t bar_ns;      /* interval of its shortest bars */
    uint8_t source;
    uint8_t path; /* index of its path + 1; 0 = none */
    uint8_t held; /* a position is open */
    uint8_t seen; /* the members above hold values */
} known;

TL_STATIC_ASSERT(sizeof(known) == 64, "one cache line");

typedef struct price_path {
    uint32_t instrument;
    uint32_t count;
    int64_t step_ns; /* length of a piece */
    int64_t until_ns;
    tl_record_path *pieces;
} price_path;

struct tl_recorder {
    const tl_instruments *instruments;
    const tl_gateway *gateway;
    uint32_t strategy;
    uint32_t account;
    int64_t beat_ns; /* the next mark that is due whatever happens */
    int64_t due_ns;  /* the next markout; INT64_MAX for none */
    uint64_t hash;
    uint32_t held_count;
    int64_t held_since_ns;
    tl_record_totals totals;
    uint64_t reasons[3][TL_REASONS]; /* rejected, denied, refused */

    tl_vmem known_memory, fill_memory, mark_memory, order_memory, index_memory, path_memory;
    known *known;
    tl_record_fill *fills;
    uint64_t fill_count;
    uint64_t pending[TL_RECORDER_HORIZONS]; /* first fill that has not got the markout of that horizon */
    tl_record_equity *marks;
    uint64_t mark_count;
    tl_record_order *orders;
    uint64_t order_count;
    uint32_t *order_index; /* by the order id's counter: record + 1, 0 = none */
    price_path paths[TL_RECORDER_PATHS];
    uint32_t path_count;
};

/* The place of an order id (strategy << 40 | counter): the strategy's own by their counter, the gateway's from the end. */
static uint64_t counter_of(uint64_t order_id) {
    uint64_t counter = order_id & ((1ull << 40) - 1);
    return counter & TL_GATEWAY_ORDER_ID ? TL_RECORDER_ORDERS - (counter ^ TL_GATEWAY_ORDER_ID) : counter;
}

tl_recorder *tl_recorder_create(const tl_instruments *instruments, const tl_gateway *gateway, uint32_t strategy,
                                uint32_t account) {
    tl_recorder *r = calloc(1, sizeof *r);
    if (r == NULL) {
        tl_error_set(TL_ERR_NO_MEMORY, "no memory for a recorder");
        return NULL;
    }
    r->instruments = instruments;
    r->gateway = gateway;
    r->strategy = strategy;
    r->account = account;
    r->beat_ns = INT64_MIN;
    r->due_ns = INT64_MAX;
    r->hash = 0xcbf29ce484222325u;
    r->totals.first_ns = TL_ABSENT;
    size_t path_bytes = (size_t)TL_RECORDER_PATHS * TL_RECORDER_PATH_BARS * sizeof(tl_record_path);
    if (tl_vmem_reserve(&r->known_memory, (size_t)MAX_INSTRUMENTS * sizeof(known)) != TL_OK ||
        tl_vmem_reserve(&r->fill_memory, (size_t)TL_RECORDER_FILLS * sizeof(tl_record_fill)) != TL_OK ||
        tl_vmem_reserve(&r->mark_memory, (size_t)TL_RECORDER_MARKS * sizeof(tl_record_equity)) != TL_OK ||
        tl_vmem_reserve(&r->order_memory, (size_t)TL_RECORDER_ORDERS * sizeof(tl_record_order)) != TL_OK ||
        tl_vmem_reserve(&r->index_memory, (size_t)TL_RECORDER_ORDERS * sizeof(uint32_t)) != TL_OK ||
        tl_vmem_reserve(&r->path_memory, path_bytes) != TL_OK) {
        tl_recorder_destroy(r);
        return NULL;
    }
    r->known = r->known_memory.base;
    r->fills = r->fill_memory.base;
    r->marks = r->mark_memory.base;
    r->orders = r->order_memory.base;
    r->order_index = r->index_memory.base;
    for (uint32_t i = 0; i < TL_RECORDER_PATHS; i++)
        r->paths[i].pieces = (tl_record_path *)r->path_memory.base + (size_t)i * TL_RECORDER_PATH_BARS;
    return r;
}

void tl_recorder_destroy(tl_recorder *r) {
    if (r == NULL) return;
    tl_vmem_release(&r->known_memory);
    tl_vmem_release(&r->fill_memory);
    tl_vmem_release(&r->mark_memory);
    tl_vmem_release(&r->order_memory);
    tl_vmem_release(&r->index_memory);
    tl_vmem_release(&r->path_memory);
    free(r);
}

/* Marks of the account. */

/* Of each four marks the lowest and the highest equity stay, in their order. */
static void thin_marks(tl_recorder *r) {
    uint64_t kept = 0;
    uint64_t last = r->mark_count - 1; /* the last one stays as it is: equal times and unchanged values are told by it */
    uint64_t i = 1;                    /* so does the first: it is the start */
    for (kept = 1; i + 4 <= last; i += 4) {
        uint64_t low = i, high = i;
        for (uint64_t j = i + 1; j < i + 4; j++) {
            if (r->marks[j].equity_e8 < r->marks[low].equity_e8) low = j;
            if (r->marks[j].equity_e8 >= r->marks[high].equity_e8) high = j;
        }
        uint64_t before = low < high ? low : high, after = low < high ? high : low;
        tl_record_equity second = r->marks[after];
        r->marks[kept++] = r->marks[before];
        r->marks[kept++] = second;
    }
    while (i <= last)
        r->marks[kept++] = r->marks[i++];
    r->totals.merged += r->mark_count - kept;
    r->mark_count = kept;
}

static void mark_account(tl_recorder *r, int64_t now_ns, bool always) {
    tl_account_worth worth;
    tl_gateway_worth(r->gateway, r->account, &worth);
    tl_record_equity mark = {now_ns, worth.equity_e8, worth.cash_e8, worth.gross_exposure_e8};
    if (r->mark_count > 0) {
        tl_record_equity *last = &r->marks[r->mark_count - 1];
        if (!always && last->equity_e8 == mark.equity_e8 && last->cash_e8 == mark.cash_e8 &&
            last->exposure_e8 == mark.exposure_e8)
            return;
        if (last->ts_ns == now_ns) {
            *last = mark;
            return;
        }
    }
    if (r->mark_count == TL_RECORDER_MARKS) thin_marks(r);
    r->marks[r->mark_count++] = mark;
}

/* Price paths. */

static void path_add(tl_recorder *r, known *k, uint32_t instrument) {
    if (r->path_count == TL_RECORDER_PATHS || k->path != 0) return;
    r->paths[r->path_count].instrument = instrument;
    r->paths[r->path_count].step_ns = FIRST_PATH_STEP_NS;
    r->paths[r->path_count].until_ns = INT64_MIN;
    k->path = (uint8_t)++r->path_count;
}

static int64_t piece_end(int64_t ts_ns, int64_t step_ns) {
    int64_t into = ts_ns % step_ns;
    return ts_ns - into + (into < 0 ? 0 : step_ns);
}

/* Doubles the length of the pieces until at most half of them remain. */
static void path_widen(price_path *p) {
    while (p->count > TL_RECORDER_PATH_BARS / 2) {
        p->step_ns *= 2;
        uint32_t kept = 0;
        for (uint32_t i = 1; i < p->count; i++) {
            tl_record_path *into = &p->pieces[kept], *from = &p->pieces[i];
            if (piece_end(into->ts_ns, p->step_ns) == piece_end(from->ts_ns, p->step_ns)) {
                if (from->high > into->high) into->high = from->high;
                if (from->low < into->low) into->low = from->low;
                into->close = from->close;
            } else {
                p->pieces[++kept] = *from;
            }
        }
        p->count = kept + 1;
    }
    p->until_ns = piece_end(p->pieces[p->count - 1].ts_ns, p->step_ns);
}

static void path_push(price_path *p, int64_t ts_ns, const tl_record_path *price) {
    if (ts_ns < p->until_ns) {
        tl_record_path *last = &p->pieces[p->count - 1];
        if (price->high > last->high) last->high = price->high;
        if (price->low < last->low) last->low = price->low;
        last->close = price->close;
        return;
    }
    if (p->count == TL_RECORDER_PATH_BARS) path_widen(p);
    p->until_ns = piece_end(ts_ns, p->step_ns);
    p->pieces[p->count] = *price;
    p->pieces[p->count++].ts_ns = ts_ns;
}

static void path_price(tl_recorder *r, const known *k, int64_t ts_ns, int64_t twice) {
    if (k->path == 0) return;
    tl_record_path price = {ts_ns, twice, twice, twice, twice};
    path_push(&r->paths[k->path - 1], ts_ns, &price);
}

/* Markouts. */

/* Settles what was due before `ts_ns`: the reference price has stood since then. */
static void settle_markouts(tl_recorder *r, int64_t ts_ns) {
    int64_t due = INT64_MAX;
    for (int h = 0; h < TL_RECORDER_HORIZONS; h++) {
        uint64_t i = r->pending[h];
        for (; i < r->fill_count && r->fills[i].ts_ns + horizon_ns[h] < ts_ns; i++) {
            const known *k = &r->known[r->fills[i].instrument];
            /* bars settle theirs themselves, at a close */
            if (k->source > SOURCE_BARS) r->fills[i].mark[h] = k->twice;
        }
        r->pending[h] = i;
        if (i < r->fill_count && r->fills[i].ts_ns + horizon_ns[h] < due) due = r->fills[i].ts_ns + horizon_ns[h];
    }
    r->due_ns = due;
}

/* A bar of an instrument that has nothing else closed: the horizons that lie in it are known now. */
static void settle_by_bar(tl_recorder *r, uint32_t instrument, int64_t close_ns, int64_t interval_ns, int64_t twice) {
    for (int h = 0; h < TL_RECORDER_HORIZONS; h++) {
        if (interval_ns > horizon_ns[h]) continue;
        for (uint64_t i = r->fill_count; i-- > 0;) {
            tl_record_fill *fill = &r->fills[i];
            int64_t due = fill->ts_ns + horizon_ns[h];
            if (due <= close_ns - interval_ns) break;
            if (fill->instrument == instrument && due <= close_ns) fill->mark[h] = twice;
        }
    }
}

static known *know(tl_recorder *r, uint32_t instrument) {
    known *k = &r->known[instrument];
    if (TL_UNLIKELY(!k->seen)) {
        k->seen = 1;
        k->twice = k->first_trade = k->last_trade = k->first_middle = k->last_middle = TL_ABSENT;
        if (r->path_count < FIRST_PATHS) path_add(r, k, instrument);
    }
    return k;
}

static bool on_quote(tl_recorder *r, const tl_event *event) {
    known *k = know(r, event->instrument);
    int64_t bid = event->w[0], ask = event->w[1];
    k->source = SOURCE_QUOTES;
    if (bid == TL_ABSENT || ask == TL_ABSENT) {
        k->twice = TL_ABSENT;
        return k->held;
    }
    int64_t twice = bid + ask;
    if (k->twice != twice) {
        if (k->first_middle == TL_ABSENT) k->first_middle = twice;
        k->twice = k->last_middle = twice;
        path_price(r, k, event->ts_ns, twice);
    }
    return k->held;
}

static bool on_trade(tl_recorder *r, const tl_event *event) {
    known *k = know(r, event->instrument);
    int64_t twice = 2 * event->w[0];
    if (k->first_trade == TL_ABSENT) k->first_trade = twice;
    k->last_trade = twice;
    if (k->source <= SOURCE_TRADES) {
        k->source = SOURCE_TRADES;
        k->twice = twice;
        path_price(r, k, event->ts_ns, twice);
    }
    return k->held;
}

static void on_bar(tl_recorder *r, const tl_event *event, const tl_event_tail *tail) {
    known *k = know(r, event->instrument);
    if (k->source > SOURCE_BARS) return;
    /* of bars of several intervals the shortest tell the price, so that nothing is told twice */
    int64_t twice = 2 * event->w[3], interval_ns = tail->w[4];
    if (k->source == SOURCE_NONE || interval_ns < k->bar_ns) k->bar_ns = interval_ns;
    k->source = SOURCE_BARS;
    if (interval_ns != k->bar_ns) return;
    if (k->first_trade == TL_ABSENT) k->first_trade = twice;
    k->last_trade = k->twice = twice;
    settle_by_bar(r, event->instrument, event->ts_ns, interval_ns, twice);
    if (k->path != 0) {
        tl_record_path bar = {event->ts_ns, 2 * event->w[0], 2 * event->w[1], 2 * event->w[2], twice};
        path_push(&r->paths[k->path - 1], event->ts_ns, &bar);
    }
}

/* A mark each hour of data, so that a day on which nothing was held is seen as a day. */
static void beat(tl_recorder *r, int64_t now_ns) {
    if (r->totals.first_ns == TL_ABSENT) r->totals.first_ns = now_ns;
    r->beat_ns = now_ns + BEAT_NS;
    mark_account(r, now_ns, true);
}

void tl_recorder_market(tl_recorder *r, const tl_event *event, const tl_event_tail *tail, int64_t now_ns) {
    r->totals.last_ns = now_ns;
    /* only the market's own prices make a day: a session that opens without them is none */
    if (TL_UNLIKELY(now_ns >= r->beat_ns) && event->kind <= TL_EVENT_BAR) beat(r, now_ns);
    if (TL_UNLIKELY(event->ts_ns > r->due_ns)) settle_markouts(r, event->ts_ns);
    bool moves = false;
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        moves = on_quote(r, event);
        break;
    case TL_EVENT_TRADE:
        moves = on_trade(r, event);
        break;
    case TL_EVENT_BAR:
        on_bar(r, event, tail);
        mark_account(r, now_ns, true);
        break;
    case TL_EVENT_MARK:
    case TL_EVENT_ACTION:
        moves = r->held_count > 0;
        break;
    default:
        break;
    }
    if (moves) mark_account(r, now_ns, false);
}

/* Commands. */

static uint64_t mix(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
}

static void hash_command(tl_recorder *r, const tl_command *c) {
    uint64_t h = r->hash;
    h = mix(h, (uint64_t)c->kind | (uint64_t)c->side << 8 | (uint64_t)c->type << 16 | (uint64_t)c->time_in_force << 24 |
                   (uint64_t)c->instrument << 32);
    h = mix(h, (uint64_t)c->flags | (uint64_t)c->link << 32 | (uint64_t)c->account << 40 | (uint64_t)c->venue << 48);
    h = mix(h, c->order_id);
    h = mix(h, (uint64_t)c->ts_ns);
    h = mix(h, (uint64_t)c->quantity);
    h = mix(h, (uint64_t)c->price);
    h = mix(h, (uint64_t)c->stop_price);
    h = mix(h, (uint64_t)c->offset);
    h = mix(h, (uint64_t)c->display);
    h = mix(h, (uint64_t)c->expire_ns);
    h = mix(h, (uint64_t)c->deadline_ns);
    r->hash = h;
}

static tl_record_order *order_of(const tl_recorder *r, uint64_t order_id) {
    uint64_t counter = counter_of(order_id);
    if (counter >= TL_RECORDER_ORDERS || r->order_index[counter] == 0) return NULL;
    tl_record_order *order = &r->orders[r->order_index[counter] - 1];
    return order->order_id == order_id ? order : NULL;
}

static void add_order(tl_recorder *r, const tl_command *command, int64_t now_ns) {
    r->totals.orders++;
    uint64_t counter = counter_of(command->order_id);
    if (counter >= TL_RECORDER_ORDERS || r->order_count == TL_RECORDER_ORDERS) return;
    tl_record_order *order = &r->orders[r->order_count++];
    r->order_index[counter] = (uint32_t)r->order_count;
    *order = (tl_record_order){.order_id = command->order_id,
                               .sent_ns = now_ns,
                               .quantity = command->quantity,
                               .price = command->price,
                               .arrival_price = command->arrival_price,
                               .instrument = command->instrument,
                               .tag = command->tag,
                               .status = TL_ORDER_PENDING_NEW,
                               .side = command->side,
                               .type = command->type,
                               .time_in_force = command->time_in_force};
    if (command->instrument < tl_instruments_count(r->instruments))
        path_add(r, know(r, command->instrument), command->instrument);
}

void tl_recorder_command(tl_recorder *r, const tl_command *command, int64_t now_ns) {
    if (command->strategy != r->strategy) return;
    hash_command(r, command);
    r->totals.commands++;
    r->totals.last_ns = now_ns;
    tl_record_order *order = order_of(r, command->order_id);
    switch (command->kind) {
    case TL_COMMAND_NEW:
        if (order == NULL)
            add_order(r, command, now_ns);
        else
            r->totals.orders++;
        break;
    case TL_COMMAND_REPLACE:
        r->totals.replaces++;
        if (order == NULL) return;
        order->arrival_price = command->arrival_price;
        if (order->replaces < UINT16_MAX) order->replaces++;
        break;
    case TL_COMMAND_CANCEL:
        r->totals.cancels++;
        if (order != NULL) order->cancels++;
        break;
    case TL_COMMAND_CANCEL_ALL:
        r->totals.cancels++;
        break;
    default:
        break;
    }
}

/* Reports. */

static int64_t clamp_to_i64(tl_int128 value) {
    if (value > INT64_MAX) return INT64_MAX;
    if (value < -INT64_MAX) return -INT64_MAX;
    return (int64_t)value;
}

static void hold(tl_recorder *r, known *k, bool held, int64_t now_ns) {
    if (k->held == held) return;
    k->held = held;
    if (held) {
        if (r->held_count++ == 0) r->held_since_ns = now_ns;
    } else if (--r->held_count == 0) {
        r->totals.exposure_ns += now_ns - r->held_since_ns;
    }
}

static void on_fill(tl_recorder *r, const tl_report *report, tl_record_order *order, int64_t now_ns) {
    r->totals.fills++;
    if (report->liquidity == TL_LIQUIDITY_MAKER) r->totals.maker_fills++;
    if (report->liquidity == TL_LIQUIDITY_TAKER) r->totals.taker_fills++;
    if (report->liquidity == TL_LIQUIDITY_AUCTION) r->totals.auction_fills++;
    known *k = know(r, report->instrument);
    const tl_position *position = tl_gateway_position(r->gateway, r->strategy, report->instrument);
    int64_t realized_e8 = 0, quantity = 0;
    if (position != NULL) {
        realized_e8 = clamp_to_i64(tl_money_get(position->realized_e8));
        quantity = position->quantity;
    }
    if (r->fill_count < TL_RECORDER_FILLS) {
        uint8_t side = order != NULL ? order->side : TL_SIDE_NONE;
        if (order == NULL) {
            const tl_order_record *record = tl_gateway_order(r->gateway, report->order_id);
            if (record != NULL) side = record->last.side;
        }
        r->fills[r->fill_count] = (tl_record_fill){.ts_ns = report->ts_venue_ns,
                                                   .order_id = report->order_id,
                                                   .price = report->price,
                                                   .quantity = report->quantity,
                                                   .fee_e8 = report->fee_e8,
                                                   .arrival_price = order != NULL ? order->arrival_price : TL_ABSENT,
                                                   .mark = {TL_ABSENT, TL_ABSENT, TL_ABSENT},
                                                   .realized_e8 = realized_e8 - k->realized_e8,
                                                   .position = quantity,
                                                   .instrument = report->instrument,
                                                   .tag = order != NULL ? order->tag : 0,
                                                   .side = side,
                                                   .liquidity = report->liquidity,
                                                   .order = order != NULL ? (uint32_t)(order - r->orders) : UINT32_MAX};
        int64_t due = report->ts_venue_ns + horizon_ns[0];
        if (due < r->due_ns) r->due_ns = due;
        r->fill_count++;
    }
    k->realized_e8 = realized_e8;
    hold(r, k, quantity != 0, now_ns);
    mark_account(r, now_ns, true);
}

static void close_order(tl_record_order *order, int status, const tl_report *report, int64_t now_ns) {
    order->status = (uint8_t)status;
    order->reason = report->reason;
    order->closed_ns = report->ts_venue_ns != 0 ? report->ts_venue_ns : now_ns;
}

static void restate(tl_record_order *order, const tl_report *report) {
    order->price = report->price;
    if (report->quantity > 0) order->quantity = report->quantity;
}

static void move_order(tl_record_order *order, const tl_report *report, int64_t now_ns) {
    switch (report->kind) {
    case TL_REPORT_ACCEPTED:
        order->status = TL_ORDER_NEW;
        order->accepted_ns = report->ts_venue_ns;
        break;
    case TL_REPORT_FILL:
        if (order->first_fill_ns == 0) order->first_fill_ns = report->ts_venue_ns;
        order->filled = report->filled;
        if (order->filled >= order->quantity)
            close_order(order, TL_ORDER_FILLED, report, now_ns);
        else
            order->status = TL_ORDER_PARTIALLY_FILLED;
        break;
    case TL_REPORT_REPLACED:
        restate(order, report);
        order->status = order->filled > 0 ? TL_ORDER_PARTIALLY_FILLED : TL_ORDER_REPLACED;
        break;
    case TL_REPORT_RESTATED:
        restate(order, report);
        break;
    case TL_REPORT_TRIGGERED:
        order->status = TL_ORDER_TRIGGERED;
        break;
    case TL_REPORT_CANCELED:
        close_order(order, TL_ORDER_CANCELED, report, now_ns);
        break;
    case TL_REPORT_EXPIRED:
        close_order(order, TL_ORDER_EXPIRED, report, now_ns);
        break;
    case TL_REPORT_REJECTED:
        close_order(order, TL_ORDER_REJECTED, report, now_ns);
        break;
    case TL_REPORT_DENIED:
        close_order(order, TL_ORDER_DENIED, report, now_ns);
        break;
    default:
        break;
    }
}

/* An order that the gateway sends to undo a saga's leg: told, not asked. */
static void on_undo(tl_recorder *r, const tl_report *report, int64_t now_ns) {
    tl_command c = {.order_id = report->order_id,
                    .instrument = report->instrument,
                    .quantity = report->quantity,
                    .price = report->price,
                    .arrival_price = report->value};
    tl_undo_terms_read(report->fee_e8, &c);
    const tl_record_order *leg = order_of(r, report->execution_id);
    c.tag = leg != NULL ? leg->tag : 0;
    add_order(r, &c, now_ns);
}

void tl_recorder_report(tl_recorder *r, const tl_report *report, int64_t now_ns) {
    if (report->strategy != r->strategy) return;
    r->totals.last_ns = now_ns;
    if (report->kind == TL_REPORT_SAGA) return;
    if (report->kind == TL_REPORT_UNDO) {
        on_undo(r, report, now_ns);
        return;
    }
    unsigned reason = report->reason < TL_REASONS ? report->reason : TL_REASON_NONE;
    switch (report->kind) {
    case TL_REPORT_REJECTED:
        r->totals.rejects++;
        r->reasons[0][reason]++;
        break;
    case TL_REPORT_DENIED:
        r->totals.denies++;
        r->reasons[1][reason]++;
        break;
    case TL_REPORT_CANCEL_REJECTED:
    case TL_REPORT_REPLACE_REJECTED:
        r->totals.refusals++;
        r->reasons[2][reason]++;
        break;
    default:
        break;
    }
    tl_record_order *order = order_of(r, report->order_id);
    if (order != NULL) move_order(order, report, now_ns);
    if (report->kind == TL_REPORT_FILL) on_fill(r, report, order, now_ns);
}

void tl_recorder_finish(tl_recorder *r, int64_t now_ns) {
    if (r->totals.first_ns == TL_ABSENT) r->totals.first_ns = now_ns;
    if (now_ns > r->totals.last_ns) r->totals.last_ns = now_ns;
    settle_markouts(r, now_ns);
    if (r->held_count > 0) {
        r->totals.exposure_ns += now_ns - r->held_since_ns;
        r->held_since_ns = now_ns;
    }
    mark_account(r, now_ns, true);
}

/* What is there. */

const tl_record_fill *tl_recorder_fills(const tl_recorder *r, uint64_t *count) {
    *count = r->fill_count;
    return r->fills;
}

const tl_record_equity *tl_recorder_equity(const tl_recorder *r, uint64_t *count) {
    *count = r->mark_count;
    return r->marks;
}

const tl_record_order *tl_recorder_orders(const tl_recorder *r, uint64_t *count) {
    *count = r->order_count;
    return r->orders;
}

static uint64_t reason_count(const tl_recorder *r, int list, int reason) {
    return reason >= 0 && reason < TL_REASONS ? r->reasons[list][reason] : 0;
}

uint64_t tl_recorder_rejected(const tl_recorder *r, int reason) {
    return reason_count(r, 0, reason);
}

uint64_t tl_recorder_denied(const tl_recorder *r, int reason) {
    return reason_count(r, 1, reason);
}

uint64_t tl_recorder_refused(const tl_recorder *r, int reason) {
    return reason_count(r, 2, reason);
}

void tl_recorder_totals(const tl_recorder *r, tl_record_totals *totals) {
    *totals = r->totals;
}

const tl_record_path *tl_recorder_path(const tl_recorder *r, uint32_t instrument, uint32_t *count) {
    uint8_t place = instrument < MAX_INSTRUMENTS ? r->known[instrument].path : 0;
    *count = place != 0 ? r->paths[place - 1].count : 0;
    return place != 0 ? r->paths[place - 1].pieces : NULL;
}

bool tl_recorder_price_span(const tl_recorder *r, uint32_t instrument, int64_t *first, int64_t *last) {
    if (instrument >= MAX_INSTRUMENTS || !r->known[instrument].seen) return false;
    const known *k = &r->known[instrument];
    bool traded = k->first_trade != TL_ABSENT;
    *first = traded ? k->first_trade : k->first_middle;
    *last = traded ? k->last_trade : k->last_middle;
    return *first != TL_ABSENT;
}

uint64_t tl_recorder_decisions_hash(const tl_recorder *r) {
    return r->hash;
}
