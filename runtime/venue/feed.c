#include "venue/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/counters.h"
#include "market/levels.h"
#include "queue/broadcast.h"
#include "queue/channel.h"
#include "queue/latch.h"
#include "venue/slots.h"

enum {
    HEAD_BYTES = 4096, /* of the section "latches" */
    LINE = 128,
    BATCH = 64,          /* records that are published at once */
    LEAST_RING = 1024,   /* a batch is at most a quarter of it */
    BATCHES_A_CYCLE = 4, /* so many in a duty cycle at most */
    LATCH_LAG = 1024     /* slots that latches may be behind the ring, and at most an eighth of it */
};

#define NEVER INT64_MAX

/* An instrument as this agent keeps it. */
typedef struct market {
    tl_levels sides[2];
    uint8_t touched; /* its latch is to be brought up to date */
    uint8_t quoted;  /* a quote came since a picture began */
} market;

struct tl_feed {
    tl_feed_config with;
    tl_spsc_consumer source;
    tl_broadcast_writer ring;
    tl_feed_head *head;
    uint8_t *latches;
    tl_feed_market *values; /* by instrument: what its latch is to hold */
    market *markets;        /* by instrument */
    uint32_t *touched;      /* instruments whose latches lag behind */
    uint32_t touched_count;
    uint32_t latch_lag; /* slots */
    uint32_t instruments;
    tl_stages *stages;
    tl_counter *events, *lost;
    int64_t *due_ns;        /* by slot of the channel: when a record comes out of the feed's latency */
    int64_t last_due_ns;    /* records do not overtake each other */
    uint64_t drawn;         /* position up to which latencies were drawn */
    uint64_t taken;         /* position in the channel behind what was staged */
    int64_t last_market_ns; /* when something came last; NEVER before anything */
    bool stale;
    uint32_t slots; /* of batch */
    uint32_t records;
    tl_event batch[BATCH * TL_EVENT_SLOTS_MAX];
};

/* ---- latches ---- */

static uint64_t stride(void) {
    return (tl_latch_size(sizeof(tl_feed_market)) + LINE - 1) / LINE * LINE;
}

uint64_t tl_feed_latches_bytes(uint32_t instruments) {
    return HEAD_BYTES + instruments * stride();
}

static tl_latch *latch_at(const void *latches, uint64_t bytes, uint32_t instrument) {
    return (tl_latch *)((uintptr_t)latches + HEAD_BYTES + instrument * bytes);
}

bool tl_feed_latch_read(const void *latches, uint32_t instrument, tl_feed_market *value) {
    const tl_feed_head *head = latches;
    if (instrument >= __atomic_load_n(&head->count, __ATOMIC_ACQUIRE)) return false; /* pairs with the release in create */
    return tl_latch_read(latch_at(latches, head->stride, instrument), value, NULL);
}

static void write_latch(tl_feed *f, uint32_t instrument) {
    tl_feed_market *value = &f->values[instrument];
    value->cut = 0;
    for (int side = 0; side < 2; side++) {
        const tl_levels *levels = &f->markets[instrument].sides[side];
        uint32_t count = levels->count < TL_FEED_LATCH_LEVELS ? levels->count : TL_FEED_LATCH_LEVELS;
        tl_feed_level *into = value->levels + side * TL_FEED_LATCH_LEVELS;
        for (uint32_t i = 0; i < count; i++) {
            const tl_level *level = tl_levels_at(levels, i);
            into[i] = (tl_feed_level){.price = level->price, .size = level->size, .count = level->count};
        }
        value->level_count[side] = count;
        value->cut |= levels->count > count;
    }
    tl_latch_write(latch_at(f->latches, f->head->stride, instrument), value);
    f->markets[instrument].touched = 0;
}

/* All latches are as of what is published. */
static void write_latches(tl_feed *f) {
    for (uint32_t i = 0; i < f->touched_count; i++)
        write_latch(f, f->touched[i]);
    f->touched_count = 0;
    tl_broadcast_latched(&f->ring, f->ring.position);
}

static void touch(tl_feed *f, uint32_t instrument) {
    if (f->markets[instrument].touched) return;
    f->markets[instrument].touched = 1;
    f->touched[f->touched_count++] = instrument;
}

