/* Validates queue/broadcast with the latches beside it: a producer at full speed that is killed again and again, readers of which one is too slow and is lapped.
 *
 * Of each four slots the last two are one record, so that record r = 3 * (p / 4) + p % 4 begins at position p where p % 4 < 3. Record r belongs to instrument r % 8 and is
 * its number r / 8. A reader checks every word, that it never stands inside a record, and that of each instrument it sees every record in order: after a lap the latches tell
 * it what it missed, and there is no hole behind them. */
#include <stdio.h>

#include "harness.h"
#include "queue/broadcast.h"
#include "queue/latch.h"

enum { WRITER, FAST, SLOW, LATE, CAPACITY = 1024, WORDS = 8, SLOT_BYTES = 64, INSTRUMENTS = 8, BATCH = 64 };

static uint64_t record_at(uint64_t position) {
    return position / 4 * 3 + position % 4;
}

/* How many records of an instrument begin below a position. */
static uint64_t records_below(uint64_t position, uint32_t instrument) {
    uint64_t record = record_at(position);
    return record / INSTRUMENTS + (record % INSTRUMENTS > instrument);
}

typedef struct last_record {
    uint64_t words[WORDS]; /* words[0]: how many there were */
} last_record;

static tl_latch *latch_at(const void *section, uint32_t i) {
    return (tl_latch *)((uintptr_t)section + (uint64_t)i * tl_latch_size(sizeof(last_record)));
}

typedef struct feed {
    tl_broadcast_writer writer;
    void *latches;
} feed;

static void write_latch(feed *f, uint32_t instrument, uint64_t count) {
    last_record value;
    harness_fill(value.words, WORDS, count);
    tl_latch_write(latch_at(f->latches, instrument), &value);
}

/* A successor writes every published copy again before it opens. */
static void open_feed(feed *f) {
    if (tl_broadcast_attach_writer(&f->writer, harness_section("w", "ring", true), CAPACITY, SLOT_BYTES) != TL_OK)
        harness_fail("%s", tl_error_text());
    f->latches = harness_section("w", "latches", true);
    if (f->writer.position % 4 == 3)
        harness_fail("%llu slots were published: half a record", (unsigned long long)f->writer.position);
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        tl_latch_init(latch_at(f->latches, i), sizeof(last_record));
        write_latch(f, i, records_below(f->writer.position, i));
    }
    tl_broadcast_latched(&f->writer, f->writer.position);
}

static void write_records(feed *f, uint32_t records) {
    uint64_t from = f->writer.position;
    uint64_t slots[2 * WORDS];
    for (uint32_t i = 0; i < records; i++) {
        uint64_t position = f->writer.position + f->writer.staged;
        harness_fill(slots, WORDS, position);
        harness_fill(slots + WORDS, WORDS, position + 1);
        tl_broadcast_stage(&f->writer, slots, position % 4 == 2 ? 2 : 1);
    }
    tl_broadcast_publish(&f->writer);
    for (uint64_t position = from; position < f->writer.position; position++)
        if (position % 4 != 3)
            write_latch(f, (uint32_t)(record_at(position) % INSTRUMENTS), record_at(position) / INSTRUMENTS + 1);
    tl_broadcast_latched(&f->writer, f->writer.position);
}

typedef struct follower {
    tl_broadcast_reader reader;
    const void *latches;
    uint64_t seen[INSTRUMENTS]; /* records of each */
    uint64_t laps, checked;
} follower;

static void resync(follower *f) {
    if (f->reader.position % 4 == 3)
        harness_fail("a reader stands inside a record, at %llu", (unsigned long long)f->reader.position);
    for (uint32_t i = 0; i < INSTRUMENTS; i++) {
        last_record value;
        /* Fails only against an update after an update during its copies: then the same again. */
        while (!tl_latch_read(latch_at(f->latches, i), &value, NULL))
            if (harness_stopped()) return;
        if (!harness_whole(value.words, WORDS)) harness_fail("the latch of instrument %u is torn", i);
        if (value.words[0] < records_below(f->reader.position, i))
            harness_fail("a reader stands at %llu, but the latch of instrument %u is as of record %llu only, not %llu",
                         (unsigned long long)f->reader.position, i, (unsigned long long)value.words[0],
                         (unsigned long long)records_below(f->reader.position, i));
        if (value.words[0] < f->seen[i]) harness_fail("the latch of instrument %u goes back", i);
        f->seen[i] = value.words[0];
    }
}

static void join(follower *f) {
    *f = (follower){.latches = harness_section("w", "latches", false)};
    if (tl_broadcast_attach_reader(&f->reader, harness_section("w", "ring", false), CAPACITY, SLOT_BYTES) != TL_OK)
        harness_fail("%s", tl_error_text());
    /* A late joiner stands where the latches are known to be. */
    uint64_t latched = __atomic_load_n(&f->reader.head->latched, __ATOMIC_ACQUIRE);
    if (latched < f->reader.position) f->reader.position = latched;
    resync(f);
}

