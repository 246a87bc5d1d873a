/* What does the live gateway add to the gateway's core: from a command in a strategy's ring to the order in the venue's ring, logged on the way, beside the same command given to the core; one command
 * at a time and 64 at once; a checkpoint, and a recovery from half a log? All ends in one process, so without the way of a cache line between cores. Medians and spread of 9
 * samples. `--json` prints one object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "gateway/agent.h"
#include "gateway/log.h"
#include "gateway/message.h"
#include "gateway/published.h"
#include "queue/channel.h"

enum { SAMPLES = 9, ROUNDS = 20000, CAPACITY = 4096, ORDERS = 4096, KINDS = 5 };

static const char *const names[KINDS] = {"core alone", "agent, one at a time", "agent, 64 at a time", "recovery, a record",
                                         "agent over core"};

typedef struct world {
    char folder[64];
    tl_region io, house, strategy;
    tl_runtime_clock clock;
    tl_instruments *instruments;
    tl_gateway *gateway;
    tl_gateway_agent *agent;
    tl_agent duty;
    tl_spsc_producer commands, venue_reports;
    tl_spsc_consumer reports, venue_commands;
    tl_command command;
} world;

static bool create(world *w, const char *name, tl_region_section *sections, uint32_t count, tl_region *region) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", w->folder, name);
    if (tl_region_create(path, sections, count, 1) != TL_OK || tl_region_open(region, path, true, 0) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error_text());
        return false;
    }
    unlink(path);
    return true;
}

static bool make_regions(world *w) {
    uint64_t checkpoint = tl_gateway_agent_checkpoint_bytes(8, 1, ORDERS, 64), in = tl_channel_in_bytes();
    tl_region_section io[] = {{.name = "counters", .bytes = 64 * 64},
                              {.name = "stages", .bytes = sizeof(tl_stages)},
                              {.name = "in:venue.reports", .bytes = in},
                              {.name = "out:venue.commands", .bytes = tl_channel_out_bytes(CAPACITY, sizeof(tl_command))},
                              {.name = "in:commands:s", .bytes = in},
                              {.name = "out:reports:s", .bytes = tl_channel_out_bytes(CAPACITY, sizeof(tl_message))},
                              {.name = "gateway.log", .bytes = tl_gateway_agent_log_bytes(8)},
                              {.name = "gateway.checkpoint.0", .bytes = checkpoint},
                              {.name = "gateway.checkpoint.1", .bytes = checkpoint},
                              {.name = "positions", .bytes = tl_published_positions_bytes(64)},
                              {.name = "orders", .bytes = tl_published_orders_bytes(ORDERS)},
                              {.name = "accounts", .bytes = tl_published_accounts_bytes()},
                              {.name = "gateway", .bytes = tl_published_gateway_bytes()}};
    tl_region_section house[] = {{.name = "out:venue.reports", .bytes = tl_channel_out_bytes(CAPACITY, sizeof(tl_report))},
                                 {.name = "in:venue.commands", .bytes = in}};
    tl_region_section strategy[] = {{.name = "out:commands", .bytes = tl_channel_out_bytes(CAPACITY, sizeof(tl_command))},
                                    {.name = "in:reports", .bytes = in}};
    snprintf(w->folder, sizeof w->folder, "/dev/shm/tidelock-bench-gateway-%d", (int)getpid());
    bool made = mkdir(w->folder, 0700) == 0 && create(w, "io", io, sizeof io / sizeof *io, &w->io) &&
                create(w, "house", house, 2, &w->house) && create(w, "s", strategy, 2, &w->strategy);
    rmdir(w->folder);
    return made;
}

static tl_gateway *make_gateway(world *w) {
    tl_account_config account = {.name = "main", .cash_e8 = 100000000000000, .leverage = 2, .allow_short = 1};
    tl_fee_schedule fees = {.maker = -0.0001, .taker = 0.0003};
    tl_risk_limits limits = {.max_order_quantity = 1000,
                             .max_position = 1000000,
                             .max_order_notional_e8 = 10000000000000,
                             .max_gross_exposure_e8 = 100000000000000,
                             .max_daily_loss_e8 = 10000000000000,
                             .price_collar = 0.1,
                             .max_orders_per_second = 1e9,
                             .max_open_orders = 1000,
                             .prevent_self_trade = 1};
    uint32_t id;
    tl_gateway *gateway = tl_gateway_create(w->instruments, NULL);
    if (gateway == NULL || tl_gateway_add_account(gateway, &account, &id) != TL_OK ||
        tl_gateway_add_venue(gateway, "", &fees, &id) != TL_OK || tl_gateway_add_strategy(gateway, 1, 0, &limits) != TL_OK)
        exit(1);
    tl_event quote = {.kind = TL_EVENT_QUOTE, .ts_recv_ns = 1, .w = {999900, 1000100, 100, 100}};
    tl_gateway_market(gateway, &quote, NULL);
    return gateway;
}

static void make_agent(world *w) {
    tl_gateway_agent_strategy one = {.name = "s", .region = &w->strategy, .id = 1, .waker = {.fd = -1}};
    tl_gateway_agent_config config = {.clock = &w->clock,
                                      .gateway = w->gateway,
                                      .instruments = w->instruments,
                                      .own = &w->io,
                                      .venue = &w->house,
                                      .command_capacity = CAPACITY,
                                      .report_capacity = CAPACITY,
                                      .venue_command_capacity = CAPACITY,
                                      .venue_report_capacity = CAPACITY,
                                      .strategies = &one,
                                      .strategy_count = 1,
                                      .position_capacity = 64,
                                      .order_capacity = ORDERS,
                                      .venue_waker = {.fd = -1}};
    if (tl_gateway_agent_create(&config, &w->agent) != TL_OK) {
        fprintf(stderr, "%s\n", tl_error_text());
        exit(1);
    }
    tl_gateway_agent_of(w->agent, &w->duty);
}

static void set_up(world *w) {
    tl_instrument one = {.price_exponent = -4, .tick = 100};
    tl_runtime_clock_start(&w->clock, 0);
    w->instruments = tl_instruments_create();
    for (int i = 0; i < 8; i++) {
        snprintf(one.symbol, sizeof one.symbol, "S%d", i);
        if (tl_instruments_add(w->instruments, &one, NULL) != TL_OK) exit(1);
    }
    if (!make_regions(w)) exit(1);
    void *commands = tl_region_find(&w->strategy, "out:commands", NULL),
         *told = tl_region_find(&w->strategy, "in:reports", NULL);
    void *venue = tl_region_find(&w->io, "out:venue.commands", NULL),
         *taken = tl_region_find(&w->house, "in:venue.commands", NULL);
    void *answers = tl_region_find(&w->house, "out:venue.reports", NULL),
         *seen = tl_region_find(&w->io, "in:venue.reports", NULL);
    if (tl_channel_producer(&w->commands, commands, tl_region_find(&w->io, "in:commands:s", NULL), CAPACITY,
                            sizeof(tl_command)) != TL_OK ||
        tl_channel_consumer(&w->reports, tl_region_find(&w->io, "out:reports:s", NULL), told, CAPACITY,
                            sizeof(tl_message)) != TL_OK ||
        tl_channel_consumer(&w->venue_commands, venue, taken, CAPACITY, sizeof(tl_command)) != TL_OK ||
        tl_channel_producer(&w->venue_reports, answers, seen, CAPACITY, sizeof(tl_report)) != TL_OK)
        exit(1);
    w->gateway = make_gateway(w);
    make_agent(w);
    w->command = (tl_command){.order_id = (uint64_t)1 << 40,
                              .kind = TL_COMMAND_NEW,
                              .strategy = 1,
                              .side = TL_SIDE_BUY,
                              .quantity = 1,
                              .price = 1000000,
                              .stop_price = TL_ABSENT,
                              .arrival_price = TL_ABSENT};
}

static void next_order(world *w) {
    w->command.order_id++;
    w->command.input_sequence++;
    w->command.ts_ns = tl_runtime_clock_ns(&w->clock);
}

/* The venue turns down what it was sent, so that nothing piles up; everybody reads. */
static void settle(world *w) {
    uint64_t count, messages;
    const tl_command *sent = tl_spsc_poll(&w->venue_commands, &count);
    for (; count > 0; sent = tl_spsc_poll(&w->venue_commands, &count)) {
        for (uint64_t i = 0; i < count; i++) {
            tl_report answer = {.order_id = sent[i].order_id,
                                .kind = TL_REPORT_REJECTED,
                                .reason = TL_REASON_POST_ONLY,
                                .price = TL_ABSENT,
                                .queue_ahead = TL_ABSENT};
            tl_spsc_write(&w->venue_reports, &answer);
        }
        tl_spsc_release(&w->venue_commands, count);
    }
    while (w->duty.work(w->duty.state, tl_runtime_clock_ns(&w->clock)) > 0)
        ;
    while (tl_spsc_poll(&w->reports, &messages), messages > 0)
        tl_spsc_release(&w->reports, messages);
}

