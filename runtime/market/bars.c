#include "market/bars.h"

#include <stdlib.h>
#include <string.h>

#include "market/date.h"

/* A bar in the making, or made. */
typedef struct bar {
    int64_t open_ns, close_ns; /* its place on the grid */
    int64_t open, high, low, close;
    tl_int128 volume;
    tl_int128 notional; /* sum of price x size */
    int64_t trades;
    bool there; /* it is in use */
    bool empty; /* nothing traded in it yet */
    bool volume_known, trades_known, notional_known;
} bar;

typedef struct series {
    uint32_t instrument;
    uint32_t next;  /* of the same instrument, + 1; 0 = none */
    uint32_t place; /* in the heap, + 1; 0 = not there */
    bool fill;
    int64_t interval_ns;
    int64_t from_ns; /* the shortest that it was fed: 0 trades, else bars of that length */
    bar ready;       /* closed by a trade at its very close, not yet taken */
    bar now;
} series;

/* The heap orders series by what comes next: close, interval, order of asking. */
struct tl_bars {
    const tl_instruments *instruments;
    const tl_calendars *calendars;
    series *all;
    uint32_t *heap;
    uint32_t count, capacity, heap_count;
    uint32_t *first; /* series of an instrument, + 1 */
    uint32_t first_count;
    bool round_open; /* bars of the close below were taken, and their BARS record was not */
    int64_t round_close_ns, round_interval_ns;
};

tl_bars *tl_bars_create(const tl_instruments *instruments, const tl_calendars *calendars) {
    tl_bars *bars = calloc(1, sizeof *bars);
    if (bars == NULL) return NULL;
    bars->instruments = instruments;
    bars->calendars = calendars;
    return bars;
}

void tl_bars_destroy(tl_bars *bars) {
    if (bars == NULL) return;
    free(bars->all);
    free(bars->heap);
    free(bars->first);
    free(bars);
}

static tl_status no_memory(void) {
    return tl_error_set(TL_ERR_NO_MEMORY, "no memory for bars");
}

tl_status tl_bars_ask(tl_bars *bars, uint32_t instrument, int64_t interval_ns, bool fill) {
    if (instrument >= tl_instruments_count(bars->instruments))
        return tl_error_set(TL_ERR_ARGUMENT, "bars: there is no instrument %u; there are %u", instrument,
                            tl_instruments_count(bars->instruments));
    if (interval_ns <= 0 || interval_ns > TL_NS_PER_DAY)
        return tl_error_set(TL_ERR_ARGUMENT, "bars of %lld ns: an interval is longer than 0 and at most a day (%lld ns)",
                            (long long)interval_ns, (long long)TL_NS_PER_DAY);
    if (instrument >= bars->first_count) {
        uint32_t grown = bars->first_count ? bars->first_count : 64;
        while (grown <= instrument)
            grown *= 2;
        uint32_t *first = realloc(bars->first, grown * sizeof *first);
        if (first == NULL) return no_memory();
        memset(first + bars->first_count, 0, (grown - bars->first_count) * sizeof *first);
        bars->first = first;
        bars->first_count = grown;
    }
    if (bars->count == bars->capacity) {
        uint32_t grown = bars->capacity ? bars->capacity * 2 : 16;
        uint32_t *heap = realloc(bars->heap, grown * sizeof *heap);
        if (heap == NULL) return no_memory();
        bars->heap = heap;
        series *all = realloc(bars->all, grown * sizeof *all);
        if (all == NULL) return no_memory();
        bars->all = all;
        bars->capacity = grown;
    }
    uint32_t *link = &bars->first[instrument];
    for (; *link != 0; link = &bars->all[*link - 1].next)
        if (bars->all[*link - 1].interval_ns == interval_ns) {
            bars->all[*link - 1].fill |= fill;
            return TL_OK;
        }
    bars->all[bars->count] =
        (series){.instrument = instrument, .interval_ns = interval_ns, .from_ns = INT64_MAX, .fill = fill};
    *link = ++bars->count;
    return TL_OK;
}

