#include "market/book.h"

#include <stdlib.h>
#include <string.h>

#include "memory/vmem.h"

enum {
    MAX_ORDERS = 1 << 28,
    MAX_LEVELS = 1 << 26,
    FIRST_SLOTS = 1 << 12,
    FIRST_DEPTH = 16,
    LINEAR_SEARCH = 12 /* levels looked at one by one from the best before the search halves */
};

/* A slot of the index. `key` is the place its reference would like, before masking, so that a deletion can move neighbours
 * back without looking at their orders. */
typedef struct slot {
    uint32_t order; /* TL_BOOK_NIL = free */
    uint32_t key;
} slot;

/* A price level in its side's order. The price stands here too: a search touches no level. */
typedef struct rung {
    int64_t price; /* mantissa, negated on the sell side so that the best is always the greatest */
    uint32_t level;
    uint32_t reserved;
} rung;

typedef struct side_levels {
    rung *rungs; /* ascending, best last */
    uint32_t count;
    uint32_t capacity;
} side_levels;

struct tl_books {
    tl_book_order *orders;
    tl_book_level *levels;
    side_levels *sides; /* two an instrument */
    slot *slots;
    uint32_t mask;       /* slots - 1 */
    uint32_t grow_at;    /* live orders at which the index doubles */
    uint32_t free_order; /* chained by `next` */
    uint32_t free_level; /* chained by `head` */
    uint32_t used_orders;
    uint32_t used_levels;
    uint32_t live;
    uint32_t instruments;
    uint32_t instrument_capacity;
    tl_vmem order_memory;
    tl_vmem level_memory;
    tl_vmem slot_memory;
};

/* Eight consecutive references share a cache line of slots: venues count references up, so a burst stays in few lines. */
static inline uint32_t key_of(uint64_t reference) {
    uint64_t h = (reference >> 3) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
    return (uint32_t)(h << 3) | (uint32_t)(reference & 7);
}

static tl_status reserve_slots(tl_books *books, uint32_t count) {
    tl_vmem memory;
    tl_status status = tl_vmem_reserve(&memory, (size_t)count * sizeof(slot));
    if (status != TL_OK) return status;
    slot *old = books->slots;
    uint32_t old_count = old != NULL ? books->mask + 1 : 0;
    slot *fresh = memory.base;
    uint32_t mask = count - 1;
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].order == TL_BOOK_NIL) continue;
        uint32_t at = old[i].key & mask;
        while (fresh[at].order != TL_BOOK_NIL)
            at = (at + 1) & mask;
        fresh[at] = old[i];
    }
    if (old != NULL) tl_vmem_release(&books->slot_memory);
    books->slot_memory = memory;
    books->slots = fresh;
    books->mask = mask;
    books->grow_at = (uint32_t)((uint64_t)count * 3 / 5);
    return TL_OK;
}

tl_books *tl_books_create(uint32_t expected_orders) {
    tl_books *books = calloc(1, sizeof *books);
    if (books == NULL) return NULL;
    uint32_t slots = FIRST_SLOTS;
    while ((uint64_t)slots * 3 / 5 < expected_orders && slots < (1u << 30))
        slots *= 2;
    if (tl_vmem_reserve(&books->order_memory, (size_t)MAX_ORDERS * sizeof(tl_book_order)) != TL_OK ||
        tl_vmem_reserve(&books->level_memory, (size_t)MAX_LEVELS * sizeof(tl_book_level)) != TL_OK ||
        reserve_slots(books, slots) != TL_OK) {
        tl_books_destroy(books);
        return NULL;
    }
    books->orders = books->order_memory.base;
    books->levels = books->level_memory.base;
    books->used_orders = books->used_levels = 1;
    return books;
}

void tl_books_destroy(tl_books *books) {
    if (books == NULL) return;
    for (uint32_t i = 0; i < books->instruments * 2; i++)
        free(books->sides[i].rungs);
    free(books->sides);
    tl_vmem_release(&books->order_memory);
    tl_vmem_release(&books->level_memory);
    tl_vmem_release(&books->slot_memory);
    free(books);
}

