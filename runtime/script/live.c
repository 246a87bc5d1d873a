/* The strategy agent's life, and what it sends. */
#include "script/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/live_inside.h"
#include "script/log_file.h"

enum { ASK_NS = 1000000 /* between two looks at a full ring */ };

/* ---- set-up ---- */

static void *section(const tl_region *region, const char *name, uint64_t least, tl_status *status) {
    if (*status != TL_OK) return NULL;
    uint64_t bytes = 0;
    void *found = tl_region_find(region, name, &bytes);
    if (!found)
        *status = TL_ERR_NOT_FOUND;
    else if (bytes < least)
        *status = tl_error_set(TL_ERR_ARGUMENT, "section %s has %llu bytes, and %llu are needed", name,
                               (unsigned long long)bytes, (unsigned long long)least);
    return *status == TL_OK ? found : NULL;
}

static tl_status open_channels(tl_live *live) {
    const tl_live_config *with = &live->with;
    char in[64], out[64];
    snprintf(in, sizeof in, "in:commands:%s", with->name);
    snprintf(out, sizeof out, "out:reports:%s", with->name);
    tl_status status = TL_OK;
    uint64_t commands = tl_channel_out_bytes(with->command_capacity, sizeof(tl_command));
    uint64_t reports = tl_channel_out_bytes(with->report_capacity, sizeof(tl_message));
    void *mine = section(with->own, "out:commands", commands, &status);
    void *theirs = section(with->gateway, in, tl_channel_in_bytes(), &status);
    if (status == TL_OK)
        status = tl_channel_producer(&live->commands, mine, theirs, with->command_capacity, sizeof(tl_command));
    theirs = section(with->gateway, out, reports, &status);
    mine = section(with->own, "in:reports", tl_channel_in_bytes(), &status);
    if (status == TL_OK)
        status = tl_channel_consumer(&live->messages, theirs, mine, with->report_capacity, sizeof(tl_message));
    uint64_t feed = tl_broadcast_bytes(with->feed_capacity, sizeof(tl_event));
    theirs = section(with->gateway, "feed", feed, &status);
    if (status == TL_OK) status = tl_broadcast_attach_reader(&live->feed, theirs, with->feed_capacity, sizeof(tl_event));
    live->latches = section(with->gateway, "latches", 0, &status);
    return status;
}

static tl_status open_rings(tl_live *live) {
    const tl_live_config *with = &live->with;
    tl_status status = TL_OK;
    void *lines = section(with->own, "log", tl_live_lines_bytes(), &status);
    if (status == TL_OK) status = tl_broadcast_attach_writer(&live->lines, lines, TL_LIVE_LINES, TL_LIVE_LINE_BYTES);
    void *signals = section(with->own, "signals", tl_live_signals_bytes(), &status);
    if (status == TL_OK) status = tl_broadcast_attach_writer(&live->signals, signals, TL_LIVE_SIGNALS, TL_LIVE_SIGNAL_BYTES);
    if (status == TL_OK && live->signals.position > 0) {
        const uint8_t *last =
            live->signals.slots + ((live->signals.position - 1) & live->signals.mask) * TL_LIVE_SIGNAL_BYTES;
        live->signal_sequence = ((const tl_event *)last)->sequence;
    }
    for (uint32_t i = 0; i < with->venue_count && status == TL_OK; i++)
        status = tl_host_name_venue(live->host, i, with->venues[i]);
    for (uint32_t i = 0; i < with->peer_count && status == TL_OK; i++)
        status = tl_host_name_peer(live->host, with->peers[i].id, with->peers[i].name);
    for (uint32_t i = 0; i < with->peer_count && status == TL_OK; i++) {
        const void *theirs = section(with->peers[i].region, "signals", tl_live_signals_bytes(), &status);
        if (status == TL_OK)
            status = tl_broadcast_attach_reader(&live->peers[i], theirs, TL_LIVE_SIGNALS, TL_LIVE_SIGNAL_BYTES);
    }
    return status;
}

static tl_status open_log(tl_live *live) {
    const tl_live_config *with = &live->with;
    tl_status status = TL_OK;
    void *mine = section(with->own, "input_log", tl_input_log_bytes(with->log_capacity), &status);
    tl_input_log log;
    if (status == TL_OK) status = tl_input_log_attach(&log, mine, with->log_capacity);
    if (status != TL_OK) return status;
    tl_host_use_log(live->host, &log);
    live->log = tl_host_log(live->host);
    live->head = live->log->head;
    tl_latch_init(&live->head->decided, sizeof(tl_log_sample));
    return TL_OK;
}

