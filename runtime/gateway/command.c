#include "gateway/command.h"

#include "gateway/account.h"
#include "gateway/group.h"
#include "gateway/held.h"
#include "gateway/order_store.h"
#include "gateway/risk.h"
#include "gateway/saga.h"
#include "order/transition.h"

/* Newer than the last command taken, by event and place in it, and of no generation that was succeeded. A new generation that works through the log of the old one
 * again repeats its commands, under its own epoch. */
static bool is_newer(const gateway_strategy *strategy, const tl_command *c) {
    if (c->epoch < strategy->last_epoch) return false;
    if (!strategy->taken) return true;
    if (c->input_sequence != strategy->last_sequence) return c->input_sequence > strategy->last_sequence;
    return c->index > strategy->last_index;
}

static void deny(tl_gateway *gateway, uint32_t index, const tl_command *c, int kind, refusal why, int64_t now_ns) {
    gateway_strategy *strategy = gateway->strategies[index];
    tl_report report = {
        .order_id = c->order_id,
        .price = c->price,
        .quantity = c->quantity,
        .limit = why.limit,
        .value = why.value,
        .ts_venue_ns = now_ns,
        .queue_ahead = TL_ABSENT,
        .instrument = c->instrument,
        .kind = (uint8_t)kind,
        .reason = (uint16_t)why.reason,
    };
    gateway->denied[why.reason]++;
    if (kind == TL_REPORT_DENIED && !(c->flags & TL_FLAG_UNDO)) risk_denied(strategy, now_ns);
    gateway_tell(gateway, index, &report);
}

static void refuse_request(tl_gateway *gateway, gateway_order *order, int kind, refusal why, int64_t now_ns) {
    tl_report report = gateway_report_of(order, kind, why.reason, now_ns);
    report.limit = why.limit;
    report.value = why.value;
    gateway->denied[why.reason]++;
    gateway_tell(gateway, order->strategy, &report);
}

static refusal plainly(int reason) {
    return (refusal){TL_ABSENT, TL_ABSENT, reason};
}

/* The days of a strategy and its account are those of the first instrument that they trade. */
static void keep_days(tl_gateway *gateway, gateway_strategy *strategy, uint32_t instrument) {
    ledger *sums[2] = {&strategy->ledger, &gateway->accounts[strategy->account].ledger};
    for (int i = 0; i < 2; i++) {
        if (sums[i]->traded) continue;
        sums[i]->traded = 1;
        sums[i]->calendar = tl_instruments_at(gateway->instruments, instrument)->calendar;
    }
}

/* Everything that a new order must pass; on success it stands in *taken, in its lists and counts. */
static refusal take_new(tl_gateway *gateway, uint32_t index, const tl_command *c, uint16_t bits, int64_t now_ns,
                        gateway_order **taken) {
    gateway_strategy *strategy = gateway->strategies[index];
    if (c->instrument >= tl_instruments_count(gateway->instruments)) return plainly(TL_REASON_UNKNOWN_SYMBOL);
    refusal why = risk_check_fields(gateway, strategy, c, now_ns);
    if (why.reason != TL_REASON_NONE) return why;
    if (gateway_order_find(gateway, c->order_id) != NULL) return plainly(TL_REASON_DUPLICATE_ID);
    keep_days(gateway, strategy, c->instrument);
    why = risk_check_state(gateway, strategy, c->instrument, c->flags & TL_FLAG_UNDO, now_ns);
    if (why.reason != TL_REASON_NONE) return why;
    bool saga = c->link == TL_LINK_SAGA_LEG;
    why.reason = saga ? saga_check(gateway, index, c) : group_check(gateway, index, c);
    if (why.reason != TL_REASON_NONE) return why;

    uint32_t place = gateway_holding(gateway, index, c->instrument, true);
    gateway_order *order = place != 0 ? gateway_order_acquire(gateway, c->order_id) : NULL;
    if (order == NULL) return plainly(TL_REASON_TOO_MANY_ORDERS);
    gateway_market *market = &gateway->markets[c->instrument];
    order->record.last = *c;
    order->record.wanted_price = c->price;
    order->record.wanted_quantity = c->quantity;
    order->record.created_ns = order->record.updated_ns = now_ns;
    order->holding = place;
    order->strategy = (uint16_t)index;
    order->account = (uint8_t)strategy->account;
    order->venue = (uint8_t)(c->venue != 0 ? c->venue : market->venue);
    order->cap = c->quantity;
    order->value_price = gateway_value_price(market, c, c->price);
    order->resting_price = TL_ABSENT;
    order->bits = c->link == TL_LINK_BRACKET_LEG ? ORDER_HELD : bits;
    tl_order_move_apply(TL_MOVE_SEND, &order->record.status, &order->record.before);
    /* It joins before it is checked, as the members before it decide what it counts. */
    risk_plan plan;
    why.reason = held_reason(gateway, order);
    if (why.reason != TL_REASON_NONE) {
        gateway_order_discard(gateway, order);
        return why;
    }
    why = group_join(gateway, order) ? risk_check_limits(gateway, order, c->quantity, c->price, true, now_ns, &plan)
                                     : plainly(TL_REASON_TOO_MANY_ORDERS);
    if (why.reason != TL_REASON_NONE) {
        group_leave(gateway, order);
        gateway_order_discard(gateway, order);
        return why;
    }
    risk_passed(gateway, order, true, now_ns);
    /* Before anything else touches the stakes that the plan is made of. */
    if (plan.moves) gateway_count_as(gateway, order, plan.counted, plan.value, plan.fee, plan.stakes);
    gateway_order_open(gateway, order);
    gateway_order_rest(gateway, order);
    if (saga) saga_join(gateway, order);
    *taken = order;
    return why;
}

