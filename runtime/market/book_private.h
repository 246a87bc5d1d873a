/* The inside of the books, for the two files that need it inlined: book.c, which offers it, and itch_books.c, which applies a feed's
 * messages one after another at tens of millions a second. Nothing else may include it.
 *
 * Invariants: 1. a slot of the index holds each live order, and nothing else; between a slot's key and its place no slot is free.
 * 2. Rungs ascend by ranked price, so that the best is the last, and name levels that hold at least one order. 3. A level's quantity and
 * count are the sums over its queue.
 */
#ifndef TL_MARKET_BOOK_PRIVATE_H
#define TL_MARKET_BOOK_PRIVATE_H

#include "market/book.h"
#include "memory/vmem.h"

#ifndef TL_CDEF

#include <string.h>

enum {
    TL_BOOKS_MAX_ORDERS = 1 << 28,
    TL_BOOKS_LINEAR_SEARCH = 12, /* levels looked at one by one from the best before the search halves */
    TL_BOOKS_SHORT_MOVE = 8,     /* rungs moved one by one rather than by memmove() */
    TL_BOOKS_CACHED = 1 << 14    /* live orders whose index, orders and levels fit the second-level cache (about 1 MiB) */
};

#define TL_BOOKS_NO_SLOT UINT32_MAX

/* A slot of the index. `key` is the place its reference would like, before masking, so that a deletion can move neighbours
 * back without looking at their orders. */
typedef struct books_slot {
    uint32_t order; /* TL_BOOK_NIL = free */
    uint32_t key;
} books_slot;

/* A price level in its side's order. The price stands here too: a search touches no level. */
typedef struct books_rung {
    int64_t price; /* mantissa, negated on the sell side so that the best is always the greatest */
    uint32_t level;
    uint32_t reserved;
} books_rung;

typedef struct books_side {
    books_rung *rungs; /* ascending, best last */
    uint32_t count;
    uint32_t capacity;
} books_side;

struct tl_books {
    tl_book_order *orders;
    tl_book_level *levels;
    books_side *sides; /* two an instrument */
    books_slot *slots;
    uint32_t mask;       /* slots - 1 */
    uint32_t grow_at;    /* live orders at which the index doubles */
    uint32_t free_order; /* chained by `next` */
    uint32_t free_level; /* chained by `head` */
    uint32_t used_orders;
    uint32_t used_levels;
    uint32_t live;
    uint32_t most_live;
    uint32_t instruments;
    uint32_t instrument_capacity;
    tl_vmem order_memory;
    tl_vmem level_memory;
    tl_vmem slot_memory;
};

/* The cold parts of adding: why an order is refused, the index doubled, a level made. */
tl_status tl_books_refuse(const tl_books *books, uint64_t reference, int side, int64_t quantity);
tl_status tl_books_grow_index(tl_books *books);
tl_status tl_books_new_level(tl_books *books, uint32_t book_side, uint32_t place, int64_t price, uint32_t *level);
tl_status tl_books_full(tl_books *books, uint32_t level);

/* Every reference on its own: were neighbours kept together in a cache line, two full lines that meet would make chains of slots
 * a hundred long (measured: 20 million messages of 8,000 symbols took three times as long). */
static inline uint32_t books_key(uint64_t reference) {
    return (uint32_t)((reference * 0x9e3779b97f4a7c15u) >> 32);
}

static inline int64_t books_rank(int64_t price, uint32_t book_side) {
    return (book_side & 1) ? -price : price;
}

/* How many rungs of a side are worse than `ranked`: the place where it stands or would stand. */
static inline uint32_t books_place(const books_side *side, int64_t ranked) {
    uint32_t i = side->count;
    uint32_t stop = i > TL_BOOKS_LINEAR_SEARCH ? i - TL_BOOKS_LINEAR_SEARCH : 0;
    while (i > stop && side->rungs[i - 1].price >= ranked)
        i--;
    if (i > stop || stop == 0) return i;
    uint32_t low = 0;
    while (low < i) {
        uint32_t middle = (low + i) / 2;
        if (side->rungs[middle].price < ranked)
            low = middle + 1;
        else
            i = middle;
    }
    return low;
}

static inline void books_drop_level(tl_books *books, uint32_t level) {
    tl_book_level *l = &books->levels[level];
    books_side *side = &books->sides[l->book_side];
    uint32_t place = books_place(side, books_rank(l->price, l->book_side));
    uint32_t better = --side->count - place;
    books_rung *rung = &side->rungs[place];
    if (better <= TL_BOOKS_SHORT_MOVE)
        for (; better > 0; better--, rung++)
            rung[0] = rung[1];
    else
        memmove(rung, rung + 1, better * sizeof *rung);
    l->head = books->free_level;
    books->free_level = level;
}

static inline void books_append(tl_books *books, uint32_t level, tl_book_handle handle) {
    tl_book_level *l = &books->levels[level];
    tl_book_order *o = &books->orders[handle];
    o->next = TL_BOOK_NIL;
    o->previous = l->tail;
    if (l->tail != TL_BOOK_NIL)
        books->orders[l->tail].next = handle;
    else
        l->head = handle;
    l->tail = handle;
}

