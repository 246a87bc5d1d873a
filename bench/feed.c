/* How fast does a recorded day go from the paper venue through the feed agent into the broadcast ring, at speed "max"? Compared in the same run with the simulator alone
 * (the floor: what the history costs without channel, ring and latches); and what an update of an instrument's latch costs. Median and spread of 5 samples.
 * `--json` prints one object. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "exchange/generator.h"
#include "market/sink.h"
#include "queue/broadcast.h"
#include "queue/channel.h"
#include "queue/latch.h"
#include "venue/feed.h"
#include "venue/paper.h"

enum {
    SAMPLES = 5,
    MESSAGES = 1000000,
    SYMBOLS = 10,
    MARKET = 16384,
    FEED = 65536,
    DATE = 20191230,
    WANT = 7,
    WRITES = 1000000
};

typedef struct bench {
    char house_path[64], io_path[64], file[64];
    tl_region house, io;
    tl_runtime_clock clock;
    tl_calendars *calendars;
    tl_instruments *instruments;
    tl_paper *paper;
    tl_feed *feed;
    tl_agent venue_agent, feed_agent;
    int ended;
} bench;

static void check(tl_status status) {
    if (status == TL_OK) return;
    fprintf(stderr, "feed: %s\n", tl_error_text());
    exit(1);
}

static void generate(const char *path) {
    tl_generator_options options = {.seed = 1, .messages = MESSAGES, .symbols = SYMBOLS};
    tl_generator *generator;
    tl_sink *sink;
    static uint8_t buffer[TL_GENERATOR_BUFFER_BYTES];
    check(tl_generator_create(&options, &generator));
    check(tl_sink_open(path, &sink));
    for (size_t length = 1; length > 0;) {
        check(tl_generator_fill(generator, buffer, sizeof buffer, &length));
        check(tl_sink_write(sink, buffer, length));
    }
    check(tl_sink_close(sink));
    tl_generator_destroy(generator);
}

static void make_regions(bench *b) {
    tl_region_section house[] = {{"out:market", 0, tl_channel_out_bytes(MARKET, 64)},
                                 {"out:venue.reports", 0, tl_channel_out_bytes(4096, 96)},
                                 {"in:venue.commands", 0, tl_channel_in_bytes()},
                                 {"exchange.log", 0, tl_paper_log_bytes()},
                                 {"exchange.checkpoint.0", 0, tl_paper_checkpoint_bytes(1000, 0)},
                                 {"exchange.checkpoint.1", 0, tl_paper_checkpoint_bytes(1000, 0)}};
    tl_region_section io[] = {{"feed", 0, tl_broadcast_bytes(FEED, 64)},
                              {"latches", 0, tl_feed_latches_bytes(SYMBOLS)},
                              {"in:market", 0, tl_channel_in_bytes()},
                              {"out:venue.commands", 0, tl_channel_out_bytes(4096, 128)},
                              {"in:venue.reports", 0, tl_channel_in_bytes()}};
    check(tl_region_create(b->house_path, house, sizeof house / sizeof *house, 1));
    check(tl_region_create(b->io_path, io, sizeof io / sizeof *io, 1));
    check(tl_region_open(&b->house, b->house_path, true, 0));
    check(tl_region_open(&b->io, b->io_path, true, 0));
    unlink(b->house_path);
    unlink(b->io_path);
}

static void start(bench *b) {
    make_regions(b);
    b->instruments = tl_instruments_create();
    tl_paper_config paper = {.clock = &b->clock,
                             .instruments = b->instruments,
                             .calendars = b->calendars,
                             .own = &b->house,
                             .gateway = &b->io,
                             .market_capacity = MARKET,
                             .command_capacity = 4096,
                             .report_capacity = 4096};
    check(tl_paper_create(&paper, &b->paper));
    check(tl_paper_add_itch(b->paper, b->file, DATE));
    for (uint32_t i = 0; i < SYMBOLS; i++)
        tl_paper_want(b->paper, i, WANT);
    tl_feed_config feed = {.clock = &b->clock,
                           .instruments = b->instruments,
                           .own = &b->io,
                           .source = &b->house,
                           .market_capacity = MARKET,
                           .feed_capacity = FEED,
                           .instrument_capacity = SYMBOLS};
    check(tl_feed_create(&feed, &b->feed));
    tl_paper_agent(b->paper, &b->venue_agent);
    tl_feed_agent(b->feed, &b->feed_agent);
    b->ended = 0;
}

static void end(bench *b) {
    tl_paper_destroy(b->paper);
    tl_feed_destroy(b->feed);
    tl_instruments_destroy(b->instruments);
    tl_region_close(&b->house);
    tl_region_close(&b->io);
}

static uint64_t published(bench *b) {
    return ((const tl_broadcast_head *)tl_region_find(&b->io, "feed", NULL))->produced;
}

static void drain(bench *b) {
    while (b->feed_agent.work(b->feed_agent.state, tl_clock_monotonic_ns()) > 0)
        ;
}

/* Both agents in turn on this core; ns. */
static int64_t one_core(bench *b) {
    int64_t from_ns = tl_clock_monotonic_ns();
    while (!tl_paper_ended(b->paper)) {
        b->venue_agent.work(b->venue_agent.state, tl_clock_monotonic_ns());
        b->feed_agent.work(b->feed_agent.state, tl_clock_monotonic_ns());
    }
    drain(b);
    return tl_clock_monotonic_ns() - from_ns;
}

