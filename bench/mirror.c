/* What does a strategy pay for each request and each report? The mirror's hot calls, in ns: median and spread of 9 samples.
 * `--json` prints one object. No call may allocate; tests/unit/script/mirror_spec.lua holds behaviour, this holds cost. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/mirror.h"

enum { SAMPLES = 9, ROUNDS = 200000, KINDS = 6 };

static const char *const names[KINDS] = {
    "send", "report accepted", "quote, nothing to do", "quote, next tick", "report replaced", "cancel and its report"};

typedef struct state {
    tl_mirror *mirror;
    tl_order_options options;
    uint64_t sequence;
    uint64_t order;
    uint32_t slot;
} state;

static void answer(state *s, int kind, int64_t price) {
    tl_report report = {.order_id = s->order, .price = price, .quantity = 100, .kind = (uint8_t)kind, .queue_ahead = 5};
    tl_shown_report shown;
    tl_mirror_report(s->mirror, &report, (int64_t)s->sequence, s->sequence, &shown);
    s->sequence++;
}

static void take(state *s) {
    uint32_t count;
    const tl_command *commands = tl_mirror_commands(s->mirror, &count);
    if (count) s->order = commands[count - 1].order_id;
    tl_mirror_clear_commands(s->mirror);
}

/* One round of a life: sent, accepted, quoted again, moved, cancelled; the time of each step is added to `spent`. */
static void round_of(state *s, double *spent, double *clock_cost) {
    int64_t t[KINDS + 1];
    s->sequence++;
    tl_mirror_event(s->mirror, s->sequence, (int64_t)s->sequence);
    t[0] = (int64_t)tl_clock_tsc();
    s->slot = tl_mirror_quote(s->mirror, 0, TL_SIDE_BUY, 100, 150.10, &s->options);
    t[1] = (int64_t)tl_clock_tsc();
    take(s);
    int64_t before = (int64_t)tl_clock_tsc();
    answer(s, TL_REPORT_ACCEPTED, 1501000);
    t[2] = (int64_t)tl_clock_tsc();
    tl_mirror_quote(s->mirror, 0, TL_SIDE_BUY, 100, 150.10, &s->options);
    t[3] = (int64_t)tl_clock_tsc();
    tl_mirror_quote(s->mirror, 0, TL_SIDE_BUY, 100, 150.11, &s->options);
    t[4] = (int64_t)tl_clock_tsc();
    take(s);
    int64_t before_replaced = (int64_t)tl_clock_tsc();
    answer(s, TL_REPORT_REPLACED, 1501100);
    t[5] = (int64_t)tl_clock_tsc();
    tl_mirror_quote(s->mirror, 0, TL_SIDE_BUY, 0, NAN, &s->options);
    answer(s, TL_REPORT_CANCELED, 1501100);
    t[6] = (int64_t)tl_clock_tsc();
    take(s);
    int64_t last = (int64_t)tl_clock_tsc();
    *clock_cost += (double)((int64_t)tl_clock_tsc() - last);
    spent[0] += (double)(t[1] - t[0]);
    spent[1] += (double)(t[2] - before);
    spent[2] += (double)(t[3] - t[2]);
    spent[3] += (double)(t[4] - t[3]);
    spent[4] += (double)(t[5] - before_replaced);
    spent[5] += (double)(t[6] - t[5]);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    tl_instruments *instruments = tl_instruments_create();
    tl_instrument one = {.symbol = "AAPL", .price_exponent = -4, .tick = 100};
    if (!instruments || tl_instruments_add(instruments, &one, NULL) != TL_OK) return 1;
    tl_view *view = tl_view_create(instruments);
    state s = {.options = {.display = NAN, .stop_price = NAN, .offset = NAN, .percent = NAN, .rounding = 1}, .sequence = 1};
    s.mirror = view ? tl_mirror_create(view, instruments, 1, 1) : NULL;
    if (!s.mirror) return 1;

    double spent[KINDS][SAMPLES], ns = tl_clock_ns_per_tsc();
    for (int sample = -1; sample < SAMPLES; sample++) { /* the first warms up: slots are touched for the first time */
        double sum[KINDS] = {0}, clock_cost = 0;
        for (int i = 0; i < ROUNDS; i++)
            round_of(&s, sum, &clock_cost);
        for (int k = 0; k < KINDS && sample >= 0; k++)
            spent[k][sample] = (sum[k] - clock_cost) * ns / ROUNDS;
    }
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
    tl_mirror_destroy(s.mirror);
    tl_view_destroy(view);
    tl_instruments_destroy(instruments);
    return 0;
}
