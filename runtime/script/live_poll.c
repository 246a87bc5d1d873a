/* The strategy agent's inputs: what a pass takes, in its order.
 *
 * Invariants:
 * 1. A source is released only behind the commit of what was taken from it, and the commit tells how far that was.
 * 2. Everything that can change a decision is a record: which instruments are wanted, what did not fit into the ring, what was read from a latch.
 * 3. A pass begins when the log is consumed, so that the view is as of its end.
 */
#include <string.h>

#include "script/live_inside.h"

enum {
    UNWANTED_PASSES = 256,
    LOOK_AT_CLOCK = 16 /* empty passes between two looks at what only time brings */,
    BAR_GRACE_NS = 2000000
};

/* ---- appending ---- */

static inline void stamp(const tl_live *live, tl_event *slot, int source, uint64_t source_sequence) {
    slot->ts_recv_ns = live->now_ns;
    slot->source = (uint8_t)source;
    slot->source_sequence = (uint16_t)source_sequence;
}

static tl_event *append(tl_live *live, const tl_event *event, const tl_event_tail *tail, int source, uint64_t sequence) {
    tl_event *slot = tl_input_log_put(live->log, event, tail);
    if (slot) stamp(live, slot, source, sequence);
    return slot;
}

bool live_own(tl_live *live, const tl_event *event) {
    return append(live, event, NULL, TL_SOURCE_OPERATOR, 0) != NULL;
}

static bool own(tl_live *live, uint8_t kind, int64_t a, int64_t b) {
    tl_event event = {.ts_ns = live->now_ns, .instrument = (uint32_t)TL_NO_INSTRUMENT, .kind = kind, .w = {a, b}};
    return live_own(live, &event);
}

void live_commit(tl_live *live) {
    tl_input_log_make_commit(live->log, live->messages.position + live->messages_taken, live->feed.position);
    if (live->messages_taken > 0) {
        tl_spsc_release(&live->messages, live->messages_taken);
        tl_counter_add(live->counters.messages, live->messages_taken);
        live->messages_taken = 0;
    }
}

/* ---- the sources ---- */

static void take_operated(tl_live *live) {
    for (uint32_t i = 0; i < live->operated_count; i++) {
        const tl_operator *o = &live->operated[i];
        int64_t bits;
        memcpy(&bits, &o->value, sizeof bits);
        own(live, TL_EVENT_PARAM, o->target, bits);
    }
    live->operated_count = 0;
}

/* What did not fit into the ring comes back as refused, as if the gateway had said so. */
static void take_denied(tl_live *live) {
    static const uint8_t kinds[TL_COMMANDS] = {[TL_COMMAND_NEW] = TL_REPORT_DENIED,
                                               [TL_COMMAND_CANCEL] = TL_REPORT_CANCEL_REJECTED,
                                               [TL_COMMAND_REPLACE] = TL_REPORT_REPLACE_REJECTED};
    uint32_t done = 0;
    for (; done < live->denied_count && done < LIVE_RECORDS; done++) {
        const tl_command *c = &live->denied[done];
        tl_report report = {.order_id = c->order_id,
                            .price = TL_ABSENT,
                            .quantity = TL_ABSENT,
                            .limit = (int64_t)live->with.command_capacity,
                            .value = (int64_t)live->with.command_capacity + 1,
                            .ts_venue_ns = live->now_ns,
                            .queue_ahead = TL_ABSENT,
                            .instrument = c->instrument,
                            .kind = c->kind < TL_COMMANDS ? kinds[c->kind] : 0,
                            .reason = TL_REASON_RING_FULL,
                            .strategy = live->with.strategy};
        if (report.kind == 0) continue;
        tl_event event = {.ts_ns = live->now_ns, .instrument = c->instrument, .kind = TL_EVENT_REPORT};
        tl_event_tail tail;
        memcpy(event.w, &report, sizeof event.w);
        memcpy(&tail, (const char *)&report + sizeof event.w, sizeof tail);
        if (!append(live, &event, &tail, TL_SOURCE_REPORT, 0)) break;
    }
    live->denied_count -= done;
    memmove(live->denied, live->denied + done, live->denied_count * sizeof *live->denied);
}