static void command_new(tl_gateway *gateway, uint32_t index, const tl_command *c, int64_t now_ns) {
    gateway_order *order = NULL;
    bool posed = (c->flags & TL_FLAG_UNDO) || (c->order_id & TL_GATEWAY_ORDER_ID); /* as one of the gateway's own */
    refusal why = posed ? plainly(TL_REASON_BAD_FIELD) : take_new(gateway, index, c, 0, now_ns, &order);
    if (why.reason != TL_REASON_NONE) {
        deny(gateway, index, c, TL_REPORT_DENIED, why, now_ns);
        if (c->link == TL_LINK_SAGA_LEG)
            saga_denied(gateway, index, c, why.reason, now_ns);
        else
            group_denied(gateway, index, c, now_ns);
        return;
    }
    if (order->bits & ORDER_HELD) {
        /* Accepted by the gateway itself, so that its strategy can cancel and replace it. */
        tl_order_move_apply(TL_MOVE_ACCEPTED, &order->record.status, &order->record.before);
        tl_report report = gateway_report_of(order, TL_REPORT_ACCEPTED, TL_REASON_NONE, now_ns);
        gateway_tell(gateway, index, &report);
        gateway_order_arm(gateway, order);
        group_leg_sync(gateway, order, now_ns);
        return;
    }
    gateway_send(gateway, order, TL_COMMAND_NEW, now_ns);
    gateway_order_arm(gateway, order);
}

gateway_order *gateway_own_order(tl_gateway *gateway, uint32_t index, const tl_command *c, bool reverts, int64_t now_ns) {
    gateway_order *order = NULL;
    refusal why = take_new(gateway, index, c, reverts ? ORDER_REVERTS : 0, now_ns, &order);
    if (why.reason != TL_REASON_NONE) {
        deny(gateway, index, c, TL_REPORT_DENIED, why, now_ns);
        return NULL;
    }
    gateway_send(gateway, order, TL_COMMAND_NEW, now_ns);
    gateway_order_arm(gateway, order);
    return order;
}

/* The order that a request of a strategy means; answers the request when there is none that it could mean. */
static gateway_order *requested(tl_gateway *gateway, uint32_t index, const tl_command *c, int kind, int64_t now_ns) {
    gateway_order *order = gateway_order_find(gateway, c->order_id);
    if (order == NULL || order->strategy != index) {
        deny(gateway, index, c, kind, plainly(TL_REASON_UNKNOWN_ORDER), now_ns);
        return NULL;
    }
    if (!tl_order_is_open(order->record.status)) {
        refuse_request(gateway, order, kind, plainly(TL_REASON_ORDER_CLOSED), now_ns);
        return NULL;
    }
    if ((order->bits & (ORDER_CANCEL_ASKED | ORDER_REPLACE_ASKED)) || (order->record.last.flags & TL_FLAG_UNDO)) {
        refuse_request(gateway, order, kind, plainly(TL_REASON_ILLEGAL_STATE), now_ns);
        return NULL;
    }
    return order;
}

