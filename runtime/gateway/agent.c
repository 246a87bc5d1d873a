#include <signal.h>
#include <stdio.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/worker_page.h"
#include "gateway/agent_inside.h"

enum { LOOK_NS = 10000000, STOP_PATIENCE_NS = 2000000000, PUBLISH_A_CYCLE = 8 };

/* ---- set-up ---- */

static void *section(const tl_region *region, const char *kind, const char *name, uint64_t *bytes) {
    char full[TL_REGION_NAME_BYTES + 16];
    snprintf(full, sizeof full, "%s%s", kind, name);
    return tl_region_find(region, full, bytes);
}

static tl_status open_strategy(tl_gateway_agent *agent, uint32_t place) {
    const tl_gateway_agent_config *config = &agent->config;
    served *one = &agent->strategies[place];
    one->config = config->strategies[place];
    uint32_t id = one->config.id;
    if (id >= STRATEGY_IDS || agent->gateway->strategy_index[id] == 0)
        return tl_error_set(TL_ERR_NOT_FOUND, "strategy %s: the gateway knows no strategy %u", one->config.name, id);
    agent->place_of[id] = (uint8_t)(place + 1);
    agent->wakers[place] = one->config.waker;
    void *commands_out = tl_region_find(one->config.region, "out:commands", NULL);
    void *reports_in = tl_region_find(one->config.region, "in:reports", NULL);
    void *commands_in = section(config->own, "in:commands:", one->config.name, NULL);
    void *reports_out = section(config->own, "out:reports:", one->config.name, NULL);
    if (commands_out == NULL || reports_in == NULL || commands_in == NULL || reports_out == NULL)
        return tl_error_prefix(TL_ERR_NOT_FOUND, "strategy %s", one->config.name);
    tl_status status =
        tl_channel_consumer(&one->commands, commands_out, commands_in, config->command_capacity, sizeof(tl_command));
    if (status == TL_OK)
        status = tl_channel_producer(&one->reports.producer, reports_out, reports_in, config->report_capacity,
                                     sizeof(tl_message));
    uint64_t waiting = 4 * AGENT_HELD_BACK + config->order_capacity + config->position_capacity;
    if (status == TL_OK)
        status = outlet_init(&one->reports, config->report_capacity, sizeof(tl_message), waiting, &agent->wakers[place]);
    return status;
}

static tl_status open_venue(tl_gateway_agent *agent) {
    const tl_gateway_agent_config *config = &agent->config;
    agent->wakers[config->strategy_count] = config->venue_waker;
    void *commands_out = tl_region_find(config->own, "out:venue.commands", NULL);
    void *reports_in = tl_region_find(config->own, "in:venue.reports", NULL);
    void *commands_in = tl_region_find(config->venue, "in:venue.commands", NULL);
    void *reports_out = tl_region_find(config->venue, "out:venue.reports", NULL);
    if (commands_out == NULL || reports_in == NULL || commands_in == NULL || reports_out == NULL)
        return tl_error_prefix(TL_ERR_NOT_FOUND, "the venue's channels");
    agent->venue_page = tl_region_find(config->venue, "worker", NULL);
    tl_status status = tl_channel_producer(&agent->venue.producer, commands_out, commands_in, config->venue_command_capacity,
                                           sizeof(tl_command));
    if (status == TL_OK)
        status = tl_channel_consumer(&agent->venue_reports, reports_out, reports_in, config->venue_report_capacity,
                                     sizeof(tl_report));
    /* Each open order may have a request of its own on the way besides its first command. */
    if (status == TL_OK)
        status = outlet_init(&agent->venue, config->venue_command_capacity, sizeof(tl_command),
                             4 * (uint64_t)config->order_capacity + config->venue_command_capacity,
                             &agent->wakers[config->strategy_count]);
    return status;
}

