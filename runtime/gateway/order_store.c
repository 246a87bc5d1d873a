#include "gateway/order_store.h"

#include "gateway/account.h"
#include "gateway/group.h"
#include "gateway/held.h"
#include "gateway/saga.h"
#include "order/transition.h"

#include <string.h>

gateway_order *gateway_order_find(tl_gateway *gateway, uint64_t order_id) {
    uint32_t slot = tl_id_map_find(&gateway->order_index, order_id);
    return slot != 0 ? &gateway->orders[slot] : NULL;
}

uint32_t gateway_order_slot(const tl_gateway *gateway, const gateway_order *order) {
    return (uint32_t)(order - gateway->orders);
}

gateway_order *gateway_order_acquire(tl_gateway *gateway, uint64_t order_id) {
    uint32_t slot;
    if (gateway->free_order_count > 0)
        slot = gateway->free_orders[gateway->free_order_count - 1];
    else if (gateway->order_top + 1 < GATEWAY_ORDERS)
        slot = gateway->order_top + 1;
    else {
        gateway->order_misses++;
        return NULL;
    }
    if (!tl_id_map_put(&gateway->order_index, order_id, slot)) return NULL;
    if (gateway->free_order_count > 0) {
        gateway->free_order_count--;
        gateway->order_hits++;
    } else {
        gateway->order_top++;
    }
    uint32_t live = gateway->order_top - gateway->free_order_count;
    if (live > gateway->order_most) gateway->order_most = live;
    gateway_order *order = &gateway->orders[slot];
    memset(order, 0, sizeof *order);
    return order;
}

void gateway_order_discard(tl_gateway *gateway, gateway_order *order) {
    tl_id_map_remove(&gateway->order_index, order->record.last.order_id);
    gateway->free_orders[gateway->free_order_count++] = gateway_order_slot(gateway, order);
}

static void remember(tl_gateway *gateway, uint32_t slot) {
    uint32_t *place = &gateway->closed_orders[gateway->closed_order_count++ % TL_GATEWAY_CLOSED_KEPT];
    if (*place != 0) {
        tl_id_map_remove(&gateway->order_index, gateway->orders[*place].record.last.order_id);
        gateway->free_orders[gateway->free_order_count++] = *place;
    }
    *place = slot;
}

static stake *account_stake_of(const tl_gateway *gateway, const gateway_order *order) {
    return &gateway->stakes[gateway->holdings[order->holding].account_stake];
}

void gateway_order_open(tl_gateway *gateway, gateway_order *order) {
    uint32_t slot = gateway_order_slot(gateway, order);
    gateway_strategy *strategy = gateway->strategies[order->strategy];
    order->previous = strategy->last;
    if (strategy->last != 0)
        gateway->orders[strategy->last].next = slot;
    else
        strategy->first = slot;
    strategy->last = slot;
    stake *mine = account_stake_of(gateway, order);
    uint32_t *first = &mine->first[order->record.last.side == TL_SIDE_SELL];
    order->stake_next = *first;
    if (*first != 0) gateway->orders[*first].stake_previous = slot;
    *first = slot;
    gateway->holdings[order->holding].open_orders++;
    strategy->ledger.open_orders++;
    gateway->accounts[order->account].ledger.open_orders++;
}

static void unlink_order(tl_gateway *gateway, gateway_order *order) {
    gateway_strategy *strategy = gateway->strategies[order->strategy];
    if (order->previous != 0)
        gateway->orders[order->previous].next = order->next;
    else
        strategy->first = order->next;
    if (order->next != 0)
        gateway->orders[order->next].previous = order->previous;
    else
        strategy->last = order->previous;
    stake *mine = account_stake_of(gateway, order);
    if (order->stake_previous != 0)
        gateway->orders[order->stake_previous].stake_next = order->stake_next;
    else
        mine->first[order->record.last.side == TL_SIDE_SELL] = order->stake_next;
    if (order->stake_next != 0) gateway->orders[order->stake_next].stake_previous = order->stake_previous;
    order->previous = order->next = order->stake_previous = order->stake_next = 0;
    gateway->holdings[order->holding].open_orders--;
    strategy->ledger.open_orders--;
    gateway->accounts[order->account].ledger.open_orders--;
}

