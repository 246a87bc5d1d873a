/* Dates of the proleptic Gregorian calendar as yyyymmdd and as days since 1970-01-01. Pure functions: any thread, wait-free. */
#ifndef TL_MARKET_DATE_H
#define TL_MARKET_DATE_H

#include "base/status.h"

enum { TL_SECONDS_PER_DAY = 86400 };

#ifndef TL_CDEF
#define TL_NS_PER_DAY (INT64_C(86400000000000))

/* Days since 1970-01-01. March is taken as the first month, so that the leap day is a year's last: month lengths from March on
 * follow (153 m + 2) / 5. */
static inline int64_t tl_days_of(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static inline uint32_t tl_date_of_days(int64_t days) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    int64_t day = day_of_year - (153 * m + 2) / 5 + 1, month = m < 10 ? m + 3 : m - 9;
    return (uint32_t)((year_of_era + era * 400 + (month <= 2)) * 10000 + month * 100 + day);
}

static inline int64_t tl_days_of_date(uint32_t date) {
    return tl_days_of(date / 10000, date / 100 % 100, date % 100);
}

/* 0 = Sunday. */
static inline unsigned tl_weekday_of_days(int64_t days) {
    int64_t w = (days + 4) % 7;
    return (unsigned)(w < 0 ? w + 7 : w);
}

static inline unsigned tl_month_length(unsigned year, unsigned month) {
    if (month == 2) return (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) ? 29 : 28;
    return 30 + ((month + (month > 7)) & 1);
}

static inline bool tl_date_valid(uint32_t date) {
    unsigned year = date / 10000, month = date / 100 % 100, day = date % 100;
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= tl_month_length(year, month);
}

/* Division that rounds down, for times before the epoch. */
static inline int64_t tl_floor_div(int64_t a, int64_t b) {
    int64_t q = a / b;
    return q - (a % b < 0);
}
#endif

#endif
