#include "venue/paper.h"

#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "base/worker_page.h"
#include "memory/pool_counters.h"
#include "queue/channel.h"
#include "venue/exchange_log.h"
#include "venue/feed.h"
#include "venue/slots.h"

enum {
    STEPS_A_CYCLE = 256,   /* of the market and commands together */
    SLOTS_A_CYCLE = 4096,  /* of market data that a cycle makes before it looks up */
    COMMANDS_AHEAD = 1024, /* that are looked at in a cycle: their latency begins when they arrive */
    RETRY_NS = 20000,      /* a full channel is looked at again */
    CHECKPOINT_NS = 1000000000
};

#define NEVER INT64_MAX

typedef struct counters {
    tl_counter *commands, *reports, *fills, *events, *waits;
    tl_pool_counters orders;
} counters;

struct tl_paper {
    tl_paper_config with;
    tl_simulator *simulator;
    tl_crowd *crowd; /* the simulator's; NULL for files */
    tl_exchange_log log;
    tl_spsc_producer market;
    tl_spsc_producer reports;
    tl_spsc_consumer commands;
    tl_worker_page *page;     /* of its process; NULL where there is none */
    const tl_feed_head *feed; /* asks for whole books; NULL where there is none */
    uint64_t pictures;        /* asked for so far, and served */
    tl_delay_line entering;   /* of tl_command: taken a look at, not yet released */
    uint64_t looked;          /* position in the channel behind the last one of those */
    counters count;
    int64_t from_ns, to_ns;           /* span of recorded files; 0 = no bound */
    int64_t runtime_0_ns, venue_0_ns; /* the same moment by the runtime's clock and by the venue's */
    int64_t now_ns;
    int64_t next_checkpoint_ns;
    uint32_t events_at;  /* slot of the simulator's output behind what is in the channel */
    uint32_t reports_at; /* its reports that are in the log */
    bool awaited;        /* the word to begin */
    bool begun;
    bool reentering; /* orders of a predecessor are being entered: what is told of that is not news */
    bool waits;      /* the market channel is full */
    bool ended;
    bool uncommitted; /* there was no room for the last transaction */
};

uint64_t tl_paper_log_bytes(void) {
    return tl_exchange_log_bytes();
}

uint64_t tl_paper_checkpoint_bytes(uint32_t orders, uint32_t symbols) {
    return tl_exchange_checkpoint_bytes(orders, symbols);
}

/* ---- time ---- */

static bool is_shifted(const tl_paper *p) {
    return p->crowd == NULL; /* participants live in the runtime's time */
}

static bool is_unpaced(const tl_paper *p) {
    return is_shifted(p) && p->with.speed == 0;
}

/* How far the venue is. */
static int64_t reached_ns(const tl_paper *p) {
    int64_t last_ns = tl_simulator_now_ns(p->simulator);
    return last_ns > p->venue_0_ns ? last_ns : p->venue_0_ns;
}

static int64_t scaled(int64_t ns, double by) {
    return by == 1 ? ns : (int64_t)((double)ns * by);
}

/* When something of the venue's time is by the runtime's clock. As fast as it goes, what happens happens now, and what lies ahead is as far away as it was. */
static int64_t runtime_of(const tl_paper *p, int64_t venue_ns) {
    if (!is_shifted(p)) return venue_ns;
    if (!is_unpaced(p)) return p->runtime_0_ns + scaled(venue_ns - p->venue_0_ns, 1 / p->with.speed);
    int64_t ahead_ns = venue_ns - reached_ns(p);
    return ahead_ns > 0 ? p->now_ns + ahead_ns : p->now_ns;
}

static int64_t venue_of(const tl_paper *p, int64_t runtime_ns) {
    if (!is_shifted(p)) return runtime_ns;
    if (!is_unpaced(p)) return p->venue_0_ns + scaled(runtime_ns - p->runtime_0_ns, p->with.speed);
    int64_t ahead_ns = runtime_ns - p->now_ns;
    return ahead_ns > 0 ? reached_ns(p) + ahead_ns : reached_ns(p);
}

/* ---- what comes out ---- */