/* A record that stands in the ring before `position` moves what is kept of its instrument. */
static void apply(tl_feed *f, const tl_event *event, uint64_t position) {
    if (event->instrument >= f->instruments) return;
    tl_feed_market *value = &f->values[event->instrument];
    if (position <= value->position) return; /* a latch that a predecessor wrote holds it already */
    switch (event->kind) {
    case TL_EVENT_QUOTE:
        value->bid = event->w[0];
        value->ask = event->w[1];
        value->bid_size = event->w[2];
        value->ask_size = event->w[3];
        break;
    case TL_EVENT_TRADE:
        value->last_price = event->w[0];
        value->last_size = event->w[1];
        value->volume += event->w[1];
        value->trades++;
        break;
    case TL_EVENT_LEVEL: {
        int side = event->w[3] == TL_SIDE_SELL ? TL_SIDE_SELL : TL_SIDE_BUY;
        tl_levels_set(&f->markets[event->instrument].sides[side == TL_SIDE_SELL], side, event->w[0], event->w[1],
                      event->w[2]);
        break;
    }
    case TL_EVENT_STATUS:
        value->state = (uint8_t)event->w[0];
        break;
    case TL_EVENT_MARK:
        value->mark = event->w[0];
        value->index = event->w[1];
        break;
    case TL_EVENT_BAR:
        value->last_price = event->w[3];
        break;
    case TL_EVENT_FEED:
        value->stale = event->w[0] == 0;
        break;
    default:
        break;
    }
    value->position = position;
    value->ts_ns = event->ts_ns;
    value->ts_recv_ns = event->ts_recv_ns;
    value->events++;
    touch(f, event->instrument);
}

/* ---- publishing ---- */

/* How long records took from the venue's time to here; those of one time are one recording. */
static void measure(const tl_feed *f) {
    int64_t now_ns = tl_runtime_clock_ns(f->with.clock);
    tl_histogram *histogram = &f->stages->of[TL_LATENCY_FEED];
    for (uint32_t i = 0; i < f->slots;) {
        int64_t ts_ns = f->batch[i].ts_ns;
        uint64_t times = 0;
        for (; i < f->slots && f->batch[i].ts_ns == ts_ns; times++)
            i += tl_event_slots(f->batch[i].kind);
        tl_histogram_record_times(histogram, now_ns - ts_ns, times);
    }
}

/* What was staged comes out; what of the channel is in it is given back only afterwards, so that nothing is lost, nor told twice. */
static void publish(tl_feed *f) {
    if (f->slots == 0) return;
    uint64_t before = f->ring.position;
    tl_broadcast_stage(&f->ring, f->batch, f->slots);
    __atomic_store_n(&f->head->going_ring, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&f->head->going_source, f->taken, __ATOMIC_RELEASE);
    __atomic_store_n(&f->head->going_ring, before + f->slots, __ATOMIC_RELEASE);
    tl_broadcast_publish(&f->ring);
    tl_slots_release_to(&f->source, f->taken);
    for (uint32_t i = 0; i < f->with.waker_count; i++)
        tl_waker_mark(&f->with.wakers[i]);
    for (uint32_t i = 0; i < f->slots;) {
        const tl_event *event = &f->batch[i];
        unsigned slots = tl_event_slots(event->kind);
        i += slots;
        apply(f, event, before + i);
        if (f->with.market != NULL)
            f->with.market(f->with.market_context, event, slots > 1 ? (const tl_event_tail *)(event + 1) : NULL);
    }
    if (f->stages != NULL) measure(f);
    if (f->events != NULL) tl_counter_add(f->events, f->records);
    if (f->ring.position - f->ring.head->latched >= f->latch_lag) write_latches(f);
    f->slots = f->records = 0;
}

/* Room for a record in the batch. */
static tl_event *next_record(tl_feed *f, unsigned slots) {
    if (f->records == BATCH) publish(f);
    tl_event *place = &f->batch[f->slots];
    f->slots += slots;
    f->records++;
    return place;
}

/* A record of the agent's own, about an instrument. */
static void tell(tl_feed *f, int kind, uint32_t instrument, const int64_t w[4], int64_t now_ns) {
    tl_event *event = next_record(f, 1);
    *event = (tl_event){.ts_ns = now_ns,
                        .ts_recv_ns = now_ns,
                        .instrument = instrument,
                        .kind = (uint8_t)kind,
                        .source = TL_SOURCE_MARKET,
                        .w = {w[0], w[1], w[2], w[3]}};
}

