#include "gateway/held.h"

#include "gateway/command.h"
#include "gateway/order_store.h"
#include "gateway/stops.h"

static uint32_t supports(const tl_gateway *gateway, const gateway_order *order) {
    return gateway->venues[order->venue].supports;
}

static bool is_stop(int type) {
    return type == TL_TYPE_STOP || type == TL_TYPE_STOP_LIMIT || type == TL_TYPE_TRAILING_STOP;
}

/* What a stop becomes. */
static int type_behind(int type) {
    return type == TL_TYPE_STOP_LIMIT ? TL_TYPE_LIMIT : TL_TYPE_MARKET;
}

int held_reason(const tl_gateway *gateway, const gateway_order *order) {
    int type = order->record.last.type;
    uint32_t can = supports(gateway, order);
    if (can >> type & 1) return TL_REASON_NONE;
    bool possible = type == TL_TYPE_ICEBERG || (is_stop(type) && (can >> type_behind(type) & 1));
    return possible ? TL_REASON_NONE : TL_REASON_UNSUPPORTED;
}

static int form_of(const tl_gateway *gateway, const gateway_order *order) {
    int type = order->record.last.type;
    if (supports(gateway, order) >> type & 1) return HELD_NOT;
    return is_stop(type) ? HELD_WAITS : HELD_SLICED;
}

/* ---- the wire ---- */

/* The order as its venue knows it. */
static tl_command *wire(tl_gateway *gateway, const gateway_order *order, int kind, int64_t now_ns) {
    tl_command *command = gateway_wire(gateway, order, kind, now_ns);
    if (command->time_in_force == TL_TIF_GTD && !(supports(gateway, order) & TL_SUPPORTS_GTD)) {
        command->time_in_force = TL_TIF_GTC;
        command->expire_ns = 0;
        command->flags &= ~(uint32_t)TL_FLAG_HAS_EXPIRE;
    }
    if (TL_LIKELY(order->held.form == HELD_NOT)) return command;
    if (order->held.form == HELD_SLICED) {
        command->order_id |= (uint64_t)order->held.slice << HELD_ID_BITS;
        command->type = TL_TYPE_LIMIT;
        command->display = 0;
        command->quantity = order->held.slice_quantity;
    } else {
        command->type = (uint8_t)type_behind(command->type);
        command->stop_price = TL_ABSENT;
        command->offset = 0;
        command->flags &= ~(uint32_t)(TL_FLAG_TRIGGER_QUOTE | TL_FLAG_TRIGGER_MARK | TL_FLAG_TRAIL_PERCENT);
        /* It got there long ago. */
        if (command->deadline_ns <= now_ns) command->deadline_ns = 0;
    }
    return command;
}

static void send_slice(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    const tl_command *last = &order->record.last;
    int64_t open = last->quantity - order->record.filled;
    order->held.slice_quantity = last->display < open ? last->display : open;
    order->held.slice_filled = 0;
    wire(gateway, order, TL_COMMAND_NEW, now_ns);
}

static void ask(tl_gateway *gateway, const gateway_order *order, int kind, int64_t price, int64_t quantity, int64_t now_ns) {
    /* Two requests of an order at most are under way in a call, and a call asks at most of all orders: it always fits. */
    if (gateway->held_request_count == GATEWAY_HELD_REQUESTS) {
        gateway->counts.output_lost++;
        return;
    }
    gateway->held_requests[gateway->held_request_count++] = (held_request){.price = price,
                                                                           .quantity = quantity,
                                                                           .now_ns = now_ns,
                                                                           .order = gateway_order_slot(gateway, order),
                                                                           .kind = (uint32_t)kind};
}

void gateway_send(tl_gateway *gateway, gateway_order *order, int kind, int64_t now_ns) {
    if (kind == TL_COMMAND_NEW) {
        order->held.form = (uint8_t)form_of(gateway, order);
        if (order->held.form == HELD_SLICED) {
            send_slice(gateway, order, now_ns);
            return;
        }
    }
    if (order->held.form == HELD_WAITS)
        ask(gateway, order, kind, TL_ABSENT, 0, now_ns);
    else
        wire(gateway, order, kind, now_ns);
}

void gateway_send_replace(tl_gateway *gateway, gateway_order *order, int64_t price, int64_t quantity, int64_t now_ns) {
    if (order->held.form == HELD_WAITS || order->held.form == HELD_SLICED) {
        ask(gateway, order, TL_COMMAND_REPLACE, price, quantity, now_ns);
        return;
    }
    tl_command *command = wire(gateway, order, TL_COMMAND_REPLACE, now_ns);
    command->price = price;
    command->quantity = quantity;
}

/* ---- answers ---- */

static tl_report answer_of(const gateway_order *order, int kind, int reason, int64_t now_ns) {
    return gateway_report_of(order, kind, reason, now_ns);
}

