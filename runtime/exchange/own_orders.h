/* Own orders that are open at the simulated venue: found by id, walked by instrument in the order of their arrival.
 *
 * An order's slot in the pool (memory/pool.h) is its handle here, stable while the order is open; 0 is none. Single owner; no allocation after creation but for the index, which
 * doubles.
 */
#ifndef TL_EXCHANGE_OWN_ORDERS_H
#define TL_EXCHANGE_OWN_ORDERS_H

#include "exchange/engine.h"
#include "memory/pool.h"

/* Where an order is in its life, beyond being open. */
typedef enum tl_own_stage {
    TL_OWN_IN_ENGINE = 0, /* the matching engine has it */
    TL_OWN_AUCTION,       /* waits for the opening or closing cross */
    TL_OWN_STOP,          /* fill models: a stop that waits for its trigger */
    TL_OWN_WORKING        /* fill models: may fill */
} tl_own_stage;

typedef struct tl_own_order {
    uint64_t id TL_ALIGNED(64); /* the strategy's order id */
    int64_t quantity;           /* total, mantissa */
    int64_t filled;             /* mantissa */
    int64_t price;              /* limit, mantissa; TL_ABSENT for none */
    int64_t stop_price;         /* mantissa; TL_ABSENT for none; a trailing stop's moves */
    int64_t offset;             /* trailing: see tl_command */
    int64_t display;            /* iceberg: see tl_command */
    int64_t expire_ns;          /* 0 = none */
    int64_t rest_price;    /* where it stands in the engine's book or among displayed sizes; TL_ABSENT when it does not */
    int64_t rest_quantity; /* what it shows there */
    int64_t told_ahead;    /* its place in the queue as last told; TL_ABSENT before */
    int64_t told_total;    /* the level's quantity as last told */
    int64_t arrived_ns;    /* exchange time at which it came, or was last replaced */
    int64_t ahead;         /* fill models: quantity in front of it at its price; TL_ABSENT when not known yet */
    int64_t water;         /* fill models, trailing stop: the best price seen; TL_ABSENT before any */
    int64_t shown_left;    /* fill models, iceberg: rest of the displayed part */
    uint64_t pass;         /* fill models: the last pass over orders that handled it */
    uint32_t instrument;   /* what it trades */
    uint32_t owner;        /* strategy + 1 */
    uint32_t flags;        /* TL_FLAG_* */
    uint32_t generation;   /* of its slot */
    uint32_t next;         /* handle of the one that came after it in its instrument */
    uint32_t previous;     /* and before it */
    uint32_t rest_next;    /* handle of the next worse among those of its side that stand in the engine's book */
    uint32_t rest_previous;
    uint8_t side;          /* TL_SIDE_* */
    uint8_t type;          /* tl_order_type */
    uint8_t time_in_force; /* tl_time_in_force */
    uint8_t stage;         /* tl_own_stage */
    uint8_t takes;         /* fill models: it met the market when it came, and trades at the market's price */
    uint8_t changed;       /* scratch of the venue: in its list of changed orders */
    uint8_t ranked;        /* in its side's list of those that stand in the engine's book */
    uint8_t closed;        /* scratch of the venue: ended in this operation */
} tl_own_order;

/* The open orders of an instrument. */
typedef struct tl_own_list {
    uint32_t first; /* by arrival */
    uint32_t last;
    uint32_t count;
    uint32_t
        best[2]; /* of the buys and the sells that stand in the engine's book: best price first, then by arrival there */
} tl_own_list;

typedef struct tl_own_orders tl_own_orders;

tl_own_orders *tl_own_orders_create(void);
void tl_own_orders_destroy(tl_own_orders *orders);

/* A zeroed order of this id at the end of `list`; 0 when the id is open already or there is no room. */
uint32_t tl_own_orders_add(tl_own_orders *orders, tl_own_list *list, uint64_t id);
void tl_own_orders_remove(tl_own_orders *orders, tl_own_list *list, uint32_t handle);

/* An order stands in the engine's book at `price` now, or nowhere (TL_ABSENT). Costs a step for each own order of its side at a better or the same price. */
void tl_own_orders_rest(tl_own_orders *orders, tl_own_list *list, uint32_t handle, int64_t price);

/* The handle of an id, 0 when it is not open. */
uint32_t tl_own_orders_find(const tl_own_orders *orders, uint64_t id);

/* The order of a handle; does not move. */
tl_own_order *tl_own_orders_at(tl_own_orders *orders, uint32_t handle);

/* The order as the matching engine takes it. */
tl_engine_order tl_own_order_for_engine(const tl_own_order *order);

/* Fills in what a command for a new order says. */
void tl_own_order_from(tl_own_order *order, const tl_command *command, int64_t now_ns);

uint32_t tl_own_orders_open(const tl_own_orders *orders);
void tl_own_orders_count(const tl_own_orders *orders, tl_pool_counts *counts);

#ifndef TL_CDEF
/* Whether price `a` is nearer to the other side than `b`. */
static inline bool tl_own_price_better(int side, int64_t a, int64_t b) {
    return side == TL_SIDE_BUY ? a > b : a < b;
}

/* Set in own orders' references in the books, so that they never meet a feed's. */
#define TL_OWN_REFERENCE ((uint64_t)1 << 63)
#endif

#endif
