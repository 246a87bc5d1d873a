#include "script/mirror_inside.h"

/* What one unit of a reason's limit and value is to a script: docs/ORDERS.md lists them. */
static double unit_of(int reason, const tl_instrument *instrument) {
    switch (reason) {
    case TL_REASON_OFF_TICK:
    case TL_REASON_BAD_PRICE:
    case TL_REASON_RISK_PRICE_COLLAR:
    case TL_REASON_RISK_SELF_TRADE:
        return tl_power_of_ten(-instrument->price_exponent);
    case TL_REASON_BAD_QUANTITY:
    case TL_REASON_RISK_ORDER_QUANTITY:
    case TL_REASON_RISK_POSITION:
    case TL_REASON_RISK_SHORT:
    case TL_REASON_REDUCE_ONLY:
        return tl_power_of_ten(-instrument->quantity_exponent);
    case TL_REASON_RISK_ORDER_NOTIONAL:
    case TL_REASON_RISK_EXPOSURE:
    case TL_REASON_RISK_BUYING_POWER:
    case TL_REASON_RISK_DAILY_LOSS:
        return 1e8;
    default:
        return 1;
    }
}

static void show(const tl_report *report, const tl_instrument *instrument, const tl_shown_order *order, uint32_t slot,
                 int64_t now_ns, uint64_t sequence, tl_shown_report *shown) {
    *shown = (tl_shown_report){
        .sequence_n = (double)sequence,
        .price_n = mirror_numerator(report->price),
        .quantity_n = mirror_numerator(report->quantity),
        .filled_n = mirror_numerator(report->filled),
        .fee_n = (double)report->fee_e8,
        .limit_n = mirror_numerator(report->limit) / unit_of(report->reason, instrument),
        .value_n = mirror_numerator(report->value) / unit_of(report->reason, instrument),
        .price_unit = tl_power_of_ten(-instrument->price_exponent),
        .size_unit = tl_power_of_ten(-instrument->quantity_exponent),
        .at_ns = report->ts_venue_ns,
        .received_ns = now_ns,
        .execution_n = report->execution_id,
        .instrument_n = instrument->id,
        .live_n = 1,
        .slot_n = slot,
        .generation_n = order->generation_n,
        .reason_n = report->reason,
        .kind_n = report->kind,
        .liquidity_n = report->liquidity,
        .side_n = order->side_n,
    };
}

static double money(tl_money m) {
    return (double)tl_money_get(m) / 1e8;
}

void mirror_show_position(tl_mirror *mirror, const tl_instrument *instrument) {
    const tl_position *position = &mirror->positions[instrument->id];
    tl_shown_position *shown = &tl_view_at(mirror->view, instrument->id)->position;
    shown->quantity_n = (double)position->quantity;
    shown->average = tl_position_average_price(position, instrument);
    shown->realized = money(position->realized_e8);
    shown->fees = money(position->fees_e8);
    shown->funding = money(position->funding_e8);
}

static void apply_fill(tl_mirror *mirror, uint32_t slot, const tl_report *report) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, order->instrument_n);
    tl_position *position = &mirror->positions[order->instrument_n];
    order->filled_n += (double)report->quantity;
    tl_int128 cost = tl_money_get(private->cost) + (tl_int128)report->price * report->quantity;
    private->cost = tl_money_of(cost);
    order->cost_n = (double)cost;
    if (private->quote && mirror->quotes[private->quote].next_quantity > 0)
        mirror->quotes[private->quote].next_quantity -= report->quantity;
    if (tl_position_fill(position, instrument, order->side_n, report->quantity, report->price, report->fee_e8) != TL_OK)
        return; /* the position is past what 64 bits hold: the gateway refuses orders long before */
    mirror_show_position(mirror, instrument);
}

/* Sends what waited for the answer that has just come; with nothing waiting, a refused request is forgotten. */
static void release(tl_mirror *mirror, uint32_t slot, bool refused) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    int queued = order->queued_n;
    order->queued_n = 0;
    if (refused && private->quote) mirror->quotes[private->quote].asked_quantity = -1;
    /* What a quote asked for was filled while its replace was on its way: no more than that was to be open. */
    if (refused && private->quote && queued == 0 && order->wanted_quantity_n <= order->filled_n) queued = TL_COMMAND_CANCEL;
    if (refused && queued == 0) {
        order->wanted_price_n = order->price_n;
        order->wanted_quantity_n = order->quantity_n;
    }
    if (queued == 0 || mirror->command_count == MAX_COMMANDS) return;
    if (queued == TL_COMMAND_CANCEL || order->wanted_quantity_n <= order->filled_n)
        mirror_send_cancel(mirror, order);
    else if (!mirror_same(order->wanted_price_n, order->price_n) || order->wanted_quantity_n != order->quantity_n)
        mirror_send_replace(mirror, slot, private->deadline_ns);
}