/* A gap is told when the latches hold all that was before it: who reads them then has lost nothing. */
static void tell_gap(tl_feed *f, uint32_t instrument, int64_t missed, int64_t now_ns) {
    publish(f);
    write_latches(f);
    tell(f, TL_EVENT_GAP, instrument, (int64_t[4]){missed}, now_ns);
    publish(f);
    if (f->lost != NULL) tl_counter_add(f->lost, 1);
}

/* The venue sends the whole book of an instrument anew: what there was of it goes. */
static void forget_book(tl_feed *f, uint32_t instrument, int64_t now_ns) {
    publish(f); /* what is in the batch belongs to the book */
    market *m = &f->markets[instrument];
    m->quoted = 0;
    for (int side = 0; side < 2; side++)
        while (m->sides[side].count > 0) {
            const tl_levels *levels = &m->sides[side];
            uint32_t count = levels->count < BATCH ? levels->count : BATCH;
            for (uint32_t i = 0; i < count; i++) {
                int64_t w[4] = {tl_levels_at(levels, i)->price, 0, 0, side == 0 ? TL_SIDE_BUY : TL_SIDE_SELL};
                tell(f, TL_EVENT_LEVEL, instrument, w, now_ns);
            }
            publish(f);
        }
}

static void tell_freshness(tl_feed *f, bool fresh, int64_t now_ns) {
    f->stale = !fresh;
    for (uint32_t i = 0; i < f->instruments; i++)
        if (f->values[i].events > 0) tell(f, TL_EVENT_FEED, i, (int64_t[4]){fresh}, now_ns);
}

/* ---- taking ---- */

/* A gap from the venue: w[1] = 1 begins a picture of the whole book, any other ends one, or tells of a loss. */
static void take_gap(tl_feed *f, const tl_event *event, int64_t now_ns) {
    if (event->instrument >= f->instruments) return;
    if (event->w[1] == 1) {
        forget_book(f, event->instrument, now_ns);
        return;
    }
    const tl_feed_market *value = &f->values[event->instrument];
    if (!f->markets[event->instrument].quoted && (value->bid != TL_ABSENT || value->ask != TL_ABSENT))
        tell(f, TL_EVENT_QUOTE, event->instrument, (int64_t[4]){TL_ABSENT, TL_ABSENT, 0, 0}, now_ns);
    tell_gap(f, event->instrument, event->w[0], now_ns);
}

/* When the record at a position comes out of the latency of the feed's leg. */
static int64_t due_of(tl_feed *f, uint64_t position, unsigned slots, int64_t now_ns) {
    if (f->with.latency == NULL) return now_ns;
    if (position >= f->drawn) {
        int64_t due_ns = now_ns + tl_latency_draw(f->with.latency);
        if (due_ns < f->last_due_ns) due_ns = f->last_due_ns;
        f->last_due_ns = due_ns;
        f->due_ns[position & f->source.mask] = due_ns;
        f->drawn = position + slots;
    }
    return f->due_ns[position & f->source.mask];
}

/* Draws the latencies of what has come, as of now: they begin when a record arrives, not when it is looked at. */
static void draw_arrived(tl_feed *f, uint64_t produced, int64_t now_ns) {
    while (f->drawn < produced) {
        const tl_event *event = tl_slots_at(&f->source, f->drawn);
        due_of(f, f->drawn, tl_event_slots(event->kind), now_ns);
    }
}

static uint32_t take(tl_feed *f, int64_t now_ns) {
    uint64_t produced = tl_slots_produced(&f->source), from = f->taken;
    if (f->with.latency != NULL) draw_arrived(f, produced, now_ns);
    for (uint32_t records = 0; f->taken < produced && records < BATCH * BATCHES_A_CYCLE; records++) {
        const tl_event *event = tl_slots_at(&f->source, f->taken);
        unsigned slots = tl_event_slots(event->kind);
        if (due_of(f, f->taken, slots, now_ns) > now_ns) break;
        f->last_market_ns = now_ns;
        if (TL_UNLIKELY(f->stale)) tell_freshness(f, true, now_ns);
        if (TL_UNLIKELY(event->kind == TL_EVENT_GAP)) {
            take_gap(f, event, now_ns);
            f->taken += slots;
            continue;
        }
        tl_event *record = next_record(f, slots);
        for (unsigned i = 0; i < slots; i++)
            record[i] = *(const tl_event *)tl_slots_at(&f->source, f->taken + i);
        record->ts_recv_ns = now_ns;
        if (record->kind == TL_EVENT_QUOTE && record->instrument < f->instruments) f->markets[record->instrument].quoted = 1;
        f->taken += slots;
    }
    publish(f);
    tl_slots_release_to(&f->source, f->taken); /* a gap that ends a cycle leaves nothing to be published */
    return (uint32_t)(f->taken - from);
}

