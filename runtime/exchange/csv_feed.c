#include "exchange/csv_feed.h"

#include <stdlib.h>
#include <string.h>

#include "exchange/bar_fill.h"
#include "exchange/quote_fill.h"

enum { FIRST_BARS = 64, FIRST_ROWS = 256, NO_STAGE = TL_BAR_STAGES };

typedef struct ahead_bar {
    tl_event event;
    tl_event_tail tail;
} ahead_bar;

struct tl_csv_feed {
    tl_fill_models *models;
    tl_csv *csv;
    ahead_bar *bars;              /* ring of bars whose close is still to come */
    uint64_t begin;               /* of the ring */
    uint64_t end;                 /* behind the last bar that was read */
    uint64_t next[TL_BAR_STAGES]; /* the first bar that has not passed a stage */
    uint64_t mask;                /* of the ring */
    tl_event event;               /* not bars: the record read ahead */
    double *rows;                 /* outside data, row after row */
    uint64_t row_count;
    uint64_t row_capacity;
    int64_t last_ns;
    uint32_t input;
    int kind;
    bool ended;
};

static const int model_of_kind[] = {[TL_CSV_BARS] = TL_FILL_BARS,
                                    [TL_CSV_TRADES] = TL_FILL_TRADES,
                                    [TL_CSV_QUOTES] = TL_FILL_QUOTES,
                                    [TL_CSV_DEPTH] = TL_FILL_DEPTH,
                                    [TL_CSV_DATA] = TL_FILL_NONE};

static void note_model(tl_csv_feed *feed, uint32_t instrument) {
    tl_venue *v = feed->models->venue;
    if (instrument == (uint32_t)TL_NO_INSTRUMENT) return;
    tl_venue_ensure(v);
    if (v->of[instrument].model < model_of_kind[feed->kind]) v->of[instrument].model = (uint8_t)model_of_kind[feed->kind];
}

/* The next good row; bad ones are counted by the reader. False at the end. */
static bool read_row(tl_csv_feed *feed, tl_event *event, tl_event_tail *tail) {
    tl_status status;
    do
        status = tl_csv_next(feed->csv, event, tail);
    while (status == TL_ERR_FORMAT);
    if (status != TL_OK) return false;
    note_model(feed, event->instrument);
    return true;
}

static bool grow_ring(tl_csv_feed *feed) {
    uint64_t capacity = feed->bars != NULL ? (feed->mask + 1) * 2 : FIRST_BARS;
    ahead_bar *bars = malloc(capacity * sizeof *bars);
    if (bars == NULL) return false;
    for (uint64_t i = feed->begin; i < feed->end; i++)
        bars[i & (capacity - 1)] = feed->bars[i & feed->mask];
    free(feed->bars);
    feed->bars = bars;
    feed->mask = capacity - 1;
    return true;
}

/* Keeps a bar in the ring that has not opened, as long as there is one. */
static void read_bar_ahead(tl_csv_feed *feed) {
    if (feed->ended || feed->next[0] < feed->end) return;
    if ((feed->bars == NULL || feed->end - feed->begin > feed->mask) && !grow_ring(feed)) {
        feed->ended = true;
        return;
    }
    ahead_bar *bar = &feed->bars[feed->end & feed->mask];
    if (!read_row(feed, &bar->event, &bar->tail)) {
        feed->ended = true;
        return;
    }
    if (bar->tail.w[3] == TL_ABSENT || bar->tail.w[3] > bar->event.ts_ns) bar->tail.w[3] = bar->event.ts_ns - bar->tail.w[4];
    feed->end++;
}

static void keep_row(tl_csv_feed *feed) {
    uint32_t columns = tl_csv_columns(feed->csv);
    if (feed->row_count == feed->row_capacity) {
        uint64_t capacity = feed->row_capacity != 0 ? feed->row_capacity * 2 : FIRST_ROWS;
        double *rows = realloc(feed->rows, capacity * (columns > 0 ? columns : 1) * sizeof *rows);
        if (rows == NULL) return;
        feed->rows = rows;
        feed->row_capacity = capacity;
    }
    for (uint32_t i = 0; i < columns; i++)
        feed->rows[feed->row_count * columns + i] = tl_csv_value(feed->csv, i);
    feed->event.w[0] = feed->input;
    feed->event.w[1] = (int64_t)feed->row_count++;
}

