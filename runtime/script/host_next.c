/* The host's records: what each does to view, mirror and state, and which handler is due. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/host_inside.h"

static const char *const stage_names[TL_STAGES] = {
    [TL_STAGE_DONE] = "",          [TL_STAGE_YIELD] = "",           [TL_STAGE_PHASE] = "",
    [TL_STAGE_START] = "on_start", [TL_STAGE_STOP] = "on_stop",     [TL_STAGE_QUOTE] = "on_quote",
    [TL_STAGE_TRADE] = "on_trade", [TL_STAGE_BOOK] = "on_book",     [TL_STAGE_BAR] = "on_bar",
    [TL_STAGE_BARS] = "on_bars",   [TL_STAGE_MARK] = "on_mark",     [TL_STAGE_ACTION] = "on_action",
    [TL_STAGE_DATA] = "on_data",   [TL_STAGE_FILL] = "on_fill",     [TL_STAGE_ORDER] = "on_order",
    [TL_STAGE_TIMER] = "on_timer", [TL_STAGE_STATUS] = "on_status", [TL_STAGE_FEED] = "on_feed",
    [TL_STAGE_GAP] = "on_gap",     [TL_STAGE_PARAM] = "on_param",   [TL_STAGE_ERROR] = "on_error",
    [TL_STAGE_SAVE] = "on_save",   [TL_STAGE_LOAD] = "on_load",     [TL_STAGE_SIGNAL] = "on_signal",
    [TL_STAGE_VENUE] = "on_venue", [TL_STAGE_SAGA] = "on_saga",     [TL_STAGE_STEP] = "timeout.saga",
};

const char *tl_stage_name(int stage) {
    return stage >= 0 && stage < TL_STAGES ? stage_names[stage] : "";
}

/* ---- around a handler ---- */

static uint64_t tick(void) {
    uint64_t tsc = tl_clock_tsc();
    return tsc != 0 ? tsc : (uint64_t)tl_clock_monotonic_ns();
}

static void keep_time(handler_times *times, uint64_t ticks, uint64_t weight) {
    unsigned octave = ticks < TIME_STEPS ? 0 : 63u - (unsigned)__builtin_clzll(ticks) - 3;
    unsigned step = octave == 0 ? (unsigned)ticks : (unsigned)(ticks >> (octave - 1)) & (TIME_STEPS - 1);
    unsigned bucket = octave * TIME_STEPS + step;
    if (bucket >= TIME_OCTAVES * TIME_STEPS) bucket = TIME_OCTAVES * TIME_STEPS - 1;
    times->buckets[bucket] += weight;
    times->count += weight;
    if (ticks > times->max) times->max = ticks;
}

/* What a script kept without copy() shows as what it is: gone. */
static void poison(tl_host *h) {
    const double gone = NAN;
    tl_shown_quote *q = h->records.quote;
    q->bid_n = q->ask_n = q->bid_size_n = q->ask_size_n = gone;
    q->live_n = 0;
    h->records.trade->price_n = h->records.trade->size_n = gone;
    h->records.trade->live_n = 0;
    tl_shown_bar *b = h->records.bar;
    b->open_n = b->high_n = b->low_n = b->close_n = b->volume_n = b->vwap_n = gone;
    b->live_n = 0;
    h->records.other->live_n = 0;
    h->records.report->price_n = h->records.report->quantity_n = gone;
    h->records.report->live_n = 0;
}

static inline void take_sent(tl_host *h) {
    if (h->hooks.sent && *h->sent_count != 0) h->hooks.sent(h->hooks.context);
}

static inline void begin(tl_host *h, int stage) {
    h->in_hand = stage;
    show_progress(h, h->sequence);
    uint64_t calls = h->calls[stage]++;
    if (h->config.time_handlers && (calls < TIMED_AT_FIRST || calls % TIMED_ONE_IN == 0)) h->begun_at = tick();
}

static void finish_timing(tl_host *h) {
    uint64_t ticks = tick() - h->begun_at, weight = h->calls[h->in_hand] > TIMED_AT_FIRST ? TIMED_ONE_IN : 1;
    keep_time(&h->times[h->in_hand], ticks, weight);
    if (h->hooks.handlers) {
        if (h->ns_per_tick == 0) h->ns_per_tick = tl_clock_tsc() != 0 ? tl_clock_ns_per_tsc() : 1;
        tl_histogram_record_times(h->hooks.handlers, (int64_t)((double)ticks * h->ns_per_tick), weight);
    }
    h->begun_at = 0;
}

