#include "sched/backtest.h"

#include <stdlib.h>
#include <string.h>

#include "queue/delay_line.h"
#include "sched/decisions.h"

enum { COMPUTE_KEPT = 256, MAX_BATCH = 128, FIRST_CLOSING = 64, MAX_AT_ONCE = 1000000 };

#define NEVER INT64_MAX

/* The kinds that move marks, states or positions; the others are the strategy's alone. */
#define MARKING_KINDS                                                                                                       \
    (1ull << TL_EVENT_QUOTE | 1ull << TL_EVENT_TRADE | 1ull << TL_EVENT_BAR | 1ull << TL_EVENT_STATUS |                     \
     1ull << TL_EVENT_MARK | 1ull << TL_EVENT_ACTION)

/* The kinds that only the view looks at. Without a handler nothing follows from them outside the strategy, and most records are of these. */
#define VIEW_KINDS (1ull << TL_EVENT_LEVEL | 1ull << TL_EVENT_BOOK | 1ull << TL_EVENT_QUEUE)

/* A record on its way to the strategy. */
typedef struct staged {
    tl_event event;
    tl_event_tail tail;
} staged;

typedef struct warm_series {
    int64_t interval_ns;
    uint32_t instrument;
    uint32_t missing;
} warm_series;

/* A row of outside data on its way. */
typedef struct data_row {
    double values[TL_BACKTEST_COLUMNS];
} data_row;

typedef struct data_input {
    uint32_t feed;
    uint32_t input;
    uint32_t columns;
} data_input;

typedef enum stage { STAGE_NEW = 0, STAGE_STARTED, STAGE_PLAYING, STAGE_STOPPED, STAGE_ENDED } stage;

struct tl_backtest {
    tl_backtest_config with;
    tl_input_log *log;
    tl_mirror *mirror;
    tl_delay_line market;    /* of staged: market data for the strategy */
    tl_delay_line bars;      /* of staged: bars; at equal times after market data */
    tl_delay_line sent;      /* of tl_command: strategy to gateway */
    tl_delay_line entering;  /* of tl_command: gateway to venue */
    tl_delay_line reporting; /* of tl_report: venue to gateway */
    tl_delay_line told;      /* of tl_report: gateway to strategy, in the order in which the gateway wrote them */
    tl_delay_line rows;      /* of data_row: of the staged DATA records, in their order */
    data_input inputs[TL_BACKTEST_INPUTS];
    uint32_t input_count;
    staged *closing; /* bars of one close, until all of that time are in */
    uint32_t closing_count;
    uint32_t closing_capacity;
    int64_t closing_ns;               /* NEVER when none are gathered */
    int64_t busy_until_ns;            /* the strategy computes until then */
    int64_t compute_ns[COMPUTE_KEPT]; /* of a served record, by its sequence */
    int64_t drawn_ns[COMPUTE_KEPT];   /* what was drawn, by place among the records that have a handler */
    uint64_t drawn_count;
    uint64_t drawn_served;    /* given to served records; those that are taken back give theirs back */
    uint64_t drawn_collected; /* given to collected ones */
    uint64_t collected;       /* log index behind the last collected record */
    uint64_t market_served;   /* staged market records that are in the log and not collected */
    int64_t quantum;          /* records still to be served in this run */
    uint64_t handled_kinds;   /* a bit for each kind that has a handler: these take compute time */
    uint64_t plain_kinds;     /* those of VIEW_KINDS that have none */
    int64_t report_ns;        /* the least that a report takes from the venue */
    int64_t venue_ns;         /* the least from the gateway to the venue and back */
    int64_t answer_ns;        /* the least from a record to a report of what its handler sent */
    int64_t last_history_ns;  /* what is due after it, when history has ended, does not happen */
    int64_t bars_until_ns;    /* the same for bars built from trades */
    tl_decisions *decisions;  /* NULL when they are not written */
    warm_series *warm;
    uint32_t warm_count;
    int64_t command_ns;        /* time of the last command */
    uint32_t commands_at_once; /* commands before it at just that time */
    bool history_over;         /* nothing is left of it */
    bool history_phase;        /* bars of warm-up are being sent */
    bool no_memory;
    stage stage;
    tl_backtest_counts counts;
};