static void open_counters(tl_live *live, tl_counter *all) {
    live_counters *c = &live->counters;
    const struct {
        tl_counter **place;
        const char *label;
    } list[] = {
        {&c->records, "strategy.records"},
        {&c->market, "strategy.market"},
        {&c->messages, "strategy.messages"},
        {&c->timers, "strategy.timers"},
        {&c->commands, "strategy.commands"},
        {&c->repeated, "strategy.commands_repeated"},
        {&c->ring_full, "strategy.ring_full"},
        {&c->gaps, "strategy.gaps"},
        {&c->lost, "strategy.lost"},
        {&c->waits, "strategy.log_waits"},
        {&c->checkpoints, "strategy.checkpoints"},
        {&c->checkpoint_failures, "strategy.checkpoint_failures"},
        {&c->checkpoint_bytes, "strategy.checkpoint_bytes"},
        {&c->rerun, "strategy.rerun"},
        {&c->signals, "strategy.signals"},
    };
    static tl_counter nobody; /* of labels that found no place */
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        *list[i].place = tl_counter_allot(all, LIVE_COUNTERS, list[i].label);
        if (!*list[i].place) *list[i].place = &nobody;
    }
    tl_pool_counters_allot(&c->pool, all, LIVE_COUNTERS, "orders");
}

/* The event that the predecessor died at is tried once more; a second death at it and it is skipped. */
static void look_at_death(tl_live *live) {
    tl_input_log_head *head = live->head;
    uint64_t at = head->in_hand;
    head->deaths = at != 0 && at == head->died_at ? head->deaths + 1 : at != 0;
    head->died_at = at;
    head->in_hand = 0;
    live->page->in_hand = 0;
    if (head->deaths < 2) return;
    head->skipped[head->skipped_count++ % TL_INPUT_LOG_SKIPPED] = at;
    head->deaths = 0;
    live->page->skipped++;
    live->page->skip_at = at;
}

/* The last command in the ring that was no attach. */
static void look_at_sent(tl_live *live) {
    const tl_spsc_producer *ring = &live->commands;
    for (uint64_t at = ring->position; at > 0 && ring->position - at <= ring->mask; at--) {
        const tl_command *c = (const tl_command *)(ring->slots + ((at - 1) & ring->mask) * ring->slot_bytes);
        if (c->kind == TL_COMMAND_ATTACH) continue;
        live->sent_any = true;
        live->sent_sequence = c->input_sequence;
        live->sent_index = c->index;
        return;
    }
}

/* Messages that are in the log are given back to the gateway: the predecessor may have died before it did. */
static void go_on_from(tl_live *live) {
    tl_input_log_commit last = tl_input_log_committed(live->head);
    if (last.messages > live->messages.position) {
        live->messages.limit = last.messages;
        tl_spsc_release(&live->messages, last.messages - live->messages.position);
        live->messages.limit = live->messages.position;
    }
    live->feed.position = last.feed;
}

static void log_to_ring(void *context, int level, int64_t ts_ns, const char *text) {
    (void)ts_ns;
    live_line(context, level, text);
}

static void sent(void *context) {
    live_send(context);
}

static void hang_in(tl_live *live) {
    tl_input_log_head *head = live->head;
    uint64_t skipped = head->skipped_count < TL_INPUT_LOG_SKIPPED ? head->skipped_count : TL_INPUT_LOG_SKIPPED;
    tl_host_set_hooks(live->host, &(tl_host_hooks){.context = live,
                                                   .sent = sent,
                                                   .in_hand = {&live->page->in_hand, &head->in_hand},
                                                   .handlers = &live->stages->of[TL_LATENCY_HANDLER],
                                                   .skipped = head->skipped,
                                                   .skipped_count = (uint32_t)skipped,
                                                   .live = 1});
    tl_host_set_poll(live->host, live_poll, live);
    tl_host_set_log(live->host, log_to_ring, live);
}

