#include "market/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "market/date.h"

enum { ZONE_NAME_BYTES = 64, HEADER_BYTES = 44, MAX_FILE_BYTES = 1 << 20, MAX_TYPES = 256 };

/* A day of the year on which the rule of the footer changes the clock. */
typedef struct change {
    enum { MONTH_WEEK_DAY, JULIAN, DAY_OF_YEAR } form;
    int month, week, day; /* day: 0-6 from Sunday; or 1-365 without a leap day; or 0-365 */
    int32_t time_s;       /* of the local clock before the change */
} change;

struct tl_zone {
    char name[ZONE_NAME_BYTES];
    size_t count;
    int64_t *at_s;      /* instants of the changes, ascending */
    int32_t *after_s;   /* the offset from each on */
    int32_t before_s;   /* the offset before the first */
    bool has_rule;      /* the footer's rule holds after the last change */
    bool has_daylight;  /* it has two offsets */
    int32_t standard_s; /* east of UTC */
    int32_t daylight_s; /* east of UTC */
    change begin, end;  /* of daylight saving time */
};

/* The footer: a POSIX TZ string such as EST5EDT,M3.2.0,M11.1.0. Its offsets count west of UTC. Each function moves *text forward and
 * returns false on what it does not know. */
static bool take_number(const char **text, int limit, int *value) {
    if (**text < '0' || **text > '9') return false;
    int v = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        if ((v = v * 10 + (**text - '0')) > limit) return false;
    *value = v;
    return true;
}

static bool take_name(const char **text) {
    const char *from = *text;
    if (*from == '<') {
        const char *end = strchr(from, '>');
        if (end == NULL) return false;
        *text = end + 1;
        return true;
    }
    while ((**text >= 'A' && **text <= 'Z') || (**text >= 'a' && **text <= 'z'))
        ++*text;
    return *text - from >= 3;
}

static bool take_time(const char **text, int32_t *seconds) {
    bool negative = **text == '-';
    if (**text == '-' || **text == '+') ++*text;
    int part[3] = {0, 0, 0};
    if (!take_number(text, 167, &part[0])) return false;
    for (int i = 1; i < 3 && **text == ':'; i++) {
        ++*text;
        if (!take_number(text, 59, &part[i])) return false;
    }
    *seconds = part[0] * 3600 + part[1] * 60 + part[2];
    if (negative) *seconds = -*seconds;
    return true;
}

static bool take_change(const char **text, change *c) {
    if (*(*text)++ != ',') return false;
    if (**text == 'M') {
        c->form = MONTH_WEEK_DAY;
        ++*text;
        if (!take_number(text, 12, &c->month) || c->month < 1 || *(*text)++ != '.') return false;
        if (!take_number(text, 5, &c->week) || c->week < 1 || *(*text)++ != '.') return false;
        if (!take_number(text, 6, &c->day)) return false;
    } else if (**text == 'J') {
        c->form = JULIAN;
        ++*text;
        if (!take_number(text, 365, &c->day) || c->day < 1) return false;
    } else {
        c->form = DAY_OF_YEAR;
        if (!take_number(text, 365, &c->day)) return false;
    }
    c->time_s = 7200;
    if (**text != '/') return true;
    ++*text;
    return take_time(text, &c->time_s);
}

static bool take_rule(tl_zone *zone, const char *text) {
    if (!take_name(&text) || !take_time(&text, &zone->standard_s)) return false;
    zone->standard_s = -zone->standard_s;
    zone->has_daylight = *text != 0;
    if (!zone->has_daylight) return true;
    if (!take_name(&text)) return false;
    zone->daylight_s = zone->standard_s + 3600;
    if (*text != ',') {
        if (!take_time(&text, &zone->daylight_s)) return false;
        zone->daylight_s = -zone->daylight_s;
    }
    return take_change(&text, &zone->begin) && take_change(&text, &zone->end) && *text == 0;
}

/* The local time at which a change happens in a year, in seconds since 1970-01-01 00:00 of the clock before it. */
static int64_t change_local_s(const change *c, int year) {
    int64_t first = tl_days_of(year, 1, 1), day;
    if (c->form == MONTH_WEEK_DAY) {
        int64_t month = tl_days_of(year, (unsigned)c->month, 1);
        day = month + (c->day - (int)tl_weekday_of_days(month) + 7) % 7 + (c->week - 1) * 7;
        if (day >= month + tl_month_length((unsigned)year, (unsigned)c->month)) day -= 7;
    } else {
        day = first + c->day - (c->form == JULIAN);
        if (c->form == JULIAN && c->day >= 60 && tl_month_length((unsigned)year, 2) == 29) day++;
    }
    return day * TL_SECONDS_PER_DAY + c->time_s;
}

static int32_t rule_offset_s(const tl_zone *zone, int64_t at_s) {
    if (!zone->has_daylight) return zone->standard_s;
    int year = (int)(tl_date_of_days(tl_floor_div(at_s + zone->standard_s, TL_SECONDS_PER_DAY)) / 10000);
    int64_t begin = change_local_s(&zone->begin, year) - zone->standard_s;
    int64_t end = change_local_s(&zone->end, year) - zone->daylight_s;
    bool daylight = begin < end ? at_s >= begin && at_s < end : at_s >= begin || at_s < end;
    return daylight ? zone->daylight_s : zone->standard_s;
}

