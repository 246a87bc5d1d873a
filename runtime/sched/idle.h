/* What a worker's loop does after a duty cycle that found nothing.
 *
 * spin: goes round again. backoff: goes round 1,000 times, then pauses 1,000 times, then yields, and says that it is time to sleep once a millisecond has brought nothing. block: says so at once.
 * Owned by one loop.
 */
#ifndef TL_SCHED_IDLE_H
#define TL_SCHED_IDLE_H

#include "base/cdef.h"

typedef enum tl_idle_policy { TL_IDLE_SPIN = 0, TL_IDLE_BACKOFF, TL_IDLE_BLOCK } tl_idle_policy;

enum { TL_IDLE_SPINS = 1000, TL_IDLE_PAUSES = 1000, TL_IDLE_AWAKE_NS = 1000000 };

typedef enum tl_idle_step {
    TL_IDLE_ON = 0, /* go round again; nobody else ran */
    TL_IDLE_YIELDED,
    TL_IDLE_SLEEP /* time to sleep */
} tl_idle_step;

typedef struct tl_idle {
    uint32_t policy;  /* tl_idle_policy */
    uint32_t empty;   /* duty cycles in a row that found nothing */
    int64_t since_ns; /* of the first of them */
} tl_idle;

/* After something was done. */
void tl_idle_reset(tl_idle *idle);
/* After nothing was; a tl_idle_step. `now_ns` of any clock that runs evenly. */
int tl_idle_next(tl_idle *idle, int64_t now_ns);

#endif
