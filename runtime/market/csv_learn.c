#include "market/csv_learn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "market/date.h"

static const int64_t LONGEST_BAR_NS = 366 * TL_NS_PER_DAY;
enum { USUAL_DECIMALS = 8, MOST_DECIMALS = 12, CENT_DECIMALS = 2 };
/* Scripts see mantissas as doubles, which are exact to 2^53; prices may grow a hundredfold within a file. */
static const double most_mantissa = 9.0e15 / 100;

static void see(tl_csv_seen *seen, const tl_csv_layout *layout, const tl_csv_row *row) {
    for (uint32_t i = 0; i < layout->count; i++) {
        const tl_csv_column_of *column = &layout->columns[i];
        if (column->role != TL_CSV_NUMBER || column->slot == TL_CSV_TRADE_COUNT || column->slot == TL_CSV_VWAP) continue;
        const tl_number *number = &row->numbers[column->slot];
        if (!number->present) continue;
        bool price = tl_csv_slot_is_price(column->slot);
        double value = fabs(tl_number_double(number));
        double *greatest = price ? &seen->greatest_price : &seen->greatest_quantity;
        int32_t *decimals = price ? &seen->price_decimals : &seen->quantity_decimals;
        if (value > *greatest) *greatest = value;
        int d = tl_number_decimals(number);
        if (d > *decimals) *decimals = d;
    }
}

static int fit_decimals(int decimals, double greatest) {
    while (decimals > 0 && greatest * pow(10, decimals) > most_mantissa)
        decimals--;
    return decimals;
}

static int at_most(int value, int limit) {
    return value < limit ? value : limit;
}

void tl_csv_units(const tl_csv_seen *seen, int32_t price_exponent, tl_instrument *instrument) {
    int found = at_most(seen->price_decimals, MOST_DECIMALS);
    int decimals = price_exponent != 0 ? -price_exponent
                                       : fit_decimals(found > USUAL_DECIMALS ? found : USUAL_DECIMALS, seen->greatest_price);
    instrument->price_exponent = -decimals;
    if (found < CENT_DECIMALS) found = CENT_DECIMALS; /* round numbers do not make a tick */
    instrument->tick = tl_power_of_ten_i64(decimals - at_most(found, decimals));
    decimals = at_most(seen->quantity_decimals, MOST_DECIMALS);
    if (decimals > 0)
        decimals = fit_decimals(decimals > USUAL_DECIMALS ? decimals : USUAL_DECIMALS, seen->greatest_quantity);
    instrument->quantity_exponent = -decimals;
}

/* Goes on with the first row until it can be read: columns of outside data that hold text are left out. */
static void settle_columns(tl_csv_reader *reader, tl_csv_layout *layout, tl_csv_row *row, size_t at) {
    int column;
    const char *why;
    if (layout->time_of_day >= 0) {
        int date = layout->time_of_day, time = layout->time;
        layout->columns[date].role = TL_CSV_TIME;
        layout->columns[time].role = TL_CSV_TIME_OF_DAY;
        layout->time = date;
        layout->time_of_day = time;
        tl_status status = tl_csv_row_next(reader, layout, row, &column, &why);
        if (status == TL_ERR_FORMAT && (column == date || column == time)) {
            layout->columns[time].role = TL_CSV_TIME;
            layout->columns[date].role = TL_CSV_SKIP;
            layout->time = time;
            layout->time_of_day = -1;
        }
        reader->at = at;
    }
    while (layout->kind == TL_CSV_DATA && tl_csv_row_next(reader, layout, row, &column, &why) == TL_ERR_FORMAT &&
           column >= 0 && (uint32_t)column < layout->count && layout->columns[column].role == TL_CSV_VALUE) {
        layout->columns[column].role = TL_CSV_SKIP;
        reader->at = at;
    }
    reader->at = at;
}