/* The payload of a message as a record of two or three slots. */
static bool append_payload(tl_live *live, uint8_t kind, uint32_t instrument, int64_t ts_ns, const void *payload,
                           size_t bytes, uint64_t sequence) {
    tl_event event = {.ts_ns = ts_ns, .instrument = instrument, .kind = kind};
    tl_event_tail tails[TL_EVENT_SLOTS_MAX - 1] = {{{0}}};
    size_t head = sizeof event.w < bytes ? sizeof event.w : bytes;
    memcpy(event.w, payload, head);
    memcpy(tails, (const char *)payload + head, bytes - head);
    return append(live, &event, tails, TL_SOURCE_REPORT, sequence) != NULL;
}

static void attached(tl_live *live) {
    if (live->phase != LIVE_ATTACHING) return;
    if (live->started) {
        live->phase = LIVE_RUNNING;
        return;
    }
    live->phase = LIVE_LOOKING;
    live->feed.position = __atomic_load_n(&live->feed.head->latched, __ATOMIC_ACQUIRE);
    live_resync_all(live, RESYNC_START, 0);
}

static bool take_message(tl_live *live, const tl_message *m, uint64_t sequence) {
    switch (m->kind) {
    case TL_MESSAGE_REPORT:
        tl_histogram_record(&live->stages->of[TL_LATENCY_REPORT], live->now_ns - m->report.ts_venue_ns);
        return append_payload(live, TL_EVENT_REPORT, m->report.instrument, m->report.ts_venue_ns, &m->report,
                              sizeof m->report, sequence);
    case TL_MESSAGE_POSITION:
        return append_payload(live, TL_EVENT_POSITION, m->instrument, m->sent_ns, &m->position, sizeof m->position,
                              sequence);
    case TL_MESSAGE_ORDER:
        return append_payload(live, TL_EVENT_ADOPT, m->adopted.last.instrument, m->sent_ns, &m->adopted, sizeof m->adopted,
                              sequence);
    case TL_MESSAGE_VENUE: {
        uint32_t venue = (uint32_t)m->word, link = (uint32_t)(m->word >> 32);
        if (!live->started) { /* told when on_start has run */
            if (venue < sizeof live->links) live->links[venue] = (uint8_t)(link + 1);
            return true;
        }
        int64_t words[2] = {venue, link};
        return append_payload(live, TL_EVENT_VENUE, (uint32_t)TL_NO_INSTRUMENT, m->sent_ns, words, sizeof words, sequence);
    }
    case TL_MESSAGE_ATTACHED: {
        int64_t words[1] = {m->word};
        if (!append_payload(live, TL_EVENT_ATTACHED, (uint32_t)TL_NO_INSTRUMENT, m->sent_ns, words, sizeof words, sequence))
            return false;
        attached(live);
        return true;
    }
    case TL_MESSAGE_CUT: {
        int64_t words[1] = {-1};
        if (!append_payload(live, TL_EVENT_ATTACHED, (uint32_t)TL_NO_INSTRUMENT, m->sent_ns, words, sizeof words, sequence))
            return false;
        live_line(live, 2, "reports were lost, as too many waited: the gateway is asked for orders and positions");
        live->phase = LIVE_ASKING;
        return true;
    }
    default:
        return true;
    }
}

static void take_messages(tl_live *live) {
    uint64_t there;
    const tl_message *messages = tl_spsc_poll(&live->messages, &there);
    if (there > live->batch) there = live->batch;
    uint64_t taken = 0;
    /* Nothing behind a cut before the gateway was asked: what is sent until then, it knows. */
    while (taken < there && live->phase != LIVE_ASKING &&
           take_message(live, &messages[taken], live->messages.position + taken + 1))
        taken++;
    live->messages_taken = taken;
}

