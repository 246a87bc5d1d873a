#include "market/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "market/date.h"
#include "market/zone.h"

enum { NAME_BYTES = 32, MAX_ZONES = 64, SEARCH_DAYS = 3653, MONDAY_TO_FRIDAY = 0x3e, ALL_DAYS = 0x7f };
/* int64 nanoseconds reach from 1677-09-21 to 2262-04-11. */
enum { FIRST_DATE = 16780101, LAST_DATE = 22611231 };

/* A date that differs from the week: closed, or an early close at that second of the local day. */
typedef struct exception {
    uint32_t date;
    int32_t early_close_s; /* 0 = closed */
} exception;

typedef struct calendar {
    char name[NAME_BYTES];
    const tl_zone *zone;
    int32_t pre_open_s, open_s, close_s, post_close_s;
    uint32_t weekdays;
    bool nyse; /* holidays by the rules of the New York Stock Exchange */
    uint32_t count, capacity;
    exception *exceptions; /* by date */
} calendar;

struct tl_calendars {
    uint32_t count, zone_count;
    calendar all[TL_CALENDAR_MAX];
    tl_zone *zones[MAX_ZONES];
};

enum { CLOSED = -1, REGULAR = 0, ONE_PM = 13 * 3600, TWO_PM = 14 * 3600 };

/* What the exchange decided for single days: mourning, disaster, storms, and closes around holidays that no rule gives. By date. */
static const exception nyse_exceptions[] = {
    {19940211, 14 * 3600 + 1800},
    {19940427, 0},
    {19960108, TWO_PM},
    {19971226, ONE_PM},
    {19991231, ONE_PM},
    {20010911, 0},
    {20010912, 0},
    {20010913, 0},
    {20010914, 0},
    {20031226, ONE_PM},
    {20040611, 0},
    {20070102, 0},
    {20121029, 0},
    {20121030, 0},
    {20181205, 0},
    {20250109, 0},
};

static const exception *find_exception(const exception *list, size_t count, uint32_t date) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list[middle].date < date)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && list[low].date == date ? &list[low] : NULL;
}

/* Easter Sunday as days since 1970-01-01 (Gauss's method in the form of Meeus, Jones and Butcher). */
static int64_t easter_days(int year) {
    int a = year % 19, b = year / 100, c = year % 100, d = b / 4, e = b % 4, f = (b + 8) / 25, g = (b - f + 1) / 3;
    int h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4, l = (32 + 2 * e + 2 * i - h - k) % 7;
    int m = (a + 11 * h + 22 * l) / 451, n = h + l - 7 * m + 114;
    return tl_days_of(year, (unsigned)(n / 31), (unsigned)(n % 31 + 1));
}

/* Is this weekday the day on which a holiday of the month and day is observed: itself, Friday for a Saturday, Monday for a Sunday? */
static bool observed(int day, int holiday, unsigned weekday) {
    return (day == holiday && weekday >= 1 && weekday <= 5) || (day == holiday - 1 && weekday == 5) ||
           (day == holiday + 1 && weekday == 1);
}

/* The rules of the New York Stock Exchange for a Monday to Friday: CLOSED, REGULAR or the second of an early close (NYSE Rule 7.2 and
 * the closings published by the exchange). Rules are those in force since 1990; days before are only near the truth. */
static int32_t nyse_day(uint32_t date, unsigned weekday, int64_t days) {
    int year = (int)(date / 10000), month = (int)(date / 100 % 100), day = (int)(date % 100);
    bool monday = weekday == 1, third_monday = monday && day >= 15 && day <= 21;
    switch (month) {
    case 1:
        /* On a Saturday it is not observed: the year's last Friday trades. */
        if (day == 1 || (day == 2 && monday)) return CLOSED;
        return third_monday && year >= 1998 ? CLOSED : REGULAR;
    case 2:
        return third_monday ? CLOSED : REGULAR;
    case 3:
    case 4:
        return weekday == 5 && days + 2 == easter_days(year) ? CLOSED : REGULAR;
    case 5:
        return monday && day >= 25 ? CLOSED : REGULAR;
    case 6:
        return year >= 2022 && observed(day, 19, weekday) ? CLOSED : REGULAR;
    case 7:
        if (observed(day, 4, weekday)) return CLOSED;
        if (year < 1995) return REGULAR;
        /* A Thursday's holiday shortened the Friday behind it until 2012, the Wednesday before it since. */
        if (day == 5 && weekday == 5 && year < 2013) return ONE_PM;
        return day == 3 && (weekday != 3 || year >= 2013) ? ONE_PM : REGULAR;
    case 9:
        return monday && day <= 7 ? CLOSED : REGULAR;
    case 11:
        if (weekday == 4 && day >= 22 && day <= 28) return CLOSED;
        if (weekday != 5 || day < 23 || day > 29 || year < 1992) return REGULAR;
        return year == 1992 ? TWO_PM : ONE_PM;
    case 12:
        if (observed(day, 25, weekday)) return CLOSED;
        if (day != 24) return REGULAR;
        return year < 1993 ? TWO_PM : ONE_PM;
    default:
        return REGULAR;
    }
}

