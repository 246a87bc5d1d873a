#include "script/kept.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_OF_A_KIND = 256,
    FIRST_POINTS = 1024,
    FORMATS = 1024,
    BURST = 1000,
    PER_SECOND = 100,
    NS_A_LINE = 1000000000 / PER_SECOND
};

/* A token bucket for one format; different formats may share one, which only limits them together. */
typedef struct line_limit {
    int64_t refilled_ns;
    uint64_t held_back;
    int64_t tokens_ns; /* credit, in ns: a line costs NS_A_LINE */
} line_limit;

struct tl_kept {
    tl_kept_line *lines;
    uint64_t line_count;
    line_limit limits[FORMATS];
    tl_kept_series series[MAX_OF_A_KIND];
    tl_kept_result results[MAX_OF_A_KIND];
    tl_kept_metric metrics[MAX_OF_A_KIND];
    uint32_t series_count;
    uint32_t result_count;
    uint32_t metric_count;
};

tl_kept *tl_kept_create(void) {
    tl_kept *kept = calloc(1, sizeof *kept);
    if (!kept) return NULL;
    kept->lines = calloc(TL_KEPT_LINES, sizeof *kept->lines);
    if (!kept->lines) {
        free(kept);
        return NULL;
    }
    for (uint32_t i = 0; i < FORMATS; i++)
        kept->limits[i] = (line_limit){.refilled_ns = INT64_MIN, .tokens_ns = (int64_t)BURST * NS_A_LINE};
    return kept;
}

void tl_kept_destroy(tl_kept *kept) {
    if (!kept) return;
    for (uint32_t i = 0; i < kept->series_count; i++) {
        free(kept->series[i].ts_ns);
        free(kept->series[i].values);
    }
    free(kept->lines);
    free(kept);
}

bool tl_kept_log_allowed(tl_kept *kept, uint32_t format, int64_t ts_ns, uint64_t *held_back) {
    line_limit *limit = &kept->limits[format % FORMATS];
    if (limit->refilled_ns != INT64_MIN && ts_ns > limit->refilled_ns) {
        /* Unsigned: two instants may lie further apart than an int64 counts. */
        uint64_t room = (uint64_t)BURST * NS_A_LINE - (uint64_t)limit->tokens_ns,
                 gained = (uint64_t)ts_ns - (uint64_t)limit->refilled_ns;
        limit->tokens_ns += (int64_t)(gained < room ? gained : room);
    }
    limit->refilled_ns = ts_ns;
    if (limit->tokens_ns < NS_A_LINE) {
        limit->held_back++;
        return false;
    }
    limit->tokens_ns -= NS_A_LINE;
    *held_back = limit->held_back;
    limit->held_back = 0;
    return true;
}

const tl_kept_line *tl_kept_log(tl_kept *kept, int level, int64_t ts_ns, const char *text) {
    tl_kept_line *line = &kept->lines[kept->line_count++ % TL_KEPT_LINES];
    size_t length = strnlen(text, TL_KEPT_LINE_BYTES - 1);
    line->ts_ns = ts_ns;
    line->level = level;
    memcpy(line->text, text, length);
    line->text[length] = 0;
    return line;
}

uint64_t tl_kept_lines(const tl_kept *kept) {
    return kept->line_count;
}

const tl_kept_line *tl_kept_line_at(const tl_kept *kept, uint64_t i) {
    if (i >= kept->line_count || kept->line_count - i > TL_KEPT_LINES) return NULL;
    return &kept->lines[i % TL_KEPT_LINES];
}

static bool name_fits(const char *what, const char *name) {
    if (name[0] != 0 && strlen(name) < TL_KEPT_NAME_BYTES) return true;
    tl_error_set(TL_ERR_ARGUMENT, "a %s's name has 1 to %d bytes, and '%.80s' has %zu", what, TL_KEPT_NAME_BYTES - 1, name,
                 strlen(name));
    return false;
}

static int32_t room_for(const char *what, const char *name, uint32_t *count) {
    if (!name_fits(what, name)) return -1;
    if (*count == MAX_OF_A_KIND) {
        tl_error_set(TL_ERR_LIMIT, "%s '%s': a strategy has at most %d", what, name, MAX_OF_A_KIND);
        return -1;
    }
    return (int32_t)(*count)++;
}

int32_t tl_kept_series_open(tl_kept *kept, const char *name, const char *pane) {
    for (uint32_t i = 0; i < kept->series_count; i++)
        if (strcmp(kept->series[i].name, name) == 0) return (int32_t)i;
    if (!name_fits("pane", pane)) return -1;
    int32_t i = room_for("series", name, &kept->series_count);
    if (i < 0) return i;
    strcpy(kept->series[i].name, name);
    strcpy(kept->series[i].pane, pane);
    return i;
}