/* A cancel that its strategy asked for; the gateway's own cancel on its way answers this one too. */
static void ask_cancel(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    if (order->bits & ORDER_HELD) {
        gateway_order_cancel(gateway, order, TL_REASON_REQUESTED, now_ns);
        return;
    }
    tl_order_move_apply(TL_MOVE_ASK_CANCEL, &order->record.status, &order->record.before);
    order->record.updated_ns = now_ns;
    bool sent = order->bits & ORDER_CANCEL_IN_FLIGHT;
    order->bits |= ORDER_CANCEL_ASKED | ORDER_CANCEL_IN_FLIGHT;
    if (!sent) gateway_send(gateway, order, TL_COMMAND_CANCEL, now_ns);
}

static void command_cancel(tl_gateway *gateway, uint32_t index, const tl_command *c, int64_t now_ns) {
    gateway_order *order = requested(gateway, index, c, TL_REPORT_CANCEL_REJECTED, now_ns);
    if (order != NULL) ask_cancel(gateway, order, now_ns);
}

void gateway_answer_replace(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    order->bits &= (uint16_t)~ORDER_REPLACE_ASKED;
    tl_order_move_apply(TL_MOVE_REPLACED, &order->record.status, &order->record.before);
    tl_report report = gateway_report_of(order, TL_REPORT_REPLACED, TL_REASON_NONE, now_ns);
    gateway_tell(gateway, order->strategy, &report);
}

static void command_replace(tl_gateway *gateway, uint32_t index, const tl_command *c, int64_t now_ns) {
    gateway_order *order = requested(gateway, index, c, TL_REPORT_REPLACE_REJECTED, now_ns);
    if (order == NULL) return;
    tl_order_record *record = &order->record;
    gateway_market *market = &gateway->markets[record->last.instrument];
    bool leg = record->last.link == TL_LINK_BRACKET_LEG;
    refusal why = risk_check_state(gateway, gateway->strategies[index], record->last.instrument, false, now_ns);
    if (why.reason == TL_REASON_NONE && (order->bits & ORDER_CANCEL_IN_FLIGHT)) why = plainly(TL_REASON_ILLEGAL_STATE);
    if (why.reason == TL_REASON_NONE) why = risk_check_replace_fields(gateway, order, c, now_ns);
    int64_t price = c->price != TL_ABSENT ? c->price : record->last.price, valued = order->value_price;
    risk_plan plan;
    if (why.reason == TL_REASON_NONE) {
        /* Until it is answered the order may trade at either price: it counts at the dearer. */
        int64_t asked = gateway_value_price(market, &record->last, price);
        if (asked > valued) order->value_price = asked;
        int64_t open_total = c->quantity > record->last.quantity && !leg ? c->quantity : record->last.quantity;
        why = risk_check_limits(gateway, order, open_total, price, false, now_ns, &plan);
    }
    if (why.reason != TL_REASON_NONE) {
        order->value_price = valued;
        refuse_request(gateway, order, TL_REPORT_REPLACE_REJECTED, why, now_ns);
        return;
    }
    risk_passed(gateway, order, false, now_ns);
    tl_order_move_apply(TL_MOVE_ASK_REPLACE, &record->status, &record->before);
    record->updated_ns = now_ns;
    record->wanted_price = price;
    record->wanted_quantity = c->quantity;
    order->bits |= ORDER_REPLACE_ASKED;
    if (order->bits & ORDER_HELD) {
        order->cap = c->quantity;
        record->last.price = price;
        record->last.quantity = c->quantity;
        gateway_answer_replace(gateway, order, now_ns);
        return;
    }
    if (leg) {
        order->cap = c->quantity;
        group_leg_sync(gateway, order, now_ns);
        if (tl_order_is_open(record->status) && !(order->bits & (ORDER_REPLACE_IN_FLIGHT | ORDER_CANCEL_IN_FLIGHT)))
            gateway_answer_replace(gateway, order, now_ns);
        return;
    }
    order->bits |= ORDER_REPLACE_IN_FLIGHT;
    /* Before anything else touches the stakes that the plan is made of. */
    if (plan.moves) gateway_count_as(gateway, order, plan.counted, plan.value, plan.fee, plan.stakes);
    gateway_order_rest(gateway, order);
    if (order->group != 0) gateway_recount(gateway, order); /* the others of its group */
    gateway_send_replace(gateway, order, price, c->quantity, now_ns);
}

