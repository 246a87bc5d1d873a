/* Waking a worker that sleeps: its `sleeping` word lies in its own region, its eventfd was inherited from the master.
 *
 * The protocol, which misses no wake-up: the sleeper stores 1, fences, looks at all its inputs once more, and only then waits on the eventfd (in its libev loop); a
 * producer commits, fences, and writes the eventfd when it reads 1. Either the sleeper's last look sees what was committed, or the producer sees the 1: the
 * eventfd keeps the write until it is read. Producers mark what they committed and flush once, at the end of their duty cycle.
 */
#ifndef TL_BASE_WAKER_H
#define TL_BASE_WAKER_H

#include "base/fence.h"

typedef struct tl_waker {
    const uint32_t *sleeping; /* in the sleeper's region */
    int32_t fd;               /* the sleeper's eventfd; -1 = none, it never sleeps */
    uint32_t marked;          /* something was committed since the last flush */
} tl_waker;

/* Writes the eventfds of those that were marked and sleep; how many were written. Wait-free but for the writes. */
uint32_t tl_waker_flush(tl_waker *wakers, uint32_t count);

#ifndef TL_CDEF
static inline void tl_waker_mark(tl_waker *waker) {
    waker->marked = 1;
}

/* The sleeper's: says that it is about to wait. It then looks at all its inputs once more, and waits only if there is nothing. */
static inline void tl_waker_park(uint32_t *sleeping) {
    __atomic_store_n(sleeping, 1, __ATOMIC_RELAXED);
    tl_fence(); /* the 1 before the last look; pairs with the fence in tl_waker_flush() */
}
/* It is awake: producers need not write. It reads its eventfd before it parks again, or that wait ends at once. */
static inline void tl_waker_unpark(uint32_t *sleeping) {
    __atomic_store_n(sleeping, 0, __ATOMIC_RELAXED);
}
#endif

#endif
