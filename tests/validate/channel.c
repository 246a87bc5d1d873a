/* Validates queue/channel: a producer and a consumer in processes of their own, both killed again and again, each followed by a successor.
 *
 * The slot of position p holds words that belong to p. The consumer checks every word of every slot it is given, in place, before it gives the slot back; its
 * successor begins at the predecessor's cursor, so that every position is seen at least once and in order. */
#include <stdio.h>

#include "harness.h"
#include "queue/channel.h"

enum { PRODUCER, CONSUMER, CAPACITY = 256, WORDS = 16, SLOT_BYTES = 8 * WORDS };

static void attach_producer(tl_spsc_producer *producer) {
    if (tl_channel_producer(producer, harness_section("p", "out:c", true), harness_section("c", "in:c", false), CAPACITY,
                            SLOT_BYTES) != TL_OK)
        harness_fail("%s", tl_error_text());
}

static void attach_consumer(tl_spsc_consumer *consumer) {
    if (tl_channel_consumer(consumer, harness_section("p", "out:c", false), harness_section("c", "in:c", true), CAPACITY,
                            SLOT_BYTES) != TL_OK)
        harness_fail("%s", tl_error_text());
}

static uint64_t produce(tl_spsc_producer *producer, uint64_t wanted) {
    uint64_t granted;
    uint64_t *slots = tl_spsc_reserve(producer, wanted, &granted);
    for (uint64_t i = 0; i < granted; i++)
        harness_fill(slots + i * WORDS, WORDS, producer->position + i);
    if (granted != 0) tl_spsc_commit(producer, granted);
    return granted;
}

static uint64_t consume(tl_spsc_consumer *consumer, uint64_t most) {
    uint64_t count;
    const uint64_t *slots = tl_spsc_poll(consumer, &count);
    if (count > most) count = most;
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t *slot = slots + i * WORDS;
        if (slot[0] != consumer->position + i)
            harness_fail("position %llu holds %llu", (unsigned long long)(consumer->position + i),
                         (unsigned long long)slot[0]);
        if (!harness_whole(slot, WORDS)) harness_fail("position %llu is torn", (unsigned long long)slot[0]);
    }
    if (count != 0) tl_spsc_release(consumer, count);
    return count;
}

static void producer_role(int role) {
    tl_spsc_producer producer;
    attach_producer(&producer);
    harness_ready(role);
    while (!harness_stopped()) {
        produce(&producer, 1 + harness_random() % 40);
        if (harness_random() % 64 == 0) harness_linger(harness_random() % 5000);
    }
}

static void consumer_role(int role) {
    tl_spsc_consumer consumer;
    attach_consumer(&consumer);
    harness_ready(role);
    while (!harness_stopped()) {
        harness_count(role, consume(&consumer, 1 + harness_random() % 300));
        if (harness_random() % 64 == 0) harness_linger(harness_random() % 5000);
    }
}

static tl_spsc_producer stepped;
static tl_spsc_consumer stepped_consumer;

static void act_produce(void) {
    produce(&stepped, 1);
    produce(&stepped, 2);
}

static void act_consume(void) {
    consume(&stepped_consumer, 2);
    consume(&stepped_consumer, 3);
}

/* Death at every instruction of some production, and of some consumption, in turn. How many there were. */
static uint32_t die_everywhere(void (*act)(void), void (*prepare)(void), uint32_t most) {
    for (uint32_t steps = 0; steps < most; steps += harness_stride(20)) {
        prepare();
        int died = harness_die_at(steps, act);
        if (died < 0) return 0;
        if (died == 0) return steps;
        /* A successor of each end goes on, and all is there. */
        tl_spsc_producer producer;
        tl_spsc_consumer consumer;
        attach_producer(&producer);
        attach_consumer(&consumer);
        produce(&producer, 2);
        while (consume(&consumer, CAPACITY) != 0) {
        }
        if (consumer.position != producer.position)
            harness_fail("a successor's slots did not arrive, after %u instructions", steps);
    }
    return most;
}

static void attach_both(void) {
    attach_producer(&stepped);
    attach_consumer(&stepped_consumer);
}

static void fill_some(void) {
    attach_both();
    produce(&stepped, 5);
}

int main(int argc, char **argv) {
    harness_begin(argc, argv);
    harness_region("p", "out:c", tl_channel_out_bytes(CAPACITY, SLOT_BYTES), NULL);
    harness_region("c", "in:c", tl_channel_in_bytes(), NULL);
    uint32_t steps = 0;
    if (harness_stepping) {
        attach_both(); /* the dynamic linker's work is done before steps are counted */
        act_produce();
        act_consume();
        steps = die_everywhere(act_produce, attach_both, 5000);
        steps += die_everywhere(act_consume, fill_some, 5000);
    }
    harness_start_time();
    harness_start(PRODUCER, producer_role);
    harness_start(CONSUMER, consumer_role);
    uint64_t deaths =
        harness_kill_until_over((int[]){PRODUCER, CONSUMER}, (harness_role *[]){producer_role, consumer_role}, 2);
    harness_join();
    tl_spsc_consumer consumer;
    tl_spsc_producer producer;
    attach_consumer(&consumer);
    attach_producer(&producer);
    while (consume(&consumer, CAPACITY) != 0) {
    }
    if (consumer.position != producer.position) harness_fail("what was committed last did not arrive");
    printf("channel: %llu slots checked, killed within %u instructions and %llu times at random\n",
           (unsigned long long)consumer.position, steps, (unsigned long long)deaths);
    return harness_end();
}
