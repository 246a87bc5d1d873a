/* What own orders took from history's orders, by reference.
 *
 * History goes on as if we had not been there: an order that we ate is later executed, cancelled or replaced all the same. The difference
 * between what history believes is open and what is really in the book is kept here, so that those messages stay consistent.
 * Single owner; the table doubles, otherwise nothing allocates.
 */
#ifndef TL_EXCHANGE_TAKEN_H
#define TL_EXCHANGE_TAKEN_H

#include "base/status.h"

typedef struct tl_taken_entry {
    uint64_t reference; /* of history's order */
    int64_t quantity;   /* taken and not accounted for by history yet, > 0 */
    int64_t price;      /* where it stood */
    uint32_t instrument;
    uint32_t side; /* TL_SIDE_* */
} tl_taken_entry;

typedef struct tl_taken {
    tl_taken_entry *slots;
    uint32_t mask;
    uint32_t count;
} tl_taken;

tl_status tl_taken_init(tl_taken *taken);
void tl_taken_close(tl_taken *taken);

/* The entry of a reference (never 0), NULL when nothing was taken from it. Valid until the next add or remove. */
tl_taken_entry *tl_taken_find(const tl_taken *taken, uint64_t reference);

/* Adds to what was taken from a reference. Without memory the quantity is not remembered: history's later messages then count as problems. */
void tl_taken_add(tl_taken *taken, uint64_t reference, int64_t quantity, uint32_t instrument, int side, int64_t price);

/* Takes `quantity` off an entry and forgets it at 0; returns how much was really taken off. */
int64_t tl_taken_settle(tl_taken *taken, tl_taken_entry *entry, int64_t quantity);

/* Forgets everything of an instrument (a new day). */
void tl_taken_forget(tl_taken *taken, uint32_t instrument);

#endif
