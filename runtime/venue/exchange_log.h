/* What a paper venue must not forget when its process dies: own orders, positions, execution ids, commands that were carried out and reports that were made.
 *
 * A log in shared memory ("exchange.log") and two checkpoints ("exchange.checkpoint.0", ".1"). A transaction is some commands and reports; it exists once its commit stored how far the log is.
 * The venue commits before anybody sees anything of it. State is a function of the log: a successor loads the newer whole checkpoint and works through the log behind
 * it. A command is known by its position in the venue's command channel, a report by its number: what the report channel has taken already is told by how far it was produced.
 *
 * Invariants:
 *  1. `committed` and a checkpoint's sequence are stored last; what lies beyond does not exist.
 *  2. The log is never overwritten behind the newest whole checkpoint's position; before it, it is free.
 *  3. Reports leave `reporting` in the order of their numbers, and only after their commit (those before `reporting_committed`).
 *
 * Single owner. Tables grow to the most orders that were open at once; then nothing is allocated.
 */
#ifndef TL_VENUE_EXCHANGE_LOG_H
#define TL_VENUE_EXCHANGE_LOG_H

#include "base/id_map.h"
#include "exchange/crowd.h"
#include "memory/region.h"
#include "order/order.h"
#include "queue/delay_line.h"

/* An own order that is open at the venue. */
typedef struct tl_exchange_order {
    tl_command command;  /* as acknowledged last: price, quantity, stop price and type follow the reports */
    int64_t filled;      /* mantissa */
    int64_t base;        /* filled before it came into the market at hand, where its quantity is less by that */
    int64_t asked_price; /* of the last replace */
    uint32_t next;       /* in order of arrival; 0 = none */
    uint32_t previous;
} tl_exchange_order;

typedef struct tl_exchange_position {
    int64_t quantity; /* signed mantissa */
    uint32_t strategy;
    uint32_t instrument;
} tl_exchange_position;

/* The head of "exchange.log"; slots of 64 bytes follow at 4096. */
typedef struct tl_exchange_log_head {
    uint64_t committed TL_ALIGNED(128); /* slots, from the beginning of time */
    uint64_t capacity TL_ALIGNED(128);  /* slots, a power of two; 0 before the first venue */
    uint64_t lives;                     /* venues that were at work before */
    int64_t history_ns; /* recorded history is played up to here; 0 = nothing yet. Not part of a transaction */
} tl_exchange_log_head;

typedef struct tl_exchange_log {
    tl_exchange_log_head *head;
    uint8_t *slots;
    uint64_t mask;
    uint64_t staged;        /* slots written; beyond `committed` they are the transaction at hand */
    uint64_t floor;         /* the newest checkpoint's position: slots from here on are needed */
    bool spilled;           /* the transaction does not fit the log: a checkpoint commits it */
    uint8_t *checkpoint[2]; /* sections */
    uint64_t checkpoint_bytes;
    uint64_t checkpoints;         /* written so far: sequence of the newest */
    uint64_t commands;            /* position in the command channel behind the last one that was carried out */
    uint64_t reports;             /* made so far */
    uint64_t executions;          /* the largest execution id */
    tl_delay_line reporting;      /* of tl_report: made and not yet in the channel */
    uint64_t reporting_committed; /* index in that line behind the last one that is committed */
    tl_exchange_order *orders;    /* from 1 */
    uint32_t order_slots;         /* of orders, with the unused first */
    uint32_t order_capacity;
    uint32_t free_order; /* chained by `next` */
    uint32_t first, last;
    uint32_t open;
    uint32_t position_count;
    uint32_t position_capacity;
    tl_exchange_position *positions; /* from 1 */
    tl_id_map order_of;              /* by order id */
    tl_id_map position_of;           /* by strategy << 32 | instrument */
    tl_crowd_price *prices;          /* of the participants, as of the newest checkpoint; NULL without */
    uint32_t price_count;
    bool no_memory; /* a table could not grow: nothing more is taken */
} tl_exchange_log;

/* Sizes of the sections: a log that a checkpoint a second keeps short, and a checkpoint of so many open orders and participants' symbols. Others work as well. */
uint64_t tl_exchange_log_bytes(void);
uint64_t tl_exchange_checkpoint_bytes(uint32_t orders, uint32_t symbols);

/* Attaches, and recovers what is there; `reports_sent` is how far the report channel was produced. TL_ERR_NOT_FOUND (a section), TL_ERR_FORMAT (what and where), TL_ERR_NO_MEMORY. */
tl_status tl_exchange_log_open(tl_exchange_log *log, const tl_region *region, uint64_t reports_sent);
void tl_exchange_log_close(tl_exchange_log *log);

/* A command was carried out, which ends at `position` of its channel; a report was made, which goes out at `due_ns`. Both are part of the transaction at hand. */
void tl_exchange_log_command(tl_exchange_log *log, const tl_command *command, uint64_t position);
void tl_exchange_log_report(tl_exchange_log *log, const tl_report *report, int64_t due_ns);

/* What happened since the last commit is from now on. False when there is no room for it, in the log and in a checkpoint: to be tried again when reports have left. */
bool tl_exchange_log_commit(tl_exchange_log *log, const tl_crowd *crowd);
/* Writes a checkpoint of what is committed; prices of a crowd with it (NULL for none). False when it does not fit. */
bool tl_exchange_log_checkpoint(tl_exchange_log *log, const tl_crowd *crowd);

/* More than half of the log is needed by a recovery: time for a checkpoint. */
bool tl_exchange_log_is_long(const tl_exchange_log *log);
/* Too much is open, or waits to be sent, for a checkpoint to hold a good deal more: new orders are refused, the market waits. */
bool tl_exchange_log_is_full(const tl_exchange_log *log);

/* The open order of an id, NULL when there is none. Moves with the next new one. */
tl_exchange_order *tl_exchange_log_find(tl_exchange_log *log, uint64_t order_id);

/* The first report that may go out, NULL when there is none yet. */
const tl_report *tl_exchange_log_due(const tl_exchange_log *log, int64_t now_ns);
/* It is in the channel. */
void tl_exchange_log_sent(tl_exchange_log *log);
/* When the next one is due, INT64_MAX when none is. */
int64_t tl_exchange_log_due_ns(const tl_exchange_log *log);

#endif
