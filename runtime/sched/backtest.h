/* The backtest driver: the agents of a live instance stepped by one clock in simulated time.
 *
 * It is the poll behind a host's drain loop. Everything happens in the order of its time; at equal times: history at the venue, commands
 * at the gateway, its timers, orders arriving at the venue, bars that close, reports at the gateway, then what the strategy sees: reports, market data,
 * bars, timers. A poll returns market records only up to the horizon in which an answer to something that their handlers send could come
 * back, and never past a pending report, timer or bar, so that the outcome does not depend on how many records a poll may return.
 *
 * Latency legs: feed (venue to strategy), compute (handler start to send; what arrives meanwhile waits), entry (gateway to venue), report
 * (venue to gateway). An answer that the gateway gives itself (a deny) takes the least entry and report time. Channels keep their order.
 *
 * Single owner; borrows the agents it is given. No allocation in the steady state.
 */
#ifndef TL_SCHED_BACKTEST_H
#define TL_SCHED_BACKTEST_H

#include "base/draft.h"
#include "exchange/latency.h"
#include "exchange/simulator.h"
#include "gateway/gateway.h"
#include "market/bars.h"
#include "sched/recorder.h"
#include "script/host.h"

typedef struct tl_backtest tl_backtest;

typedef struct tl_backtest_config {
    tl_simulator *simulator;
    tl_gateway *gateway;
    tl_host *host; /* loaded and bound */
    tl_recorder *recorder;
    tl_bars *bars; /* asked for what the data does not hold; NULL for none */
    tl_latency *feed;
    tl_latency *compute;
    tl_latency *entry;
    tl_latency *report;
} tl_backtest_config;

/* Counts of a run so far. */
typedef struct tl_backtest_counts {
    uint64_t events;   /* market records delivered to the strategy */
    uint64_t records;  /* all records delivered */
    uint64_t commands; /* taken by the gateway */
    int64_t first_ns;  /* time of the first record */
    int64_t now_ns;    /* simulated time */
    uint32_t warming;  /* series of bars that still lack history */
    uint32_t ended;    /* 1 when all was played */
} tl_backtest_counts;

/* What a strategy is shown of the instruments it subscribes to: TL_WANT_* bits. */
uint32_t tl_backtest_wants(const tl_host *host);

/* TL_ERR_NO_MEMORY. */
tl_status tl_backtest_create(const tl_backtest_config *config, tl_backtest **out);
void tl_backtest_destroy(tl_backtest *backtest);

/* Asks for `count` bars of a series before the strategy goes live (phase "history"). Before the first run only. */
tl_status tl_backtest_warm(tl_backtest *backtest, uint32_t instrument, int64_t interval_ns, uint32_t count);

/* Says that the simulator's outside input `feed` (of `columns` values a row) is the host's input `input`. Before the first run only. TL_ERR_LIMIT past
 * TL_BACKTEST_COLUMNS or TL_BACKTEST_INPUTS. */
enum { TL_BACKTEST_INPUTS = 64, TL_BACKTEST_COLUMNS = 256 };
tl_status tl_backtest_data(tl_backtest *backtest, uint32_t feed, uint32_t input, uint32_t columns);

/* Writes every command that reaches the gateway as CSV (sched/decisions.h) into `draft`, which is the driver's from now on. Before the first run
 * only, and once. TL_ERR_NO_MEMORY. */
tl_status tl_backtest_write_decisions(tl_backtest *backtest, const tl_instruments *instruments, tl_draft *draft);

/* Plays about `records` more records. TL_OK: there is more; TL_END: all was played and the strategy was stopped; TL_ERR_SCRIPT: the strategy failed
 * (the host says why), what was traded until then stands. */
tl_status tl_backtest_run(tl_backtest *backtest, uint64_t records);

void tl_backtest_count(const tl_backtest *backtest, tl_backtest_counts *counts);

#endif