/* Market data into the channel, whole records, as far as there is room; true when all is in it. */
static bool push_market(tl_paper *p) {
    uint32_t slots;
    const tl_event *events = tl_simulator_events(p->simulator, &slots);
    if (p->events_at == slots) {
        p->waits = false;
        return true;
    }
    uint64_t room = tl_slots_room(&p->market), used = 0;
    int64_t venue_ns = INT64_MIN, runtime_ns = 0;
    while (p->events_at < slots) {
        const tl_event *event = &events[p->events_at];
        unsigned length = tl_event_slots(event->kind);
        if (event->kind != TL_EVENT_DATA) { /* rows of outside data stay with the venue */
            if (used + length > room) break;
            if (event->ts_ns != venue_ns) {
                venue_ns = event->ts_ns;
                runtime_ns = runtime_of(p, venue_ns);
            }
            tl_event *place = tl_slots_place(&p->market, used);
            *place = *event;
            place->ts_ns = runtime_ns;
            for (unsigned i = 1; i < length; i++)
                *(tl_event *)tl_slots_place(&p->market, used + i) = event[i];
            if (event->kind == TL_EVENT_BAR && is_shifted(p)) {
                tl_event_tail *tail = tl_slots_place(&p->market, used + 1);
                tail->w[3] = runtime_of(p, tail->w[3]);
            }
            used += length;
        }
        p->events_at += length;
    }
    if (used > 0) {
        tl_spsc_commit(&p->market, used);
        for (uint32_t i = 0; i < p->with.waker_count; i++)
            tl_waker_mark(&p->with.wakers[i]);
        if (p->count.events != NULL) tl_counter_add(p->count.events, used);
    }
    p->waits = p->events_at < slots;
    if (p->waits && p->count.waits != NULL) tl_counter_add(p->count.waits, 1);
    return !p->waits;
}

static uint32_t send_reports(tl_paper *p, int64_t now_ns) {
    uint32_t sent = 0;
    for (const tl_report *report; (report = tl_exchange_log_due(&p->log, now_ns)) != NULL; sent++) {
        if (!tl_spsc_write(&p->reports, report)) break; /* its position is what a successor goes by */
        tl_exchange_log_sent(&p->log);
    }
    if (sent == 0) return 0;
    for (uint32_t i = 0; i < p->with.waker_count; i++)
        tl_waker_mark(&p->with.wakers[i]);
    if (p->count.reports != NULL) tl_counter_add(p->count.reports, sent);
    return sent;
}

/* A report of an order that a predecessor's market held a part of is about the whole of it. False when it is no news. */
static bool complete(tl_paper *p, tl_report *report) {
    const tl_exchange_order *order = tl_exchange_log_find(&p->log, report->order_id);
    report->ts_venue_ns = runtime_of(p, report->ts_venue_ns);
    if (order != NULL && order->base != 0) {
        report->filled += order->base;
        if (report->kind != TL_REPORT_FILL) report->quantity += order->base;
    }
    if (!p->reentering || order == NULL) return true;
    if (report->kind == TL_REPORT_REJECTED) report->kind = TL_REPORT_CANCELED;
    if (report->kind != TL_REPORT_ACCEPTED) return true;
    if (report->quantity == order->command.quantity) return false;
    report->kind = TL_REPORT_RESTATED; /* a reduce-only order that has less to reduce */
    return true;
}

/* What the simulator reported since the last call becomes part of the transaction. */
static void take_reports(tl_paper *p) {
    uint32_t count;
    const tl_report *reports = tl_simulator_reports(p->simulator, &count);
    for (; p->reports_at < count; p->reports_at++) {
        tl_report report = reports[p->reports_at];
        if (!complete(p, &report)) continue;
        int64_t due_ns = report.ts_venue_ns + (p->with.report != NULL ? tl_latency_draw(p->with.report) : 0);
        tl_exchange_log_report(&p->log, &report, due_ns);
        if (report.kind == TL_REPORT_FILL && p->count.fills != NULL) tl_counter_add(p->count.fills, 1);
    }
}

/* ---- commands ---- */

/* Commands begin their way when they arrive. They stay in the channel until they are carried out. */
static uint32_t look_at_commands(tl_paper *p, int64_t now_ns) {
    uint64_t produced = tl_slots_produced(&p->commands);
    uint32_t seen = 0;
    for (; p->looked < produced && seen < COMMANDS_AHEAD; seen++) {
        int64_t due_ns = now_ns + (p->with.entry != NULL ? tl_latency_draw(p->with.entry) : 0);
        tl_command *place = tl_delay_line_push(&p->entering, due_ns);
        if (place == NULL) break; /* no memory: it is looked at again */
        *place = *(const tl_command *)tl_slots_at(&p->commands, p->looked++);
    }
    return seen;
}