static int64_t close_of(const series *s) {
    return s->ready.there ? s->ready.close_ns : s->now.close_ns;
}

static bool before(const tl_bars *bars, uint32_t a, uint32_t b) {
    const series *x = &bars->all[a], *y = &bars->all[b];
    int64_t xc = close_of(x), yc = close_of(y);
    if (xc != yc) return xc < yc;
    if (x->interval_ns != y->interval_ns) return x->interval_ns < y->interval_ns;
    return a < b;
}

static void put(tl_bars *bars, uint32_t place, uint32_t id) {
    bars->heap[place] = id;
    bars->all[id].place = place + 1;
}

static void sift(tl_bars *bars, uint32_t place) {
    uint32_t id = bars->heap[place];
    while (place > 0 && before(bars, id, bars->heap[(place - 1) / 2])) {
        put(bars, place, bars->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= bars->heap_count) break;
        if (child + 1 < bars->heap_count && before(bars, bars->heap[child + 1], bars->heap[child])) child++;
        if (!before(bars, bars->heap[child], id)) break;
        put(bars, place, bars->heap[child]);
        place = child;
    }
    put(bars, place, id);
}

/* Puts a series where its next close belongs, or out of the heap when it has none. */
static void place(tl_bars *bars, uint32_t id) {
    series *s = &bars->all[id];
    if (s->ready.there || s->now.there) {
        if (s->place == 0) {
            put(bars, bars->heap_count, id);
            bars->heap_count++;
        }
        sift(bars, s->place - 1);
    } else if (s->place != 0) {
        uint32_t hole = s->place - 1, last = bars->heap[--bars->heap_count];
        s->place = 0;
        if (last == id) return;
        put(bars, hole, last);
        sift(bars, hole);
    }
}

/* The bar on the grid that holds an instant. False when none does: outside the regular hours there is no daily bar. */
static bool grid(const tl_bars *bars, const series *s, int64_t at_ns, int64_t *open_ns, int64_t *close_ns) {
    uint32_t calendar = tl_instruments_at(bars->instruments, s->instrument)->calendar;
    uint32_t date = tl_calendars_date(bars->calendars, calendar, at_ns);
    if (s->interval_ns == TL_NS_PER_DAY) {
        tl_session session;
        bool inside;
        bool found = tl_calendars_session_at(bars->calendars, calendar, at_ns, &session, &inside) && inside;
        if (!found && !tl_calendars_hours(bars->calendars, calendar, date, &session)) return false;
        *open_ns = session.open_ns;
        *close_ns = session.close_ns;
        return at_ns >= *open_ns && at_ns < *close_ns;
    }
    int64_t midnight = tl_calendars_instant(bars->calendars, calendar, date, 0);
    int64_t next = tl_calendars_instant(bars->calendars, calendar, tl_date_add(date, 1), 0);
    *open_ns = midnight + (at_ns - midnight) / s->interval_ns * s->interval_ns;
    *close_ns = next - *open_ns < s->interval_ns ? next : *open_ns + s->interval_ns;
    return at_ns >= midnight && at_ns < next;
}

static void begin(bar *b, int64_t open_ns, int64_t close_ns) {
    *b = (bar){.open_ns = open_ns,
               .close_ns = close_ns,
               .there = true,
               .empty = true,
               .volume_known = true,
               .trades_known = true,
               .notional_known = true};
}

/* The bar in the making that takes what happens at `at_ns`; NULL when no bar does. */
static bar *bar_at(tl_bars *bars, uint32_t id, int64_t at_ns) {
    series *s = &bars->all[id];
    if (TL_LIKELY(s->now.there && at_ns >= s->now.open_ns && at_ns < s->now.close_ns)) return &s->now;
    int64_t open_ns, close_ns;
    if (!grid(bars, s, at_ns, &open_ns, &close_ns)) return NULL;
    if (s->now.there && at_ns >= s->now.close_ns) s->ready = s->now;
    int64_t last = s->now.close;
    begin(&s->now, open_ns, close_ns);
    s->now.close = last;
    place(bars, id);
    return &s->now;
}