/* CLOSED, REGULAR or the second of an early close. */
static int32_t day_kind(const calendar *c, uint32_t date, int64_t days) {
    const exception *x = find_exception(c->exceptions, c->count, date);
    if (x != NULL) return x->early_close_s == 0 ? CLOSED : x->early_close_s;
    unsigned weekday = tl_weekday_of_days(days);
    if (!(c->weekdays >> weekday & 1)) return CLOSED;
    if (!c->nyse) return REGULAR;
    x = find_exception(nyse_exceptions, sizeof nyse_exceptions / sizeof *nyse_exceptions, date);
    if (x != NULL) return x->early_close_s == 0 ? CLOSED : x->early_close_s;
    return nyse_day(date, weekday, days);
}

static int64_t clamp_ns(tl_int128 ns) {
    return ns > INT64_MAX ? INT64_MAX : ns < -INT64_MAX ? -INT64_MAX : (int64_t)ns;
}

static int64_t zone_instant_ns(const tl_zone *zone, int64_t days, int64_t tod_ns) {
    int64_t whole_s = tl_floor_div(tod_ns, TL_NS_PER_S);
    int64_t s = tl_zone_from_local_s(zone, days * TL_SECONDS_PER_DAY + whole_s);
    return clamp_ns((tl_int128)s * TL_NS_PER_S + (tod_ns - whole_s * TL_NS_PER_S));
}

static void zone_local(const tl_zone *zone, int64_t ts_ns, int64_t *days, int64_t *tod_ns) {
    int64_t s = tl_floor_div(ts_ns, TL_NS_PER_S), fraction = ts_ns - s * TL_NS_PER_S;
    int64_t local_s = s + tl_zone_offset_s(zone, s);
    *days = tl_floor_div(local_s, TL_SECONDS_PER_DAY);
    *tod_ns = (local_s - *days * TL_SECONDS_PER_DAY) * TL_NS_PER_S + fraction;
}

static void fill_session(const calendar *c, uint32_t date, int64_t days, int32_t kind, tl_session *session) {
    int32_t close_s = kind > 0 ? kind : c->close_s;
    int32_t after_s = c->post_close_s - c->close_s;
    session->date = date;
    session->early = kind > 0;
    session->pre_open_ns = zone_instant_ns(c->zone, days, (int64_t)c->pre_open_s * TL_NS_PER_S);
    session->open_ns = zone_instant_ns(c->zone, days, (int64_t)c->open_s * TL_NS_PER_S);
    session->close_ns = zone_instant_ns(c->zone, days, (int64_t)close_s * TL_NS_PER_S);
    session->post_close_ns = zone_instant_ns(c->zone, days, (int64_t)(close_s + after_s) * TL_NS_PER_S);
}

static tl_status zone_of(tl_calendars *calendars, const char *name, const tl_zone **zone) {
    for (uint32_t i = 0; i < calendars->zone_count; i++)
        if (strcmp(tl_zone_name(calendars->zones[i]), name) == 0) {
            *zone = calendars->zones[i];
            return TL_OK;
        }
    if (calendars->zone_count == MAX_ZONES)
        return tl_error_set(TL_ERR_LIMIT, "time zone %.64s: %d are in use already, which is the limit", name, MAX_ZONES);
    tl_status status = tl_zone_load(name, &calendars->zones[calendars->zone_count]);
    if (status == TL_OK) *zone = calendars->zones[calendars->zone_count++];
    return status;
}

tl_calendars *tl_calendars_create(void) {
    tl_calendars *calendars = calloc(1, sizeof *calendars);
    uint32_t id;
    if (calendars == NULL) {
        tl_error_set(TL_ERR_NO_MEMORY, "no memory for calendars");
        return NULL;
    }
    const int32_t day = TL_SECONDS_PER_DAY;
    if (tl_calendars_add(calendars, "24x7", "UTC", 0, 0, day, day, ALL_DAYS, &id) != TL_OK ||
        tl_calendars_add(calendars, "XNAS", "America/New_York", 4 * 3600, 9 * 3600 + 1800, 16 * 3600, 20 * 3600,
                         MONDAY_TO_FRIDAY, &id) != TL_OK) {
        tl_error_prefix(TL_ERR_NOT_FOUND, "calendars");
        tl_calendars_destroy(calendars);
        return NULL;
    }
    calendars->all[id].nyse = true;
    return calendars;
}

