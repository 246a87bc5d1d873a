#include "gateway/command.h"

#include "gateway/account.h"
#include "gateway/group.h"
#include "gateway/held.h"
#include "gateway/order_store.h"
#include "gateway/saga.h"
#include "order/transition.h"

/* The trade date of a fill, by its instrument's calendar; the day looked up last is kept. */
static uint32_t trade_date(tl_gateway *gateway, uint32_t instrument, int64_t ts_ns) {
    uint32_t calendar = tl_instruments_at(gateway->instruments, instrument)->calendar;
    if (gateway->calendars == NULL || calendar >= TL_CALENDAR_MAX) return (uint32_t)(ts_ns / 86400000000000);
    if (ts_ns < gateway->days[calendar].from_ns || ts_ns >= gateway->days[calendar].to_ns) {
        uint32_t date = tl_calendars_date(gateway->calendars, calendar, ts_ns);
        gateway->days[calendar].date = date;
        gateway->days[calendar].from_ns = tl_calendars_instant(gateway->calendars, calendar, date, 0);
        gateway->days[calendar].to_ns = tl_calendars_instant(gateway->calendars, calendar, tl_date_add(date, 1), 0);
    }
    return gateway->days[calendar].date;
}

static uint32_t *fill_bucket(tl_gateway *gateway, const fill_key *key) {
    uint64_t h = (key->execution_id ^ key->order_id * 0x9e3779b97f4a7c15u) + key->date * 0xff51afd7ed558ccdu + key->venue;
    h = (h ^ (h >> 32)) * 0xc4ceb9fe1a85ec53u;
    return &gateway->fill_buckets[(h >> 32) % GATEWAY_FILLS_KEPT];
}

static bool same_fill(const fill_key *a, const fill_key *b) {
    return a->execution_id == b->execution_id && a->order_id == b->order_id && a->date == b->date && a->venue == b->venue;
}

static bool fill_seen(tl_gateway *gateway, const fill_key *key) {
    for (uint32_t i = *fill_bucket(gateway, key); i != 0; i = gateway->fills[i].next)
        if (same_fill(&gateway->fills[i], key)) return true;
    return false;
}

/* Remembers a fill in the place of the oldest one. */
static void fill_remember(tl_gateway *gateway, const fill_key *key) {
    uint32_t place = (uint32_t)(gateway->fill_count % GATEWAY_FILLS_KEPT) + 1;
    if (gateway->fill_count++ >= GATEWAY_FILLS_KEPT) {
        uint32_t *link = fill_bucket(gateway, &gateway->fills[place]);
        while (*link != place)
            link = &gateway->fills[*link].next;
        *link = gateway->fills[place].next;
    }
    uint32_t *bucket = fill_bucket(gateway, key);
    gateway->fills[place] = *key;
    gateway->fills[place].next = *bucket;
    *bucket = place;
}

void gateway_fills_index(tl_gateway *gateway) {
    uint64_t kept = gateway->fill_count < GATEWAY_FILLS_KEPT ? gateway->fill_count : GATEWAY_FILLS_KEPT;
    for (uint64_t i = gateway->fill_count - kept; i < gateway->fill_count; i++) {
        uint32_t place = (uint32_t)(i % GATEWAY_FILLS_KEPT) + 1;
        uint32_t *bucket = fill_bucket(gateway, &gateway->fills[place]);
        gateway->fills[place].next = *bucket;
        *bucket = place;
    }
}

/* A price or quantity that a venue states for a working order. */
static bool stated_terms_fit(const gateway_order *order, const tl_report *r) {
    return r->quantity > 0 && r->quantity >= order->record.filled && (r->price == TL_ABSENT || r->price > 0);
}

static void adopt_terms(tl_gateway *gateway, gateway_order *order, const tl_report *r) {
    tl_command *last = &order->record.last;
    last->quantity = r->quantity;
    if (r->price != TL_ABSENT && last->price != TL_ABSENT) {
        last->price = r->price;
        order->value_price = gateway_value_price(&gateway->markets[last->instrument], last, r->price);
    }
    if (!(order->bits & ORDER_REPLACE_ASKED)) {
        order->record.wanted_price = last->price;
        order->record.wanted_quantity = last->quantity;
    }
}

static bool move(gateway_order *order, int kind, bool last_fill) {
    return tl_order_move_apply(tl_order_move_of_report(kind, last_fill), &order->record.status, &order->record.before);
}

/* A report's own figures replaced by what the gateway knows. */
static void tell(tl_gateway *gateway, const gateway_order *order, tl_report *r) {
    r->filled = order->record.filled;
    gateway_tell(gateway, order->strategy, r);
}