static inline void finish(tl_host *h) {
    take_sent(h);
    if (h->begun_at) finish_timing(h);
    if (h->in_hand) show_progress(h, 0);
    if (h->scoped) {
        tl_mirror_scope(h->mirror, 0);
        h->scoped = false;
    }
    if (h->config.poison && h->pending == 0) poison(h); /* on_fill and on_order are shown the same report */
    h->in_hand = 0;
}

/* ---- records ---- */

static inline bool wants(const tl_host *h, int stage) {
    return (h->wanted >> stage & 1) != 0;
}

static void fill_trade(const tl_host *h, const tl_event *event, const tl_view_instrument *r) {
    *h->records.trade = (tl_shown_trade){.sequence_n = (double)event->sequence,
                                         .price_n = event->w[0] == TL_ABSENT ? NAN : (double)event->w[0],
                                         .size_n = event->w[1] == TL_ABSENT ? NAN : (double)event->w[1],
                                         .price_unit = r->price_unit,
                                         .size_unit = r->size_unit,
                                         .at_ns = event->ts_ns,
                                         .received_ns = event->ts_recv_ns,
                                         .trade_id_n = (uint64_t)event->w[2],
                                         .instrument_n = event->instrument,
                                         .live_n = 1,
                                         .side_n = (uint8_t)(event->w[3] & 0xff),
                                         .kind_n = (uint8_t)(event->w[3] >> 8 & 0xff)};
}

static void fill_other(const tl_host *h, const tl_event *event, int64_t d) {
    *h->records.other = (tl_shown_other){.sequence_n = (double)event->sequence,
                                         .at_ns = event->ts_ns,
                                         .received_ns = event->ts_recv_ns,
                                         .a_n = event->w[0],
                                         .b_n = event->w[1],
                                         .c_n = event->w[2],
                                         .d_n = d,
                                         .price_unit = 1,
                                         .instrument_n = event->instrument,
                                         .live_n = 1};
    if (event->instrument < h->instrument_count)
        h->records.other->price_unit = tl_view_at(h->view, event->instrument)->price_unit;
}

/* What is about a saga, in the record of the small kinds. */
static void fill_saga(const tl_host *h, const tl_event *event, int64_t number, int64_t status, int64_t reason, int64_t tag) {
    fill_other(h, event, tag);
    h->records.other->a_n = number;
    h->records.other->b_n = status;
    h->records.other->c_n = reason;
    h->records.other->instrument_n = (uint32_t)TL_NO_INSTRUMENT;
}

/* Whether a level change lies within the best `depth` levels, as they stand before it. */
static bool within_depth(const tl_view_instrument *r, const tl_event *event, uint32_t depth) {
    const tl_view_side *side = &r->sides[event->w[3] == TL_SIDE_SELL];
    if (depth == 0 || side->count < depth) return true;
    int64_t worst = side->levels[side->count - depth].price;
    return event->w[3] == TL_SIDE_SELL ? event->w[0] <= worst : event->w[0] >= worst;
}

static void take_row(tl_host *h, int64_t input) {
    if (input < 0 || input >= h->data_count) return;
    data_input *data = &h->data[input];
    if (data->begin == data->end) return;
    memcpy(data->current, data->rows + (data->begin & (data->capacity - 1)) * data->column_count,
           data->column_count * sizeof *data->current);
    data->begin++;
}

void tl_host_note_traded(tl_host *h, uint32_t instrument) {
    tl_view_instrument *r = tl_view_at(h->view, instrument);
    if (r->traded) return;
    if (h->traded_count == h->traded_capacity) {
        uint32_t grown = h->traded_capacity ? h->traded_capacity * 2 : 16;
        uint32_t *traded = realloc(h->traded, grown * sizeof *traded);
        if (!traded) return;
        h->traded = traded;
        h->traded_capacity = grown;
    }
    h->traded[h->traded_count++] = instrument;
    r->traded = 1;
}

