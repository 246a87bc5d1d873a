#include "script/view.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "memory/vmem.h"

enum { MAX_INSTRUMENTS = 65536, FIRST_LEVELS = 64, MAX_INTERVALS = 8 };

struct tl_view {
    const tl_instruments *instruments;
    tl_view_instrument *records; /* in reserved memory: never moves */
    tl_vmem memory;
    uint32_t count;
    tl_view_bars *kept; /* chained by instrument */
    uint32_t kept_count;
    uint32_t kept_capacity;
};

static double shown(int64_t mantissa) {
    return mantissa == TL_ABSENT ? NAN : (double)mantissa;
}

tl_view *tl_view_create(const tl_instruments *instruments) {
    tl_view *view = calloc(1, sizeof *view);
    if (!view) return NULL;
    view->instruments = instruments;
    if (tl_vmem_reserve(&view->memory, MAX_INSTRUMENTS * sizeof(tl_view_instrument)) != TL_OK) {
        free(view);
        return NULL;
    }
    view->records = view->memory.base;
    if (tl_view_ensure(view) != TL_OK) {
        tl_view_destroy(view);
        return NULL;
    }
    return view;
}

void tl_view_destroy(tl_view *view) {
    if (!view) return;
    for (uint32_t i = 0; i < view->count; i++)
        for (int side = 0; side < 2; side++)
            free(view->records[i].sides[side].levels);
    for (uint32_t i = 0; i < view->kept_count; i++)
        free(view->kept[i].bars);
    free(view->kept);
    tl_vmem_release(&view->memory);
    free(view);
}

tl_status tl_view_ensure(tl_view *view) {
    uint32_t count = tl_instruments_count(view->instruments);
    if (count > MAX_INSTRUMENTS)
        return tl_error_set(TL_ERR_LIMIT, "%u instruments, and a strategy's view holds %d", count, MAX_INSTRUMENTS);
    for (; view->count < count; view->count++) {
        uint32_t id = view->count;
        const tl_instrument *instrument = tl_instruments_at(view->instruments, id);
        tl_view_instrument *r = &view->records[id];
        memset(r, 0, sizeof *r);
        r->price_unit = tl_power_of_ten(-instrument->price_exponent);
        r->size_unit = tl_power_of_ten(-instrument->quantity_exponent);
        r->last_price = TL_ABSENT;
        r->quote = (tl_shown_quote){.bid_n = NAN,
                                    .ask_n = NAN,
                                    .bid_size_n = NAN,
                                    .ask_size_n = NAN,
                                    .price_unit = r->price_unit,
                                    .size_unit = r->size_unit,
                                    .instrument_n = id,
                                    .live_n = 1};
        r->book = (tl_shown_book){.price_unit = r->price_unit, .size_unit = r->size_unit, .instrument_n = id, .live_n = 1};
        r->position = (tl_shown_position){.mark_n = NAN,
                                          .multiplier = (double)instrument->multiplier_e8 / 1e8,
                                          .price_unit = r->price_unit,
                                          .size_unit = r->size_unit,
                                          .instrument_n = id,
                                          .live_n = 1};
    }
    return TL_OK;
}

tl_view_instrument *tl_view_at(tl_view *view, uint32_t instrument) {
    return &view->records[instrument];
}

tl_status tl_view_keep_bars(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t capacity) {
    if (tl_view_bars_of(view, instrument, interval_ns)) return TL_OK;
    if (view->kept_count == view->kept_capacity) {
        uint32_t grown = view->kept_capacity ? view->kept_capacity * 2 : MAX_INTERVALS;
        tl_view_bars *kept = realloc(view->kept, grown * sizeof *kept);
        if (!kept) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u series of bars", grown);
        view->kept = kept;
        view->kept_capacity = grown;
    }
    uint32_t size = 16;
    while (size < capacity)
        size *= 2;
    tl_shown_bar *bars = calloc(size, sizeof *bars);
    if (!bars) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u bars", size);
    view->kept[view->kept_count++] = (tl_view_bars){.interval_ns = interval_ns,
                                                    .mask = size - 1,
                                                    .instrument = instrument,
                                                    .next = view->records[instrument].kept_bars,
                                                    .bars = bars};
    view->records[instrument].kept_bars = view->kept_count;
    return TL_OK;
}

