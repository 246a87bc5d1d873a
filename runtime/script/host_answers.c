/* What a host answers about itself, and what is hung into it. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "script/host_inside.h"

const char *tl_host_name(const tl_host *h) {
    return h->strategy_name ? h->strategy_name : "";
}

const char *tl_host_tier(const tl_host *h) {
    return h->tier ? h->tier : "";
}

uint32_t tl_host_symbols(const tl_host *h) {
    return h->declared_count;
}

const char *tl_host_symbol_at(const tl_host *h, uint32_t i) {
    return i < h->declared_count ? h->declared[i] : NULL;
}

bool tl_host_wants_all(const tl_host *h) {
    return h->wants_all;
}

bool tl_host_has_handler(const tl_host *h, const char *name) {
    for (int stage = TL_STAGE_START; stage < TL_STAGES; stage++)
        if (strcmp(tl_stage_name(stage), name) == 0) return h->handlers >> stage & 1;
    return false;
}

uint32_t tl_host_depth(const tl_host *h) {
    return h->depth;
}

bool tl_host_wants_flow(const tl_host *h) {
    return h->wants_flow;
}

bool tl_host_fills_bars(const tl_host *h) {
    return h->fills_bars;
}

uint32_t tl_host_intervals(const tl_host *h) {
    return h->interval_count;
}

int64_t tl_host_interval_at(const tl_host *h, uint32_t i) {
    return i < h->interval_count ? h->intervals[i] : 0;
}

uint32_t tl_host_warmup(const tl_host *h, int64_t interval_ns) {
    for (uint32_t i = 0; i < h->interval_count; i++)
        if (h->intervals[i] == interval_ns) return h->warmups[i];
    return 0;
}

uint32_t tl_host_param_count(const tl_host *h) {
    return h->param_text_count;
}

const char *tl_host_param_name(const tl_host *h, uint32_t i) {
    return i < h->param_text_count ? h->param_names[i] : NULL;
}

const char *tl_host_param_text(const tl_host *h, uint32_t i) {
    return i < h->param_text_count ? h->param_texts[i] : NULL;
}

bool tl_host_subscribed(const tl_host *h, uint32_t instrument) {
    return instrument < h->instrument_count && tl_view_at(h->view, instrument)->subscribed;
}

uint32_t tl_host_instruments(const tl_host *h) {
    return h->instrument_count;
}

uint32_t tl_host_place(const tl_host *h, uint32_t instrument) {
    return instrument < h->instrument_count ? tl_view_at(h->view, instrument)->place : 0;
}

int64_t tl_host_next_subscription(tl_host *h, bool *wanted) {
    if (h->changed_count == 0) return -1;
    uint32_t instrument = h->changed[0];
    memmove(h->changed, h->changed + 1, --h->changed_count * sizeof *h->changed);
    *wanted = tl_host_subscribed(h, instrument);
    return instrument;
}

tl_input_log *tl_host_log(tl_host *h) {
    return &h->log;
}

tl_mirror *tl_host_mirror(tl_host *h) {
    return h->mirror;
}

tl_view *tl_host_view(tl_host *h) {
    return h->view;
}

const tl_kept *tl_host_kept(const tl_host *h) {
    return h->kept;
}

void tl_host_set_poll(tl_host *h, tl_host_poll_function poll, void *context) {
    h->poll = poll;
    h->poll_context = context;
}

void tl_host_set_log(tl_host *h, tl_host_log_function log, void *context) {
    h->log_to = log;
    h->log_context = context;
}

void tl_host_set_hooks(tl_host *h, const tl_host_hooks *hooks) {
    h->hooks = *hooks;
    for (int i = 0; i < 2; i++)
        if (!h->hooks.in_hand[i]) h->hooks.in_hand[i] = &h->nowhere;
}

void tl_host_use_log(tl_host *h, const tl_input_log *log) {
    tl_input_log_close(&h->log);
    h->log = *log;
}

enum { INJECTED_SLOTS = 16 };

tl_status tl_host_inject(tl_host *h, const tl_event *events, uint32_t count, uint64_t sequence) {
    tl_input_log own = h->log, small;
    tl_host_poll_function poll = h->poll;
    tl_status status = tl_input_log_init(&small, INJECTED_SLOTS);
    if (status != TL_OK) return status;
    h->log = small;
    h->poll = NULL;
    for (uint32_t i = 0; i < count && status == TL_OK; i++) {
        if (!tl_input_log_append(&h->log, &events[i], NULL))
            status = tl_error_set(TL_ERR_LIMIT, "more than %d injected records", INJECTED_SLOTS);
        else
            h->log.slots[i].sequence = sequence;
    }
    if (status == TL_OK) status = tl_host_drain(h);
    tl_input_log_close(&h->log);
    h->log = own;
    h->poll = poll;
    return status;
}

bool tl_host_checkpoint_due(const tl_host *h) {
    return h->checkpoint_due;
}

void tl_host_checkpointed(tl_host *h) {
    h->checkpoint_due = false;
}

int tl_host_state_of(const tl_host *h) {
    return h->state;
}

const char *tl_host_failure(const tl_host *h) {
    return h->failure;
}

const char *tl_host_first_error(const tl_host *h) {
    return h->first_error;
}

uint64_t tl_host_errors(const tl_host *h) {
    return h->error_count;
}

uint64_t tl_host_handled(const tl_host *h) {
    return h->handled;
}

uint64_t tl_host_sequence(const tl_host *h) {
    return h->sequence;
}

int64_t tl_host_now_ns(const tl_host *h) {
    return h->now_ns;
}

int64_t tl_host_next_timer_ns(const tl_host *h) {
    return tl_timers_next_ns(h->timers);
}

bool tl_host_take_timer(tl_host *h, int64_t now_ns, tl_event *event) {
    uint32_t id;
    int64_t deadline_ns;
    uint64_t missed;
    if (!tl_timers_take(h->timers, now_ns, &id, &deadline_ns, &missed)) return false;
    *event = (tl_event){.ts_ns = deadline_ns,
                        .ts_recv_ns = now_ns,
                        .instrument = (uint32_t)TL_NO_INSTRUMENT,
                        .kind = TL_EVENT_TIMER,
                        .source = TL_SOURCE_TIMER,
                        .w = {id, (int64_t)missed, deadline_ns}};
    return true;
}

bool tl_host_due_timer(const tl_host *h, int64_t now_ns, tl_event *event) {
    uint32_t id = tl_timers_due(h->timers, now_ns);
    if (id == 0) return false;
    *event = (tl_event){.ts_ns = tl_timers_next_ns(h->timers),
                        .ts_recv_ns = now_ns,
                        .instrument = (uint32_t)TL_NO_INSTRUMENT,
                        .kind = TL_EVENT_TIMER,
                        .source = TL_SOURCE_TIMER,
                        .w = {id}};
    return true;
}

static bool shown_handler(const tl_host *h, int stage) {
    return h->calls[stage] > 0 || (h->handlers >> stage & 1) != 0;
}

uint32_t tl_host_handlers(const tl_host *h) {
    uint32_t count = 0;
    for (int stage = TL_STAGE_START; stage < TL_STAGES; stage++)
        count += shown_handler(h, stage);
    return count;
}

static double time_at(const handler_times *times, double share, double ns_per_tick) {
    if (times->count == 0) return NAN;
    uint64_t rank = (uint64_t)ceil(share * (double)times->count), seen = 0;
    if (rank == 0) rank = 1;
    for (uint32_t i = 0; i < TIME_OCTAVES * TIME_STEPS; i++) {
        seen += times->buckets[i];
        if (seen < rank) continue;
        uint32_t octave = i / TIME_STEPS, step = i % TIME_STEPS;
        double low = octave == 0 ? step : ldexp(TIME_STEPS + step, (int)octave - 1);
        double width = octave == 0 ? 1 : ldexp(1, (int)octave - 1);
        double ticks = low + width / 2;
        return (ticks < (double)times->max ? ticks : (double)times->max) * ns_per_tick;
    }
    return NAN;
}

void tl_host_handler_stats(const tl_host *h, uint32_t i, tl_handler_stats *stats) {
    memset(stats, 0, sizeof *stats);
    double scale = tl_clock_tsc() != 0 ? tl_clock_ns_per_tsc() : 1;
    for (int stage = TL_STAGE_START; stage < TL_STAGES; stage++) {
        if (!shown_handler(h, stage) || i-- > 0) continue;
        const handler_times *times = &h->times[stage];
        snprintf(stats->name, sizeof stats->name, "%s", tl_stage_name(stage));
        stats->calls = h->calls[stage];
        stats->errors = h->errors[stage];
        stats->p50_ns = time_at(times, 0.5, scale);
        stats->p99_ns = time_at(times, 0.99, scale);
        stats->p999_ns = time_at(times, 0.999, scale);
        stats->max_ns = times->count ? (double)times->max * scale : NAN;
        return;
    }
}

uint64_t tl_host_memory_bytes(const tl_host *h) {
    return h->lua.arena.peak_bytes;
}

uint64_t tl_host_used_bytes(const tl_host *h) {
    return h->lua.arena.used_bytes;
}

static int count_traces(lua_State *L) {
    lua_getfield(L, 1, "traces");
    lua_call(L, 0, 1);
    return 1;
}

uint32_t tl_host_traces(tl_host *h) {
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, count_traces);
    lua_pushvalue(L, AT_BOOT);
    if (tl_state_call(&h->lua, 1, 1) != 0) return 0;
    uint32_t count = (uint32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return count;
}