/* Whether a record of the ring is for this strategy. */
static inline bool is_wanted(const tl_live *live, const tl_event *event, uint64_t position) {
    if (TL_UNLIKELY(event->kind == TL_EVENT_NONE)) return false;
    if (TL_UNLIKELY(event->instrument >= live->instrument_count)) return false;
    if (!live->wanted[event->instrument]) return false;
    if (TL_UNLIKELY(position < live->skip_most) && position < live->skip_until[event->instrument]) return false;
    if (event->kind == TL_EVENT_QUEUE) return (uint64_t)event->w[0] >> 40 == live->with.strategy;
    return event->kind != TL_EVENT_ORDER_FLOW || live->wants_flow;
}

/* Trades that come in after their bar was closed count in the one that is open. */
void live_feed_bars(tl_live *live, const tl_event *event) {
    if (event->ts_ns >= live->bars_closed_ns) {
        tl_bars_feed(live->with.bars, event, NULL);
        return;
    }
    tl_event late = *event;
    late.ts_ns = live->bars_closed_ns;
    tl_bars_feed(live->with.bars, &late, NULL);
}

/* From the ring to where they stay: what is not wanted is overwritten by what comes behind it. */
static void take_market(tl_live *live) {
    tl_input_log *log = live->log;
    uint64_t row = log->mask + 1 - (log->end & log->mask);
    for (; TL_UNLIKELY(row < TL_EVENT_SLOTS_MAX); row = log->mask + 1 - (log->end & log->mask))
        log->slots[log->end++ & log->mask] = (tl_event){.kind = TL_EVENT_NONE};
    tl_event *at = &log->slots[log->end & log->mask];
    uint64_t lost, position = live->feed.position;
    uint32_t there = tl_broadcast_copy(&live->feed, at, row < live->batch ? (uint32_t)row : live->batch, &lost);
    if (TL_UNLIKELY(lost > 0)) {
        tl_counter_add(live->counters.lost, lost);
        live_resync_all(live, RESYNC_GAP, lost);
        return;
    }
    uint32_t from = 0, to = 0, records = 0;
    int64_t published_ns = there > 0 ? at[0].ts_recv_ns : 0;
    while (from < there) {
        uint32_t length = tl_event_slots(at[from].kind);
        if (TL_UNLIKELY(from + length > there)) break;
        tl_event *event = &at[from];
        if (TL_UNLIKELY(event->kind == TL_EVENT_GAP && event->instrument == (uint32_t)TL_NO_INSTRUMENT)) {
            live_resync_all(live, RESYNC_GAP, (uint64_t)event->w[0]);
        } else if (is_wanted(live, event, position + from)) {
            if (to != from) memmove(&at[to], event, length * sizeof *event);
            at[to].sequence = log->next_sequence++;
            stamp(live, &at[to], TL_SOURCE_MARKET, position + from + length);
            if (at[to].kind == TL_EVENT_TRADE && live->with.bars) live_feed_bars(live, &at[to]);
            to += length;
            records++;
        }
        from += length;
    }
    tl_broadcast_take(&live->feed, from);
    log->end += to;
    if (records == 0) return;
    tl_histogram_record_times(&live->stages->of[TL_LATENCY_DELIVER], live->now_ns - published_ns, records);
    tl_counter_add(live->counters.market, records);
}

static void take_bars(tl_live *live) {
    int64_t due_ns = live->now_ns - BAR_GRACE_NS;
    if (!live->with.bars || tl_bars_next_close_ns(live->with.bars) > due_ns) return;
    tl_event event;
    tl_event_tail tail;
    for (uint32_t i = 0; i < LIVE_RECORDS && tl_bars_take(live->with.bars, due_ns, &event, &tail); i++) {
        if (event.ts_ns > live->bars_closed_ns) live->bars_closed_ns = event.ts_ns;
        bool wanted = event.kind == TL_EVENT_BARS || live->wanted[event.instrument];
        if (wanted) append(live, &event, &tail, TL_SOURCE_BAR, 0);
    }
}

