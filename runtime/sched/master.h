/* The master: spawns workers, watches them, and speaks for the operator.
 *
 * It owns the region "master" (clock, slots, operator channels). Workers are posix_spawned from this binary; the watchdog samples their progress lines each millisecond and kills what is over its hard
 * budget in CPU time. A death is told to the gateway, the successor is spawned at once, after later deaths with growing delay; too many in too short a time quarantine a strategy. The caller
 * (lua/tidelock/cli/run.lua) drives it: tl_master_step() returns each time there is something for it to do.
 */
#ifndef TL_SCHED_MASTER_H
#define TL_SCHED_MASTER_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/worker_page.h"
#include "memory/region.h"

enum { TL_MASTER_SLOTS = 64, TL_MASTER_REQUEST_BYTES = 4096, TL_MASTER_OPERATOR_CAPACITY = 256 };

typedef enum tl_slot_state {
    TL_SLOT_NONE = 0,
    TL_SLOT_SPAWNED, /* a process is there; its own page tells more */
    TL_SLOT_WAITING, /* dead, the delay before the next generation runs */
    TL_SLOT_QUARANTINED,
    TL_SLOT_ENDED /* stopped in order */
} tl_slot_state;

/* One worker process as the master sees it; in the section "master" behind the head, read by status and top. */
typedef struct tl_master_slot {
    char name[48];
    uint32_t state; /* tl_slot_state */
    uint32_t pid;
    uint32_t epoch; /* generation: 1, 2, ... ; goes on after a recovery */
    uint32_t deaths;
    uint32_t kills;    /* by the watchdog */
    uint32_t strategy; /* id; UINT32_MAX for agents in C */
    uint32_t tier;
    int32_t cpu; /* -1 = any */
    int64_t spawned_ns;
    int64_t died_ns;
    int64_t restart_ns; /* runtime from the last death to RUNNING again; 0 before */
    char death[160];    /* why the last one ended, "" before */
} tl_master_slot;

typedef struct tl_master_page {
    tl_runtime_clock clock;
    int64_t started_ns;
    int64_t heartbeat_ns; /* each millisecond or so */
    uint32_t pid;
    uint32_t slot_count;
    uint32_t stopping;  /* 1 once the end has begun */
    uint32_t recovered; /* 1: this start took over what an earlier one had left */
    tl_master_slot slots[TL_MASTER_SLOTS];
    char note[128]; /* what the master could not have, "" for nothing */
} tl_master_page;

typedef struct tl_master tl_master;

typedef struct tl_master_config {
    const tl_region *own;      /* sections master, out:operator:NAME for each worker */
    const char *binary;        /* path of tidelock */
    const char *plan;          /* path of the plan file, given to each worker */
    const char *socket;        /* path of the control socket, mode 0600, made here; NULL for none */
    int32_t lifeline_fd;       /* write end of the pipe that workers watch */
    uint32_t restart_deaths;   /* quarantine after so many deaths ... */
    int64_t restart_window_ns; /* ... in so long */
    int64_t stop_ns;           /* patience for an orderly stop of each stop_order; 0 = 5 s */
    uint32_t policy;           /* tl_sched_policy; but for shared the master runs above what it watches */
} tl_master_config;

typedef struct tl_master_worker {
    const char *name;        /* of its slot: "io", "house", or a strategy's name */
    const tl_region *region; /* its own, for page and operator cursor */
    uint32_t strategy;       /* id; UINT32_MAX for agents in C */
    uint32_t tier;
    int32_t cpu;
    int32_t wake_fd;
    uint32_t stop_order;    /* lower is stopped first: strategies 0, io 1, house 2 */
    int64_t hard_budget_ns; /* of a callback, CPU time; 0 = none */
} tl_master_worker;

tl_status tl_master_create(const tl_master_config *config, tl_master **out);
void tl_master_destroy(tl_master *master);
tl_status tl_master_add(tl_master *master, const tl_master_worker *worker);
/* Spawns all. */
tl_status tl_master_start(tl_master *master);

typedef enum tl_master_event {
    TL_MASTER_TICK = 0, /* the time that was given is over */
    TL_MASTER_REQUEST,  /* a line came over the control socket: tl_master_request(), then tl_master_reply() */
    TL_MASTER_DEATH,    /* a worker died or was quarantined: the slots tell */
    TL_MASTER_SIGNAL,   /* SIGTERM or SIGINT came: tl_master_stop() is due */
    TL_MASTER_KILL,     /* SIGUSR1 came: the kill switch was thrown */
    TL_MASTER_ENDED     /* all workers have ended */
} tl_master_event;

/* Watches for up to `patience_ns`; a tl_master_event. */
int tl_master_step(tl_master *master, int64_t patience_ns);
const char *tl_master_request(tl_master *master); /* the line, without its end; peer credentials were checked */
uint32_t tl_master_request_uid(const tl_master *master);
void tl_master_reply(tl_master *master, const char *text); /* a line; the connection stays open for more */

/* Sends a record to a worker, TL_ERR_NOT_FOUND, TL_ERR_LIMIT when its channel is full. NULL name: to all. */
tl_status tl_master_operate(tl_master *master, const char *name, const tl_operator *record);
/* Begins the orderly stop, by stop_order; tl_master_step() goes on until TL_MASTER_ENDED. */
void tl_master_stop(tl_master *master);

/* A pipe for lifelines and an eventfd, both inherited by children; -1 with the error text set. */
int tl_master_make_eventfd(void);
tl_status tl_master_make_lifeline(int32_t *read_fd, int32_t *write_fd);

#endif