tl_status tl_books_ensure(tl_books *books, uint32_t instrument) {
    if (instrument < books->instruments) return TL_OK;
    if (instrument >= books->instrument_capacity) {
        uint32_t capacity = books->instrument_capacity != 0 ? books->instrument_capacity : 16;
        while (capacity <= instrument)
            capacity *= 2;
        side_levels *sides = realloc(books->sides, (size_t)capacity * 2 * sizeof *sides);
        if (sides == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the books of %u instruments", capacity);
        memset(sides + books->instrument_capacity * 2, 0,
               (size_t)(capacity - books->instrument_capacity) * 2 * sizeof *sides);
        books->sides = sides;
        books->instrument_capacity = capacity;
    }
    books->instruments = instrument + 1;
    return TL_OK;
}

static inline int64_t rank(int64_t price, uint32_t book_side) {
    return (book_side & 1) ? -price : price;
}

/* How many rungs of a side are worse than `ranked`: the place where it stands or would stand. */
static inline uint32_t place_of(const side_levels *side, int64_t ranked) {
    uint32_t i = side->count;
    uint32_t stop = i > LINEAR_SEARCH ? i - LINEAR_SEARCH : 0;
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

static tl_status new_level(tl_books *books, uint32_t book_side, uint32_t place, int64_t price, uint32_t *out) {
    side_levels *side = &books->sides[book_side];
    if (side->count == side->capacity) {
        uint32_t capacity = side->capacity != 0 ? side->capacity * 2 : FIRST_DEPTH;
        rung *rungs = realloc(side->rungs, capacity * sizeof *rungs);
        if (rungs == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u price levels", capacity);
        side->rungs = rungs;
        side->capacity = capacity;
    }
    uint32_t level = books->free_level;
    if (level != TL_BOOK_NIL)
        books->free_level = books->levels[level].head;
    else if (books->used_levels < MAX_LEVELS)
        level = books->used_levels++;
    else
        return tl_error_set(TL_ERR_LIMIT, "the books hold %d price levels", MAX_LEVELS);
    memmove(&side->rungs[place + 1], &side->rungs[place], (side->count - place) * sizeof(rung));
    side->rungs[place] = (rung){.price = rank(price, book_side), .level = level};
    side->count++;
    books->levels[level] = (tl_book_level){.price = price, .book_side = book_side};
    *out = level;
    return TL_OK;
}

static void drop_level(tl_books *books, uint32_t level) {
    tl_book_level *l = &books->levels[level];
    side_levels *side = &books->sides[l->book_side];
    uint32_t place = place_of(side, rank(l->price, l->book_side));
    side->count--;
    memmove(&side->rungs[place], &side->rungs[place + 1], (side->count - place) * sizeof(rung));
    l->head = books->free_level;
    books->free_level = level;
}

static inline void append(tl_books *books, uint32_t level, tl_book_handle handle) {
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

static inline void unlink_order(tl_books *books, const tl_book_order *o) {
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

tl_status tl_books_add(tl_books *books, uint32_t instrument, uint64_t reference, int side, int64_t price, int64_t quantity,
                       uint32_t owner, tl_book_handle *handle) {
    if (TL_UNLIKELY(quantity <= 0))
        return tl_error_set(TL_ERR_ARGUMENT, "order %llu has quantity %lld", (unsigned long long)reference,
                            (long long)quantity);
    if (TL_UNLIKELY(side != TL_SIDE_BUY && side != TL_SIDE_SELL))
        return tl_error_set(TL_ERR_ARGUMENT, "order %llu has side %d, neither buy nor sell", (unsigned long long)reference,
                            side);
    if (TL_UNLIKELY(instrument >= books->instruments)) {
        tl_status status = tl_books_ensure(books, instrument);
        if (status != TL_OK) return status;
    }
    if (TL_UNLIKELY(books->live >= books->grow_at)) {
        tl_status status = reserve_slots(books, (books->mask + 1) * 2);
        if (status != TL_OK) return status;
    }
    uint32_t key = key_of(reference);
    uint32_t at = key & books->mask;
    for (; books->slots[at].order != TL_BOOK_NIL; at = (at + 1) & books->mask)
        if (books->slots[at].key == key && books->orders[books->slots[at].order].reference == reference)
            return tl_error_set(TL_ERR_EXISTS, "order %llu is already live", (unsigned long long)reference);
    uint32_t book_side = instrument << 1 | (side == TL_SIDE_SELL);
    side_levels *levels = &books->sides[book_side];
    int64_t ranked = rank(price, book_side);
    uint32_t place = place_of(levels, ranked);
    uint32_t level = TL_BOOK_NIL;
    if (place < levels->count && levels->rungs[place].price == ranked) {
        level = levels->rungs[place].level;
    } else {
        tl_status status = new_level(books, book_side, place, price, &level);
        if (status != TL_OK) return status;
    }
    tl_book_handle order = books->free_order;
    if (order != TL_BOOK_NIL) {
        books->free_order = books->orders[order].next;
    } else if (books->used_orders < MAX_ORDERS) {
        order = books->used_orders++;
    } else {
        if (books->levels[level].count == 0) drop_level(books, level);
        return tl_error_set(TL_ERR_LIMIT, "the books hold %d live orders", MAX_ORDERS);
    }
    tl_book_order *o = &books->orders[order];
    o->reference = reference;
    o->quantity = quantity;
    o->level = level;
    o->owner = owner;
    append(books, level, order);
    books->levels[level].quantity += quantity;
    books->levels[level].count++;
    books->slots[at] = (slot){.order = order, .key = key};
    books->live++;
    if (handle != NULL) *handle = order;
    return TL_OK;
}

tl_book_handle tl_books_find(const tl_books *books, uint64_t reference) {
    uint32_t key = key_of(reference);
    const slot *slots = books->slots;
    for (uint32_t at = key & books->mask; slots[at].order != TL_BOOK_NIL; at = (at + 1) & books->mask)
        if (slots[at].key == key && books->orders[slots[at].order].reference == reference) return slots[at].order;
    return TL_BOOK_NIL;
}

/* Removes from the index and closes the hole by moving back what probed past it. */
static void forget(tl_books *books, uint64_t reference, tl_book_handle order) {
    slot *slots = books->slots;
    uint32_t mask = books->mask;
    uint32_t hole = key_of(reference) & mask;
    while (slots[hole].order != order)
        hole = (hole + 1) & mask;
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

void tl_books_remove(tl_books *books, tl_book_handle order) {
    tl_book_order *o = &books->orders[order];
    forget(books, o->reference, order);
    tl_book_level *l = &books->levels[o->level];
    unlink_order(books, o);
    l->quantity -= o->quantity;
    if (--l->count == 0) drop_level(books, o->level);
    o->next = books->free_order;
    books->free_order = order;
    books->live--;
}

int64_t tl_books_reduce(tl_books *books, tl_book_handle order, int64_t quantity) {
    tl_book_order *o = &books->orders[order];
    if (quantity >= o->quantity) {
        int64_t taken = o->quantity;
        tl_books_remove(books, order);
        return taken;
    }
    if (quantity <= 0) return 0;
    o->quantity -= quantity;
    books->levels[o->level].quantity -= quantity;
    return quantity;
}

void tl_books_set_quantity(tl_books *books, tl_book_handle order, int64_t quantity) {
    tl_book_order *o = &books->orders[order];
    books->levels[o->level].quantity += quantity - o->quantity;
    o->quantity = quantity;
}

void tl_books_requeue(tl_books *books, tl_book_handle order, int64_t quantity) {
    tl_book_order *o = &books->orders[order];
    tl_books_set_quantity(books, order, quantity);
    if (o->next == TL_BOOK_NIL) return;
    unlink_order(books, o);
    append(books, o->level, order);
}

void tl_books_clear(tl_books *books, uint32_t instrument) {
    if (instrument >= books->instruments) return;
    for (uint32_t book_side = instrument << 1; book_side <= (instrument << 1 | 1); book_side++)
        while (books->sides[book_side].count > 0)
            tl_books_remove(books,
                            books->levels[books->sides[book_side].rungs[books->sides[book_side].count - 1].level].head);
}

const tl_book_order *tl_books_order(const tl_books *books, tl_book_handle order) {
    return &books->orders[order];
}

void tl_books_set_owner(tl_books *books, tl_book_handle order, uint32_t owner) {
    books->orders[order].owner = owner;
}

const tl_book_level *tl_books_level(const tl_books *books, uint32_t level) {
    return &books->levels[level];
}

void tl_books_top(const tl_books *books, uint32_t instrument, tl_book_top *top) {
    *top = (tl_book_top){.bid_price = TL_ABSENT, .ask_price = TL_ABSENT};
    if (instrument >= books->instruments) return;
    const side_levels *bid = &books->sides[instrument << 1], *ask = bid + 1;
    if (bid->count > 0) {
        const tl_book_level *l = &books->levels[bid->rungs[bid->count - 1].level];
        top->bid_price = l->price;
        top->bid_size = l->quantity;
    }
    if (ask->count > 0) {
        const tl_book_level *l = &books->levels[ask->rungs[ask->count - 1].level];
        top->ask_price = l->price;
        top->ask_size = l->quantity;
    }
}

static const side_levels *side_of(const tl_books *books, uint32_t instrument, int side) {
    return instrument < books->instruments ? &books->sides[instrument << 1 | (side == TL_SIDE_SELL)] : NULL;
}

uint32_t tl_books_depth(const tl_books *books, uint32_t instrument, int side) {
    const side_levels *levels = side_of(books, instrument, side);
    return levels != NULL ? levels->count : 0;
}

uint32_t tl_books_level_at(const tl_books *books, uint32_t instrument, int side, uint32_t i) {
    const side_levels *levels = side_of(books, instrument, side);
    return levels != NULL && i < levels->count ? levels->rungs[levels->count - 1 - i].level : TL_BOOK_NIL;
}

uint32_t tl_books_level_find(const tl_books *books, uint32_t instrument, int side, int64_t price) {
    const side_levels *levels = side_of(books, instrument, side);
    if (levels == NULL) return TL_BOOK_NIL;
    int64_t ranked = rank(price, side == TL_SIDE_SELL);
    uint32_t place = place_of(levels, ranked);
    return place < levels->count && levels->rungs[place].price == ranked ? levels->rungs[place].level : TL_BOOK_NIL;
}

void tl_books_prefetch(const tl_books *books, uint64_t reference) {
    __builtin_prefetch(&books->slots[key_of(reference) & books->mask], 1);
}

void tl_books_prefetch_order(const tl_books *books, uint64_t reference) {
    const slot *s = &books->slots[key_of(reference) & books->mask];
    __builtin_prefetch(&books->orders[s->order], 1);
}

void tl_books_prefetch_level(const tl_books *books, uint64_t reference) {
    const tl_book_order *o = &books->orders[books->slots[key_of(reference) & books->mask].order];
    __builtin_prefetch(&books->levels[o->level], 1);
    __builtin_prefetch(&books->orders[o->next], 1);
    __builtin_prefetch(&books->orders[o->previous], 1);
}

uint64_t tl_books_live_orders(const tl_books *books) {
    return books->live;
}

uint64_t tl_books_bytes(const tl_books *books) {
    uint64_t bytes = (uint64_t)books->used_orders * sizeof(tl_book_order) +
                     (uint64_t)books->used_levels * sizeof(tl_book_level) + ((uint64_t)books->mask + 1) * sizeof(slot);
    for (uint32_t i = 0; i < books->instruments * 2; i++)
        bytes += books->sides[i].capacity * sizeof(rung) + sizeof(side_levels);
    return bytes;
}
