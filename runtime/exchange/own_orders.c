#include "exchange/own_orders.h"

#include <stdlib.h>

#include "base/id_map.h"

enum { MAX_OPEN = 1 << 22, FIRST_IDS = 512 };

struct tl_own_orders {
    tl_own_order *all; /* the pool's, by handle */
    tl_pool *pool;
    tl_id_map ids;
};

tl_own_orders *tl_own_orders_create(void) {
    tl_own_orders *orders = calloc(1, sizeof *orders);
    if (orders == NULL) return NULL;
    if (tl_id_map_init(&orders->ids, FIRST_IDS) != TL_OK ||
        tl_pool_create(sizeof(tl_own_order), MAX_OPEN, &orders->pool) != TL_OK) {
        tl_own_orders_destroy(orders);
        return NULL;
    }
    TL_STATIC_ASSERT(sizeof(tl_own_order) % TL_CACHE_LINE_BYTES == 0, "the pool's objects are an array");
    orders->all = (tl_own_order *)tl_pool_objects(orders->pool) - 1;
    return orders;
}

void tl_own_orders_destroy(tl_own_orders *orders) {
    if (orders == NULL) return;
    tl_pool_destroy(orders->pool);
    tl_id_map_close(&orders->ids);
    free(orders);
}

uint32_t tl_own_orders_find(const tl_own_orders *orders, uint64_t id) {
    return tl_id_map_find(&orders->ids, id);
}

uint32_t tl_own_orders_add(tl_own_orders *orders, tl_own_list *list, uint64_t id) {
    if (tl_own_orders_find(orders, id) != 0) return 0;
    tl_pool_handle handle;
    tl_own_order *order = tl_pool_acquire(orders->pool, &handle, __func__);
    if (order == NULL) return 0;
    if (!tl_id_map_put(&orders->ids, id, handle.slot)) {
        tl_pool_release(orders->pool, handle);
        return 0;
    }
    order->id = id;
    order->generation = handle.generation;
    order->previous = list->last;
    if (list->last != 0)
        orders->all[list->last].next = handle.slot;
    else
        list->first = handle.slot;
    list->last = handle.slot;
    list->count++;
    return handle.slot;
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
    tl_id_map_remove(&orders->ids, order->id);
    if (order->previous != 0)
        orders->all[order->previous].next = order->next;
    else
        list->first = order->next;
    if (order->next != 0)
        orders->all[order->next].previous = order->previous;
    else
        list->last = order->previous;
    list->count--;
    tl_pool_release(orders->pool, (tl_pool_handle){.slot = handle, .generation = order->generation});
}

tl_own_order *tl_own_orders_at(tl_own_orders *orders, uint32_t handle) {
    return &orders->all[handle];
}

uint32_t tl_own_orders_open(const tl_own_orders *orders) {
    return orders->ids.count;
}

void tl_own_orders_count(const tl_own_orders *orders, tl_pool_counts *counts) {
    tl_pool_count(orders->pool, counts);
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
