/* A worker: one process, one loop. libev for descriptors and timers, agents polled each duty cycle, and a policy for what to do when there is nothing.
 *
 * spin: never sleeps; libev runs every 20 us or 1,000 empty polls. backoff: spins, then pauses, yields, and sleeps as if blocking once a millisecond has brought nothing. block: sleeps until its
 * eventfd is written, a descriptor is ready, or an agent's next time is due (base/waker.h). A duty cycle reads the clock once and measures its own stall.
 *
 * The worker ends when it is told to stop (operator channel) and its agents have, or when an agent has failed: by tl_worker_fail(), or, in a room above this one, by
 * tl_worker_page_fail(). When the master is gone (its end of the lifeline closes) a strategy's process is killed by the kernel, as its region holds
 * all; agents in C are stopped with TL_STOP_ORPHANED and have 2 s.
 */
#ifndef TL_SCHED_WORKER_H
#define TL_SCHED_WORKER_H

#include "base/agent.h"
#include "base/runtime_clock.h"
#include "base/worker_page.h"
#include "memory/region.h"
#include "sched/affinity.h"
#include "sched/idle.h"

typedef struct tl_worker tl_worker;

enum { TL_WORKER_AGENTS = 16, TL_WORKER_ORPHAN_NS = 2000000000 };

typedef struct tl_worker_config {
    const char *name;
    const tl_region *own;    /* sections worker, in:operator */
    const tl_region *master; /* sections master, out:operator:NAME */
    uint64_t operator_capacity;
    const tl_runtime_clock *clock;
    uint32_t tier;   /* 1, 2, 3; 0 = agents in C, treated as L2 with a negative nice */
    uint32_t idle;   /* tl_idle_policy */
    uint32_t policy; /* tl_sched_policy */
    int32_t cpu;     /* -1 = any */
    uint32_t epoch;
    int32_t wake_fd;      /* eventfd of this worker; -1 = none */
    int32_t lifeline_fd;  /* read end of the master's pipe; -1 = none */
    uint32_t lock_memory; /* 1: mlockall */
    const tl_region *
        outlive; /* orphaned, agents are asked to stop only once the worker of this region has ended (house: io's); NULL = at once */
} tl_worker_config;

/* Pins, sets memory policy (what could not be had stands in the page's note) and state LOADING. The kernel class of its tier comes when loading is over. */
tl_status tl_worker_create(const tl_worker_config *config, tl_worker **out);
void tl_worker_destroy(tl_worker *worker);
tl_status tl_worker_add(tl_worker *worker, const tl_agent *agent);

/* The last thing before running a strategy: its kernel class, no new privileges, and a system call filter that lets through what a strategy worker needs (docs/SECURITY.md lists it). TL_ERR_IO when the kernel refuses. */
tl_status tl_worker_confine(tl_worker *worker);

/* Takes its kernel class and runs until the end; state RUNNING, then STOPPED or FAILED. */
tl_status tl_worker_run(tl_worker *worker);

/* An agent's failure: the worker ends with state FAILED and this sentence. */
void tl_worker_fail(tl_worker *worker, const char *why);

#endif
