/* Tick to order: how long from a feed event's publication by one process until its order is taken from the gateway's ring, when another process holds the strategy? A market maker in Lua
 * (scripts/market_maker.lua) against the same handler in C behind the same agent: ring, input log, view, mirror, ring. Process 0 (cpu 0) is feed and gateway, process 1 (cpu 1) the strategy.
 *
 * Virtual machines move their cores apart at times: a cache line there and back is probed before and after each block of samples, and blocks are told by what it took. Median and 99th percentile by
 * regime; `--json` prints one object. */
#define _GNU_SOURCE
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/broadcast.h"
#include "queue/channel.h"
#include "script/live.h"
#include "script/runtime.h"
#include "venue/feed.h"
#include "strategy_region.h"

enum { BLOCK = 200, PROBES = 300, FEED = 4096, RING = 4096, LOG = 1 << 16, QUANTITY = 100, MOST = 500 };

typedef struct shared {
    uint64_t ping __attribute__((aligned(128)));
    uint64_t pong __attribute__((aligned(128)));
    uint32_t probing __attribute__((aligned(128)));
    uint32_t ready;
    tl_runtime_clock clock;
} shared;

static shared *both;
static char folder[128];
static tl_region io, own;
static tl_instruments *instruments;
static tl_calendars *calendars;

static void die(const char *what) {
    fprintf(stderr, "tick_to_order: %s: %s\n", what, tl_error_text());
    exit(1);
}

static void must(tl_status status, const char *what) {
    if (status != TL_OK) die(what);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
    setpriority(PRIO_PROCESS, 0, -20);
}

static void pause_a_moment(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* ---- regions ---- */

static void make(const char *name, tl_region_section *sections, uint32_t count, tl_region *region) {
    char path[192];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    must(tl_region_create(path, sections, count, 1), "regions");
    must(tl_region_open(region, path, true, 0), "regions");
}

static void make_regions(void) {
    tl_region_section of_io[] = {{"feed", 0, tl_broadcast_bytes(FEED, sizeof(tl_event))},
                                 {"latches", 0, tl_feed_latches_bytes(4)},
                                 {"in:commands:mm", 0, tl_channel_in_bytes()},
                                 {"out:reports:mm", 0, tl_channel_out_bytes(RING, 256)}};
    tl_region_section of_strategy[STRATEGY_SECTIONS];
    strategy_sections(of_strategy, RING, LOG);
    snprintf(folder, sizeof folder, "/dev/shm/tidelock-bench-%d", getpid());
    char command[192];
    snprintf(command, sizeof command, "mkdir -p %s", folder);
    if (system(command) != 0) die(folder);
    make("io", of_io, sizeof of_io / sizeof *of_io, &io);
    make("s.mm", of_strategy, STRATEGY_SECTIONS, &own);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0) die(folder); /* the mappings stay */
}

/* ---- the strategy's process ---- */

static void answer_probe(void) {
    uint64_t seen = __atomic_load_n(&both->pong, __ATOMIC_RELAXED);
    while (__atomic_load_n(&both->probing, __ATOMIC_ACQUIRE)) {
        uint64_t ping = __atomic_load_n(&both->ping, __ATOMIC_ACQUIRE);
        if (ping == seen) continue;
        seen = ping;
        __atomic_store_n(&both->pong, seen, __ATOMIC_RELEASE);
    }
}

/* scripts/market_maker.lua's on_quote. */
static void on_quote(tl_host *host, const tl_order_options *options) {
    tl_mirror *mirror = tl_host_mirror(host);
    const tl_view_instrument *seen = tl_view_at(tl_host_view(host), 0);
    const tl_shown_quote *q = &seen->quote;
    if (isnan(q->bid_n) || isnan(q->ask_n)) {
        tl_mirror_cancel_all(mirror, 0, TL_SIDE_NONE, 0);
        return;
    }
    double position = seen->position.quantity_n / seen->size_unit;
    double middle = (q->bid_n / q->price_unit + q->ask_n / q->price_unit) / 2;
    tl_mirror_quote(mirror, 0, TL_SIDE_BUY, position < MOST ? QUANTITY : 0, middle - 0.02, options);
    tl_mirror_quote(mirror, 0, TL_SIDE_SELL, position > -MOST ? QUANTITY : 0, middle + 0.02, options);
}

