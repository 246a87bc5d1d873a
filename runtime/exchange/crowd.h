/* A crowd: simulated participants (participants.h) as an endless stream of ITCH messages, the market of a live instance that plays no files.
 *
 * The market is open from the start: at its start each symbol is named, trades, and gets the resting orders that it tends to have; from then on somebody acts at
 * exponentially distributed times, `rate` actions a second over all symbols (by Zipf's law among them). What happens and how far apart is the seed's, never the machine's;
 * the crowd does not see own orders, as recorded history does not. Single owner; no allocation after creation but for books that grow.
 */
#ifndef TL_EXCHANGE_CROWD_H
#define TL_EXCHANGE_CROWD_H

#include "exchange/participants.h"
#include "market/instrument.h"

typedef struct tl_crowd tl_crowd;

typedef struct tl_crowd_config {
    uint64_t seed;
    uint64_t life;    /* 0 at first; a successor counts on: it acts otherwise from here on, in the same market */
    double rate;      /* actions a second, above 0 */
    uint32_t symbols; /* 1 to TL_PARTICIPANTS_MAX_SYMBOLS */
    uint32_t reserved;
} tl_crowd_config;

/* Where a symbol's market stands: what a successor is given, so that prices go on. */
typedef struct tl_crowd_price {
    double fair;     /* x 10000 */
    double variance; /* of its relative change, a second */
} tl_crowd_price;

/* TL_ERR_ARGUMENT names what cannot be. */
tl_status tl_crowd_create(const tl_crowd_config *config, tl_crowd **out);
void tl_crowd_destroy(tl_crowd *crowd);

/* Its instruments join a table, those that are not there: as an ITCH file's would. */
tl_status tl_crowd_instruments(const tl_crowd *crowd, tl_instruments *instruments);

uint32_t tl_crowd_symbols(const tl_crowd *crowd);
tl_crowd_price tl_crowd_price_at(const tl_crowd *crowd, uint32_t symbol);
/* Before the first read. */
void tl_crowd_set_price(tl_crowd *crowd, uint32_t symbol, tl_crowd_price price);
/* The exchange time at which it starts; before the first read. */
void tl_crowd_start(tl_crowd *crowd, int64_t ts_ns);

/* The next messages, each with its whole exchange time in `ts_ns`. Fewer than `capacity` only when the books could not grow. */
unsigned tl_crowd_read(tl_crowd *crowd, tl_itch_message *messages, unsigned capacity);

#endif