static void answer(tl_gateway *gateway, gateway_order *order, int kind, int reason, int64_t now_ns) {
    tl_report report = answer_of(order, kind, reason, now_ns);
    gateway_take_report(gateway, order, &report, now_ns);
}

static void answer_replaced(tl_gateway *gateway, gateway_order *order, int64_t price, int64_t quantity, int64_t now_ns) {
    tl_report report = answer_of(order, TL_REPORT_REPLACED, TL_REASON_NONE, now_ns);
    report.price = price;
    report.quantity = quantity;
    gateway_take_report(gateway, order, &report, now_ns);
}

static int state_reason(const gateway_market *market) {
    if (gateway_trades(market) || market->state == TL_STATE_PRE_OPEN) return TL_REASON_NONE;
    return market->state == TL_STATE_CLOSED ? TL_REASON_CLOSED : TL_REASON_HALTED;
}

/* What a venue would have against a stop. */
static int stop_reason(const tl_gateway *gateway, const tl_command *c, int64_t now_ns) {
    const tl_instrument *instrument = tl_instruments_at(gateway->instruments, c->instrument);
    const uint32_t both = TL_FLAG_TRIGGER_QUOTE | TL_FLAG_TRIGGER_MARK;
    if ((c->flags & both) == both) return TL_REASON_BAD_FIELD;
    if (c->time_in_force == TL_TIF_AT_OPEN || c->time_in_force == TL_TIF_AT_CLOSE || (c->flags & TL_FLAG_POST_SLIDE))
        return TL_REASON_UNSUPPORTED;
    if (c->type == TL_TYPE_TRAILING_STOP && !(c->flags & TL_FLAG_TRAIL_PERCENT) && c->offset % instrument->tick != 0)
        return TL_REASON_OFF_TICK;
    if (c->expire_ns != 0 && c->expire_ns <= now_ns) return TL_REASON_EXPIRE_TIME;
    return state_reason(&gateway->markets[c->instrument]);
}

/* When a day order of an instrument that comes now ends. */
static int64_t end_of_day(const tl_gateway *gateway, uint32_t instrument, int64_t now_ns) {
    uint32_t calendar = tl_instruments_at(gateway->instruments, instrument)->calendar;
    tl_session session;
    bool inside;
    if (gateway->calendars == NULL || calendar >= TL_CALENDAR_MAX ||
        !tl_calendars_session_at(gateway->calendars, calendar, now_ns, &session, &inside))
        return INT64_MAX;
    if (now_ns < session.close_ns) return session.close_ns;
    return tl_calendars_next(gateway->calendars, calendar, now_ns, &session) ? session.close_ns : INT64_MAX;
}

static void begin(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    const tl_command *last = &order->record.last;
    int reason = stop_reason(gateway, last, now_ns);
    if (reason != TL_REASON_NONE) {
        answer(gateway, order, TL_REPORT_REJECTED, reason, now_ns);
        return;
    }
    held_part *mine = &order->held;
    mine->stop = last->stop_price;
    mine->water = TL_ABSENT;
    mine->trigger = (uint8_t)((last->flags & TL_FLAG_TRIGGER_QUOTE)  ? HELD_QUOTE
                              : (last->flags & TL_FLAG_TRIGGER_MARK) ? HELD_MARK
                                                                     : HELD_LAST);
    mine->day_end_ns = last->time_in_force == TL_TIF_DAY ? end_of_day(gateway, last->instrument, now_ns) : INT64_MAX;
    answer(gateway, order, TL_REPORT_ACCEPTED, TL_REASON_NONE, now_ns);
    gateway_order_arm(gateway, order);
    if (mine->form == HELD_WAITS && tl_order_is_open(order->record.status)) stops_add(gateway, order, now_ns);
}

/* As at the exchange: a quantity that shrinks alone leaves a stop its place among those of its price, anything else does not, and may find it reached. */
static void replace_waiting(tl_gateway *gateway, gateway_order *order, const held_request *asked) {
    int reason = state_reason(&gateway->markets[order->record.last.instrument]);
    if (reason != TL_REASON_NONE) {
        answer(gateway, order, TL_REPORT_REPLACE_REJECTED, reason, asked->now_ns);
        return;
    }
    bool stays = asked->price == TL_ABSENT && asked->quantity < order->record.last.quantity;
    answer_replaced(gateway, order, asked->price, asked->quantity, asked->now_ns);
    if (stays || !order->held.waits) return;
    stops_remove(gateway, order);
    stops_add(gateway, order, asked->now_ns);
}