static void run_in_c(tl_host *host, const tl_order_options *options) {
    for (int stage; (stage = tl_runtime_next(host)) != TL_STAGE_DONE;)
        if (stage == TL_STAGE_QUOTE) on_quote(host, options);
}

static void strategy(const char *root, bool in_c, uint32_t spins) {
    pin(1);
    char script[512], library[512];
    snprintf(script, sizeof script, "%s/scripts/market_maker.lua", root);
    snprintf(library, sizeof library, "%s/lua", root);
    tl_host_config config = {.script = script,
                             .library = library,
                             .instruments = instruments,
                             .calendars = calendars,
                             .cash_e8 = 1000000000000000,
                             .time_handlers = 1,
                             .seed = 1};
    tl_host *host;
    tl_live *live;
    must(tl_host_create(&config, &host), "the host");
    must(tl_host_load(host), "the script");
    must(tl_host_bind(host), "the script");
    tl_live_config with = {.clock = &both->clock,
                           .host = host,
                           .own = &own,
                           .gateway = &io,
                           .name = "mm",
                           .feed_capacity = FEED,
                           .command_capacity = RING,
                           .report_capacity = RING,
                           .log_capacity = LOG,
                           .epoch = 1,
                           .gateway_waker = {.fd = -1},
                           .soft_budget_ns = 50000,
                           .spins = spins};
    must(tl_live_create(&with, &live), "the agent");
    tl_agent agent;
    tl_live_agent(live, &agent);
    tl_order_options options = {.display = NAN,
                                .stop_price = NAN,
                                .offset = NAN,
                                .percent = NAN,
                                .deadline_timeout_ns = 1000000000,
                                .flags = TL_FLAG_POST_ONLY,
                                .rounding = 1};
    options.tag = tl_mirror_tag(tl_host_mirror(host), "mm");
    for (;;) {
        if (__atomic_load_n(&both->probing, __ATOMIC_ACQUIRE)) answer_probe();
        if (in_c && tl_host_state_of(host) == TL_HOST_RUNNING && !tl_host_checkpoint_due(host))
            run_in_c(host, &options);
        else
            agent.work(agent.state, tl_runtime_clock_ns(&both->clock));
    }
}

/* ---- feed and gateway ---- */

static tl_broadcast_writer feed;
static tl_spsc_consumer commands;
static tl_spsc_producer messages;

static void say(const tl_message *message) {
    tl_message stamped = *message;
    stamped.sent_ns = tl_runtime_clock_ns(&both->clock);
    if (!tl_spsc_write(&messages, &stamped)) die("the reports' ring is full");
}

/* What a venue would say of a command. */
static void answer(const tl_command *c) {
    static const uint8_t kinds[TL_COMMANDS] = {[TL_COMMAND_NEW] = TL_REPORT_ACCEPTED,
                                               [TL_COMMAND_REPLACE] = TL_REPORT_REPLACED,
                                               [TL_COMMAND_CANCEL] = TL_REPORT_CANCELED};
    tl_message message = {.kind = TL_MESSAGE_REPORT};
    if (c->kind == TL_COMMAND_ATTACH)
        message.kind = TL_MESSAGE_ATTACHED;
    else
        message.report = (tl_report){.order_id = c->order_id,
                                     .price = c->price,
                                     .quantity = c->quantity,
                                     .limit = TL_ABSENT,
                                     .value = TL_ABSENT,
                                     .queue_ahead = TL_ABSENT,
                                     .instrument = c->instrument,
                                     .kind = kinds[c->kind],
                                     .ts_venue_ns = tl_runtime_clock_ns(&both->clock)};
    say(&message);
}

