/* The view: what `snapshot.*` reads, a strategy's own picture of the market as of the event in hand.
 *
 * Private to one strategy; changed only by tl_view_* calls made by its host just before each handler, so that nothing in it is
 * ever newer than the event. No call allocates in the steady state: level arrays grow to the deepest book seen.
 */
#ifndef TL_SCRIPT_VIEW_H
#define TL_SCRIPT_VIEW_H

#include "market/instrument.h"
#include "script/shown.h"

/* One price level of a book side. */
typedef struct tl_view_level {
    int64_t price;  /* mantissa */
    int64_t size;   /* mantissa */
    uint32_t count; /* orders in it, 0 when not known */
    uint32_t reserved;
} tl_view_level;

/* A side: levels sorted so that the best is the last. */
typedef struct tl_view_side {
    tl_view_level *levels;
    uint32_t count;
    uint32_t capacity;
} tl_view_side;

/* The last bars of one interval, oldest overwritten. */
typedef struct tl_view_bars {
    int64_t interval_ns;
    uint64_t total; /* bars ever pushed */
    uint32_t mask;  /* capacity - 1 */
    uint32_t instrument;
    uint32_t next; /* index + 1 of its instrument's next interval, 0 = none */
    tl_shown_bar *bars;
} tl_view_bars;

/* All that is known of one instrument. */
typedef struct tl_view_instrument {
    tl_shown_quote quote;
    tl_shown_book book;
    tl_shown_position position;
    tl_view_side sides[2]; /* bid, ask */
    int64_t last_price;    /* of a trade or a bar's close, TL_ABSENT before any */
    double price_unit;
    double size_unit;
    uint32_t kept_bars; /* index + 1 of its first interval's bars, 0 = none */
    uint32_t place;     /* among all that were ever subscribed, from 1 in the order of subscribing; 0 = never was */
    uint8_t state;      /* tl_trading_state */
    uint8_t subscribed;
    uint8_t stale;
    uint8_t changed; /* within the depth that on_book asks for, since the last one */
    uint8_t marked;  /* its venue sends marks: they value the position */
    uint8_t traded;  /* orders of it were answered: the account looks at it */
} tl_view_instrument;

typedef struct tl_view tl_view;

tl_view *tl_view_create(const tl_instruments *instruments);
void tl_view_destroy(tl_view *view);

/* The record of an instrument id below the table's count at creation or the last tl_view_ensure(). Does not move. */
tl_view_instrument *tl_view_at(tl_view *view, uint32_t instrument);

/* Makes room for instruments that joined the table; TL_ERR_LIMIT past the fixed maximum (65,536). */
tl_status tl_view_ensure(tl_view *view);

/* Asks for bars of an interval to be kept, the last `capacity` of them. */
tl_status tl_view_keep_bars(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t capacity);

/* The kept bars of an interval, NULL when it was not asked for. */
tl_view_bars *tl_view_bars_of(tl_view *view, uint32_t instrument, int64_t interval_ns);

/* Bars that can be shown of an interval: at most `wanted`, the ring grown to hold that many from now on (what has been overwritten is gone). 0 when none are kept. */
uint32_t tl_view_bars_count(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t wanted);

/* One of the last `count` bars: 1 the oldest, -1 the newest; NULL past either end. Valid until the next bar. */
const tl_shown_bar *tl_view_bar(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t count, int64_t i);

/* Applies a LEVEL event to its instrument's record: most events are these. */
void tl_view_apply_level(tl_view_instrument *record, const tl_event *event);

/* A BAR event as scripts are shown it. */
void tl_view_show_bar(const tl_view_instrument *record, const tl_event *event, const tl_event_tail *tail, tl_shown_bar *bar);

/* Applies one market event (and its tail, where the kind has one). */
void tl_view_apply(tl_view *view, const tl_event *event, const tl_event_tail *tail);

/* The i-th best level (0 = best) of a side into `level`; false past the end. */
bool tl_view_book_level(tl_view *view, uint32_t instrument, int side, uint32_t i, tl_view_level *level);

/* The volume-weighted price of taking `quantity` from the asks (side buy) or the bids: *price_n in price numerators and *found_n,
 * the quantity that is there. */
void tl_view_book_walk(tl_view *view, uint32_t instrument, int side, double quantity_n, double *price_n, double *found_n);

/* Displayed size within the best `n` levels of a side. */
double tl_view_book_size(tl_view *view, uint32_t instrument, int side, uint32_t n);

#endif
