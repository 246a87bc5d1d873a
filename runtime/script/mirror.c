/* Invariants kept here:
 * 1. An order is in the open lists exactly while tl_order_is_open(status).
 * 2. At most one request of an order is in flight (request_n), and at most one more waits (queued_n), the latest that was asked. Only a
 *    cancel does not wait for the acknowledgement of the order itself.
 * 3. wanted_* is what was last asked; when a request is refused and none waits it is again what the venue acknowledged.
 * 4. The position in the view is the sum of the fills applied so far, and nothing else moves it.
 */
#include "script/mirror_inside.h"

#include <stdlib.h>

const tl_order_options mirror_plain_options = {.display = NAN, .stop_price = NAN, .offset = NAN, .percent = NAN};

tl_mirror *tl_mirror_create(tl_view *view, const tl_instruments *instruments, uint32_t strategy, uint32_t epoch) {
    tl_mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror) return NULL;
    const size_t bytes[4] = {
        TL_SLOTS_MAX_INSTRUMENTS * sizeof(tl_position),
        MAX_COMMANDS * sizeof(tl_command),
        (MAX_QUOTES + 1) * sizeof(mirror_quote),
        QUOTE_INDEX * sizeof(uint32_t),
    };
    bool whole = tl_order_slots_init(&mirror->slots) == TL_OK;
    for (int i = 0; whole && i < 4; i++)
        whole = tl_vmem_reserve(&mirror->memory[i], bytes[i]) == TL_OK;
    if (!whole) {
        tl_mirror_destroy(mirror);
        return NULL;
    }
    mirror->positions = mirror->memory[0].base;
    mirror->commands = mirror->memory[1].base;
    mirror->quotes = mirror->memory[2].base;
    mirror->quote_index = mirror->memory[3].base;
    mirror->view = view;
    mirror->instruments = instruments;
    mirror->strategy = strategy;
    mirror->epoch = epoch;
    mirror->last_id = (uint64_t)strategy << 40;
    mirror->attach = 1;
    mirror->attach_from = UINT64_MAX;
    /* What a generation that left no state has opened may still be under way at the gateway. */
    mirror->last_group = (epoch - 1) << 20;
    return mirror;
}

void tl_mirror_destroy(tl_mirror *mirror) {
    if (!mirror) return;
    for (int i = 0; i < 4; i++)
        tl_vmem_release(&mirror->memory[i]);
    tl_order_slots_close(&mirror->slots);
    for (uint32_t i = 0; i < mirror->tag_count; i++)
        free(mirror->tags[i]);
    free(mirror->tags);
    free(mirror);
}

void tl_mirror_event(tl_mirror *mirror, uint64_t input_sequence, int64_t now_ns) {
    if (mirror->input_sequence != input_sequence) mirror->index = 0;
    mirror->input_sequence = input_sequence;
    mirror->now_ns = now_ns;
}

void tl_mirror_scope(tl_mirror *mirror, int64_t deadline_ns) {
    mirror->scope_ns = deadline_ns;
}

void tl_mirror_warming(tl_mirror *mirror, bool warming) {
    mirror->warming = warming;
}

const tl_send_error *tl_mirror_error(const tl_mirror *mirror) {
    return &mirror->error;
}

uint32_t tl_mirror_tag_find(const tl_mirror *mirror, const char *name) {
    for (uint32_t i = 0; i < mirror->tag_count; i++)
        if (strcmp(mirror->tags[i], name) == 0) return i + 1;
    return 0;
}

uint32_t tl_mirror_tag(tl_mirror *mirror, const char *name) {
    uint32_t tag = tl_mirror_tag_find(mirror, name);
    if (tag != 0 || mirror->tag_count == MAX_TAGS) return tag;
    if ((mirror->tag_count & (mirror->tag_count - 1)) == 0) { /* grows by powers of two */
        char **tags = realloc(mirror->tags, (mirror->tag_count ? mirror->tag_count * 2 : 1) * sizeof *tags);
        if (!tags) return 0;
        mirror->tags = tags;
    }
    char *copy = strdup(name);
    if (!copy) return 0;
    mirror->tags[mirror->tag_count] = copy;
    return ++mirror->tag_count;
}