tl_status tl_csv_look_ahead(tl_csv_reader *reader, tl_csv_layout *layout, tl_csv_row *row, tl_csv_sample *sample) {
    size_t at = reader->at;
    uint64_t line = reader->line;
    bool broken = reader->broken;
    int column;
    const char *why;
    char first[256] = "";
    uint32_t book_sides = 0;
    sample->rows = 0;
    sample->seen = (tl_csv_seen){0};
    reader->peeking = true;
    row->book_side = false;
    settle_columns(reader, layout, row, at);
    for (;;) {
        tl_status status = tl_csv_row_next(reader, layout, row, &column, &why);
        if (status == TL_END || sample->rows == TL_CSV_SAMPLE_ROWS)
            break; /* all rows in the first buffer are the bound of bad ones */
        if (status != TL_OK) {
            if (first[0] == 0)
                snprintf(first, sizeof first, "line %llu, column %d (%.64s): %s", (unsigned long long)reader->line,
                         column + 1, column >= 0 && (uint32_t)column < layout->count ? layout->columns[column].name : "",
                         why);
            continue;
        }
        sample->stamps[sample->rows++] = row->stamp;
        book_sides += row->book_side;
        see(&sample->seen, layout, row);
    }
    reader->peeking = false;
    reader->broken = broken;
    reader->at = at;
    reader->line = line;
    /* Trades are bought and sold; rows whose sides are bid and ask are levels of a book. */
    if (layout->guessed && layout->kind == TL_CSV_TRADES && book_sides > 0 && book_sides == sample->rows)
        layout->kind = TL_CSV_DEPTH;
    if (sample->rows == 0 && first[0] != 0)
        return tl_error_set(TL_ERR_FORMAT, "none of its first rows can be read: %s", first);
    return TL_OK;
}

static int64_t instant_ns(tl_csv_times *times, const tl_stamp *stamp) {
    if (stamp->form == TL_STAMP_OFFSET || stamp->form == TL_STAMP_EPOCH)
        return stamp->days * TL_NS_PER_DAY + stamp->tod_ns - (int64_t)stamp->offset_s * TL_NS_PER_S;
    if (stamp->days != times->day) {
        int64_t local_s = stamp->days * TL_SECONDS_PER_DAY;
        times->day = stamp->days;
        times->midnight_s = tl_zone_from_local_s(times->zone, local_s);
        times->whole_day =
            tl_zone_from_local_s(times->zone, local_s + TL_SECONDS_PER_DAY) - times->midnight_s == TL_SECONDS_PER_DAY;
    }
    if (times->whole_day) return times->midnight_s * TL_NS_PER_S + stamp->tod_ns;
    int64_t tod_s = stamp->tod_ns / TL_NS_PER_S;
    return tl_zone_from_local_s(times->zone, stamp->days * TL_SECONDS_PER_DAY + tod_s) * TL_NS_PER_S +
           stamp->tod_ns % TL_NS_PER_S;
}

/* The day that a stamp at midnight names; false for one that is not at midnight. */
static bool day_of(const tl_csv_times *times, const tl_stamp *stamp, int64_t *days) {
    *days = stamp->days;
    if (!times->in_zone || stamp->form == TL_STAMP_DATE || stamp->form == TL_STAMP_LOCAL) return stamp->tod_ns == 0;
    int64_t ns = stamp->days * TL_NS_PER_DAY + stamp->tod_ns - (int64_t)stamp->offset_s * TL_NS_PER_S;
    int64_t s = tl_floor_div(ns, TL_NS_PER_S);
    int64_t local_s = s + tl_zone_offset_s(times->zone, s);
    *days = tl_floor_div(local_s, TL_SECONDS_PER_DAY);
    return ns == s * TL_NS_PER_S && local_s == *days * TL_SECONDS_PER_DAY;
}

/* Do the rows stand for days: are they at midnight, as written or in the zone? A few among the many may be wrong. */
static bool at_midnight(tl_csv_times *times, const tl_csv_sample *sample) {
    bool dates = sample->rows > 0 && sample->stamps[0].form == TL_STAMP_DATE;
    for (times->in_zone = 0; times->in_zone < 2; times->in_zone++) {
        uint32_t count = 0;
        int64_t days;
        for (uint32_t i = 0; i < sample->rows; i++)
            count += day_of(times, &sample->stamps[i], &days);
        if (count > 0 && count >= sample->rows - sample->rows / (dates ? 2 : 10)) return true;
    }
    times->in_zone = 0;
    return false;
}

static const char *duration_text(int64_t ns, char *text, size_t size) {
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{TL_NS_PER_DAY, "d"},
                 {3600 * (int64_t)TL_NS_PER_S, "h"},
                 {60 * (int64_t)TL_NS_PER_S, "m"},
                 {TL_NS_PER_S, "s"},
                 {TL_NS_PER_MS, "ms"},
                 {TL_NS_PER_US, "us"},
                 {1, "ns"}};
    size_t i = 0;
    while (ns % units[i].ns != 0)
        i++;
    snprintf(text, size, "%lld%s", (long long)(ns / units[i].ns), units[i].unit);
    return text;
}

