#include "exchange/simulator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange/auction.h"
#include "exchange/csv_feed.h"
#include "exchange/fill_models.h"
#include "exchange/quote_fill.h"
#include "exchange/replay.h"
#include "exchange/sessions.h"
#include "exchange/tape.h"
#include "exchange/venue.h"
#include "market/date.h"

enum { MAX_REPLAYS = 63, PROBLEM_BYTES = 512 };

/* What comes next. */
typedef enum due { DUE_UNKNOWN = 0, DUE_NOTHING, DUE_PICTURE, DUE_RECORD, DUE_ENGINE_EXPIRY, DUE_MODEL_EXPIRY } due;

/* One of three. */
typedef struct input {
    tl_replay *replay;
    tl_crowd *crowd; /* that a replay plays; NULL for a file */
    tl_csv_feed *feed;
    tl_sessions *sessions;
} input;

struct tl_simulator {
    tl_venue venue;
    tl_fill_models models;
    tl_tape tape;
    const tl_calendars *calendars;
    input *inputs;
    uint32_t input_count;
    uint32_t replays;
    uint32_t feeds;
    uint32_t playing; /* inputs of data that have not ended */
    int64_t from_ns;
    int64_t to_ns;
    due due;              /* as found last; unknown after anything happened */
    tl_tape_entry record; /* of DUE_RECORD */
    int64_t due_ns;
    bool primed; /* what lies before `from` was played */
    bool untold; /* the picture at `from` is due */
    char problem[PROBLEM_BYTES];
};

tl_simulator *tl_simulator_create(tl_instruments *instruments, const tl_calendars *calendars,
                                  const tl_simulator_config *config) {
    tl_simulator *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->calendars = calendars;
    s->from_ns = INT64_MIN;
    s->to_ns = INT64_MAX;
    tl_tape_init(&s->tape);
    if (tl_venue_init(&s->venue, instruments, config->self_trade, config->seed) != TL_OK) {
        free(s);
        return NULL;
    }
    if (tl_fill_models_init(&s->models, &s->venue, calendars, config) != TL_OK) {
        tl_simulator_destroy(s);
        return NULL;
    }
    return s;
}

void tl_simulator_destroy(tl_simulator *s) {
    if (s == NULL) return;
    for (uint32_t i = 0; i < s->input_count; i++) {
        tl_replay_close(s->inputs[i].replay);
        tl_crowd_destroy(s->inputs[i].crowd);
        tl_csv_feed_destroy(s->inputs[i].feed);
        free(s->inputs[i].sessions);
    }
    free(s->inputs);
    tl_fill_models_close(&s->models);
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
    if (!tl_date_valid(date) || date < 19700101 || date >= 22000101)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: %u is no day between 1970 and 2199", path, date);
    if (s->replays == MAX_REPLAYS) return tl_error_set(TL_ERR_LIMIT, "%s: a run plays %d ITCH files", path, MAX_REPLAYS);
    tl_replay *replay;
    int64_t midnight_ns = tl_calendars_instant(s->calendars, TL_CALENDAR_XNAS, date, 0);
    tl_session session;
    int64_t close_ns = tl_calendars_session(s->calendars, TL_CALENDAR_XNAS, date, &session) ? session.close_ns : INT64_MAX;
    tl_status status = tl_replay_open(&s->venue, path, midnight_ns, close_ns, s->replays + 1, &replay);
    if (status != TL_OK) return status;
    status = add_input(s, (input){.replay = replay});
    if (status != TL_OK) {
        tl_replay_close(replay);
        return status;
    }
    s->replays++;
    return TL_OK;
}

static unsigned read_crowd(void *context, tl_itch_message *messages, unsigned capacity) {
    return tl_crowd_read(context, messages, capacity);
}

tl_status tl_simulator_add_crowd(tl_simulator *s, tl_crowd *crowd) {
    tl_replay *replay = NULL;
    tl_status status = s->replays < MAX_REPLAYS ? tl_crowd_instruments(crowd, s->venue.instruments)
                                                : tl_error_set(TL_ERR_LIMIT, "a run plays %d ITCH streams", MAX_REPLAYS);
    if (status == TL_OK) status = tl_replay_open_source(&s->venue, read_crowd, crowd, s->replays + 1, &replay);
    if (status == TL_OK) status = add_input(s, (input){.replay = replay, .crowd = crowd});
    if (status != TL_OK) {
        tl_replay_close(replay);
        tl_crowd_destroy(crowd);
        return status;
    }
    tl_venue_ensure(&s->venue);
    s->replays++;
    return TL_OK;
}