const char *tl_mirror_tag_name(const tl_mirror *mirror, uint32_t tag) {
    return tag != 0 && tag <= mirror->tag_count ? mirror->tags[tag - 1] : "";
}

uint32_t tl_mirror_new_group(tl_mirror *mirror) {
    return ++mirror->last_group;
}

/* Refusals. */

bool mirror_refuse(tl_mirror *mirror, int reason, int field, uint32_t instrument, double limit, double value) {
    mirror->error = (tl_send_error){
        .limit = limit, .value = value, .reason = (uint32_t)reason, .field = (uint32_t)field, .instrument = instrument};
    return false;
}

bool mirror_read_quantity(tl_mirror *mirror, const tl_instrument *instrument, int field, double quantity,
                          int64_t *mantissa) {
    double limit;
    int reason = tl_ticks_quantity(instrument, quantity, mantissa, &limit);
    return reason == TL_REASON_NONE || mirror_refuse(mirror, reason, field, instrument->id, limit, quantity);
}

bool mirror_read_price(tl_mirror *mirror, const tl_instrument *instrument, int field, double price, int rounding, int side,
                       int64_t *mantissa) {
    int reason = tl_ticks_price(instrument, price, rounding, side, mantissa);
    if (reason == TL_REASON_NONE) return true;
    double tick = (double)instrument->tick / tl_power_of_ten(-instrument->price_exponent);
    return mirror_refuse(mirror, reason, field, instrument->id, reason == TL_REASON_OFF_TICK ? tick : 0, price);
}

bool mirror_may_send(tl_mirror *mirror, uint32_t instrument) {
    if (instrument >= tl_instruments_count(mirror->instruments))
        return mirror_refuse(mirror, TL_REASON_UNKNOWN_SYMBOL, FIELD_SYMBOL, instrument, NAN, NAN);
    if (mirror->warming) return mirror_refuse(mirror, TL_REASON_WARMING_UP, FIELD_NONE, instrument, NAN, NAN);
    int state = tl_view_at(mirror->view, instrument)->state;
    if (state == TL_STATE_HALTED || state == TL_STATE_PAUSED)
        return mirror_refuse(mirror, TL_REASON_HALTED, FIELD_SYMBOL, instrument, NAN, NAN);
    if (mirror->command_count == MAX_COMMANDS)
        return mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, instrument, MAX_COMMANDS, MAX_COMMANDS);
    return true;
}

bool mirror_read_deadline(tl_mirror *mirror, const tl_order_options *options, uint32_t instrument, int64_t *deadline_ns) {
    int64_t nearest = mirror->scope_ns ? mirror->scope_ns : INT64_MAX;
    if (options->deadline_timeout_ns && mirror->now_ns + options->deadline_timeout_ns < nearest)
        nearest = mirror->now_ns + options->deadline_timeout_ns;
    if (options->deadline_at_ns && options->deadline_at_ns < nearest) nearest = options->deadline_at_ns;
    if (nearest <= mirror->now_ns)
        return mirror_refuse(mirror, TL_REASON_DEADLINE_PASSED, FIELD_DEADLINE, instrument, (double)nearest,
                             (double)mirror->now_ns);
    *deadline_ns = nearest == INT64_MAX ? 0 : nearest;
    return true;
}

/* Sending. */

tl_command *mirror_command(tl_mirror *mirror, int kind) {
    tl_command *c = &mirror->commands[mirror->command_count++];
    *c = (tl_command){
        .input_sequence = mirror->input_sequence,
        .ts_ns = mirror->now_ns,
        .strategy = mirror->strategy,
        .epoch = mirror->epoch,
        .index = mirror->index++,
        .instrument = (uint32_t)TL_NO_INSTRUMENT,
        .kind = (uint8_t)kind,
        .price = TL_ABSENT,
        .stop_price = TL_ABSENT,
        .arrival_price = TL_ABSENT,
    };
    return c;
}

