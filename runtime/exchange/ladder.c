#include "exchange/ladder.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 16 };

void tl_ladder_close(tl_ladder *ladder) {
    free(ladder->rungs);
    *ladder = (tl_ladder){0};
}

/* How many rungs are worse than a price: where it stands or would stand. Activity is near the best, so the search begins there. */
static uint32_t place_of(const tl_ladder *ladder, int side, int64_t price) {
    uint32_t i = ladder->count;
    while (i > 0 && (side == TL_SIDE_BUY ? ladder->rungs[i - 1].price >= price : ladder->rungs[i - 1].price <= price))
        i--;
    return i;
}

tl_ladder_rung *tl_ladder_find(const tl_ladder *ladder, int side, int64_t price) {
    uint32_t place = place_of(ladder, side, price);
    return place < ladder->count && ladder->rungs[place].price == price ? &ladder->rungs[place] : NULL;
}

tl_ladder_rung *tl_ladder_make(tl_ladder *ladder, int side, int64_t price) {
    uint32_t place = place_of(ladder, side, price);
    if (place < ladder->count && ladder->rungs[place].price == price) return &ladder->rungs[place];
    if (ladder->count == ladder->capacity) {
        uint32_t capacity = ladder->capacity != 0 ? ladder->capacity * 2 : FIRST_CAPACITY;
        tl_ladder_rung *rungs = realloc(ladder->rungs, capacity * sizeof *rungs);
        if (rungs == NULL) return NULL;
        ladder->rungs = rungs;
        ladder->capacity = capacity;
    }
    memmove(&ladder->rungs[place + 1], &ladder->rungs[place], (ladder->count - place) * sizeof *ladder->rungs);
    ladder->rungs[place] = (tl_ladder_rung){.price = price};
    ladder->count++;
    return &ladder->rungs[place];
}

void tl_ladder_remove(tl_ladder *ladder, tl_ladder_rung *rung) {
    uint32_t place = (uint32_t)(rung - ladder->rungs);
    ladder->count--;
    memmove(rung, rung + 1, (ladder->count - place) * sizeof *rung);
}
