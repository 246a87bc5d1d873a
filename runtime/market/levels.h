/* The price levels of one side of a book, as level changes (TL_EVENT_LEVEL) tell them.
 *
 * Sorted, the best last: work near the best moves little. Single owner; memory doubles when the deepest side so far is exceeded, so the steady state allocates nothing.
 */
#ifndef TL_MARKET_LEVELS_H
#define TL_MARKET_LEVELS_H

#include "market/event.h"

typedef struct tl_level {
    int64_t price; /* mantissa */
    int64_t size;
    int64_t count; /* orders; 0 when not known */
} tl_level;

typedef struct tl_levels {
    tl_level *all; /* best last */
    uint32_t count;
    uint32_t capacity;
} tl_levels;

void tl_levels_close(tl_levels *levels);

/* A level is this from now on; size 0: it is gone. `side` is what the levels are of. False when there is no memory (the level is not kept). */
bool tl_levels_set(tl_levels *levels, int side, int64_t price, int64_t size, int64_t count);

/* The i-th best, NULL past the end; moves with the next change. */
const tl_level *tl_levels_at(const tl_levels *levels, uint32_t i);

#endif
