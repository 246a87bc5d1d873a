/* A displayed side of a market that does not show its orders: prices with sizes, and what own orders took of them.
 *
 * Single owner; grows to the deepest side seen.
 */
#ifndef TL_EXCHANGE_LADDER_H
#define TL_EXCHANGE_LADDER_H

#include "market/event.h"

/* One price. */
typedef struct tl_ladder_rung {
    int64_t price;
    int64_t size;   /* as displayed; INT64_MAX when the data has no sizes */
    int64_t taken;  /* of it, by own orders, since it was last refreshed */
    int64_t traded; /* at this price since it was last refreshed: shrinkage that is no cancel */
} tl_ladder_rung;

/* Best last. */
typedef struct tl_ladder {
    tl_ladder_rung *rungs;
    uint32_t count;
    uint32_t capacity;
} tl_ladder;

void tl_ladder_close(tl_ladder *ladder);

/* The rung of a price, NULL when it is not displayed. `side` is the ladder's. */
tl_ladder_rung *tl_ladder_find(const tl_ladder *ladder, int side, int64_t price);

/* The rung of a price, made with size 0 when there is none; NULL without memory. Valid until the next change. */
tl_ladder_rung *tl_ladder_make(tl_ladder *ladder, int side, int64_t price);

void tl_ladder_remove(tl_ladder *ladder, tl_ladder_rung *rung);

#ifndef TL_CDEF
/* The i-th best rung, NULL past the end. */
static inline tl_ladder_rung *tl_ladder_at(const tl_ladder *ladder, uint32_t i) {
    return i < ladder->count ? &ladder->rungs[ladder->count - 1 - i] : NULL;
}

/* What is left of a rung for own orders. */
static inline int64_t tl_ladder_left(const tl_ladder_rung *rung) {
    if (rung->size == INT64_MAX) return INT64_MAX;
    return rung->size > rung->taken ? rung->size - rung->taken : 0;
}
#endif

#endif