static uint32_t big32(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t big64(const uint8_t *p) {
    return (int64_t)((uint64_t)big32(p) << 32 | big32(p + 4));
}

typedef struct block {
    size_t utc_flags, standard_flags, leaps, times, types, name_bytes, bytes;
} block;

static bool read_header(const uint8_t *data, size_t length, size_t time_bytes, block *b) {
    if (length < HEADER_BYTES || memcmp(data, "TZif", 4) != 0) return false;
    b->utc_flags = big32(data + 20);
    b->standard_flags = big32(data + 24);
    b->leaps = big32(data + 28);
    b->times = big32(data + 32);
    b->types = big32(data + 36);
    b->name_bytes = big32(data + 40);
    if (b->utc_flags > MAX_TYPES || b->standard_flags > MAX_TYPES || b->leaps > 10000 || b->times > 100000 ||
        b->types == 0 || b->types > MAX_TYPES || b->name_bytes > 10000)
        return false;
    b->bytes = b->times * (time_bytes + 1) + b->types * 6 + b->name_bytes + b->leaps * (time_bytes + 4) + b->standard_flags +
               b->utc_flags;
    return b->bytes <= length - HEADER_BYTES;
}

/* Takes the 64-bit block and the footer. False when the data is not what RFC 8536 says. */
static bool take_file(tl_zone *zone, const uint8_t *data, size_t length) {
    block b;
    if (!read_header(data, length, 4, &b) || data[4] < '2') return false;
    data += HEADER_BYTES + b.bytes;
    length -= HEADER_BYTES + b.bytes;
    if (!read_header(data, length, 8, &b)) return false;
    data += HEADER_BYTES;
    length -= HEADER_BYTES;
    const uint8_t *index = data + b.times * 8, *types = index + b.times;
    zone->at_s = malloc((b.times + 1) * sizeof *zone->at_s);
    zone->after_s = malloc((b.times + 1) * sizeof *zone->after_s);
    if (zone->at_s == NULL || zone->after_s == NULL) return false;
    zone->before_s = (int32_t)big32(types);
    zone->count = b.times;
    for (size_t i = 0; i < b.times; i++) {
        zone->at_s[i] = big64(data + i * 8);
        if (index[i] >= b.types || (i > 0 && zone->at_s[i] <= zone->at_s[i - 1])) return false;
        zone->after_s[i] = (int32_t)big32(types + index[i] * 6);
        if (zone->after_s[i] < -93599 || zone->after_s[i] > 93599) return false;
    }
    if (zone->before_s < -93599 || zone->before_s > 93599) return false;
    data += b.bytes;
    length -= b.bytes;
    char footer[128];
    if (length < 2 || data[0] != '\n') return false;
    const uint8_t *end = memchr(data + 1, '\n', length - 1);
    if (end == NULL || (size_t)(end - data) > sizeof footer) return false;
    size_t bytes = (size_t)(end - data) - 1;
    memcpy(footer, data + 1, bytes);
    footer[bytes] = 0;
    zone->has_rule = bytes > 0;
    return !zone->has_rule || take_rule(zone, footer);
}

static bool name_allowed(const char *name) {
    if (name[0] == 0 || name[0] == '/' || strlen(name) >= ZONE_NAME_BYTES || strstr(name, "..") != NULL) return false;
    for (const char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || strchr("/_+-", *p)))
            return false;
    return true;
}

tl_status tl_zone_load(const char *name, tl_zone **out) {
    if (!name_allowed(name)) return tl_error_set(TL_ERR_NOT_FOUND, "'%.64s' is not the name of a time zone", name);
    const char *folder = getenv("TZDIR");
    if (folder == NULL || folder[0] == 0) folder = "/usr/share/zoneinfo";
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        snprintf(path, sizeof path, "%s/UTC", folder);
        FILE *probe = fopen(path, "rbe");
        if (probe == NULL)
            return tl_error_set(TL_ERR_NOT_FOUND,
                                "time zone %s: no zone database in %s: install the package tzdata (or set TZDIR)", name,
                                folder);
        fclose(probe);
        return tl_error_set(TL_ERR_NOT_FOUND, "there is no time zone '%s' in %s", name, folder);
    }
    tl_zone *zone = calloc(1, sizeof *zone);
    uint8_t *data = malloc(MAX_FILE_BYTES);
    tl_status status = TL_OK;
    if (zone == NULL || data == NULL) {
        status = tl_error_set(TL_ERR_NO_MEMORY, "no memory for time zone %s", name);
    } else {
        strcpy(zone->name, name);
        size_t length = fread(data, 1, MAX_FILE_BYTES, file);
        if (!take_file(zone, data, length))
            status = tl_error_set(TL_ERR_FORMAT, "time zone %s: %s/%s is not a TZif file of version 2 or later", name,
                                  folder, name);
    }
    fclose(file);
    free(data);
    if (status != TL_OK) {
        tl_zone_free(zone);
        return status;
    }
    *out = zone;
    return TL_OK;
}

void tl_zone_free(tl_zone *zone) {
    if (zone == NULL) return;
    free(zone->at_s);
    free(zone->after_s);
    free(zone);
}

const char *tl_zone_name(const tl_zone *zone) {
    return zone->name;
}

int32_t tl_zone_offset_s(const tl_zone *zone, int64_t at_s) {
    size_t low = 0, high = zone->count; /* the number of changes at or before at_s */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->at_s[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == zone->count && zone->has_rule) return rule_offset_s(zone, at_s);
    return low == 0 ? zone->before_s : zone->after_s[low - 1];
}

int64_t tl_zone_from_local_s(const tl_zone *zone, int64_t local_s) {
    /* No offset is a day or more, so these two are the offsets before and after any change near that local time. */
    int32_t before = tl_zone_offset_s(zone, local_s - TL_SECONDS_PER_DAY);
    int32_t after = tl_zone_offset_s(zone, local_s + TL_SECONDS_PER_DAY);
    if (before == after || tl_zone_offset_s(zone, local_s - before) == before) return local_s - before;
    if (tl_zone_offset_s(zone, local_s - after) == after) return local_s - after;
    return local_s - before;
}
