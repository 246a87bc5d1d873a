#include "base/random.h"

#include <math.h>
#include <string.h>

static uint64_t split_mix(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void tl_random_seed(tl_random *random, uint64_t seed, uint64_t stream) {
    uint64_t state = seed;
    state = split_mix(&state) ^ stream;
    random->s0 = split_mix(&state);
    random->s1 = split_mix(&state);
    random->s2 = split_mix(&state);
    random->s3 = split_mix(&state) | 1;
}

static inline uint64_t rotate(uint64_t x, int by) {
    return x << by | x >> (64 - by);
}

uint64_t tl_random_next(tl_random *r) {
    uint64_t result = rotate(r->s0 + r->s3, 23) + r->s0, t = r->s1 << 17;
    r->s2 ^= r->s0;
    r->s3 ^= r->s1;
    r->s1 ^= r->s2;
    r->s0 ^= r->s3;
    r->s2 ^= t;
    r->s3 = rotate(r->s3, 45);
    return result;
}

double tl_random_uniform(tl_random *random) {
    return (double)(tl_random_next(random) >> 11) * 0x1p-53;
}

uint64_t tl_random_below(tl_random *random, uint64_t n) {
    if (n == 0) return 0;
    uint64_t reject_below = -n % n; /* 2^64 mod n: what is under it would make small results likelier */
    uint64_t x;
    do
        x = tl_random_next(random);
    while (x < reject_below);
    return x % n;
}

double tl_random_normal(tl_random *random) {
    for (;;) {
        double u = 2 * tl_random_uniform(random) - 1, v = 2 * tl_random_uniform(random) - 1;
        double s = u * u + v * v;
        if (s > 0 && s < 1) return u * sqrt(-2 * tl_portable_log(s) / s);
    }
}

double tl_random_exponential(tl_random *random) {
    return -tl_portable_log(1 - tl_random_uniform(random));
}

static const double LN2 = 0.69314718055994530942;

double tl_portable_exp(double x) {
    if (x != x) return x;
    if (x > 709) return INFINITY;
    if (x < -708) return 0;
    double halves = x / LN2;
    int64_t n = (int64_t)(halves < 0 ? halves - 0.5 : halves + 0.5);
    double r = x - (double)n * LN2, term = 1, sum = 1;
    for (int i = 1; i <= 17; i++) { /* |r| <= 0.35: the next term is under 1e-22 */
        term *= r / i;
        sum += term;
    }
    uint64_t bits = (uint64_t)(n + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return sum * power;
}

double tl_portable_log(double x) {
    if (!(x > 0)) return x == 0 ? -INFINITY : NAN;
    if (x > 1.7976931348623157e308) return x;
    int exponent = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        exponent = -54;
    }
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    exponent += (int)(bits >> 52) - 1023;
    bits = (bits & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m;
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        exponent++;
    }
    /* log m = 2 artanh((m - 1) / (m + 1)); |t| <= 0.172, so that the term behind t^23 is under 1e-19. */
    double t = (m - 1) / (m + 1), t2 = t * t, power = t, sum = 0;
    for (int i = 1; i <= 23; i += 2) {
        sum += power / i;
        power *= t2;
    }
    return exponent * LN2 + 2 * sum;
}
