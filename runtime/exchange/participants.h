/* Simulated participants: what the many others in a market do, order by order, for the session generator.
 *
 * Each symbol has a fair price that nobody sees, with a volatility of its own that clusters. Participants rest orders around it, cancel
 * and replace them as it moves, and trade against each other's; the books are those of market/book.h, so that executions take
 * orders in queue order and a book is never crossed. docs/MARKET_DATA.md states the formulas. Messages are appended as ITCH frames
 * to a buffer that the owner provides. Single owner; deterministic: the same calls give the same bytes on every machine.
 */
#ifndef TL_EXCHANGE_PARTICIPANTS_H
#define TL_EXCHANGE_PARTICIPANTS_H

#include "base/random.h"
#include "market/book.h"
#include "market/itch_encode.h"

enum {
    TL_PARTICIPANTS_MAX_SYMBOLS = 65535,    /* ITCH numbers instruments in 16 bits, from 1 */
    TL_PARTICIPANTS_MAX_ACTION_BYTES = 4096 /* room that one action may take */
};

/* One symbol's market. */
typedef struct tl_participants_symbol {
    char name[12];        /* zero-terminated */
    double fair;          /* the fair price, x 10000 */
    double variance;      /* of its relative change, a second, now */
    double base_variance; /* what that returns to */
    double half_spread;   /* x 10000: quotes stand at least this far from the fair price */
    double flow;          /* recent sign of marketable orders, -1 to 1 */
    int64_t last_ns;      /* when the fair price was last moved */
    uint64_t last_match;  /* of its last trade, 0 before one */
    uint32_t live;        /* its resting orders */
    uint32_t wanted;      /* resting orders that it tends to have */
    uint32_t halted;      /* 1 while nothing trades */
    uint32_t reserved;
} tl_participants_symbol;

typedef struct tl_participants tl_participants;

/* Markets for `symbols` symbols that share about `messages` messages by rank (Zipf's law). NULL without memory. */
tl_participants *tl_participants_create(uint64_t seed, uint32_t symbols, uint64_t messages);
void tl_participants_destroy(tl_participants *participants);

tl_random *tl_participants_random(tl_participants *participants);
tl_participants_symbol *tl_participants_symbol_at(tl_participants *participants, uint32_t symbol);

/* A symbol drawn by its share of the activity. */
uint32_t tl_participants_draw(tl_participants *participants);

/* Where the next messages go: `room_messages` may be written at most. */
void tl_participants_output(tl_participants *participants, uint8_t *buffer, uint64_t room_messages);

/* Bytes and messages written since. */
size_t tl_participants_bytes(const tl_participants *participants);
uint64_t tl_participants_messages(const tl_participants *participants);

/* TL_OK, or why the books could not take an order: from then on nothing is written. */
tl_status tl_participants_status(const tl_participants *participants);

/* One action of somebody in a symbol's market at a time, which never goes back; 1 to about 60 messages. `variance_factor` scales the
 * volatility (the time of day). */
void tl_participants_act(tl_participants *participants, uint32_t symbol, int64_t ts_ns, double variance_factor);

/* The same while nothing trades (before the opening, after the close, in a halt): exactly one message, an add or a delete. */
void tl_participants_rest(tl_participants *participants, uint32_t symbol, int64_t ts_ns);

/* A cross at the fair price, inside the book; at the opening one resting order that stands at that price is executed in it. */
void tl_participants_cross(tl_participants *participants, uint32_t symbol, int64_t ts_ns, char cross_type);

/* An imbalance message ahead of a cross: `progress` from 0 to 1. */
void tl_participants_imbalance(tl_participants *participants, uint32_t symbol, int64_t ts_ns, char cross_type,
                               double progress);

/* Writes any message, with the symbol's locate and name (UINT32_MAX for one about no symbol). */
void tl_participants_emit(tl_participants *participants, uint32_t symbol, int64_t ts_ns, tl_itch_message *message);

#endif