/* Weeks, months, quarters and years by the smallest step between dates. */
static void set_period(tl_csv_times *times, int64_t step_days) {
    times->period_days = (int32_t)(step_days < 366 ? step_days : 366);
    times->period_months = 0;
    if (step_days <= 8) times->period_days = 7;
    if (step_days >= 28 && step_days <= 31) times->period_months = 1;
    if (step_days >= 89 && step_days <= 92) times->period_months = 3;
    if (step_days >= 365 && step_days <= 366) times->period_months = 12;
    if (times->period_months > 0) times->period_days = times->period_months == 12 ? 365 : 30 * times->period_months;
    times->interval_ns = times->period_days * TL_NS_PER_DAY;
}

static int compare_days(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The median distance of rows in days: the last week or month of a file is often cut short. */
static int64_t usual_step_days(const tl_csv_sample *sample) {
    int64_t steps[TL_CSV_SAMPLE_ROWS];
    size_t n = 0;
    for (uint32_t i = 1; i < sample->rows; i++)
        if (sample->stamps[i].days != sample->stamps[i - 1].days)
            steps[n++] = sample->stamps[i].days - sample->stamps[i - 1].days;
    if (n == 0) return 0;
    qsort(steps, n, sizeof *steps, compare_days);
    return steps[n / 2];
}

static tl_status bars_init(tl_csv_times *times, const tl_csv_options *options, const tl_csv_sample *sample, int64_t step) {
    char text[32], other[32];
    times->interval_ns = options->interval_ns;
    if (sample->rows == 0) return TL_OK;
    int64_t usual_days = usual_step_days(sample); /* 0 when all rows are of one day */
    bool dates = sample->stamps[0].form == TL_STAMP_DATE;
    if (at_midnight(times, sample) && (dates || (usual_days > 0 && times->interval_ns % TL_NS_PER_DAY == 0))) {
        bool stated_day = times->interval_ns == TL_NS_PER_DAY;
        if (usual_days == 0) usual_days = times->interval_ns / TL_NS_PER_DAY;
        times->stamps = TL_CSV_STAMPS_DAY;
        times->interval_ns = TL_NS_PER_DAY;
        if (stated_day || usual_days < 5) return TL_OK;
        set_period(times, usual_days);
        times->stamps = TL_CSV_STAMPS_LONG;
        if (times->bar_time != TL_BAR_TIME_UNSTATED) return TL_OK;
        return tl_error_set(
            TL_ERR_FORMAT,
            "its dates are %lld days apart; is a row's date the first or the last day of its bar? The file does not say: "
            "--bar-time open|close",
            (long long)usual_days);
    }
    if (times->interval_ns == 0) {
        if (step == INT64_MAX)
            return tl_error_set(TL_ERR_FORMAT, "one row does not tell its bar's length: state it (SYMBOL@1m=FILE)");
        if (step > LONGEST_BAR_NS)
            return tl_error_set(TL_ERR_FORMAT, "its rows are more than a year apart, and a bar is of a year at most");
        times->interval_ns = step;
        /* Days with a time of day lie 23 hours apart when the clock goes forward. */
        if (step > 20 * 3600 * (int64_t)TL_NS_PER_S && step < 2 * TL_NS_PER_DAY) times->interval_ns = TL_NS_PER_DAY;
    } else if (step < times->interval_ns && times->interval_ns < TL_NS_PER_DAY) {
        return tl_error_set(TL_ERR_FORMAT, "its rows are %s apart, and its bars were stated to be of %s",
                            duration_text(step, text, sizeof text), duration_text(times->interval_ns, other, sizeof other));
    }
    if (times->bar_time == TL_BAR_TIME_UNSTATED)
        return tl_error_set(TL_ERR_FORMAT,
                            "bars of %s: does a row's time stand for its bar's open or close? The file does not say: "
                            "--bar-time open|close",
                            duration_text(times->interval_ns, text, sizeof text));
    return TL_OK;
}

tl_status tl_csv_times_init(tl_csv_times *times, const tl_csv_options *options, const tl_calendars *calendars,
                            const tl_csv_layout *layout, const tl_csv_sample *sample) {
    *times = (tl_csv_times){.calendars = calendars,
                            .calendar = options->calendar,
                            .kind = layout->kind,
                            .day = INT64_MIN,
                            .session_day = INT64_MIN};
    times->bar_time = options->bar_time != TL_BAR_TIME_UNSTATED ? options->bar_time : layout->bar_time;
    if (options->interval_ns < 0 || options->interval_ns > LONGEST_BAR_NS)
        return tl_error_set(TL_ERR_ARGUMENT, "bars of %lld ns: a length lies between 0 and a year",
                            (long long)options->interval_ns);
    bool named = options->zone != NULL && options->zone[0] != 0;
    tl_status status = tl_zone_load(named ? options->zone : tl_calendars_zone(calendars, options->calendar), &times->zone);
    if (status != TL_OK) return status;
    int64_t step = INT64_MAX;
    uint32_t up = 0, down = 0;
    for (uint32_t i = 1; i < sample->rows; i++) {
        int64_t change, now = instant_ns(times, &sample->stamps[i]), last = instant_ns(times, &sample->stamps[i - 1]);
        if (__builtin_sub_overflow(now, last, &change)) change = now > last ? INT64_MAX : INT64_MIN;
        up += change > 0;
        down += change < 0;
        if (change > 0 && change < step) step = change;
    }
    if (down > up && down > 1)
        return tl_error_set(TL_ERR_FORMAT, "its rows run from the newest to the oldest: sort them by time");
    if (layout->kind == TL_CSV_BARS) return bars_init(times, options, sample, step);
    /* Outside data of a day is known when the day is over. */
    if (layout->kind == TL_CSV_DATA && at_midnight(times, sample) && usual_step_days(sample) > 0)
        times->stamps = TL_CSV_STAMPS_DAY;
    return TL_OK;
}

void tl_csv_times_close(tl_csv_times *times) {
    tl_zone_free(times->zone);
    times->zone = NULL;
}

static bool session_of(tl_csv_times *times, int64_t days) {
    if (times->session_day == days) return true;
    if (!tl_calendars_hours(times->calendars, times->calendar, tl_date_of_days(days), &times->session)) return false;
    times->session_day = days;
    return true;
}

/* A bar of minutes or hours that begins within a session is over when the session is. */
static int64_t close_within_session(tl_csv_times *times, int64_t open_ns) {
    int64_t close_ns = open_ns + times->interval_ns;
    const tl_session *session = &times->session;
    if (times->session_day == INT64_MIN || open_ns < session->pre_open_ns || open_ns >= session->post_close_ns) {
        if (!session_of(times, tl_days_of_date(tl_calendars_date(times->calendars, times->calendar, open_ns))))
            return close_ns;
    }
    if (session->close_ns - session->open_ns >= TL_NS_PER_DAY) return close_ns; /* it never rests */
    bool inside = open_ns >= session->open_ns && open_ns < session->close_ns;
    return inside && close_ns > session->close_ns ? session->close_ns : close_ns;
}

/* The first day of the period behind the one that begins on a day. */
static int64_t next_period(const tl_csv_times *times, int64_t days) {
    if (times->period_months == 0) return days + times->period_days;
    uint32_t date = tl_date_of_days(days);
    unsigned month = date / 100 % 100 - 1 + (unsigned)times->period_months, year = date / 10000 + month / 12;
    month = month % 12 + 1;
    unsigned day = date % 100, length = tl_month_length(year, month);
    return tl_days_of(year, month, day < length ? day : length);
}

static const char *long_bar(tl_csv_times *times, int64_t days, int64_t *ts_ns) {
    int64_t first = days, last = days;
    if (times->bar_time == TL_BAR_TIME_OPEN)
        last = next_period(times, days) - 1;
    else
        first = days - times->period_days + 1;
    tl_session session;
    int64_t day = last; /* the last session that it holds, else its last day */
    while (day > first && !tl_calendars_session(times->calendars, times->calendar, tl_date_of_days(day), &session))
        day--;
    if (!tl_calendars_session(times->calendars, times->calendar, tl_date_of_days(day), &session)) day = last;
    if (!tl_calendars_hours(times->calendars, times->calendar, tl_date_of_days(first), &session))
        return "the date is out of range";
    times->open_ns = session.open_ns;
    if (!tl_calendars_hours(times->calendars, times->calendar, tl_date_of_days(day), &session))
        return "the date is out of range";
    *ts_ns = session.close_ns;
    return NULL;
}

const char *tl_csv_times_of(tl_csv_times *times, const tl_stamp *stamp, int64_t *ts_ns) {
    if (TL_LIKELY(times->stamps == TL_CSV_STAMPS_INSTANT)) {
        if (stamp->form == TL_STAMP_DATE) {
            if (times->kind == TL_CSV_BARS) return "a date alone among bars that have a time of day";
            if (!session_of(times, stamp->days)) return "the date is out of range";
            *ts_ns = times->session.close_ns;
            return NULL;
        }
        int64_t at_ns = instant_ns(times, stamp);
        *ts_ns = at_ns;
        if (times->kind != TL_CSV_BARS) return NULL;
        if (times->bar_time == TL_BAR_TIME_OPEN) {
            times->open_ns = at_ns;
            *ts_ns = close_within_session(times, at_ns);
        } else {
            times->open_ns = at_ns - times->interval_ns;
        }
        return NULL;
    }
    int64_t days;
    if (!day_of(times, stamp, &days)) return "a time of day among rows that stand for whole days";
    if (times->stamps == TL_CSV_STAMPS_LONG) return long_bar(times, days, ts_ns);
    /* Where a session ends at midnight, the stamp of its close is the midnight behind it. */
    if (times->bar_time == TL_BAR_TIME_CLOSE && stamp->form != TL_STAMP_DATE && session_of(times, days - 1) &&
        times->session.close_ns - times->session.open_ns >= TL_NS_PER_DAY)
        days--;
    if (!session_of(times, days)) return "the date is out of range";
    times->open_ns = times->session.open_ns;
    *ts_ns = times->session.close_ns;
    return NULL;
}

struct tl_csv_symbols {
    tl_instruments *names; /* ids are places in `seen` */
    tl_csv_seen *seen;
    uint32_t capacity;
    uint32_t switches;  /* rows of another symbol than the row before */
    uint32_t backwards; /* of those, earlier than it */
};

static tl_status symbol_seen(tl_csv_symbols *symbols, const char *symbol, tl_csv_seen **seen) {
    uint32_t id = tl_instruments_find(symbols->names, symbol);
    if (id == (uint32_t)TL_NO_INSTRUMENT) {
        tl_instrument one = {0};
        strcpy(one.symbol, symbol);
        tl_status status = tl_instruments_add(symbols->names, &one, &id);
        if (status != TL_OK) return status;
        if (id >= symbols->capacity) {
            uint32_t grown = symbols->capacity ? symbols->capacity * 2 : 64;
            tl_csv_seen *all = realloc(symbols->seen, grown * sizeof *all);
            if (all == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u symbols", grown);
            symbols->seen = all;
            symbols->capacity = grown;
        }
        symbols->seen[id] = (tl_csv_seen){0};
    }
    *seen = &symbols->seen[id];
    return TL_OK;
}

tl_status tl_csv_scan_symbols(tl_csv_reader *reader, const tl_csv_layout *layout, tl_csv_row *row, tl_csv_times *times,
                              tl_csv_symbols **out) {
    tl_csv_symbols *symbols = calloc(1, sizeof *symbols);
    *out = symbols;
    if (symbols == NULL || (symbols->names = tl_instruments_create()) == NULL)
        return tl_error_set(TL_ERR_NO_MEMORY, "%s: no memory for its symbols", reader->path);
    char last[TL_SYMBOL_BYTES] = "";
    int64_t last_ns = INT64_MIN, ts_ns;
    int column;
    const char *why;
    tl_status status;
    while ((status = tl_csv_row_next(reader, layout, row, &column, &why)) != TL_END) {
        if (status == TL_ERR_IO) return status;
        if (status != TL_OK || row->symbol[0] == 0 || tl_csv_times_of(times, &row->stamp, &ts_ns) != NULL) continue;
        tl_csv_seen *seen = NULL;
        status = symbol_seen(symbols, row->symbol, &seen);
        if (status != TL_OK) return tl_error_prefix(status, "%s", reader->path);
        /* What its first rows show and no more: units that follow from later ones would let a strategy see ahead. */
        if (seen->rows < TL_CSV_SAMPLE_ROWS) {
            seen->rows++;
            see(seen, layout, row);
        }
        if (strcmp(last, row->symbol) != 0) {
            symbols->switches++;
            symbols->backwards += ts_ns < last_ns;
            strcpy(last, row->symbol);
        }
        last_ns = ts_ns;
    }
    status = tl_csv_reader_rewind(reader);
    return status == TL_OK ? TL_OK : tl_error_prefix(status, "%s", reader->path);
}

void tl_csv_symbols_free(tl_csv_symbols *symbols) {
    if (symbols == NULL) return;
    tl_instruments_destroy(symbols->names);
    free(symbols->seen);
    free(symbols);
}

uint32_t tl_csv_symbols_count(const tl_csv_symbols *symbols) {
    return tl_instruments_count(symbols->names);
}

const tl_csv_seen *tl_csv_symbols_at(const tl_csv_symbols *symbols, uint32_t i, const char **symbol) {
    *symbol = tl_instruments_at(symbols->names, i)->symbol;
    return &symbols->seen[i];
}

bool tl_csv_symbols_grouped(const tl_csv_symbols *symbols) {
    return symbols->backwards > 0 && symbols->switches <= 2 * tl_instruments_count(symbols->names);
}
