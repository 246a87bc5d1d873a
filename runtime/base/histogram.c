#include "base/histogram.h"

/* The last bits of a value that its bucket keeps: 16 steps. */
enum { STEP_BITS = 4 };

static uint32_t bucket_of(uint64_t ns) {
    if (ns < TL_HISTOGRAM_STEPS) return (uint32_t)ns;
    uint32_t octave = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t bucket =
        (octave - STEP_BITS + 1) * TL_HISTOGRAM_STEPS + (uint32_t)(ns >> (octave - STEP_BITS)) % TL_HISTOGRAM_STEPS;
    return bucket < TL_HISTOGRAM_BUCKETS ? bucket : TL_HISTOGRAM_BUCKETS - 1;
}

static uint64_t upper_end(uint32_t bucket) {
    if (bucket < TL_HISTOGRAM_STEPS) return bucket;
    uint32_t shift = bucket / TL_HISTOGRAM_STEPS - 1;
    return ((uint64_t)(TL_HISTOGRAM_STEPS + bucket % TL_HISTOGRAM_STEPS + 1) << shift) - 1;
}

static uint64_t get(const uint64_t *word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED); /* a word of its own: readers tolerate a recording half done */
}

static void add(uint64_t *word, uint64_t by) {
    __atomic_store_n(word, *word + by, __ATOMIC_RELAXED); /* one writer */
}

void tl_histogram_record(tl_histogram *histogram, int64_t ns) {
    tl_histogram_record_times(histogram, ns, 1);
}

void tl_histogram_record_times(tl_histogram *histogram, int64_t ns, uint64_t times) {
    if (times == 0) return;
    uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
    add(&histogram->buckets[bucket_of(value)], times);
    add(&histogram->count, times);
    add(&histogram->sum_ns, value * times);
    if (value > histogram->max_ns) __atomic_store_n(&histogram->max_ns, value, __ATOMIC_RELAXED);
}

double tl_histogram_quantile_ns(const tl_histogram *histogram, double q) {
    /* The buckets are their own total: `count` may be one recording ahead or behind. */
    uint64_t total = 0;
    for (uint32_t i = 0; i < TL_HISTOGRAM_BUCKETS; i++)
        total += get(&histogram->buckets[i]);
    if (total == 0) return __builtin_nan("");
    if (!(q > 0)) q = 0;
    if (q > 1) q = 1;
    /* The rank is the smallest whole number of recordings that makes the share. */
    uint64_t rank = (uint64_t)(q * (double)total);
    if ((double)rank < q * (double)total) rank++;
    if (rank == 0) rank = 1;
    uint64_t max = get(&histogram->max_ns), below = 0;
    for (uint32_t i = 0; i < TL_HISTOGRAM_BUCKETS; i++) {
        below += get(&histogram->buckets[i]);
        if (below < rank) continue;
        /* The last bucket has no upper end. */
        uint64_t end = i == TL_HISTOGRAM_BUCKETS - 1 ? max : upper_end(i);
        return (double)(end < max ? end : max);
    }
    return (double)max;
}

void tl_histogram_add(tl_histogram *histogram, const tl_histogram *from) {
    for (uint32_t i = 0; i < TL_HISTOGRAM_BUCKETS; i++) {
        uint64_t times = get(&from->buckets[i]);
        if (times != 0) add(&histogram->buckets[i], times);
    }
    add(&histogram->count, get(&from->count));
    add(&histogram->sum_ns, get(&from->sum_ns));
    uint64_t max = get(&from->max_ns);
    if (max > histogram->max_ns) __atomic_store_n(&histogram->max_ns, max, __ATOMIC_RELAXED);
}