/* The slice at the venue stays as it is where that will do. */
static void replace_sliced(tl_gateway *gateway, gateway_order *order, const held_request *asked) {
    held_part *mine = &order->held;
    const tl_command *last = &order->record.last;
    int64_t at_venue = mine->slice_quantity - mine->slice_filled, open = asked->quantity - order->record.filled;
    bool moves = asked->price != last->price;
    if (!moves && at_venue <= open) {
        answer_replaced(gateway, order, asked->price, asked->quantity, asked->now_ns);
        return;
    }
    int64_t shown = moves ? last->display : at_venue;
    tl_command *command = wire(gateway, order, TL_COMMAND_REPLACE, asked->now_ns);
    command->price = asked->price;
    command->quantity = mine->slice_filled + (shown < open ? shown : open);
}

static void settle_one(tl_gateway *gateway, const held_request *asked) {
    gateway_order *order = &gateway->orders[asked->order];
    if (!tl_order_is_open(order->record.status)) return;
    bool waits = order->held.form == HELD_WAITS;
    switch (asked->kind) {
    case TL_COMMAND_NEW:
        begin(gateway, order, asked->now_ns);
        break;
    case TL_COMMAND_CANCEL:
        if (waits)
            answer(gateway, order, TL_REPORT_CANCELED, TL_REASON_REQUESTED, asked->now_ns);
        else /* it triggered in the same call */
            wire(gateway, order, TL_COMMAND_CANCEL, asked->now_ns);
        break;
    default:
        if (waits)
            replace_waiting(gateway, order, asked);
        else if (order->held.form == HELD_SLICED)
            replace_sliced(gateway, order, asked);
        else
            gateway_send_replace(gateway, order, asked->price, asked->quantity, asked->now_ns);
    }
}

void held_settle_all(tl_gateway *gateway) {
    /* An answer may ask for more, behind what is there. */
    for (uint32_t i = 0; i < gateway->held_request_count; i++) {
        held_request asked = gateway->held_requests[i];
        settle_one(gateway, &asked);
    }
    gateway->held_request_count = 0;
}

/* ---- triggers ---- */

void held_triggered(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    tl_command *last = &order->record.last;
    order->held.form = HELD_TRIGGERED;
    tl_report report = answer_of(order, TL_REPORT_TRIGGERED, TL_REASON_NONE, now_ns);
    int64_t reducible = INT64_MAX;
    if (last->flags & TL_FLAG_REDUCE_ONLY) {
        int64_t held = gateway->holdings[order->holding].position.quantity;
        reducible = last->side == TL_SIDE_BUY ? -held : held;
        if (reducible > 0 && reducible < last->quantity) report.quantity = reducible;
    }
    gateway_take_report(gateway, order, &report, now_ns);
    if (!tl_order_is_open(order->record.status)) return;
    if (reducible <= 0) {
        answer(gateway, order, TL_REPORT_CANCELED, TL_REASON_REDUCE_ONLY, now_ns);
        return;
    }
    gateway_order_arm(gateway, order);
    wire(gateway, order, TL_COMMAND_NEW, now_ns);
}

/* Day orders that wait end with the session. */
static void close_day(tl_gateway *gateway, uint32_t instrument, int64_t now_ns) {
    for (uint32_t i = gateway->markets[instrument].stakes; i != 0; i = gateway->stakes[i].next)
        for (int side = 0; side < 2; side++)
            for (uint32_t slot = gateway->stakes[i].first[side]; slot != 0; slot = gateway->orders[slot].stake_next) {
                gateway_order *order = &gateway->orders[slot];
                if (order->held.waits && order->record.last.time_in_force == TL_TIF_DAY)
                    gateway_order_cancel(gateway, order, TL_REASON_END_OF_DAY, now_ns);
            }
}

void held_market(tl_gateway *gateway, const tl_event *event, const tl_event_tail *tail) {
    const gateway_market *market = &gateway->markets[event->instrument];
    if (gateway->held_books[market->held_book].all == 0) return;
    if (event->kind == TL_EVENT_STATUS && market->state == TL_STATE_CLOSED)
        close_day(gateway, event->instrument, event->ts_recv_ns);
    stops_look(gateway, event, tail);
    held_settle(gateway);
}

int64_t held_expire_ns(const tl_gateway *gateway, const gateway_order *order) {
    const tl_command *last = &order->record.last;
    bool waits = order->held.form == HELD_WAITS;
    if (order->bits & ORDER_EXPIRE_DONE) return INT64_MAX;
    if (last->flags & TL_FLAG_HAS_EXPIRE) return last->expire_ns;
    if (last->time_in_force == TL_TIF_GTD && (waits || !(supports(gateway, order) & TL_SUPPORTS_GTD)))
        return last->expire_ns;
    return waits && last->time_in_force == TL_TIF_DAY && order->held.day_end_ns != 0 ? order->held.day_end_ns : INT64_MAX;
}

