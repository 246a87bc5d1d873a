#include "gateway/saga.h"

#include "gateway/mark.h"
#include "gateway/command.h"
#include "gateway/order_store.h"

#include <string.h>

/* The first wait for another try to undo; it doubles with each. */
enum { RETRY_NS = 1000000, RETRY_DOUBLINGS = 20 };

static uint64_t key_of(uint32_t strategy, uint32_t number) {
    return ((uint64_t)(strategy + 1) << 32) | number;
}

static uint32_t find(const tl_gateway *gateway, uint32_t strategy, uint32_t number) {
    return tl_id_map_find(&gateway->saga_index, key_of(strategy, number));
}

static int64_t last_ns(const order_saga *saga) {
    return saga->undo_ns + (saga->deadline_ns - saga->undo_ns) / 2;
}

static uint32_t place_of(const tl_gateway *gateway, const order_saga *saga) {
    return (uint32_t)(saga - gateway->sagas);
}

static void tell_end(tl_gateway *gateway, uint32_t strategy, uint32_t number, uint32_t tag, int status, int reason,
                     uint32_t undone, int64_t now_ns) {
    tl_report report = {.order_id = number,
                        .price = tag,
                        .quantity = status,
                        .filled = undone,
                        .limit = TL_ABSENT,
                        .value = TL_ABSENT,
                        .ts_venue_ns = now_ns,
                        .queue_ahead = TL_ABSENT,
                        .instrument = (uint32_t)TL_NO_INSTRUMENT,
                        .kind = TL_REPORT_SAGA,
                        .reason = (uint16_t)reason};
    gateway->counts.sagas[status]++;
    gateway_tell(gateway, strategy, &report);
}

/* Tells the end and gives back what the saga took. */
static void end(tl_gateway *gateway, order_saga *saga, int status, int64_t now_ns) {
    uint32_t place = place_of(gateway, saga), undone = 0;
    for (uint32_t at = saga->last; at != 0;) {
        saga_leg *leg = &gateway->saga_legs[at];
        uint32_t previous = leg->previous;
        undone += leg->undone > 0;
        gateway->free_saga_legs[gateway->free_saga_leg_count++] = at;
        at = previous;
    }
    tl_timer_wheel_clear(&gateway->saga_timers, place);
    tl_id_map_remove(&gateway->saga_index, saga->key);
    gateway->free_sagas[gateway->free_saga_count++] = place;
    gateway->strategies[saga->strategy]->sagas--;
    saga->key = 0;
    tell_end(gateway, saga->strategy, saga->number, saga->tag, status, saga->reason, undone, now_ns);
}

/* ---- undoing ---- */

static bool reverses(const saga_leg *leg, const tl_command *c) {
    return c->instrument == leg->instrument && c->side == tl_other_side(leg->side);
}

/* The next order that brings back what is left of a leg. */
static tl_command undo_order_of(tl_gateway *gateway, const order_saga *saga, const saga_leg *leg, int64_t now_ns) {
    gateway_strategy *strategy = gateway->strategies[saga->strategy];
    int64_t left = leg->filled - leg->undone;
    const gateway_market *market = &gateway->markets[leg->instrument];
    tl_command c = {.side = (uint8_t)tl_other_side(leg->side),
                    .type = TL_TYPE_MARKET,
                    .instrument = leg->instrument,
                    .quantity = left,
                    .price = TL_ABSENT};
    if (leg->has_undo && leg->attempts == 0) {
        c = leg->undo;
        if (reverses(leg, &c)) {
            c.quantity = left;
        } else {
            int64_t lot = tl_instruments_at(gateway->instruments, c.instrument)->lot;
            int64_t share = (int64_t)((tl_int128)c.quantity * left / leg->quantity);
            c.quantity = share - share % lot > 0 ? share - share % lot : lot;
        }
        market = &gateway->markets[c.instrument];
        /* One that rests gives way to the market in time. */
        int64_t until = last_ns(saga);
        if (until <= now_ns) until = saga->deadline_ns > now_ns ? saga->deadline_ns : now_ns + RETRY_NS;
        c.deadline_ns = c.type == TL_TYPE_MARKET ? 0 : until;
        c.flags |= TL_FLAG_SAGA;
    }
    c.kind = TL_COMMAND_NEW;
    c.link = TL_LINK_NONE;
    c.group = 0;
    c.order_id = (uint64_t)strategy->id << 40 | TL_GATEWAY_ORDER_ID | ++strategy->own_orders;
    c.input_sequence = strategy->last_sequence;
    c.ts_ns = now_ns;
    c.strategy = strategy->id;
    c.epoch = strategy->last_epoch;
    c.tag = leg->tag;
    c.flags |= TL_FLAG_UNDO;
    c.stop_price = TL_ABSENT;
    bool quoted = market->bid != TL_ABSENT && market->ask != TL_ABSENT;
    if (!quoted || __builtin_add_overflow(market->bid, market->ask, &c.arrival_price)) c.arrival_price = TL_ABSENT;
    return c;
}