static double probe(void) {
    __atomic_store_n(&both->probing, 1, __ATOMIC_RELEASE);
    uint64_t at = __atomic_load_n(&both->ping, __ATOMIC_RELAXED), begun = 0;
    for (int i = 0; i < PROBES + 20; i++) {
        if (i == 20) begun = tl_clock_tsc();
        __atomic_store_n(&both->ping, ++at, __ATOMIC_RELEASE);
        while (__atomic_load_n(&both->pong, __ATOMIC_ACQUIRE) != at) {
        }
    }
    double ns = (double)(tl_clock_tsc() - begun) * tl_clock_ns_per_tsc() / PROBES;
    __atomic_store_n(&both->probing, 0, __ATOMIC_RELEASE);
    return ns;
}

static int64_t wait_command(tl_command *c, int64_t patience_ns) {
    uint64_t count;
    int64_t begun = tl_clock_monotonic_ns();
    for (uint32_t i = 1;; i++) {
        const tl_command *there = tl_spsc_poll(&commands, &count);
        if (count > 0) {
            uint64_t now = tl_clock_tsc();
            *c = *there;
            tl_spsc_release(&commands, 1);
            return (int64_t)now;
        }
        if (i % 4096 == 0 && tl_clock_monotonic_ns() - begun > patience_ns) return 0;
        pause_a_moment();
    }
}

static void quiet_ns(int64_t ns) {
    for (int64_t begun = tl_clock_monotonic_ns(); tl_clock_monotonic_ns() - begun < ns;)
        pause_a_moment();
}

/* One quote out, the first order back: ns; the second is taken and both answered. */
static double sample(uint32_t i) {
    int64_t middle = 1500000 + (int64_t)(i * 7 % 50) * 200, now_ns = tl_runtime_clock_ns(&both->clock);
    tl_event event = {.ts_ns = now_ns,
                      .ts_recv_ns = now_ns,
                      .kind = TL_EVENT_QUOTE,
                      .source = TL_SOURCE_MARKET,
                      .w = {middle - 500, middle + 500, 100, 100}};
    tl_command orders[2];
    uint64_t begun = tl_clock_tsc();
    tl_broadcast_stage(&feed, &event, 1);
    tl_broadcast_publish(&feed);
    int64_t taken = wait_command(&orders[0], 1000000000);
    if (taken == 0 || wait_command(&orders[1], 1000000000) == 0) return NAN;
    tl_broadcast_latched(&feed, feed.position);
    for (int k = 0; k < 2; k++)
        answer(&orders[k]);
    quiet_ns(3000 + (int64_t)(i * 2654435761u % 5000));
    return (double)((uint64_t)taken - begun) * tl_clock_ns_per_tsc();
}

/* ---- results ---- */

typedef struct samples {
    double *all;
    uint32_t count;
} samples;

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(samples *s, double q) {
    if (s->count == 0) return NAN;
    qsort(s->all, s->count, sizeof *s->all, by_size);
    uint32_t at = (uint32_t)(q * s->count);
    return s->all[at < s->count ? at : s->count - 1];
}

enum { NEAR, FAR, REGIMES };
static const char *const regimes[REGIMES] = {"near", "far"};
enum { IN_C, IN_LUA, WAYS };
static const char *const ways[WAYS] = {"c", "lua"};

typedef struct result {
    samples taken[REGIMES];
    samples floor[REGIMES];
} result;

static void keep(samples *s, double value, uint32_t most) {
    if (!s->all) s->all = malloc(most * sizeof *s->all);
    if (s->all && s->count < most) s->all[s->count++] = value;
}