/* Appends a command about an order; its caller knows that there is room. */
static tl_command *command(tl_mirror *mirror, const tl_shown_order *order, int kind) {
    tl_command *c = mirror_command(mirror, kind);
    const tl_shown_quote *q = &tl_view_at(mirror->view, order->instrument_n)->quote;
    double twice = q->bid_n + q->ask_n;
    c->order_id = (uint64_t)order->id_n;
    c->instrument = order->instrument_n;
    c->side = order->side_n;
    c->type = order->type_n;
    c->time_in_force = order->time_in_force_n;
    c->link = order->link_n;
    c->flags = order->flags_n;
    c->group = order->group_n;
    c->tag = order->tag_n;
    if (!isnan(twice)) c->arrival_price = (int64_t)twice;
    return c;
}

/* Checks the prices that the type needs; what it does not use is left out. */
static bool read_prices(tl_mirror *mirror, const tl_instrument *instrument, int side, double price,
                        const tl_order_options *options, mirror_request *ask) {
    int type = ask->type, rounding = options->rounding;
    bool limited = type == TL_TYPE_LIMIT || type == TL_TYPE_STOP_LIMIT || type == TL_TYPE_ICEBERG;
    bool stopped = type == TL_TYPE_STOP || type == TL_TYPE_STOP_LIMIT;
    if (limited && !mirror_read_price(mirror, instrument, FIELD_PRICE, price, rounding, side, &ask->price)) return false;
    if (stopped || (type == TL_TYPE_TRAILING_STOP && !isnan(options->stop_price))) {
        int nearest = rounding ? TL_ROUND_NEAREST : TL_ROUND_NONE;
        if (!mirror_read_price(mirror, instrument, FIELD_STOP_PRICE, options->stop_price, nearest, side, &ask->stop_price))
            return false;
    }
    if (type != TL_TYPE_TRAILING_STOP) return true;
    if (isnan(options->offset) && options->percent > 0 && options->percent < 100) {
        ask->flags |= TL_FLAG_TRAIL_PERCENT;
        ask->offset = (int64_t)(options->percent * 1e6 + 0.5); /* percent to a fraction in 1e-8 */
        return ask->offset > 0 ||
               mirror_refuse(mirror, TL_REASON_BAD_PRICE, FIELD_OFFSET, instrument->id, 0, options->percent);
    }
    return mirror_read_price(mirror, instrument, FIELD_OFFSET, options->offset, rounding ? TL_ROUND_NEAREST : 0, side,
                             &ask->offset);
}

bool mirror_read_expiry(tl_mirror *mirror, const tl_order_options *options, uint32_t instrument, mirror_request *ask) {
    if (options->expire_at_ns || options->expire_after_ns) {
        ask->expire_ns = options->expire_at_ns ? options->expire_at_ns : mirror->now_ns + options->expire_after_ns;
        ask->flags |= TL_FLAG_HAS_EXPIRE;
        if (ask->time_in_force == TL_TIF_DAY || ask->time_in_force == TL_TIF_GTC) ask->time_in_force = TL_TIF_GTD;
        if (ask->expire_ns <= mirror->now_ns)
            return mirror_refuse(mirror, TL_REASON_BAD_FIELD, FIELD_EXPIRE, instrument, (double)mirror->now_ns,
                                 (double)ask->expire_ns);
    } else if (ask->time_in_force == TL_TIF_GTD) {
        return mirror_refuse(mirror, TL_REASON_BAD_FIELD, FIELD_EXPIRE, instrument, NAN, NAN);
    }
    return true;
}

