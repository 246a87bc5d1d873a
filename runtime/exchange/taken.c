#include "exchange/taken.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 256 };

static inline uint32_t home_of(const tl_taken *taken, uint64_t reference) {
    return (uint32_t)((reference * 0x9e3779b97f4a7c15u) >> 32) & taken->mask;
}

tl_status tl_taken_init(tl_taken *taken) {
    *taken = (tl_taken){.slots = calloc(FIRST_SLOTS, sizeof(tl_taken_entry)), .mask = FIRST_SLOTS - 1};
    return taken->slots != NULL ? TL_OK : tl_error_set(TL_ERR_NO_MEMORY, "no memory for a simulator");
}

void tl_taken_close(tl_taken *taken) {
    free(taken->slots);
    taken->slots = NULL;
}

tl_taken_entry *tl_taken_find(const tl_taken *taken, uint64_t reference) {
    for (uint32_t at = home_of(taken, reference); taken->slots[at].quantity != 0; at = (at + 1) & taken->mask)
        if (taken->slots[at].reference == reference) return &taken->slots[at];
    return NULL;
}

static tl_taken_entry *free_slot(const tl_taken *taken, uint64_t reference) {
    uint32_t at = home_of(taken, reference);
    while (taken->slots[at].quantity != 0)
        at = (at + 1) & taken->mask;
    return &taken->slots[at];
}

static bool grow(tl_taken *taken) {
    tl_taken wider = {.slots = calloc(((size_t)taken->mask + 1) * 2, sizeof(tl_taken_entry)), .mask = taken->mask * 2 + 1};
    if (wider.slots == NULL) return false;
    for (uint32_t i = 0; i <= taken->mask; i++)
        if (taken->slots[i].quantity != 0) *free_slot(&wider, taken->slots[i].reference) = taken->slots[i];
    free(taken->slots);
    taken->slots = wider.slots;
    taken->mask = wider.mask;
    return true;
}

void tl_taken_add(tl_taken *taken, uint64_t reference, int64_t quantity, uint32_t instrument, int side, int64_t price) {
    if (quantity <= 0) return;
    tl_taken_entry *entry = tl_taken_find(taken, reference);
    if (entry != NULL) {
        entry->quantity += quantity;
        return;
    }
    if ((taken->count + 1) * 2 > taken->mask && !grow(taken)) return;
    *free_slot(taken, reference) = (tl_taken_entry){
        .reference = reference, .quantity = quantity, .price = price, .instrument = instrument, .side = (uint32_t)side};
    taken->count++;
}

static void forget(tl_taken *taken, tl_taken_entry *entry) {
    uint32_t hole = (uint32_t)(entry - taken->slots);
    for (uint32_t at = hole;;) {
        at = (at + 1) & taken->mask;
        if (taken->slots[at].quantity == 0) break;
        uint32_t home = home_of(taken, taken->slots[at].reference);
        if (((at - home) & taken->mask) >= ((at - hole) & taken->mask)) {
            taken->slots[hole] = taken->slots[at];
            hole = at;
        }
    }
    taken->slots[hole] = (tl_taken_entry){0};
    taken->count--;
}

int64_t tl_taken_settle(tl_taken *taken, tl_taken_entry *entry, int64_t quantity) {
    if (quantity < entry->quantity) {
        entry->quantity -= quantity;
        return quantity;
    }
    int64_t all = entry->quantity;
    forget(taken, entry);
    return all;
}

void tl_taken_forget(tl_taken *taken, uint32_t instrument) {
    for (uint32_t i = 0; i <= taken->mask && taken->count > 0;) {
        tl_taken_entry *entry = &taken->slots[i];
        if (entry->quantity != 0 && entry->instrument == instrument)
            forget(taken, entry); /* may move another one here: looked at again */
        else
            i++;
    }
}