static uint32_t work(void *state, int64_t now_ns) {
    tl_feed *f = state;
    uint32_t done = take(f, now_ns);
    if (TL_UNLIKELY(done == 0 && f->with.stale_ns > 0 && !f->stale && f->last_market_ns != NEVER &&
                    now_ns - f->last_market_ns >= f->with.stale_ns)) {
        tell_freshness(f, false, now_ns);
        publish(f);
        done = 1;
    }
    if (done > 0)
        tl_waker_flush(f->with.wakers, f->with.waker_count);
    else if (f->ring.head->latched != f->ring.position)
        write_latches(f); /* when nobody waits for anything else */
    return done;
}

static int64_t next_ns(void *state) {
    const tl_feed *f = state;
    int64_t at_ns = NEVER;
    if (f->with.latency != NULL && f->taken < f->drawn) at_ns = f->due_ns[f->taken & f->source.mask];
    if (f->with.stale_ns > 0 && !f->stale && f->last_market_ns != NEVER && f->last_market_ns + f->with.stale_ns < at_ns)
        at_ns = f->last_market_ns + f->with.stale_ns;
    return at_ns;
}

/* ---- life ---- */

/* A predecessor's latches, and what it published behind them, are where this one goes on. */
static void recover(tl_feed *f, uint32_t latched) {
    for (uint32_t i = 0; i < latched; i++) {
        tl_feed_market *value = &f->values[i];
        if (!tl_latch_read(latch_at(f->latches, f->head->stride, i), value, NULL)) continue;
        for (int side = 0; side < 2; side++)
            for (uint32_t j = value->level_count[side]; j-- > 0;) {
                const tl_feed_level *level = &value->levels[side * TL_FEED_LATCH_LEVELS + (int)j];
                tl_levels_set(&f->markets[i].sides[side], side == 0 ? TL_SIDE_BUY : TL_SIDE_SELL, level->price, level->size,
                              level->count);
            }
        f->stale |= value->stale;
    }
    tl_broadcast_head *ring = f->ring.head;
    uint64_t position = ring->latched, capacity = ring->capacity;
    if (ring->produced - position > capacity) position = ring->produced;
    while (position < ring->produced) { /* nobody but this one writes: what is published stays */
        const tl_event *event = (const tl_event *)(f->ring.slots + (position & f->ring.mask) * f->ring.slot_bytes);
        position += tl_event_slots(event->kind);
        apply(f, event, position);
    }
    write_latches(f);
}

/* Everybody learns that time has passed without a feed; what stood deeper than the latches hold comes from the venue again. */
static void tell_return(tl_feed *f, int64_t now_ns) {
    bool cut = false;
    for (uint32_t i = 0; i < f->instruments; i++) {
        if (f->values[i].events == 0) continue;
        cut |= f->values[i].cut != 0;
        tell_gap(f, i, 0, now_ns);
    }
    if (cut) __atomic_store_n(&f->head->pictures, f->head->pictures + 1, __ATOMIC_RELEASE); /* the paper venue looks */
    tl_waker_flush(f->with.wakers, f->with.waker_count);
}

