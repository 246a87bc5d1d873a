/* Latency: how long one leg of the way between a strategy and a venue takes.
 *
 * A leg draws a duration for each thing that travels. It knows nothing of order: a channel that must not overtake itself is
 * clamped by whoever moves things through it. Draws come from the leg's own stream, seeded from the run's seed and the leg's number,
 * and use no libm: the same run draws the same everywhere. Single owner; no allocation after creation.
 */
#ifndef TL_EXCHANGE_LATENCY_H
#define TL_EXCHANGE_LATENCY_H

#include "base/status.h"

typedef enum tl_latency_kind {
    TL_LATENCY_CONSTANT = 0, /* least_ns, always */
    TL_LATENCY_UNIFORM,      /* evenly in [least_ns, most_ns] */
    TL_LATENCY_EXPONENTIAL,  /* least_ns plus an exponential of mean mean_ns */
    TL_LATENCY_LOGNORMAL,    /* least_ns plus a lognormal, so that median and 99th percentile are median_ns and p99_ns */
    TL_LATENCY_EMPIRICAL     /* straight lines between (quantile, value) pairs */
} tl_latency_kind;

/* What a leg is made from; members that its kind does not name are ignored. All times >= 0. */
typedef struct tl_latency_config {
    int32_t kind;    /* tl_latency_kind */
    uint32_t points; /* empirical: how many pairs, 1..256 */
    int64_t least_ns;
    int64_t most_ns;
    int64_t mean_ns;
    int64_t median_ns;       /* > least_ns */
    int64_t p99_ns;          /* >= median_ns */
    const double *quantiles; /* empirical: ascending within [0, 1]; below the first and above the last the end values hold */
    const int64_t *values_ns; /* empirical: ascending */
    uint64_t seed;            /* of the run */
    uint64_t leg;             /* tells the legs of one run apart */
} tl_latency_config;

typedef struct tl_latency tl_latency;

/* TL_ERR_ARGUMENT names what cannot be. */
tl_status tl_latency_create(const tl_latency_config *config, tl_latency **out);
void tl_latency_destroy(tl_latency *latency);

/* The least that a draw can be (its infimum); 0 for NULL. */
int64_t tl_latency_least_ns(const tl_latency *latency);

/* The next duration; 0 for NULL, which is a leg that takes no time. */
int64_t tl_latency_draw(tl_latency *latency);

#endif