static int apply_report(tl_host *h, const tl_event *event, const tl_event_tail *tail) {
    tl_report report;
    memcpy(&report, event->w, sizeof event->w);
    memcpy((char *)&report + sizeof event->w, tail, sizeof *tail);
    if (report.instrument < h->instrument_count) tl_host_note_traded(h, report.instrument);
    tl_mirror_event(h->mirror, event->sequence, event->ts_recv_ns);
    if (report.kind == TL_REPORT_SAGA) {
        tl_mirror_saga_ended(h->mirror, &report);
        if (h->state == TL_HOST_BOUND && h->hooks.live) {
            if (h->untold_count < UNTOLD_SAGAS) h->untold[h->untold_count++] = report;
            h->seldom = true;
            return 0;
        }
        fill_saga(h, event, (int64_t)report.order_id, report.quantity, report.reason, report.price);
        return TL_STAGE_SAGA;
    }
    uint32_t slot = tl_mirror_report(h->mirror, &report, event->ts_recv_ns, event->sequence, h->records.report);
    if (slot == 0) return 0;
    const tl_shown_order *order = &tl_mirror_orders(h->mirror)[slot];
    if (TL_UNLIKELY(order->link_n == TL_LINK_SAGA_LEG) && !tl_order_is_open(order->status_n)) {
        h->step = order->group_n;
        h->seldom = true;
    }
    if (report.kind == TL_REPORT_FILL && wants(h, TL_STAGE_FILL)) {
        if (wants(h, TL_STAGE_ORDER)) h->pending = TL_STAGE_ORDER;
        return TL_STAGE_FILL;
    }
    return TL_STAGE_ORDER;
}

/* A timer that is taken when its record is consumed. False when it was canceled since, or is no longer the first: then a later record tells it. */
static bool take_timer(tl_host *h, const tl_event *event) {
    uint32_t id;
    int64_t deadline_ns;
    uint64_t missed;
    if (tl_timers_due(h->timers, event->ts_recv_ns) != (uint64_t)event->w[0]) return false;
    if (!tl_timers_take(h->timers, event->ts_recv_ns, &id, &deadline_ns, &missed)) return false;
    h->records.other->b_n = (int64_t)missed;
    h->records.other->c_n = deadline_ns;
    return true;
}

/* The first record of a generation. One that goes on from a checkpoint has had its on_start already. */
static int apply_start(tl_host *h, const tl_event *event) {
    h->state = TL_HOST_RUNNING;
    if (event->w[2] != 0) tl_mirror_ids_from(h->mirror, (uint64_t)event->w[2]);
    if (event->w[1] != 0 && event->sequence != (uint64_t)event->w[1]) {
        tl_mirror_attaching(h->mirror);
        return 0;
    }
    fill_other(h, event, 0);
    return TL_STAGE_START;
}

/* Three slots: what the gateway has, as part of an attach. */
static void apply_attach(tl_host *h, const tl_event *event) {
    tl_adopted payload;
    memcpy(&payload, event->w, sizeof event->w);
    memcpy((char *)&payload + sizeof event->w, event + 1, sizeof payload - sizeof event->w);
    if (event->kind == TL_EVENT_ADOPT) {
        if (payload.last.instrument < h->instrument_count) tl_host_note_traded(h, payload.last.instrument);
        tl_mirror_adopt(h->mirror, &payload, event->ts_recv_ns);
        return;
    }
    tl_position position;
    memcpy(&position, &payload, sizeof position);
    if (event->instrument >= h->instrument_count) return;
    tl_host_note_traded(h, event->instrument);
    tl_mirror_position(h->mirror, event->instrument, &position);
}

/* Whether the view holds an instrument, which may have joined the table since. */
static bool is_in_view(tl_host *h, uint32_t instrument) {
    if (tl_view_ensure(h->view) == TL_OK) h->instrument_count = tl_instruments_count(h->config.instruments);
    return instrument < h->instrument_count;
}

static void apply_level(tl_host *h, const tl_event *event) {
    if (TL_UNLIKELY(event->instrument >= h->instrument_count) && !is_in_view(h, event->instrument)) return;
    tl_view_instrument *r = tl_view_at(h->view, event->instrument);
    if (wants(h, TL_STAGE_BOOK) && within_depth(r, event, h->depth)) r->changed = 1;
    tl_view_apply_level(r, event);
}

