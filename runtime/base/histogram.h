/* A histogram of durations: an octave in 16 steps, so that a quantile is right to 6 %.
 *
 * Lies in shared memory: one writer, any reader at any time (a reader may see a recording half done: counts that differ by one). Wait-free.
 */
#ifndef TL_BASE_HISTOGRAM_H
#define TL_BASE_HISTOGRAM_H

#include "base/cdef.h"

enum {
    TL_HISTOGRAM_STEPS = 16,
    TL_HISTOGRAM_BUCKETS = 16 * 45
}; /* up to 2^48 ns, three days; longer ones count in the last */

typedef struct tl_histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t reserved;
    uint64_t buckets[TL_HISTOGRAM_BUCKETS];
} tl_histogram;

/* Records a duration; a negative one counts as 0. */
void tl_histogram_record(tl_histogram *histogram, int64_t ns);
/* Records it as `times` (of a sample that stands for many). */
void tl_histogram_record_times(tl_histogram *histogram, int64_t ns, uint64_t times);
/* The duration at or below which a share `q` (0 to 1) of the recordings lie: the upper end of its bucket, never more than the maximum; NaN without any. */
double tl_histogram_quantile_ns(const tl_histogram *histogram, double q);
/* Adds what `from` holds. */
void tl_histogram_add(tl_histogram *histogram, const tl_histogram *from);

#endif