static void take_signals(tl_live *live) {
    struct {
        tl_event event;
        tl_event_tail tail;
    } slots[16];
    for (uint32_t p = 0; p < live->with.peer_count; p++) {
        tl_broadcast_reader *peer = &live->peers[p];
        uint64_t lost;
        uint32_t there = tl_broadcast_copy(peer, slots, 16, &lost);
        uint32_t taken = 0;
        for (; taken < there; taken++) {
            slots[taken].event.kind = TL_EVENT_SIGNAL; /* whatever another process wrote there */
            slots[taken].event.w[0] = live->with.peers[p].id;
            if (!append(live, &slots[taken].event, &slots[taken].tail, TL_SOURCE_OPERATOR, peer->position + taken + 1))
                break;
        }
        tl_broadcast_take(peer, taken);
    }
}

/* One at a time: its handler may cancel the next. */
static void take_timer(tl_live *live) {
    tl_event event;
    if (!tl_host_due_timer(live->host, live->now_ns, &event)) return;
    if (append(live, &event, NULL, TL_SOURCE_TIMER, 0)) tl_counter_add(live->counters.timers, 1);
}

/* ---- a pass ---- */

static void take_start(tl_live *live) {
    own(live, TL_EVENT_PHASE, TL_PHASE_LIVE, 0);
    tl_event start = {.ts_ns = live->now_ns,
                      .instrument = (uint32_t)TL_NO_INSTRUMENT,
                      .kind = TL_EVENT_START,
                      .w = {live->recovered ? 2 : 0, 0, (int64_t)live->head->last_order_id, 0}};
    tl_event *record = append(live, &start, NULL, TL_SOURCE_OPERATOR, 0);
    if (record) __atomic_store_n(&live->page->patient, record->sequence, __ATOMIC_RELAXED); /* on_start may take its time */
    live->started = true;
    live->phase = LIVE_RUNNING;
    for (uint32_t i = 0; i < sizeof live->links; i++)
        if (live->links[i]) own(live, TL_EVENT_VENUE, i, live->links[i] - 1);
    if (live->recovered) live_resync_all(live, RESYNC_GAP, 0);
}

/* Handlers subscribed to something: it is looked up first. */
static void follow_subscriptions(tl_live *live) {
    bool wanted;
    for (int64_t id; (id = tl_host_next_subscription(live->host, &wanted)) >= 0;) {
        if (id >= live->instrument_count || live->wanted[id] == wanted) continue;
        if (wanted)
            live_resync_ask(live, (uint32_t)id, RESYNC_SUBSCRIBED, 0);
        else
            live->wanted[id] = 0;
    }
}

/* Slots that the recorder has not read stay. One that has given up is far ahead. */
static bool has_room(tl_live *live) {
    if (!live->with.recorded || !live->with.recorder_position) return true;
    uint64_t read = __atomic_load_n(live->with.recorder_position, __ATOMIC_ACQUIRE); /* pairs with its release */
    int64_t kept = (int64_t)(live->log->end + tl_input_log_margin(live->with.log_capacity) - read);
    return kept <= (int64_t)(live->log->mask + 1);
}

/* Whether anything may be there that no clock is needed for. */
static bool something_there(const tl_live *live) {
    const tl_spsc_consumer *m = &live->messages;
    if (__atomic_load_n(&live->feed.head->produced, __ATOMIC_RELAXED) != live->feed.position && live->phase == LIVE_RUNNING)
        return true;
    if (m->limit != m->position || __atomic_load_n(&m->produced->position, __ATOMIC_RELAXED) != m->position) return true;
    for (uint32_t p = 0; p < live->with.peer_count; p++)
        if (__atomic_load_n(&live->peers[p].head->produced, __ATOMIC_RELAXED) != live->peers[p].position) return true;
    return live->operated_count + live->denied_count + live->resync_count > 0 || live->phase == LIVE_LOOKING;
}

