/* The simulated venue of a backtest: history played at its own times, with the strategy's orders in it.
 *
 * Exchange time only: the caller (the backtest driver) adds latencies. History comes from ITCH files (order by order: true queue
 * places) and from CSV readers (bars, trades, quotes, depth: stated fill models), merged by time; at equal times files in the order
 * in which they were added. The market that comes out is the one that the strategy would have seen: its own resting orders are part of
 * the levels, liquidity that it took stays taken.
 *
 * Single owner. No allocation in the steady state. Outputs are lists that stay valid until the next call; the caller drains them
 * after each call.
 */
#ifndef TL_EXCHANGE_SIMULATOR_H
#define TL_EXCHANGE_SIMULATOR_H

#include "exchange/crowd.h"
#include "exchange/engine.h"
#include "market/calendar.h"
#include "market/csv.h"
#include "market/itch.h"
#include "memory/pool.h"

typedef struct tl_simulator tl_simulator;

/* Where a resting order stands in a queue that the data does not show order by order (quotes, depth). docs/FILLS.md states each. */
typedef enum tl_queue_model {
    TL_QUEUE_CONSERVATIVE = 0, /* behind all that is displayed; only trades bring it forward */
    TL_QUEUE_PROPORTIONAL,     /* a shrinking level shrinks evenly before and behind it */
    TL_QUEUE_PROBABILISTIC     /* cancels fall before it with the probability of power law n, drawn from the seed */
} tl_queue_model;

/* In which order a bar's extremes come. */
typedef enum tl_bar_path {
    TL_BAR_PATH_NEAREST = 0, /* open, then the extreme nearer to it, the other, close */
    TL_BAR_PATH_HIGH_FIRST,  /* open, high, low, close */
    TL_BAR_PATH_LOW_FIRST,   /* open, low, high, close */
    TL_BAR_PATH_WORST        /* for each order the order of extremes that is worse for it */
} tl_bar_path;

typedef struct tl_simulator_config {
    uint64_t seed;          /* of the probabilistic models */
    int queue_model;        /* tl_queue_model */
    int bar_path;           /* tl_bar_path */
    int64_t slippage_ticks; /* added against market and stop orders in bar models */
    int64_t bar_volume_e8;  /* share of a bar's volume that may be filled, in 1e-8; 0 = no limit */
    int self_trade;         /* tl_self_trade_policy */
} tl_simulator_config;

/* What a strategy wants to see of an instrument, bits. */
enum {
    TL_WANT_QUOTES = 1,
    TL_WANT_TRADES = 2,
    TL_WANT_LEVELS = 4, /* level changes, each message closed by TL_EVENT_BOOK */
    TL_WANT_FLOW = 8,   /* order by order */
    TL_WANT_BARS = 16,  /* bars that a file holds */
    TL_WANT_QUEUE = 32  /* TL_EVENT_QUEUE for own resting orders when their place changed */
};

/* Counts of what was read. */
typedef struct tl_simulator_counts {
    uint64_t messages; /* historical records processed, of all instruments */
    uint64_t problems; /* over all inputs */
    uint64_t bytes_consumed;
    uint64_t bytes_total; /* 0 when not known */
} tl_simulator_counts;

tl_simulator *tl_simulator_create(tl_instruments *instruments, const tl_calendars *calendars,
                                  const tl_simulator_config *config);
void tl_simulator_destroy(tl_simulator *simulator);

/* Adds an ITCH file. Its instruments join the table at once (the directory at its head is read ahead; a file that begins mid-day is
 * searched for symbols). `date` is yyyymmdd; 0 takes it from the name, and without one TL_ERR_ARGUMENT. Times of day are of
 * America/New_York. */
tl_status tl_simulator_add_itch(tl_simulator *simulator, const char *path, uint32_t date);

/* Adds participants that trade for as long as the run goes (exchange/crowd.h); they belong to the simulator from here on. Their instruments join the table. */
tl_status tl_simulator_add_crowd(tl_simulator *simulator, tl_crowd *crowd);

/* Adds a CSV reader; it belongs to the simulator from here on. */
tl_status tl_simulator_add_csv(tl_simulator *simulator, tl_csv *csv);

/* The values of a row of outside data, in the order of its reader's columns: w[0] (counts the CSV readers in the order in which they were added) and
 * w[1] of a DATA event. Stay where they are until the next step. NULL when there is no such row. */
const double *tl_simulator_data_row(const tl_simulator *simulator, uint32_t data_input, uint64_t row);

/* Only history within [from, to) is played; books are built up from before `from`, silently. 0 = no bound. */
void tl_simulator_set_span(tl_simulator *simulator, int64_t from_ns, int64_t to_ns);

/* Asks for events of an instrument: TL_WANT_* bits, added to what was asked. Instruments nobody asked for cost little. */
void tl_simulator_want(tl_simulator *simulator, uint32_t instrument, uint32_t what);

/* Exchange time of the next historical record (or of a session change, an expiry), INT64_MAX at the end. *after_orders is set when orders
 * that arrive at just that time come before it (a bar's open), else history comes first. */
int64_t tl_simulator_next_ns(tl_simulator *simulator, bool *after_orders);

/* Whether the data say themselves that nothing is missing behind their end: files of ITCH, each with its end of messages (system event C). */
bool tl_simulator_complete(const tl_simulator *simulator);

/* Processes that record. */
void tl_simulator_step(tl_simulator *simulator);

/* A command of the gateway (new, cancel, replace; checked) arrives at exchange time `at_ns`, which never goes back. */
void tl_simulator_submit(tl_simulator *simulator, const tl_command *command, int64_t at_ns);

/* The exchange time of what happened last; INT64_MIN before anything. */
int64_t tl_simulator_now_ns(const tl_simulator *simulator);

/* What a simulator goes on from that takes over after another: execution ids behind `executions`, and the position of a strategy that its earlier fills
 * made (reduce-only looks at it). Before the first step. */
void tl_simulator_resume(tl_simulator *simulator, uint64_t executions);
void tl_simulator_adjust(tl_simulator *simulator, uint32_t strategy, uint32_t instrument, int64_t quantity);

/* The whole present book, quote and state of each wanted instrument come out between two TL_EVENT_GAP, of which the first has w[1] = 1: what was known of its
 * book before is to be forgotten. */
void tl_simulator_tell_anew(tl_simulator *simulator);

/* The pool of own orders that are open. */
void tl_simulator_order_pool(const tl_simulator *simulator, tl_pool_counts *counts);

/* The market events since the last clear, as slots (a tail follows its head directly); ts_ns is exchange time, the rest is left to the
 * caller. */
const tl_event *tl_simulator_events(const tl_simulator *simulator, uint32_t *slots);

/* The venue's reports since the last clear: order_id, kind, reason, price, quantity, filled (cumulative), liquidity, execution_id,
 * ts_venue_ns, queue_ahead, instrument are set; fee, strategy and report_sequence are the gateway's. */
const tl_report *tl_simulator_reports(const tl_simulator *simulator, uint32_t *count);
void tl_simulator_clear_output(tl_simulator *simulator);

void tl_simulator_count(const tl_simulator *simulator, tl_simulator_counts *counts);

/* Problems of input i as a sentence for each kind that occurred, "" past the last; `line` counts from 0. */
const char *tl_simulator_problem(const tl_simulator *simulator, uint32_t line);

#endif