void gateway_order_end(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    uint32_t slot = gateway_order_slot(gateway, order);
    order->record.updated_ns = now_ns;
    order->bits &= (uint16_t)~ORDER_HELD;
    tl_timer_wheel_clear(&gateway->timers, slot);
    held_ended(gateway, order);
    gateway_order_rest(gateway, order);
    gateway_recount(gateway, order);
    unlink_order(gateway, order);
    /* The slot is remembered last: what the group does may close others, and they come after this one. */
    group_order_ended(gateway, order, now_ns);
    remember(gateway, slot);
    saga_order_ended(gateway, order, now_ns);
}

void gateway_order_cancel(tl_gateway *gateway, gateway_order *order, int reason, int64_t now_ns) {
    if (!tl_order_is_open(order->record.status)) return;
    if (order->end_reason == TL_REASON_NONE) order->end_reason = (uint16_t)reason;
    if (order->bits & ORDER_HELD) {
        int kind = order->end_reason == TL_REASON_EXPIRE_TIME ? TL_REPORT_EXPIRED : TL_REPORT_CANCELED;
        tl_order_move_apply(tl_order_move_of_report(kind, false), &order->record.status, &order->record.before);
        order->record.reason = order->end_reason;
        tl_report report = gateway_report_of(order, kind, order->end_reason, now_ns);
        gateway_tell(gateway, order->strategy, &report);
        gateway_order_end(gateway, order, now_ns);
        return;
    }
    if (order->bits & (ORDER_CANCEL_IN_FLIGHT | ORDER_CANCEL_OWN_SENT)) return;
    order->bits |= ORDER_CANCEL_IN_FLIGHT | ORDER_CANCEL_OWN_SENT;
    gateway_send(gateway, order, TL_COMMAND_CANCEL, now_ns);
}

void gateway_order_cancel_strategy(tl_gateway *gateway, gateway_strategy *strategy, int reason, int64_t now_ns) {
    /* Cancelling a held order takes it, and perhaps others of its group, off the list. So the walk starts again after such a one; what it
     * has passed before is sent already and passed again quickly. */
    for (uint32_t slot = strategy->first; slot != 0;) {
        gateway_order *order = &gateway->orders[slot];
        bool held = order->bits & ORDER_HELD;
        slot = order->next;
        /* What brings a saga's leg back lowers what is at risk: only the kill switch stops it. */
        if ((order->record.last.flags & TL_FLAG_UNDO) && reason != TL_REASON_RISK_KILL_SWITCH) continue;
        gateway_order_cancel(gateway, order, reason, now_ns);
        if (held) slot = strategy->first;
    }
}

int64_t gateway_order_deadline_ns(const gateway_order *order) {
    const tl_command *last = &order->record.last;
    bool done_by_deadline =
        last->time_in_force == TL_TIF_IOC || last->time_in_force == TL_TIF_FOK || (last->flags & TL_FLAG_SAGA);
    bool unanswered = order->record.before == TL_ORDER_PENDING_NEW;
    if (last->deadline_ns <= 0 || !(unanswered || done_by_deadline) || (order->bits & (ORDER_HELD | ORDER_DEADLINE_DONE)))
        return INT64_MAX;
    return last->deadline_ns;
}

void gateway_order_arm(tl_gateway *gateway, gateway_order *order) {
    int64_t due_ns = gateway_order_deadline_ns(order), expire_ns = held_expire_ns(gateway, order);
    if (expire_ns < due_ns) due_ns = expire_ns;
    uint32_t slot = gateway_order_slot(gateway, order);
    if (due_ns != INT64_MAX)
        tl_timer_wheel_set(&gateway->timers, slot, due_ns);
    else
        tl_timer_wheel_clear(&gateway->timers, slot);
}