static double core(world *w, tl_gateway *gateway) {
    double ticks = 0;
    for (int i = 0; i < ROUNDS; i++) {
        next_order(w);
        uint64_t from = tl_clock_tsc();
        tl_gateway_command(gateway, &w->command, w->command.ts_ns);
        ticks += (double)(tl_clock_tsc() - from);
        tl_report answer = {
            .order_id = w->command.order_id, .kind = TL_REPORT_REJECTED, .price = TL_ABSENT, .queue_ahead = TL_ABSENT};
        tl_gateway_report(gateway, &answer, w->command.ts_ns);
        tl_gateway_clear_output(gateway);
    }
    return ticks / ROUNDS;
}

static double agent(world *w, int batch) {
    double ticks = 0;
    for (int i = 0; i < ROUNDS; i += batch) {
        for (int k = 0; k < batch; k++) {
            next_order(w);
            tl_spsc_write(&w->commands, &w->command);
        }
        int64_t now = tl_runtime_clock_ns(&w->clock);
        uint64_t from = tl_clock_tsc();
        uint32_t done = w->duty.work(w->duty.state, now);
        ticks += (double)(tl_clock_tsc() - from);
        if (done != (uint32_t)batch) exit(1);
        settle(w);
    }
    return ticks / ROUNDS;
}