static void *feed_thread(void *context) {
    bench *b = context;
    while (!__atomic_load_n(&b->ended, __ATOMIC_ACQUIRE))
        b->feed_agent.work(b->feed_agent.state, tl_clock_monotonic_ns());
    drain(b);
    return NULL;
}

static int64_t two_cores(bench *b) {
    pthread_t thread;
    int64_t from_ns = tl_clock_monotonic_ns();
    if (pthread_create(&thread, NULL, feed_thread, b) != 0) exit(1);
    while (!tl_paper_ended(b->paper))
        b->venue_agent.work(b->venue_agent.state, tl_clock_monotonic_ns());
    __atomic_store_n(&b->ended, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    return tl_clock_monotonic_ns() - from_ns;
}

/* The history alone. */
static int64_t simulator_alone(bench *b, uint64_t *slots) {
    tl_instruments *instruments = tl_instruments_create();
    tl_simulator_config config = {0};
    tl_simulator *simulator = tl_simulator_create(instruments, b->calendars, &config);
    check(tl_simulator_add_itch(simulator, b->file, DATE));
    for (uint32_t i = 0; i < SYMBOLS; i++)
        tl_simulator_want(simulator, i, WANT);
    int64_t from_ns = tl_clock_monotonic_ns();
    bool after;
    *slots = 0;
    while (tl_simulator_next_ns(simulator, &after) != INT64_MAX) {
        uint32_t count;
        tl_simulator_step(simulator);
        tl_simulator_events(simulator, &count);
        tl_simulator_clear_output(simulator);
        *slots += count;
    }
    int64_t spent_ns = tl_clock_monotonic_ns() - from_ns;
    tl_simulator_destroy(simulator);
    tl_instruments_destroy(instruments);
    return spent_ns;
}

static double latch_write_ns(void) {
    static TL_ALIGNED(128) uint8_t memory[3 * sizeof(tl_feed_market) + 256];
    static tl_feed_market value;
    tl_latch *latch = (tl_latch *)memory;
    if (tl_latch_size(sizeof value) > sizeof memory) exit(1);
    tl_latch_init(latch, sizeof value);
    int64_t from_ns = tl_clock_monotonic_ns();
    for (int i = 0; i < WRITES; i++) {
        value.position++;
        tl_latch_write(latch, &value);
    }
    return (double)(tl_clock_monotonic_ns() - from_ns) / WRITES;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print(const char *name, double *samples, const char *unit, double scale, bool json, bool first) {
    qsort(samples, SAMPLES, sizeof(double), by_value);
    double median = samples[SAMPLES / 2] * scale, low = samples[0] * scale, high = samples[SAMPLES - 1] * scale;
    if (json)
        printf("%s\"%s\": {\"unit\": \"%s\", \"median\": %.3f, \"min\": %.3f, \"max\": %.3f}", first ? "" : ", ", name, unit,
               median, low, high);
    else
        printf("%-44s %8.2f %s  (%.2f to %.2f)\n", name, median, unit, low, high);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bench b = {.calendars = tl_calendars_create()};
    snprintf(b.file, sizeof b.file, "/dev/shm/tidelock-bench-%d.itch", (int)getpid());
    snprintf(b.house_path, sizeof b.house_path, "/dev/shm/tidelock-bench-%d.house", (int)getpid());
    snprintf(b.io_path, sizeof b.io_path, "/dev/shm/tidelock-bench-%d.io", (int)getpid());
    generate(b.file);
    double alone[SAMPLES], together[SAMPLES], apart[SAMPLES], share[SAMPLES], latch[SAMPLES];
    int64_t (*const ways[2])(bench *) = {one_core, two_cores};
    double *const into[2] = {together, apart};
    for (int i = 0; i < SAMPLES; i++) {
        uint64_t slots;
        alone[i] = (double)simulator_alone(&b, &slots) / (double)slots;
        for (int way = 0; way < 2; way++) {
            start(&b);
            int64_t spent_ns = ways[way](&b);
            if (published(&b) != slots) {
                fprintf(stderr, "feed: %llu slots were published, and the history has %llu\n",
                        (unsigned long long)published(&b), (unsigned long long)slots);
                return 1;
            }
            into[way][i] = (double)spent_ns / (double)slots;
            end(&b);
        }
        share[i] = together[i] / alone[i];
        latch[i] = latch_write_ns();
    }
    unlink(b.file);
    if (json) printf("{");
    for (int i = 0; i < SAMPLES; i++) { /* millions a second from ns each */
        alone[i] = 1e3 / alone[i];
        together[i] = 1e3 / together[i];
        apart[i] = 1e3 / apart[i];
    }
    print("simulator alone", alone, "M events/s", 1, json, true);
    print("venue to feed to ring, one core in turn", together, "M events/s", 1, json, false);
    print("venue and feed on a core each", apart, "M events/s", 1, json, false);
    print("cost against the simulator alone", share, "x", 1, json, false);
    print("update of a latch with 64 levels", latch, "ns", 1, json, false);
    if (json) printf("}\n");
    tl_calendars_destroy(b.calendars);
    return 0;
}
