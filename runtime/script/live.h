/* The strategy agent: a host (host.h) on a live worker. Its poll merges all inputs into the input log in shared memory, which is the only thing that the strategy consumes.
 *
 * A pass takes, in this order and at most 64 records of each: what the operator says, the gateway's messages, market data from the broadcast ring, bars that closed, signals of other
 * strategies, timers. Each is stamped with input sequence and runtime time, and committed before a handler runs. What handlers send goes into the "commands" channel as soon as the handler
 * has ended. Lapped on the ring, it tells TL_EVENT_GAP and reads quote, levels, last trade and state of its instruments from the latches: they enter the log as records.
 *
 * Recovery (DESIGN §5): the region outlives a generation. With a checkpoint that the log reaches back to, the successor restores it (on_load, on_start("recovery") with sends refused as "warming_up"),
 * works through the log behind it, its repeated commands being dropped by the gateway, then attaches and goes on. The event in hand at the death is tried once more and skipped at the second
 * death (on_error). Without one it starts cold: attach, START with why = recovery, GAP.
 *
 * Single owner; no allocation in the steady state.
 */
#ifndef TL_SCRIPT_LIVE_H
#define TL_SCRIPT_LIVE_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/stages.h"
#include "base/waker.h"
#include "base/worker_page.h"
#include "market/bars.h"
#include "memory/region.h"
#include "order/decisions_hash.h"
#include "script/host.h"

typedef struct tl_live tl_live;

enum { TL_LIVE_LINES = 256, TL_LIVE_LINE_BYTES = 512, TL_LIVE_SIGNALS = 1024, TL_LIVE_SIGNAL_BYTES = 128 };

/* A slot of the "log" ring. */
typedef struct tl_live_line {
    int64_t ts_ns;
    int32_t level;    /* 0 debug, 1 info, 2 warn, 3 error */
    uint32_t further; /* 1: the rest of the line before it */
    char text[TL_LIVE_LINE_BYTES - 16];
} tl_live_line;

/* Sizes of sections: of a "checkpoint.*" for a strategy with so many instruments, 4,096 open orders and 4 MiB of state of its own (a state that does not fit is not
 * saved, which the counters tell), and of "log" and "signals". */
uint64_t tl_live_checkpoint_bytes(uint32_t instruments);
uint64_t tl_live_lines_bytes(void);
uint64_t tl_live_signals_bytes(void);

/* Another strategy whose signals are read. */
typedef struct tl_live_peer {
    const char *name;
    const tl_region *region; /* section "signals" */
    uint32_t id;
} tl_live_peer;

typedef struct tl_live_config {
    const tl_runtime_clock *clock;
    tl_host *host; /* loaded and bound; borrowed */
    tl_bars *bars; /* asked for what its intervals need; NULL for none */
    const tl_region
        *own; /* worker, out:commands, in:reports, input_log, checkpoint.0, checkpoint.1, signals, log, counters, stages */
    const tl_region *gateway; /* io: feed, latches, in:commands:NAME, out:reports:NAME */
    const char *name;
    uint64_t feed_capacity, command_capacity, report_capacity;
    uint64_t log_capacity; /* slots of the input log, a power of two */
    const tl_live_peer *peers;
    uint32_t peer_count;
    uint32_t strategy;
    uint32_t epoch;
    uint32_t venue_count;
    const char *const *venues; /* names, for on_venue */
    tl_waker gateway_waker;
    int64_t soft_budget_ns; /* of a callback: a batch ends when it is spent; overruns are counted */
    uint32_t spins;         /* empty polls before work() returns; 0 = return at once */
    void (*fail)(void *context,
                 const char *why); /* called once when the strategy failed: tl_worker_fail(); NULL for nobody */
    void *fail_context;
    uint32_t recorded; /* 1: somebody writes the input log to a file; slots that it has not read are not overwritten */
    const uint64_t *recorder_position; /* how far that one is; NULL without */
} tl_live_config;

/* TL_ERR_*; starts or recovers with its first duty cycles. */
tl_status tl_live_create(const tl_live_config *config, tl_live **out);
void tl_live_destroy(tl_live *live);
void tl_live_agent(tl_live *live, tl_agent *agent);

/* What it has decided so far (order/decisions_hash.h). */
void tl_live_decisions(const tl_live *live, tl_decisions_hash *decisions);

/* TL_OK while it runs; TL_ERR_SCRIPT (the host says why) once the strategy failed. */
tl_status tl_live_status(const tl_live *live);

#endif
