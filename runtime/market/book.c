#include "market/book.h"

#include <stdlib.h>

#include "market/book_private.h"

enum { MAX_LEVELS = 1 << 26, MAX_INSTRUMENTS = 1 << 20, FIRST_SLOTS = 1 << 12, FIRST_DEPTH = 8 };

static tl_status reserve_slots(tl_books *books, uint32_t count) {
    tl_vmem memory;
    tl_status status = tl_vmem_reserve(&memory, (size_t)count * sizeof(books_slot));
    if (status != TL_OK) return status;
    books_slot *old = books->slots;
    uint32_t old_count = old != NULL ? books->mask + 1 : 0;
    books_slot *fresh = memory.base;
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
    if (tl_vmem_reserve(&books->order_memory, (size_t)TL_BOOKS_MAX_ORDERS * sizeof(tl_book_order)) != TL_OK ||
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
    if (instrument >= MAX_INSTRUMENTS)
        return tl_error_set(TL_ERR_LIMIT, "instrument %u: there are books for %d", instrument, MAX_INSTRUMENTS);
    if (instrument >= books->instrument_capacity) {
        uint32_t capacity = books->instrument_capacity != 0 ? books->instrument_capacity : 16;
        while (capacity <= instrument)
            capacity *= 2;
        books_side *sides = realloc(books->sides, (size_t)capacity * 2 * sizeof *sides);
        if (sides == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the books of %u instruments", capacity);
        memset(sides + books->instrument_capacity * 2, 0,
               (size_t)(capacity - books->instrument_capacity) * 2 * sizeof *sides);
        books->sides = sides;
        books->instrument_capacity = capacity;
    }
    books->instruments = instrument + 1;
    return TL_OK;
}

tl_status tl_books_new_level(tl_books *books, uint32_t book_side, uint32_t place, int64_t price, uint32_t *out) {
    books_side *side = &books->sides[book_side];
    if (side->count == side->capacity) {
        uint32_t capacity = side->capacity != 0 ? side->capacity * 2 : FIRST_DEPTH;
        books_rung *rungs = realloc(side->rungs, capacity * sizeof *rungs);
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
    memmove(&side->rungs[place + 1], &side->rungs[place], (side->count - place) * sizeof(books_rung));
    side->rungs[place] = (books_rung){.price = books_rank(price, book_side), .level = level};
    side->count++;
    books->levels[level] = (tl_book_level){.price = price, .book_side = book_side};
    *out = level;
    return TL_OK;
}

tl_status tl_books_grow_index(tl_books *books) {
    return reserve_slots(books, (books->mask + 1) * 2);
}

tl_status tl_books_refuse(const tl_books *books, uint64_t reference, int side, int64_t quantity) {
    unsigned long long shown = reference;
    if (quantity <= 0) return tl_error_set(TL_ERR_ARGUMENT, "order %llu has quantity %lld", shown, (long long)quantity);
    if (side != TL_SIDE_BUY && side != TL_SIDE_SELL)
        return tl_error_set(TL_ERR_ARGUMENT, "order %llu has side %d, neither buy nor sell", shown, side);
    return tl_error_set(TL_ERR_EXISTS, "order %llu is already live, one of %u", shown, books->live);
}

tl_status tl_books_full(tl_books *books, uint32_t level) {
    if (books->levels[level].count == 0) books_drop_level(books, level);
    return tl_error_set(TL_ERR_LIMIT, "the books hold %d live orders", TL_BOOKS_MAX_ORDERS);
}

tl_status tl_books_add(tl_books *books, uint32_t instrument, uint64_t reference, int side, int64_t price, int64_t quantity,
                       uint32_t owner, tl_book_handle *handle) {
    return books_add(books, instrument, reference, side, price, quantity, owner, handle);
}

tl_book_handle tl_books_find(const tl_books *books, uint64_t reference) {
    uint32_t slot = books_find(books, reference);
    return slot != TL_BOOKS_NO_SLOT ? books->slots[slot].order : TL_BOOK_NIL;
}

static uint32_t slot_of(const tl_books *books, tl_book_handle order) {
    uint32_t slot = books_key(books->orders[order].reference) & books->mask;
    while (books->slots[slot].order != order)
        slot = (slot + 1) & books->mask;
    return slot;
}

void tl_books_remove(tl_books *books, tl_book_handle order) {
    books_remove(books, slot_of(books, order));
}

int64_t tl_books_reduce(tl_books *books, tl_book_handle order, int64_t quantity) {
    return books_reduce(books, slot_of(books, order), quantity);
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
    books_unlink(books, o);
    books_append(books, o->level, order);
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

const tl_book_level *tl_books_level(const tl_books *books, uint32_t level) {
    return &books->levels[level];
}

void tl_books_top(const tl_books *books, uint32_t instrument, tl_book_top *top) {
    *top = (tl_book_top){.bid_price = TL_ABSENT, .ask_price = TL_ABSENT};
    if (instrument >= books->instruments) return;
    const books_side *bid = &books->sides[instrument << 1], *ask = bid + 1;
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

static const books_side *side_of(const tl_books *books, uint32_t instrument, int side) {
    return instrument < books->instruments ? &books->sides[instrument << 1 | (side == TL_SIDE_SELL)] : NULL;
}

uint32_t tl_books_depth(const tl_books *books, uint32_t instrument, int side) {
    const books_side *levels = side_of(books, instrument, side);
    return levels != NULL ? levels->count : 0;
}

uint32_t tl_books_level_at(const tl_books *books, uint32_t instrument, int side, uint32_t i) {
    const books_side *levels = side_of(books, instrument, side);
    return levels != NULL && i < levels->count ? levels->rungs[levels->count - 1 - i].level : TL_BOOK_NIL;
}

uint32_t tl_books_level_find(const tl_books *books, uint32_t instrument, int side, int64_t price) {
    const books_side *levels = side_of(books, instrument, side);
    if (levels == NULL) return TL_BOOK_NIL;
    int64_t ranked = books_rank(price, side == TL_SIDE_SELL);
    uint32_t place = books_place(levels, ranked);
    return place < levels->count && levels->rungs[place].price == ranked ? levels->rungs[place].level : TL_BOOK_NIL;
}

void tl_books_prefetch(const tl_books *books, uint64_t reference) {
    __builtin_prefetch(&books->slots[books_key(reference) & books->mask], 1);
}

void tl_books_prefetch_order(const tl_books *books, uint64_t reference) {
    __builtin_prefetch(&books->orders[books_likely(books, reference)], 1);
}

uint64_t tl_books_live_orders(const tl_books *books) {
    return books->live;
}

uint64_t tl_books_most_live_orders(const tl_books *books) {
    return books->most_live;
}

uint64_t tl_books_bytes(const tl_books *books) {
    uint64_t bytes = (uint64_t)books->used_orders * sizeof(tl_book_order) +
                     (uint64_t)books->used_levels * sizeof(tl_book_level) + ((uint64_t)books->mask + 1) * sizeof(books_slot);
    for (uint32_t i = 0; i < books->instruments * 2; i++)
        bytes += books->sides[i].capacity * sizeof(books_rung) + sizeof(books_side);
    return bytes;
}
