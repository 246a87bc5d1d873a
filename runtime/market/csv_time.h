/* Times as text: what a cell says, before any zone is applied. Pure functions: any thread, wait-free.
 *
 * Understood: ISO 8601 dates and times with T or a space, fractions to nanoseconds, Z or an offset; YYYYMMDD with or without a time;
 * YYYY/MM/DD and YYYY.MM.DD; seconds, milliseconds, microseconds or nanoseconds since the Unix epoch, told apart by magnitude. Forms in which the
 * day and the month could be mistaken for each other are not.
 */
#ifndef TL_MARKET_CSV_TIME_H
#define TL_MARKET_CSV_TIME_H

#include "base/status.h"

typedef enum tl_stamp_form {
    TL_STAMP_DATE = 0, /* a date alone */
    TL_STAMP_LOCAL,    /* a date and time without a zone */
    TL_STAMP_OFFSET,   /* a date and time with an offset from UTC */
    TL_STAMP_EPOCH     /* a count since the epoch; days and time of day are UTC */
} tl_stamp_form;

typedef struct tl_stamp {
    int64_t days;     /* since 1970-01-01, as written */
    int64_t tod_ns;   /* since midnight, as written */
    int32_t offset_s; /* east of UTC, of the OFFSET form */
    int32_t form;     /* tl_stamp_form */
} tl_stamp;

/* False for what is none of the forms, or lies outside the years 1678 to 2261. */
bool tl_stamp_parse(const char *text, size_t length, tl_stamp *stamp);

/* A time of day alone ("09:30", "09:30:00.5", "093000"). */
bool tl_stamp_parse_time_of_day(const char *text, size_t length, int64_t *tod_ns);

#endif
