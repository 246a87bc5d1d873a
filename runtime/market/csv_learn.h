/* What the first rows of a CSV file tell: what its times mean, how far its bars are apart, in which units its numbers fit, which
 * symbols it has. Single owner. */
#ifndef TL_MARKET_CSV_LEARN_H
#define TL_MARKET_CSV_LEARN_H

#include "market/csv_reader.h"
#include "market/zone.h"

enum { TL_CSV_SAMPLE_ROWS = 1000 };

/* The numbers seen of an instrument. */
typedef struct tl_csv_seen {
    double greatest_price;    /* without its sign */
    double greatest_quantity; /* likewise */
    int32_t price_decimals;
    int32_t quantity_decimals;
    uint32_t rows; /* that were looked at; of a file with a symbol column */
} tl_csv_seen;

/* The rows at the head of a file. */
typedef struct tl_csv_sample {
    tl_csv_seen seen;
    uint32_t rows;
    tl_stamp stamps[TL_CSV_SAMPLE_ROWS];
} tl_csv_sample;

/* How a file's stamps become instants. */
typedef enum tl_csv_stamps {
    TL_CSV_STAMPS_INSTANT = 0, /* a time, of the open or the close for bars */
    TL_CSV_STAMPS_DAY,         /* a day: its session's open and close */
    TL_CSV_STAMPS_LONG         /* a date for several days: weeks, months */
} tl_csv_stamps;

typedef struct tl_csv_times {
    tl_zone *zone;
    const tl_calendars *calendars;
    int64_t interval_ns; /* of bars; 0 = none */
    int64_t open_ns;     /* of the bar whose stamp was last read */
    int64_t day;         /* for which `midnight_s` stands, INT64_MIN at first */
    int64_t midnight_s;  /* the instant of that local midnight */
    int64_t whole_day;   /* that day has 24 hours */
    tl_session session;  /* of the day below */
    int64_t session_day; /* INT64_MIN at first */
    uint32_t calendar;
    int32_t kind;     /* tl_csv_kind */
    int32_t stamps;   /* tl_csv_stamps */
    int32_t bar_time; /* tl_bar_time */
    int32_t in_zone;  /* days begin at midnight of the zone, not at the midnight written */
    int32_t period_days;
    int32_t period_months; /* 0 when the period is of days */
} tl_csv_times;

/* Reads ahead within the first buffer without moving on. Settles which column is the time of day, and which columns of outside data hold numbers. */
tl_status tl_csv_look_ahead(tl_csv_reader *reader, tl_csv_layout *layout, tl_csv_row *row, tl_csv_sample *sample);

/* TL_ERR_FORMAT with a sentence for what the file does not say and must be stated. */
tl_status tl_csv_times_init(tl_csv_times *times, const tl_csv_options *options, const tl_calendars *calendars,
                            const tl_csv_layout *layout, const tl_csv_sample *sample);
void tl_csv_times_close(tl_csv_times *times);

/* The event time of a stamp, and times->open_ns; NULL, or why there is none. */
const char *tl_csv_times_of(tl_csv_times *times, const tl_stamp *stamp, int64_t *ts_ns);

/* Fills exponents and tick of an instrument from what was seen; price_exponent 0 = to be found. */
void tl_csv_units(const tl_csv_seen *seen, int32_t price_exponent, tl_instrument *instrument);

/* The symbols of a file, found by reading it through; the reader stands before the first row again. */
typedef struct tl_csv_symbols tl_csv_symbols;

tl_status tl_csv_scan_symbols(tl_csv_reader *reader, const tl_csv_layout *layout, tl_csv_row *row, tl_csv_times *times,
                              tl_csv_symbols **symbols);
void tl_csv_symbols_free(tl_csv_symbols *symbols);
uint32_t tl_csv_symbols_count(const tl_csv_symbols *symbols);
const tl_csv_seen *tl_csv_symbols_at(const tl_csv_symbols *symbols, uint32_t i, const char **symbol);
/* Rows of one symbol after those of another, each in its own order of time? */
bool tl_csv_symbols_grouped(const tl_csv_symbols *symbols);

#endif