static void open_counters(tl_gateway_agent *agent) {
    uint64_t bytes = 0;
    tl_counter *all = tl_region_find(agent->config.own, "counters", &bytes);
    const struct {
        tl_counter **at;
        const char *label;
    } labels[] = {
        {&agent->counters.commands, "gateway.commands"},
        {&agent->counters.orders, "gateway.orders"},
        {&agent->counters.fills, "gateway.fills"},
        {&agent->counters.denied, "gateway.denied"},
        {&agent->counters.reports, "gateway.reports"},
        {&agent->counters.repeated, "gateway.repeated"},
        {&agent->counters.malformed, "gateway.malformed"},
        {&agent->counters.expired, "gateway.expired"},
        {&agent->counters.kills, "gateway.kills"},
        {&agent->counters.log, "gateway.log_slots"},
        {&agent->counters.checkpoints, "gateway.checkpoints"},
        {&agent->counters.cut, "gateway.reports_cut"},
        {&agent->counters.refused, "gateway.operator_refused"},
        {&agent->counters.waiting, "gateway.waiting"},
    };
    for (size_t i = 0; all != NULL && i < sizeof labels / sizeof *labels; i++)
        *labels[i].at = tl_counter_allot(all, (uint32_t)(bytes / sizeof *all), labels[i].label);
    tl_pool_counters_allot(&agent->counters.pool, all, (uint32_t)(bytes / sizeof *all), "orders");
}

static tl_status open_sections(tl_gateway_agent *agent) {
    const tl_gateway_agent_config *config = &agent->config;
    uint64_t bytes = 0, published[4] = {0};
    static const char *const names[4] = {"positions", "orders", "accounts", "gateway"};
    const uint64_t wanted[4] = {tl_published_positions_bytes(config->position_capacity),
                                tl_published_orders_bytes(config->order_capacity), tl_published_accounts_bytes(),
                                tl_published_gateway_bytes()};
    uint8_t *sections[4];
    for (int i = 0; i < 4; i++) {
        sections[i] = tl_region_find(config->own, names[i], &published[i]);
        if (sections[i] == NULL) return TL_ERR_NOT_FOUND;
        if (published[i] < wanted[i])
            return tl_error_set(TL_ERR_LIMIT, "section %s: %llu bytes, and %llu are needed", names[i],
                                (unsigned long long)published[i], (unsigned long long)wanted[i]);
    }
    tl_status status =
        publisher_init(&agent->published, agent->gateway, sections, config->position_capacity, config->order_capacity);
    if (status != TL_OK) return status;
    agent->stages = tl_region_find(config->own, "stages", &bytes);
    if (agent->stages == NULL || bytes < sizeof *agent->stages) return tl_error_prefix(TL_ERR_NOT_FOUND, "stages");
    for (int i = 0; i < 2; i++) {
        agent->checkpoint[i] = tl_region_find(config->own, i == 0 ? "gateway.checkpoint.0" : "gateway.checkpoint.1",
                                              &agent->checkpoint_bytes[i]);
        if (agent->checkpoint[i] == NULL) return TL_ERR_NOT_FOUND;
        if (agent->checkpoint_bytes[i] < 4096) return tl_error_set(TL_ERR_LIMIT, "a section for checkpoints is too small");
    }
    void *log = tl_region_find(config->own, "gateway.log", &bytes);
    if (log == NULL) return TL_ERR_NOT_FOUND;
    return tl_gateway_log_attach(&agent->log, log, bytes);
}

static publisher_facts facts_of(const tl_gateway_agent *agent) {
    return (publisher_facts){.as_of = agent->log.position,
                             .orders = agent->logged.orders,
                             .fills = agent->logged.fills,
                             .recovered = agent->recovered};
}