static void pass(tl_live *live) {
    live->now_ns = tl_runtime_clock_ns(live->with.clock);
    if (TL_UNLIKELY(live->stop_asked && live->started)) {
        live->phase = LIVE_STOPPING;
        own(live, TL_EVENT_STOP, 1, 0);
        return;
    }
    if (TL_UNLIKELY(live->operated_count > 0) && live->started) take_operated(live);
    if (TL_UNLIKELY(live->denied_count > 0)) take_denied(live);
    take_messages(live);
    bool looking = TL_UNLIKELY(live->resync_count > 0);
    if (looking && live->messages_taken == 0) live_resync_next(live); /* else the view is not as of the log's end */
    if (TL_UNLIKELY(live->phase == LIVE_LOOKING) && live->resync_count == 0) take_start(live);
    if (TL_UNLIKELY(live->phase != LIVE_RUNNING)) return;
    if (!looking) take_market(live);
    take_bars(live);
    if (live->with.peer_count > 0) take_signals(live);
    take_timer(live);
}

/* After the handlers of a batch: how long they took decides on the size of the next, and whether the loop's turn has come. */
static bool account(tl_live *live) {
    live_wake(live);
    live_signal(live);
    if (live->budget_ticks == 0 || live->batch_records == 0) return false;
    uint64_t spent = tl_clock_tsc() - live->batch_began;
    if (spent > live->budget_ticks) {
        if (live->batch_records == 1 || spent > live->budget_ticks * live->batch_records) live->page->overruns++;
        if (live->batch > 1) live->batch /= 2;
    } else if (live->batch < LIVE_RECORDS) {
        live->batch *= 2;
    }
    live->batch_records = 0;
    live->busy_ticks += spent;
    return live->busy_ticks > live->budget_ticks;
}

static bool begin_save(tl_live *live, bool idle) {
    if (live->phase != LIVE_RUNNING || !live_save_due(live, idle)) return false;
    live->now_ns = tl_runtime_clock_ns(live->with.clock);
    live->saving = own(live, TL_EVENT_CHECKPOINT, 0, 0);
    live->save_sequence = live->log->next_sequence - 1;
    return live->saving;
}

uint32_t live_poll(void *context, tl_input_log *log, uint32_t max_records) {
    tl_live *live = context;
    (void)max_records;
    bool spent = account(live);
    if (TL_UNLIKELY(live->phase == LIVE_STOPPING)) live->phase = LIVE_STOPPED;
    if (TL_UNLIKELY(spent || live->rerun || live->phase >= LIVE_STOPPED || tl_host_checkpoint_due(live->host))) return 0;
    follow_subscriptions(live);
    for (uint32_t empty = 0;; empty++) {
        uint64_t before = log->next_sequence, read = live->feed.position;
        if (TL_UNLIKELY(!has_room(live))) {
            tl_counter_add(live->counters.waits, 1);
            return 0;
        }
        if (begin_save(live, false)) {
            ;
        } else if (something_there(live) || live->stop_asked || empty % LOOK_AT_CLOCK == 0) {
            pass(live);
        }
        if (log->next_sequence != before || live->messages_taken > 0) {
            live_commit(live);
            live->batch_records = (uint32_t)(log->next_sequence - before);
            tl_counter_add(live->counters.records, live->batch_records);
            live->appended += live->batch_records;
            if (live->batch_records == 0) continue;
            if (live->budget_ticks != 0) live->batch_began = tl_clock_tsc();
            return live->batch_records;
        }
        if (live->feed.position != read) { /* nothing of it was for this strategy: more may be there */
            live->appended++;
            if (empty < UNWANTED_PASSES) continue;
            return 0;
        }
        if (empty >= live->with.spins) {
            live->appended += live->resync_count; /* they wait for the latches: no time to sleep */
            if (!begin_save(live, true)) return 0;
            live_commit(live);
            live->appended++;
            return 1;
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}