/* Applies a record that is about one instrument. The stage that it asks for, 0 for none. */
static int apply_market(tl_host *h, const tl_event *event) {
    const tl_event_tail *tail = (const tl_event_tail *)(event + 1);
    if (TL_UNLIKELY(event->instrument >= h->instrument_count) && !is_in_view(h, event->instrument)) return 0;
    tl_view_instrument *r = tl_view_at(h->view, event->instrument);
    int stage = 0;
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        tl_view_apply(h->view, event, tail);
        *h->records.quote = r->quote;
        stage = TL_STAGE_QUOTE;
        break;
    case TL_EVENT_BOOK:
        if (!r->changed) return 0;
        r->changed = 0;
        stage = TL_STAGE_BOOK;
        fill_other(h, event, 0);
        break;
    case TL_EVENT_TRADE:
        tl_view_apply(h->view, event, tail);
        fill_trade(h, event, r);
        stage = TL_STAGE_TRADE;
        break;
    case TL_EVENT_BAR:
        tl_view_apply(h->view, event, tail);
        tl_view_show_bar(r, event, tail, h->records.bar);
        stage = TL_STAGE_BAR;
        break;
    case TL_EVENT_STATUS:
        tl_view_apply(h->view, event, tail);
        fill_other(h, event, 0);
        stage = TL_STAGE_STATUS;
        break;
    case TL_EVENT_FEED:
        tl_view_apply(h->view, event, tail);
        fill_other(h, event, 0);
        stage = TL_STAGE_FEED;
        break;
    case TL_EVENT_MARK:
        tl_view_apply(h->view, event, tail);
        fill_other(h, event, event->w[3]);
        stage = TL_STAGE_MARK;
        break;
    case TL_EVENT_ACTION:
        tl_mirror_action(h->mirror, event);
        fill_other(h, event, tail->w[0]);
        stage = TL_STAGE_ACTION;
        break;
    case TL_EVENT_GAP:
        fill_other(h, event, 0);
        stage = TL_STAGE_GAP;
        break;
    default:
        return 0;
    }
    return r->subscribed ? stage : 0;
}

static int apply(tl_host *h, const tl_event *event) {
    switch (event->kind) {
    case TL_EVENT_LEVEL:
        apply_level(h, event);
        return 0;
    case TL_EVENT_REPORT:
        return apply_report(h, event, (const tl_event_tail *)(event + 1));
    case TL_EVENT_QUEUE:
        tl_mirror_queue_place(h->mirror, event);
        return 0;
    case TL_EVENT_BARS:
        fill_other(h, event, 0);
        return TL_STAGE_BARS;
    case TL_EVENT_DATA:
        take_row(h, event->w[0]);
        fill_other(h, event, 0);
        return TL_STAGE_DATA;
    case TL_EVENT_TIMER:
        fill_other(h, event, 0);
        return !h->hooks.live || take_timer(h, event) ? TL_STAGE_TIMER : 0;
    case TL_EVENT_PARAM:
        fill_other(h, event, 0);
        return TL_STAGE_PARAM;
    case TL_EVENT_SIGNAL: {
        const char *name = (const char *)(event + 1);
        size_t length = strnlen(name, TL_SIGNAL_NAME_BYTES - 1);
        memcpy(h->signal_name, name, length);
        h->signal_name[length] = 0;
        fill_other(h, event, 0);
        return TL_STAGE_SIGNAL;
    }
    case TL_EVENT_VENUE:
        fill_other(h, event, 0);
        return TL_STAGE_VENUE;
    case TL_EVENT_START:
        return apply_start(h, event);
    case TL_EVENT_POSITION:
    case TL_EVENT_ADOPT:
        apply_attach(h, event);
        return 0;
    case TL_EVENT_ATTACHED:
        if (event->w[0] < 0)
            tl_mirror_attaching(h->mirror);
        else
            tl_mirror_attached(h->mirror, event->ts_recv_ns);
        return 0;
    case TL_EVENT_CHECKPOINT:
        h->checkpoint_due = h->seldom = true;
        return 0;
    case TL_EVENT_PHASE:
        h->phase = (int)event->w[0];
        tl_mirror_warming(h->mirror, h->phase == TL_PHASE_HISTORY);
        fill_other(h, event, 0);
        return TL_STAGE_PHASE;
    case TL_EVENT_STOP:
        fill_other(h, event, 0);
        return TL_STAGE_STOP;
    default:
        return apply_market(h, event);
    }
}

static bool skips(const tl_host *h, uint64_t sequence) {
    for (uint32_t i = 0; i < h->hooks.skipped_count; i++)
        if (h->hooks.skipped[i] == sequence) return true;
    return false;
}

/* A timer that a handler has set since the last poll and that is due before the next record: the rest of the batch is taken back. */
static bool cut_by_timer(tl_host *h) {
    if (!h->timer_set || !h->config.retract || !h->poll || h->log.begin == h->log.end) return false;
    if (tl_timers_next_ns(h->timers) >= h->log.slots[h->log.begin & h->log.mask].ts_recv_ns) return false;
    tl_host_data_retracted(h);
    tl_input_log_retract(&h->log);
    return true;
}