static bool matches(const tl_command *order, const tl_command *filter) {
    return (filter->instrument == (uint32_t)TL_NO_INSTRUMENT || filter->instrument == order->instrument) &&
           (filter->side == TL_SIDE_NONE || filter->side == order->side) && (filter->tag == 0 || filter->tag == order->tag);
}

static void command_cancel_all(tl_gateway *gateway, uint32_t index, const tl_command *c, int64_t now_ns) {
    gateway_strategy *strategy = gateway->strategies[index];
    for (uint32_t slot = strategy->first; slot != 0;) {
        gateway_order *order = &gateway->orders[slot];
        bool held = order->bits & ORDER_HELD;
        slot = order->next;
        if (!matches(&order->record.last, c) || (order->bits & ORDER_CANCEL_ASKED) ||
            (order->record.last.flags & TL_FLAG_UNDO))
            continue;
        /* One whose replace is on its way has a request already, and the cancel is the gateway's own. */
        if (order->bits & ORDER_REPLACE_ASKED)
            gateway_order_cancel(gateway, order, TL_REASON_REQUESTED, now_ns);
        else
            ask_cancel(gateway, order, now_ns);
        /* A held one took itself, and perhaps others of its group, off the list. */
        if (held) slot = strategy->first;
    }
}

/* The strategy (index) of a command that counts, -1 when it was dropped. */
static int taken_from(tl_gateway *gateway, const tl_command *c) {
    if (c->strategy >= STRATEGY_IDS || gateway->strategy_index[c->strategy] == 0 || c->kind == TL_COMMAND_NONE ||
        c->kind >= TL_COMMANDS || c->kind == TL_COMMAND_ATTACH) {
        gateway->counts.commands_malformed++;
        return -1;
    }
    uint32_t index = gateway->strategy_index[c->strategy] - 1u;
    gateway_strategy *strategy = gateway->strategies[index];
    if (!is_newer(strategy, c)) {
        gateway->counts.commands_repeated++;
        return -1;
    }
    strategy->taken = 1;
    strategy->last_epoch = c->epoch;
    strategy->last_sequence = c->input_sequence;
    strategy->last_index = c->index;
    gateway->counts.commands++;
    return (int)index;
}

void tl_gateway_command(tl_gateway *gateway, const tl_command *command, int64_t now_ns) {
    const tl_command mine = *command;
    int index = taken_from(gateway, &mine);
    if (index < 0) return;
    if (gateway->strategies[index]->sagas > 0 && mine.epoch > gateway->strategies[index]->saga_epoch)
        saga_strategy_ended(gateway, (uint32_t)index, mine.epoch, now_ns);
    switch (mine.kind) {
    case TL_COMMAND_NEW:
        command_new(gateway, (uint32_t)index, &mine, now_ns);
        break;
    case TL_COMMAND_CANCEL:
        command_cancel(gateway, (uint32_t)index, &mine, now_ns);
        break;
    case TL_COMMAND_REPLACE:
        command_replace(gateway, (uint32_t)index, &mine, now_ns);
        break;
    case TL_COMMAND_SAGA_BEGIN:
    case TL_COMMAND_SAGA_UNDO:
    case TL_COMMAND_SAGA_END:
        saga_command(gateway, (uint32_t)index, &mine, now_ns);
        break;
    default:
        command_cancel_all(gateway, (uint32_t)index, &mine, now_ns);
    }
    held_settle(gateway);
}

void tl_gateway_refuse(tl_gateway *gateway, const tl_command *command, int reason, int64_t limit, int64_t value,
                       int64_t now_ns) {
    const tl_command mine = *command;
    int index = taken_from(gateway, &mine);
    if (index < 0) return;
    deny(gateway, (uint32_t)index, &mine, TL_REPORT_DENIED, (refusal){limit, value, reason}, now_ns);
    if (mine.link == TL_LINK_SAGA_LEG)
        saga_denied(gateway, (uint32_t)index, &mine, reason, now_ns);
    else
        group_denied(gateway, (uint32_t)index, &mine, now_ns);
    held_settle(gateway);
}