static void add(bar *b, const int64_t *prices, int64_t volume, int64_t trades, int64_t vwap) {
    if (b->empty) {
        b->open = prices[0];
        b->high = prices[1];
        b->low = prices[2];
        b->empty = false;
    }
    if (prices[1] > b->high) b->high = prices[1];
    if (prices[2] < b->low) b->low = prices[2];
    b->close = prices[3];
    if (volume == TL_ABSENT)
        b->volume_known = b->notional_known = false;
    else if (volume > 0) {
        b->volume += volume;
        tl_int128 value;
        if (vwap == TL_ABSENT || __builtin_mul_overflow((tl_int128)vwap, volume, &value) ||
            __builtin_add_overflow(b->notional, value, &b->notional))
            b->notional_known = false;
    }
    if (trades == TL_ABSENT || __builtin_add_overflow(b->trades, trades, &b->trades)) b->trades_known = false;
}

void tl_bars_feed(tl_bars *bars, const tl_event *event, const tl_event_tail *tail) {
    if (event->instrument >= bars->first_count) return;
    if (event->kind == TL_EVENT_TRADE) {
        const int64_t prices[4] = {event->w[0], event->w[0], event->w[0], event->w[0]};
        for (uint32_t i = bars->first[event->instrument]; i != 0; i = bars->all[i - 1].next) {
            bars->all[i - 1].from_ns = 0;
            bar *b = bar_at(bars, i - 1, event->ts_ns);
            if (b != NULL) add(b, prices, event->w[1], 1, event->w[0]);
        }
    } else if (event->kind == TL_EVENT_BAR) {
        /* A bar belongs where its last instant does. */
        for (uint32_t i = bars->first[event->instrument]; i != 0; i = bars->all[i - 1].next) {
            series *s = &bars->all[i - 1];
            if (s->interval_ns <= tail->w[4] || tail->w[4] > s->from_ns) continue;
            s->from_ns = tail->w[4];
            bar *b = bar_at(bars, i - 1, event->ts_ns - 1);
            if (b != NULL) add(b, event->w, tail->w[0], tail->w[1], tail->w[2]);
        }
    }
}

/* The head of a state; the series follow. */
typedef struct bars_state {
    int64_t round_close_ns, round_interval_ns;
    uint32_t count;
    uint32_t round_open;
    uint64_t reserved; /* series hold 128-bit numbers */
} bars_state;

uint64_t tl_bars_state_bytes(const tl_bars *bars) {
    return sizeof(bars_state) + bars->count * sizeof(series);
}

void tl_bars_state(const tl_bars *bars, void *into) {
    bars_state head = {.round_close_ns = bars->round_close_ns,
                       .round_interval_ns = bars->round_interval_ns,
                       .count = bars->count,
                       .round_open = bars->round_open};
    memcpy(into, &head, sizeof head);
    if (bars->count > 0) memcpy((char *)into + sizeof head, bars->all, bars->count * sizeof *bars->all);
}

tl_status tl_bars_restore(tl_bars *bars, const void *state, uint64_t bytes) {
    bars_state head;
    if (bytes < sizeof head) return tl_error_set(TL_ERR_FORMAT, "a state of bars of %llu bytes", (unsigned long long)bytes);
    memcpy(&head, state, sizeof head);
    if (head.count != bars->count || bytes != tl_bars_state_bytes(bars))
        return tl_error_set(TL_ERR_FORMAT, "a state of %u series of bars, and %u were asked for", head.count, bars->count);
    for (uint32_t i = 0; i < head.count; i++) {
        series from, *to = &bars->all[i];
        memcpy(&from, (const char *)state + sizeof head + i * sizeof from, sizeof from);
        if (from.instrument != to->instrument || from.interval_ns != to->interval_ns)
            return tl_error_set(TL_ERR_FORMAT, "a state of other series of bars");
        to->from_ns = from.from_ns;
        to->ready = from.ready;
        to->now = from.now;
        place(bars, i);
    }
    bars->round_open = head.round_open;
    bars->round_close_ns = head.round_close_ns;
    bars->round_interval_ns = head.round_interval_ns;
    return TL_OK;
}

