/* An agent: a unit with a duty cycle, run by a worker's loop (sched/worker.h) beside others.
 *
 * `work` does what is there, in bounded time, and returns how much that was; 0 lets the loop idle by its policy. Nothing else of an agent is
 * called from another thread or process. All functions but `work` may be NULL.
 */
#ifndef TL_BASE_AGENT_H
#define TL_BASE_AGENT_H

#include "base/cdef.h"

/* What an operator (by way of the master) tells a process; one slot of its operator channel. */
typedef enum tl_operator_kind {
    TL_OPERATOR_NONE = 0,
    TL_OPERATOR_STOP, /* an orderly stop; word: tl_stop_why. The loop itself handles it: agents are asked to stop */
    TL_OPERATOR_DIED, /* target: a strategy's id whose generation `word` (epoch) is dead: its orders are treated as configured */
    TL_OPERATOR_KILL,     /* kill switch; target: account index or -1 for all; word: 1 on, 0 lifted */
    TL_OPERATOR_LIMIT,    /* text: limit's name; target: strategy id, or -1 - account index; value */
    TL_OPERATOR_RESTRICT, /* target: instrument; word: 1 restricted, 0 not */
    TL_OPERATOR_PARAM,    /* target: param index of this strategy; value */
    TL_OPERATOR_WAKE,     /* nothing but to look */
    TL_OPERATOR_BEGIN     /* every strategy runs: recorded files may begin */
} tl_operator_kind;

typedef struct tl_operator {
    uint32_t kind; /* tl_operator_kind */
    int32_t target;
    int64_t word;
    double value;
    char text[40]; /* zero-terminated */
} tl_operator;

TL_STATIC_ASSERT(sizeof(tl_operator) == 64, "one slot");

typedef enum tl_stop_why {
    TL_STOP_ORDERLY = 1, /* SIGTERM, the end of --duration: strategies' on_stop, orders as configured */
    TL_STOP_ORPHANED     /* the master is gone: what must be done within 2 s is done */
} tl_stop_why;

typedef struct tl_agent {
    const char *name;
    void *state;
    /* One duty cycle at runtime time now_ns; how much was done. */
    uint32_t (*work)(void *state, int64_t now_ns);
    /* Runtime time at which work() has something to do though nothing arrives; INT64_MAX for never. */
    int64_t (*next_ns)(void *state);
    /* A record of the operator's. */
    void (*operate)(void *state, const tl_operator *record, int64_t now_ns);
    /* Asks it to come to an end (why: tl_stop_why); called each duty cycle from then on, beside work(), until it returns true. */
    bool (*stop)(void *state, int why, int64_t now_ns);
} tl_agent;

#endif