void tl_calendars_destroy(tl_calendars *calendars) {
    if (calendars == NULL) return;
    for (uint32_t i = 0; i < calendars->count; i++)
        free(calendars->all[i].exceptions);
    for (uint32_t i = 0; i < calendars->zone_count; i++)
        tl_zone_free(calendars->zones[i]);
    free(calendars);
}

tl_status tl_calendars_add(tl_calendars *calendars, const char *name, const char *zone, int32_t pre_open_s, int32_t open_s,
                           int32_t close_s, int32_t post_close_s, uint32_t weekdays, uint32_t *id) {
    if (name[0] == 0 || strlen(name) >= NAME_BYTES)
        return tl_error_set(TL_ERR_ARGUMENT, "calendar '%.40s': a name has 1 to %d bytes", name, NAME_BYTES - 1);
    if (tl_calendars_find(calendars, name) >= 0) return tl_error_set(TL_ERR_EXISTS, "calendar '%s' is already there", name);
    if (calendars->count == TL_CALENDAR_MAX)
        return tl_error_set(TL_ERR_LIMIT, "calendar '%s': there are %d already, which is the limit", name, TL_CALENDAR_MAX);
    const int32_t day = TL_SECONDS_PER_DAY;
    if (pre_open_s < -day || pre_open_s > open_s || open_s >= close_s || close_s > post_close_s || post_close_s > 2 * day)
        return tl_error_set(
            TL_ERR_ARGUMENT,
            "calendar '%s': sessions run from pre-open %d s to open %d s to close %d s to post-close %d s, and these must "
            "rise within the day before to the day after",
            name, pre_open_s, open_s, close_s, post_close_s);
    if (weekdays == 0 || weekdays > ALL_DAYS)
        return tl_error_set(TL_ERR_ARGUMENT, "calendar '%s': weekdays is %u, and its bits go from 1 to %d", name, weekdays,
                            ALL_DAYS);
    const tl_zone *its;
    tl_status status = zone_of(calendars, zone, &its);
    if (status != TL_OK) return tl_error_prefix(status, "calendar '%s'", name);
    calendar *c = &calendars->all[calendars->count];
    *c = (calendar){.zone = its,
                    .pre_open_s = pre_open_s,
                    .open_s = open_s,
                    .close_s = close_s,
                    .post_close_s = post_close_s,
                    .weekdays = weekdays};
    strcpy(c->name, name);
    *id = calendars->count++;
    return TL_OK;
}

tl_status tl_calendars_except(tl_calendars *calendars, uint32_t id, uint32_t date, int32_t early_close_s) {
    if (id >= calendars->count)
        return tl_error_set(TL_ERR_ARGUMENT, "there is no calendar %u; there are %u", id, calendars->count);
    calendar *c = &calendars->all[id];
    if (!tl_date_valid(date))
        return tl_error_set(TL_ERR_ARGUMENT, "calendar '%s': %u is not a date (yyyymmdd)", c->name, date);
    if (early_close_s != 0 && (early_close_s <= c->open_s || early_close_s > c->close_s))
        return tl_error_set(TL_ERR_ARGUMENT,
                            "calendar '%s': the early close of %u is at %d s, and the session runs from %d to %d s", c->name,
                            date, early_close_s, c->open_s, c->close_s);
    uint32_t i = c->count;
    while (i > 0 && c->exceptions[i - 1].date >= date)
        i--;
    if (i < c->count && c->exceptions[i].date == date) {
        c->exceptions[i].early_close_s = early_close_s;
        return TL_OK;
    }
    if (c->count == c->capacity) {
        uint32_t grown = c->capacity ? c->capacity * 2 : 16;
        exception *list = realloc(c->exceptions, grown * sizeof *list);
        if (list == NULL)
            return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u exceptions of calendar '%s'", grown, c->name);
        c->exceptions = list;
        c->capacity = grown;
    }
    memmove(&c->exceptions[i + 1], &c->exceptions[i], (c->count - i) * sizeof *c->exceptions);
    c->exceptions[i] = (exception){.date = date, .early_close_s = early_close_s};
    c->count++;
    return TL_OK;
}