int64_t tl_bars_next_close_ns(const tl_bars *bars) {
    return bars->heap_count == 0 ? INT64_MAX : close_of(&bars->all[bars->heap[0]]);
}

int64_t tl_bars_last_close_ns(const tl_bars *bars) {
    int64_t last_ns = INT64_MIN;
    for (uint32_t i = 0; i < bars->count; i++) {
        const bar *now = &bars->all[i].now;
        if (now->there && !now->empty && now->close_ns > last_ns) last_ns = now->close_ns;
    }
    return last_ns;
}

/* Goes on with an empty bar at the last close: the next on the grid within a session's hours. */
static void fill_next(tl_bars *bars, series *s, const bar *last) {
    uint32_t calendar = tl_instruments_at(bars->instruments, s->instrument)->calendar;
    tl_session session;
    bool inside;
    int64_t at_ns = last->close_ns, open_ns, close_ns;
    if (!tl_calendars_session_at(bars->calendars, calendar, at_ns, &session, &inside)) return;
    if (at_ns >= session.close_ns && !tl_calendars_next(bars->calendars, calendar, at_ns, &session)) return;
    if (at_ns < session.open_ns) at_ns = session.open_ns;
    if (!grid(bars, s, at_ns, &open_ns, &close_ns)) return;
    begin(&s->now, open_ns, close_ns);
    s->now.open = s->now.high = s->now.low = s->now.close = last->close;
}

static void show(const series *s, const bar *b, tl_event *event, tl_event_tail *tail) {
    *event = (tl_event){.ts_ns = b->close_ns,
                        .instrument = s->instrument,
                        .kind = TL_EVENT_BAR,
                        .source = TL_SOURCE_BAR,
                        .w = {b->open, b->high, b->low, b->close}};
    bool volume = b->volume_known && b->volume <= INT64_MAX;
    *tail = (tl_event_tail){
        .w = {volume ? (int64_t)b->volume : TL_ABSENT, b->trades_known ? b->trades : TL_ABSENT,
              b->notional_known && b->volume > 0 ? (int64_t)tl_divide_half_even(b->notional, b->volume) : TL_ABSENT,
              b->open_ns, s->interval_ns}};
}

bool tl_bars_take(tl_bars *bars, int64_t now_ns, tl_event *event, tl_event_tail *tail) {
    series *s = bars->heap_count == 0 ? NULL : &bars->all[bars->heap[0]];
    bool due = s != NULL && close_of(s) <= now_ns;
    if (bars->round_open && !(due && close_of(s) == bars->round_close_ns && s->interval_ns == bars->round_interval_ns)) {
        bars->round_open = false;
        *event = (tl_event){.ts_ns = bars->round_close_ns,
                            .instrument = (uint32_t)TL_NO_INSTRUMENT,
                            .kind = TL_EVENT_BARS,
                            .source = TL_SOURCE_BAR,
                            .w = {bars->round_interval_ns, bars->round_close_ns}};
        return true;
    }
    if (!due) return false;
    bar taken = s->ready.there ? s->ready : s->now;
    if (s->ready.there)
        s->ready.there = false;
    else {
        s->now.there = false;
        if (s->fill) fill_next(bars, s, &taken);
    }
    show(s, &taken, event, tail);
    bars->round_open = true;
    bars->round_close_ns = taken.close_ns;
    bars->round_interval_ns = s->interval_ns;
    place(bars, bars->heap[0]);
    return true;
}
