#include "gateway/group.h"

#include "gateway/account.h"
#include "gateway/held.h"
#include "gateway/order_store.h"
#include "order/transition.h"

#include <string.h>

static uint64_t key_of(uint32_t strategy, uint32_t number) {
    return ((uint64_t)(strategy + 1) << 32) | number;
}

int group_check(const tl_gateway *gateway, uint32_t strategy, const tl_command *command) {
    if (command->link == TL_LINK_NONE) return command->group == 0 ? TL_REASON_NONE : TL_REASON_BAD_FIELD;
    if (command->group == 0) return TL_REASON_BAD_FIELD;
    uint32_t place = tl_id_map_find(&gateway->group_index, key_of(strategy, command->group));
    bool leg = command->link == TL_LINK_BRACKET_LEG;
    if (place == 0) return leg ? TL_REASON_BAD_FIELD : TL_REASON_NONE;
    const order_group *group = &gateway->groups[place];
    if (group->ended) return TL_REASON_OCO;
    if (group->members == GROUP_MEMBERS) return TL_REASON_TOO_MANY_ORDERS;
    if (group->bracket != (command->link != TL_LINK_OCO)) return TL_REASON_BAD_FIELD;
    if (command->link == TL_LINK_BRACKET_ENTRY) return TL_REASON_BAD_FIELD; /* it has one */
    if (leg && (command->instrument != group->instrument || command->side == group->side)) return TL_REASON_BAD_FIELD;
    return TL_REASON_NONE;
}

static uint32_t acquire(tl_gateway *gateway, uint64_t key) {
    uint32_t place =
        gateway->free_group_count > 0 ? gateway->free_groups[gateway->free_group_count - 1] : gateway->group_top + 1;
    if (place >= GATEWAY_GROUPS || !tl_id_map_put(&gateway->group_index, key, place)) return 0;
    if (gateway->free_group_count > 0)
        gateway->free_group_count--;
    else
        gateway->group_top++;
    memset(&gateway->groups[place], 0, sizeof gateway->groups[place]);
    gateway->groups[place].key = key;
    return place;
}

/* A group without members is remembered for a while, so that a late member is denied. */
static void remember(tl_gateway *gateway, uint32_t place) {
    uint32_t *oldest = &gateway->closed_groups[gateway->closed_group_count++ % GATEWAY_GROUPS_KEPT];
    if (*oldest != 0) {
        tl_id_map_remove(&gateway->group_index, gateway->groups[*oldest].key);
        gateway->free_groups[gateway->free_group_count++] = *oldest;
    }
    *oldest = place;
}

bool group_join(tl_gateway *gateway, gateway_order *order) {
    const tl_command *last = &order->record.last;
    if (last->link == TL_LINK_NONE || last->link == TL_LINK_SAGA_LEG) return true;
    uint64_t key = key_of(order->strategy, last->group);
    uint32_t place = tl_id_map_find(&gateway->group_index, key);
    if (place == 0) place = acquire(gateway, key);
    if (place == 0) return false;
    order_group *group = &gateway->groups[place];
    uint32_t slot = gateway_order_slot(gateway, order), *end = &group->first;
    while (*end != 0)
        end = &gateway->orders[*end].group_next;
    *end = slot;
    order->group = place;
    group->members++;
    group->bracket = last->link != TL_LINK_OCO;
    if (last->link == TL_LINK_BRACKET_ENTRY) {
        group->side = last->side;
        group->instrument = last->instrument;
    }
    return true;
}

void group_leave(tl_gateway *gateway, gateway_order *order) {
    if (order->group == 0) return;
    order_group *group = &gateway->groups[order->group];
    uint32_t slot = gateway_order_slot(gateway, order), *link = &group->first;
    while (*link != slot)
        link = &gateway->orders[*link].group_next;
    *link = order->group_next;
    order->group = order->group_next = 0;
    group->members--;
}

static void remember_if_empty(tl_gateway *gateway, uint32_t place) {
    order_group *group = &gateway->groups[place];
    if (group->members > 0 || group->empty) return;
    group->ended = group->empty = 1;
    remember(gateway, place);
}

/* Cancels the open members of a group but one (a slot, 0 for none). Members leave the chain as held ones end, so the walk begins anew after
 * each. */