/* An undo order is over: whether and when another one follows. */
static void undo_ended(saga_leg *leg, const order_saga *saga, const tl_command *c, bool filled, int64_t now_ns) {
    leg->undo_order = 0;
    uint32_t tries = leg->attempts++;
    if (!reverses(leg, c)) {
        if (filled)
            leg->undone += leg->covering;
        else
            leg->given_up = 1;
        return;
    }
    if (leg->filled == leg->undone) return;
    leg->retry_ns = now_ns;
    if (c->type == TL_TYPE_LIMIT) return;
    leg->retry_ns += (int64_t)RETRY_NS << (tries < RETRY_DOUBLINGS ? tries : RETRY_DOUBLINGS);
    leg->given_up = leg->retry_ns > saga->deadline_ns;
}

static void undo(tl_gateway *gateway, order_saga *saga, saga_leg *leg, int64_t now_ns) {
    tl_command c = undo_order_of(gateway, saga, leg, now_ns);
    leg->covering = leg->filled - leg->undone;
    tl_report report = {.order_id = c.order_id,
                        .price = c.price,
                        .quantity = c.quantity,
                        .fee_e8 = tl_undo_terms(&c),
                        .execution_id = leg->order_id,
                        .limit = TL_ABSENT,
                        .value = c.arrival_price,
                        .ts_venue_ns = now_ns,
                        .queue_ahead = c.deadline_ns,
                        .instrument = c.instrument,
                        .kind = TL_REPORT_UNDO,
                        .reason = saga->reason};
    gateway->counts.undo_orders++;
    gateway_tell(gateway, saga->strategy, &report);
    gateway_order *order = gateway_own_order(gateway, saga->strategy, &c, reverses(leg, &c), now_ns);
    if (order == NULL) {
        undo_ended(leg, saga, &c, false, now_ns);
        return;
    }
    order->saga_leg = (uint32_t)(leg - gateway->saga_legs);
    leg->undo_order = gateway_order_slot(gateway, order);
}

static void arm(tl_gateway *gateway, const order_saga *saga, int64_t retry_ns) {
    int64_t due_ns = retry_ns;
    if (!saga->forced) {
        int64_t next = saga->cut || saga->undoing ? last_ns(saga) : saga->undo_ns;
        if (next < due_ns) due_ns = next;
    }
    if (due_ns != INT64_MAX)
        tl_timer_wheel_set(&gateway->saga_timers, place_of(gateway, saga), due_ns);
    else
        tl_timer_wheel_clear(&gateway->saga_timers, place_of(gateway, saga));
}