tl_status tl_kept_series_push(tl_kept *kept, int32_t series, int64_t ts_ns, double value) {
    if (series < 0 || (uint32_t)series >= kept->series_count) return tl_error_set(TL_ERR_ARGUMENT, "no series %d", series);
    tl_kept_series *s = &kept->series[series];
    if (s->count == s->capacity) {
        uint64_t grown = s->capacity ? s->capacity * 2 : FIRST_POINTS;
        int64_t *ts = realloc(s->ts_ns, grown * sizeof *ts);
        if (ts) s->ts_ns = ts;
        double *values = realloc(s->values, grown * sizeof *values);
        if (values) s->values = values;
        if (!ts || !values)
            return tl_error_set(TL_ERR_NO_MEMORY, "series %s: no memory for %llu points", s->name,
                                (unsigned long long)grown);
        s->capacity = grown;
    }
    s->ts_ns[s->count] = ts_ns;
    s->values[s->count++] = value;
    return TL_OK;
}

int32_t tl_kept_result_set(tl_kept *kept, const char *name, int kind, double value, const char *text) {
    uint32_t i = 0;
    while (i < kept->result_count && strcmp(kept->results[i].name, name) != 0)
        i++;
    if (i == kept->result_count) {
        if (room_for("result", name, &kept->result_count) < 0) return -1;
        strcpy(kept->results[i].name, name);
    }
    tl_kept_result *result = &kept->results[i];
    size_t length = strnlen(text, sizeof result->text - 1);
    memcpy(result->text, text, length);
    result->text[length] = 0;
    result->kind = kind;
    result->value = value;
    return (int32_t)i;
}

int32_t tl_kept_metric_open(tl_kept *kept, const char *name, int kind) {
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (uint32_t i = 0; i < kept->metric_count; i++)
        if (strcmp(kept->metrics[i].name, name) == 0) {
            if (kept->metrics[i].kind == kind) return (int32_t)i;
            tl_error_set(TL_ERR_EXISTS, "metric '%s' is a %s already, and no %s", name, kinds[kept->metrics[i].kind],
                         kinds[kind]);
            return -1;
        }
    int32_t i = room_for("metric", name, &kept->metric_count);
    if (i < 0) return i;
    strcpy(kept->metrics[i].name, name);
    kept->metrics[i].kind = kind;
    return i;
}

static tl_kept_metric *metric_of(tl_kept *kept, int32_t metric, int kind) {
    if (metric < 0 || (uint32_t)metric >= kept->metric_count || kept->metrics[metric].kind != kind) return NULL;
    return &kept->metrics[metric];
}

void tl_kept_metric_add(tl_kept *kept, int32_t metric, double value) {
    tl_kept_metric *m = metric_of(kept, metric, TL_METRIC_COUNTER);
    if (!m) return;
    m->value += value;
    m->count++;
}

void tl_kept_metric_set(tl_kept *kept, int32_t metric, double value) {
    tl_kept_metric *m = metric_of(kept, metric, TL_METRIC_GAUGE);
    if (!m) return;
    m->value = value;
    m->count++;
}

void tl_kept_metric_observe(tl_kept *kept, int32_t metric, double value) {
    tl_kept_metric *m = metric_of(kept, metric, TL_METRIC_HISTOGRAM);
    if (!m) return;
    int exponent = 0;
    if (value > 0 && !isinf(value)) frexp(value, &exponent);
    int bucket = value > 0 ? (isinf(value) ? TL_KEPT_BOUNDS - 1 : exponent - 1 + TL_KEPT_BOUNDS / 2) : 0;
    if (bucket < 0) bucket = 0;
    if (bucket >= TL_KEPT_BOUNDS) bucket = TL_KEPT_BOUNDS - 1;
    m->buckets[bucket]++;
    m->value += value;
    m->count++;
}

void tl_kept_metric_restore(tl_kept *kept, const tl_kept_metric *metric) {
    int32_t i = tl_kept_metric_open(kept, metric->name, metric->kind);
    if (i >= 0) kept->metrics[i] = *metric;
}

uint32_t tl_kept_series_count(const tl_kept *kept) {
    return kept->series_count;
}

const tl_kept_series *tl_kept_series_at(const tl_kept *kept, uint32_t i) {
    return i < kept->series_count ? &kept->series[i] : NULL;
}

uint32_t tl_kept_result_count(const tl_kept *kept) {
    return kept->result_count;
}

const tl_kept_result *tl_kept_result_at(const tl_kept *kept, uint32_t i) {
    return i < kept->result_count ? &kept->results[i] : NULL;
}

uint32_t tl_kept_metric_count(const tl_kept *kept) {
    return kept->metric_count;
}

const tl_kept_metric *tl_kept_metric_at(const tl_kept *kept, uint32_t i) {
    return i < kept->metric_count ? &kept->metrics[i] : NULL;
}