tl_status tl_simulator_add_csv(tl_simulator *s, tl_csv *csv) {
    tl_csv_feed *feed;
    tl_status status = tl_csv_feed_create(&s->models, csv, s->feeds, &feed);
    if (status != TL_OK) {
        tl_csv_close(csv);
        return status;
    }
    status = add_input(s, (input){.feed = feed});
    if (status != TL_OK) {
        tl_csv_feed_destroy(feed);
        return status;
    }
    s->feeds++;
    return TL_OK;
}

void tl_simulator_set_span(tl_simulator *s, int64_t from_ns, int64_t to_ns) {
    s->from_ns = from_ns != 0 ? from_ns : INT64_MIN;
    s->to_ns = to_ns != 0 ? to_ns : INT64_MAX;
}

static int64_t next_of(tl_simulator *s, uint32_t i, tl_tape_rank *rank) {
    const input *one = &s->inputs[i];
    bool late = false;
    int64_t ts_ns;
    if (TL_LIKELY(one->replay != NULL))
        ts_ns = tl_replay_next_ns(one->replay);
    else if (one->feed != NULL)
        ts_ns = tl_csv_feed_next_ns(one->feed, &late);
    else
        ts_ns = one->sessions->next_ns;
    *rank = late ? TL_TAPE_OPEN : one->sessions != NULL ? TL_TAPE_SESSION : TL_TAPE_RECORD;
    return ts_ns < s->to_ns ? ts_ns : INT64_MAX;
}

static void set_next(tl_simulator *s, uint32_t i) {
    tl_tape_rank rank;
    int64_t ts_ns = next_of(s, i, &rank);
    tl_tape_set(&s->tape, i, ts_ns, rank);
    if (TL_UNLIKELY(ts_ns == INT64_MAX) && s->inputs[i].sessions == NULL) s->playing--;
}

/* An instrument is played from here on, with the book that it would have by now. */
static void follow(tl_simulator *s, uint32_t instrument) {
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (s->inputs[i].replay == NULL) continue;
        if (tl_replay_follow(s->inputs[i].replay, instrument) != TL_OK) s->venue.dropped++;
        if (!s->primed) continue;
        s->playing += tl_tape_at(&s->tape, i) == INT64_MAX;
        set_next(s, i);
    }
}

static void tell_all(tl_simulator *s, uint32_t instrument) {
    if (s->venue.of[instrument].model > TL_FILL_BARS && s->venue.of[instrument].model < TL_FILL_ORDERS)
        tl_quote_fill_tell_all(&s->models, instrument);
    else
        tl_venue_tell_all(&s->venue, instrument);
}

void tl_simulator_want(tl_simulator *s, uint32_t instrument, uint32_t what) {
    tl_venue *v = &s->venue;
    tl_venue_ensure(v);
    if (instrument >= v->prepared) return;
    tl_venue_instrument *of = &v->of[instrument];
    uint32_t before = of->want;
    of->want |= what;
    if (of->want == before) return;
    s->due = DUE_UNKNOWN;
    if (before == 0 && !of->followed) follow(s, instrument);
    if (s->primed) tell_all(s, instrument);
}

/* ---- time ---- */

/* Plays the next record of an input. */
static void play(tl_simulator *s, tl_tape_entry entry) {
    tl_venue *v = &s->venue;
    if (entry.ts_ns > v->now_ns) v->now_ns = entry.ts_ns; /* what expires by then has expired: it was due before */
    const input *one = &s->inputs[entry.input];
    if (TL_LIKELY(one->replay != NULL)) {
        int64_t next_ns = tl_replay_step(one->replay);
        if (TL_LIKELY(s->input_count == 1 && next_ns < s->to_ns)) { /* the plain case: nothing to be merged */
            s->tape.heap[0].ts_ns = next_ns;
            s->record = s->tape.heap[0];
            s->due_ns = next_ns;
            /* Without CSV data no order is a fill model's, and only the engine's expire. */
            bool first = !s->untold && s->feeds == 0 && tl_engine_next_expiry_ns(v->engine) > next_ns;
            s->due = first ? DUE_RECORD : DUE_UNKNOWN;
            return;
        }
    } else if (one->feed != NULL) {
        tl_csv_feed_step(one->feed);
    } else {
        tl_sessions_step(one->sessions);
    }
    set_next(s, entry.input);
}