static tl_status set_up(tl_live *live) {
    const tl_live_config *with = &live->with;
    tl_status status = TL_OK;
    live->page = section(with->own, "worker", sizeof *live->page, &status);
    live->stages = section(with->own, "stages", sizeof *live->stages, &status);
    tl_counter *counters = section(with->own, "counters", LIVE_COUNTERS * sizeof *counters, &status);
    uint64_t bytes[2];
    for (int i = 0; i < 2 && status == TL_OK; i++) {
        char name[32];
        snprintf(name, sizeof name, "checkpoint.%d", i);
        live->checkpoints[i] = section(with->own, name, 4096, &status);
        if (status == TL_OK) tl_region_find(with->own, name, &bytes[i]);
    }
    if (status == TL_OK) status = open_channels(live);
    if (status == TL_OK) status = open_rings(live);
    if (status == TL_OK) status = open_log(live);
    if (status != TL_OK) return status;
    live->checkpoint_bytes = bytes[0] < bytes[1] ? bytes[0] : bytes[1];
    open_counters(live, counters);
    live->recovered = live->head->generations != 0;
    live->head->generations++;
    look_at_death(live);
    look_at_sent(live);
    if (live->recovered) go_on_from(live);
    for (uint32_t i = 0; i < live->instrument_count; i++)
        live->wanted[i] = tl_host_subscribed(live->host, i);
    hang_in(live);
    return live_find_checkpoint(live);
}

tl_status tl_live_create(const tl_live_config *config, tl_live **out) {
    tl_live *live = calloc(1, sizeof *live);
    if (!live) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a strategy's agent");
    live->with = *config;
    live->host = config->host;
    live->mirror = tl_host_mirror(config->host);
    live->view = tl_host_view(config->host);
    live->wants_flow = tl_host_wants_flow(config->host);
    live->batch = LIVE_RECORDS;
    live->bars_closed_ns = INT64_MIN;
    live->instrument_count = tl_host_instruments(config->host);
    live->wanted = calloc(live->instrument_count + 1, sizeof *live->wanted);
    live->skip_until = calloc(live->instrument_count + 1, sizeof *live->skip_until);
    live->peers = calloc(config->peer_count + 1, sizeof *live->peers);
    live->peer_list = calloc(config->peer_count + 1, sizeof *live->peer_list);
    if (config->soft_budget_ns > 0 && tl_clock_tsc() != 0)
        live->budget_ticks = (uint64_t)((double)config->soft_budget_ns / tl_clock_ns_per_tsc());
    tl_status status = TL_OK;
    if (!live->wanted || !live->skip_until || !live->peers || !live->peer_list)
        status = tl_error_set(TL_ERR_NO_MEMORY, "no memory for a strategy's agent");
    for (uint32_t i = 0; status == TL_OK && i < config->peer_count; i++)
        live->peer_list[i] = config->peers[i];
    live->with.peers = live->peer_list;
    if (status == TL_OK) status = set_up(live);
    if (status != TL_OK) {
        tl_live_destroy(live);
        return status;
    }
    *out = live;
    return TL_OK;
}

void tl_live_destroy(tl_live *live) {
    if (!live) return;
    tl_host_set_poll(live->host, NULL, NULL);
    tl_host_set_log(live->host, NULL, NULL);
    tl_host_set_hooks(live->host, &(tl_host_hooks){.context = NULL});
    free(live->wanted);
    free(live->skip_until);
    free(live->peers);
    free(live->peer_list);
    free(live->resyncs);
    free(live->denied);
    free(live->held);
    free(live);
}

uint64_t tl_live_lines_bytes(void) {
    return tl_broadcast_bytes(TL_LIVE_LINES, TL_LIVE_LINE_BYTES);
}

uint64_t tl_live_signals_bytes(void) {
    return tl_broadcast_bytes(TL_LIVE_SIGNALS, TL_LIVE_SIGNAL_BYTES);
}

/* ---- what goes out ---- */

/* A line for the master; never waits for a reader. What a rerun logs was logged before. */
void live_line(tl_live *live, int level, const char *text) {
    if (live->quiet && level < 3 && (live->head->died_at == 0 || tl_host_sequence(live->host) < live->head->died_at)) return;
    tl_live_line line = {.ts_ns = live->now_ns, .level = level};
    size_t length = strlen(text);
    do {
        size_t part = length < sizeof line.text ? length : sizeof line.text - 1;
        memset(line.text, 0, sizeof line.text);
        memcpy(line.text, text, part);
        tl_broadcast_stage(&live->lines, &line, 1);
        text += part;
        length -= part;
        line.further = 1;
    } while (length > 0);
    tl_broadcast_publish(&live->lines);
}

