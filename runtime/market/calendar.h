/* Calendars: when a venue trades, as versioned data.
 *
 * A calendar has a time zone, a weekly session (with the extended hours around it), holidays and early closes. Everything that says
 * "day" asks it: daily bars, daily limits, statistics; never UTC midnight. Local times are converted with the system's zone database
 * (package tzdata), which is read at creation. Single owner; look-ups do not allocate and are O(log n).
 */
#ifndef TL_MARKET_CALENDAR_H
#define TL_MARKET_CALENDAR_H

#include "base/fixed.h"

typedef struct tl_calendars tl_calendars;

/* Ids of the calendars that are shipped. */
enum {
    TL_CALENDAR_ALWAYS = 0, /* 24x7, UTC days */
    TL_CALENDAR_XNAS = 1,   /* Nasdaq and NYSE equities: 09:30-16:00 America/New_York, 04:00-20:00 extended */
    TL_CALENDAR_MAX = 64
};

/* One trading day of a calendar; times in ns since the Unix epoch. */
typedef struct tl_session {
    uint32_t date;       /* yyyymmdd, local */
    int32_t early;       /* 1 when it closes early */
    int64_t pre_open_ns; /* the earliest extended trading */
    int64_t open_ns;
    int64_t close_ns;
    int64_t post_close_ns; /* the end of extended trading */
} tl_session;

/* The shipped calendars; NULL without memory or when a zone is missing (the error text says which package has it). */
tl_calendars *tl_calendars_create(void);
void tl_calendars_destroy(tl_calendars *calendars);

/* Adds a calendar made of data: `zone` (an IANA name), session times as seconds of the local day; `weekdays` bit 0 = Sunday. Returns
 * its id through *id. */
tl_status tl_calendars_add(tl_calendars *calendars, const char *name, const char *zone, int32_t pre_open_s, int32_t open_s,
                           int32_t close_s, int32_t post_close_s, uint32_t weekdays, uint32_t *id);
/* A holiday (early_close_s 0), or an early close at that second of the local day. `date` is yyyymmdd. */
tl_status tl_calendars_except(tl_calendars *calendars, uint32_t id, uint32_t date, int32_t early_close_s);

/* The id of a name ("XNAS", "XNYS", "24x7"), -1 when there is none. */
int tl_calendars_find(const tl_calendars *calendars, const char *name);
/* "" for an id that is none; all functions below take ids that are. */
const char *tl_calendars_name(const tl_calendars *calendars, uint32_t id);
const char *tl_calendars_zone(const tl_calendars *calendars, uint32_t id);

/* The session of a local date; false when the venue does not trade on it. */
bool tl_calendars_session(const tl_calendars *calendars, uint32_t id, uint32_t date, tl_session *session);

/* The same, and on a date without trading the hours that a regular day would have: for daily data of markets that trade when this
 * calendar rests. False only for what is no date. */
bool tl_calendars_hours(const tl_calendars *calendars, uint32_t id, uint32_t date, tl_session *session);

/* The session that an instant falls into (pre-open to post-close); else the next one after it (*inside = false). False when there is
 * none within ten years. */
bool tl_calendars_session_at(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session, bool *inside);

/* The first session that opens at or after an instant, and the last one that opened before it. */
bool tl_calendars_next(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session);
bool tl_calendars_previous(const tl_calendars *calendars, uint32_t id, int64_t ts_ns, tl_session *session);

/* Local date (yyyymmdd) and ns since local midnight of an instant, in a calendar's zone. */
uint32_t tl_calendars_date(const tl_calendars *calendars, uint32_t id, int64_t ts_ns);
int64_t tl_calendars_time_of_day_ns(const tl_calendars *calendars, uint32_t id, int64_t ts_ns);

/* The instant of local midnight of a date plus `tod_ns` of wall-clock time: a time that a clock change skips is the one after the gap (02:30
 * becomes 03:30), a repeated one is its first. `zone` forms take any IANA zone name. TL_ERR_NOT_FOUND for an unknown zone. */
int64_t tl_calendars_instant(const tl_calendars *calendars, uint32_t id, uint32_t date, int64_t tod_ns);
tl_status tl_zone_instant(tl_calendars *calendars, const char *zone, uint32_t date, int64_t tod_ns, int64_t *ts_ns);
tl_status tl_zone_local(tl_calendars *calendars, const char *zone, int64_t ts_ns, uint32_t *date, int64_t *tod_ns);

/* The date `days` later (or earlier). */
uint32_t tl_date_add(uint32_t date, int days);

#endif