/* What is due of sagas behind the handlers of the record in hand: a step, or the end of one that ended before the start. The stage, 0 for none. */
static int saga_stage(tl_host *h) {
    const tl_event in_hand = {
        .sequence = h->sequence, .ts_recv_ns = h->now_ns, .ts_ns = h->now_ns, .instrument = (uint32_t)TL_NO_INSTRUMENT};
    uint32_t number = h->step;
    h->step = 0;
    if (h->state == TL_HOST_STOPPED && tl_mirror_sagas(h->mirror) > 0) {
        /* It takes no more steps: what it has not done is undone. */
        tl_mirror_saga_end_all(h->mirror, TL_REASON_STOP);
        take_sent(h);
    }
    if (h->state != TL_HOST_RUNNING) return 0;
    if (number != 0) {
        if (h->hooks.skipped_count != 0 && skips(h, h->sequence)) {
            h->skipping = TL_STAGE_STEP;
            return TL_STAGE_YIELD;
        }
        fill_saga(h, &in_hand, number, 0, 0, 0);
        begin(h, TL_STAGE_STEP);
        return TL_STAGE_STEP;
    }
    if (h->untold_count == 0) return 0;
    const tl_report report = h->untold[0];
    memmove(h->untold, h->untold + 1, --h->untold_count * sizeof report);
    fill_saga(h, &in_hand, (int64_t)report.order_id, report.quantity, report.reason, report.price);
    begin(h, TL_STAGE_SAGA);
    return TL_STAGE_SAGA;
}

/* What lies before the next record, if anything does: of sagas, or of the end. `seldom` stays set as long as there is any. */
static int seldom_stage(tl_host *h) {
    bool ending = h->state == TL_HOST_STOPPED && tl_mirror_sagas(h->mirror) > 0;
    int stage = h->step != 0 || h->untold_count != 0 || ending ? saga_stage(h) : 0;
    if (stage == 0) h->seldom = h->untold_count != 0 || h->checkpoint_due || h->state == TL_HOST_STOPPED;
    return stage;
}

int tl_runtime_next(tl_host *h) {
    tl_input_log *log = &h->log;
    finish(h);
    if (TL_UNLIKELY(h->lua.arena.used_bytes >= h->lua.collect_at_bytes || h->lua.arena.refused_bytes != 0))
        return TL_STAGE_YIELD;
    if (TL_UNLIKELY(h->pending != 0)) {
        int stage = h->pending;
        h->pending = 0;
        begin(h, stage);
        return stage;
    }
    for (;;) {
        if (TL_UNLIKELY(h->seldom)) {
            int stage = seldom_stage(h);
            if (stage != 0) return stage;
            if (h->checkpoint_due) return TL_STAGE_DONE; /* it is taken before anything else happens */
        }
        if (log->begin == log->end || (h->timer_set && cut_by_timer(h))) {
            h->timer_set = false;
            if (!h->poll || h->poll(h->poll_context, log, h->config.batch) == 0) return TL_STAGE_DONE;
            continue;
        }
        const tl_event *event = &log->slots[log->begin & log->mask];
        log->begin += tl_event_slots(event->kind);
        if (event->kind == TL_EVENT_NONE) continue;
        h->handled++;
        h->now_ns = event->ts_recv_ns;
        h->sequence = event->sequence;
        if (TL_UNLIKELY(!h->started)) {
            h->started = true;
            h->started_ns = h->now_ns;
        }
        int stage = apply(h, event);
        if (stage == 0) {
            take_sent(h);
            continue;
        }
        if (event->kind == TL_EVENT_STOP) {
            h->state = TL_HOST_STOPPED;
            h->seldom = true;
        }
        if (!wants(h, stage) || event->source == TL_SOURCE_RESYNC ||
            (h->state == TL_HOST_STOPPED && stage != TL_STAGE_STOP) ||
            (h->state == TL_HOST_BOUND && h->hooks.live && stage != TL_STAGE_PHASE)) {
            h->pending = 0;
            take_sent(h);
            continue;
        }
        if (TL_UNLIKELY(h->hooks.skipped_count != 0) && skips(h, event->sequence)) {
            h->pending = 0;
            h->step = 0;
            h->skipping = stage;
            return TL_STAGE_YIELD;
        }
        tl_mirror_event(h->mirror, event->sequence, event->ts_recv_ns);
        begin(h, stage);
        return stage;
    }
}