/* The sessions of the calendars of what CSV files brought, from the first record on. */
static void begin_sessions(tl_simulator *s, int64_t from_ns) {
    bool seen[TL_CALENDAR_MAX] = {false};
    for (uint32_t i = 0; i < s->venue.prepared; i++) {
        uint32_t calendar = tl_instruments_at(s->venue.instruments, i)->calendar;
        if (s->venue.of[i].model == TL_FILL_ORDERS || calendar >= TL_CALENDAR_MAX || seen[calendar]) continue;
        seen[calendar] = true;
        tl_sessions *sessions = malloc(sizeof *sessions);
        if (sessions == NULL || add_input(s, (input){.sessions = sessions}) != TL_OK) {
            free(sessions);
            return;
        }
        tl_sessions_begin(sessions, &s->models, calendar, from_ns);
        set_next(s, s->input_count - 1);
    }
}

/* Plays what lies before `from`, silently. */
static void prime(tl_simulator *s) {
    s->primed = true;
    s->playing = s->input_count;
    for (uint32_t i = 0; i < s->input_count; i++)
        set_next(s, i);
    int64_t first_ns = tl_tape_first(&s->tape).ts_ns;
    if (s->feeds > 0 && first_ns != INT64_MAX) begin_sessions(s, first_ns);
    s->untold = s->from_ns != INT64_MIN && tl_tape_first(&s->tape).ts_ns < s->from_ns;
    s->venue.quiet = true;
    for (tl_tape_entry first; (first = tl_tape_first(&s->tape)).ts_ns < s->from_ns;)
        play(s, first);
    s->venue.quiet = false;
    s->due = DUE_UNKNOWN;
}

/* The first of all records. When the data has ended, sessions do not go on but for the close of a day that is under way. */
static tl_tape_entry next_record(const tl_simulator *s) {
    tl_tape_entry first = tl_tape_first(&s->tape);
    if (TL_UNLIKELY(s->playing == 0) && first.ts_ns != INT64_MAX &&
        s->inputs[first.input].sessions->next_phase != TL_STATE_CLOSED)
        first.ts_ns = INT64_MAX;
    return first;
}

/* What comes next. At equal times: expiries in the matching engine, records, expiries in fill models, bars' opens. */
static void find_due(tl_simulator *s) {
    s->record = next_record(s);
    s->due_ns = s->record.ts_ns;
    s->due = s->record.ts_ns != INT64_MAX ? DUE_RECORD : DUE_NOTHING;
    if (TL_UNLIKELY(s->untold)) {
        s->due_ns = s->from_ns;
        s->due = DUE_PICTURE;
        return;
    }
    if (TL_LIKELY(tl_own_orders_open(s->venue.own) == 0)) return;
    int64_t model_ns = tl_fill_models_next_expiry_ns(&s->models), engine_ns = tl_engine_next_expiry_ns(s->venue.engine);
    if (s->due == DUE_NOTHING) { /* behind the end of the data nothing expires that would not have by now */
        if (model_ns > s->venue.now_ns) model_ns = INT64_MAX;
        if (engine_ns > s->venue.now_ns) engine_ns = INT64_MAX;
    }
    if (model_ns < s->to_ns && (model_ns < s->due_ns || (model_ns == s->due_ns && s->record.rank == TL_TAPE_OPEN))) {
        s->due_ns = model_ns;
        s->due = DUE_MODEL_EXPIRY;
    }
    if (engine_ns < s->to_ns && engine_ns <= s->due_ns) {
        s->due_ns = engine_ns;
        s->due = DUE_ENGINE_EXPIRY;
    }
}