static void submit(tl_paper *p, const tl_command *command, int64_t at_ns) {
    tl_command c = *command;
    if (c.expire_ns != 0) c.expire_ns = venue_of(p, c.expire_ns);
    const tl_exchange_order *order = tl_exchange_log_find(&p->log, c.order_id);
    if (c.kind == TL_COMMAND_REPLACE && order != NULL && order->base != 0 && c.quantity != TL_ABSENT) {
        c.quantity -= order->base;
        if (c.quantity <= 0) c.kind = TL_COMMAND_CANCEL; /* a total that is filled already ends the order */
    }
    tl_simulator_submit(p->simulator, &c, at_ns);
}

static void refuse(tl_paper *p, const tl_command *c, int64_t now_ns) {
    tl_report report = {.order_id = c->order_id,
                        .price = c->price,
                        .quantity = c->quantity,
                        .limit = TL_ABSENT,
                        .value = TL_ABSENT,
                        .ts_venue_ns = now_ns,
                        .queue_ahead = TL_ABSENT,
                        .instrument = c->instrument,
                        .kind = TL_REPORT_REJECTED,
                        .reason = TL_REASON_TOO_MANY_ORDERS,
                        .strategy = c->strategy};
    tl_exchange_log_report(&p->log, &report, now_ns);
}

/* The first command that is due arrives at the venue. */
static void carry_out(tl_paper *p, int64_t next_ns) {
    int64_t due_ns = tl_delay_line_next_ns(&p->entering);
    const tl_command *command = tl_delay_line_at(&p->entering, p->entering.head);
    uint64_t position = p->looked - (p->entering.tail - p->entering.head) + 1;
    bool room = command->kind != TL_COMMAND_NEW || !tl_exchange_log_is_full(&p->log);
    int64_t at_ns = venue_of(p, due_ns);
    if (at_ns > next_ns) at_ns = next_ns; /* a rounded time is not behind what comes first */
    tl_exchange_log_command(&p->log, command, position);
    if (room)
        submit(p, command, at_ns);
    else
        refuse(p, command, due_ns);
    p->entering.head++;
    take_reports(p);
    if (p->count.commands != NULL) tl_counter_add(p->count.commands, 1);
}

/* ---- the market ---- */

/* Steps of the market and commands in the order of their times, at equal times the market first but for a bar's open; until all that is due by now is done,
 * or enough for a cycle. */
static uint32_t run(tl_paper *p, int64_t now_ns) {
    uint32_t done = 0, slots = 0;
    uint64_t room = tl_slots_room(&p->market);
    uint32_t most = room < SLOTS_A_CYCLE ? (uint32_t)room : SLOTS_A_CYCLE;
    for (; done < STEPS_A_CYCLE && slots < most; done++) {
        bool after_orders;
        int64_t next_ns = tl_simulator_next_ns(p->simulator, &after_orders);
        int64_t command_ns = tl_delay_line_next_ns(&p->entering);
        int64_t market_ns = next_ns == NEVER ? NEVER : is_unpaced(p) ? now_ns : runtime_of(p, next_ns);
        bool commands_first = is_unpaced(p) || after_orders;
        if (command_ns <= now_ns && (command_ns < market_ns || (command_ns == market_ns && commands_first))) {
            carry_out(p, next_ns);
        } else if (market_ns <= now_ns) {
            tl_simulator_step(p->simulator);
            take_reports(p);
        } else {
            p->ended = next_ns == NEVER;
            break;
        }
        tl_simulator_events(p->simulator, &slots);
        if (p->log.no_memory) break;
    }
    return done;
}

