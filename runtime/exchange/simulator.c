#include "exchange/simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/auction.h"
#include "exchange/replay.h"
#include "exchange/tape.h"
#include "exchange/venue.h"

enum { MAX_REPLAYS = 63, PROBLEM_BYTES = 512 };

typedef struct input {
    tl_replay *replay;
} input;

struct tl_simulator {
    tl_venue venue;
    tl_tape tape;
    tl_simulator_config config;
    const tl_calendars *calendars;
    input *inputs;
    uint32_t input_count;
    uint32_t replays;
    int64_t from_ns;
    int64_t to_ns;
    bool primed; /* what lies before `from` was played */
    bool untold; /* the picture at `from` is due */
    char problem[PROBLEM_BYTES];
};

tl_simulator *tl_simulator_create(tl_instruments *instruments, const tl_calendars *calendars,
                                  const tl_simulator_config *config) {
    tl_simulator *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->config = *config;
    s->calendars = calendars;
    s->from_ns = INT64_MIN;
    s->to_ns = INT64_MAX;
    tl_tape_init(&s->tape);
    if (tl_venue_init(&s->venue, instruments, config->self_trade, config->seed) != TL_OK) {
        free(s);
        return NULL;
    }
    return s;
}

void tl_simulator_destroy(tl_simulator *s) {
    if (s == NULL) return;
    for (uint32_t i = 0; i < s->input_count; i++)
        tl_replay_close(s->inputs[i].replay);
    free(s->inputs);
    tl_tape_close(&s->tape);
    tl_venue_close(&s->venue);
    free(s);
}

/* ---- inputs ---- */

static tl_status add_input(tl_simulator *s, input one) {
    input *inputs = realloc(s->inputs, (s->input_count + 1) * sizeof *inputs);
    if (inputs == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u inputs", s->input_count + 1);
    s->inputs = inputs;
    uint32_t index;
    tl_status status = tl_tape_add(&s->tape, &index);
    if (status != TL_OK) return status;
    inputs[index] = one;
    s->input_count = index + 1;
    return TL_OK;
}

tl_status tl_simulator_add_itch(tl_simulator *s, const char *path, uint32_t date) {
    if (strcmp(path, "-") == 0)
        return tl_error_set(TL_ERR_ARGUMENT, "standard input cannot be played: its head is read twice; give a file");
    if (date == 0) date = tl_itch_date_of_name(path);
    if (date == 0)
        return tl_error_set(TL_ERR_ARGUMENT,
                            "%s: which day it is stands neither in its name nor beside it (ITCH files hold none)", path);
    if (s->replays == MAX_REPLAYS) return tl_error_set(TL_ERR_LIMIT, "%s: a run plays %d ITCH files", path, MAX_REPLAYS);
    tl_replay *replay;
    int64_t midnight_ns = tl_calendars_instant(s->calendars, TL_CALENDAR_XNAS, date, 0);
    tl_status status = tl_replay_open(&s->venue, path, midnight_ns, s->replays + 1, &replay);
    if (status != TL_OK) return status;
    status = add_input(s, (input){.replay = replay});
    if (status != TL_OK) {
        tl_replay_close(replay);
        return status;
    }
    s->replays++;
    return TL_OK;
}

tl_status tl_simulator_add_csv(tl_simulator *s, tl_csv *csv) {
    (void)s;
    (void)csv;
    return tl_error_set(TL_ERR_STATE, "CSV data cannot be played yet");
}

void tl_simulator_set_span(tl_simulator *s, int64_t from_ns, int64_t to_ns) {
    s->from_ns = from_ns != 0 ? from_ns : INT64_MIN;
    s->to_ns = to_ns != 0 ? to_ns : INT64_MAX;
}

static int64_t next_of(tl_simulator *s, uint32_t i, bool *late) {
    *late = false;
    return tl_replay_next_ns(s->inputs[i].replay);
}

static void set_next(tl_simulator *s, uint32_t i) {
    bool late;
    int64_t ts_ns = next_of(s, i, &late);
    tl_tape_set(&s->tape, i, ts_ns < s->to_ns ? ts_ns : INT64_MAX, late);
}

/* An instrument is played from here on, with the book that it would have by now. */
static void follow(tl_simulator *s, uint32_t instrument) {
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (s->inputs[i].replay == NULL) continue;
        if (tl_replay_follow(s->inputs[i].replay, instrument) != TL_OK) s->venue.dropped++;
        if (s->primed) set_next(s, i);
    }
}

void tl_simulator_want(tl_simulator *s, uint32_t instrument, uint32_t what) {
    tl_venue *v = &s->venue;
    tl_venue_ensure(v);
    if (instrument >= v->prepared) return;
    tl_venue_instrument *of = &v->of[instrument];
    uint32_t before = of->want;
    of->want |= what;
    if (of->want == before) return;
    if (before == 0 && !of->followed) follow(s, instrument);
    if (s->primed) tl_venue_tell_all(v, instrument);
}

