/* Instruments: what is traded, and in which units its numbers are counted.
 *
 * A table is append-only: ids are dense from 0 and never reused. One writer (the agent that owns the table); a process that
 * only reads may look up ids below the count it has seen. Lookup by symbol is by hash, O(1).
 */
#ifndef TL_MARKET_INSTRUMENT_H
#define TL_MARKET_INSTRUMENT_H

#include "base/fixed.h"

enum { TL_SYMBOL_BYTES = 24, TL_CURRENCY_BYTES = 8 };

/* The id of no instrument (UINT32_MAX). */
enum { TL_NO_INSTRUMENT = -1 };

typedef enum tl_trading_state {
    TL_STATE_UNKNOWN = 0, /* nothing was said of it: orders are taken */
    TL_STATE_PRE_OPEN,
    TL_STATE_AUCTION,
    TL_STATE_TRADING,
    TL_STATE_HALTED,
    TL_STATE_PAUSED,
    TL_STATE_CLOSED
} tl_trading_state;

typedef struct tl_instrument {
    char symbol[TL_SYMBOL_BYTES];   /* unique in an instance, zero-terminated */
    char venue[TL_SYMBOL_BYTES];    /* "" when there is only one */
    char base[TL_CURRENCY_BYTES];   /* what is bought, "" for a share */
    char quote[TL_CURRENCY_BYTES];  /* what prices are in */
    char settle[TL_CURRENCY_BYTES]; /* what profit is paid in */
    uint32_t id;                    /* its place in the table */
    int32_t price_exponent;         /* a price is mantissa * 10^price_exponent */
    int32_t quantity_exponent;      /* a quantity is mantissa * 10^quantity_exponent */
    uint32_t calendar;              /* index of its calendar, see market/calendar.h */
    int64_t tick;                   /* smallest price step, in price mantissa units */
    int64_t lot;                    /* smallest quantity step, in quantity mantissa units */
    int64_t min_quantity;           /* smallest order, quantity mantissa; 0 = none */
    int64_t max_quantity;           /* largest order, quantity mantissa; 0 = none */
    int64_t min_notional_e8;        /* smallest order value, 1e-8 of the quote currency; 0 = none */
    int64_t multiplier_e8;          /* value of one unit of quantity at price 1, in 1e-8; 1e8 for a share */
    int64_t margin_e8;              /* initial margin for one unit of quantity, 1e-8 of settle; 0 = its full value */
} tl_instrument;

typedef struct tl_instruments tl_instruments;

/* An empty table; NULL when there is no memory. */
tl_instruments *tl_instruments_create(void);
void tl_instruments_destroy(tl_instruments *table);

/* Appends a copy of `one` (its `id` is filled in); the new id goes to *id when that is not NULL. Members left 0 get their
 * defaults: tick 1, lot 1, multiplier 1e8, quote and settle "USD". TL_ERR_EXISTS for a symbol that is there, TL_ERR_ARGUMENT
 * for an empty one or exponents outside -12..0. */
tl_status tl_instruments_add(tl_instruments *table, const tl_instrument *one, uint32_t *id);

/* The id of a symbol, (uint32_t)TL_NO_INSTRUMENT when there is none. */
uint32_t tl_instruments_find(const tl_instruments *table, const char *symbol);

/* The instrument of an id below the count; stays where it is for the table's life. */
const tl_instrument *tl_instruments_at(const tl_instruments *table, uint32_t id);

/* The same, to be changed by the table's owner only (a tick learnt from a file, say). */
tl_instrument *tl_instruments_edit(tl_instruments *table, uint32_t id);

uint32_t tl_instruments_count(const tl_instruments *table);

#endif
