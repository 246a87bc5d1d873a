/* Validates queue/latch: a writer at full speed that is killed again and again, readers that check every word of every value, and that updates are never seen to go back. */
#include <stdio.h>

#include "harness.h"
#include "queue/latch.h"

enum { WRITER, READER, SECOND, WORDS = 24, BYTES = 8 * WORDS + 4, LATCHES = 3 };

static tl_latch *latch_at(void *section, int i) {
    return (tl_latch *)((uint8_t *)section + (uint64_t)i * tl_latch_size(BYTES));
}

typedef struct value {
    uint64_t words[WORDS];
    uint32_t tail;
    uint32_t none;
} value;

static void write_next(tl_latch *latch) {
    value next;
    harness_fill(next.words, WORDS, latch->sequence + 1);
    next.tail = (uint32_t)next.words[0];
    tl_latch_write(latch, &next);
}

/* The update that was read; 0 for none. */
static uint64_t check(const tl_latch *latch, uint64_t *tries) {
    value got;
    uint64_t sequence;
    if (!tl_latch_read(latch, &got, &sequence)) {
        ++*tries;
        return 0;
    }
    if (got.words[0] != sequence)
        harness_fail("update %llu reads as %llu", (unsigned long long)sequence, (unsigned long long)got.words[0]);
    if (!harness_whole(got.words, WORDS) || got.tail != (uint32_t)sequence)
        harness_fail("update %llu is torn", (unsigned long long)sequence);
    return sequence;
}

static void writer_role(int role) {
    void *section = harness_section("w", "latches", true);
    for (int i = 0; i < LATCHES; i++)
        tl_latch_init(latch_at(section, i), BYTES);
    for (int i = 0; i < LATCHES; i++)
        write_next(latch_at(section, i));
    harness_ready(role);
    while (!harness_stopped()) {
        write_next(latch_at(section, (int)(harness_random() % LATCHES)));
        if (harness_random() % 1024 == 0) harness_linger(harness_random() % 20000);
    }
}

static void reader_role(int role) {
    void *section = harness_section("w", "latches", false);
    uint64_t last[LATCHES] = {0}, reads = 0, failures = 0;
    while (!harness_stopped()) {
        int i = (int)(harness_random() % LATCHES);
        uint64_t update = check(latch_at(section, i), &failures);
        if (update != 0 && update < last[i])
            harness_fail("update %llu after %llu", (unsigned long long)update, (unsigned long long)last[i]);
        if (update != 0) last[i] = update;
        reads++;
    }
    harness_count(role, reads);
    harness_count(role + 3, failures);
}

static tl_latch *stepped;
static void act_write(void) {
    write_next(stepped);
    write_next(stepped);
}

int main(int argc, char **argv) {
    harness_begin(argc, argv);
    harness_region("w", "latches", (uint64_t)(LATCHES * tl_latch_size(BYTES)), NULL);
    void *section = harness_section("w", "latches", true);
    for (int i = 0; i < LATCHES; i++) {
        tl_latch_init(latch_at(section, i), BYTES);
        write_next(latch_at(section, i));
    }
    uint32_t steps = 0;
    if (harness_stepping) {
        stepped = latch_at(section, 0);
        act_write();
        uint64_t none = 0;
        for (;; steps += harness_stride(20)) {
            uint64_t before = check(stepped, &none);
            int died = harness_die_at(steps, act_write);
            uint64_t after = check(stepped, &none);
            if (none != 0 || after < before || after > before + 2)
                harness_fail("update %llu became %llu by a death after %u instructions", (unsigned long long)before,
                             (unsigned long long)after, steps);
            write_next(stepped);
            if (check(stepped, &none) != after + 1) harness_fail("a successor's update cannot be read");
            if (died <= 0) break;
        }
    }
    harness_start_time();
    harness_start(WRITER, writer_role);
    harness_start(READER, reader_role);
    harness_start(SECOND, reader_role);
    uint64_t deaths = harness_kill_until_over((int[]){WRITER}, (harness_role *[]){writer_role}, 1);
    harness_join();
    uint64_t updates = 0;
    for (int i = 0; i < LATCHES; i++)
        updates += latch_at(section, i)->sequence;
    printf("latch: %llu updates, %llu reads of which %llu found no whole value in time, killed within %u instructions and "
           "%llu times at random\n",
           (unsigned long long)updates, (unsigned long long)(harness->counts[READER] + harness->counts[SECOND]),
           (unsigned long long)(harness->counts[READER + 3] + harness->counts[SECOND + 3]), steps,
           (unsigned long long)deaths);
    return harness_end();
}