/* What a predecessor left open is entered into the market as it is now. */
static void reenter(tl_paper *p) {
    int64_t at_ns = venue_of(p, p->now_ns), next_ns;
    bool after_orders;
    next_ns = tl_simulator_next_ns(p->simulator, &after_orders);
    if (at_ns > next_ns) at_ns = next_ns;
    if (at_ns < tl_simulator_now_ns(p->simulator)) at_ns = tl_simulator_now_ns(p->simulator);
    tl_simulator_resume(p->simulator, p->log.executions);
    for (uint32_t i = 1; i <= p->log.position_count; i++) {
        const tl_exchange_position *position = &p->log.positions[i];
        tl_simulator_adjust(p->simulator, position->strategy, position->instrument, position->quantity);
    }
    p->reentering = true;
    for (uint32_t slot = p->log.first, next; slot != 0; slot = next) {
        tl_exchange_order *order = &p->log.orders[slot];
        next = order->next;
        order->base = order->filled;
        tl_command c = order->command;
        c.kind = TL_COMMAND_NEW;
        c.quantity -= order->base;
        c.flags &=
            ~(uint32_t)(TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE); /* it rested before: what it meets now it trades with */
        if (c.expire_ns != 0) c.expire_ns = venue_of(p, c.expire_ns);
        tl_simulator_submit(p->simulator, &c, at_ns);
        take_reports(p);
    }
    p->reentering = false;
}

static void begin(tl_paper *p, int64_t now_ns) {
    bool after_orders, successor = p->log.head->lives > 0;
    p->begun = true;
    p->log.head->lives++;
    int64_t from_ns = p->from_ns;
    if (p->crowd != NULL) {
        tl_crowd_start(p->crowd, now_ns - 1);
        from_ns = now_ns; /* the books are there before anybody looks */
    } else if (p->log.head->history_ns >= from_ns && p->log.head->history_ns != 0) {
        from_ns = p->log.head->history_ns + 1; /* what is of that very time is not told twice */
    }
    tl_simulator_set_span(p->simulator, from_ns, p->to_ns);
    p->runtime_0_ns = now_ns;
    p->venue_0_ns = tl_simulator_next_ns(p->simulator, &after_orders);
    if (p->venue_0_ns == NEVER) p->venue_0_ns = from_ns; /* no history: commands are answered all the same */
    if (!successor) return;
    if (p->venue_0_ns == from_ns) tl_simulator_step(p->simulator); /* the picture at the beginning of a span */
    tl_simulator_clear_output(p->simulator);
    tl_simulator_tell_anew(p->simulator);
    reenter(p);
}

/* A commit; then what happened may be seen. */
static bool commit(tl_paper *p, int64_t now_ns) {
    if (!tl_exchange_log_commit(&p->log, p->crowd)) return false;
    tl_slots_release_to(&p->commands, p->log.commands);
    if (is_shifted(p)) p->log.head->history_ns = tl_simulator_now_ns(p->simulator);
    if (now_ns >= p->next_checkpoint_ns || tl_exchange_log_is_long(&p->log)) {
        tl_exchange_log_checkpoint(&p->log, p->crowd);
        p->next_checkpoint_ns = now_ns + CHECKPOINT_NS;
        tl_pool_counts orders;
        tl_simulator_order_pool(p->simulator, &orders);
        tl_pool_counters_set(&p->count.orders, &orders);
    }
    return true;
}

/* The feed has lost what stood deep in the books. */
static void serve_pictures(tl_paper *p) {
    if (p->feed == NULL) return;
    uint64_t asked = __atomic_load_n(&p->feed->pictures, __ATOMIC_ACQUIRE);
    if (asked == p->pictures) return;
    p->pictures = asked;
    tl_simulator_tell_anew(p->simulator);
}

/* All that earlier cycles made is out: the next part of the market. */
static uint32_t go_on(tl_paper *p, int64_t now_ns) {
    tl_simulator_clear_output(p->simulator);
    p->events_at = p->reports_at = 0;
    if (TL_UNLIKELY(!p->begun))
        begin(p, now_ns);
    else
        serve_pictures(p);
    bool behind = tl_exchange_log_is_full(&p->log) && p->log.reporting.tail != p->log.reporting.head;
    return behind ? 0 : run(p, now_ns); /* until reports have left, nobody gets more of them */
}

/* What cannot be written down is not done: the process ends before anybody sees of it. */
static void fail(tl_paper *p) {
    if (p->log.no_memory)
        tl_worker_page_fail(p->page, "no memory for the exchange's orders");
    else if (p->uncommitted && tl_exchange_log_due_ns(&p->log) == NEVER)
        tl_worker_page_fail(p->page, "the exchange's orders and reports do not fit its checkpoint");
}