static bool keep(tl_command **list, uint32_t *count, uint32_t *capacity, const tl_command *command) {
    if (*count == *capacity) {
        uint32_t grown = *capacity ? *capacity * 2 : 1024;
        tl_command *wider = realloc(*list, grown * sizeof *wider);
        if (!wider) return false;
        *list = wider;
        *capacity = grown;
    }
    (*list)[(*count)++] = *command;
    return true;
}

/* Whether the predecessor had sent it already. */
static bool is_repeated(const tl_live *live, const tl_command *c) {
    if (!live->sent_any) return false;
    return c->input_sequence < live->sent_sequence ||
           (c->input_sequence == live->sent_sequence && c->index <= live->sent_index);
}

/* Into the ring, as far as there is room: the rest is denied, which the log tells. */
static void put(tl_live *live, const tl_command *commands, uint32_t count) {
    uint32_t done = 0;
    uint64_t last_id = live->head->last_order_id;
    for (uint32_t i = 0; i < count; i++)
        if (commands[i].order_id > last_id) last_id = commands[i].order_id;
    live->head->last_order_id = last_id; /* before the commit: a successor's ids go on behind all that were sent */
    while (done < count) {
        uint64_t granted;
        tl_command *slot = tl_spsc_reserve(&live->commands, count - done, &granted);
        if (granted == 0) break;
        memcpy(slot, commands + done, granted * sizeof *slot);
        tl_spsc_commit(&live->commands, granted);
        done += (uint32_t)granted;
    }
    if (done > 0) tl_waker_mark(&live->with.gateway_waker);
    tl_counter_add(live->counters.commands, done);
    if (TL_LIKELY(done == count)) return;
    tl_counter_add(live->counters.ring_full, count - done);
    for (; done < count; done++)
        keep(&live->denied, &live->denied_count, &live->denied_capacity, &commands[done]);
}

void live_send(tl_live *live) {
    uint32_t count;
    const tl_command *commands = tl_mirror_commands(live->mirror, &count);
    if (TL_LIKELY(!live->rerun)) {
        put(live, commands, count);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            if (is_repeated(live, &commands[i]))
                tl_counter_add(live->counters.repeated, 1);
            else
                keep(&live->held, &live->held_count, &live->held_capacity, &commands[i]);
        }
    }
    for (uint32_t i = 0; i < count; i++) /* behind the commit: the gateway is at work already */
        tl_decisions_hash_add(&live->decisions, &commands[i]);
    tl_mirror_clear_commands(live->mirror);
}

void live_send_held(tl_live *live) {
    put(live, live->held, live->held_count);
    live->held_count = 0;
}

void live_ask_attach(tl_live *live) {
    uint64_t last = live->log->next_sequence - 1;
    tl_command ask = {.input_sequence = last,
                      .ts_ns = live->now_ns,
                      .strategy = live->with.strategy,
                      .epoch = live->with.epoch,
                      .instrument = (uint32_t)TL_NO_INSTRUMENT,
                      .kind = TL_COMMAND_ATTACH,
                      .price = TL_ABSENT,
                      .stop_price = TL_ABSENT,
                      .arrival_price = TL_ABSENT};
    uint64_t granted;
    tl_command *slot = tl_spsc_reserve(&live->commands, 1, &granted);
    if (granted == 0) return; /* the ring is full: the next duty cycle asks again */
    *slot = ask;
    tl_spsc_commit(&live->commands, 1);
    tl_waker_mark(&live->with.gateway_waker);
    live->phase = LIVE_ATTACHING;
}

/* Signals of the handlers that have run, for the other strategies. What a rerun sends again was published before. */
void live_signal(tl_live *live) {
    tl_signal signal;
    bool any = false;
    while (tl_host_take_signal(live->host, &signal)) {
        if (live->rerun && signal.input_sequence <= live->signal_sequence) continue;
        struct {
            tl_event event;
            tl_event_tail tail;
        } slot = {.event = {.sequence = signal.input_sequence,
                            .ts_ns = live->now_ns,
                            .instrument = (uint32_t)TL_NO_INSTRUMENT,
                            .kind = TL_EVENT_SIGNAL,
                            .w = {live->with.strategy}}};
        TL_STATIC_ASSERT(sizeof signal.name <= sizeof slot.tail, "a name is a tail");
        memcpy(&slot.event.w[1], &signal.value, sizeof signal.value);
        memcpy(&slot.tail, signal.name, sizeof signal.name);
        tl_broadcast_stage(&live->signals, &slot, 1);
        tl_counter_add(live->counters.signals, 1);
        any = true;
    }
    if (any) tl_broadcast_publish(&live->signals);
}

