/* The mirror's memory of orders: slots, lists of the open ones, and the index from id to slot.
 *
 * Slots are tl_shown_order records in reserved memory, numbered from 1. A closed order keeps its slot until 65,536 further ones have
 * closed; then the slot gets a new generation. Open orders hang in three lists, each in order of creation: of their instrument and side
 * (through next_n), of their instrument, and of all.
 *
 * Single owner; every call O(1); nothing allocates after the pages have been touched once.
 */
#ifndef TL_SCRIPT_ORDER_SLOTS_H
#define TL_SCRIPT_ORDER_SLOTS_H

#include "memory/vmem.h"
#include "script/shown.h"

enum {
    TL_SLOTS_KEPT_CLOSED = 65536, /* closed orders that can still be read */
    TL_SLOTS_MAX_OPEN = 65536,
    TL_SLOTS_MAX_INSTRUMENTS = 65536
};

/* What the mirror knows of an order beside what scripts see. */
typedef struct tl_order_private {
    tl_money cost;          /* exact sum of fill price x quantity */
    int64_t asked_price;    /* of the request in flight; TL_ABSENT for none */
    int64_t asked_quantity; /* of the request in flight */
    int64_t deadline_ns;    /* of the request that waits its turn */
    uint32_t quote;         /* its place in the mirror's quotes, 0 = not kept by order.quote */
    uint32_t next_all;      /* open orders */
    uint32_t previous_all;  /* open orders */
    uint32_t next_of;       /* open orders of its instrument */
    uint32_t previous_of;   /* open orders of its instrument */
    uint32_t next_same;     /* in its chain of the index */
    uint32_t attach;        /* the attach that named it last */
} tl_order_private;

/* One list of open orders. */
typedef struct tl_order_list {
    uint32_t first; /* 0 = empty */
    uint32_t last;
    uint32_t count;
} tl_order_list;

/* The lists of an instrument. */
typedef struct tl_order_lists {
    tl_order_list side[2]; /* buy, sell */
    tl_order_list both;
} tl_order_lists;

typedef struct tl_order_slots {
    tl_shown_order *orders;     /* by slot */
    tl_order_private *privates; /* by slot */
    tl_order_lists *lists;      /* by instrument */
    tl_order_list all;
    uint32_t high;    /* slots ever used */
    uint32_t *closed; /* ring of closed slots, oldest at closed_begin */
    uint64_t closed_begin;
    uint64_t closed_end;
    uint64_t misses; /* refused as too many were open */
    uint32_t *index; /* by the low bits of the id: first of a chain */
    tl_vmem memory[5];
} tl_order_slots;

tl_status tl_order_slots_init(tl_order_slots *slots);
void tl_order_slots_close(tl_order_slots *slots);

/* A slot for a new order of this id, zeroed but for id and generation; 0 when TL_SLOTS_MAX_OPEN are open. */
uint32_t tl_order_slots_acquire(tl_order_slots *slots, uint64_t id);

/* Hangs an acquired slot, whose instrument and side are set, at the end of its lists. */
void tl_order_slots_open(tl_order_slots *slots, uint32_t slot);

/* Takes a slot out of its lists; it stays readable until its turn comes. */
void tl_order_slots_retire(tl_order_slots *slots, uint32_t slot);

/* A closed order's slot by its place in the order of closing, closed_begin <= i < closed_end. */
uint32_t tl_order_slots_closed(const tl_order_slots *slots, uint64_t i);

/* The slot of an id, 0 when it is not known (any more). */
uint32_t tl_order_slots_find(const tl_order_slots *slots, uint64_t id);

#endif
