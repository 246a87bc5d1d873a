/* What does the gateway cost: a quote of an instrument that nobody holds, of one that is held, an order's command with every limit set, its reports, a cancel? In
 * ns: median and spread of 9 samples, the clock's own cost taken off. `--json` prints one object. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "gateway/gateway.h"

enum { SAMPLES = 9, ROUNDS = 50000, QUOTES = 2000000, INSTRUMENTS = 100, KINDS = 6 };

static const char *const names[KINDS] = {"new order, all limits", "report accepted",     "cancel",
                                         "report canceled",       "quote, nothing held", "quote, held"};

typedef struct state {
    tl_gateway *gateway;
    tl_command command;
    tl_report report;
    int64_t now_ns;
} state;

static double ticks_since(int64_t *from) {
    int64_t now = (int64_t)tl_clock_tsc();
    double spent = (double)(now - *from);
    *from = now;
    return spent;
}

/* What reading the clock costs at least. */
static double clock_ticks(void) {
    double least = 1e9;
    int64_t at = (int64_t)tl_clock_tsc();
    for (int i = 0; i < 100000; i++) {
        double once = ticks_since(&at);
        if (once < least) least = once;
    }
    return least;
}

static void report(state *s, int kind) {
    s->report.kind = (uint8_t)kind;
    s->report.order_id = s->command.order_id;
    tl_gateway_report(s->gateway, &s->report, s->now_ns);
}

static void one_order(state *s, double *spent) {
    s->now_ns += 250000; /* five prices: none comes again within a millisecond */
    s->command.kind = TL_COMMAND_NEW;
    s->command.order_id++;
    s->command.input_sequence++;
    s->command.price = 990000 + 100 * (int64_t)(s->command.order_id % 5);
    int64_t at = (int64_t)tl_clock_tsc();
    tl_gateway_command(s->gateway, &s->command, s->now_ns);
    spent[0] += ticks_since(&at);
    report(s, TL_REPORT_ACCEPTED);
    spent[1] += ticks_since(&at);
    s->command.kind = TL_COMMAND_CANCEL;
    s->command.input_sequence++;
    tl_gateway_command(s->gateway, &s->command, s->now_ns);
    spent[2] += ticks_since(&at);
    report(s, TL_REPORT_CANCELED);
    spent[3] += ticks_since(&at);
    tl_gateway_clear_output(s->gateway);
}

static double quotes(state *s, uint32_t first, uint32_t instruments) {
    tl_event event = {.kind = TL_EVENT_QUOTE, .ts_recv_ns = s->now_ns, .w = {999900, 1000100, 100, 100}};
    int64_t at = (int64_t)tl_clock_tsc();
    for (int i = 0; i < QUOTES; i++) {
        event.instrument = first + (uint32_t)i % instruments;
        event.w[1] = 1000100 + 100 * (i & 3);
        tl_gateway_market(s->gateway, &event, NULL);
    }
    return ticks_since(&at);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool set_up(state *s, tl_instruments *instruments) {
    tl_account_config account = {.name = "main", .cash_e8 = 100000000000000, .leverage = 2, .allow_short = 1};
    tl_fee_schedule fees = {.maker = -0.0001, .taker = 0.0003};
    tl_risk_limits limits = {.max_order_quantity = 1000,
                             .max_position = 10000,
                             .max_order_notional_e8 = 10000000000000,
                             .max_gross_exposure_e8 = 100000000000000,
                             .max_daily_loss_e8 = 10000000000000,
                             .price_collar = 0.1,
                             .max_orders_per_second = 1e9,
                             .max_open_orders = 100,
                             .deny_duplicates = 1,
                             .prevent_self_trade = 1};
    uint32_t id;
    for (int i = 0; i < INSTRUMENTS; i++) {
        tl_instrument one = {.price_exponent = -4, .tick = 100};
        snprintf(one.symbol, sizeof one.symbol, "S%d", i);
        if (tl_instruments_add(instruments, &one, NULL) != TL_OK) return false;
    }
    s->gateway = tl_gateway_create(instruments, NULL);
    return s->gateway != NULL && tl_gateway_add_account(s->gateway, &account, &id) == TL_OK &&
           tl_gateway_add_venue(s->gateway, "", &fees, &id) == TL_OK &&
           tl_gateway_add_strategy(s->gateway, 1, 0, &limits) == TL_OK;
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    tl_instruments *instruments = tl_instruments_create();
    state s = {.now_ns = 1700000000000000000,
               .command = {.order_id = (uint64_t)1 << 40,
                           .strategy = 1,
                           .side = TL_SIDE_BUY,
                           .quantity = 100,
                           .stop_price = TL_ABSENT,
                           .arrival_price = TL_ABSENT},
               .report = {.price = 1000000, .quantity = 100, .liquidity = TL_LIQUIDITY_MAKER}};
    if (instruments == NULL || !set_up(&s, instruments)) return 1;
    quotes(&s, 0, INSTRUMENTS);
    /* One position, in the first instrument. */
    s.command.kind = TL_COMMAND_NEW;
    s.command.order_id++;
    s.command.input_sequence++;
    s.command.price = 1000000;
    tl_gateway_command(s.gateway, &s.command, s.now_ns);
    report(&s, TL_REPORT_FILL);
    tl_gateway_clear_output(s.gateway);
    if (tl_gateway_position(s.gateway, 1, 0)->quantity != 100) return 1;
    s.now_ns += 1000000000;

    double clock_cost = clock_ticks(), spent[KINDS][SAMPLES], ns = tl_clock_ns_per_tsc();
    for (int sample = -1; sample < SAMPLES; sample++) { /* the first warms up */
        double sum[4] = {0};
        for (int i = 0; i < ROUNDS; i++)
            one_order(&s, sum);
        double unheld = quotes(&s, 1, INSTRUMENTS - 1), held = quotes(&s, 0, 1);
        if (sample < 0) continue;
        for (int k = 0; k < 4; k++)
            spent[k][sample] = (sum[k] / ROUNDS - clock_cost) * ns;
        spent[4][sample] = unheld * ns / QUOTES;
        spent[5][sample] = held * ns / QUOTES;
    }
    for (int reason = 0; reason < TL_REASONS; reason++)
        if (tl_gateway_denied(s.gateway, reason) != 0) return 1;
    if (json) printf("{");
    for (int k = 0; k < KINDS; k++) {
        qsort(spent[k], SAMPLES, sizeof(double), by_value);
        double median = spent[k][SAMPLES / 2], low = spent[k][0], high = spent[k][SAMPLES - 1];
        if (json)
            printf("%s\"%s\": {\"median_ns\": %.1f, \"min_ns\": %.1f, \"max_ns\": %.1f}", k ? ", " : "", names[k], median,
                   low, high);
        else
            printf("%-24s %6.1f ns  (%.1f to %.1f)\n", names[k], median, low, high);
    }
    if (json) printf("}\n");
    tl_gateway_destroy(s.gateway);
    tl_instruments_destroy(instruments);
    return 0;
}