/* The price nearest to the other side at which an order may rest, TL_ABSENT when it never does. */
static int64_t resting_price(const gateway_order *order) {
    const tl_command *last = &order->record.last;
    bool limit = last->type == TL_TYPE_LIMIT || last->type == TL_TYPE_ICEBERG ||
                 (last->type == TL_TYPE_STOP_LIMIT &&
                  (order->record.before == TL_ORDER_TRIGGERED || order->record.before == TL_ORDER_PARTIALLY_FILLED));
    if (!limit || (order->bits & ORDER_HELD) || last->time_in_force == TL_TIF_IOC || last->time_in_force == TL_TIF_FOK ||
        !tl_order_is_open(order->record.status))
        return TL_ABSENT;
    int64_t wanted = order->record.wanted_price;
    if (!(order->bits & ORDER_REPLACE_IN_FLIGHT)) return last->price;
    return (last->side == TL_SIDE_BUY) == (wanted > last->price) ? wanted : last->price;
}

static bool nearer(int side, int64_t price, int64_t than) {
    return than == TL_ABSENT || (side == TL_SIDE_BUY ? price > than : price < than);
}

void gateway_order_rest(tl_gateway *gateway, gateway_order *order) {
    stake *mine = account_stake_of(gateway, order);
    int side = order->record.last.side, i = side == TL_SIDE_SELL;
    int64_t price = resting_price(order);
    bool rested = order->bits & ORDER_RESTS;
    if (rested && (price == TL_ABSENT || price != order->resting_price) && order->resting_price == mine->best[i])
        mine->stale[i] = 1;
    order->bits = (uint16_t)(price == TL_ABSENT ? order->bits & ~ORDER_RESTS : order->bits | ORDER_RESTS);
    order->resting_price = price;
    if (price != TL_ABSENT && !mine->stale[i] && nearer(side, price, mine->best[i])) mine->best[i] = price;
}

int64_t gateway_best_resting(tl_gateway *gateway, stake *account_stake, int side) {
    int i = side == TL_SIDE_SELL;
    if (account_stake->stale[i]) {
        int64_t best = TL_ABSENT;
        for (uint32_t slot = account_stake->first[i]; slot != 0; slot = gateway->orders[slot].stake_next) {
            const gateway_order *order = &gateway->orders[slot];
            if ((order->bits & ORDER_RESTS) && nearer(side, order->resting_price, best)) best = order->resting_price;
        }
        account_stake->best[i] = best;
        account_stake->stale[i] = 0;
    }
    return account_stake->best[i];
}

tl_command *gateway_wire(tl_gateway *gateway, const gateway_order *order, int kind, int64_t now_ns) {
    /* The last place is written again and again when the caller never clears. */
    uint32_t place = gateway->command_count;
    if (place + 1 < GATEWAY_OUTPUT)
        gateway->command_count++;
    else
        gateway->counts.output_lost++;
    tl_command *command = &gateway->commands[place];
    *command = order->record.last;
    command->kind = (uint8_t)kind;
    command->ts_ns = now_ns;
    command->venue = order->venue;
    command->account = order->account;
    return command;
}

tl_report gateway_report_of(const gateway_order *order, int kind, int reason, int64_t now_ns) {
    return (tl_report){
        .order_id = order->record.last.order_id,
        .price = order->record.last.price,
        .quantity = order->record.last.quantity,
        .filled = order->record.filled,
        .limit = TL_ABSENT,
        .value = TL_ABSENT,
        .ts_venue_ns = now_ns,
        .queue_ahead = TL_ABSENT,
        .instrument = order->record.last.instrument,
        .kind = (uint8_t)kind,
        .reason = (uint16_t)reason,
    };
}

void gateway_tell(tl_gateway *gateway, uint32_t strategy, const tl_report *report) {
    uint32_t place = gateway->report_count;
    if (place + 1 < GATEWAY_OUTPUT)
        gateway->report_count++;
    else
        gateway->counts.output_lost++;
    tl_report *mine = &gateway->reports[place];
    *mine = *report;
    mine->strategy = gateway->strategies[strategy]->id;
    mine->report_sequence = ++gateway->strategies[strategy]->report_sequence;
}