uint32_t mirror_place(tl_mirror *mirror, const tl_instrument *instrument, int side, const mirror_request *ask,
                      const tl_order_options *options) {
    uint32_t slot = tl_order_slots_acquire(&mirror->slots, mirror->last_id + 1);
    if (slot == 0) {
        mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, instrument->id, TL_SLOTS_MAX_OPEN, TL_SLOTS_MAX_OPEN);
        return 0;
    }
    mirror->last_id++;
    const tl_view_instrument *seen = tl_view_at(mirror->view, instrument->id);
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    order->price_n = order->wanted_price_n = mirror_numerator(ask->price);
    order->quantity_n = order->wanted_quantity_n = (double)ask->quantity;
    order->stop_price_n = mirror_numerator(ask->stop_price);
    order->offset_n = mirror_numerator(ask->offset);
    order->display_n = ask->display ? (double)ask->display : NAN;
    order->queue_ahead_n = order->queue_total_n = NAN;
    order->price_unit = seen->price_unit;
    order->size_unit = seen->size_unit;
    order->created_ns = order->updated_ns = mirror->now_ns;
    order->expire_ns = ask->expire_ns;
    order->deadline_ns = ask->deadline_ns;
    order->instrument_n = instrument->id;
    order->tag_n = options->tag;
    order->group_n = options->group;
    order->flags_n = ask->flags;
    tl_order_move_apply(TL_MOVE_SEND, &order->status_n, &order->status_before_n);
    order->side_n = (uint8_t)side;
    order->type_n = ask->type;
    order->time_in_force_n = ask->time_in_force;
    order->request_n = TL_COMMAND_NEW;
    order->link_n = options->link;
    order->rounding_n = options->rounding;
    private->asked_price = ask->price;
    private->asked_quantity = ask->quantity;
    tl_order_slots_open(&mirror->slots, slot);

    tl_command *c = command(mirror, order, TL_COMMAND_NEW);
    c->quantity = ask->quantity;
    c->price = ask->price;
    c->stop_price = ask->stop_price;
    c->offset = ask->offset == TL_ABSENT ? 0 : ask->offset;
    c->display = ask->display;
    c->expire_ns = ask->expire_ns;
    c->deadline_ns = ask->deadline_ns;
    return slot;
}

bool mirror_read_request(tl_mirror *mirror, uint32_t instrument_id, int side, double quantity, double price,
                         const tl_order_options *options, mirror_request *ask) {
    if (!mirror_may_send(mirror, instrument_id)) return false;
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, instrument_id);
    *ask = (mirror_request){.price = TL_ABSENT,
                            .stop_price = TL_ABSENT,
                            .offset = TL_ABSENT,
                            .type = options->type,
                            .time_in_force = options->time_in_force,
                            .flags = options->flags};
    if (!mirror_read_quantity(mirror, instrument, FIELD_QUANTITY, quantity, &ask->quantity)) return false;
    if (!isnan(options->display)) {
        if (!mirror_read_quantity(mirror, instrument, FIELD_DISPLAY, options->display, &ask->display)) return false;
        if (ask->display > ask->quantity)
            return mirror_refuse(mirror, TL_REASON_BAD_QUANTITY, FIELD_DISPLAY, instrument_id, quantity, options->display);
        if (ask->type == TL_TYPE_LIMIT) ask->type = TL_TYPE_ICEBERG;
    }
    return read_prices(mirror, instrument, side, price, options, ask) &&
           mirror_read_expiry(mirror, options, instrument_id, ask) &&
           mirror_read_deadline(mirror, options, instrument_id, &ask->deadline_ns);
}

uint32_t tl_mirror_send(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                        const tl_order_options *options) {
    mirror_request ask;
    if (!options) options = &mirror_plain_options;
    if (!mirror_read_request(mirror, instrument, side, quantity, price, options, &ask)) return 0;
    return mirror_place(mirror, tl_instruments_at(mirror->instruments, instrument), side, &ask, options);
}

bool tl_mirror_check(tl_mirror *mirror, uint32_t instrument, int side, double quantity, double price,
                     const tl_order_options *options) {
    mirror_request ask;
    return mirror_read_request(mirror, instrument, side, quantity, price, options ? options : &mirror_plain_options, &ask);
}

/* Requests about an open order. */

/* The open order of a handle, NULL with the error set. */
static tl_shown_order *open_order(tl_mirror *mirror, uint32_t slot, uint32_t generation) {
    if (slot == 0 || slot > mirror->slots.high || mirror->slots.orders[slot].generation_n != generation) {
        mirror_refuse(mirror, TL_REASON_ORDER_CLOSED, FIELD_NONE, (uint32_t)TL_NO_INSTRUMENT, NAN, NAN);
        return NULL;
    }
    tl_shown_order *order = &mirror->slots.orders[slot];
    if (!tl_order_is_open(order->status_n)) {
        mirror_refuse(mirror, TL_REASON_ORDER_CLOSED, FIELD_NONE, order->instrument_n, NAN, NAN);
        return NULL;
    }
    return order;
}