/* Goes on with a saga after anything about it has changed. What it sends may change it again (a denied order does so at once): then it goes on here. */
static void settle(tl_gateway *gateway, order_saga *saga, int64_t now_ns) {
    if (saga->busy) return;
    if (!saga->undoing || (saga->open_legs > 0 && !saga->forced)) {
        arm(gateway, saga, INT64_MAX);
        return;
    }
    saga->busy = 1;
    bool open = saga->open_legs > 0, failed = false;
    int64_t retry_ns = INT64_MAX;
    for (uint32_t at = saga->last; at != 0; at = gateway->saga_legs[at].previous) {
        saga_leg *leg = &gateway->saga_legs[at];
        while (leg->undo_order == 0 && leg->filled > leg->undone && !leg->given_up && leg->retry_ns <= now_ns)
            undo(gateway, saga, leg, now_ns);
        if (leg->undo_order != 0)
            open = true;
        else if (leg->filled > leg->undone && !leg->given_up)
            retry_ns = leg->retry_ns < retry_ns ? leg->retry_ns : retry_ns;
        else
            failed |= leg->filled > leg->undone;
    }
    saga->busy = 0;
    if (open || retry_ns != INT64_MAX)
        arm(gateway, saga, retry_ns);
    else
        end(gateway, saga, failed ? TL_SAGA_FAILED : TL_SAGA_UNDONE, now_ns);
}

static void cancel_legs(tl_gateway *gateway, order_saga *saga, int reason, int64_t now_ns) {
    saga->busy = 1; /* a leg that the gateway holds ends at once */
    for (uint32_t at = saga->last; at != 0; at = gateway->saga_legs[at].previous) {
        uint32_t slot = gateway->saga_legs[at].order;
        if (slot != 0) gateway_order_cancel(gateway, &gateway->orders[slot], reason, now_ns);
    }
    saga->busy = 0;
}

/* The saga is not to be done. */
static void fail(tl_gateway *gateway, order_saga *saga, int reason, int64_t now_ns) {
    if (saga->undoing) return;
    bool busy = saga->busy;
    saga->undoing = 1;
    saga->reason = (uint16_t)reason;
    if (now_ns >= last_ns(saga)) saga->forced = 1;
    if (busy) return; /* cancel_legs() is at it */
    cancel_legs(gateway, saga, TL_REASON_SAGA, now_ns);
    settle(gateway, saga, now_ns);
}

/* ---- legs ---- */

static bool has_room(const tl_gateway *gateway, const order_saga *saga) {
    return saga->legs < SAGA_LEGS && (gateway->free_saga_leg_count > 0 || gateway->saga_leg_top + 1 < GATEWAY_SAGA_LEGS);
}

static saga_leg *add_leg(tl_gateway *gateway, order_saga *saga, uint64_t order_id) {
    uint32_t at =
        gateway->free_saga_leg_count > 0 ? gateway->free_saga_legs[--gateway->free_saga_leg_count] : ++gateway->saga_leg_top;
    saga_leg *leg = &gateway->saga_legs[at];
    memset(leg, 0, sizeof *leg);
    leg->order_id = order_id;
    leg->saga = place_of(gateway, saga);
    leg->previous = saga->last;
    saga->last = at;
    saga->legs++;
    return leg;
}

/* The leg of an order whose way back is known already, NULL for none. */
static saga_leg *announced(const tl_gateway *gateway, const order_saga *saga, uint64_t order_id) {
    for (uint32_t at = saga->last; at != 0; at = gateway->saga_legs[at].previous)
        if (gateway->saga_legs[at].order_id == order_id) return &gateway->saga_legs[at];
    return NULL;
}

int saga_check(const tl_gateway *gateway, uint32_t strategy, const tl_command *command) {
    uint32_t place = find(gateway, strategy, command->group);
    if (place == 0) return TL_REASON_SAGA;
    const order_saga *saga = &gateway->sagas[place];
    if (saga->undoing || saga->cut || saga->epoch != command->epoch) return TL_REASON_SAGA;
    if (command->deadline_ns <= 0 || command->deadline_ns > saga->undo_ns || !(command->flags & TL_FLAG_SAGA))
        return TL_REASON_BAD_FIELD;
    const saga_leg *leg = announced(gateway, saga, command->order_id);
    if (leg == NULL) return has_room(gateway, saga) ? TL_REASON_NONE : TL_REASON_TOO_MANY_ORDERS;
    return leg->quantity == 0 ? TL_REASON_NONE : TL_REASON_DUPLICATE_ID;
}