void live_wake(tl_live *live) {
    if (live->with.gateway_waker.marked) tl_waker_flush(&live->with.gateway_waker, 1);
}

/* ---- the agent ---- */

static void fail(tl_live *live) {
    live->phase = LIVE_FAILED;
    const char *why = tl_host_failure(live->host);
    if (*why == 0) why = tl_error_text();
    live_line(live, 3, why);
    if (live->with.fail) live->with.fail(live->with.fail_context, why);
}

static void publish(tl_live *live) {
    tl_worker_page *page = live->page;
    page->handled = tl_host_handled(live->host);
    page->errors = live->errors_before + tl_host_errors(live->host);
    page->lua_bytes = tl_host_used_bytes(live->host);
    tl_pool_counts orders;
    tl_mirror_order_pool(live->mirror, &orders);
    tl_pool_counters_set(&live->counters.pool, &orders);
    page->decisions_hash = live->decisions.hash;
    tl_log_sample now = {.sequence = tl_host_sequence(live->host), .decisions = live->decisions};
    if (live->phase == LIVE_NEW || now.sequence == live->sampled) return;
    live->sampled = now.sequence;
    tl_latch_write(&live->head->decided, &now);
}

static uint32_t work(void *context, int64_t now_ns) {
    tl_live *live = context;
    if (live->phase >= LIVE_STOPPED) return 0;
    live->now_ns = now_ns;
    live->appended = 0;
    live->busy_ticks = 0;
    tl_status status = TL_OK;
    if (live->phase == LIVE_NEW) {
        status = live_recover(live);
        live->phase = LIVE_ASKING;
        live->appended++;
    }
    if (status == TL_OK && live->phase == LIVE_ASKING) live_ask_attach(live);
    if (status == TL_OK) status = tl_host_drain(live->host);
    if (status == TL_OK && tl_host_checkpoint_due(live->host)) live_save(live);
    live_signal(live);
    live_wake(live);
    publish(live);
    if (status != TL_OK) {
        fail(live);
        return 1;
    }
    return (uint32_t)live->appended;
}

static int64_t next_ns(void *context) {
    const tl_live *live = context;
    if (live->phase == LIVE_NEW) return 0;
    if (live->phase == LIVE_ASKING) return live->now_ns + ASK_NS;
    if (live->phase != LIVE_RUNNING) return INT64_MAX;
    int64_t timer_ns = tl_host_next_timer_ns(live->host);
    int64_t bar_ns = live->with.bars ? tl_bars_next_close_ns(live->with.bars) : INT64_MAX;
    return timer_ns < bar_ns ? timer_ns : bar_ns;
}

static void operate(void *context, const tl_operator *record, int64_t now_ns) {
    tl_live *live = context;
    (void)now_ns;
    if (record->kind != TL_OPERATOR_PARAM || live->operated_count == LIVE_OPERATED) return;
    live->operated[live->operated_count++] = *record;
}

static bool stop(void *context, int why, int64_t now_ns) {
    tl_live *live = context;
    (void)why;
    (void)now_ns;
    if (!live->started) live->phase = LIVE_STOPPED; /* on_start has not run: there is nothing to end */
    live->stop_asked = true;
    return live->phase >= LIVE_STOPPED;
}

void tl_live_agent(tl_live *live, tl_agent *agent) {
    *agent = (tl_agent){
        .name = live->with.name, .state = live, .work = work, .next_ns = next_ns, .operate = operate, .stop = stop};
}

void tl_live_decisions(const tl_live *live, tl_decisions_hash *decisions) {
    *decisions = live->decisions;
}

tl_status tl_live_status(const tl_live *live) {
    if (live->phase != LIVE_FAILED) return TL_OK;
    return tl_error_set(TL_ERR_SCRIPT, "%s", tl_host_failure(live->host));
}