static uint32_t work(void *state, int64_t now_ns) {
    tl_paper *p = state;
    p->now_ns = now_ns;
    if (TL_UNLIKELY(p->awaited)) return 0;
    uint32_t done = look_at_commands(p, now_ns);
    if (TL_UNLIKELY(p->uncommitted)) p->uncommitted = p->log.no_memory || !commit(p, now_ns);
    if (!p->uncommitted && push_market(p)) {
        done += go_on(p, now_ns);
        p->uncommitted = p->log.no_memory || !commit(p, now_ns);
        if (!p->uncommitted) push_market(p);
    }
    if (TL_UNLIKELY(p->uncommitted)) fail(p);
    done += send_reports(p, now_ns);
    if (done > 0) tl_waker_flush(p->with.wakers, p->with.waker_count);
    return done;
}

static int64_t next_ns(void *state) {
    tl_paper *p = state;
    if (p->awaited) return NEVER;
    if (!p->begun) return 0;
    if (p->waits || p->uncommitted) return p->now_ns + RETRY_NS;
    int64_t at_ns = tl_exchange_log_due_ns(&p->log), command_ns = tl_delay_line_next_ns(&p->entering);
    if (at_ns <= p->now_ns) at_ns = p->now_ns + RETRY_NS; /* the report channel is full */
    if (command_ns < at_ns) at_ns = command_ns;
    bool after_orders;
    int64_t venue_ns = tl_simulator_next_ns(p->simulator, &after_orders);
    if (venue_ns == NEVER) return at_ns;
    int64_t market_ns = is_unpaced(p) ? 0 : runtime_of(p, venue_ns);
    return market_ns < at_ns ? market_ns : at_ns;
}

static void operate(void *state, const tl_operator *record, int64_t now_ns) {
    tl_paper *p = state;
    (void)now_ns;
    if (record->kind == TL_OPERATOR_BEGIN) p->awaited = false;
}

/* It has answered everything, or nobody is there any more to take it. */
static bool stop(void *state, int why, int64_t now_ns) {
    tl_paper *p = state;
    (void)why;
    (void)now_ns;
    p->awaited = false;
    bool answered = p->looked == tl_slots_produced(&p->commands) && p->entering.head == p->entering.tail &&
                    p->log.reporting.head == p->log.reporting.tail;
    return answered || p->waits || tl_slots_room(&p->reports) == 0;
}

/* ---- life ---- */

static tl_status make_crowd(const tl_paper_config *config, uint64_t life, tl_crowd **out) {
    tl_crowd_config crowd = {.seed = config->seed, .life = life, .rate = config->rate, .symbols = config->symbols};
    return tl_crowd_create(&crowd, out);
}

tl_status tl_paper_participants_instruments(tl_instruments *instruments, uint64_t seed, uint32_t symbols) {
    tl_crowd *crowd;
    tl_crowd_config config = {.seed = seed, .rate = 1, .symbols = symbols};
    tl_status status = tl_crowd_create(&config, &crowd);
    if (status != TL_OK) return status;
    status = tl_crowd_instruments(crowd, instruments);
    tl_crowd_destroy(crowd);
    return status;
}

static void allot_counters(tl_paper *p) {
    uint64_t bytes = 0;
    tl_counter *all = tl_region_find(p->with.own, "counters", &bytes);
    if (all == NULL) return;
    uint32_t capacity = (uint32_t)(bytes / sizeof *all);
    p->count = (struct counters){.commands = tl_counter_allot(all, capacity, "venue.commands"),
                                 .reports = tl_counter_allot(all, capacity, "venue.reports"),
                                 .fills = tl_counter_allot(all, capacity, "venue.fills"),
                                 .events = tl_counter_allot(all, capacity, "venue.market.slots"),
                                 .waits = tl_counter_allot(all, capacity, "venue.market.waits")};
    tl_pool_counters_allot(&p->count.orders, all, capacity, "venue.orders");
}

