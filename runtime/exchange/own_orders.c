#include "exchange/own_orders.h"

#include <stdlib.h>
#include <string.h>

#include "memory/vmem.h"

enum { MAX_OPEN = 1 << 22, FIRST_BUCKETS = 1024 };

struct tl_own_orders {
    tl_own_order *all; /* in reserved memory */
    uint32_t *buckets; /* handles, 0 = free; at most half full */
    uint32_t mask;
    uint32_t used; /* handles ever used */
    uint32_t free; /* chained by `next` */
    uint32_t open;
    tl_vmem memory;
};

static inline uint32_t bucket_of(const tl_own_orders *orders, uint64_t id) {
    uint64_t h = id * 0x9e3779b97f4a7c15u;
    return (uint32_t)(h >> 32) & orders->mask;
}

tl_own_orders *tl_own_orders_create(void) {
    tl_own_orders *orders = calloc(1, sizeof *orders);
    if (orders == NULL) return NULL;
    orders->buckets = calloc(FIRST_BUCKETS, sizeof *orders->buckets);
    if (orders->buckets == NULL || tl_vmem_reserve(&orders->memory, (size_t)MAX_OPEN * sizeof(tl_own_order)) != TL_OK) {
        free(orders->buckets);
        free(orders);
        return NULL;
    }
    orders->all = orders->memory.base;
    orders->mask = FIRST_BUCKETS - 1;
    orders->used = 1;
    return orders;
}

void tl_own_orders_destroy(tl_own_orders *orders) {
    if (orders == NULL) return;
    tl_vmem_release(&orders->memory);
    free(orders->buckets);
    free(orders);
}

static void place(tl_own_orders *orders, uint32_t handle) {
    uint32_t at = bucket_of(orders, orders->all[handle].id);
    while (orders->buckets[at] != 0)
        at = (at + 1) & orders->mask;
    orders->buckets[at] = handle;
}

static bool grow(tl_own_orders *orders) {
    uint32_t *old = orders->buckets, old_count = orders->mask + 1;
    uint32_t *fresh = calloc((size_t)old_count * 2, sizeof *fresh);
    if (fresh == NULL) return false;
    orders->buckets = fresh;
    orders->mask = old_count * 2 - 1;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != 0) place(orders, old[i]);
    free(old);
    return true;
}

uint32_t tl_own_orders_find(const tl_own_orders *orders, uint64_t id) {
    for (uint32_t at = bucket_of(orders, id); orders->buckets[at] != 0; at = (at + 1) & orders->mask)
        if (orders->all[orders->buckets[at]].id == id) return orders->buckets[at];
    return 0;
}

uint32_t tl_own_orders_add(tl_own_orders *orders, tl_own_list *list, uint64_t id) {
    if (tl_own_orders_find(orders, id) != 0) return 0;
    if (orders->open * 2 > orders->mask && !grow(orders)) return 0;
    uint32_t handle = orders->free;
    if (handle != 0)
        orders->free = orders->all[handle].next;
    else if (orders->used < MAX_OPEN)
        handle = orders->used++;
    else
        return 0;
    tl_own_order *order = &orders->all[handle];
    memset(order, 0, sizeof *order);
    order->id = id;
    order->previous = list->last;
    if (list->last != 0)
        orders->all[list->last].next = handle;
    else
        list->first = handle;
    list->last = handle;
    list->count++;
    orders->open++;
    place(orders, handle);
    return handle;
}

static void take_off_rank(tl_own_orders *orders, tl_own_list *list, tl_own_order *order) {
    if (!order->ranked) return;
    order->ranked = 0;
    if (order->rest_previous != 0)
        orders->all[order->rest_previous].rest_next = order->rest_next;
    else
        list->best[order->side == TL_SIDE_SELL] = order->rest_next;
    if (order->rest_next != 0) orders->all[order->rest_next].rest_previous = order->rest_previous;
}

void tl_own_orders_rest(tl_own_orders *orders, tl_own_list *list, uint32_t handle, int64_t price) {
    tl_own_order *order = &orders->all[handle];
    take_off_rank(orders, list, order);
    order->rest_price = price;
    if (price == TL_ABSENT) return;
    uint32_t before = 0, behind = list->best[order->side == TL_SIDE_SELL];
    while (behind != 0 && !tl_own_price_better(order->side, price, orders->all[behind].rest_price)) {
        before = behind;
        behind = orders->all[behind].rest_next;
    }
    order->ranked = 1;
    order->rest_previous = before;
    order->rest_next = behind;
    if (before != 0)
        orders->all[before].rest_next = handle;
    else
        list->best[order->side == TL_SIDE_SELL] = handle;
    if (behind != 0) orders->all[behind].rest_previous = handle;
}

void tl_own_orders_remove(tl_own_orders *orders, tl_own_list *list, uint32_t handle) {
    tl_own_order *order = &orders->all[handle];
    take_off_rank(orders, list, order);
    uint32_t hole = bucket_of(orders, order->id);
    while (orders->buckets[hole] != handle)
        hole = (hole + 1) & orders->mask;
    for (uint32_t at = hole;;) { /* moves back what probed past the hole */
        at = (at + 1) & orders->mask;
        if (orders->buckets[at] == 0) break;
        uint32_t home = bucket_of(orders, orders->all[orders->buckets[at]].id);
        if (((at - home) & orders->mask) >= ((at - hole) & orders->mask)) {
            orders->buckets[hole] = orders->buckets[at];
            hole = at;
        }
    }
    orders->buckets[hole] = 0;
    if (order->previous != 0)
        orders->all[order->previous].next = order->next;
    else
        list->first = order->next;
    if (order->next != 0)
        orders->all[order->next].previous = order->previous;
    else
        list->last = order->previous;
    list->count--;
    orders->open--;
    order->next = orders->free;
    orders->free = handle;
}

tl_own_order *tl_own_orders_at(tl_own_orders *orders, uint32_t handle) {
    return &orders->all[handle];
}

uint32_t tl_own_orders_open(const tl_own_orders *orders) {
    return orders->open;
}

void tl_own_order_from(tl_own_order *order, const tl_command *command, int64_t now_ns) {
    order->quantity = command->quantity;
    order->price = command->price;
    order->stop_price = command->stop_price;
    order->offset = command->offset;
    order->display = command->display;
    order->expire_ns = command->time_in_force == TL_TIF_GTD ? command->expire_ns : 0;
    order->rest_price = TL_ABSENT;
    order->told_ahead = order->told_total = TL_ABSENT;
    order->arrived_ns = now_ns;
    order->ahead = order->water = TL_ABSENT;
    order->instrument = command->instrument;
    order->owner = command->strategy + 1;
    order->flags = command->flags;
    order->side = command->side;
    order->type = command->type;
    order->time_in_force = command->time_in_force;
}

tl_engine_order tl_own_order_for_engine(const tl_own_order *order) {
    const uint32_t known = TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE | TL_FLAG_REDUCE_ONLY | TL_FLAG_TRIGGER_QUOTE |
                           TL_FLAG_TRIGGER_MARK | TL_FLAG_TRAIL_PERCENT;
    return (tl_engine_order){.id = order->id | TL_OWN_REFERENCE,
                             .quantity = order->quantity,
                             .price = order->price,
                             .stop_price = order->stop_price,
                             .offset = order->offset,
                             .display = order->display,
                             .expire_ns = order->expire_ns,
                             .instrument = order->instrument,
                             .owner = order->owner,
                             .flags = order->flags & known,
                             .side = order->side,
                             .type = order->type,
                             .time_in_force = order->time_in_force};
}
