/* The paper venue: the exchange agent of a live instance. The simulator of the backtest (its engine, fill and latency models) on the runtime's clock.
 *
 * Its market comes from simulated participants (seeded; they act at random times, and their orders, ours among them, meet in the same books as in a backtest), or
 * from recorded files at a chosen speed: venue time = runtime time at the start + (history's time - its first time) / speed. "max" plays as fast as the channel to the feed
 * takes it. Own orders come over the channel "venue.commands", answers go back over "venue.reports", each after its latency.
 *
 * What happened to own orders is kept in its region (exchange.log, exchange.checkpoint.*): a successor enters the open ones again into the market as it then is, with what was
 * left of them, their ids and executions going on; no report is lost or sent twice. Their places in the queue are new.
 *
 * Single owner; no allocation in the steady state.
 */
#ifndef TL_VENUE_PAPER_H
#define TL_VENUE_PAPER_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/stages.h"
#include "base/waker.h"
#include "exchange/latency.h"
#include "exchange/simulator.h"
#include "memory/region.h"

typedef struct tl_paper tl_paper;

/* Sizes of the sections exchange.log and exchange.checkpoint.0 and .1, for so many open orders and participants' symbols. */
uint64_t tl_paper_log_bytes(void);
uint64_t tl_paper_checkpoint_bytes(uint32_t orders, uint32_t symbols);

typedef struct tl_paper_config {
    const tl_runtime_clock *clock;
    tl_instruments *instruments; /* the process's table, as laid out by the master */
    const tl_calendars *calendars;
    const tl_region *
        own; /* house: out:market, out:venue.reports, in:venue.commands, exchange.log, exchange.checkpoint.0, .1, counters, stages */
    const tl_region *gateway;                                    /* io: out:venue.commands, in:market, in:venue.reports */
    uint64_t market_capacity, command_capacity, report_capacity; /* slots of the channels */
    tl_simulator_config fill;
    tl_latency *entry;  /* NULL for none */
    tl_latency *report; /* NULL for none */
    double speed;       /* of recorded files: 1 = real time; 0 = max */
    uint64_t seed;      /* of the participants */
    double rate;        /* of the participants: actions a second over all symbols; 0 = no participants (files) */
    uint32_t symbols;   /* of the participants */
    uint32_t
        wait; /* 1: the first cycle is the one after TL_OPERATOR_BEGIN (or a stop), so that nobody misses how a file begins */
    tl_waker *wakers; /* of the io process */
    uint32_t waker_count;
} tl_paper_config;

/* The instruments that the participants trade, into a table (the master lays them out, so that ids are the same in every process). */
tl_status tl_paper_participants_instruments(tl_instruments *instruments, uint64_t seed, uint32_t symbols);

/* TL_ERR_NOT_FOUND (a section), TL_ERR_ARGUMENT, TL_ERR_NO_MEMORY; TL_ERR_FORMAT when its region holds a log that cannot be worked through. */
tl_status tl_paper_create(const tl_paper_config *config, tl_paper **out);
void tl_paper_destroy(tl_paper *paper);
/* Recorded files, before the first cycle; as of the simulator's calls of these names. */
tl_status tl_paper_add_itch(tl_paper *paper, const char *path, uint32_t date);
tl_status tl_paper_add_csv(tl_paper *paper, tl_csv *csv);
void tl_paper_set_span(tl_paper *paper, int64_t from_ns, int64_t to_ns);
/* Events that are sent of an instrument, TL_WANT_* bits. Before the first cycle. */
void tl_paper_want(tl_paper *paper, uint32_t instrument, uint32_t what);
/* True once recorded files are at their end. */
bool tl_paper_ended(const tl_paper *paper);
void tl_paper_agent(tl_paper *paper, tl_agent *agent);

#endif
