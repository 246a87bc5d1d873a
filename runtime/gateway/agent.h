/* The gateway agent: the gateway (gateway.h) of a live instance, between the strategies' rings and the venue's.
 *
 * A duty cycle takes up to 64 commands from each strategy's channel, the venue's reports, what the operator says, and the time; each input is appended to its own log before it
 * is worked on, and what comes out goes into the channels. So its state is a function of its log: a successor loads the last checkpoint, works through the log
 * behind it, sends again only what did not reach the channels (their positions tell), and goes on; nothing is sent twice, no fill counts twice. Market data is not logged but
 * for the marks that a decision was made on.
 *
 * Published, rewritten by a successor before it opens: positions, open orders, accounts, counters (published.h).
 * Single owner; no allocation in the steady state.
 */
#ifndef TL_GATEWAY_AGENT_H
#define TL_GATEWAY_AGENT_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/stages.h"
#include "base/waker.h"
#include "gateway/gateway.h"
#include "memory/region.h"

typedef struct tl_gateway_agent tl_gateway_agent;

enum { TL_ON_DEATH_CANCEL = 0, TL_ON_DEATH_KEEP = 1 };

/* A strategy that it serves. Channels: "out:commands" and "in:reports" in the strategy's region, "in:commands:NAME" and "out:reports:NAME" in the gateway's. */
typedef struct tl_gateway_agent_strategy {
    const char *name;
    const tl_region *region;
    uint32_t id;       /* known to the gateway */
    uint32_t on_death; /* TL_ON_DEATH_*: also when the strategy is stopped in order, or the master is gone */
    tl_waker waker;
} tl_gateway_agent_strategy;

typedef struct tl_gateway_agent_config {
    const tl_runtime_clock *clock;
    tl_gateway *gateway; /* with its accounts, venues and strategies; borrowed */
    const tl_instruments *instruments;
    const tl_region
        *own; /* io: channels, gateway.log, gateway.checkpoint.0 and .1, positions, orders, accounts, counters, stages */
    const tl_region *venue;                                 /* house: in:venue.commands, out:venue.reports */
    uint64_t command_capacity, report_capacity;             /* slots of a strategy's channels */
    uint64_t venue_command_capacity, venue_report_capacity; /* of the venue's */
    const tl_gateway_agent_strategy *strategies;
    uint32_t strategy_count;
    uint32_t position_capacity; /* that can be published */
    uint32_t order_capacity;    /* open at a time: more are denied (too_many_orders) */
    tl_waker venue_waker;
    const char *kill_file; /* its appearance throws the kill switch, looked for every 50 ms; NULL for none */
} tl_gateway_agent_config;

/* Recovers when its region holds a log. TL_ERR_FORMAT when that cannot be worked through (what and where). */
tl_status tl_gateway_agent_create(const tl_gateway_agent_config *config, tl_gateway_agent **out);
void tl_gateway_agent_destroy(tl_gateway_agent *agent);
void tl_gateway_agent_of(tl_gateway_agent *gateway, tl_agent *agent);

/* Sizes of its sections "gateway.log" and "gateway.checkpoint.0", ".1" for so many instruments, strategies and open orders. */
uint64_t tl_gateway_agent_log_bytes(uint32_t instruments);
uint64_t tl_gateway_agent_checkpoint_bytes(uint32_t instruments, uint32_t strategies, uint32_t order_capacity,
                                           uint32_t position_capacity);

/* The feed agent's records, as they are published; `agent` is a tl_gateway_agent. */
void tl_gateway_agent_market(void *agent, const tl_event *event, const tl_event_tail *tail);

#endif