static tl_status attach(tl_feed *f) {
    const tl_feed_config *with = &f->with;
    uint64_t bytes = 0, counters_bytes = 0;
    void *feed = tl_region_find(with->own, "feed", NULL), *in = tl_region_find(with->own, "in:market", NULL);
    void *out = tl_region_find(with->source, "out:market", NULL), *latches = tl_region_find(with->own, "latches", &bytes);
    if (feed == NULL || in == NULL || out == NULL || latches == NULL)
        return tl_error_prefix(TL_ERR_NOT_FOUND, "the feed agent");
    if (with->feed_capacity < LEAST_RING)
        return tl_error_set(TL_ERR_ARGUMENT, "the feed agent: a ring of %llu slots, and the least is %d",
                            (unsigned long long)with->feed_capacity, LEAST_RING);
    if (bytes < tl_feed_latches_bytes(f->instruments) || f->instruments > with->instrument_capacity)
        return tl_error_set(TL_ERR_LIMIT, "the feed agent: %u instruments, and there is room for the latches of %u",
                            f->instruments, with->instrument_capacity);
    f->head = latches;
    f->latches = latches;
    f->latch_lag = with->feed_capacity / 8 < LATCH_LAG ? (uint32_t)with->feed_capacity / 8 : LATCH_LAG;
    f->stages = tl_region_find(with->own, "stages", NULL);
    tl_counter *counters = tl_region_find(with->own, "counters", &counters_bytes);
    if (counters != NULL) {
        uint32_t capacity = (uint32_t)(counters_bytes / sizeof *counters);
        f->events = tl_counter_allot(counters, capacity, "feed.events");
        f->lost = tl_counter_allot(counters, capacity, "feed.gaps");
    }
    tl_status status = tl_channel_consumer(&f->source, out, in, with->market_capacity, sizeof(tl_event));
    return status == TL_OK ? tl_broadcast_attach_writer(&f->ring, feed, with->feed_capacity, sizeof(tl_event)) : status;
}

static void begin(tl_feed *f) {
    const tl_feed_market none = {.bid = TL_ABSENT,
                                 .ask = TL_ABSENT,
                                 .last_price = TL_ABSENT,
                                 .last_size = TL_ABSENT,
                                 .mark = TL_ABSENT,
                                 .index = TL_ABSENT};
    uint32_t latched = f->head->stride == stride() ? (uint32_t)f->head->count : 0;
    if (latched > f->instruments) latched = f->instruments;
    if (f->head->going_ring != 0 && f->ring.position >= f->head->going_ring)
        tl_slots_release_to(&f->source, f->head->going_source);
    f->head->going_ring = 0;
    f->taken = f->drawn = f->source.position;
    f->head->stride = stride();
    for (uint32_t i = 0; i < f->instruments; i++) {
        f->values[i] = none;
        tl_latch_init(latch_at(f->latches, f->head->stride, i), sizeof none);
        if (i >= latched) tl_latch_write(latch_at(f->latches, f->head->stride, i), &none);
    }
    if (latched > 0) recover(f, latched);
    __atomic_store_n(&f->head->count, f->instruments, __ATOMIC_RELEASE); /* pairs with the acquire of who reads latches */
    if (latched > 0 && f->ring.position > 0) tell_return(f, tl_runtime_clock_ns(f->with.clock));
}

tl_status tl_feed_create(const tl_feed_config *config, tl_feed **out) {
    tl_feed *f = calloc(1, sizeof *f);
    if (f == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a feed agent");
    f->with = *config;
    f->instruments = tl_instruments_count(config->instruments);
    f->last_market_ns = NEVER;
    f->last_due_ns = INT64_MIN;
    tl_status status = attach(f);
    size_t count = f->instruments > 0 ? f->instruments : 1;
    f->values = calloc(count, sizeof *f->values);
    f->markets = calloc(count, sizeof *f->markets);
    f->touched = calloc(count, sizeof *f->touched);
    f->due_ns = config->latency != NULL ? calloc(config->market_capacity, sizeof *f->due_ns) : NULL;
    if (status == TL_OK &&
        (f->values == NULL || f->markets == NULL || f->touched == NULL || (config->latency != NULL && f->due_ns == NULL)))
        status = tl_error_set(TL_ERR_NO_MEMORY, "no memory for the feed of %u instruments", f->instruments);
    if (status != TL_OK) {
        tl_feed_destroy(f);
        return status;
    }
    begin(f);
    *out = f;
    return TL_OK;
}

void tl_feed_destroy(tl_feed *f) {
    if (f == NULL) return;
    for (uint32_t i = 0; i < f->instruments && f->markets != NULL; i++)
        for (int side = 0; side < 2; side++)
            tl_levels_close(&f->markets[i].sides[side]);
    free(f->values);
    free(f->markets);
    free(f->touched);
    free(f->due_ns);
    free(f);
}

void tl_feed_agent(tl_feed *f, tl_agent *agent) {
    *agent = (tl_agent){.name = "feed", .state = f, .work = work, .next_ns = next_ns};
}