static inline void books_unlink(tl_books *books, const tl_book_order *o) {
    tl_book_level *l = &books->levels[o->level];
    if (o->previous != TL_BOOK_NIL)
        books->orders[o->previous].next = o->next;
    else
        l->head = o->next;
    if (o->next != TL_BOOK_NIL)
        books->orders[o->next].previous = o->previous;
    else
        l->tail = o->previous;
}

/* The slot of a live reference. */
static inline uint32_t books_find(const tl_books *books, uint64_t reference) {
    uint32_t key = books_key(reference);
    const books_slot *slots = books->slots;
    for (uint32_t at = key & books->mask; slots[at].order != TL_BOOK_NIL; at = (at + 1) & books->mask)
        if (slots[at].key == key && books->orders[slots[at].order].reference == reference) return at;
    return TL_BOOKS_NO_SLOT;
}

/* The order that a reference is likely to be, by the slots alone; TL_BOOK_NIL when it is surely not live. */
static inline tl_book_handle books_likely(const tl_books *books, uint64_t reference) {
    uint32_t key = books_key(reference), at = key & books->mask;
    while (books->slots[at].order != TL_BOOK_NIL && books->slots[at].key != key)
        at = (at + 1) & books->mask;
    return books->slots[at].order;
}

/* Frees a slot and closes the hole by moving back what probed past it. */
static inline void books_forget(tl_books *books, uint32_t hole) {
    books_slot *slots = books->slots;
    uint32_t mask = books->mask;
    for (uint32_t at = hole;;) {
        at = (at + 1) & mask;
        if (slots[at].order == TL_BOOK_NIL) break;
        if (((at - (slots[at].key & mask)) & mask) >= ((at - hole) & mask)) {
            slots[hole] = slots[at];
            hole = at;
        }
    }
    slots[hole].order = TL_BOOK_NIL;
}

/* Removes the order that a slot holds. */
static inline void books_remove(tl_books *books, uint32_t slot) {
    tl_book_handle order = books->slots[slot].order;
    tl_book_order *o = &books->orders[order];
    tl_book_level *l = &books->levels[o->level];
    books_unlink(books, o);
    l->quantity -= o->quantity;
    if (--l->count == 0) books_drop_level(books, o->level);
    books_forget(books, slot);
    o->next = books->free_order;
    books->free_order = order;
    books->live--;
}

/* Takes off the order that a slot holds; returns what was really taken. */
static inline int64_t books_reduce(tl_books *books, uint32_t slot, int64_t quantity) {
    tl_book_order *o = &books->orders[books->slots[slot].order];
    if (quantity >= o->quantity) {
        int64_t taken = o->quantity;
        books_remove(books, slot);
        return taken;
    }
    if (quantity <= 0) return 0;
    o->quantity -= quantity;
    books->levels[o->level].quantity -= quantity;
    return quantity;
}

static inline tl_status books_add(tl_books *books, uint32_t instrument, uint64_t reference, int side, int64_t price,
                                  int64_t quantity, uint32_t owner, tl_book_handle *handle) {
    if (TL_UNLIKELY(quantity <= 0 || (side != TL_SIDE_BUY && side != TL_SIDE_SELL)))
        return tl_books_refuse(books, reference, side, quantity);
    if (TL_UNLIKELY(instrument >= books->instruments)) {
        tl_status status = tl_books_ensure(books, instrument);
        if (status != TL_OK) return status;
    }
    if (TL_UNLIKELY(books->live >= books->grow_at)) {
        tl_status status = tl_books_grow_index(books);
        if (status != TL_OK) return status;
    }
    uint32_t key = books_key(reference);
    uint32_t at = key & books->mask;
    for (; books->slots[at].order != TL_BOOK_NIL; at = (at + 1) & books->mask)
        if (TL_UNLIKELY(books->slots[at].key == key && books->orders[books->slots[at].order].reference == reference))
            return tl_books_refuse(books, reference, side, quantity);
    uint32_t book_side = instrument << 1 | (side == TL_SIDE_SELL);
    const books_side *levels = &books->sides[book_side];
    int64_t ranked = books_rank(price, book_side);
    uint32_t place = books_place(levels, ranked);
    uint32_t level = TL_BOOK_NIL;
    if (place < levels->count && levels->rungs[place].price == ranked) {
        level = levels->rungs[place].level;
    } else {
        tl_status status = tl_books_new_level(books, book_side, place, price, &level);
        if (status != TL_OK) return status;
    }
    tl_book_handle order = books->free_order;
    if (TL_LIKELY(order != TL_BOOK_NIL))
        books->free_order = books->orders[order].next;
    else if (TL_LIKELY(books->used_orders < TL_BOOKS_MAX_ORDERS))
        order = books->used_orders++;
    else
        return tl_books_full(books, level);
    tl_book_order *o = &books->orders[order];
    o->reference = reference;
    o->quantity = quantity;
    o->level = level;
    o->owner = owner;
    books_append(books, level, order);
    books->levels[level].quantity += quantity;
    books->levels[level].count++;
    books->slots[at] = (books_slot){.order = order, .key = key};
    if (++books->live > books->most_live) books->most_live = books->live;
    if (handle != NULL) *handle = order;
    return TL_OK;
}

#endif
#endif