int64_t tl_simulator_next_ns(tl_simulator *s, bool *after_orders) {
    if (TL_UNLIKELY(!s->primed)) prime(s);
    if (s->due == DUE_UNKNOWN) find_due(s);
    *after_orders = s->due == DUE_RECORD && s->record.rank == TL_TAPE_OPEN;
    return s->due_ns;
}

static void tell_picture(tl_simulator *s) {
    tl_venue *v = &s->venue;
    s->untold = false;
    tl_venue_time(v, s->from_ns);
    for (uint32_t i = 0; i < v->prepared; i++)
        if (v->of[i].want != 0) tell_all(s, i);
}

void tl_simulator_step(tl_simulator *s) {
    if (TL_UNLIKELY(!s->primed)) prime(s);
    if (s->due == DUE_UNKNOWN) find_due(s);
    due what = s->due;
    s->due = DUE_UNKNOWN;
    switch (what) {
    case DUE_RECORD:
        play(s, s->record);
        break;
    case DUE_PICTURE:
        tell_picture(s);
        break;
    case DUE_ENGINE_EXPIRY:
        tl_venue_time(&s->venue, s->due_ns);
        break;
    case DUE_MODEL_EXPIRY:
        tl_venue_time(&s->venue, s->due_ns);
        tl_fill_models_expire(&s->models, s->due_ns);
        break;
    default:
        break;
    }
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
    if (of->model != TL_FILL_ORDERS && s->feeds > 0) {
        tl_fill_models_new(&s->models, c);
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
    tl_engine_order one = tl_own_order_for_engine(order);
    tl_engine_new(v->engine, &one);
    tl_venue_absorb(v, c->instrument);
}

/* A fill model has the order, not the matching engine. */
static bool is_modelled(tl_simulator *s, uint32_t handle) {
    const tl_own_order *order = tl_own_orders_at(s->venue.own, handle);
    return order->stage != TL_OWN_IN_ENGINE && s->venue.of[order->instrument].model != TL_FILL_ORDERS;
}

static void submit_cancel(tl_simulator *s, const tl_command *c, uint32_t handle) {
    tl_venue *v = &s->venue;
    if (is_modelled(s, handle)) {
        tl_fill_models_cancel(&s->models, handle);
        return;
    }
    if (tl_own_orders_at(v->own, handle)->stage == TL_OWN_AUCTION) {
        tl_venue_end(v, handle, TL_REPORT_CANCELED, TL_REASON_REQUESTED);
        return;
    }
    tl_engine_cancel(v->engine, c->order_id | TL_OWN_REFERENCE);
    tl_venue_absorb(v, c->instrument);
}

static void submit_replace(tl_simulator *s, const tl_command *c, uint32_t handle) {
    tl_venue *v = &s->venue;
    if (is_modelled(s, handle)) {
        tl_fill_models_replace(&s->models, handle, c);
        return;
    }
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
    s->due = DUE_UNKNOWN;
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
    if (v->of[c.instrument].model == TL_FILL_ORDERS || s->feeds == 0)
        tl_venue_flush(v, c.instrument);
    else if (v->of[c.instrument].model > TL_FILL_BARS)
        tl_quote_fill_flush(&s->models, c.instrument);
}

void tl_simulator_resume(tl_simulator *s, uint64_t executions) {
    s->venue.executions = executions;
}

void tl_simulator_adjust(tl_simulator *s, uint32_t strategy, uint32_t instrument, int64_t quantity) {
    tl_engine_adjust(s->venue.engine, strategy + 1, instrument, quantity);
    tl_venue_absorb(&s->venue, instrument);
}

void tl_simulator_order_pool(const tl_simulator *s, tl_pool_counts *counts) {
    tl_own_orders_count(s->venue.own, counts);
}

void tl_simulator_tell_anew(tl_simulator *s) {
    for (uint32_t i = 0; i < s->venue.prepared; i++) {
        if (s->venue.of[i].want == 0) continue;
        tl_venue_event(&s->venue, TL_EVENT_GAP, i)->w[1] = 1;
        tell_all(s, i);
        tl_venue_event(&s->venue, TL_EVENT_GAP, i);
    }
}

int64_t tl_simulator_now_ns(const tl_simulator *s) {
    return s->venue.now_ns;
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

static void count_replay(const tl_replay *replay, tl_simulator_counts *counts) {
    tl_itch_problem_counts problems;
    tl_replay_problems(replay, &problems);
    for (int kind = 0; kind < TL_ITCH_PROBLEMS; kind++)
        counts->problems += problems.count[kind];
    counts->messages += tl_replay_messages(replay);
    counts->bytes_consumed += tl_replay_consumed(replay);
    counts->bytes_total += tl_replay_size(replay);
}

void tl_simulator_count(const tl_simulator *s, tl_simulator_counts *counts) {
    *counts = (tl_simulator_counts){.problems = s->venue.dropped};
    bool known = true;
    for (uint32_t i = 0; i < s->input_count; i++) {
        uint64_t before = counts->bytes_total;
        if (s->inputs[i].sessions != NULL) continue;
        if (s->inputs[i].replay != NULL) {
            count_replay(s->inputs[i].replay, counts);
        } else {
            const tl_csv *csv = tl_csv_feed_reader(s->inputs[i].feed);
            counts->messages += tl_csv_rows(csv);
            counts->problems += tl_csv_problems(csv);
            counts->bytes_consumed += tl_csv_consumed(csv);
            counts->bytes_total += tl_csv_size(csv);
        }
        known &= counts->bytes_total != before;
    }
    if (!known) counts->bytes_total = 0;
}

/* The `line`-th problem of an ITCH input into `text`; false when it has fewer, *line then counts on. */
static bool replay_problem(const tl_replay *replay, uint32_t *line, char *text) {
    tl_itch_problem_counts problems;
    tl_replay_problems(replay, &problems);
    for (int kind = 0; kind < TL_ITCH_PROBLEMS; kind++) {
        if (problems.count[kind] == 0 || (*line)-- > 0) continue;
        snprintf(text, PROBLEM_BYTES, "%s: %llu x %s, first at byte %llu (message %llu)", tl_replay_path(replay),
                 (unsigned long long)problems.count[kind], tl_itch_problem_name(kind),
                 (unsigned long long)problems.first_offset[kind], (unsigned long long)problems.first_ordinal[kind]);
        return true;
    }
    uint64_t broken = tl_replay_broken_trades(replay);
    if (broken == 0 || (*line)-- > 0) return false;
    snprintf(text, PROBLEM_BYTES, "%s: %llu trades were broken later; they were played as they happened",
             tl_replay_path(replay), (unsigned long long)broken);
    return true;
}

bool tl_simulator_complete(const tl_simulator *s) {
    bool complete = false;
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (s->inputs[i].replay != NULL) {
            if (!tl_replay_complete(s->inputs[i].replay)) return false;
            complete = true;
        } else if (s->inputs[i].feed != NULL && tl_csv_kind_of(tl_csv_feed_reader(s->inputs[i].feed)) != TL_CSV_DATA) {
            return false;
        }
    }
    return complete;
}

const char *tl_simulator_problem(const tl_simulator *s, uint32_t line) {
    char *text = ((tl_simulator *)s)->problem;
    for (uint32_t i = 0; i < s->input_count; i++) {
        if (s->inputs[i].replay != NULL && replay_problem(s->inputs[i].replay, &line, text)) return text;
        if (s->inputs[i].feed == NULL) continue;
        const tl_csv *csv = tl_csv_feed_reader(s->inputs[i].feed);
        if (tl_csv_problems(csv) == 0 || line-- > 0) continue;
        snprintf(text, PROBLEM_BYTES, "%llu row%s skipped; the first: %s", (unsigned long long)tl_csv_problems(csv),
                 tl_csv_problems(csv) == 1 ? "" : "s", tl_csv_first_problem(csv));
        return text;
    }
    if (s->venue.dropped == 0 || line > 0) return "";
    snprintf(text, PROBLEM_BYTES, "%llu events were too many to keep or could not be brought",
             (unsigned long long)s->venue.dropped);
    return text;
}

const double *tl_simulator_data_row(const tl_simulator *s, uint32_t data_input, uint64_t row) {
    for (uint32_t i = 0, feed = 0; i < s->input_count; i++)
        if (s->inputs[i].feed != NULL && feed++ == data_input) return tl_csv_feed_row(s->inputs[i].feed, row);
    return NULL;
}
