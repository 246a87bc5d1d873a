/* The counters of a pool for `tidelock top` and metrics: "pool.NAME.hits", ".fresh", ".misses", ".live", ".high_water" in a section of counters. For pools of memory/pool.h, and for the hand-made
 * ones that fill in the same counts. Single owner; wait-free. */
#ifndef TL_MEMORY_POOL_COUNTERS_H
#define TL_MEMORY_POOL_COUNTERS_H

#include "base/counters.h"
#include "memory/pool.h"

typedef struct tl_pool_counters {
    tl_counter *hits, *fresh, *misses, *live, *high_water; /* NULL where there was no room */
} tl_pool_counters;

/* At set-up; `all` may be NULL. */
void tl_pool_counters_allot(tl_pool_counters *counters, tl_counter *all, uint32_t capacity, const char *name);
void tl_pool_counters_set(const tl_pool_counters *counters, const tl_pool_counts *counts);

#endif