static bool has_room(tl_mirror *mirror, const tl_shown_order *order) {
    return mirror->command_count < MAX_COMMANDS ||
           mirror_refuse(mirror, TL_REASON_TOO_MANY_ORDERS, FIELD_NONE, order->instrument_n, MAX_COMMANDS, MAX_COMMANDS);
}

void mirror_send_cancel(tl_mirror *mirror, tl_shown_order *order) {
    tl_order_move_apply(TL_MOVE_ASK_CANCEL, &order->status_n, &order->status_before_n);
    order->request_n = TL_COMMAND_CANCEL;
    order->queued_n = 0;
    command(mirror, order, TL_COMMAND_CANCEL);
}

void mirror_send_replace(tl_mirror *mirror, uint32_t slot, int64_t deadline_ns) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    private->asked_price = mirror_mantissa(order->wanted_price_n);
    private->asked_quantity = (int64_t)order->wanted_quantity_n;
    tl_order_move_apply(TL_MOVE_ASK_REPLACE, &order->status_n, &order->status_before_n);
    order->request_n = TL_COMMAND_REPLACE;
    order->queued_n = 0;
    tl_command *c = command(mirror, order, TL_COMMAND_REPLACE);
    c->price = private->asked_price;
    c->quantity = private->asked_quantity;
    c->stop_price = mirror_mantissa(order->stop_price_n);
    c->display = mirror_mantissa(order->display_n) == TL_ABSENT ? 0 : (int64_t)order->display_n;
    c->deadline_ns = deadline_ns;
}

/* What the order will be if nothing else is asked: the request in flight when it is one for a price, else the acknowledged. */
static void without_waiting(const tl_shown_order *order, const tl_order_private *private, double *price, double *quantity) {
    bool flies = order->request_n == TL_COMMAND_NEW || order->request_n == TL_COMMAND_REPLACE;
    *price = flies ? mirror_numerator(private->asked_price) : order->price_n;
    *quantity = flies ? (double)private->asked_quantity : order->quantity_n;
}

bool mirror_cancel(tl_mirror *mirror, uint32_t slot) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    if (mirror->warming) return mirror_refuse(mirror, TL_REASON_WARMING_UP, FIELD_NONE, order->instrument_n, NAN, NAN);
    if (private->quote) mirror->quotes[private->quote].next_quantity = 0;
    if (order->request_n == TL_COMMAND_CANCEL) {
        order->queued_n = 0;
        without_waiting(order, private, &order->wanted_price_n, &order->wanted_quantity_n);
        return true;
    }
    if (order->request_n != TL_COMMAND_REPLACE && !has_room(mirror, order)) return false;
    without_waiting(order, private, &order->wanted_price_n, &order->wanted_quantity_n);
    if (order->request_n == TL_COMMAND_REPLACE)
        order->queued_n = TL_COMMAND_CANCEL;
    else
        mirror_send_cancel(mirror, order);
    return true;
}

/* An undo order is the gateway's matter. */
static bool is_own(tl_mirror *mirror, const tl_shown_order *order) {
    return !(order->flags_n & TL_FLAG_UNDO) ||
           mirror_refuse(mirror, TL_REASON_ILLEGAL_STATE, FIELD_NONE, order->instrument_n, NAN, NAN);
}

bool tl_mirror_cancel(tl_mirror *mirror, uint32_t slot, uint32_t generation) {
    const tl_shown_order *order = open_order(mirror, slot, generation);
    return order && is_own(mirror, order) && mirror_cancel(mirror, slot);
}

bool mirror_ask_replace(tl_mirror *mirror, uint32_t slot, double price_n, double quantity_n, int64_t deadline_ns) {
    tl_shown_order *order = &mirror->slots.orders[slot];
    tl_order_private *private = &mirror->slots.privates[slot];
    if (order->queued_n != TL_COMMAND_CANCEL && order->request_n != TL_COMMAND_CANCEL &&
        mirror_same(order->wanted_price_n, price_n) && order->wanted_quantity_n == quantity_n)
        return true;
    double price, quantity;
    without_waiting(order, private, &price, &quantity);
    bool needless = mirror_same(price, price_n) && quantity == quantity_n && order->request_n != TL_COMMAND_CANCEL;
    if (!needless && order->request_n == TL_COMMAND_NONE && !has_room(mirror, order)) return false;
    order->wanted_price_n = price_n;
    order->wanted_quantity_n = quantity_n;
    if (needless) {
        order->queued_n = 0;
    } else if (order->request_n != TL_COMMAND_NONE) {
        order->queued_n = TL_COMMAND_REPLACE;
        private->deadline_ns = deadline_ns;
    } else {
        mirror_send_replace(mirror, slot, deadline_ns);
    }
    return true;
}

