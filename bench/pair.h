/* What benchmarks with two threads share: pinning, a common start, the distance of the two cores, medians.
 *
 * Virtual cores are moved apart and together by their host, so that each sample is preceded by a probe: a cache line there and back. */
#ifndef TIDELOCK_BENCH_PAIR_H
#define TIDELOCK_BENCH_PAIR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* affinities */
#endif
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

typedef void pair_work(void *state);

static int pair_cpus[2] = {0, 1};
static uint32_t pair_gate __attribute__((aligned(128)));
static uint64_t pair_line __attribute__((aligned(128)));

static inline void pair_relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static inline void pair_pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* The least that two readings of the time stamp counter are apart: what a time between two includes. */
static inline double pair_clock_ticks(void) {
    double least = 1e9;
    for (int i = 0; i < 100000; i++) {
        uint64_t begin = tl_clock_tsc();
        double ticks = (double)(tl_clock_tsc() - begin);
        if (ticks < least) least = ticks;
    }
    return least;
}

static inline void pair_meet(void) {
    __atomic_fetch_add(&pair_gate, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&pair_gate, __ATOMIC_ACQUIRE) < 2)
        pair_relax();
}

typedef struct pair_other {
    pair_work *work;
    void *state;
} pair_other;

static inline void *pair_run_other(void *argument) {
    pair_other *other = argument;
    pair_pin(pair_cpus[1]);
    pair_meet();
    other->work(other->state);
    return NULL;
}

/* Runs both at once, each on its core; ns that `here` took. */
static inline int64_t pair_run(pair_work *here, pair_work *there, void *state) {
    pthread_t thread;
    pair_other other = {there, state};
    pair_gate = 0;
    if (pthread_create(&thread, NULL, pair_run_other, &other) != 0) exit(1);
    pair_pin(pair_cpus[0]);
    pair_meet();
    int64_t begin_ns = tl_clock_monotonic_ns();
    here(state);
    int64_t took_ns = tl_clock_monotonic_ns() - begin_ns;
    pthread_join(thread, NULL);
    return took_ns;
}

enum { PAIR_TRIPS = 20000 };

static inline void pair_ping(void *state) {
    (void)state;
    for (uint64_t i = 0; i < PAIR_TRIPS; i++) {
        __atomic_store_n(&pair_line, 2 * i + 1, __ATOMIC_RELEASE);
        while (__atomic_load_n(&pair_line, __ATOMIC_ACQUIRE) != 2 * i + 2) {
        }
    }
}

static inline void pair_pong(void *state) {
    (void)state;
    for (uint64_t i = 0; i < PAIR_TRIPS; i++) {
        while (__atomic_load_n(&pair_line, __ATOMIC_ACQUIRE) != 2 * i + 1) {
        }
        __atomic_store_n(&pair_line, 2 * i + 2, __ATOMIC_RELEASE);
    }
}

/* A cache line there and back, ns. */
static inline double pair_distance_ns(void) {
    pair_line = 0;
    return (double)pair_run(pair_ping, pair_pong, NULL) / PAIR_TRIPS;
}

static inline int pair_by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double pair_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, pair_by_value);
    return count == 0 ? 0 : values[count / 2];
}

/* --json, --samples N, --cpus A,B; the number of samples. */
static inline int pair_arguments(int argc, char **argv, int samples, bool *json) {
    *json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            *json = true;
        else if (strcmp(argv[i], "--samples") == 0 && i + 1 < argc)
            samples = atoi(argv[++i]);
        else if (strcmp(argv[i], "--cpus") == 0 && i + 1 < argc)
            sscanf(argv[++i], "%d,%d", &pair_cpus[0], &pair_cpus[1]);
        else {
            fprintf(stderr, "usage: %s [--json] [--samples N] [--cpus A,B]\n", argv[0]);
            exit(2);
        }
    }
    if (samples < 1) samples = 1;
    return samples;
}

#endif
