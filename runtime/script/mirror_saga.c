#include "script/mirror_inside.h"

static mirror_saga *find(tl_mirror *mirror, uint32_t number) {
    for (uint32_t i = 0; i < mirror->saga_count; i++)
        if (mirror->sagas[i].number == number) return &mirror->sagas[i];
    return NULL;
}

static bool has_room(tl_mirror *mirror, uint32_t commands) {
    return mirror->command_count + commands <= MAX_COMMANDS ||
           mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, (uint32_t)TL_NO_INSTRUMENT, MAX_COMMANDS,
                         MAX_COMMANDS);
}

uint32_t tl_mirror_saga(tl_mirror *mirror, int64_t deadline_ns, int64_t undo_ns, uint32_t tag) {
    const uint32_t none = (uint32_t)TL_NO_INSTRUMENT;
    if (mirror->warming) return mirror_refuse(mirror, TL_REASON_WARMING_UP, FIELD_NONE, none, NAN, NAN);
    if (undo_ns <= mirror->now_ns || undo_ns > deadline_ns)
        return mirror_refuse(mirror, TL_REASON_DEADLINE_PASSED, FIELD_DEADLINE, none, (double)undo_ns,
                             (double)mirror->now_ns);
    if (mirror->saga_count == MAX_SAGAS)
        return mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, none, MAX_SAGAS, MAX_SAGAS);
    if (!has_room(mirror, 1)) return 0;
    uint32_t number = tl_mirror_new_group(mirror);
    mirror->sagas[mirror->saga_count++] = (mirror_saga){.undo_ns = undo_ns, .number = number};
    tl_command *c = mirror_command(mirror, TL_COMMAND_SAGA_BEGIN);
    c->group = number;
    c->tag = tag;
    c->deadline_ns = deadline_ns;
    c->expire_ns = undo_ns;
    return number;
}

/* A leg has to be there when the saga has to be done. */
static bool read_leg(tl_mirror *mirror, uint32_t number, uint32_t instrument, int side, double quantity, double price,
                     const tl_order_options *options, mirror_request *ask) {
    const mirror_saga *saga = find(mirror, number);
    if (!saga || saga->said) return mirror_refuse(mirror, TL_REASON_SAGA, FIELD_NONE, instrument, NAN, NAN);
    if (!mirror_read_request(mirror, instrument, side, quantity, price, options, ask)) return false;
    if (saga->undo_ns <= mirror->now_ns)
        return mirror_refuse(mirror, TL_REASON_DEADLINE_PASSED, FIELD_DEADLINE, instrument, (double)saga->undo_ns,
                             (double)mirror->now_ns);
    if (ask->deadline_ns == 0 || ask->deadline_ns > saga->undo_ns) ask->deadline_ns = saga->undo_ns;
    return has_room(mirror, 2);
}

/* The way back is not sent now: what stands against sending now is no matter. */
static bool read_undo(tl_mirror *mirror, const tl_mirror_undo *undo, mirror_request *ask) {
    if (undo->instrument >= tl_instruments_count(mirror->instruments))
        return mirror_refuse(mirror, TL_REASON_UNKNOWN_SYMBOL, FIELD_SYMBOL, undo->instrument, NAN, NAN);
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, undo->instrument);
    *ask = (mirror_request){.price = TL_ABSENT, .type = undo->options->type, .time_in_force = undo->options->time_in_force};
    if (!mirror_read_quantity(mirror, instrument, FIELD_QUANTITY, undo->quantity, &ask->quantity)) return false;
    return ask->type == TL_TYPE_MARKET || mirror_read_price(mirror, instrument, FIELD_PRICE, undo->price,
                                                            undo->options->rounding, (int)undo->side, &ask->price);
}

bool tl_mirror_saga_check(tl_mirror *mirror, uint32_t saga, uint32_t instrument, int side, double quantity, double price,
                          const tl_order_options *options, const tl_mirror_undo *undo) {
    mirror_request ask, back;
    return read_leg(mirror, saga, instrument, side, quantity, price, options, &ask) &&
           (!undo || read_undo(mirror, undo, &back));
}

