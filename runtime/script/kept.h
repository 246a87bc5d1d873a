/* What a strategy leaves behind besides orders: log lines, recorded series and results, metrics.
 *
 * Log lines are kept in a ring of the last 1,024 and passed on to the host's owner at once; lines of one format are limited to a burst of 1,000 and then
 * 100 a second of runtime time, and what was held back is counted and said with the next one that passes. Single owner. A series grows by
 * doubling; nothing else allocates after its first use.
 */
#ifndef TL_SCRIPT_KEPT_H
#define TL_SCRIPT_KEPT_H

#include "base/status.h"

enum { TL_KEPT_NAME_BYTES = 48, TL_KEPT_LINES = 1024, TL_KEPT_LINE_BYTES = 512, TL_KEPT_BOUNDS = 64 };

typedef struct tl_kept tl_kept;

/* One log line. */
typedef struct tl_kept_line {
    int64_t ts_ns;
    int32_t level; /* 0 debug, 1 info, 2 warn, 3 error */
    uint32_t reserved;
    char text[TL_KEPT_LINE_BYTES]; /* cut where it is longer */
} tl_kept_line;

/* A recorded series: times and values beside each other. */
typedef struct tl_kept_series {
    char name[TL_KEPT_NAME_BYTES];
    char pane[TL_KEPT_NAME_BYTES]; /* "price", or a pane's own name */
    int64_t *ts_ns;
    double *values;
    uint64_t count;
    uint64_t capacity;
} tl_kept_series;

typedef enum tl_result_kind { TL_RESULT_NUMBER = 0, TL_RESULT_TRUTH, TL_RESULT_TEXT } tl_result_kind;

/* A named result: a number, a truth or a text. */
typedef struct tl_kept_result {
    char name[TL_KEPT_NAME_BYTES];
    char text[TL_KEPT_NAME_BYTES * 2]; /* of TL_RESULT_TEXT; cut where it is longer */
    double value;                      /* of TL_RESULT_NUMBER; 0 or 1 of TL_RESULT_TRUTH */
    int32_t kind;                      /* tl_result_kind */
    uint32_t reserved;
} tl_kept_result;

typedef enum tl_metric_kind { TL_METRIC_COUNTER = 0, TL_METRIC_GAUGE, TL_METRIC_HISTOGRAM } tl_metric_kind;

/* A metric: a counter's or gauge's value; of a histogram the sum, and counts by powers of two: bucket i holds values in [2^(i-32), 2^(i-31)). */
typedef struct tl_kept_metric {
    char name[TL_KEPT_NAME_BYTES];
    int32_t kind; /* tl_metric_kind */
    uint32_t reserved;
    double value;
    uint64_t count;
    uint64_t buckets[TL_KEPT_BOUNDS];
} tl_kept_metric;

tl_kept *tl_kept_create(void);
void tl_kept_destroy(tl_kept *kept);

/* Appends a line; false when the limit of its `format` (a number that stands for it) holds it back. `held_back` receives how many lines of that format
 * were, since the last that passed. */
bool tl_kept_log_allowed(tl_kept *kept, uint32_t format, int64_t ts_ns, uint64_t *held_back);
const tl_kept_line *tl_kept_log(tl_kept *kept, int level, int64_t ts_ns, const char *text);
/* Lines ever, and line `i` counted from 0 (NULL when it is no longer kept). */
uint64_t tl_kept_lines(const tl_kept *kept);
const tl_kept_line *tl_kept_line_at(const tl_kept *kept, uint64_t i);

/* Index of a series, result or metric, made when it is new; -1 with the error text set (TL_ERR_LIMIT past 256 of a kind, a name that is too
 * long, a metric of another kind). */
int32_t tl_kept_series_open(tl_kept *kept, const char *name, const char *pane);
tl_status tl_kept_series_push(tl_kept *kept, int32_t series, int64_t ts_ns, double value);
int32_t tl_kept_result_set(tl_kept *kept, const char *name, int kind, double value, const char *text);
int32_t tl_kept_metric_open(tl_kept *kept, const char *name, int kind);
void tl_kept_metric_add(tl_kept *kept, int32_t metric, double value); /* counter */
void tl_kept_metric_set(tl_kept *kept, int32_t metric, double value); /* gauge */
void tl_kept_metric_observe(tl_kept *kept, int32_t metric, double value);

/* A metric as it was, under its name. */
void tl_kept_metric_restore(tl_kept *kept, const tl_kept_metric *metric);

/* Counts and members, in order of creation; NULL past the end. */
uint32_t tl_kept_series_count(const tl_kept *kept);
const tl_kept_series *tl_kept_series_at(const tl_kept *kept, uint32_t i);
uint32_t tl_kept_result_count(const tl_kept *kept);
const tl_kept_result *tl_kept_result_at(const tl_kept *kept, uint32_t i);
uint32_t tl_kept_metric_count(const tl_kept *kept);
const tl_kept_metric *tl_kept_metric_at(const tl_kept *kept, uint32_t i);

#endif