void saga_join(tl_gateway *gateway, gateway_order *order) {
    const tl_command *c = &order->record.last;
    order_saga *saga = &gateway->sagas[find(gateway, order->strategy, c->group)];
    saga_leg *leg = announced(gateway, saga, c->order_id);
    if (leg == NULL) leg = add_leg(gateway, saga, c->order_id);
    leg->instrument = c->instrument;
    gateway_follow(gateway, c->instrument); /* its way back is decided at some later input's time */
    leg->side = c->side;
    leg->tag = c->tag;
    leg->quantity = c->quantity;
    leg->partial = (c->flags & TL_FLAG_PARTIAL) != 0;
    leg->order = gateway_order_slot(gateway, order);
    order->saga_leg = (uint32_t)(leg - gateway->saga_legs);
    saga->open_legs++;
}

void saga_denied(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int reason, int64_t now_ns) {
    uint32_t place = find(gateway, strategy, command->group);
    if (place != 0) fail(gateway, &gateway->sagas[place], reason, now_ns);
}

void saga_order_filled(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t now_ns) {
    if (order->saga_leg == 0) return;
    saga_leg *leg = &gateway->saga_legs[order->saga_leg];
    if (!(order->record.last.flags & TL_FLAG_UNDO)) {
        leg->filled += quantity;
        /* Undone already but for this: its cancel was not answered in time. */
        order_saga *saga = &gateway->sagas[leg->saga];
        if (saga->undoing && tl_order_is_open(order->record.status)) settle(gateway, saga, now_ns);
    } else if (reverses(leg, &order->record.last)) {
        leg->undone += quantity;
    }
}

void saga_order_ended(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    if (order->saga_leg == 0) return;
    saga_leg *leg = &gateway->saga_legs[order->saga_leg];
    order_saga *saga = &gateway->sagas[leg->saga];
    const tl_order_record *record = &order->record;
    bool filled = record->status == TL_ORDER_FILLED;
    order->saga_leg = 0;
    if (record->last.flags & TL_FLAG_UNDO) {
        undo_ended(leg, saga, &record->last, filled, now_ns);
        settle(gateway, saga, now_ns);
        return;
    }
    leg->order = 0;
    leg->quantity = record->last.quantity; /* a replace may have changed it */
    saga->open_legs--;
    if (filled || (leg->partial && leg->filled > 0) || saga->undoing)
        settle(gateway, saga, now_ns);
    else
        fail(gateway, saga, record->reason != TL_REASON_NONE ? record->reason : TL_REASON_REQUESTED, now_ns);
}

/* ---- commands ---- */

static void begin(tl_gateway *gateway, uint32_t index, const tl_command *c, int64_t now_ns) {
    gateway_strategy *strategy = gateway->strategies[index];
    int reason = TL_REASON_NONE;
    uint32_t place =
        gateway->free_saga_count > 0 ? gateway->free_sagas[gateway->free_saga_count - 1] : gateway->saga_top + 1;
    if (c->group == 0 || c->deadline_ns <= 0 || c->expire_ns <= 0 || c->expire_ns > c->deadline_ns)
        reason = TL_REASON_BAD_FIELD;
    else if (now_ns >= c->expire_ns)
        reason = TL_REASON_DEADLINE_PASSED;
    else if (find(gateway, index, c->group) != 0)
        reason = TL_REASON_DUPLICATE_ID;
    else if (place >= GATEWAY_SAGAS || strategy->sagas >= STRATEGY_SAGAS ||
             !tl_id_map_put(&gateway->saga_index, key_of(index, c->group), place))
        reason = TL_REASON_TOO_MANY_ORDERS;
    if (reason != TL_REASON_NONE) {
        gateway->denied[reason]++;
        if (reason != TL_REASON_DUPLICATE_ID) tell_end(gateway, index, c->group, c->tag, TL_SAGA_UNDONE, reason, 0, now_ns);
        return;
    }
    if (gateway->free_saga_count > 0)
        gateway->free_saga_count--;
    else
        gateway->saga_top++;
    order_saga *saga = &gateway->sagas[place];
    *saga = (order_saga){.key = key_of(index, c->group),
                         .deadline_ns = c->deadline_ns,
                         .undo_ns = c->expire_ns,
                         .strategy = index,
                         .number = c->group,
                         .tag = c->tag,
                         .epoch = c->epoch};
    strategy->sagas++;
    strategy->saga_epoch = c->epoch;
    arm(gateway, saga, INT64_MAX);
}

