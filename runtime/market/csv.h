/* CSV market data: bars, trades, quotes, depth and outside data, a row an event.
 *
 * Columns are found by the names in the header row, whatever their order and case; the header also tells the kind. Times are ISO 8601
 * or epoch s, ms, us, ns (told by magnitude). A date-only daily row closes at its calendar's session end. Files may be plain, gzip or zstd. Single
 * owner; one pass, no row is kept.
 */
#ifndef TL_MARKET_CSV_H
#define TL_MARKET_CSV_H

#include "market/calendar.h"
#include "market/event.h"
#include "market/instrument.h"

typedef enum tl_csv_kind {
    TL_CSV_AUTO = 0, /* by the header */
    TL_CSV_BARS,     /* time, open, high, low, close, volume; also trades, vwap */
    TL_CSV_TRADES,   /* time, price, size; also side, id */
    TL_CSV_QUOTES,   /* time, bid, ask; also bid_size, ask_size */
    TL_CSV_DEPTH,    /* time, side, price, size; or bid1, bid_size1, ask1, ask_size1, bid2, ... */
    TL_CSV_DATA      /* outside data: time and any numbers, for on_data */
} tl_csv_kind;

/* What a bar's time stamp means. */
typedef enum tl_bar_time {
    TL_BAR_TIME_UNSTATED = 0, /* refused for intraday bars */
    TL_BAR_TIME_OPEN,
    TL_BAR_TIME_CLOSE
} tl_bar_time;

typedef struct tl_csv_options {
    const char *
        symbol; /* of the file, or of its rows that are wanted; NULL or "" = all, and without a symbol column the file's name */
    const char *name;       /* of outside data */
    const char *zone;       /* of times without one; NULL = the calendar's */
    int64_t interval_ns;    /* of bars; 0 = found from the rows (a day for date-only rows) */
    uint32_t calendar;      /* of the file's instruments */
    int32_t kind;           /* tl_csv_kind */
    int32_t bar_time;       /* tl_bar_time */
    int32_t price_exponent; /* of instruments that the file brings; 0 = -8 (and the tick is found from the decimals seen) */
} tl_csv_options;

typedef struct tl_csv tl_csv;

/* Opens a file; its instruments join the table (a file with a symbol column is read once through to find them). Errors name the file, line
 * and column. */
tl_status tl_csv_open(const char *path, const tl_csv_options *options, tl_instruments *instruments,
                      const tl_calendars *calendars, tl_csv **out);
void tl_csv_close(tl_csv *csv);

/* What the file holds. */
int tl_csv_kind_of(const tl_csv *csv);
int64_t tl_csv_interval_ns(const tl_csv *csv); /* of bars */

/* The next event: QUOTE, TRADE, LEVEL (then BOOK when a row's changes are complete), BAR (with tail) or DATA, ts_ns set. TL_END at the end; TL_ERR_FORMAT for a row
 * that cannot be, naming line and column: the caller may go on, the row is skipped and counted. */
tl_status tl_csv_next(tl_csv *csv, tl_event *event, tl_event_tail *tail);

/* Outside data: names of the columns behind the time, and the values of the row that the last DATA event is (NaN for an empty cell). */
uint32_t tl_csv_columns(const tl_csv *csv);
const char *tl_csv_column(const tl_csv *csv, uint32_t i);
double tl_csv_value(const tl_csv *csv, uint32_t i);

uint64_t tl_csv_rows(const tl_csv *csv);             /* read so far */
uint64_t tl_csv_problems(const tl_csv *csv);         /* rows skipped */
const char *tl_csv_first_problem(const tl_csv *csv); /* "" when there was none */
uint64_t tl_csv_consumed(const tl_csv *csv);         /* bytes of the file */
uint64_t tl_csv_size(const tl_csv *csv);

#endif