static uint64_t kinds_with_handlers(const tl_host *host) {
    static const struct {
        const char *handler;
        uint8_t kind;
    } of[] = {
        {"on_quote", TL_EVENT_QUOTE}, {"on_trade", TL_EVENT_TRADE},   {"on_book", TL_EVENT_BOOK},
        {"on_bar", TL_EVENT_BAR},     {"on_bars", TL_EVENT_BARS},     {"on_status", TL_EVENT_STATUS},
        {"on_mark", TL_EVENT_MARK},   {"on_action", TL_EVENT_ACTION}, {"on_data", TL_EVENT_DATA},
        {"on_gap", TL_EVENT_GAP},     {"on_order", TL_EVENT_REPORT},  {"on_fill", TL_EVENT_REPORT},
        {"on_timer", TL_EVENT_TIMER}, {"on_start", TL_EVENT_START},
    };
    uint64_t kinds = 1ull << TL_EVENT_TIMER; /* functions as timers have no handler by name */
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        if (tl_host_has_handler(host, of[i].handler)) kinds |= 1ull << of[i].kind;
    return kinds;
}

static uint32_t poll_records(void *context, tl_input_log *log, uint32_t max_records);

tl_status tl_backtest_create(const tl_backtest_config *config, tl_backtest **out) {
    tl_backtest *b = calloc(1, sizeof *b);
    if (b == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a backtest");
    b->with = *config;
    b->log = tl_host_log(config->host);
    b->mirror = tl_host_mirror(config->host);
    b->closing = malloc(FIRST_CLOSING * sizeof *b->closing);
    b->closing_capacity = FIRST_CLOSING;
    b->closing_ns = NEVER;
    b->busy_until_ns = INT64_MIN;
    b->collected = b->log->begin;
    b->handled_kinds = kinds_with_handlers(config->host);
    b->plain_kinds = VIEW_KINDS & ~b->handled_kinds;
    b->report_ns = tl_latency_least_ns(config->report);
    b->venue_ns = tl_latency_least_ns(config->entry) + b->report_ns;
    b->answer_ns = tl_latency_least_ns(config->compute) + b->venue_ns;
    tl_delay_line *lines[] = {&b->market, &b->bars, &b->sent, &b->entering, &b->reporting, &b->told, &b->rows};
    static const size_t sizes[] = {sizeof(staged),    sizeof(staged),    sizeof(tl_command), sizeof(tl_command),
                                   sizeof(tl_report), sizeof(tl_report), sizeof(data_row)};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (tl_delay_line_init(lines[i], sizes[i]) != TL_OK || b->closing == NULL) {
            tl_backtest_destroy(b);
            return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a backtest");
        }
    tl_host_set_poll(config->host, poll_records, b);
    *out = b;
    return TL_OK;
}

void tl_backtest_destroy(tl_backtest *b) {
    if (b == NULL) return;
    tl_delay_line *lines[] = {&b->market, &b->bars, &b->sent, &b->entering, &b->reporting, &b->told, &b->rows};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        tl_delay_line_close(lines[i]);
    tl_decisions_discard(b->decisions);
    free(b->closing);
    free(b->warm);
    free(b);
}

tl_status tl_backtest_warm(tl_backtest *b, uint32_t instrument, int64_t interval_ns, uint32_t count) {
    warm_series *warm = realloc(b->warm, (b->warm_count + 1) * sizeof *warm);
    if (warm == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u series of bars", b->warm_count + 1);
    b->warm = warm;
    warm[b->warm_count++] = (warm_series){.interval_ns = interval_ns, .instrument = instrument, .missing = count};
    b->counts.warming += count > 0;
    return TL_OK;
}

tl_status tl_backtest_data(tl_backtest *b, uint32_t feed, uint32_t input, uint32_t columns) {
    if (b->input_count == TL_BACKTEST_INPUTS)
        return tl_error_set(TL_ERR_LIMIT, "more than %d inputs of outside data", TL_BACKTEST_INPUTS);
    if (columns > TL_BACKTEST_COLUMNS)
        return tl_error_set(TL_ERR_LIMIT, "outside data has %u columns, and the most is %d", columns, TL_BACKTEST_COLUMNS);
    b->inputs[b->input_count++] = (data_input){.feed = feed, .input = input, .columns = columns};
    return TL_OK;
}

tl_status tl_backtest_write_decisions(tl_backtest *b, const tl_instruments *instruments, tl_draft *draft) {
    return tl_decisions_open(draft, instruments, &b->decisions);
}

/* `bytes` is the size of the line's items, as a constant: the copy is made of moves then. */
static inline void push(tl_backtest *b, tl_delay_line *line, int64_t at_ns, const void *item, size_t bytes) {
    void *place = tl_delay_line_push(line, at_ns);
    if (TL_UNLIKELY(place == NULL))
        b->no_memory = true;
    else
        memcpy(place, item, bytes);
}

static int64_t later(int64_t ns, int64_t by_ns) {
    return ns > NEVER - by_ns ? NEVER : ns + by_ns;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* What a leg takes this time; most runs have none, and then this is asked for each record. */
static inline int64_t drawn(tl_latency *leg) {
    return leg == NULL ? 0 : tl_latency_draw(leg);
}

/* When the strategy gets to what is due: it computes until then. */
static inline int64_t reached_ns(const tl_backtest *b, int64_t due_ns) {
    return due_ns > b->busy_until_ns ? due_ns : b->busy_until_ns;
}

static bool is_plain(const tl_backtest *b, const tl_event *event) {
    return b->plain_kinds >> event->kind & 1;
}

/* ---- bars ---- */

static bool closes_before(const tl_backtest *b, const tl_event *a, const tl_event_tail *of_a, const staged *other) {
    if (of_a->w[4] != other->tail.w[4]) return of_a->w[4] < other->tail.w[4];
    return tl_host_place(b->with.host, a->instrument) < tl_host_place(b->with.host, other->event.instrument);
}

/* Bars come out a close at a time: shorter intervals first, then in the order of the symbols. */
static void gather_bar(tl_backtest *b, const tl_event *event, const tl_event_tail *tail) {
    if (b->closing_count == b->closing_capacity) {
        staged *wider = realloc(b->closing, 2 * (size_t)b->closing_capacity * sizeof *wider);
        if (wider == NULL) {
            b->no_memory = true;
            return;
        }
        b->closing = wider;
        b->closing_capacity *= 2;
    }
    uint32_t at = b->closing_count++;
    while (at > 0 && closes_before(b, event, tail, &b->closing[at - 1])) {
        b->closing[at] = b->closing[at - 1];
        at--;
    }
    b->closing[at] = (staged){.event = *event, .tail = *tail};
    b->closing_ns = event->ts_ns;
}

static void deliver_bar(tl_backtest *b, const staged *bar, int64_t close_ns) {
    int64_t at_ns = later(close_ns, tl_latency_least_ns(b->with.feed));
    if (at_ns < b->market.last_ns) at_ns = b->market.last_ns;
    push(b, &b->bars, at_ns, bar, sizeof *bar);
}

/* Bars that are built from others and from trades, of the same close as those that the files brought: they come out among them. */
static void gather_built(tl_backtest *b, int64_t close_ns) {
    for (uint32_t i = 0; i < b->closing_count; i++)
        tl_bars_feed(b->with.bars, &b->closing[i].event, &b->closing[i].tail);
    staged bar;
    while (tl_bars_take(b->with.bars, close_ns, &bar.event, &bar.tail)) {
        if (bar.event.ts_ns != close_ns)
            deliver_bar(b, &bar, bar.event.ts_ns);
        else if (bar.event.kind == TL_EVENT_BAR)
            gather_bar(b, &bar.event, &bar.tail);
    }
}

static void flush_closing(tl_backtest *b) {
    int64_t close_ns = b->closing_ns;
    if (b->with.bars != NULL) gather_built(b, close_ns);
    b->closing_ns = NEVER;
    for (uint32_t i = 0; i < b->closing_count; i++) {
        const staged *bar = &b->closing[i];
        deliver_bar(b, bar, close_ns);
        if (i + 1 < b->closing_count && b->closing[i + 1].tail.w[4] == bar->tail.w[4]) continue;
        staged all_in = {.event = {.ts_ns = close_ns,
                                   .instrument = (uint32_t)TL_NO_INSTRUMENT,
                                   .kind = TL_EVENT_BARS,
                                   .w = {bar->tail.w[4], close_ns}}};
        deliver_bar(b, &all_in, close_ns);
    }
    b->closing_count = 0;
}

static void close_built_bars(tl_backtest *b, int64_t now_ns) {
    staged bar;
    while (tl_bars_take(b->with.bars, now_ns, &bar.event, &bar.tail))
        deliver_bar(b, &bar, bar.event.ts_ns);
}

/* ---- the venue ---- */

/* A row of outside data: its values are kept until its record is consumed. */
static void take_data(tl_backtest *b, const tl_event *event) {
    const double *values = tl_simulator_data_row(b->with.simulator, (uint32_t)event->w[0], (uint64_t)event->w[1]);
    for (uint32_t i = 0; i < b->input_count && values != NULL; i++) {
        const data_input *input = &b->inputs[i];
        if (input->feed != (uint32_t)event->w[0]) continue;
        int64_t due_ns = later(event->ts_ns, drawn(b->with.feed));
        data_row *row = tl_delay_line_push(&b->rows, due_ns);
        staged *place = tl_delay_line_push(&b->market, due_ns);
        if (row == NULL || place == NULL) {
            b->no_memory = true;
            return;
        }
        memcpy(row->values, values, input->columns * sizeof *values);
        place->event = *event;
        place->event.instrument = (uint32_t)TL_NO_INSTRUMENT;
        place->event.w[0] = input->input;
        place->event.w[2] = (int64_t)(b->rows.tail - 1);
        return;
    }
}

/* On its way to the strategy; `tail` is NULL for a record of one slot. */
static inline void stage_market(tl_backtest *b, const tl_event *event, const tl_event_tail *tail) {
    staged *place = tl_delay_line_push(&b->market, later(event->ts_ns, drawn(b->with.feed)));
    if (TL_UNLIKELY(place == NULL)) {
        b->no_memory = true;
        return;
    }
    place->event = *event;
    if (tail != NULL) place->tail = *tail;
}

/* True when bars have moved: their closes are to be looked at again. */
static bool take_market(tl_backtest *b) {
    bool moved = false;
    uint32_t slots;
    const tl_event *event = tl_simulator_events(b->with.simulator, &slots);
    for (const tl_event *end = event + slots; event < end; event++) {
        if (is_plain(b, event)) {
            stage_market(b, event, NULL);
            continue;
        }
        const tl_event_tail *tail = tl_event_slots(event->kind) > 1 ? (const tl_event_tail *)(event + 1) : NULL;
        if (event->kind == TL_EVENT_TRADE && b->with.bars != NULL) {
            close_built_bars(b, event->ts_ns - 1); /* those that close now wait for all that happens now */
            tl_bars_feed(b->with.bars, event, NULL);
            moved = true;
        }
        if (TL_UNLIKELY(event->kind == TL_EVENT_BAR)) {
            gather_bar(b, event, tail);
            moved = true;
        } else if (TL_UNLIKELY(event->kind == TL_EVENT_DATA)) {
            take_data(b, event);
        } else {
            stage_market(b, event, tail);
        }
        event += tail != NULL;
    }
    return moved;
}

/* True when something other than market data came out. */
static bool take_venue_output(tl_backtest *b) {
    bool moved = take_market(b);
    uint32_t count;
    const tl_report *reports = tl_simulator_reports(b->with.simulator, &count);
    for (uint32_t i = 0; i < count; i++)
        push(b, &b->reporting, later(reports[i].ts_venue_ns, drawn(b->with.report)), &reports[i], sizeof *reports);
    tl_simulator_clear_output(b->with.simulator);
    return moved || count > 0;
}

/* ---- the gateway ---- */

static void take_gateway_output(tl_backtest *b, int64_t now_ns, bool from_venue) {
    uint32_t count;
    const tl_command *commands = tl_gateway_venue_commands(b->with.gateway, &count);
    for (uint32_t i = 0; i < count; i++)
        push(b, &b->entering, later(now_ns, drawn(b->with.entry)), &commands[i], sizeof *commands);
    const tl_report *reports = tl_gateway_reports(b->with.gateway, &count);
    for (uint32_t i = 0; i < count; i++) {
        tl_recorder_report(b->with.recorder, &reports[i], now_ns);
        push(b, &b->told, from_venue ? now_ns : later(now_ns, b->venue_ns), &reports[i], sizeof *reports);
    }
    tl_gateway_clear_output(b->with.gateway);
}

static void gateway_command(tl_backtest *b) {
    int64_t now_ns = tl_delay_line_next_ns(&b->sent);
    const tl_command *command = tl_delay_line_at(&b->sent, b->sent.head++);
    b->counts.commands++;
    b->commands_at_once = now_ns == b->command_ns ? b->commands_at_once + 1 : 0;
    b->command_ns = now_ns;
    if (b->decisions != NULL) tl_decisions_write(b->decisions, command, now_ns);
    tl_recorder_command(b->with.recorder, command, now_ns);
    tl_gateway_command(b->with.gateway, command, now_ns);
    take_gateway_output(b, now_ns, false);
}

static void gateway_timer(tl_backtest *b, int64_t now_ns) {
    tl_gateway_time(b->with.gateway, now_ns);
    take_gateway_output(b, now_ns, false);
}

static void gateway_report(tl_backtest *b) {
    int64_t now_ns = tl_delay_line_next_ns(&b->reporting);
    const tl_report *report = tl_delay_line_at(&b->reporting, b->reporting.head++);
    tl_gateway_report(b->with.gateway, report, now_ns);
    take_gateway_output(b, now_ns, true);
}

/* Commands and gateway timers up to and including `until_ns`, in the order of their time. */
static void step_gateway(tl_backtest *b, int64_t until_ns) {
    for (;;) {
        int64_t command_ns = tl_delay_line_next_ns(&b->sent), timer_ns = tl_gateway_next_timer_ns(b->with.gateway);
        if (least(command_ns, timer_ns) > until_ns) return;
        if (command_ns <= timer_ns)
            gateway_command(b);
        else
            gateway_timer(b, timer_ns);
    }
}

static bool is_handled(const tl_backtest *b, const tl_event *event) {
    return b->handled_kinds >> event->kind & 1;
}

uint32_t tl_backtest_wants(const tl_host *host) {
    uint32_t wants = TL_WANT_QUOTES | TL_WANT_TRADES | TL_WANT_LEVELS | TL_WANT_BARS | TL_WANT_QUEUE;
    return tl_host_wants_flow(host) ? wants | TL_WANT_FLOW : wants;
}

static void follow_subscriptions(tl_backtest *b) {
    bool wanted;
    for (int64_t id; (id = tl_host_next_subscription(b->with.host, &wanted)) >= 0;)
        if (wanted) tl_simulator_want(b->with.simulator, (uint32_t)id, tl_backtest_wants(b->with.host));
}

/* Walks the records that the strategy has consumed since the last poll: the market moves on for the gateway, what their handlers sent
 * sets out. Records that were served and taken back are still at the head of the staged market. */
static void collect(tl_backtest *b) {
    const tl_input_log *log = b->log;
    uint32_t count, next = 0;
    const tl_command *commands = tl_mirror_commands(b->mirror, &count);
    uint64_t begin = log->begin, at = b->collected, plain = 0;
    while (at != begin) {
        const tl_event *event = &log->slots[at & log->mask];
        if (is_plain(b, event)) {
            b->busy_until_ns = event->ts_recv_ns;
            plain++;
            at++;
            continue;
        }
        unsigned length = tl_event_slots(event->kind);
        at += length;
        if (TL_UNLIKELY(event->kind == TL_EVENT_NONE)) continue;
        if (event->source == TL_SOURCE_MARKET || event->source == TL_SOURCE_BAR) {
            if (MARKING_KINDS >> event->kind & 1) {
                const tl_event_tail *tail = length > 1 ? (const tl_event_tail *)(event + 1) : NULL;
                step_gateway(b, event->ts_recv_ns);
                tl_gateway_market(b->with.gateway, event, tail);
                take_gateway_output(b, event->ts_recv_ns, false);
                tl_recorder_market(b->with.recorder, event, tail, event->ts_recv_ns);
            }
            b->counts.events++;
            b->market.head += event->source == TL_SOURCE_MARKET;
            b->rows.head += event->kind == TL_EVENT_DATA;
        }
        int64_t sent_ns = later(event->ts_recv_ns, b->compute_ns[event->sequence % COMPUTE_KEPT]);
        for (; next < count && commands[next].input_sequence <= event->sequence; next++)
            push(b, &b->sent, sent_ns, &commands[next], sizeof *commands);
        b->busy_until_ns = sent_ns;
        b->drawn_collected += is_handled(b, event);
        b->counts.records++;
    }
    b->market.head += plain;
    b->counts.events += plain;
    b->counts.records += plain;
    b->collected = at;
    b->market_served = 0;
    b->drawn_served = b->drawn_collected;
    if (count > 0) tl_mirror_clear_commands(b->mirror);
    follow_subscriptions(b);
}

/* ---- serving ---- */

/* The compute time of the next record with a handler: the same draw for the same place, whatever was served and taken back before. */
static int64_t next_compute_ns(tl_backtest *b) {
    if (b->drawn_served == b->drawn_count) b->drawn_ns[b->drawn_count++ % COMPUTE_KEPT] = drawn(b->with.compute);
    return b->drawn_ns[b->drawn_served++ % COMPUTE_KEPT];
}

/* A record reaches the strategy at due_ns, or when that has done computing. */
static inline void stamp(tl_backtest *b, tl_event *record, int64_t due_ns, int source) {
    int64_t at_ns = reached_ns(b, due_ns);
    record->ts_recv_ns = at_ns;
    record->source = (uint8_t)source;
    b->busy_until_ns = b->counts.now_ns = at_ns;
    b->quantum--;
}

/* Appends a record that is due at due_ns; it waits while the strategy computes. False when the log is full. */
static bool serve(tl_backtest *b, const tl_event *event, const tl_event_tail *tail, int64_t due_ns, int source) {
    if (TL_UNLIKELY(event->kind == TL_EVENT_DATA)) {
        const data_row *row = tl_delay_line_at(&b->rows, (uint64_t)event->w[2]);
        tl_host_set_data_row(b->with.host, (uint32_t)event->w[0], row->values);
    }
    tl_event *record = tl_input_log_put(b->log, event, tail);
    if (TL_UNLIKELY(record == NULL)) return false;
    stamp(b, record, due_ns, source);
    int64_t compute_ns = is_handled(b, event) ? next_compute_ns(b) : 0;
    b->compute_ns[record->sequence % COMPUTE_KEPT] = compute_ns;
    b->busy_until_ns = later(record->ts_recv_ns, compute_ns);
    return true;
}

static uint32_t serve_own(tl_backtest *b, uint8_t kind, int64_t word) {
    tl_event event = {.ts_ns = b->counts.now_ns, .instrument = (uint32_t)TL_NO_INSTRUMENT, .kind = kind, .w = {word}};
    return serve(b, &event, NULL, b->counts.now_ns, TL_SOURCE_OPERATOR);
}

static uint32_t serve_report(tl_backtest *b) {
    tl_delay_line *line = &b->told;
    tl_report report = *(const tl_report *)tl_delay_line_at(line, line->head);
    int64_t due_ns = tl_delay_line_next_ns(line);
    tl_event event = {.ts_ns = report.ts_venue_ns, .instrument = report.instrument, .kind = TL_EVENT_REPORT};
    tl_event_tail tail;
    memcpy(event.w, &report, sizeof event.w);
    memcpy(tail.w, (const char *)&report + sizeof event.w, sizeof tail.w);
    line->head++;
    return serve(b, &event, &tail, due_ns, TL_SOURCE_REPORT);
}

/* Market records before `others_ns`: up to the first that has a handler, and behind it those that no answer to what it sends can precede. *handled tells
 * whether one with a handler is among them. While stops wait at the gateway a price is as good as handled: it may send one of them. */
static uint32_t serve_market(tl_backtest *b, uint32_t max_records, int64_t others_ns, bool *handled) {
    bool gateway_minds = tl_gateway_waiting(b->with.gateway) > 0;
    uint64_t first = b->market.head + b->market_served, index = first;
    uint64_t end = b->market.tail - first > max_records ? first + max_records : b->market.tail;
    for (int64_t limit_ns = others_ns; index < end; index++) {
        int64_t due_ns = tl_delay_line_ns(&b->market, index);
        if (index > first && reached_ns(b, due_ns) >= limit_ns) break;
        const staged *item = tl_delay_line_at(&b->market, index);
        if (is_plain(b, &item->event)) {
            tl_event *record = tl_input_log_put_one(b->log, &item->event);
            if (TL_UNLIKELY(record == NULL)) break;
            stamp(b, record, due_ns, TL_SOURCE_MARKET);
            continue;
        }
        if (TL_UNLIKELY(!serve(b, &item->event, &item->tail, due_ns, TL_SOURCE_MARKET))) break;
        if (!*handled && is_handled(b, &item->event)) {
            *handled = true;
            limit_ns = least(limit_ns, later(b->counts.now_ns, b->answer_ns));
        }
        if (TL_UNLIKELY(gateway_minds && (MARKING_KINDS >> item->event.kind & 1))) {
            *handled = true;
            limit_ns = least(limit_ns, later(b->counts.now_ns, b->venue_ns));
        }
    }
    return (uint32_t)(index - first);
}

static uint32_t serve_bar(tl_backtest *b) {
    const staged *bar = tl_delay_line_at(&b->bars, b->bars.head);
    int64_t due_ns = tl_delay_line_next_ns(&b->bars);
    b->bars.head++;
    for (uint32_t i = 0; i < b->warm_count && b->counts.warming > 0 && bar->event.kind == TL_EVENT_BAR; i++) {
        warm_series *w = &b->warm[i];
        if (w->missing > 0 && w->instrument == bar->event.instrument && w->interval_ns == bar->tail.w[4] &&
            --w->missing == 0)
            b->counts.warming--;
    }
    return serve(b, &bar->event, &bar->tail, due_ns, TL_SOURCE_BAR);
}

/* When the first of what happens outside the strategy is due, but for history. What would come by itself behind the end of history does not, but
 * for bars that a whole day left open. */
static int64_t outside_next(const tl_backtest *b) {
    int64_t timer_ns = tl_gateway_next_timer_ns(b->with.gateway);
    int64_t built_ns = b->with.bars != NULL ? tl_bars_next_close_ns(b->with.bars) : NEVER;
    if (b->history_over && timer_ns > b->last_history_ns) timer_ns = NEVER;
    if (b->history_over && built_ns > b->bars_until_ns) built_ns = NEVER;
    int64_t first_ns = least(least(tl_delay_line_next_ns(&b->sent), timer_ns), least(b->closing_ns, built_ns));
    return least(first_ns, least(tl_delay_line_next_ns(&b->entering), tl_delay_line_next_ns(&b->reporting)));
}

/* Does what is due at `now_ns`, the first of: commands at the gateway, its timers, orders that arrive at the venue, bars that close, reports. */
static void step_outside(tl_backtest *b, int64_t now_ns) {
    if (tl_delay_line_next_ns(&b->sent) == now_ns) {
        gateway_command(b);
    } else if (tl_gateway_next_timer_ns(b->with.gateway) == now_ns) {
        gateway_timer(b, now_ns);
    } else if (tl_delay_line_next_ns(&b->entering) == now_ns) {
        tl_command command = *(const tl_command *)tl_delay_line_at(&b->entering, b->entering.head++);
        tl_simulator_submit(b->with.simulator, &command, now_ns);
        take_venue_output(b);
    } else if (b->closing_ns == now_ns) {
        flush_closing(b);
    } else if (b->with.bars != NULL && tl_bars_next_close_ns(b->with.bars) == now_ns) {
        close_built_bars(b, now_ns);
    } else {
        gateway_report(b);
    }
}

/* When the first of what the strategy is shown is due, but for market data. */
static int64_t inside_next(const tl_backtest *b) {
    int64_t timer_ns = tl_host_next_timer_ns(b->with.host);
    if (b->history_over && timer_ns > b->last_history_ns) timer_ns = NEVER;
    return least(least(tl_delay_line_next_ns(&b->told), timer_ns), tl_delay_line_next_ns(&b->bars));
}

/* A report, a bar or a timer that is due at due_ns; at equal times in this order, with market data behind reports. 0 for market data. */
static uint32_t serve_inside(tl_backtest *b, int64_t due_ns, int64_t market_ns) {
    if (tl_delay_line_next_ns(&b->told) == due_ns) return serve_report(b);
    if (market_ns == due_ns) return 0;
    if (tl_delay_line_next_ns(&b->bars) == due_ns) return serve_bar(b);
    tl_event event;
    return tl_host_take_timer(b->with.host, due_ns, &event) ? serve(b, &event, NULL, due_ns, TL_SOURCE_TIMER) : 0;
}

/* The phase, so that on_start knows whether history follows, then the start. */
static uint32_t serve_start(tl_backtest *b, int64_t history_ns) {
    if (b->stage == STAGE_NEW) {
        b->stage = STAGE_STARTED;
        b->counts.first_ns = b->counts.now_ns = history_ns == NEVER ? 0 : history_ns;
        b->history_phase = b->counts.warming > 0;
        return serve_own(b, TL_EVENT_PHASE, b->history_phase ? TL_PHASE_HISTORY : TL_PHASE_LIVE);
    }
    b->stage = STAGE_PLAYING;
    return serve_own(b, TL_EVENT_START, 0);
}

/* After the strategy was stopped what is under way still arrives: orders sent in on_stop trade. */
static uint32_t wind_up(tl_backtest *b) {
    for (int64_t next_ns; (next_ns = outside_next(b)) != NEVER;)
        step_outside(b, next_ns);
    b->stage = STAGE_ENDED;
    return 0;
}

/* Bars that are open at the end of a whole day are told, as nothing can change them any more; those of data that break off are not. */
static void end_history(tl_backtest *b) {
    b->history_over = true;
    b->bars_until_ns = b->last_history_ns;
    if (b->with.bars == NULL || !tl_simulator_complete(b->with.simulator)) return;
    int64_t close_ns = tl_bars_last_close_ns(b->with.bars);
    if (close_ns > b->bars_until_ns) b->bars_until_ns = close_ns;
}

/* What comes next: served records, more than one only where a batch can make no difference. Records without a handler send nothing, so history may go on behind
 * them; the gateway's part waits until they are collected. */
static uint32_t serve_next(tl_backtest *b, uint32_t max_records) {
    uint32_t served = 0;
    int64_t outside_ns = NEVER, inside_ns = NEVER;
    for (bool changed = true;;) {
        bool after_orders = false, handled = false;
        int64_t history_ns = tl_simulator_next_ns(b->with.simulator, &after_orders);
        if (TL_UNLIKELY(b->stage != STAGE_PLAYING))
            return b->stage == STAGE_STOPPED ? wind_up(b) : serve_start(b, history_ns);
        if (TL_UNLIKELY(b->history_phase && b->counts.warming == 0)) {
            b->history_phase = false;
            return serve_own(b, TL_EVENT_PHASE, TL_PHASE_LIVE);
        }
        if (TL_UNLIKELY(history_ns == NEVER && !b->history_over)) {
            end_history(b);
            changed = true;
        }
        if (changed) {
            outside_ns = outside_next(b);
            inside_ns = inside_next(b);
            changed = false;
        }
        uint64_t next_market = b->market.head + b->market_served;
        int64_t market_ns = next_market < b->market.tail ? tl_delay_line_ns(&b->market, next_market) : NEVER;
        int64_t due_ns = least(market_ns, inside_ns);
        int64_t at_ns = due_ns == NEVER ? NEVER - 1 : reached_ns(b, due_ns);
        /* A bar's open waits for the orders of its time: it is due once nothing else of that time is left. */
        int64_t turn_ns = history_ns + (after_orders && history_ns != NEVER);
        if (turn_ns <= outside_ns && turn_ns <= at_ns) {
            b->last_history_ns = history_ns;
            tl_simulator_step(b->with.simulator);
            changed = take_venue_output(b);
            continue;
        }
        if (served > 0 && (outside_ns <= at_ns || inside_ns <= market_ns)) return served;
        if (outside_ns <= at_ns) {
            step_outside(b, outside_ns);
            changed = true;
            continue;
        }
        if (due_ns == NEVER) {
            b->stage = STAGE_STOPPED;
            return serve_own(b, TL_EVENT_STOP, 0);
        }
        if (inside_ns == due_ns) {
            uint32_t count = serve_inside(b, due_ns, market_ns);
            if (count > 0 || market_ns != due_ns) return count;
        }
        int64_t others_ns = least(least(outside_ns, inside_ns), later(history_ns, b->report_ns));
        uint32_t more = serve_market(b, max_records - served, others_ns, &handled);
        b->market_served += more;
        served += more;
        if (handled || more == 0 || served >= max_records || b->quantum <= 0) return served;
    }
}

/* The poll behind the host's drain loop. */
static uint32_t poll_records(void *context, tl_input_log *log, uint32_t max_records) {
    tl_backtest *b = context;
    (void)log;
    collect(b);
    if (tl_mirror_sagas(b->mirror) > 0) b->handled_kinds |= 1ull << TL_EVENT_REPORT; /* its steps follow on reports */
    if (b->quantum <= 0 || b->no_memory || b->stage == STAGE_ENDED || b->commands_at_once >= MAX_AT_ONCE) return 0;
    return serve_next(b, max_records > MAX_BATCH ? MAX_BATCH : max_records);
}

static tl_status finish_decisions(tl_backtest *b) {
    tl_status status = b->decisions != NULL ? tl_decisions_finish(b->decisions) : TL_OK;
    b->decisions = NULL;
    return status;
}

tl_status tl_backtest_run(tl_backtest *b, uint64_t records) {
    b->quantum = records > INT64_MAX ? INT64_MAX : (int64_t)records;
    tl_status status = tl_host_drain(b->with.host);
    collect(b);
    if (status != TL_OK) {
        finish_decisions(b); /* what led to a strategy's end is of use; why it ended is the host's to tell */
        return status;
    }
    if (b->no_memory) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the records that are under way");
    if (b->commands_at_once >= MAX_AT_ONCE)
        return tl_error_set(
            TL_ERR_LIMIT,
            "the strategy sent %u commands at one instant (%lld ns): it answers its own orders without time passing; "
            "give it latencies, or let it wait for the market",
            b->commands_at_once, (long long)b->command_ns);
    if (b->stage != STAGE_ENDED) return TL_OK;
    tl_recorder_finish(b->with.recorder, b->counts.now_ns);
    status = finish_decisions(b);
    return status != TL_OK ? status : TL_END;
}

void tl_backtest_count(const tl_backtest *b, tl_backtest_counts *counts) {
    *counts = b->counts;
    counts->ended = b->stage == STAGE_ENDED;
}