tl_view_bars *tl_view_bars_of(tl_view *view, uint32_t instrument, int64_t interval_ns) {
    for (uint32_t i = view->records[instrument].kept_bars; i != 0; i = view->kept[i - 1].next)
        if (view->kept[i - 1].interval_ns == interval_ns) return &view->kept[i - 1];
    return NULL;
}

enum { MAX_BARS = 1 << 20 };

static void grow_bars(tl_view_bars *bars, uint32_t wanted) {
    uint32_t size = bars->mask + 1;
    while (size < wanted)
        size *= 2;
    tl_shown_bar *grown = calloc(size, sizeof *grown);
    if (!grown) return; /* fewer bars are shown, which the caller sees from the count */
    uint64_t kept = bars->total < bars->mask + 1 ? bars->total : bars->mask + 1;
    for (uint64_t i = bars->total - kept; i < bars->total; i++)
        grown[i & (size - 1)] = bars->bars[i & bars->mask];
    free(bars->bars);
    bars->bars = grown;
    bars->mask = size - 1;
}

uint32_t tl_view_bars_count(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t wanted) {
    tl_view_bars *bars = tl_view_bars_of(view, instrument, interval_ns);
    if (!bars) return 0;
    if (wanted > bars->mask + 1 && wanted <= MAX_BARS) grow_bars(bars, wanted);
    uint64_t there = bars->total < bars->mask + 1 ? bars->total : bars->mask + 1;
    return wanted < there ? wanted : (uint32_t)there;
}

const tl_shown_bar *tl_view_bar(tl_view *view, uint32_t instrument, int64_t interval_ns, uint32_t count, int64_t i) {
    const tl_view_bars *bars = tl_view_bars_of(view, instrument, interval_ns);
    if (!bars || i == 0 || i > (int64_t)count || i < -(int64_t)count || count > bars->total || count > bars->mask + 1)
        return NULL;
    uint64_t at = i > 0 ? bars->total - count + (uint64_t)(i - 1) : bars->total - (uint64_t)-i;
    return &bars->bars[at & bars->mask];
}

/* Levels are sorted with the best last: bids ascending, asks descending. Activity is near the best, so the search starts there. */
void tl_view_apply_level(tl_view_instrument *r, const tl_event *event) {
    int ask = event->w[3] == TL_SIDE_SELL;
    tl_view_side *side = &r->sides[ask];
    int64_t price = event->w[0], size = event->w[1];
    uint32_t i = side->count;
    if (ask)
        while (i > 0 && side->levels[i - 1].price < price)
            i--;
    else
        while (i > 0 && side->levels[i - 1].price > price)
            i--;
    bool there = i > 0 && side->levels[i - 1].price == price;
    if (size == 0) {
        if (!there) return;
        memmove(&side->levels[i - 1], &side->levels[i], (side->count - i) * sizeof *side->levels);
        side->count--;
    } else if (there) {
        side->levels[i - 1].size = size;
        side->levels[i - 1].count = (uint32_t)event->w[2];
    } else {
        if (side->count == side->capacity) {
            uint32_t grown = side->capacity ? side->capacity * 2 : FIRST_LEVELS;
            tl_view_level *levels = realloc(side->levels, grown * sizeof *levels);
            if (!levels) return; /* the deepest level is not kept: the book stays sorted and usable */
            side->levels = levels;
            side->capacity = grown;
        }
        memmove(&side->levels[i + 1], &side->levels[i], (side->count - i) * sizeof *side->levels);
        side->levels[i] = (tl_view_level){.price = price, .size = size, .count = (uint32_t)event->w[2]};
        side->count++;
    }
    if (ask)
        r->book.asks_n = side->count;
    else
        r->book.bids_n = side->count;
    r->book.at_ns = event->ts_ns;
    r->book.received_ns = event->ts_recv_ns;
    r->book.sequence_n = (double)event->sequence;
}

/* Values positions as the gateway does: at the venue's own mark where it sends one, else at the middle of the quote, else at the last price. A quote so wide
 * that its middle says nothing (the stub quotes before an opening) is none. */
static inline void value(tl_view_instrument *r) {
    if (r->marked) return;
    double sum = r->quote.bid_n + r->quote.ask_n, spread = r->quote.ask_n - r->quote.bid_n;
    if (spread <= sum / 4 || (r->last_price == TL_ABSENT && !isnan(sum)))
        r->position.mark_n = sum / 2;
    else if (r->last_price != TL_ABSENT)
        r->position.mark_n = (double)r->last_price;
}