static tl_status attach(tl_paper *p) {
    const tl_region *own = p->with.own, *io = p->with.gateway;
    void *market = tl_region_find(own, "out:market", NULL), *reports = tl_region_find(own, "out:venue.reports", NULL),
         *commands = tl_region_find(own, "in:venue.commands", NULL);
    const void *in_market = tl_region_find(io, "in:market", NULL),
               *in_reports = tl_region_find(io, "in:venue.reports", NULL),
               *out_commands = tl_region_find(io, "out:venue.commands", NULL);
    if (market == NULL || reports == NULL || commands == NULL || in_market == NULL || in_reports == NULL ||
        out_commands == NULL)
        return tl_error_prefix(TL_ERR_NOT_FOUND, "the paper venue");
    p->feed = tl_region_find(io, "latches", NULL);
    if (p->feed != NULL) p->pictures = __atomic_load_n(&p->feed->pictures, __ATOMIC_ACQUIRE);
    p->page = tl_region_find(own, "worker", NULL);
    allot_counters(p);
    tl_status status = tl_channel_producer(&p->market, market, in_market, p->with.market_capacity, sizeof(tl_event));
    if (status == TL_OK)
        status = tl_channel_producer(&p->reports, reports, in_reports, p->with.report_capacity, sizeof(tl_report));
    if (status == TL_OK)
        status = tl_channel_consumer(&p->commands, out_commands, commands, p->with.command_capacity, sizeof(tl_command));
    if (status == TL_OK) status = tl_exchange_log_open(&p->log, own, p->reports.position);
    if (status != TL_OK) return status;
    tl_slots_release_to(&p->commands, p->log.commands);
    p->looked = p->commands.position;
    return tl_delay_line_init(&p->entering, sizeof(tl_command));
}

static tl_status add_crowd(tl_paper *p) {
    if (p->with.rate == 0) return TL_OK;
    tl_status status = make_crowd(&p->with, p->log.head->lives, &p->crowd);
    if (status != TL_OK) return status;
    for (uint32_t i = 0; i < p->log.price_count && i < p->with.symbols; i++)
        tl_crowd_set_price(p->crowd, i, p->log.prices[i]);
    status = tl_simulator_add_crowd(p->simulator, p->crowd);
    if (status != TL_OK) p->crowd = NULL; /* it is gone */
    return status;
}

tl_status tl_paper_create(const tl_paper_config *config, tl_paper **out) {
    if (!(config->speed >= 0 && config->speed <= 1e6))
        return tl_error_set(TL_ERR_ARGUMENT, "a speed of %g: recorded files are played at up to 1e6 times theirs",
                            config->speed);
    tl_paper *p = calloc(1, sizeof *p);
    if (p == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a paper venue");
    p->with = *config;
    p->awaited = config->wait != 0;
    p->simulator = tl_simulator_create(config->instruments, config->calendars, &config->fill);
    tl_status status = p->simulator != NULL ? attach(p) : TL_ERR_NO_MEMORY;
    if (status == TL_OK) status = add_crowd(p);
    if (status != TL_OK) {
        tl_paper_destroy(p);
        return status;
    }
    *out = p;
    return TL_OK;
}

void tl_paper_destroy(tl_paper *p) {
    if (p == NULL) return;
    tl_simulator_destroy(p->simulator);
    tl_exchange_log_close(&p->log);
    tl_delay_line_close(&p->entering);
    free(p);
}

tl_status tl_paper_add_itch(tl_paper *p, const char *path, uint32_t date) {
    if (p->crowd != NULL) return tl_error_set(TL_ERR_ARGUMENT, "%s: a market of participants plays no files", path);
    return tl_simulator_add_itch(p->simulator, path, date);
}

tl_status tl_paper_add_csv(tl_paper *p, tl_csv *csv) {
    if (p->crowd == NULL) return tl_simulator_add_csv(p->simulator, csv);
    tl_csv_close(csv);
    return tl_error_set(TL_ERR_ARGUMENT, "a market of participants plays no files");
}

void tl_paper_set_span(tl_paper *p, int64_t from_ns, int64_t to_ns) {
    p->from_ns = from_ns;
    p->to_ns = to_ns;
}

void tl_paper_want(tl_paper *p, uint32_t instrument, uint32_t what) {
    tl_simulator_want(p->simulator, instrument, what);
}

bool tl_paper_ended(const tl_paper *p) {
    return p->ended && !p->waits;
}

void tl_paper_agent(tl_paper *p, tl_agent *agent) {
    *agent = (tl_agent){.name = "venue", .state = p, .work = work, .next_ns = next_ns, .operate = operate, .stop = stop};
}