tl_status tl_gateway_agent_create(const tl_gateway_agent_config *config, tl_gateway_agent **out) {
    *out = NULL;
    if (config->strategy_count > TL_GATEWAY_STRATEGIES)
        return tl_error_set(TL_ERR_LIMIT, "%u strategies: the gateway serves %d", config->strategy_count,
                            TL_GATEWAY_STRATEGIES);
    tl_gateway_agent *agent = aligned_alloc(128, (sizeof *agent + 127) / 128 * 128);
    if (agent == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a gateway");
    memset(agent, 0, sizeof *agent);
    agent->config = *config;
    agent->gateway = config->gateway;
    agent->own_page = tl_region_find(config->own, "worker", NULL);
    agent->ns_per_tsc = tl_clock_ns_per_tsc();
    agent->kill_file = config->kill_file != NULL ? strdup(config->kill_file) : NULL;
    tl_status status = open_sections(agent);
    if (status == TL_OK) status = open_venue(agent);
    for (uint32_t i = 0; status == TL_OK && i < config->strategy_count; i++)
        status = open_strategy(agent, i);
    if (status == TL_OK) {
        open_counters(agent);
        status = agent_recover(agent);
    }
    if (status != TL_OK) {
        tl_gateway_agent_destroy(agent);
        return status;
    }
    publisher_facts facts = facts_of(agent);
    publisher_all(&agent->published, &facts, agent->now_ns);
    *out = agent;
    return TL_OK;
}

void tl_gateway_agent_destroy(tl_gateway_agent *agent) {
    if (agent == NULL) return;
    outlet_close(&agent->venue);
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        outlet_close(&agent->strategies[i].reports);
    publisher_close(&agent->published);
    free(agent->kill_file);
    free(agent);
}

/* ---- inputs ---- */

static void advance(tl_gateway_agent *agent, int64_t now_ns) {
    if (now_ns > agent->now_ns) agent->now_ns = now_ns;
}

/* The instrument on whose mark the work on a command or report depends. */
static uint32_t instrument_of(const tl_gateway *gateway, uint64_t order_id, uint32_t otherwise) {
    uint32_t slot = tl_id_map_find(&gateway->order_index, gateway_id_of(order_id));
    return slot != 0 ? gateway->orders[slot].record.last.instrument : otherwise;
}

/* How many orders of a strategy may be open: each has an equal part of what can be written down to itself, and what the others have left of theirs is not for taking. */
static uint32_t most_open(const tl_gateway_agent *agent, const served *one) {
    uint32_t all = agent->config.order_capacity, part = all / agent->config.strategy_count, others = 0;
    for (uint32_t i = 0; i < agent->config.strategy_count; i++) {
        if (&agent->strategies[i] == one) continue;
        uint32_t open = tl_gateway_open_orders(agent->gateway, agent->strategies[i].config.id);
        others += open > part ? open : part;
    }
    return others < all ? all - others : 0;
}

static void refuse_too_many(const tl_gateway_agent *agent, const served *one, tl_gateway_record *record) {
    const tl_gateway *gateway = agent->gateway;
    uint32_t taken = gateway->order_top - gateway->free_order_count, all = agent->config.order_capacity;
    uint32_t open = tl_gateway_open_orders(gateway, one->config.id), most = all;
    if (TL_UNLIKELY(taken >= all + TL_GATEWAY_CLOSED_KEPT)) {
        open = taken - TL_GATEWAY_CLOSED_KEPT;
    } else {
        if (TL_LIKELY(open < all / agent->config.strategy_count)) return;
        most = most_open(agent, one);
        if (open < most) return;
    }
    record->reason = TL_REASON_TOO_MANY_ORDERS;
    record->limit = most;
    record->value = (int64_t)open + 1;
}

/* Why a new order is not even to be tried: what the log must tell, as it is no function of it. */
static void refuse_outside(tl_gateway_agent *agent, served *one, tl_gateway_record *record) {
    const uint64_t report_half = agent->config.report_capacity / 2, venue_half = agent->config.venue_command_capacity / 2;
    uint64_t behind = outlet_backlog(&one->reports, report_half);
    if (TL_UNLIKELY(agent->failure != TL_OK)) {
        record->reason = TL_REASON_GATEWAY_DOWN;
        record->limit = record->value = TL_ABSENT;
        return;
    }
    if (TL_UNLIKELY(behind > report_half)) {
        record->reason = TL_REASON_REPORTS_BEHIND;
        record->limit = (int64_t)report_half;
        record->value = (int64_t)behind;
        return;
    }
    behind = outlet_backlog(&agent->venue, venue_half);
    if (TL_UNLIKELY(behind > venue_half)) {
        record->reason = TL_REASON_RING_FULL;
        record->limit = (int64_t)venue_half;
        record->value = (int64_t)behind;
    } else {
        refuse_too_many(agent, one, record);
    }
}

static void take_command(tl_gateway_agent *agent, uint32_t place, const tl_command *hostile, uint64_t input) {
    served *one = &agent->strategies[place];
    tl_command command = *hostile;
    uint64_t from = tl_clock_tsc();
    advance(agent, tl_runtime_clock_ns(agent->config.clock));
    int64_t since = agent->now_ns - command.ts_ns;
    bool measured = command.kind != TL_COMMAND_ATTACH; /* once a generation, while it loads */
    if (measured && since >= 0 && since < TL_NS_PER_S * 60LL)
        tl_histogram_record(&agent->stages->of[TL_LATENCY_ORDER], since);
    /* In another's name it is nobody's. */
    if (TL_UNLIKELY(command.strategy != one->config.id)) command.strategy = UINT32_MAX;
    tl_gateway_record record = {.kind = TL_GATEWAY_COMMAND, .source = (uint16_t)place, .input = input};
    if (command.kind == TL_COMMAND_NEW) refuse_outside(agent, one, &record);
    agent_log_marks(agent, instrument_of(agent->gateway, command.order_id, command.instrument));
    agent_input(agent, &record, &command, sizeof command / TL_GATEWAY_SLOT_BYTES);
    int64_t worked = (int64_t)((double)(tl_clock_tsc() - from) * agent->ns_per_tsc);
    if (measured) tl_histogram_record(&agent->stages->of[TL_LATENCY_GATEWAY], worked);
}

/* Up to `most` commands of a strategy, none of a generation after `epoch`. */
static uint32_t take_commands(tl_gateway_agent *agent, uint32_t place, uint32_t most, uint32_t epoch) {
    served *one = &agent->strategies[place];
    uint32_t done = 0;
    while (done < most) {
        uint64_t count;
        const tl_command *commands = tl_spsc_poll(&one->commands, &count);
        if (count == 0) break;
        if (count > most - done) count = most - done;
        uint64_t i = 0;
        for (; i < count && commands[i].epoch <= epoch; i++)
            take_command(agent, place, &commands[i], one->commands.position + i + 1);
        tl_spsc_release(&one->commands, i); /* they are in the log */
        done += (uint32_t)i;
        if (i < count) break;
    }
    return done;
}

static void take_report(tl_gateway_agent *agent, const tl_report *report, uint64_t input) {
    const tl_order_record *order = tl_gateway_order(agent->gateway, gateway_id_of(report->order_id));
    if (order != NULL && order->before == TL_ORDER_PENDING_NEW && order->filled == 0)
        tl_histogram_record(&agent->stages->of[TL_LATENCY_VENUE], agent->now_ns - order->created_ns);
    tl_gateway_record record = {.kind = TL_GATEWAY_REPORT, .input = input};
    /* A report is 1.5 slots. */
    struct {
        tl_report report;
        uint8_t rest[TL_GATEWAY_PAYLOAD_SLOTS * TL_GATEWAY_SLOT_BYTES - sizeof(tl_report)];
    } payload = {.report = *report};
    agent_log_marks(agent, instrument_of(agent->gateway, report->order_id, (uint32_t)TL_NO_INSTRUMENT));
    agent_input(agent, &record, &payload, TL_GATEWAY_PAYLOAD_SLOTS);
}

static uint32_t take_reports(tl_gateway_agent *agent) {
    uint32_t done = 0;
    while (done < AGENT_REPORTS) {
        uint64_t count;
        const tl_report *reports = tl_spsc_poll(&agent->venue_reports, &count);
        if (count == 0) break;
        if (count > AGENT_REPORTS - done) count = AGENT_REPORTS - done;
        advance(agent, tl_runtime_clock_ns(agent->config.clock));
        for (uint64_t i = 0; i < count; i++)
            take_report(agent, &reports[i], agent->venue_reports.position + i + 1);
        tl_spsc_release(&agent->venue_reports, count);
        done += (uint32_t)count;
    }
    return done;
}

/* An input of the agent's own or the operator's. */
static void take_other(tl_gateway_agent *agent, tl_gateway_record *record, const void *payload, uint32_t slots) {
    agent_log_marks(agent, (uint32_t)TL_NO_INSTRUMENT);
    agent_input(agent, record, payload, slots);
}

void tl_gateway_agent_market(void *state, const tl_event *event, const tl_event_tail *tail) {
    tl_gateway_agent *agent = state;
    tl_gateway *gateway = agent->gateway;
    if (TL_UNLIKELY(!tl_gateway_is_mark(gateway, event))) {
        tl_gateway_record record = {.kind = TL_GATEWAY_MARKET};
        struct {
            tl_event event;
            tl_event_tail tail;
        } payload = {.event = *event};
        if (tl_event_slots(event->kind) > 1 && tail != NULL) payload.tail = *tail;
        advance(agent, event->ts_recv_ns);
        agent_log_marks(agent, event->instrument);
        agent_input(agent, &record, &payload, TL_GATEWAY_PAYLOAD_SLOTS);
        agent->published.dirty = true;
        return;
    }
    uint64_t kills = gateway->counts.kills;
    agent_room(agent,
               gateway->moved_count + AGENT_MARGIN); /* a checkpoint may not come between what it does and its output */
    tl_gateway_market(gateway, event, tail);
    if (event->instrument < GATEWAY_INSTRUMENTS && gateway->markets[event->instrument].held > 0)
        agent->published.dirty = true;
    if (TL_LIKELY(gateway->counts.kills == kills)) return;
    /* What it was is in no log yet, and nothing of it has left: first the marks that it came of, then itself. */
    advance(agent, event->ts_recv_ns);
    tl_gateway_record record = {
        .kind = TL_GATEWAY_LOSSES, .target = (int32_t)event->instrument, .now_ns = event->ts_recv_ns};
    agent_log_marks(agent, event->instrument);
    tl_gateway_log_append(&agent->log, &record, NULL, 0);
    agent_drain(agent);
}

/* ---- looking around ---- */

static void look_for_file(tl_gateway_agent *agent) {
    if (agent->kill_file == NULL) return;
    bool there = access(agent->kill_file, F_OK) == 0;
    if (there == (agent->logged.file != 0)) return;
    tl_gateway_record record = {.kind = TL_GATEWAY_FILE, .word = there};
    take_other(agent, &record, NULL, 0);
}

static void tell_link(tl_gateway_agent *agent, int link) {
    for (uint32_t i = 0; i < agent->gateway->venue_count; i++) {
        tl_gateway_record record = {.kind = TL_GATEWAY_LINK, .source = (uint16_t)i, .word = link};
        take_other(agent, &record, NULL, 0);
    }
}

/* The venues live in one process, which is there or not. A killed one's page still says that it runs. */
static void look_for_venue(tl_gateway_agent *agent) {
    const tl_worker_page *page = agent->venue_page;
    bool there = true;
    uint32_t epoch = 0;
    if (page != NULL) {
        uint32_t state = __atomic_load_n(&page->state, __ATOMIC_ACQUIRE),
                 pid = __atomic_load_n(&page->pid, __ATOMIC_RELAXED);
        epoch = __atomic_load_n(&page->epoch, __ATOMIC_RELAXED);
        there = (state == TL_WORKER_RUNNING || state == TL_WORKER_STOPPING) &&
                (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH);
    }
    bool linked = agent->gateway->venue_count > 0 && agent->logged.links[0] != TL_VENUE_DISCONNECTED;
    if (linked && (!there || (agent->venue_epoch != 0 && epoch != agent->venue_epoch)))
        tell_link(agent, TL_VENUE_DISCONNECTED), linked = false;
    if (there) agent->venue_epoch = epoch;
    if (!there || (linked && agent->venue_known)) return;
    agent->venue_known = true;
    tell_link(agent, TL_VENUE_CONNECTED);
    /* Channels lose nothing: what is on its way arrives, so both sides know the same. */
    tell_link(agent, TL_VENUE_RECONCILED);
}

static void count(tl_counter *counter, uint64_t value) {
    if (counter != NULL) tl_counter_set(counter, value);
}

static void update_counters(tl_gateway_agent *agent) {
    const tl_gateway_counts *counts = &agent->gateway->counts;
    const agent_counters *to = &agent->counters;
    uint64_t denied = 0, waiting = outlet_waiting(&agent->venue);
    for (int i = 0; i < TL_REASONS; i++)
        denied += agent->gateway->denied[i];
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        waiting += outlet_waiting(&agent->strategies[i].reports);
    count(to->commands, counts->commands);
    count(to->orders, agent->logged.orders);
    count(to->fills, agent->logged.fills);
    count(to->denied, denied);
    count(to->reports, counts->reports);
    count(to->repeated, counts->commands_repeated);
    count(to->malformed, counts->commands_malformed + counts->reports_malformed);
    count(to->expired, agent->gateway->denied[TL_REASON_DEADLINE_PASSED]);
    count(to->kills, counts->kills);
    count(to->log, agent->log.position);
    count(to->checkpoints, agent->checkpoints);
    count(to->cut, agent->cut);
    count(to->refused, agent->refused);
    count(to->waiting, waiting);
    tl_pool_counts orders;
    tl_gateway_order_pool(agent->gateway, &orders);
    tl_pool_counters_set(&to->pool, &orders);
}

void agent_fail(tl_gateway_agent *agent, tl_status why) {
    if (agent->failure != TL_OK) return;
    agent->failure = why;
    tl_worker_page_fail(agent->own_page, tl_error_text());
}

/* ---- the agent ---- */

static void flush(tl_gateway_agent *agent) {
    outlet_flush(&agent->venue);
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        outlet_flush(&agent->strategies[i].reports);
    tl_waker_flush(agent->wakers, agent->config.strategy_count + 1);
}

static uint32_t work(void *state, int64_t now_ns) {
    tl_gateway_agent *agent = state;
    uint32_t done = 0;
    advance(agent, now_ns);
    if (TL_UNLIKELY(agent->now_ns >= agent->look_ns)) {
        agent->look_ns = agent->now_ns + LOOK_NS;
        look_for_file(agent);
        look_for_venue(agent);
        update_counters(agent);
    }
    if (TL_UNLIKELY(tl_gateway_next_timer_ns(agent->gateway) <= agent->now_ns)) {
        tl_gateway_record record = {.kind = TL_GATEWAY_TIME};
        take_other(agent, &record, NULL, 0);
        done++;
    }
    done += take_reports(agent);
    for (uint32_t i = 0; i < agent->config.strategy_count; i++)
        if (TL_LIKELY(outlet_waiting(&agent->strategies[i].reports) < AGENT_HELD_BACK))
            done += take_commands(agent, i, AGENT_COMMANDS, UINT32_MAX);
    flush(agent);
    if (done == 0 || agent->now_ns >= agent->published.page_written_ns + TL_NS_PER_MS) {
        publisher_facts facts = facts_of(agent);
        agent->unpublished = publisher_work(&agent->published, &facts, PUBLISH_A_CYCLE, agent->now_ns);
    }
    if (done == 0 && agent->log.position - agent->checkpoint_position > (agent->log.mask + 1) / 8) agent_checkpoint(agent);
    return done;
}

static int64_t next_ns(void *state) {
    tl_gateway_agent *agent = state;
    int64_t next = tl_gateway_next_timer_ns(agent->gateway);
    if (agent->look_ns < next) next = agent->look_ns;
    if (agent->unpublished && agent->published.page_written_ns + TL_NS_PER_MS < next)
        next = agent->published.page_written_ns + TL_NS_PER_MS;
    return next;
}

static void operate(void *state, const tl_operator *operator, int64_t now_ns) {
    tl_gateway_agent *agent = state;
    tl_gateway_record record = {.target = operator->target, .word = operator->word, .number = operator->value };
    char name[TL_GATEWAY_SLOT_BYTES] = {0};
    advance(agent, now_ns);
    switch (operator->kind) {
    case TL_OPERATOR_KILL:
        record.kind = TL_GATEWAY_KILL;
        break;
    case TL_OPERATOR_RESTRICT:
        record.kind = TL_GATEWAY_RESTRICT;
        break;
    case TL_OPERATOR_LIMIT:
        record.kind = TL_GATEWAY_LIMIT;
        memcpy(name, operator->text, sizeof operator->text - 1);
        take_other(agent, &record, name, 1);
        flush(agent);
        return;
    case TL_OPERATOR_DIED: {
        uint32_t place = operator->target >= 0 && operator->target<STRATEGY_IDS ? agent->place_of[operator->target] : 0;
        if (place == 0) return;
        /* What it sent counts. */
        take_commands(agent, place - 1, UINT32_MAX, (uint32_t) operator->word);
        record.kind = TL_GATEWAY_ENDED;
        record.source = (uint16_t)(place - 1);
        record.target = agent->strategies[place - 1].config.on_death == TL_ON_DEATH_CANCEL;
        break;
    }
    default:
        return;
    }
    take_other(agent, &record, NULL, 0);
    flush(agent);
}

/* Orders and sagas that are to end before the gateway does. */
static uint32_t unfinished(const tl_gateway_agent *agent) {
    uint32_t left = 0;
    for (uint32_t i = 0; i < agent->config.strategy_count; i++) {
        const tl_gateway_agent_strategy *one = &agent->strategies[i].config;
        if (one->on_death == TL_ON_DEATH_CANCEL) left += tl_gateway_open_orders(agent->gateway, one->id);
        left += tl_gateway_sagas(agent->gateway, one->id);
    }
    return left;
}

static bool stop(void *state, int why, int64_t now_ns) {
    (void)why; /* the master or not: what is to be done and its time are the same */
    tl_gateway_agent *agent = state;
    advance(agent, now_ns);
    if (!agent->stopping) {
        agent->stopping = true;
        agent->stop_ns = agent->now_ns + STOP_PATIENCE_NS;
        for (uint32_t i = 0; i < agent->config.strategy_count; i++) {
            take_commands(agent, i, UINT32_MAX, UINT32_MAX);
            tl_gateway_record record = {.kind = TL_GATEWAY_ENDED,
                                        .source = (uint16_t)i,
                                        .target = agent->strategies[i].config.on_death == TL_ON_DEATH_CANCEL};
            take_other(agent, &record, NULL, 0);
        }
        flush(agent);
    }
    if (unfinished(agent) > 0 && agent->now_ns < agent->stop_ns) return false;
    flush(agent);
    publisher_facts facts = facts_of(agent);
    publisher_all(&agent->published, &facts, agent->now_ns);
    update_counters(agent);
    agent_checkpoint(agent);
    return true;
}

void tl_gateway_agent_of(tl_gateway_agent *gateway, tl_agent *agent) {
    *agent =
        (tl_agent){.name = "gateway", .state = gateway, .work = work, .next_ns = next_ns, .operate = operate, .stop = stop};
}