/* ---- time ---- */

static void play(tl_simulator *s, tl_tape_entry entry) {
    tl_venue *v = &s->venue;
    if (TL_UNLIKELY(tl_own_orders_open(v->own) > 0))
        tl_venue_time(v, entry.ts_ns);
    else if (entry.ts_ns > v->now_ns)
        v->now_ns = entry.ts_ns;
    tl_replay_step(s->inputs[entry.input].replay);
    set_next(s, entry.input);
}

/* Plays what lies before `from`, silently. */
static void prime(tl_simulator *s) {
    s->primed = true;
    for (uint32_t i = 0; i < s->input_count; i++)
        set_next(s, i);
    s->untold = s->from_ns != INT64_MIN && tl_tape_first(&s->tape).ts_ns < s->from_ns;
    s->venue.quiet = true;
    for (tl_tape_entry first; (first = tl_tape_first(&s->tape)).ts_ns < s->from_ns;)
        play(s, first);
    s->venue.quiet = false;
}

static int64_t expiry_ns(const tl_simulator *s) {
    return tl_own_orders_open(s->venue.own) > 0 ? tl_engine_next_expiry_ns(s->venue.engine) : INT64_MAX;
}

int64_t tl_simulator_next_ns(tl_simulator *s, bool *after_orders) {
    if (TL_UNLIKELY(!s->primed)) prime(s);
    tl_tape_entry first = tl_tape_first(&s->tape);
    *after_orders = first.late != 0;
    if (TL_UNLIKELY(s->untold)) {
        *after_orders = false;
        return s->from_ns;
    }
    int64_t expires_ns = expiry_ns(s);
    if (expires_ns > first.ts_ns) return first.ts_ns;
    *after_orders = false;
    return expires_ns < s->to_ns ? expires_ns : INT64_MAX;
}

void tl_simulator_step(tl_simulator *s) {
    if (TL_UNLIKELY(!s->primed)) prime(s);
    tl_venue *v = &s->venue;
    if (TL_UNLIKELY(s->untold)) {
        s->untold = false;
        tl_venue_time(v, s->from_ns);
        for (uint32_t i = 0; i < v->prepared; i++)
            if (v->of[i].want != 0) tl_venue_tell_all(v, i);
        return;
    }
    tl_tape_entry first = tl_tape_first(&s->tape);
    int64_t expires_ns = expiry_ns(s);
    if (TL_UNLIKELY(expires_ns <= first.ts_ns && expires_ns < s->to_ns))
        tl_venue_time(v, expires_ns);
    else if (first.ts_ns != INT64_MAX)
        play(s, first);
}

/* ---- own orders ---- */

static void submit_new(tl_simulator *s, const tl_command *c) {
    tl_venue *v = &s->venue;
    tl_venue_instrument *of = &v->of[c->instrument];
    if (of->want == 0 && !of->followed) {
        of->followed = 1;
        follow(s, c->instrument);
    }
    if (tl_own_orders_find(v->own, c->order_id) != 0) {
        tl_venue_refuse(v, c, TL_REPORT_REJECTED, TL_REASON_DUPLICATE_ID);
        return;
    }
    if (c->time_in_force == TL_TIF_AT_OPEN || c->time_in_force == TL_TIF_AT_CLOSE) {
        tl_auction_submit(v, c);
        return;
    }
    uint32_t handle = tl_own_orders_add(v->own, &of->own, c->order_id);
    if (handle == 0) {
        tl_venue_refuse(v, c, TL_REPORT_REJECTED, TL_REASON_TOO_MANY_ORDERS);
        return;
    }
    tl_own_order *order = tl_own_orders_at(v->own, handle);
    tl_own_order_from(order, c, v->now_ns);
    bool stops = c->type == TL_TYPE_STOP || c->type == TL_TYPE_STOP_LIMIT || c->type == TL_TYPE_TRAILING_STOP;
    if (stops && of->last_price != TL_ABSENT) tl_engine_saw_trade(v->engine, c->instrument, of->last_price);
    tl_engine_order one = {
        .id = c->order_id | TL_OWN_REFERENCE,
        .quantity = c->quantity,
        .price = c->price,
        .stop_price = c->stop_price,
        .offset = c->offset,
        .display = c->display,
        .expire_ns = order->expire_ns,
        .instrument = c->instrument,
        .owner = order->owner,
        .flags = c->flags & (TL_FLAG_POST_ONLY | TL_FLAG_POST_SLIDE | TL_FLAG_REDUCE_ONLY | TL_FLAG_TRIGGER_QUOTE |
                             TL_FLAG_TRIGGER_MARK | TL_FLAG_TRAIL_PERCENT),
        .side = c->side,
        .type = c->type,
        .time_in_force = c->time_in_force,
    };
    tl_engine_new(v->engine, &one);
    tl_venue_absorb(v, c->instrument);
}

