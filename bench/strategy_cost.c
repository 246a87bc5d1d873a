/* What does one more strategy cost, and one more instrument? Beside the strategy's own handlers: ns of each event of the ring that is not for it, that only moves its view, and that
 * has an (empty) handler, in a busy ring and without another process; time from nothing to attached; memory. Median of 9 samples. `--json` prints one object. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/broadcast.h"
#include "queue/channel.h"
#include "script/live.h"
#include "venue/feed.h"
#include "strategy_region.h"

enum { SAMPLES = 9, EVENTS = 1 << 15, FEED = 1 << 16, RING = 4096, LOG = 1 << 17, INSTRUMENTS = 64, STRATEGIES = 8 };

enum { UNWANTED, APPLIED, HANDLED, KINDS };
static const char *const names[KINDS] = {"event of another instrument", "event that moves the view",
                                         "event with an empty handler"};
static const char *const keys[KINDS] = {"unwanted_ns", "applied_ns", "handled_ns"};

static char folder[96];
static tl_region io;
static tl_instruments *instruments;
static tl_calendars *calendars;
static tl_runtime_clock clock_page;
static tl_broadcast_writer feed;

static void must(tl_status status, const char *what) {
    if (status == TL_OK) return;
    fprintf(stderr, "strategy_cost: %s: %s\n", what, tl_error_text());
    exit(1);
}

static void make(const char *name, tl_region_section *sections, uint32_t count, tl_region *region) {
    char path[192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(tl_region_create(path, sections, count, 1), "regions");
    must(tl_region_open(region, path, true, 0), "regions");
    unlink(path); /* the mapping stays */
}

static void make_io(void) {
    tl_region_section sections[2 + 2 * STRATEGIES] = {{"feed", 0, tl_broadcast_bytes(FEED, sizeof(tl_event))},
                                                      {"latches", 0, tl_feed_latches_bytes(INSTRUMENTS)}};
    uint32_t count = 2;
    for (int i = 0; i < STRATEGIES; i++) {
        snprintf(sections[count].name, sizeof sections->name, "in:commands:s%d", i);
        sections[count++].bytes = tl_channel_in_bytes();
        snprintf(sections[count].name, sizeof sections->name, "out:reports:s%d", i);
        sections[count++].bytes = tl_channel_out_bytes(RING, 256);
    }
    make("io", sections, count, &io);
    must(tl_broadcast_attach_writer(&feed, tl_region_find(&io, "feed", NULL), FEED, sizeof(tl_event)), "the feed");
}

typedef struct one {
    tl_region own;
    tl_host *host;
    tl_live *live;
    tl_agent agent;
    char name[16];
} one;

/* From nothing to attached. */
static double start(one *s, int i, const char *root, const char *script) {
    tl_region_section sections[STRATEGY_SECTIONS];
    strategy_sections(sections, RING, LOG);
    snprintf(s->name, sizeof s->name, "s%d", i);
    make(s->name, sections, STRATEGY_SECTIONS, &s->own);
    int64_t begun_ns = tl_clock_monotonic_ns();
    char library[512];
    snprintf(library, sizeof library, "%s/lua", root);
    tl_host_config config = {.script = script,
                             .library = library,
                             .instruments = instruments,
                             .calendars = calendars,
                             .strategy = (uint32_t)i,
                             .seed = 1};
    must(tl_host_create(&config, &s->host), "the host");
    must(tl_host_load(s->host), "the script");
    must(tl_host_bind(s->host), "the script");
    tl_live_config with = {.clock = &clock_page,
                           .host = s->host,
                           .own = &s->own,
                           .gateway = &io,
                           .name = s->name,
                           .feed_capacity = FEED,
                           .command_capacity = RING,
                           .report_capacity = RING,
                           .log_capacity = LOG,
                           .strategy = (uint32_t)i,
                           .epoch = 1,
                           .gateway_waker = {.fd = -1}};
    must(tl_live_create(&with, &s->live), "the agent");
    tl_live_agent(s->live, &s->agent);
    char out[32];
    snprintf(out, sizeof out, "out:reports:%s", s->name);
    tl_spsc_producer messages;
    must(tl_channel_producer(&messages, tl_region_find(&io, out, NULL), tl_region_find(&s->own, "in:reports", NULL), RING,
                             256),
         "reports");
    s->agent.work(s->agent.state, tl_runtime_clock_ns(&clock_page));
    tl_message attached = {.kind = TL_MESSAGE_ATTACHED};
    tl_spsc_write(&messages, &attached);
    while (s->agent.work(s->agent.state, tl_runtime_clock_ns(&clock_page)) > 0) {
    }
    return (double)(tl_clock_monotonic_ns() - begun_ns);
}