/* Another process takes over. */
static double recovery(world *w) {
    tl_gateway_agent_destroy(w->agent);
    tl_gateway_destroy(w->gateway);
    w->gateway = make_gateway(w);
    uint64_t from = tl_clock_tsc();
    make_agent(w);
    double ticks = (double)(tl_clock_tsc() - from);
    tl_published_gateway page = {0};
    tl_published_gateway_read(tl_region_find(&w->io, "gateway", NULL), &page);
    return page.recovered > 0 ? ticks / (double)page.recovered : 0;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static world w;
    set_up(&w);
    tl_gateway *bare = make_gateway(&w);
    double spent[KINDS][SAMPLES], ns = tl_clock_ns_per_tsc();
    for (int sample = -1; sample < SAMPLES; sample++) { /* the first warms up */
        double one = core(&w, bare) * ns, single = agent(&w, 1) * ns, many = agent(&w, 64) * ns, again = recovery(&w) * ns;
        if (sample < 0) continue;
        spent[0][sample] = one;
        spent[1][sample] = single;
        spent[2][sample] = many;
        spent[3][sample] = again;
        spent[4][sample] = single / one;
    }
    if (json) printf("{");
    for (int k = 0; k < KINDS; k++) {
        qsort(spent[k], SAMPLES, sizeof(double), by_value);
        double median = spent[k][SAMPLES / 2], low = spent[k][0], high = spent[k][SAMPLES - 1];
        if (json)
            printf("%s\"%s\": {\"median\": %.2f, \"min\": %.2f, \"max\": %.2f}", k ? ", " : "", names[k], median, low, high);
        else
            printf("%-24s %7.*f %s  (%.2f to %.2f)\n", names[k], k == 4 ? 2 : 1, median, k == 4 ? "x " : "ns", low, high);
    }
    if (json) printf("}\n");
    tl_gateway_agent_destroy(w.agent);
    tl_gateway_destroy(w.gateway);
    tl_gateway_destroy(bare);
    tl_instruments_destroy(w.instruments);
    return 0;
}
