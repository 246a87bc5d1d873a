/* When a dead worker's next generation is due: at once after a first death, then after 100 ms, 200 ms, ... 5 s, at once again after a quiet minute; never (quarantine) after too many deaths in a window.
 * Pure: the caller brings the time. */
#ifndef TL_SCHED_RESPAWN_H
#define TL_SCHED_RESPAWN_H

#include "base/cdef.h"

enum { TL_RESPAWN_DEATHS = 64, TL_RESPAWN_FIRST_NS = 100000000 };

typedef struct tl_respawn {
    uint32_t limit;                   /* deaths within the window that quarantine, up to TL_RESPAWN_DEATHS; 0 = never */
    int64_t window_ns;                /* ... */
    uint32_t row;                     /* deaths without a quiet minute between */
    uint64_t count;                   /* deaths so far */
    int64_t at_ns[TL_RESPAWN_DEATHS]; /* of the last ones, at index count % TL_RESPAWN_DEATHS */
} tl_respawn;

/* A death at `now_ns`; the delay in ns before the next generation, or -1: quarantined. */
int64_t tl_respawn_after_death(tl_respawn *respawn, int64_t now_ns);

#endif