void tl_view_show_bar(const tl_view_instrument *r, const tl_event *event, const tl_event_tail *tail, tl_shown_bar *bar) {
    *bar = (tl_shown_bar){
        .sequence_n = (double)event->sequence,
        .open_n = shown(event->w[0]),
        .high_n = shown(event->w[1]),
        .low_n = shown(event->w[2]),
        .close_n = shown(event->w[3]),
        .volume_n = shown(tail->w[0]),
        .trades_n = shown(tail->w[1]),
        .vwap_n = shown(tail->w[2]),
        .price_unit = r->price_unit,
        .size_unit = r->size_unit,
        .at_ns = event->ts_ns,
        .received_ns = event->ts_recv_ns,
        .opened_ns = tail->w[3],
        .interval_ns = tail->w[4],
        .instrument_n = event->instrument,
        .live_n = 1,
    };
}

static void apply_bar(tl_view *view, const tl_event *event, const tl_event_tail *tail) {
    tl_view_instrument *r = &view->records[event->instrument];
    if (event->w[3] != TL_ABSENT) r->last_price = event->w[3];
    value(r);
    tl_view_bars *bars = tl_view_bars_of(view, event->instrument, tail->w[4]);
    if (!bars) return;
    tl_view_show_bar(r, event, tail, &bars->bars[bars->total++ & bars->mask]);
}

void tl_view_apply(tl_view *view, const tl_event *event, const tl_event_tail *tail) {
    tl_view_instrument *r = &view->records[event->instrument];
    switch (event->kind) {
    case TL_EVENT_QUOTE: {
        tl_shown_quote *q = &r->quote;
        int64_t bid = event->w[0], ask = event->w[1];
        q->sequence_n = (double)event->sequence;
        q->at_ns = event->ts_ns;
        q->received_ns = event->ts_recv_ns;
        q->bid_n = shown(bid);
        q->ask_n = shown(ask);
        q->bid_size_n = bid == TL_ABSENT ? NAN : shown(event->w[2]);
        q->ask_size_n = ask == TL_ABSENT ? NAN : shown(event->w[3]);
        value(r);
        break;
    }
    case TL_EVENT_TRADE:
        if (event->w[0] != TL_ABSENT) r->last_price = event->w[0];
        value(r);
        break;
    case TL_EVENT_LEVEL:
        tl_view_apply_level(r, event);
        break;
    case TL_EVENT_BAR:
        apply_bar(view, event, tail);
        break;
    case TL_EVENT_STATUS:
        r->state = (uint8_t)event->w[0];
        break;
    case TL_EVENT_FEED:
        r->stale = event->w[0] == 0;
        break;
    case TL_EVENT_MARK:
        if (event->w[0] == TL_ABSENT) break;
        r->position.mark_n = (double)event->w[0];
        r->marked = 1;
        break;
    default:
        break;
    }
}

bool tl_view_book_level(tl_view *view, uint32_t instrument, int side, uint32_t i, tl_view_level *level) {
    const tl_view_side *s = &view->records[instrument].sides[side == TL_SIDE_SELL];
    if (i >= s->count) return false;
    *level = s->levels[s->count - 1 - i];
    return true;
}

void tl_view_book_walk(tl_view *view, uint32_t instrument, int side, double quantity_n, double *price_n, double *found_n) {
    const tl_view_side *s = &view->records[instrument].sides[side == TL_SIDE_BUY];
    double left = quantity_n, value = 0;
    for (uint32_t i = s->count; i > 0 && left > 0; i--) {
        const tl_view_level *level = &s->levels[i - 1];
        double take = (double)level->size < left ? (double)level->size : left;
        value += take * (double)level->price;
        left -= take;
    }
    *found_n = quantity_n - left;
    *price_n = *found_n > 0 ? value / *found_n : NAN;
}

double tl_view_book_size(tl_view *view, uint32_t instrument, int side, uint32_t n) {
    const tl_view_side *s = &view->records[instrument].sides[side == TL_SIDE_SELL];
    double sum = 0;
    for (uint32_t i = s->count; i > 0 && n > 0; i--, n--)
        sum += (double)s->levels[i - 1].size;
    return sum;
}