static void follow(follower *f, uint32_t most) {
    uint64_t slots[WORDS * 256], lost;
    uint32_t count = tl_broadcast_copy(&f->reader, slots, most, &lost);
    if (lost != 0) {
        f->laps++;
        resync(f);
        return;
    }
    /* Half a record at the end of the batch is left for the next; it is whole in the ring. */
    if (count > 1 && (f->reader.position + count) % 4 == 3) count--;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t position = f->reader.position + i;
        const uint64_t *slot = slots + i * WORDS;
        if (slot[0] != position)
            harness_fail("position %llu holds %llu", (unsigned long long)position, (unsigned long long)slot[0]);
        if (!harness_whole(slot, WORDS)) harness_fail("position %llu is torn", (unsigned long long)position);
        if (position % 4 == 3) continue;
        uint64_t record = record_at(position), number = record / INSTRUMENTS;
        uint64_t *seen = &f->seen[record % INSTRUMENTS];
        if (number > *seen)
            harness_fail("record %llu of an instrument follows %llu", (unsigned long long)number, (unsigned long long)*seen);
        if (number == *seen) ++*seen; /* below: the latch had it already */
    }
    f->checked += count;
    tl_broadcast_take(&f->reader, count);
}

static void reader_role(int role) {
    follower f;
    join(&f);
    while (!harness_stopped()) {
        follow(&f, 2 + (uint32_t)(harness_random() % 250));
        if (role == SLOW && harness_random() % 64 == 0) harness_linger(harness_random() % 200000);
        if (role == LATE && harness_random() % 256 == 0) {
            harness_count(role, f.checked);
            harness_count(role + 4, f.laps);
            join(&f);
        }
    }
    harness_count(role, f.checked);
    harness_count(role + 4, f.laps);
}

/* A reader that stands where the writer died, a whole ring behind: what it is given is whole. */
static void check_edge(const tl_broadcast_writer *writer) {
    follower f = {0};
    uint64_t slots[WORDS * BATCH], lost;
    if (writer->position < CAPACITY) return;
    if (tl_broadcast_attach_reader(&f.reader, harness_section("w", "ring", false), CAPACITY, SLOT_BYTES) != TL_OK)
        harness_fail("%s", tl_error_text());
    for (uint64_t from = writer->position - CAPACITY; from < writer->position - CAPACITY + BATCH; from++) {
        f.reader.position = from;
        uint32_t count = tl_broadcast_copy(&f.reader, slots, BATCH, &lost);
        for (uint32_t i = 0; i < count; i++)
            if (slots[i * WORDS] != from + i || !harness_whole(slots + i * WORDS, WORDS))
                harness_fail("position %llu is torn, a ring behind a dead writer", (unsigned long long)(from + i));
    }
}

static void writer_role(int role) {
    feed f;
    open_feed(&f);
    check_edge(&f.writer); /* as a predecessor left it */
    write_records(&f, 1);
    check_edge(&f.writer);
    harness_ready(role);
    while (!harness_stopped()) {
        write_records(&f, 1 + (uint32_t)(harness_random() % BATCH));
        if (harness_random() % 16 == 0) harness_linger(harness_random() % 3000);
    }
}

static feed stepped;
static void act_write(void) {
    write_records(&stepped, 2);
    write_records(&stepped, 3);
}

int main(int argc, char **argv) {
    harness_begin(argc, argv);
    harness_region("w", "ring", tl_broadcast_bytes(CAPACITY, SLOT_BYTES), "latches",
                   (uint64_t)(INSTRUMENTS * tl_latch_size(sizeof(last_record))), NULL);
    feed first;
    open_feed(&first);
    uint32_t steps = 0;
    if (harness_stepping) {
        follower f;
        join(&f);
        stepped = first;
        act_write();
        while (stepped.writer.position < CAPACITY) {
            write_records(&stepped, 8);
            follow(&f, 256);
        }
        int died = 1;
        for (; died > 0; steps += harness_stride(50)) {
            open_feed(&stepped);
            died = harness_die_at(steps, act_write);
            open_feed(&stepped);
            check_edge(&stepped.writer);
            write_records(&stepped, 1);
            check_edge(&stepped.writer);
            while (f.reader.position != stepped.writer.position)
                follow(&f, 256);
            if (f.laps != 0) harness_fail("a reader that keeps up was lapped, by a death after %u instructions", steps);
        }
    }
    harness_start_time();
    harness_start(WRITER, writer_role);
    harness_start(FAST, reader_role);
    harness_start(SLOW, reader_role);
    harness_start(LATE, reader_role);
    uint64_t deaths = harness_kill_until_over((int[]){WRITER}, (harness_role *[]){writer_role}, 1);
    harness_join();
    open_feed(&first);
    printf("broadcast: %llu slots, %llu checked by three readers that were lapped %llu times, killed within %u instructions "
           "and %llu times at random\n",
           (unsigned long long)first.writer.position,
           (unsigned long long)(harness->counts[FAST] + harness->counts[SLOW] + harness->counts[LATE]),
           (unsigned long long)(harness->counts[FAST + 4] + harness->counts[SLOW + 4] + harness->counts[LATE + 4]), steps,
           (unsigned long long)deaths);
    return harness_end();
}