bool tl_mirror_replace(tl_mirror *mirror, uint32_t slot, uint32_t generation, double price, double quantity, int rounding) {
    tl_shown_order *order = open_order(mirror, slot, generation);
    if (!order || !is_own(mirror, order) || !mirror_may_send(mirror, order->instrument_n)) return false;
    const tl_instrument *instrument = tl_instruments_at(mirror->instruments, order->instrument_n);
    double price_n = order->wanted_price_n, quantity_n = order->wanted_quantity_n;
    int64_t mantissa;
    if (!isnan(price)) {
        if (isnan(order->price_n))
            return mirror_refuse(mirror, TL_REASON_BAD_PRICE, FIELD_PRICE, order->instrument_n, NAN, price);
        if (!mirror_read_price(mirror, instrument, FIELD_PRICE, price, rounding, order->side_n, &mantissa)) return false;
        price_n = (double)mantissa;
    }
    if (!isnan(quantity)) {
        if (!mirror_read_quantity(mirror, instrument, FIELD_QUANTITY, quantity, &mantissa)) return false;
        if ((double)mantissa <= order->filled_n)
            return mirror_refuse(mirror, TL_REASON_BAD_QUANTITY, FIELD_QUANTITY, order->instrument_n,
                                 order->filled_n / order->size_unit, quantity);
        quantity_n = (double)mantissa;
    }
    int64_t deadline_ns;
    if (!mirror_read_deadline(mirror, &mirror_plain_options, order->instrument_n, &deadline_ns)) return false;
    uint32_t kept = mirror->slots.privates[slot].quote;
    if (kept) {
        mirror->quotes[kept].asked_quantity = -1;
        mirror->quotes[kept].next_quantity = 0;
    }
    return mirror_ask_replace(mirror, slot, price_n, quantity_n, deadline_ns);
}

uint32_t tl_mirror_cancel_all(tl_mirror *mirror, uint32_t instrument, int side, uint32_t tag) {
    uint32_t asked = 0;
    for (uint32_t slot = tl_mirror_first(mirror, instrument, side); slot != 0;
         slot = tl_mirror_next(mirror, slot, instrument, side)) {
        const tl_shown_order *order = &mirror->slots.orders[slot];
        if ((tag != 0 && order->tag_n != tag) || (order->flags_n & TL_FLAG_UNDO)) continue;
        bool new = order->request_n != TL_COMMAND_CANCEL && order->queued_n != TL_COMMAND_CANCEL;
        if (mirror_cancel(mirror, slot) && new) asked++;
    }
    return asked;
}

/* Reading. */

tl_shown_order *tl_mirror_orders(tl_mirror *mirror) {
    return mirror->slots.orders;
}

/* The first slot from `slot` on, along the list of all, that is of a side. */
static uint32_t of_side(const tl_order_slots *slots, uint32_t slot, int side) {
    while (side != TL_SIDE_NONE && slot != 0 && slots->orders[slot].side_n != side)
        slot = slots->privates[slot].next_all;
    return slot;
}

uint32_t tl_mirror_first(const tl_mirror *mirror, uint32_t instrument, int side) {
    const tl_order_slots *slots = &mirror->slots;
    if (instrument >= TL_SLOTS_MAX_INSTRUMENTS) return of_side(slots, slots->all.first, side);
    const tl_order_lists *lists = &slots->lists[instrument];
    return side == TL_SIDE_NONE ? lists->both.first : lists->side[side == TL_SIDE_SELL].first;
}

