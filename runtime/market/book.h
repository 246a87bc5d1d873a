/* Order books, order by order, of every instrument of a feed or a matching engine.
 *
 * One tl_books owns all orders, levels and books. Orders stand in FIFO queues in their price level; levels of a side are kept in
 * price order, best last in the array, so that work near the touch moves little. Orders are found by their 64-bit reference
 * through an open-addressed index of live orders only: the cost of a message does not depend on how many there ever were.
 * Handles are indices, stable for an order's life.
 *
 * A single owner calls; nothing is shared. No call allocates in the steady state (arrays are reserved virtual memory that is
 * touched as it grows; the index doubles).
 */
#ifndef TL_MARKET_BOOK_H
#define TL_MARKET_BOOK_H

#include "market/event.h"

typedef uint32_t tl_book_handle;

enum { TL_BOOK_NIL = 0 }; /* no order, no level: index 0 is never used */

typedef struct tl_book_order {
    uint64_t reference;      /* the venue's (or engine's) id, unique among live orders */
    int64_t quantity;        /* displayed and open, mantissa */
    tl_book_handle next;     /* behind it in its level's queue */
    tl_book_handle previous; /* before it */
    uint32_t level;          /* its tl_book_level */
    uint32_t owner;          /* free for the user of the books: 0 = the market, else an own order's slot */
} tl_book_order;

TL_STATIC_ASSERT(sizeof(tl_book_order) == 32, "two orders a cache line");

typedef struct tl_book_level {
    int64_t price;       /* mantissa */
    int64_t quantity;    /* sum over its orders */
    uint32_t count;      /* orders in it */
    tl_book_handle head; /* first in time */
    tl_book_handle tail; /* last in time */
    uint32_t book_side;  /* instrument << 1 | (1 for the sell side) */
} tl_book_level;

TL_STATIC_ASSERT(sizeof(tl_book_level) == 32, "two levels a cache line");

/* The best of both sides; an empty side has price TL_ABSENT and size 0. */
typedef struct tl_book_top {
    int64_t bid_price; /* mantissa */
    int64_t ask_price; /* mantissa */
    int64_t bid_size;  /* quantity of the level */
    int64_t ask_size;  /* quantity of the level */
} tl_book_top;

typedef struct tl_books tl_books;

/* `expected_orders` sizes the index at first (0 for a small default); it grows as needed. NULL when there is no memory. */
tl_books *tl_books_create(uint32_t expected_orders);
void tl_books_destroy(tl_books *books);

/* Makes (empty) books for instruments up to and including `instrument` exist. */
tl_status tl_books_ensure(tl_books *books, uint32_t instrument);

/* Adds an order at the end of its price level. TL_ERR_EXISTS when the reference is live; TL_ERR_ARGUMENT for a quantity <= 0 or a
 * side that is neither buy nor sell. *handle (may be NULL) receives the order. Crossing the other side is not checked. */
tl_status tl_books_add(tl_books *books, uint32_t instrument, uint64_t reference, int side, int64_t price, int64_t quantity,
                       uint32_t owner, tl_book_handle *handle);

/* The live order of a reference, TL_BOOK_NIL when there is none. */
tl_book_handle tl_books_find(const tl_books *books, uint64_t reference);

/* Takes `quantity` off an order and keeps its place; at 0 it is removed and its handle is dead. Returns what was really
 * taken (at most what was open). */
int64_t tl_books_reduce(tl_books *books, tl_book_handle order, int64_t quantity);

/* Changes an order's quantity in place, keeping priority (> 0). */
void tl_books_set_quantity(tl_books *books, tl_book_handle order, int64_t quantity);

/* Moves an order to the end of its level's queue with a new quantity: priority is lost. */
void tl_books_requeue(tl_books *books, tl_book_handle order, int64_t quantity);

/* Removes an order. */
void tl_books_remove(tl_books *books, tl_book_handle order);

/* Removes all orders of an instrument. */
void tl_books_clear(tl_books *books, uint32_t instrument);

/* Read access; all O(1). Handles must be live. */
const tl_book_order *tl_books_order(const tl_books *books, tl_book_handle order);
const tl_book_level *tl_books_level(const tl_books *books, uint32_t level);
void tl_books_top(const tl_books *books, uint32_t instrument, tl_book_top *top);

/* Number of price levels of a side. */
uint32_t tl_books_depth(const tl_books *books, uint32_t instrument, int side);

/* The index of the i-th best level of a side (0 = best), TL_BOOK_NIL past the end. */
uint32_t tl_books_level_at(const tl_books *books, uint32_t instrument, int side, uint32_t i);

/* The level of a price, TL_BOOK_NIL when there is none. Searched from the best price on. */
uint32_t tl_books_level_find(const tl_books *books, uint32_t instrument, int side, int64_t price);

/* Hints that an order will soon be looked for, for callers that see several messages ahead: first its slot in the index, some
 * messages later the order. They change nothing and are harmless for any reference. */
void tl_books_prefetch(const tl_books *books, uint64_t reference);
void tl_books_prefetch_order(const tl_books *books, uint64_t reference);

/* Live orders over all books. */
uint64_t tl_books_live_orders(const tl_books *books);

/* The most that there were at once. */
uint64_t tl_books_most_live_orders(const tl_books *books);

/* Bytes of memory in use: orders, levels, sides and the index. */
uint64_t tl_books_bytes(const tl_books *books);

#endif
