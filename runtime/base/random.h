/* Pseudo-random numbers that are the same on every machine: xoshiro256++ (Blackman, Vigna 2019), seeded through splitmix64.
 *
 * A stream is a value with a single owner. The functions of the real line use only operations that IEEE 754 fixes to the bit
 * (no libm), so that a run draws the same numbers whatever the processor and the C library. Wait-free, no allocation.
 */
#ifndef TL_BASE_RANDOM_H
#define TL_BASE_RANDOM_H

#include "base/cdef.h"

typedef struct tl_random {
    uint64_t s0, s1, s2, s3; /* never all zero */
} tl_random;

/* A stream of a seed; `stream` tells apart the users of one seed. */
void tl_random_seed(tl_random *random, uint64_t seed, uint64_t stream);

/* 64 uniform bits. */
uint64_t tl_random_next(tl_random *random);

/* Uniform in [0, 1), a multiple of 2^-53. */
double tl_random_uniform(tl_random *random);

/* Uniform in 0..n-1 without bias; 0 for n = 0. */
uint64_t tl_random_below(tl_random *random, uint64_t n);

/* Standard normal (Marsaglia's polar method), and exponential with mean 1. */
double tl_random_normal(tl_random *random);
double tl_random_exponential(tl_random *random);

/* e^x and the natural logarithm (x > 0), to about 1e-14 relative, the same everywhere. */
double tl_portable_exp(double x);
double tl_portable_log(double x);

#endif
