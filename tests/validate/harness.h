/* What the validators share: roles that run as processes over real regions and are killed, or as threads for ThreadSanitizer, and the killing instruction by instruction.
 *
 *   NAME [--seconds S] [--seed N] [--threads] [--every]
 *
 * A validator prints one line of what it did and ends with 0, or a sentence of what was wrong and ends with 1. It leaves nothing in /dev/shm, also when it is interrupted.
 */
#ifndef TIDELOCK_VALIDATE_HARNESS_H
#define TIDELOCK_VALIDATE_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/region.h"

enum { HARNESS_ROLES = 8 };

typedef struct harness_control {
    uint32_t stop;   /* roles come to their end */
    uint32_t failed; /* somebody saw what must not be */
    uint64_t seed;
    uint64_t ready[HARNESS_ROLES] __attribute__((aligned(64)));  /* lives of a role that have begun their work */
    uint64_t counts[HARNESS_ROLES] __attribute__((aligned(64))); /* what a role did, for the line at the end */
} harness_control;

typedef void harness_role(int role);

extern harness_control *harness;
extern double harness_seconds;
extern bool harness_threads;
extern bool
    harness_stepping; /* single steps are made: in processes, and not under a sanitizer, whose instructions would be most of them */
extern bool harness_every; /* die at every instruction, not at every few */

/* Reads the arguments and makes the folder of the regions, which goes at the end. */
void harness_begin(int argc, char **argv);
/* 0, or 1 when something failed. */
int harness_end(void);

/* The path of a region in the folder; a static text, of the calling thread. */
const char *harness_path(const char *name);
/* Creates a region of some sections: name, bytes, name, bytes, NULL. */
void harness_region(const char *name, ...);
/* A section of a region opened for writing or not. The mapping stays, and is found again. */
void *harness_section(const char *region, const char *section, bool writable);

/* A sentence of what is wrong; ends the process. */
void harness_fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
bool harness_stopped(void);
void harness_ready(int role);
void harness_count(int role, uint64_t by);

/* Starts a role as a process of its own (dies with us), or as a thread. */
void harness_start(int role, harness_role *run);
/* Kills it with SIGKILL after a random time of at most most_us since its work began, and starts its successor. */
void harness_kill_and_succeed(int role, harness_role *run, uint32_t most_us);
/* Does that to each of `count` roles in turn, 400 us at most, until the time is up, which threads only wait for; how many deaths there were. */
uint64_t harness_kill_until_over(const int *roles, harness_role *const *runs, int count);
/* Asks all to stop and waits for them; a role that ends with anything but 0 is a failure. */
void harness_join(void);
/* The time for what runs at random begins; it is up. */
void harness_start_time(void);
bool harness_over(void);

/* Runs `act` in a process that is killed after `steps` instructions: true when it was, false when it was done before. -1 when the kernel lets us not trace. */
int harness_die_at(uint32_t steps, void (*act)(void));

/* How many instructions later the next death is: `mean` on average, 1 with --every. */
uint32_t harness_stride(uint32_t mean);

uint64_t harness_random(void);
/* A word that belongs to a number and a place. */
static inline uint64_t harness_word(uint64_t number, uint32_t place) {
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15ULL + place * 0xbf58476d1ce4e5b9ULL;
    x ^= x >> 29;
    return x * 0x94d049bb133111ebULL;
}
static inline void harness_fill(uint64_t *words, uint32_t count, uint64_t number) {
    words[0] = number;
    for (uint32_t i = 1; i < count; i++)
        words[i] = harness_word(number, i);
}
static inline bool harness_whole(const uint64_t *words, uint32_t count) {
    for (uint32_t i = 1; i < count; i++)
        if (words[i] != harness_word(words[0], i)) return false;
    return true;
}
/* Some time, without sleeping. */
static inline void harness_linger(uint64_t rounds) {
    for (volatile uint64_t i = 0; i < rounds; i++) {
    }
}

#endif