int tl_calendars_find(const tl_calendars *calendars, const char *name) {
    if (strcmp(name, "XNYS") == 0) name = "XNAS"; /* they keep the same hours and holidays */
    for (uint32_t i = 0; i < calendars->count; i++)
        if (strcmp(calendars->all[i].name, name) == 0) return (int)i;
    return -1;
}

const char *tl_calendars_name(const tl_calendars *calendars, uint32_t id) {
    return id < calendars->count ? calendars->all[id].name : "";
}

const char *tl_calendars_zone(const tl_calendars *calendars, uint32_t id) {
    return id < calendars->count ? tl_zone_name(calendars->all[id].zone) : "";
}

static bool session_of_days(const calendar *c, int64_t days, tl_session *session) {
    uint32_t date = tl_date_of_days(days);
    if (date < FIRST_DATE || date > LAST_DATE) return false;
    int32_t kind = day_kind(c, date, days);
    if (kind == CLOSED) return false;
    fill_session(c, date, days, kind, session);
    return true;
}

bool tl_calendars_session(const tl_calendars *calendars, uint32_t id, uint32_t date, tl_session *session) {
    return tl_date_valid(date) && session_of_days(&calendars->all[id], tl_days_of_date(date), session);
}

bool tl_calendars_hours(const tl_calendars *calendars, uint32_t id, uint32_t date, tl_session *session) {
    if (tl_calendars_session(calendars, id, date, session)) return true;
    if (!tl_date_valid(date) || date < FIRST_DATE || date > LAST_DATE) return false;
    fill_session(&calendars->all[id], date, tl_days_of_date(date), REGULAR, session);
    return true;
}

static int64_t local_days(const calendar *c, int64_t ts_ns) {
    int64_t days, tod_ns;
    zone_local(c->zone, ts_ns, &days, &tod_ns);
    return days;
}

/* Sessions may begin on the local day before their date and end on the day after it, so searches start two days off. */
bool tl_calendars_session_at(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session, bool *inside) {
    const calendar *c = &calendars->all[id];
    int64_t days = local_days(c, ts_ns) - 2;
    for (int i = 0; i < SEARCH_DAYS; i++)
        if (session_of_days(c, days + i, session) && session->post_close_ns > ts_ns) {
            *inside = session->pre_open_ns <= ts_ns;
            return true;
        }
    return false;
}

bool tl_calendars_next(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session) {
    const calendar *c = &calendars->all[id];
    int64_t days = local_days(c, ts_ns) - 2;
    for (int i = 0; i < SEARCH_DAYS; i++)
        if (session_of_days(c, days + i, session) && session->open_ns >= ts_ns) return true;
    return false;
}

bool tl_calendars_previous(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session) {
    const calendar *c = &calendars->all[id];
    int64_t days = local_days(c, ts_ns) + 2;
    for (int i = 0; i < SEARCH_DAYS; i++)
        if (session_of_days(c, days - i, session) && session->open_ns < ts_ns) return true;
    return false;
}

uint32_t tl_calendars_date(const tl_calendars *calendars, uint32_t id, int64_t ts_ns) {
    return tl_date_of_days(local_days(&calendars->all[id], ts_ns));
}

int64_t tl_calendars_time_of_day_ns(const tl_calendars *calendars, uint32_t id, int64_t ts_ns) {
    int64_t days, tod_ns;
    zone_local(calendars->all[id].zone, ts_ns, &days, &tod_ns);
    return tod_ns;
}

int64_t tl_calendars_instant(const tl_calendars *calendars, uint32_t id, uint32_t date, int64_t tod_ns) {
    return zone_instant_ns(calendars->all[id].zone, tl_days_of_date(date), tod_ns);
}

tl_status tl_zone_instant(tl_calendars *calendars, const char *zone, uint32_t date, int64_t tod_ns, int64_t *ts_ns) {
    const tl_zone *its;
    if (!tl_date_valid(date)) return tl_error_set(TL_ERR_ARGUMENT, "%u is not a date (yyyymmdd)", date);
    tl_status status = zone_of(calendars, zone, &its);
    if (status == TL_OK) *ts_ns = zone_instant_ns(its, tl_days_of_date(date), tod_ns);
    return status;
}

tl_status tl_zone_local(tl_calendars *calendars, const char *zone, int64_t ts_ns, uint32_t *date, int64_t *tod_ns) {
    const tl_zone *its;
    tl_status status = zone_of(calendars, zone, &its);
    if (status != TL_OK) return status;
    int64_t days;
    zone_local(its, ts_ns, &days, tod_ns);
    *date = tl_date_of_days(days);
    return TL_OK;
}

uint32_t tl_date_add(uint32_t date, int days) {
    return tl_date_of_days(tl_days_of_date(date) + days);
}
