/* The recorder: what a run leaves behind, for statistics, reports and CSV files.
 *
 * Fed by the backtest driver (later by a live worker) with what the gateway saw, in order. Arrays grow in reserved memory and never move; Lua reads
 * them in place when the run is over. Single owner; no allocation in the steady state.
 *
 * A mark of the account is taken at the first market event, after each fill, after each event that moved equity, cash or exposure while a position
 * is open, at the close of each bar, each hour of data, and at the end; marks of one runtime time are one, the last. Past TL_RECORDER_MARKS they are thinned: of each
 * four in a row the lowest and the highest stay, so that peaks and troughs survive. Orders and fills past their bounds are counted, not kept.
 *
 * A markout is the middle as it stood 100 ms, 1 s and 10 s of venue time after a fill, events of just that time included. An instrument without
 * quotes is measured by its trades. One that has only bars is measured by the first close at or after the horizon, if its bars are no longer than the
 * horizon: a daily close says nothing about the next second.
 */
#ifndef TL_SCHED_RECORDER_H
#define TL_SCHED_RECORDER_H

#include "gateway/gateway.h"

typedef struct tl_recorder tl_recorder;

enum {
    TL_RECORDER_MARKS = 1 << 23,  /* of the account, before thinning */
    TL_RECORDER_ORDERS = 1 << 25, /* kept */
    TL_RECORDER_FILLS = 1 << 25,  /* kept */
    TL_RECORDER_PATHS = 64,       /* instruments whose price path is kept: the first 16 seen, then those that are traded */
    TL_RECORDER_PATH_BARS = 4096, /* of one path; when full, its bars become twice as long */
    TL_RECORDER_HORIZONS = 3      /* of markouts: 100 ms, 1 s, 10 s */
};

/* One fill. */
typedef struct tl_record_fill {
    int64_t ts_ns; /* venue time */
    uint64_t order_id;
    int64_t price;    /* mantissa */
    int64_t quantity; /* mantissa */
    int64_t fee_e8;
    int64_t
        arrival_price; /* twice the middle that the strategy saw when it last decided on the order; TL_ABSENT without one */
    int64_t mark[3];   /* twice the middle 100 ms, 1 s, 10 s after; TL_ABSENT while not known */
    int64_t realized_e8; /* of the position by this fill, gross */
    int64_t position;    /* after it, mantissa */
    uint32_t instrument;
    uint32_t tag;
    uint8_t side;
    uint8_t liquidity;
    uint16_t reserved;
    uint32_t order; /* index of its order's record, UINT32_MAX when that is not kept */
} tl_record_fill;

/* One mark of the account. */
typedef struct tl_record_equity {
    int64_t ts_ns;
    int64_t equity_e8;
    int64_t cash_e8;
    int64_t exposure_e8; /* gross */
} tl_record_equity;

/* One order, in the order of sending. */
typedef struct tl_record_order {
    uint64_t order_id;
    int64_t sent_ns;       /* runtime time of the send */
    int64_t accepted_ns;   /* venue time; 0 = never */
    int64_t first_fill_ns; /* 0 = never */
    int64_t closed_ns;     /* 0 = still open */
    int64_t quantity;
    int64_t filled;
    int64_t price;
    int64_t arrival_price; /* twice the middle at the last NEW or REPLACE; TL_ABSENT */
    uint32_t instrument;
    uint32_t tag;
    uint16_t reason; /* tl_reason of its end or refusal */
    uint8_t status;  /* tl_order_status */
    uint8_t side;
    uint8_t type;          /* tl_order_type */
    uint8_t time_in_force; /* tl_time_in_force */
    uint16_t replaces;     /* asked */
    uint32_t cancels;      /* asked */
    uint32_t reserved;
} tl_record_order;

/* What is counted whether its record is kept or not. */
typedef struct tl_record_totals {
    uint64_t commands; /* of all kinds */
    uint64_t orders;   /* NEW */
    uint64_t replaces;
    uint64_t cancels; /* CANCEL and CANCEL_ALL */
    uint64_t fills;
    uint64_t maker_fills;
    uint64_t taker_fills;
    uint64_t auction_fills;
    uint64_t rejects;    /* NEW refused by the venue */
    uint64_t denies;     /* NEW refused by the gateway */
    uint64_t refusals;   /* CANCEL or REPLACE refused by either */
    uint64_t merged;     /* marks that were thinned away */
    int64_t first_ns;    /* runtime time of the first market event, TL_ABSENT before it */
    int64_t last_ns;     /* of the last call-in */
    int64_t exposure_ns; /* runtime time with a position open in any instrument */
} tl_record_totals;

/* A piece of an instrument's price path. Prices are TWICE the middle (or twice the trade's or bar's price). */
typedef struct tl_record_path {
    int64_t ts_ns; /* of its first price */
    int64_t open;
    int64_t high;
    int64_t low;
    int64_t close;
} tl_record_path;

tl_recorder *tl_recorder_create(const tl_instruments *instruments, const tl_gateway *gateway, uint32_t strategy,
                                uint32_t account);
void tl_recorder_destroy(tl_recorder *recorder);

/* Call-ins, after the gateway has taken the same thing. */
void tl_recorder_market(tl_recorder *recorder, const tl_event *event, const tl_event_tail *tail, int64_t now_ns);
void tl_recorder_command(tl_recorder *recorder, const tl_command *command, int64_t now_ns);
void tl_recorder_report(tl_recorder *recorder, const tl_report *report, int64_t now_ns);
/* The end: last mark, positions as they are. */
void tl_recorder_finish(tl_recorder *recorder, int64_t now_ns);

const tl_record_fill *tl_recorder_fills(const tl_recorder *recorder, uint64_t *count);
const tl_record_equity *tl_recorder_equity(const tl_recorder *recorder, uint64_t *count);
const tl_record_order *tl_recorder_orders(const tl_recorder *recorder, uint64_t *count);
uint64_t tl_recorder_rejected(const tl_recorder *recorder, int reason); /* by the venue */
uint64_t tl_recorder_denied(const tl_recorder *recorder, int reason);   /* by the gateway */
uint64_t tl_recorder_refused(const tl_recorder *recorder, int reason);  /* cancels and replaces, by either */
void tl_recorder_totals(const tl_recorder *recorder, tl_record_totals *totals);

/* The price path of an instrument in order of time, NULL when none is kept. */
const tl_record_path *tl_recorder_path(const tl_recorder *recorder, uint32_t instrument, uint32_t *count);

/* The first and last price of an instrument, twice: of its trades and bars' closes, of its middles when there were none. False before any. */
bool tl_recorder_price_span(const tl_recorder *recorder, uint32_t instrument, int64_t *first, int64_t *last);

/* A hash over every order action with its time, order and values; the same for the same decisions. */
uint64_t tl_recorder_decisions_hash(const tl_recorder *recorder);

#endif