/* Whether a report answers the request in flight. A venue may skip the acknowledgement of an order that trades at once. */
static bool answers(int kind, int asked) {
    switch (kind) {
    case TL_REPORT_ACCEPTED:
    case TL_REPORT_FILL:
        return asked == TL_COMMAND_NEW;
    case TL_REPORT_REPLACED:
    case TL_REPORT_REPLACE_REJECTED:
        return asked == TL_COMMAND_REPLACE;
    case TL_REPORT_CANCEL_REJECTED:
        return asked == TL_COMMAND_CANCEL;
    default:
        return false;
    }
}

/* What the venue acknowledged. */
static void acknowledge(tl_shown_order *order, const tl_report *report) {
    if (report->price != TL_ABSENT && report->price > 0) order->price_n = (double)report->price;
    if (report->quantity != TL_ABSENT && report->quantity > 0) order->quantity_n = (double)report->quantity;
    if (report->kind == TL_REPORT_ACCEPTED || report->kind == TL_REPORT_REPLACED)
        order->queue_ahead_n = mirror_numerator(report->queue_ahead);
}

uint32_t tl_mirror_report(tl_mirror *mirror, const tl_report *report, int64_t now_ns, uint64_t sequence,
                          tl_shown_report *shown) {
    tl_mirror_event(mirror, sequence, now_ns);
    if (report->kind == TL_REPORT_UNDO) {
        mirror_saga_undo(mirror, report);
        return 0;
    }
    uint32_t slot = tl_order_slots_find(&mirror->slots, report->order_id);
    if (slot == 0) {
        memset(shown, 0, sizeof *shown);
        return 0;
    }
    tl_shown_order *order = &mirror->slots.orders[slot];
    int kind = report->kind;
    bool was_open = tl_order_is_open(order->status_n);
    bool sound = kind != TL_REPORT_FILL || (report->quantity > 0 && report->price != TL_ABSENT);
    if (kind == TL_REPORT_FILL && sound) apply_fill(mirror, slot, report);
    int move = tl_order_move_of_report(kind, order->filled_n >= order->quantity_n);
    bool legal = sound && tl_order_move_apply(move, &order->status_n, &order->status_before_n);
    if (legal && was_open) {
        if (kind == TL_REPORT_ACCEPTED || kind == TL_REPORT_REPLACED || kind == TL_REPORT_RESTATED)
            acknowledge(order, report);
        order->updated_ns = now_ns;
        order->reason_n = report->reason;
    }
    if (!legal) mirror->illegal_transitions++;
    if (was_open && !tl_order_is_open(order->status_n)) {
        bool asked = order->request_n == TL_COMMAND_CANCEL;
        uint32_t kept = mirror->slots.privates[slot].quote;
        order->request_n = order->queued_n = 0;
        tl_order_slots_retire(&mirror->slots, slot);
        if (kept) mirror_quote_closed(mirror, kept, report, asked);
    } else if (was_open && order->request_n != TL_COMMAND_NONE && answers(kind, order->request_n)) {
        order->request_n = order->status_n == TL_ORDER_PENDING_NEW ? TL_COMMAND_NEW : TL_COMMAND_NONE;
        if (order->request_n == TL_COMMAND_NONE)
            release(mirror, slot, kind == TL_REPORT_REPLACE_REJECTED || kind == TL_REPORT_CANCEL_REJECTED);
    }
    show(report, tl_instruments_at(mirror->instruments, order->instrument_n), order, slot, now_ns, sequence, shown);
    return slot;
}

void tl_mirror_action(tl_mirror *mirror, const tl_event *event) {
    if (event->instrument >= tl_instruments_count(mirror->instruments)) return;
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, event->instrument);
    tl_view_instrument *seen = tl_view_at(mirror->view, event->instrument);
    tl_position *position = &mirror->positions[event->instrument];
    int64_t ratio_e8 = event->w[1], amount = event->w[2];
    tl_status status = TL_OK;
    if (event->w[0] == TL_ACTION_SPLIT) {
        if (ratio_e8 <= 0) return;
        double mark = seen->position.mark_n;
        status = tl_position_split(position, instrument, ratio_e8, isnan(mark) ? 0 : (int64_t)(mark * 2));
        /* What a share is worth until the market speaks again. */
        seen->position.mark_n = mark * 1e8 / (double)ratio_e8;
        if (seen->last_price != TL_ABSENT)
            seen->last_price = (int64_t)((double)seen->last_price * 1e8 / (double)ratio_e8 + 0.5);
    } else if ((event->w[0] == TL_ACTION_DIVIDEND || event->w[0] == TL_ACTION_FUNDING) && amount != TL_ABSENT)
        status = tl_position_pay(position, instrument, event->w[0] == TL_ACTION_DIVIDEND ? -amount : amount);
    if (status == TL_OK) mirror_show_position(mirror, instrument);
}

void tl_mirror_queue_place(tl_mirror *mirror, const tl_event *event) {
    uint32_t slot = tl_order_slots_find(&mirror->slots, (uint64_t)event->w[0]);
    if (slot == 0) return;
    mirror->slots.orders[slot].queue_ahead_n = mirror_numerator(event->w[1]);
    mirror->slots.orders[slot].queue_total_n = mirror_numerator(event->w[2]);
}
