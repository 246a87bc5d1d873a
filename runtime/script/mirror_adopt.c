/* An attach: the gateway's orders and positions over the mirror's. */
#include "script/mirror_inside.h"

void tl_mirror_position(tl_mirror *mirror, uint32_t instrument, const tl_position *position) {
    if (instrument >= tl_instruments_count(mirror->instruments)) return;
    mirror->positions[instrument] = *position;
    mirror_show_position(mirror, tl_instruments_at(mirror->instruments, instrument));
}

/* The request that a status says is in flight. */
static uint8_t request_of(int status) {
    switch (status) {
    case TL_ORDER_PENDING_NEW:
        return TL_COMMAND_NEW;
    case TL_ORDER_PENDING_CANCEL:
        return TL_COMMAND_CANCEL;
    case TL_ORDER_PENDING_REPLACE:
        return TL_COMMAND_REPLACE;
    default:
        return TL_COMMAND_NONE;
    }
}

/* What does not change in an order's life. */
static void describe(tl_mirror *mirror, uint32_t slot, const tl_command *last, int64_t now_ns) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    const tl_view_instrument *seen = tl_view_at(mirror->view, last->instrument);
    order->offset_n = last->offset == 0 ? NAN : (double)last->offset;
    order->display_n = last->display ? (double)last->display : NAN;
    order->queue_ahead_n = order->queue_total_n = NAN;
    order->price_unit = seen->price_unit;
    order->size_unit = seen->size_unit;
    order->created_ns = last->ts_ns ? last->ts_ns : now_ns;
    order->expire_ns = last->expire_ns;
    order->deadline_ns = last->deadline_ns;
    order->instrument_n = last->instrument;
    order->tag_n = last->tag;
    order->group_n = last->group;
    order->flags_n = last->flags;
    order->side_n = last->side;
    order->type_n = last->type;
    order->time_in_force_n = last->time_in_force;
    order->link_n = last->link;
    order->adopted_n = 1;
}

/* Where it stands now. A fill that only the gateway saw is valued at the order's price. */
static void bring_up(tl_mirror *mirror, uint32_t slot, const tl_adopted *adopted, int64_t now_ns) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    const tl_command *last = &adopted->last;
    double filled = (double)adopted->filled;
    if (filled != order->filled_n && last->price != TL_ABSENT) {
        tl_int128 missed = (tl_int128)last->price * (adopted->filled - (int64_t)order->filled_n);
        private->cost = tl_money_of(tl_money_get(private->cost) + missed);
        order->cost_n = (double)tl_money_get(private->cost);
    }
    order->price_n = mirror_numerator(last->price);
    order->quantity_n = (double)last->quantity;
    order->stop_price_n = mirror_numerator(last->stop_price);
    order->filled_n = filled;
    order->status_n = adopted->status;
    order->status_before_n = adopted->before;
    bool asked = adopted->status == TL_ORDER_PENDING_REPLACE && adopted->wanted_quantity > 0;
    if (order->request_n != request_of(adopted->status) || (asked && private->asked_quantity != adopted->wanted_quantity)) {
        order->queued_n = 0;
        order->request_n = request_of(adopted->status);
        private->asked_price = asked ? adopted->wanted_price : last->price;
        private->asked_quantity = asked ? adopted->wanted_quantity : last->quantity;
    }
    if (order->queued_n == 0) {
        order->wanted_price_n = asked ? mirror_numerator(adopted->wanted_price) : order->price_n;
        order->wanted_quantity_n = asked ? (double)adopted->wanted_quantity : order->quantity_n;
    }
    order->updated_ns = now_ns;
    private->attach = mirror->attach;
}

static bool same_place(const tl_shown_order *order, const tl_command *last) {
    return order->instrument_n == last->instrument && order->side_n == last->side;
}

uint32_t tl_mirror_adopt(tl_mirror *mirror, const tl_adopted *adopted, int64_t now_ns) {
    const tl_command *last = &adopted->last;
    if (last->instrument >= tl_instruments_count(mirror->instruments) || !tl_order_is_open(adopted->status)) return 0;
    uint32_t slot = tl_order_slots_find(&mirror->slots, last->order_id);
    if (slot != 0 && tl_order_is_open(mirror->slots.orders[slot].status_n) &&
        same_place(&mirror->slots.orders[slot], last)) {
        bring_up(mirror, slot, adopted, now_ns);
        return slot;
    }
    /* Another order under that id, or one that was taken to be closed: the gateway's counts. */
    if (slot != 0 && tl_order_is_open(mirror->slots.orders[slot].status_n)) {
        mirror->slots.orders[slot].status_n = TL_ORDER_CANCELED;
        tl_order_slots_retire(&mirror->slots, slot);
    }
    slot = tl_order_slots_acquire(&mirror->slots, last->order_id);
    if (slot == 0) return 0;
    describe(mirror, slot, last, now_ns);
    bring_up(mirror, slot, adopted, now_ns);
    tl_order_slots_open(&mirror->slots, slot);
    tl_mirror_ids_from(mirror, last->order_id);
    return slot;
}

uint32_t tl_mirror_attached(tl_mirror *mirror, int64_t now_ns) {
    uint32_t gone = 0, next;
    for (uint32_t slot = mirror->slots.all.first; slot != 0; slot = next) {
        next = mirror->slots.privates[slot].next_all;
        tl_shown_order *order = &mirror->slots.orders[slot];
        if (mirror->slots.privates[slot].attach == mirror->attach) continue;
        if (order->id_n > (double)mirror->attach_from && !(order->flags_n & TL_FLAG_UNDO)) continue;
        order->status_n = order->status_before_n = TL_ORDER_CANCELED;
        order->reason_n = TL_REASON_UNKNOWN_ORDER;
        order->request_n = order->queued_n = 0;
        order->updated_ns = now_ns;
        tl_order_slots_retire(&mirror->slots, slot);
        gone++;
    }
    mirror->attach++;
    return gone;
}

void tl_mirror_attaching(tl_mirror *mirror) {
    mirror->attach_from = mirror->last_id;
}

void tl_mirror_ids_from(tl_mirror *mirror, uint64_t last_id) {
    if (last_id >> 40 == mirror->strategy && last_id > mirror->last_id && !(last_id & TL_GATEWAY_ORDER_ID))
        mirror->last_id = last_id;
}
