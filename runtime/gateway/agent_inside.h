/* The inside of the gateway agent, shared by the files that work it: agent.c (duty cycles), inputs.c (what an input does), attach.c, recovery.c.
 *
 * Invariant: everything in `logged` and in the gateway itself is a function of the log's records; nothing else is.
 */
#ifndef TL_GATEWAY_AGENT_INSIDE_H
#define TL_GATEWAY_AGENT_INSIDE_H

#include "base/counters.h"
#include "base/worker_page.h"
#include "gateway/agent.h"
#include "gateway/log.h"
#include "gateway/message.h"
#include "gateway/outlet.h"
#include "gateway/publisher.h"
#include "gateway/state.h"
#include "memory/pool_counters.h"

#ifndef TL_CDEF

enum {
    AGENT_COMMANDS = 64, /* of a strategy, taken in a duty cycle */
    AGENT_REPORTS = 256, /* of the venue */
    AGENT_HELD_BACK =
        1024, /* messages that wait for room in a strategy's channel, at which its commands are left where they are */
    AGENT_MARGIN = 256 /* slots of the log kept free for what an input may need besides itself */
};

/* A strategy as its inputs in the log made it. */
typedef struct logged_strategy {
    uint64_t input; /* position of its commands behind the last one logged */
    uint32_t attached;
    uint32_t cut; /* 1: its messages were too many; none are made until it attaches */
} logged_strategy;

typedef struct logged_state {
    uint64_t venue_input; /* position of the venue's reports behind the last one logged */
    uint64_t orders;      /* new ones taken */
    uint64_t fills;
    int64_t now_ns; /* of the last record */
    uint32_t file;  /* 1: the kill file is there */
    uint32_t reserved;
    uint8_t links[TL_GATEWAY_VENUES]; /* tl_venue_link */
    logged_strategy strategies[TL_GATEWAY_STRATEGIES];
} logged_state;

typedef struct served {
    tl_gateway_agent_strategy config;
    tl_spsc_consumer commands;
    outlet reports;
} served;

typedef struct agent_counters {
    tl_counter *commands, *orders, *fills, *denied, *reports, *repeated, *malformed, *expired, *kills, *log, *checkpoints,
        *cut, *refused, *waiting;
    tl_pool_counters pool;
} agent_counters;

struct tl_gateway_agent {
    tl_gateway_agent_config config;
    tl_gateway *gateway;
    tl_gateway_log log;
    logged_state logged;
    served strategies[TL_GATEWAY_STRATEGIES];
    uint8_t place_of[STRATEGY_IDS]; /* of a strategy's id, + 1 */
    tl_waker wakers[TL_GATEWAY_STRATEGIES + 1];
    tl_spsc_consumer venue_reports;
    outlet venue;
    publisher published;
    tl_stages *stages;
    agent_counters counters;
    char *kill_file;

    tl_worker_page *own_page;         /* NULL when its region has none */
    const tl_worker_page *venue_page; /* NULL when the venue's region has none */

    bool replaying;
    bool unpublished;
    bool venue_known; /* its links were told since this generation began */
    uint64_t recovered;
    uint64_t checkpoint_position; /* of the log */
    uint64_t checkpoint_sequence;
    uint64_t checkpoints;
    uint8_t *checkpoint[2];
    uint64_t checkpoint_bytes[2];
    uint64_t mirrored[2]; /* fills that stand at the end of each */
    uint64_t cut, refused;

    int64_t now_ns;  /* never goes back */
    int64_t look_ns; /* when the kill file and the venue's process are looked at next */
    uint32_t venue_epoch;
    uint32_t reserved;
    bool stopping;
    int64_t stop_ns;
    double ns_per_tsc;
    tl_status failure;
};

/* Logs an input and does what it does. `record` is without its payload's size. */
void agent_input(tl_gateway_agent *agent, tl_gateway_record *record, const void *payload, uint32_t slots);
/* What a logged input does. */
void agent_apply(tl_gateway_agent *agent, const tl_gateway_record *record, const void *payload);
/* Logs the marks that the next record may depend on: those that are listed, and that of an instrument (TL_NO_INSTRUMENT for none). */
void agent_log_marks(tl_gateway_agent *agent, uint32_t instrument);
/* Moves what the gateway put out into the outlets. */
void agent_drain(tl_gateway_agent *agent);
/* Puts a message for a strategy into its outlet. */
void agent_tell(tl_gateway_agent *agent, uint32_t place, uint32_t kind, uint32_t instrument, int64_t word,
                const void *payload, size_t bytes);
/* A generation of a strategy attaches: the whole of what is its own, as messages. */
void agent_attach(tl_gateway_agent *agent, uint32_t place, uint32_t epoch);

/* It can no longer go on: the process ends with this error's sentence, and a successor may find more room. New orders are denied until then (gateway_down). */
void agent_fail(tl_gateway_agent *agent, tl_status why);

/* Writes the state into one of the two sections. False when it does not fit. Never between an input and its output. */
bool agent_checkpoint(tl_gateway_agent *agent);
void agent_make_room(tl_gateway_agent *agent);
/* Makes sure that so many slots can be logged: a checkpoint at the latest when half of the log has gone by. */
static inline void agent_room(tl_gateway_agent *agent, uint64_t slots) {
    if (TL_UNLIKELY(agent->log.position - agent->checkpoint_position + slots > (agent->log.mask + 1) / 2))
        agent_make_room(agent);
}

/* A strategy's channel and queue are full: what waits is dropped, and it is told no more until it attaches, and then everything. */
void agent_cut(tl_gateway_agent *agent, uint32_t place);
/* True when what a record of the log names is there. */
bool agent_fits(const tl_gateway_agent *agent, const tl_gateway_record *record);
/* Takes over what the region holds. */
tl_status agent_recover(tl_gateway_agent *agent);

#endif

#endif