static void publish(uint32_t instrument, uint8_t kind) {
    for (uint32_t i = 0; i < EVENTS; i++) {
        tl_event event = {.ts_ns = i,
                          .ts_recv_ns = i,
                          .instrument = instrument,
                          .kind = kind,
                          .source = TL_SOURCE_MARKET,
                          .w = {1500000 + i % 100, kind == TL_EVENT_QUOTE ? 1500200 : 100, 100, 100}};
        if (kind == TL_EVENT_TRADE) event.w[3] = 0;
        tl_broadcast_stage(&feed, &event, 1);
    }
    tl_broadcast_publish(&feed);
    tl_broadcast_latched(&feed, feed.position);
}

static double consume(one *s) {
    int64_t begun_ns = tl_clock_monotonic_ns();
    while (s->agent.work(s->agent.state, tl_runtime_clock_ns(&clock_page)) > 0) {
    }
    return (double)(tl_clock_monotonic_ns() - begun_ns) / EVENTS;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_size);
    return values[count / 2];
}

static double resident_mib(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    if (file) fclose(file);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    const char *root = getenv("TIDELOCK_ROOT") ? getenv("TIDELOCK_ROOT") : ".";
    snprintf(folder, sizeof folder, "/dev/shm/tidelock-cost-%d", getpid());
    char command[128], script[128];
    snprintf(command, sizeof command, "mkdir -p %s", folder);
    if (system(command) != 0) return 1;
    snprintf(script, sizeof script, "%s/script.lua", folder);
    FILE *file = fopen(script, "w");
    if (!file) return 1;
    fputs("local s = require 'strategy' { symbols = { 'S0' } }\nfunction s:on_quote(q) end\nreturn s\n", file);
    fclose(file);
    instruments = tl_instruments_create();
    calendars = tl_calendars_create();
    for (int i = 0; i < INSTRUMENTS; i++) {
        tl_instrument instrument = {.price_exponent = -4, .tick = 1};
        snprintf(instrument.symbol, sizeof instrument.symbol, "S%d", i);
        must(tl_instruments_add(instruments, &instrument, NULL), "an instrument");
    }
    tl_runtime_clock_start(&clock_page, 0);
    make_io();
    static one strategies[STRATEGIES];
    double started[STRATEGIES], before_mib = resident_mib();
    for (int i = 0; i < STRATEGIES; i++) {
        started[i] = start(&strategies[i], i, root, script);
        if (i == 0) before_mib = resident_mib(); /* the first one pages in what all share */
    }
    double mib = (resident_mib() - before_mib) / (STRATEGIES - 1);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) return 1;
    double took[KINDS][SAMPLES];
    for (int i = -2; i < SAMPLES; i++)
        for (int kind = 0; kind < KINDS; kind++) {
            publish(kind == UNWANTED ? 1 : 0, kind == HANDLED ? TL_EVENT_QUOTE : TL_EVENT_TRADE);
            double ns = consume(&strategies[0]);
            if (i >= 0) took[kind][i] = ns;
        }
    double start_ms = median(started, STRATEGIES) / 1e6;
    if (json) printf("{\"start_ms\":%.2f,\"resident_mib\":%.2f", start_ms, mib);
    for (int kind = 0; kind < KINDS; kind++) {
        double ns = median(took[kind], SAMPLES);
        if (json)
            printf(",\"%s\":%.1f", keys[kind], ns);
        else
            printf("%-30s %7.1f ns\n", names[kind], ns);
    }
    if (json)
        printf("}\n");
    else
        printf("%-30s %7.2f ms from nothing to attached, %.1f MiB of its own (regions as far as touched)\n",
               "one more strategy", start_ms, mib);
    return 0;
}