static void submit_cancel(tl_simulator *s, const tl_command *c, uint32_t handle) {
    tl_venue *v = &s->venue;
    if (tl_own_orders_at(v->own, handle)->stage == TL_OWN_AUCTION) {
        tl_venue_end(v, handle, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
        return;
    }
    tl_engine_cancel(v->engine, c->order_id | TL_OWN_REFERENCE);
    tl_venue_absorb(v, c->instrument);
}

static void submit_replace(tl_simulator *s, const tl_command *c, uint32_t handle) {
    tl_venue *v = &s->venue;
    if (tl_own_orders_at(v->own, handle)->stage == TL_OWN_AUCTION) {
        tl_auction_replace(v, handle, c);
        return;
    }
    tl_engine_replace(v->engine, c->order_id | TL_OWN_REFERENCE, c->price, c->quantity);
    tl_venue_absorb(v, c->instrument);
}

void tl_simulator_submit(tl_simulator *s, const tl_command *command, int64_t at_ns) {
    if (TL_UNLIKELY(!s->primed)) prime(s);
    tl_venue *v = &s->venue;
    tl_venue_time(v, at_ns);
    tl_venue_ensure(v);
    tl_command c = *command;
    if (c.kind == TL_COMMAND_NEW) {
        if (c.instrument >= v->prepared) {
            tl_venue_refuse(v, &c, TL_REPORT_REJECTED, TL_REASON_UNKNOWN_SYMBOL);
            return;
        }
        submit_new(s, &c);
    } else {
        uint32_t handle = tl_own_orders_find(v->own, c.order_id);
        if (handle == 0) {
            tl_venue_refuse(v, &c, c.kind == TL_COMMAND_REPLACE ? TL_REPORT_REPLACE_REJECTED : TL_REPORT_CANCEL_REJECTED,
                            TL_REASON_UNKNOWN_ORDER);
            return;
        }
        c.instrument = tl_own_orders_at(v->own, handle)->instrument;
        if (c.kind == TL_COMMAND_REPLACE)
            submit_replace(s, &c, handle);
        else
            submit_cancel(s, &c, handle);
    }
    tl_venue_flush(v, c.instrument);
    tl_venue_flush_queues(v, c.instrument);
}

/* ---- outputs ---- */

const tl_event *tl_simulator_events(const tl_simulator *s, uint32_t *slots) {
    *slots = s->venue.slots;
    return s->venue.events;
}

const tl_report *tl_simulator_reports(const tl_simulator *s, uint32_t *count) {
    *count = s->venue.report_count;
    return s->venue.reports;
}

void tl_simulator_clear_output(tl_simulator *s) {
    s->venue.slots = 0;
    s->venue.report_count = 0;
}

/* ---- counts ---- */

void tl_simulator_count(const tl_simulator *s, tl_simulator_counts *counts) {
    *counts = (tl_simulator_counts){.problems = s->venue.dropped};
    bool known = true;
    for (uint32_t i = 0; i < s->input_count; i++) {
        const tl_replay *replay = s->inputs[i].replay;
        tl_itch_problem_counts problems;
        tl_replay_problems(replay, &problems);
        for (int kind = 0; kind < TL_ITCH_PROBLEMS; kind++)
            counts->problems += problems.count[kind];
        counts->messages += tl_replay_messages(replay);
        counts->bytes_consumed += tl_replay_consumed(replay);
        counts->bytes_total += tl_replay_size(replay);
        known &= tl_replay_size(replay) != 0;
    }
    if (!known) counts->bytes_total = 0;
}

const char *tl_simulator_problem(const tl_simulator *s, uint32_t line) {
    char *text = ((tl_simulator *)s)->problem;
    for (uint32_t i = 0; i < s->input_count; i++) {
        tl_itch_problem_counts problems;
        tl_replay_problems(s->inputs[i].replay, &problems);
        for (int kind = 0; kind < TL_ITCH_PROBLEMS; kind++) {
            if (problems.count[kind] == 0 || line-- > 0) continue;
            snprintf(text, PROBLEM_BYTES, "%s: %llu x %s, first at byte %llu (message %llu)",
                     tl_replay_path(s->inputs[i].replay), (unsigned long long)problems.count[kind],
                     tl_itch_problem_name(kind), (unsigned long long)problems.first_offset[kind],
                     (unsigned long long)problems.first_ordinal[kind]);
            return text;
        }
    }
    return "";
}