uint32_t tl_mirror_saga_leg(tl_mirror *mirror, uint32_t saga, uint32_t instrument, int side, double quantity, double price,
                            const tl_order_options *options, const tl_mirror_undo *undo) {
    mirror_request ask, back;
    if (!read_leg(mirror, saga, instrument, side, quantity, price, options, &ask)) return 0;
    if (undo && !read_undo(mirror, undo, &back)) return 0;
    if (undo) {
        tl_command *c = mirror_command(mirror, TL_COMMAND_SAGA_UNDO);
        c->order_id = mirror->last_id + 1; /* of the leg, which follows */
        c->group = saga;
        c->instrument = undo->instrument;
        c->side = (uint8_t)undo->side;
        c->type = back.type;
        c->time_in_force = back.time_in_force;
        c->quantity = back.quantity;
        c->price = back.price;
    }
    uint32_t slot = mirror_place(mirror, tl_instruments_at(mirror->instruments, instrument), side, &ask, options);
    return slot;
}

bool tl_mirror_saga_end(tl_mirror *mirror, uint32_t number, int reason) {
    mirror_saga *saga = find(mirror, number);
    if (!saga || saga->said || !has_room(mirror, 1)) return false;
    saga->said = 1;
    tl_command *c = mirror_command(mirror, TL_COMMAND_SAGA_END);
    c->group = number;
    c->quantity = reason;
    return true;
}

void tl_mirror_saga_end_all(tl_mirror *mirror, int reason) {
    for (uint32_t i = 0; i < mirror->saga_count; i++)
        tl_mirror_saga_end(mirror, mirror->sagas[i].number, reason);
}

void tl_mirror_saga_ended(tl_mirror *mirror, const tl_report *report) {
    mirror_saga *saga = find(mirror, (uint32_t)report->order_id);
    if (!saga) return;
    uint32_t at = (uint32_t)(saga - mirror->sagas);
    memmove(saga, saga + 1, (--mirror->saga_count - at) * sizeof *saga);
}

uint32_t tl_mirror_sagas(const tl_mirror *mirror) {
    return mirror->saga_count;
}

uint32_t tl_mirror_saga_next_leg(const tl_mirror *mirror, uint32_t saga, uint32_t slot) {
    while (++slot <= mirror->slots.high)
        if (mirror->slots.orders[slot].link_n == TL_LINK_SAGA_LEG && mirror->slots.orders[slot].group_n == saga) return slot;
    return 0;
}

void mirror_saga_undo(tl_mirror *mirror, const tl_report *report) {
    if (report->instrument >= tl_instruments_count(mirror->instruments) ||
        tl_order_slots_find(&mirror->slots, report->order_id) != 0)
        return;
    tl_command terms = {0};
    tl_undo_terms_read(report->fee_e8, &terms);
    uint32_t leg = tl_order_slots_find(&mirror->slots, report->execution_id);
    uint32_t tag = leg != 0 ? mirror->slots.orders[leg].tag_n : 0;
    uint32_t slot = tl_order_slots_acquire(&mirror->slots, report->order_id);
    if (slot == 0) return;
    const tl_view_instrument *seen = tl_view_at(mirror->view, report->instrument);
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    order->price_n = order->wanted_price_n = mirror_numerator(report->price);
    order->quantity_n = order->wanted_quantity_n = (double)report->quantity;
    order->stop_price_n = order->offset_n = order->display_n = order->queue_ahead_n = order->queue_total_n = NAN;
    order->price_unit = seen->price_unit;
    order->size_unit = seen->size_unit;
    order->created_ns = order->updated_ns = mirror->now_ns;
    order->deadline_ns = report->queue_ahead;
    order->instrument_n = report->instrument;
    order->tag_n = tag;
    order->flags_n = terms.flags;
    order->side_n = terms.side;
    order->type_n = terms.type;
    order->time_in_force_n = terms.time_in_force;
    order->request_n = TL_COMMAND_NEW;
    tl_order_move_apply(TL_MOVE_SEND, &order->status_n, &order->status_before_n);
    private->asked_price = report->price;
    private->asked_quantity = report->quantity;
    tl_order_slots_open(&mirror->slots, slot);
}