/* A price and a quantity that a report is not about are those that the venue acknowledged last. */
static void state_terms(const gateway_order *order, tl_report *r) {
    r->price = order->record.last.price;
    r->quantity = order->record.last.quantity;
}

static bool report_fill(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    tl_order_record *record = &order->record;
    if (r->quantity <= 0 || r->price == TL_ABSENT || r->liquidity > TL_LIQUIDITY_AUCTION) {
        gateway->counts.reports_malformed++;
        return false;
    }
    fill_key key = {.execution_id = r->execution_id,
                    .order_id = record->last.order_id,
                    .date = trade_date(gateway, record->last.instrument, r->ts_venue_ns),
                    .venue = order->venue};
    if (fill_seen(gateway, &key)) {
        gateway->counts.duplicate_fills++;
        return false;
    }
    int64_t open = record->last.quantity - record->filled;
    uint8_t status = record->status, before = record->before;
    if (r->quantity > open || !move(order, TL_REPORT_FILL, r->quantity == open)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    if (!gateway_book_fill(gateway, order, r->quantity, r->price, r->liquidity, now_ns, &r->fee_e8)) {
        record->status = status;
        record->before = before;
        gateway->counts.overflows++;
        return false;
    }
    fill_remember(gateway, &key);
    record->filled += r->quantity;
    record->updated_ns = now_ns;
    gateway_order_rest(gateway, order);
    tell(gateway, order, r);
    gateway_recount(gateway, order);
    if (before == TL_ORDER_PENDING_NEW) gateway_order_arm(gateway, order);
    group_order_filled(gateway, order, r->quantity, now_ns);
    saga_order_filled(gateway, order, r->quantity, now_ns);
    if (!tl_order_is_open(record->status)) gateway_order_end(gateway, order, now_ns);
    gateway_stop_losses(gateway, order->strategy, now_ns);
    return true;
}

static bool report_end(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    /* The venue says that it was asked to; the gateway knows why. */
    if (r->kind == TL_REPORT_CANCELED && order->end_reason != TL_REASON_NONE &&
        (r->reason == TL_REASON_NONE || r->reason == TL_REASON_REQUESTED)) {
        r->reason = order->end_reason;
        if (r->reason == TL_REASON_EXPIRE_TIME || r->reason == TL_REASON_END_OF_DAY) r->kind = TL_REPORT_EXPIRED;
    }
    if (!move(order, r->kind, false)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    order->record.reason = r->reason;
    state_terms(order, r);
    tell(gateway, order, r);
    gateway_order_end(gateway, order, now_ns);
    return true;
}

static bool report_replaced(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    bool own = order->bits & ORDER_REPLACE_OWN;
    if (!(order->bits & ORDER_REPLACE_IN_FLIGHT)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    if (!stated_terms_fit(order, r)) {
        gateway->counts.reports_malformed++;
        return false;
    }
    if (own) r->kind = TL_REPORT_RESTATED; /* its strategy did not ask */
    if (!move(order, r->kind, false)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    order->bits &= (uint16_t) ~(ORDER_REPLACE_IN_FLIGHT | ORDER_REPLACE_OWN | (own ? 0 : ORDER_REPLACE_ASKED));
    adopt_terms(gateway, order, r);
    order->record.updated_ns = now_ns;
    gateway_order_rest(gateway, order);
    gateway_recount(gateway, order);
    tell(gateway, order, r);
    /* What waited behind the answer: a strategy's own replace, or a leg whose size has changed meanwhile. */
    group_leg_sync(gateway, order, now_ns);
    if ((order->bits & ORDER_REPLACE_ASKED) && !(order->bits & (ORDER_REPLACE_IN_FLIGHT | ORDER_CANCEL_IN_FLIGHT)))
        gateway_answer_replace(gateway, order, now_ns);
    return true;
}

static bool report_replace_rejected(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    if (!(order->bits & ORDER_REPLACE_IN_FLIGHT)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    bool own = order->bits & ORDER_REPLACE_OWN, open = tl_order_is_open(order->record.status);
    order->bits &= (uint16_t) ~(ORDER_REPLACE_IN_FLIGHT | ORDER_REPLACE_OWN);
    if (!own) {
        move(order, TL_REPORT_REPLACE_REJECTED, false);
        order->bits &= (uint16_t)~ORDER_REPLACE_ASKED;
        order->record.wanted_price = order->record.last.price;
        order->record.wanted_quantity = order->record.last.quantity;
        order->record.updated_ns = now_ns;
        state_terms(order, r);
        tell(gateway, order, r);
    }
    if (!open) return true;
    order->value_price =
        gateway_value_price(&gateway->markets[order->record.last.instrument], &order->record.last, order->record.last.price);
    gateway_order_rest(gateway, order);
    gateway_recount(gateway, order);
    /* A strategy's replace that waited behind the gateway's own goes out now. */
    if (own && (order->bits & ORDER_REPLACE_ASKED)) group_leg_sync(gateway, order, now_ns);
    return true;
}

static bool report_cancel_rejected(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    if (!(order->bits & ORDER_CANCEL_IN_FLIGHT)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    bool asked = order->bits & ORDER_CANCEL_ASKED;
    order->bits &= (uint16_t) ~(ORDER_CANCEL_IN_FLIGHT | ORDER_CANCEL_ASKED);
    if (asked) {
        move(order, TL_REPORT_CANCEL_REJECTED, false);
        order->record.updated_ns = now_ns;
        state_terms(order, r);
        tell(gateway, order, r);
    }
    /* What the gateway wanted meanwhile was left to the strategy's cancel. */
    if (order->end_reason != TL_REASON_NONE) gateway_order_cancel(gateway, order, order->end_reason, now_ns);
    return true;
}

/* Acknowledged, triggered or restated: it works on, at the terms that the venue states. Only a restatement may enlarge it, and a report that states nothing that
 * could be leaves the terms as they are. */
static bool report_working(tl_gateway *gateway, gateway_order *order, tl_report *r, int64_t now_ns) {
    bool fit = stated_terms_fit(order, r);
    if (r->kind == TL_REPORT_RESTATED ? !fit : fit && r->quantity > order->record.last.quantity) {
        gateway->counts.reports_malformed++;
        return false;
    }
    if (r->kind == TL_REPORT_ACCEPTED && (order->bits & ORDER_RELEASED)) {
        /* Its strategy had it accepted when it was held; what is new is the quantity. */
        order->bits &= (uint16_t)~ORDER_RELEASED;
        r->kind = TL_REPORT_RESTATED;
    }
    if (!move(order, r->kind, false)) {
        gateway->counts.illegal_transitions++;
        return false;
    }
    if (fit) adopt_terms(gateway, order, r);
    state_terms(order, r);
    order->record.updated_ns = now_ns;
    gateway_order_rest(gateway, order);
    gateway_recount(gateway, order);
    if (r->kind == TL_REPORT_ACCEPTED) gateway_order_arm(gateway, order);
    tell(gateway, order, r);
    return true;
}

bool gateway_take_report(tl_gateway *gateway, gateway_order *order, tl_report *report, int64_t now_ns) {
    switch (report->kind) {
    case TL_REPORT_FILL:
        return report_fill(gateway, order, report, now_ns);
    case TL_REPORT_CANCELED:
    case TL_REPORT_REJECTED:
    case TL_REPORT_EXPIRED:
        return report_end(gateway, order, report, now_ns);
    case TL_REPORT_REPLACED:
        return report_replaced(gateway, order, report, now_ns);
    case TL_REPORT_REPLACE_REJECTED:
        return report_replace_rejected(gateway, order, report, now_ns);
    case TL_REPORT_CANCEL_REJECTED:
        return report_cancel_rejected(gateway, order, report, now_ns);
    default:
        return report_working(gateway, order, report, now_ns);
    }
}

void tl_gateway_report(tl_gateway *gateway, const tl_report *report, int64_t now_ns) {
    tl_report mine = *report;
    const uint64_t sent_id = mine.order_id;
    mine.order_id = gateway_id_of(sent_id);
    gateway_order *order = gateway_order_find(gateway, mine.order_id);
    if (order == NULL) {
        gateway->counts.reports_unknown++;
        return;
    }
    if (mine.kind != TL_REPORT_FILL && mine.instrument == (uint32_t)TL_NO_INSTRUMENT)
        mine.instrument = order->record.last.instrument;
    if (mine.kind == TL_REPORT_NONE || mine.kind >= TL_REPORTS || mine.kind == TL_REPORT_DENIED ||
        mine.reason >= TL_REASONS || mine.instrument != order->record.last.instrument || (order->bits & ORDER_HELD)) {
        gateway->counts.reports_malformed++;
        return;
    }
    mine.limit = mine.value = TL_ABSENT;
    if (mine.kind != TL_REPORT_FILL) mine.fee_e8 = 0;
    if (!held_report(gateway, order, sent_id, &mine, now_ns)) return;
    bool taken = gateway_take_report(gateway, order, &mine, now_ns);
    gateway->counts.reports += taken;
    if (taken) held_reported(gateway, order, &mine, now_ns);
    held_settle(gateway);
}