uint32_t tl_mirror_next(const tl_mirror *mirror, uint32_t slot, uint32_t instrument, int side) {
    const tl_order_slots *slots = &mirror->slots;
    if (slot > slots->high) return 0;
    if (instrument >= TL_SLOTS_MAX_INSTRUMENTS) return of_side(slots, slots->privates[slot].next_all, side);
    return side == TL_SIDE_NONE ? slots->privates[slot].next_of : slots->orders[slot].next_n;
}

uint32_t tl_mirror_visit(const tl_mirror *mirror, uint32_t slot, double last_id) {
    if (slot == 0 || slot > mirror->slots.high) return 0;
    const tl_shown_order *order = &mirror->slots.orders[slot];
    /* Orders of the gateway's own come between handlers, never during a walk. */
    bool newer = order->id_n > last_id && !(order->flags_n & TL_FLAG_UNDO);
    return tl_order_is_open(order->status_n) && !newer ? slot : 0;
}

uint32_t tl_mirror_open_count(const tl_mirror *mirror, uint32_t instrument, int side) {
    const tl_order_slots *slots = &mirror->slots;
    if (instrument < TL_SLOTS_MAX_INSTRUMENTS) {
        const tl_order_lists *lists = &slots->lists[instrument];
        return side == TL_SIDE_NONE ? lists->both.count : lists->side[side == TL_SIDE_SELL].count;
    }
    if (side == TL_SIDE_NONE) return slots->all.count;
    uint32_t count = 0;
    for (uint32_t slot = of_side(slots, slots->all.first, side); slot != 0;
         slot = of_side(slots, slots->privates[slot].next_all, side))
        count++;
    return count;
}

double tl_mirror_last_id(const tl_mirror *mirror) {
    return (double)mirror->last_id;
}

uint32_t tl_mirror_by_id(const tl_mirror *mirror, double order_id) {
    if (!(order_id >= 1 && order_id < 9007199254740992.0)) return 0;
    uint32_t slot = tl_order_slots_find(&mirror->slots, (uint64_t)order_id);
    return slot != 0 && mirror->slots.orders[slot].id_n == order_id ? slot : 0;
}

bool tl_mirror_trades_by_itself(const tl_mirror *mirror, uint32_t slot) {
    const tl_shown_order *order = &mirror->slots.orders[slot];
    bool waits =
        order->type_n == TL_TYPE_STOP || order->type_n == TL_TYPE_STOP_LIMIT || order->type_n == TL_TYPE_TRAILING_STOP;
    if (waits && order->status_before_n != TL_ORDER_TRIGGERED && order->filled_n == 0) return false;
    return order->link_n != TL_LINK_OCO && order->link_n != TL_LINK_BRACKET_LEG;
}

double tl_mirror_open_quantity(const tl_mirror *mirror, uint32_t instrument, int side) {
    double sum = 0;
    for (uint32_t slot = tl_mirror_first(mirror, instrument, side); slot != 0;
         slot = tl_mirror_next(mirror, slot, instrument, side)) {
        if (!tl_mirror_trades_by_itself(mirror, slot)) continue;
        const tl_shown_order *order = &mirror->slots.orders[slot];
        sum += (order->quantity_n - order->filled_n) / order->size_unit;
    }
    return sum;
}

uint64_t tl_mirror_illegal_transitions(const tl_mirror *mirror) {
    return mirror->illegal_transitions;
}

const tl_command *tl_mirror_commands(const tl_mirror *mirror, uint32_t *count) {
    *count = mirror->command_count;
    return mirror->commands;
}

const uint32_t *tl_mirror_sent(const tl_mirror *mirror) {
    return &mirror->command_count;
}

void tl_mirror_clear_commands(tl_mirror *mirror) {
    mirror->command_count = 0;
}

void tl_mirror_order_pool(const tl_mirror *mirror, tl_pool_counts *counts) {
    const tl_order_slots *slots = &mirror->slots;
    *counts = (tl_pool_counts){
        .hits = slots->closed_begin,
        .fresh = slots->high,
        .misses = slots->misses,
        .live = slots->all.count,
        .high_water = slots->high,
        .capacity = TL_SLOTS_MAX_OPEN + TL_SLOTS_KEPT_CLOSED,
        .object_bytes = sizeof(tl_shown_order),
    };
}
