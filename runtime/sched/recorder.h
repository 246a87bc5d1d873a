/* The recorder: what a run leaves behind, for statistics, reports and CSV files.
 *
 * Fed by the backtest driver (later by a live worker) with what the gateway saw, in order. Arrays grow in reserved memory and never move; Lua reads
 * them in place when the run is over. Single owner; no allocation in the steady state.
 */
#ifndef TL_SCHED_RECORDER_H
#define TL_SCHED_RECORDER_H

#include "gateway/gateway.h"

typedef struct tl_recorder tl_recorder;

/* One fill. */
typedef struct tl_record_fill {
    int64_t ts_ns; /* venue time */
    uint64_t order_id;
    int64_t price;    /* mantissa */
    int64_t quantity; /* mantissa */
    int64_t fee_e8;
    int64_t arrival_price; /* twice the middle that the strategy saw when it decided; TL_ABSENT without one */
    int64_t mark[3];       /* twice the middle 100 ms, 1 s, 10 s after; TL_ABSENT while not known */
    int64_t realized_e8;   /* of the position by this fill, gross */
    int64_t position;      /* after it, mantissa */
    uint32_t instrument;
    uint32_t tag;
    uint8_t side;
    uint8_t liquidity;
    uint16_t reserved;
    uint32_t reserved2;
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
    int64_t arrival_price; /* twice the middle; TL_ABSENT */
    uint32_t instrument;
    uint16_t reason;
    uint8_t status;
    uint8_t side;
    uint8_t type;
    uint8_t reserved;
    uint16_t replaces;
    uint32_t cancels;
} tl_record_order;

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

/* A hash over every order action with its time, order and values; the same for the same decisions. */
uint64_t tl_recorder_decisions_hash(const tl_recorder *recorder);

#endif