static void read_ahead(tl_csv_feed *feed) {
    if (feed->kind == TL_CSV_BARS) {
        read_bar_ahead(feed);
        return;
    }
    tl_event_tail tail;
    if (!read_row(feed, &feed->event, &tail))
        feed->ended = true;
    else if (feed->kind == TL_CSV_DATA)
        keep_row(feed);
}

tl_status tl_csv_feed_create(tl_fill_models *models, tl_csv *csv, uint32_t input, tl_csv_feed **out) {
    tl_csv_feed *feed = calloc(1, sizeof *feed);
    if (feed == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a CSV input");
    feed->models = models;
    feed->csv = csv;
    feed->input = input;
    feed->kind = tl_csv_kind_of(csv);
    feed->last_ns = INT64_MIN;
    if (model_of_kind[feed->kind] > models->finest) models->finest = model_of_kind[feed->kind];
    read_ahead(feed);
    *out = feed;
    return TL_OK;
}

void tl_csv_feed_destroy(tl_csv_feed *feed) {
    if (feed == NULL) return;
    tl_csv_close(feed->csv);
    free(feed->bars);
    free(feed->rows);
    free(feed);
}

/* When a bar passes a point of its path: the extremes at a third and two thirds of its time. */
static int64_t time_of(const ahead_bar *bar, int stage) {
    int64_t opens = bar->tail.w[3], closes = bar->event.ts_ns;
    if (stage == 0) return opens;
    if (stage == TL_BAR_STAGES - 1) return closes;
    return opens + (closes - opens) / 3 * stage;
}

/* The stage that is next: at equal times the later stage of the earlier bar first. */
static int next_stage(const tl_csv_feed *feed, int64_t *at_ns) {
    int next = NO_STAGE;
    *at_ns = INT64_MAX;
    for (int stage = TL_BAR_STAGES - 1; stage >= 0; stage--) {
        if (feed->next[stage] == (stage > 0 ? feed->next[stage - 1] : feed->end)) continue;
        int64_t ts_ns = time_of(&feed->bars[feed->next[stage] & feed->mask], stage);
        if (ts_ns >= *at_ns) continue;
        next = stage;
        *at_ns = ts_ns;
    }
    return next;
}

int64_t tl_csv_feed_next_ns(const tl_csv_feed *feed, bool *late) {
    *late = false;
    int64_t ts_ns = INT64_MAX;
    if (feed->kind == TL_CSV_BARS) {
        int stage = next_stage(feed, &ts_ns);
        if (stage == NO_STAGE) return INT64_MAX;
        *late = stage == 0;
    } else if (!feed->ended) {
        ts_ns = feed->event.ts_ns;
    }
    return ts_ns > feed->last_ns ? ts_ns : feed->last_ns;
}

static void step_bar(tl_csv_feed *feed) {
    int64_t ts_ns;
    int stage = next_stage(feed, &ts_ns);
    if (stage == NO_STAGE) return;
    const ahead_bar *bar = &feed->bars[feed->next[stage] & feed->mask];
    feed->next[stage]++;
    if (feed->models->venue->of[bar->event.instrument].model == TL_FILL_BARS)
        tl_bar_fill_pass(feed->models, &bar->event, &bar->tail, stage);
    if (stage == TL_BAR_STAGES - 1) {
        tl_bar_fill_tell(feed->models, &bar->event, &bar->tail);
        feed->begin++;
    }
    read_bar_ahead(feed);
}

void tl_csv_feed_step(tl_csv_feed *feed) {
    bool late;
    feed->last_ns = tl_csv_feed_next_ns(feed, &late);
    if (feed->kind == TL_CSV_BARS) {
        step_bar(feed);
        return;
    }
    if (feed->ended) return;
    if (feed->kind == TL_CSV_DATA) {
        tl_venue *v = feed->models->venue;
        if (!v->quiet) {
            tl_event *event = tl_venue_event(v, TL_EVENT_DATA, feed->event.instrument);
            event->w[0] = feed->event.w[0];
            event->w[1] = feed->event.w[1];
        }
    } else if (feed->models->venue->of[feed->event.instrument].model != TL_FILL_ORDERS) {
        tl_quote_fill_event(feed->models, &feed->event);
    }
    read_ahead(feed);
}

const tl_csv *tl_csv_feed_reader(const tl_csv_feed *feed) {
    return feed->csv;
}

const double *tl_csv_feed_row(const tl_csv_feed *feed, uint64_t row) {
    return row < feed->row_count ? &feed->rows[row * tl_csv_columns(feed->csv)] : NULL;
}
