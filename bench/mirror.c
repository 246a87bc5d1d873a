/* What does a strategy pay for each request and each report? The mirror's hot calls in ns: the median and the spread of 15 samples, each the mean over
 * 100,000 calls. `--json` prints one object. tests/unit/script/mirror_spec.lua shows that none of them allocates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/mirror.h"

enum { SAMPLES = 15, ROUNDS = 100, ORDERS = 1000 };

enum { SEND, ACCEPTED, QUOTE_SAME, QUOTE_MOVED, REPLACED, FILL, CANCEL, CANCELED, KINDS };

static const char *const names[KINDS] = {
    "send",        "report accepted", "quote, nothing to do", "quote, next tick", "report replaced",
    "report fill", "cancel",          "report canceled"};

typedef struct state {
    tl_mirror *mirror;
    tl_order_options options[ORDERS]; /* one tag an order */
    uint32_t slots[ORDERS];
    uint64_t ids[ORDERS];
    uint64_t sequence;
    int64_t begun_ns;
    double spent[KINDS]; /* of the sample, ns */
} state;

static void begin(state *s) {
    tl_mirror_clear_commands(s->mirror);
    s->sequence++;
    tl_mirror_event(s->mirror, s->sequence, (int64_t)s->sequence);
    s->begun_ns = tl_clock_monotonic_ns();
}

static void end(state *s, int kind) {
    s->spent[kind] += (double)(tl_clock_monotonic_ns() - s->begun_ns);
}

static void reports(state *s, int kind, int64_t price, int64_t quantity, int timed_as) {
    begin(s);
    for (int i = 0; i < ORDERS; i++) {
        tl_report report = {
            .order_id = s->ids[i], .price = price, .quantity = quantity, .kind = (uint8_t)kind, .queue_ahead = 5};
        tl_shown_report shown;
        s->sequence++;
        tl_mirror_report(s->mirror, &report, (int64_t)s->sequence, s->sequence, &shown);
    }
    end(s, timed_as);
}

static void quotes(state *s, double price, int timed_as) {
    begin(s);
    for (int i = 0; i < ORDERS; i++)
        s->slots[i] = tl_mirror_quote(s->mirror, 0, TL_SIDE_BUY, 100, price, &s->options[i]);
    end(s, timed_as);
}

/* A thousand orders through their whole life. */
static void round_of(state *s) {
    quotes(s, 150.10, SEND);
    uint32_t count;
    const tl_command *commands = tl_mirror_commands(s->mirror, &count);
    for (uint32_t i = 0; i < count && i < ORDERS; i++)
        s->ids[i] = commands[i].order_id;
    reports(s, TL_REPORT_ACCEPTED, 1501000, 100, ACCEPTED);
    quotes(s, 150.10, QUOTE_SAME);
    quotes(s, 150.11, QUOTE_MOVED);
    reports(s, TL_REPORT_REPLACED, 1501100, 100, REPLACED);
    reports(s, TL_REPORT_FILL, 1501100, 40, FILL);
    const tl_shown_order *orders = tl_mirror_orders(s->mirror);
    begin(s);
    for (int i = 0; i < ORDERS; i++)
        tl_mirror_cancel(s->mirror, s->slots[i], orders[s->slots[i]].generation_n);
    end(s, CANCEL);
    reports(s, TL_REPORT_CANCELED, 1501100, 100, CANCELED);
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    static state s;
    tl_instruments *instruments = tl_instruments_create();
    tl_instrument one = {.symbol = "AAPL", .price_exponent = -4, .tick = 100};
    if (!instruments || tl_instruments_add(instruments, &one, NULL) != TL_OK) return 1;
    tl_view *view = tl_view_create(instruments);
    s.mirror = view ? tl_mirror_create(view, instruments, 1, 1) : NULL;
    if (!s.mirror) return 1;
    for (uint32_t i = 0; i < ORDERS; i++)
        s.options[i] = (tl_order_options){
            .display = NAN, .stop_price = NAN, .offset = NAN, .percent = NAN, .rounding = 1, .tag = i + 1};

    static double spent[KINDS][SAMPLES];
    for (int sample = -1; sample < SAMPLES; sample++) { /* the first touches the memory of 65,536 closed orders */
        memset(s.spent, 0, sizeof s.spent);
        for (int i = 0; i < ROUNDS; i++)
            round_of(&s);
        for (int k = 0; k < KINDS && sample >= 0; k++)
            spent[k][sample] = s.spent[k] / (ROUNDS * ORDERS);
    }
    if (json) printf("{\"benchmark\": \"mirror\"");
    for (int k = 0; k < KINDS; k++) {
        qsort(spent[k], SAMPLES, sizeof(double), by_value);
        double median = spent[k][SAMPLES / 2], low = spent[k][0], high = spent[k][SAMPLES - 1];
        if (json)
            printf(", \"%s\": {\"median_ns\": %.1f, \"min_ns\": %.1f, \"max_ns\": %.1f}", names[k], median, low, high);
        else
            printf("%-24s %6.1f ns  (%.1f to %.1f)\n", names[k], median, low, high);
    }
    if (json) printf("}\n");
    tl_mirror_destroy(s.mirror);
    tl_view_destroy(view);
    tl_instruments_destroy(instruments);
    return 0;
}
