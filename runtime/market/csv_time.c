#include "market/csv_time.h"

#include <string.h>

#include "base/fixed.h"
#include "market/date.h"

#define NS_PER_S INT64_C(1000000000)

/* Smaller counts are row numbers, years or times of day, not seconds before March 1973. */
enum { LEAST_COUNT = 100000000 };

static inline bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* Two digits, or a number of 100 and more when they are none. */
static inline unsigned pair(const char *p) {
    return is_digit(p[0]) && is_digit(p[1]) ? (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0') : 100;
}

static bool set_date(unsigned year, unsigned month, unsigned day, tl_stamp *stamp) {
    if (year < 1678 || year > 2261 || month < 1 || month > 12 || day < 1 || day > tl_month_length(year, month)) return false;
    stamp->days = tl_days_of(year, month, day);
    return true;
}

static const char *take_fraction(const char *p, const char *end, int64_t *ns) {
    int64_t unit = 100000000;
    const char *from = p;
    for (*ns = 0; p < end && is_digit(*p); p++, unit /= 10)
        *ns += (*p - '0') * unit;
    return p > from ? p : NULL;
}

/* HH:MM[:SS[.fraction]] or HHMM[SS[.fraction]]; returns where it ends, NULL when it is none. */
static const char *take_time(const char *p, const char *end, int64_t *tod_ns) {
    unsigned hour, minute, second = 0;
    int64_t fraction = 0;
    if (end - p >= 4 && is_digit(p[0]) && p[1] == ':') {
        hour = (unsigned)(p[0] - '0');
        p += 1;
    } else {
        if (end - p < 4) return NULL;
        hour = pair(p);
        p += 2;
    }
    bool colon = *p == ':';
    p += colon;
    if (end - p < 2) return NULL;
    minute = pair(p);
    p += 2;
    bool seconds = colon ? end - p >= 3 && *p == ':' : end - p >= 2 && is_digit(*p);
    if (seconds) {
        p += colon;
        second = pair(p);
        p += 2;
        if (end - p >= 2 && (*p == '.' || *p == ',')) {
            p = take_fraction(p + 1, end, &fraction);
            if (p == NULL) return NULL;
        }
    }
    if (end - p >= 2 && *p == ' ' && (p[1] == 'A' || p[1] == 'P' || p[1] == 'a' || p[1] == 'p')) {
        if (end - p < 3 || (p[2] != 'M' && p[2] != 'm') || hour < 1 || hour > 12) return NULL;
        hour = hour % 12 + (p[1] == 'P' || p[1] == 'p' ? 12 : 0);
        p += 3;
    }
    if (hour > 23 || minute > 59 || second > 59) return NULL;
    *tod_ns = (int64_t)(hour * 3600 + minute * 60 + second) * NS_PER_S + fraction;
    return p;
}

static bool take_zone(const char *p, const char *end, tl_stamp *stamp) {
    while (p < end && *p == ' ')
        p++;
    stamp->offset_s = 0;
    if (p == end) {
        stamp->form = TL_STAMP_LOCAL;
        return true;
    }
    stamp->form = TL_STAMP_OFFSET;
    if (end - p == 1) return *p == 'Z' || *p == 'z';
    if (end - p == 3 && (memcmp(p, "UTC", 3) == 0 || memcmp(p, "GMT", 3) == 0)) return true;
    if (*p != '+' && *p != '-') return false;
    int sign = *p++ == '-' ? -1 : 1;
    if (end - p < 2) return false;
    unsigned hour = pair(p), minute = 0;
    p += 2;
    if (p < end && *p == ':') p++;
    if (p < end) {
        if (end - p != 2) return false;
        minute = pair(p);
    }
    if (hour > 23 || minute > 59) return false;
    stamp->offset_s = sign * (int)(hour * 3600 + minute * 60);
    return true;
}

/* Digits only, perhaps with a sign and a fraction. */
static bool take_count(const char *text, const char *end, tl_stamp *stamp) {
    const char *p = text;
    bool negative = *p == '-';
    p += negative;
    const char *first = p;
    int64_t whole = 0, fraction = 0;
    for (; p < end && is_digit(*p); p++) {
        if (p - first >= 19) return false;
        if (__builtin_mul_overflow(whole, 10, &whole) || __builtin_add_overflow(whole, *p - '0', &whole)) return false;
    }
    int digits = (int)(p - first);
    if (digits == 0) return false;
    if (p < end) {
        if (*p != '.') return false;
        if (++p < end && (p = take_fraction(p, end, &fraction)) == NULL) return false;
        if (p != end) return false;
    }
    if (whole < LEAST_COUNT) return false;
    int64_t unit = whole < INT64_C(100000000000)         ? NS_PER_S
                   : whole < INT64_C(100000000000000)    ? 1000000
                   : whole < INT64_C(100000000000000000) ? 1000
                                                         : 1;
    int64_t ns;
    if (__builtin_mul_overflow(whole, unit, &ns) || __builtin_add_overflow(ns, fraction / (NS_PER_S / unit), &ns))
        return false;
    if (negative) ns = -ns;
    stamp->days = tl_floor_div(ns, TL_NS_PER_DAY);
    stamp->tod_ns = ns - stamp->days * TL_NS_PER_DAY;
    stamp->offset_s = 0;
    stamp->form = TL_STAMP_EPOCH;
    return true;
}

/* YYYYMMDD, YYYYMMDDHHMM and YYYYMMDDHHMMSS look like counts; as dates they are of the years 1900 to 2199 and valid. */
static bool take_compact(const char *text, size_t length, tl_stamp *stamp) {
    unsigned century = pair(text);
    if (century < 19 || century > 21) return false;
    if (!set_date(century * 100 + pair(text + 2), pair(text + 4), pair(text + 6), stamp)) return false;
    stamp->tod_ns = 0;
    stamp->offset_s = 0;
    stamp->form = TL_STAMP_DATE;
    if (length == 8) return true;
    stamp->form = TL_STAMP_LOCAL;
    return take_time(text + 8, text + length, &stamp->tod_ns) == text + length;
}

bool tl_stamp_parse(const char *text, size_t length, tl_stamp *stamp) {
    const char *end = text + length, *p;
    if (length == 0) return false;
    size_t digits = 0;
    while (digits < length && is_digit(text[digits]))
        digits++;
    if (digits == length && (length == 8 || length == 12 || length == 14) && take_compact(text, length, stamp)) return true;
    if (digits == length || text[0] == '-' || (digits > 4 && text[digits] == '.')) return take_count(text, end, stamp);
    if (digits == 4) {
        char separator = text[4];
        if (separator != '-' && separator != '/' && separator != '.') return false;
        unsigned year = pair(text) * 100 + pair(text + 2), part[2];
        p = text + 5;
        for (int i = 0; i < 2; i++) {
            if (p >= end || !is_digit(*p)) return false;
            part[i] = (unsigned)(*p++ - '0');
            if (p < end && is_digit(*p)) part[i] = part[i] * 10 + (unsigned)(*p++ - '0');
            if (i == 0 && (p >= end || *p++ != separator)) return false;
        }
        if (!set_date(year, part[0], part[1], stamp)) return false;
    } else if (digits == 8) {
        unsigned year = pair(text) * 100 + pair(text + 2);
        if (!set_date(year, pair(text + 4), pair(text + 6), stamp)) return false;
        p = text + 8;
    } else {
        return false;
    }
    stamp->tod_ns = 0;
    stamp->offset_s = 0;
    stamp->form = TL_STAMP_DATE;
    if (p == end) return true;
    if (*p != 'T' && *p != 't' && *p != ' ' && *p != '-' && *p != '_') return false;
    do
        p++;
    while (p < end && *p == ' ');
    p = take_time(p, end, &stamp->tod_ns);
    return p != NULL && take_zone(p, end, stamp);
}

bool tl_stamp_parse_time_of_day(const char *text, size_t length, int64_t *tod_ns) {
    return length > 0 && take_time(text, text + length, tod_ns) == text + length;
}
