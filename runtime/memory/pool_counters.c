#include "memory/pool_counters.h"

#include <stdio.h>

static tl_counter *allot(tl_counter *all, uint32_t capacity, const char *name, const char *what) {
    char label[56];
    snprintf(label, sizeof label, "pool.%s.%s", name, what);
    return all != NULL ? tl_counter_allot(all, capacity, label) : NULL;
}

void tl_pool_counters_allot(tl_pool_counters *counters, tl_counter *all, uint32_t capacity, const char *name) {
    *counters = (tl_pool_counters){
        .hits = allot(all, capacity, name, "hits"),
        .fresh = allot(all, capacity, name, "fresh"),
        .misses = allot(all, capacity, name, "misses"),
        .live = allot(all, capacity, name, "live"),
        .high_water = allot(all, capacity, name, "high_water"),
    };
}

static void set(tl_counter *counter, uint64_t value) {
    if (counter != NULL) tl_counter_set(counter, value);
}

void tl_pool_counters_set(const tl_pool_counters *counters, const tl_pool_counts *counts) {
    set(counters->hits, counts->hits);
    set(counters->fresh, counts->fresh);
    set(counters->misses, counts->misses);
    set(counters->live, counts->live);
    set(counters->high_water, counts->high_water);
}