int held_expire_reason(const gateway_order *order) {
    const tl_command *last = &order->record.last;
    bool timed = (last->flags & TL_FLAG_HAS_EXPIRE) || last->time_in_force == TL_TIF_GTD;
    return timed ? TL_REASON_EXPIRE_TIME : TL_REASON_END_OF_DAY;
}

void held_ended(tl_gateway *gateway, gateway_order *order) {
    if (TL_UNLIKELY(order->held.waits)) stops_remove(gateway, order);
}

/* ---- what venues report ---- */

static bool report_triggered(const gateway_order *order, tl_report *r) {
    if (r->kind == TL_REPORT_REJECTED) r->kind = TL_REPORT_CANCELED;
    if (r->kind != TL_REPORT_ACCEPTED) return true;
    const tl_command *last = &order->record.last;
    /* Its strategy had it accepted; what it does not know is what the venue changed. */
    r->kind = TL_REPORT_RESTATED;
    return r->quantity > 0 &&
           (r->quantity != last->quantity || (last->price != TL_ABSENT && r->price != TL_ABSENT && r->price != last->price));
}

static bool slice_is_done(const gateway_order *order) {
    return order->held.slice_filled == order->held.slice_quantity;
}

static bool report_sliced(tl_gateway *gateway, gateway_order *order, tl_report *r) {
    held_part *mine = &order->held;
    tl_order_record *record = &order->record;
    bool first = record->before == TL_ORDER_PENDING_NEW;
    switch (r->kind) {
    case TL_REPORT_FILL:
        if (r->quantity <= mine->slice_quantity - mine->slice_filled) return true;
        gateway->counts.illegal_transitions++;
        return false;
    case TL_REPORT_ACCEPTED:
        r->quantity = record->last.quantity;
        if (first) return true;
        r->kind = TL_REPORT_RESTATED;
        return r->price != TL_ABSENT && r->price != record->last.price;
    case TL_REPORT_REJECTED:
        if (!first) r->kind = TL_REPORT_CANCELED;
        return true;
    case TL_REPORT_REPLACED:
        if (r->quantity > mine->slice_filled) mine->slice_quantity = r->quantity;
        r->quantity = record->wanted_quantity;
        return true;
    case TL_REPORT_REPLACE_REJECTED:
        if (!slice_is_done(order)) return true;
        /* The slice traded before the request got there; the next one goes out as asked. */
        r->kind = TL_REPORT_REPLACED;
        r->reason = TL_REASON_NONE;
        r->price = record->wanted_price;
        r->quantity = record->wanted_quantity;
        return true;
    case TL_REPORT_CANCEL_REJECTED:
        if (!slice_is_done(order)) return true;
        r->kind = TL_REPORT_CANCELED;
        r->reason = TL_REASON_REQUESTED;
        return true;
    case TL_REPORT_RESTATED: {
        /* A venue that takes from a slice takes from the whole: it is for what can be reduced. */
        bool less = r->quantity < mine->slice_quantity && r->quantity > mine->slice_filled;
        if (r->quantity > mine->slice_filled) mine->slice_quantity = r->quantity;
        r->quantity = less ? record->filled + r->quantity - mine->slice_filled : record->last.quantity;
        return true;
    }
    default:
        return true;
    }
}

bool held_report(tl_gateway *gateway, gateway_order *order, uint64_t sent_id, tl_report *r, int64_t now_ns) {
    (void)now_ns;
    uint32_t slice = (uint32_t)(sent_id >> HELD_ID_BITS);
    if (TL_LIKELY(order->held.form == HELD_NOT && slice == 0)) return true;
    if (slice != (order->held.form == HELD_SLICED ? order->held.slice : 0u)) {
        gateway->counts.reports_unknown++;
        return false;
    }
    if (!tl_order_is_open(order->record.status)) return true;
    if (order->held.form == HELD_WAITS) {
        gateway->counts.reports_malformed++;
        return false;
    }
    bool goes_on = order->held.form == HELD_TRIGGERED ? report_triggered(order, r) : report_sliced(gateway, order, r);
    gateway->counts.reports += !goes_on && r->kind == TL_REPORT_RESTATED;
    return goes_on;
}

void held_reported(tl_gateway *gateway, gateway_order *order, const tl_report *r, int64_t now_ns) {
    if (TL_LIKELY(order->held.form != HELD_SLICED)) return;
    if (r->kind == TL_REPORT_FILL) order->held.slice_filled += r->quantity;
    if (!tl_order_is_open(order->record.status) || !slice_is_done(order) ||
        (order->bits & (ORDER_CANCEL_IN_FLIGHT | ORDER_REPLACE_IN_FLIGHT)))
        return;
    order->held.slice = (uint16_t)((order->held.slice + 1) % HELD_SLICES);
    send_slice(gateway, order, now_ns);
}