static void cancel_others(tl_gateway *gateway, uint32_t place, uint32_t but, int64_t now_ns) {
    order_group *group = &gateway->groups[place];
    group->ended = 1;
    for (uint32_t slot = group->first, next; slot != 0; slot = next) {
        gateway_order *member = &gateway->orders[slot];
        bool held = member->bits & ORDER_HELD;
        next = member->group_next;
        if (slot == but) continue;
        gateway_order_cancel(gateway, member, TL_REASON_OCO, now_ns);
        if (held) next = group->first;
    }
}

void group_denied(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int64_t now_ns) {
    if (command->link == TL_LINK_NONE || command->group == 0) return;
    uint64_t key = key_of(strategy, command->group);
    uint32_t place = tl_id_map_find(&gateway->group_index, key);
    if (place == 0 && (place = acquire(gateway, key)) == 0) return;
    cancel_others(gateway, place, 0, now_ns);
    remember_if_empty(gateway, place);
}

/* Quantity that the legs have still to close. */
static int64_t unclosed(const order_group *group) {
    return group->entry_filled - group->legs_filled;
}

void group_leg_sync(tl_gateway *gateway, gateway_order *leg, int64_t now_ns) {
    tl_order_record *record = &leg->record;
    if (leg->group == 0 || record->last.link != TL_LINK_BRACKET_LEG || !tl_order_is_open(record->status)) return;
    int64_t open = unclosed(&gateway->groups[leg->group]);
    int64_t total = open < leg->cap - record->filled ? open + record->filled : leg->cap;
    if (open <= 0) {
        /* Before the first fill a leg is held; afterwards nothing is left to close only when another leg has closed it. */
        if (!(leg->bits & ORDER_HELD)) gateway_order_cancel(gateway, leg, TL_REASON_OCO, now_ns);
        return;
    }
    if (leg->bits & ORDER_HELD) {
        leg->bits = (uint16_t)((leg->bits & ~ORDER_HELD) | ORDER_RELEASED);
        record->last.quantity = record->wanted_quantity = total;
        if (record->last.display > total) record->last.display = total;
        gateway_order_rest(gateway, leg);
        gateway_recount(gateway, leg);
        gateway_send(gateway, leg, TL_COMMAND_NEW, now_ns);
        return;
    }
    if (leg->bits & (ORDER_REPLACE_IN_FLIGHT | ORDER_CANCEL_IN_FLIGHT)) return;
    if (total == record->last.quantity && record->wanted_price == record->last.price) return;
    record->wanted_quantity = total;
    leg->bits |= ORDER_REPLACE_IN_FLIGHT;
    if (!(leg->bits & ORDER_REPLACE_ASKED)) leg->bits |= ORDER_REPLACE_OWN;
    gateway_order_rest(gateway, leg);
    gateway_recount(gateway, leg);
    gateway_send_replace(gateway, leg, record->wanted_price, total, now_ns);
}

static void sync_legs(tl_gateway *gateway, uint32_t place, const gateway_order *but, int64_t now_ns) {
    for (uint32_t slot = gateway->groups[place].first; slot != 0;) {
        gateway_order *leg = &gateway->orders[slot];
        slot = leg->group_next;
        if (leg != but) group_leg_sync(gateway, leg, now_ns);
    }
}

void group_order_filled(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t now_ns) {
    if (order->group == 0) return;
    order_group *group = &gateway->groups[order->group];
    switch (order->record.last.link) {
    case TL_LINK_BRACKET_ENTRY:
        group->entry_filled += quantity;
        if (!group->ended) sync_legs(gateway, order->group, order, now_ns);
        break;
    case TL_LINK_BRACKET_LEG:
        group->legs_filled += quantity;
        if (!group->ended) sync_legs(gateway, order->group, order, now_ns);
        break;
    default:
        cancel_others(gateway, order->group, gateway_order_slot(gateway, order), now_ns);
    }
}

void group_order_ended(tl_gateway *gateway, gateway_order *order, int64_t now_ns) {
    uint32_t place = order->group;
    if (place == 0) return;
    order_group *group = &gateway->groups[place];
    group_leave(gateway, order);
    int kind = order->record.last.link;
    bool refused_leg = kind == TL_LINK_BRACKET_LEG && order->record.status == TL_ORDER_REJECTED;
    if (kind == TL_LINK_BRACKET_ENTRY ? group->entry_filled == 0 : !refused_leg) cancel_others(gateway, place, 0, now_ns);
    remember_if_empty(gateway, place);
}