/* Like any field of a command the way back is hostile; price and quantity are checked again when it is sent. */
static bool undo_fits(const tl_gateway *gateway, const tl_command *c) {
    return c->instrument < tl_instruments_count(gateway->instruments) &&
           (c->side == TL_SIDE_BUY || c->side == TL_SIDE_SELL) && c->quantity > 0 &&
           (c->type == TL_TYPE_MARKET ? c->price == TL_ABSENT : c->type == TL_TYPE_LIMIT && c->price > 0) &&
           c->time_in_force <= TL_TIF_FOK && c->flags == 0;
}

void saga_command(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int64_t now_ns) {
    if (command->kind == TL_COMMAND_SAGA_BEGIN) {
        begin(gateway, strategy, command, now_ns);
        return;
    }
    /* One that has ended meanwhile: its strategy is being told. */
    uint32_t place = find(gateway, strategy, command->group);
    if (place == 0) return;
    order_saga *saga = &gateway->sagas[place];
    if (command->kind == TL_COMMAND_SAGA_UNDO) {
        int reason = TL_REASON_NONE;
        if (saga->undoing) return;
        if (!has_room(gateway, saga))
            reason = TL_REASON_TOO_MANY_ORDERS;
        else if (!undo_fits(gateway, command) || announced(gateway, saga, command->order_id) != NULL)
            reason = TL_REASON_BAD_FIELD;
        if (reason != TL_REASON_NONE) {
            fail(gateway, saga, reason, now_ns);
            return;
        }
        saga_leg *leg = add_leg(gateway, saga, command->order_id);
        leg->undo = *command;
        gateway_follow(gateway, command->instrument);
        leg->has_undo = 1;
        return;
    }
    if (saga->undoing) return;
    int64_t reason = command->quantity;
    if (reason > TL_REASON_NONE && reason < TL_REASONS)
        fail(gateway, saga, (int)reason, now_ns);
    else if (reason != TL_REASON_NONE || saga->open_legs > 0)
        fail(gateway, saga, TL_REASON_BAD_FIELD, now_ns);
    else
        end(gateway, saga, TL_SAGA_DONE, now_ns);
}

void saga_strategy_ended(tl_gateway *gateway, uint32_t strategy, uint32_t epoch, int64_t now_ns) {
    for (uint32_t place = 1; place <= gateway->saga_top && gateway->strategies[strategy]->sagas > 0; place++) {
        order_saga *saga = &gateway->sagas[place];
        if (saga->key != 0 && saga->strategy == strategy && saga->epoch < epoch)
            fail(gateway, saga, TL_REASON_GENERATION_ENDED, now_ns);
    }
    if (epoch > gateway->strategies[strategy]->saga_epoch) gateway->strategies[strategy]->saga_epoch = epoch;
}

/* ---- time ---- */

int64_t saga_next_timer_ns(tl_gateway *gateway) {
    return tl_timer_wheel_next_ns(&gateway->saga_timers);
}

void saga_time(tl_gateway *gateway, int64_t now_ns) {
    uint32_t place;
    while (tl_timer_wheel_take(&gateway->saga_timers, now_ns, &place)) {
        order_saga *saga = &gateway->sagas[place];
        if (saga->undoing) {
            if (now_ns >= last_ns(saga)) saga->forced = 1;
            settle(gateway, saga, now_ns);
        } else if (now_ns >= last_ns(saga)) {
            fail(gateway, saga, TL_REASON_DEADLINE_PASSED, now_ns);
        } else {
            saga->cut = 1;
            cancel_legs(gateway, saga, TL_REASON_DEADLINE_PASSED, now_ns);
            settle(gateway, saga, now_ns);
        }
    }
}
