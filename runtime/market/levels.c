#include "market/levels.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 32 };

void tl_levels_close(tl_levels *levels) {
    free(levels->all);
    *levels = (tl_levels){0};
}

/* How many levels are worse than a price: where it stands or would stand. Searched from the best on. */
static uint32_t place_of(const tl_levels *levels, int side, int64_t price) {
    uint32_t i = levels->count;
    if (side == TL_SIDE_BUY)
        while (i > 0 && levels->all[i - 1].price >= price)
            i--;
    else
        while (i > 0 && levels->all[i - 1].price <= price)
            i--;
    return i;
}

static bool grow(tl_levels *levels) {
    uint32_t capacity = levels->capacity != 0 ? levels->capacity * 2 : FIRST_CAPACITY;
    tl_level *all = realloc(levels->all, capacity * sizeof *all);
    if (all == NULL) return false;
    levels->all = all;
    levels->capacity = capacity;
    return true;
}

bool tl_levels_set(tl_levels *levels, int side, int64_t price, int64_t size, int64_t count) {
    uint32_t place = place_of(levels, side, price);
    bool there = place < levels->count && levels->all[place].price == price;
    uint32_t behind = levels->count - place;
    if (size == 0) {
        if (!there) return true;
        memmove(&levels->all[place], &levels->all[place + 1], (behind - 1) * sizeof *levels->all);
        levels->count--;
        return true;
    }
    if (!there) {
        if (levels->count == levels->capacity && !grow(levels)) return false;
        memmove(&levels->all[place + 1], &levels->all[place], behind * sizeof *levels->all);
        levels->count++;
    }
    levels->all[place] = (tl_level){.price = price, .size = size, .count = count};
    return true;
}

const tl_level *tl_levels_at(const tl_levels *levels, uint32_t i) {
    return i < levels->count ? &levels->all[levels->count - 1 - i] : NULL;
}
