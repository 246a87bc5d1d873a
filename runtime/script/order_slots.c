#include "script/order_slots.h"

#include <string.h>

enum {
    SLOTS = TL_SLOTS_KEPT_CLOSED + TL_SLOTS_MAX_OPEN + 2,
    INDEX = 1 << 17,
    FETCH_AHEAD = 3,      /* a miss lasts as long as two sends */
    CLOSED_RING = 1 << 17 /* a power of two that holds all slots */
};

tl_status tl_order_slots_init(tl_order_slots *slots) {
    memset(slots, 0, sizeof *slots);
    const size_t bytes[5] = {
        SLOTS * sizeof(tl_shown_order), SLOTS * sizeof(tl_order_private), TL_SLOTS_MAX_INSTRUMENTS * sizeof(tl_order_lists),
        CLOSED_RING * sizeof(uint32_t), INDEX * sizeof(uint32_t),
    };
    for (int i = 0; i < 5; i++) {
        tl_status status = tl_vmem_reserve(&slots->memory[i], bytes[i]);
        if (status != TL_OK) {
            tl_order_slots_close(slots);
            return status;
        }
    }
    slots->orders = slots->memory[0].base;
    slots->privates = slots->memory[1].base;
    slots->lists = slots->memory[2].base;
    slots->closed = slots->memory[3].base;
    slots->index = slots->memory[4].base;
    return TL_OK;
}

void tl_order_slots_close(tl_order_slots *slots) {
    for (int i = 0; i < 5; i++)
        tl_vmem_release(&slots->memory[i]);
}

static uint32_t home_of(uint64_t id) {
    return (uint32_t)id & (INDEX - 1);
}

static uint64_t id_of(const tl_order_slots *slots, uint32_t slot) {
    return (uint64_t)slots->orders[slot].id_n;
}

/* Ids of one strategy are consecutive, so that chains hold one order, or two when one stays open for INDEX further ones. */
static void index_insert(tl_order_slots *slots, uint64_t id, uint32_t slot) {
    slots->privates[slot].next_same = slots->index[home_of(id)];
    slots->index[home_of(id)] = slot;
}

static void index_remove(tl_order_slots *slots, uint32_t slot) {
    uint32_t *link = &slots->index[home_of(id_of(slots, slot))];
    while (*link != slot)
        link = &slots->privates[*link].next_same;
    *link = slots->privates[slot].next_same;
}

uint32_t tl_order_slots_find(const tl_order_slots *slots, uint64_t id) {
    uint32_t slot = slots->index[home_of(id)];
    while (slot != 0 && id_of(slots, slot) != id)
        slot = slots->privates[slot].next_same;
    return slot;
}

uint32_t tl_order_slots_closed(const tl_order_slots *slots, uint64_t i) {
    return slots->closed[i & (CLOSED_RING - 1)];
}

/* The oldest closed slot has not been touched for 65,536 orders: it is fetched some orders ahead. */
static void prefetch(const tl_order_slots *slots, uint32_t slot) {
    const char *order = (const char *)&slots->orders[slot];
    for (size_t at = 0; at < sizeof(tl_shown_order); at += TL_CACHE_LINE_BYTES)
        __builtin_prefetch(order + at, 1);
    __builtin_prefetch(&slots->privates[slot], 1);
}

uint32_t tl_order_slots_acquire(tl_order_slots *slots, uint64_t id) {
    uint32_t slot;
    uint32_t generation = 0;
    if (slots->all.count >= TL_SLOTS_MAX_OPEN) {
        slots->misses++;
        return 0;
    }
    if (slots->closed_end - slots->closed_begin > TL_SLOTS_KEPT_CLOSED) {
        slot = slots->closed[slots->closed_begin++ & (CLOSED_RING - 1)];
        prefetch(slots, slots->closed[(slots->closed_begin + FETCH_AHEAD) & (CLOSED_RING - 1)]);
        generation = slots->orders[slot].generation_n;
        index_remove(slots, slot);
    } else {
        slot = ++slots->high;
    }
    memset(&slots->orders[slot], 0, sizeof slots->orders[slot]);
    memset(&slots->privates[slot], 0, sizeof slots->privates[slot]);
    slots->orders[slot].generation_n = generation + 1;
    slots->orders[slot].id_n = (double)id;
    index_insert(slots, id, slot);
    return slot;
}

void tl_order_slots_open(tl_order_slots *slots, uint32_t slot) {
    tl_shown_order *order = &slots->orders[slot];
    tl_order_private *private = &slots->privates[slot];
    tl_order_lists *lists = &slots->lists[order->instrument_n];
    tl_order_list *side = &lists->side[order->side_n == TL_SIDE_SELL];

    order->previous_n = side->last;
    if (side->last != 0)
        slots->orders[side->last].next_n = slot;
    else
        side->first = slot;
    side->last = slot;
    side->count++;

    private->previous_of = lists->both.last;
    if (lists->both.last != 0)
        slots->privates[lists->both.last].next_of = slot;
    else
        lists->both.first = slot;
    lists->both.last = slot;
    lists->both.count++;

    private->previous_all = slots->all.last;
    if (slots->all.last != 0)
        slots->privates[slots->all.last].next_all = slot;
    else
        slots->all.first = slot;
    slots->all.last = slot;
    slots->all.count++;
}

/* The retired slot keeps its own links forward, so that a loop over open orders that closes the one in hand can go on. */
void tl_order_slots_retire(tl_order_slots *slots, uint32_t slot) {
    tl_shown_order *order = &slots->orders[slot];
    tl_order_private *private = &slots->privates[slot];
    tl_order_lists *lists = &slots->lists[order->instrument_n];
    tl_order_list *side = &lists->side[order->side_n == TL_SIDE_SELL];

    if (order->previous_n != 0)
        slots->orders[order->previous_n].next_n = order->next_n;
    else
        side->first = order->next_n;
    if (order->next_n != 0)
        slots->orders[order->next_n].previous_n = order->previous_n;
    else
        side->last = order->previous_n;
    side->count--;

    if (private->previous_of != 0)
        slots->privates[private->previous_of].next_of = private->next_of;
    else
        lists->both.first = private->next_of;
    if (private->next_of != 0)
        slots->privates[private->next_of].previous_of = private->previous_of;
    else
        lists->both.last = private->previous_of;
    lists->both.count--;

    if (private->previous_all != 0)
        slots->privates[private->previous_all].next_all = private->next_all;
    else
        slots->all.first = private->next_all;
    if (private->next_all != 0)
        slots->privates[private->next_all].previous_all = private->previous_all;
    else
        slots->all.last = private->previous_all;
    slots->all.count--;

    slots->closed[slots->closed_end++ & (CLOSED_RING - 1)] = slot;
}
