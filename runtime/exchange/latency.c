#include "exchange/latency.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"

enum { MAX_POINTS = 256 };

/* Longer than any backtest, short enough that a time plus some draws stays in range. */
#define LONGEST_NS ((int64_t)1 << 60)

/* The 99th percentile of the standard normal distribution. */
static const double Z99 = 2.3263478740408408;

struct tl_latency {
    tl_random random;
    int32_t kind;
    uint32_t points;
    int64_t least_ns;
    double span_ns; /* uniform: width + 1; exponential: mean; lognormal: median above least */
    double sigma;   /* lognormal */
    double quantiles[MAX_POINTS];
    int64_t values_ns[MAX_POINTS];
};

static tl_status check_points(const tl_latency_config *config) {
    if (config->points < 1 || config->points > MAX_POINTS || config->quantiles == NULL || config->values_ns == NULL)
        return tl_error_set(TL_ERR_ARGUMENT, "latency: %u quantiles, and an empirical one takes 1 to %d", config->points,
                            MAX_POINTS);
    for (uint32_t i = 0; i < config->points; i++) {
        double q = config->quantiles[i];
        int64_t v = config->values_ns[i];
        if (!(q >= 0 && q <= 1) || (i > 0 && q <= config->quantiles[i - 1]))
            return tl_error_set(TL_ERR_ARGUMENT, "latency: quantile %u is %g, and they ascend from 0 to 1", i + 1, q);
        if (v < 0 || v > LONGEST_NS || (i > 0 && v < config->values_ns[i - 1]))
            return tl_error_set(TL_ERR_ARGUMENT, "latency: the value at quantile %g is %lld ns, and they ascend from 0", q,
                                (long long)v);
    }
    return TL_OK;
}

static tl_status check(const tl_latency_config *config) {
    if (config->kind < TL_LATENCY_CONSTANT || config->kind > TL_LATENCY_EMPIRICAL)
        return tl_error_set(TL_ERR_ARGUMENT, "latency: there is no kind %d", config->kind);
    if (config->kind == TL_LATENCY_EMPIRICAL) return check_points(config);
    if (config->least_ns < 0 || config->least_ns > LONGEST_NS)
        return tl_error_set(TL_ERR_ARGUMENT, "latency: a least time of %lld ns cannot be", (long long)config->least_ns);
    if (config->kind == TL_LATENCY_UNIFORM && (config->most_ns < config->least_ns || config->most_ns > LONGEST_NS))
        return tl_error_set(TL_ERR_ARGUMENT, "latency: uniform from %lld to %lld ns cannot be", (long long)config->least_ns,
                            (long long)config->most_ns);
    if (config->kind == TL_LATENCY_EXPONENTIAL && (config->mean_ns < 0 || config->mean_ns > LONGEST_NS))
        return tl_error_set(TL_ERR_ARGUMENT, "latency: a mean of %lld ns cannot be", (long long)config->mean_ns);
    if (config->kind == TL_LATENCY_LOGNORMAL &&
        (config->median_ns <= config->least_ns || config->p99_ns < config->median_ns || config->p99_ns > LONGEST_NS))
        return tl_error_set(
            TL_ERR_ARGUMENT,
            "latency: median %lld and 99th percentile %lld ns with a least of %lld ns cannot be: least < median <= p99",
            (long long)config->median_ns, (long long)config->p99_ns, (long long)config->least_ns);
    return TL_OK;
}

tl_status tl_latency_create(const tl_latency_config *config, tl_latency **out) {
    tl_status status = check(config);
    if (status != TL_OK) return status;
    tl_latency *l = calloc(1, sizeof *l);
    if (l == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a latency model");
    l->kind = config->kind;
    l->least_ns = config->least_ns;
    tl_random_seed(&l->random, config->seed, config->leg);
    switch (config->kind) {
    case TL_LATENCY_UNIFORM:
        l->span_ns = (double)(config->most_ns - config->least_ns) + 1;
        break;
    case TL_LATENCY_EXPONENTIAL:
        l->span_ns = (double)config->mean_ns;
        break;
    case TL_LATENCY_LOGNORMAL:
        l->span_ns = (double)(config->median_ns - config->least_ns);
        l->sigma = tl_portable_log((double)(config->p99_ns - config->least_ns) / l->span_ns) / Z99;
        break;
    case TL_LATENCY_EMPIRICAL:
        l->points = config->points;
        l->least_ns = config->values_ns[0];
        memcpy(l->quantiles, config->quantiles, config->points * sizeof *l->quantiles);
        memcpy(l->values_ns, config->values_ns, config->points * sizeof *l->values_ns);
        break;
    default:
        break;
    }
    *out = l;
    return TL_OK;
}

void tl_latency_destroy(tl_latency *latency) {
    free(latency);
}

int64_t tl_latency_least_ns(const tl_latency *latency) {
    return latency != NULL ? latency->least_ns : 0;
}

static int64_t above_least(const tl_latency *l, double ns) {
    return ns < (double)(LONGEST_NS - l->least_ns) ? l->least_ns + (int64_t)ns : LONGEST_NS;
}

static int64_t between_points(const tl_latency *l, double u) {
    if (u <= l->quantiles[0]) return l->values_ns[0];
    for (uint32_t i = 1; i < l->points; i++) {
        if (u >= l->quantiles[i]) continue;
        double share = (u - l->quantiles[i - 1]) / (l->quantiles[i] - l->quantiles[i - 1]);
        return l->values_ns[i - 1] + (int64_t)(share * (double)(l->values_ns[i] - l->values_ns[i - 1]));
    }
    return l->values_ns[l->points - 1];
}

int64_t tl_latency_draw(tl_latency *l) {
    if (l == NULL) return 0;
    switch (l->kind) {
    case TL_LATENCY_UNIFORM:
        return above_least(l, tl_random_uniform(&l->random) * l->span_ns);
    case TL_LATENCY_EXPONENTIAL:
        return above_least(l, tl_random_exponential(&l->random) * l->span_ns);
    case TL_LATENCY_LOGNORMAL:
        return above_least(l, l->span_ns * tl_portable_exp(l->sigma * tl_random_normal(&l->random)));
    case TL_LATENCY_EMPIRICAL:
        return between_points(l, tl_random_uniform(&l->random));
    default:
        return l->least_ns;
    }
}