static void measure(const char *root, int way, uint32_t blocks, result *into, double *far_ns) {
    memset(both, 0, sizeof *both);
    tl_runtime_clock_start(&both->clock, 0);
    make_regions();
    must(tl_broadcast_attach_writer(&feed, tl_region_find(&io, "feed", NULL), FEED, sizeof(tl_event)), "the feed");
    must(tl_channel_consumer(&commands, tl_region_find(&own, "out:commands", NULL),
                             tl_region_find(&io, "in:commands:mm", NULL), RING, sizeof(tl_command)),
         "commands");
    must(tl_channel_producer(&messages, tl_region_find(&io, "out:reports:mm", NULL),
                             tl_region_find(&own, "in:reports", NULL), RING, 256),
         "reports");
    pid_t child = fork();
    if (child == 0) strategy(root, way == IN_C, 1000);
    tl_command c;
    if (wait_command(&c, 5000000000) == 0) die("the strategy does not attach");
    answer(&c);
    quiet_ns(20000000); /* its start, its first checkpoint */
    for (uint32_t i = 0; i < 20000; i++)
        if (isnan(sample(i))) die("the strategy sends nothing");
    for (uint32_t b = 0; b < blocks; b++) {
        double took[BLOCK], before = probe();
        for (uint32_t i = 0; i < BLOCK; i++)
            took[i] = sample(b * BLOCK + i);
        double after = probe();
        if (*far_ns == 0) *far_ns = fmax(150, 2 * fmin(before, after));
        bool near = before < *far_ns && after < *far_ns, far = before >= *far_ns && after >= *far_ns;
        if (!near && !far) continue; /* they were moved meanwhile */
        result *r = into;
        keep(&r->floor[far], (before + after) / 2, blocks);
        for (uint32_t i = 0; i < BLOCK; i++)
            keep(&r->taken[far], took[i], blocks * BLOCK);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    tl_region_close(&io);
    tl_region_close(&own);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[argc - 1], "--json") == 0;
    const char *root = getenv("TIDELOCK_ROOT") ? getenv("TIDELOCK_ROOT") : ".";
    uint32_t blocks = getenv("TIDELOCK_BLOCKS") ? (uint32_t)atoi(getenv("TIDELOCK_BLOCKS")) : 100;
    if (sysconf(_SC_NPROCESSORS_ONLN) < 2) {
        fprintf(stderr, "tick_to_order: needs two processors\n");
        return 0;
    }
    both = mmap(NULL, sizeof *both, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    instruments = tl_instruments_create();
    calendars = tl_calendars_create();
    tl_instrument one = {.symbol = "AAPL", .price_exponent = -4, .tick = 100};
    must(tl_instruments_add(instruments, &one, NULL), "an instrument");
    pin(0);
    static result results[WAYS];
    double far_ns = 0;
    for (int round = 0; round < 2; round++) /* both ways see what the machine does in its course */
        for (int way = 0; way < WAYS; way++)
            measure(root, way, blocks, &results[way], &far_ns);
    if (json) printf("{");
    for (int regime = 0; regime < REGIMES; regime++) {
        double p50[WAYS], p99[WAYS];
        for (int way = 0; way < WAYS; way++) {
            p50[way] = quantile(&results[way].taken[regime], 0.5);
            p99[way] = quantile(&results[way].taken[regime], 0.99);
        }
        if (results[IN_C].taken[regime].count == 0 || results[IN_LUA].taken[regime].count == 0) continue;
        double floor_ns = quantile(&results[IN_LUA].floor[regime], 0.5);
        if (json) {
            printf("%s\"%s\":{\"floor_ns\":%.0f", regime ? "," : "", regimes[regime], floor_ns);
            for (int way = 0; way < WAYS; way++)
                printf(",\"%s_p50_ns\":%.0f,\"%s_p99_ns\":%.0f", ways[way], p50[way], ways[way], p99[way]);
            printf(",\"ratio_p50\":%.2f,\"ratio_p99\":%.2f}", p50[IN_LUA] / p50[IN_C], p99[IN_LUA] / p99[IN_C]);
            continue;
        }
        printf("cores %s: a cache line there and back %.0f ns\n", regimes[regime], floor_ns);
        for (int way = 0; way < WAYS; way++)
            printf("  %-4s p50 %7.0f ns   p99 %7.0f ns   (%u samples)\n", ways[way], p50[way], p99[way],
                   results[way].taken[regime].count);
        printf("  lua / c  p50 %.2f   p99 %.2f\n", p50[IN_LUA] / p50[IN_C], p99[IN_LUA] / p99[IN_C]);
    }
    if (json) printf("}\n");
    return 0;
}
