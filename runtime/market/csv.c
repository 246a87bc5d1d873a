#include "market/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "market/csv_learn.h"
#include "market/date.h"

/* What is kept of an instrument between its rows. */
typedef struct known {
    int64_t last_ns;        /* of its last event */
    int64_t tick;           /* as the table has it */
    int8_t ours;            /* this file brought it: its tick may still be refined */
    int8_t decimals;        /* that its tick has */
    int8_t price, quantity; /* exponents */
    int64_t *levels; /* of depth in one row: bid price and size, ask price and size, of each level in the row before */
} known;

struct tl_csv {
    tl_csv_reader reader;
    tl_csv_options options;
    tl_csv_layout layout;
    tl_csv_times times;
    tl_instruments *instruments;
    known *known; /* by instrument id */
    uint32_t known_count;
    uint32_t instrument; /* of files without a symbol column, and the last one found */
    char symbol[TL_SYMBOL_BYTES];
    char wanted[TL_SYMBOL_BYTES]; /* only rows of this symbol; "" = all */
    int64_t last_ns;
    uint64_t rows, problems;
    tl_csv_row row;
    tl_event *pending; /* level changes of the row in hand */
    uint32_t pending_count, pending_next;
    uint32_t values; /* columns of outside data */
    uint16_t value_column[TL_CSV_MAX_COLUMNS];
    char first_problem[TL_CSV_TEXT_BYTES];
};

static const char *column_name(const tl_csv *csv, uint32_t column) {
    return column < csv->layout.count ? csv->layout.columns[column].name : "";
}

/* Counts a row that cannot be; the thread's error text becomes the sentence. */
static tl_status bad_row(tl_csv *csv, int column, const char *format, ...) TL_PRINTF(3, 4);
static tl_status bad_row(tl_csv *csv, int column, const char *format, ...) {
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (column >= 0)
        tl_error_set(TL_ERR_FORMAT, "%s, line %llu, column %d (%s): %s", csv->reader.path,
                     (unsigned long long)csv->reader.line, column + 1, column_name(csv, (uint32_t)column), what);
    else
        tl_error_set(TL_ERR_FORMAT, "%s, line %llu: %s", csv->reader.path, (unsigned long long)csv->reader.line, what);
    if (csv->problems++ == 0) snprintf(csv->first_problem, sizeof csv->first_problem, "%s", tl_error_text());
    return TL_ERR_FORMAT;
}

static int column_of_slot(const tl_csv *csv, int slot) {
    for (uint32_t i = 0; i < csv->layout.count; i++)
        if (csv->layout.columns[i].role == TL_CSV_NUMBER && csv->layout.columns[i].slot == slot) return (int)i;
    return -1;
}

static tl_status grow_known(tl_csv *csv, uint32_t id) {
    uint32_t count = csv->known_count ? csv->known_count : 16;
    while (count <= id)
        count *= 2;
    known *all = realloc(csv->known, count * sizeof *all);
    if (all == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "%s: no memory for %u instruments", csv->reader.path, count);
    memset(all + csv->known_count, 0, (count - csv->known_count) * sizeof *all);
    csv->known = all;
    csv->known_count = count;
    return TL_OK;
}

static int decimals_of_tick(int64_t tick, int exponent) {
    int decimals = -exponent;
    for (; decimals > 0 && tick % 10 == 0; tick /= 10)
        decimals--;
    return decimals;
}

static tl_status know(tl_csv *csv, uint32_t id, bool ours) {
    if (id >= csv->known_count) {
        tl_status status = grow_known(csv, id);
        if (status != TL_OK) return status;
    }
    const tl_instrument *instrument = tl_instruments_at(csv->instruments, id);
    known *k = &csv->known[id];
    k->last_ns = INT64_MIN;
    k->tick = instrument->tick;
    k->ours = ours;
    k->price = (int8_t)instrument->price_exponent;
    k->quantity = (int8_t)instrument->quantity_exponent;
    k->decimals = (int8_t)decimals_of_tick(instrument->tick, instrument->price_exponent);
    if (csv->layout.levels > 0) {
        k->levels = malloc(csv->layout.levels * 4 * sizeof *k->levels);
        if (k->levels == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "%s: no memory for levels", csv->reader.path);
        for (uint32_t i = 0; i < csv->layout.levels * 4; i++)
            k->levels[i] = TL_ABSENT;
    }
    return TL_OK;
}

/* Adds an instrument with units that what was seen fits into, or takes the one that is there. */
static tl_status bring(tl_csv *csv, const char *symbol, const tl_csv_seen *seen) {
    if (strlen(symbol) >= TL_SYMBOL_BYTES)
        return tl_error_set(TL_ERR_FORMAT, "%s: symbol '%.40s' is longer than %d bytes", csv->reader.path, symbol,
                            TL_SYMBOL_BYTES - 1);
    uint32_t id = tl_instruments_find(csv->instruments, symbol);
    bool ours = id == (uint32_t)TL_NO_INSTRUMENT;
    if (ours) {
        tl_instrument one = {.calendar = csv->options.calendar};
        strcpy(one.symbol, symbol);
        tl_csv_units(seen, csv->options.price_exponent, &one);
        tl_status status = tl_instruments_add(csv->instruments, &one, &id);
        if (status != TL_OK) return tl_error_prefix(status, "%s", csv->reader.path);
    }
    csv->instrument = id;
    strcpy(csv->symbol, symbol);
    return know(csv, id, ours);
}

/* The symbols of a file that has a column for them. */
static tl_status bring_all(tl_csv *csv, const tl_csv_symbols *symbols) {
    uint32_t count = tl_csv_symbols_count(symbols);
    const char *wanted = csv->options.symbol;
    bool named = wanted != NULL && wanted[0] != 0;
    for (uint32_t i = 0; i < count; i++) {
        const char *symbol;
        const tl_csv_seen *seen = tl_csv_symbols_at(symbols, i, &symbol);
        if (named && count == 1) {
            /* One symbol in the file under the name that the caller gives it. */
            tl_status status = bring(csv, wanted, seen);
            csv->layout.columns[csv->layout.symbol].role = TL_CSV_SKIP;
            csv->layout.symbol = -1;
            return status;
        }
        if (named && strcmp(symbol, wanted) != 0) continue;
        tl_status status = bring(csv, symbol, seen);
        if (status != TL_OK) return status;
        if (named) {
            strcpy(csv->wanted, symbol);
            return TL_OK;
        }
    }
    if (count == 0) return TL_OK;
    if (named) return tl_error_set(TL_ERR_NOT_FOUND, "%s: no row has the symbol '%s'", csv->reader.path, wanted);
    if (tl_csv_symbols_grouped(symbols))
        return tl_error_set(
            TL_ERR_FORMAT,
            "%s: its rows are grouped by symbol and not ordered by time: sort the file by time, or give it once for each "
            "symbol (SYMBOL=FILE)",
            csv->reader.path);
    return TL_OK;
}

/* The file's name up to its first dot: AAPL of data/AAPL.csv.gz. False when that is nothing, or standard input. */
static bool symbol_of_path(const char *path, char *symbol) {
    const char *name = strrchr(path, '/');
    name = name == NULL ? path : name + 1;
    size_t length = strcspn(name, ".");
    if (length == 0 || length >= TL_SYMBOL_BYTES || strcmp(path, "-") == 0) return false;
    memcpy(symbol, name, length);
    symbol[length] = 0;
    return true;
}

static tl_status open_rows(tl_csv *csv, const tl_calendars *calendars) {
    tl_csv_sample sample;
    tl_status status = tl_csv_read_header(&csv->reader, csv->options.kind, csv->options.name, &csv->layout);
    if (status == TL_OK) status = tl_csv_look_ahead(&csv->reader, &csv->layout, &csv->row, &sample);
    if (status == TL_OK) status = tl_csv_times_init(&csv->times, &csv->options, calendars, &csv->layout, &sample);
    if (status != TL_OK) return tl_error_prefix(status, "%s", csv->reader.path);
    bool named = csv->options.symbol != NULL && csv->options.symbol[0] != 0;
    if (csv->layout.symbol >= 0) {
        tl_csv_symbols *symbols = NULL;
        status = tl_csv_scan_symbols(&csv->reader, &csv->layout, &csv->row, &csv->times, &symbols);
        if (status == TL_OK) status = bring_all(csv, symbols);
        tl_csv_symbols_free(symbols);
        if (status != TL_OK) return status;
        csv->instrument = (uint32_t)TL_NO_INSTRUMENT;
        if (csv->layout.symbol < 0) csv->instrument = tl_instruments_find(csv->instruments, csv->symbol);
        csv->symbol[0] = 0;
    } else if (csv->layout.kind == TL_CSV_DATA) {
        if (named) csv->instrument = tl_instruments_find(csv->instruments, csv->options.symbol);
    } else if (named || csv->reader.ticker[0] != 0) {
        status = bring(csv, named ? csv->options.symbol : csv->reader.ticker, &sample.seen);
    } else {
        char symbol[TL_SYMBOL_BYTES];
        status =
            symbol_of_path(csv->reader.full_path, symbol)
                ? bring(csv, symbol, &sample.seen)
                : tl_error_set(TL_ERR_ARGUMENT,
                               "%s: it has no symbol column and no short name, so its symbol must be given (SYMBOL=FILE)",
                               csv->reader.path);
    }
    if (csv->layout.kind == TL_CSV_DATA)
        for (uint32_t i = 0; i < csv->layout.count; i++)
            if (csv->layout.columns[i].role == TL_CSV_VALUE) csv->value_column[csv->values++] = (uint16_t)i;
    if (status == TL_OK && csv->layout.levels > 0) {
        csv->pending = malloc((csv->layout.levels * 4 + 1) * sizeof *csv->pending);
        if (csv->pending == NULL) status = tl_error_set(TL_ERR_NO_MEMORY, "%s: no memory for levels", csv->reader.path);
    }
    return status;
}

tl_status tl_csv_open(const char *path, const tl_csv_options *options, tl_instruments *instruments,
                      const tl_calendars *calendars, tl_csv **out) {
    if (options->price_exponent > 0 || options->price_exponent < -12)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: price_exponent is %d, and it goes from -12 to 0", path,
                            options->price_exponent);
    if (options->kind < TL_CSV_AUTO || options->kind > TL_CSV_DATA)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: there is no kind %d of file", path, options->kind);
    if (tl_calendars_name(calendars, options->calendar)[0] == 0)
        return tl_error_set(TL_ERR_ARGUMENT, "%s: there is no calendar %u", path, options->calendar);
    tl_csv *csv = calloc(1, sizeof *csv);
    if (csv == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    csv->options = *options;
    csv->instruments = instruments;
    csv->instrument = (uint32_t)TL_NO_INSTRUMENT;
    csv->last_ns = INT64_MIN;
    csv->row.id = TL_ABSENT; /* of files without such a column */
    tl_status status = tl_csv_reader_open(&csv->reader, path);
    if (status == TL_OK) status = open_rows(csv, calendars);
    if (status != TL_OK) {
        tl_csv_close(csv);
        return status;
    }
    csv->options.symbol = csv->options.name = csv->options.zone = NULL; /* the caller's strings may go */
    *out = csv;
    return TL_OK;
}

void tl_csv_close(tl_csv *csv) {
    if (csv == NULL) return;
    for (uint32_t i = 0; i < csv->known_count; i++)
        free(csv->known[i].levels);
    free(csv->known);
    free(csv->pending);
    tl_csv_times_close(&csv->times);
    tl_csv_reader_close(&csv->reader);
    free(csv);
}

int tl_csv_kind_of(const tl_csv *csv) {
    return csv->layout.kind;
}

int64_t tl_csv_interval_ns(const tl_csv *csv) {
    return csv->times.interval_ns;
}

/* A number of the row as a mantissa; a price finer than the tick refines the tick of an instrument that this file brought. */
static tl_status take(tl_csv *csv, known *k, int slot, int64_t *mantissa) {
    const tl_number *number = &csv->row.numbers[slot];
    bool price = tl_csv_slot_is_price((unsigned)slot);
    int exponent = slot == TL_CSV_TRADE_COUNT ? 0 : price ? k->price : k->quantity;
    if (TL_UNLIKELY(!tl_number_mantissa(number, exponent, mantissa)))
        return bad_row(csv, column_of_slot(csv, slot), "the number does not fit: with %d decimals the limit is %lld",
                       -exponent, (long long)(INT64_MAX / tl_power_of_ten_i64(-exponent)));
    if (TL_UNLIKELY(!price && *mantissa < 0 && number->present))
        return bad_row(csv, column_of_slot(csv, slot), "it is negative");
    if (TL_UNLIKELY(price && number->scale > k->decimals && k->ours && *mantissa % k->tick != 0 && number->present)) {
        tl_instrument *instrument = tl_instruments_edit(csv->instruments, csv->instrument);
        k->ours = instrument->tick == k->tick; /* somebody set it meanwhile, and means it */
        if (!k->ours) return TL_OK;
        do {
            k->tick /= 10;
            k->decimals++;
        } while (*mantissa % k->tick != 0);
        instrument->tick = k->tick;
    }
    return TL_OK;
}

static tl_status bar_event(tl_csv *csv, known *k, tl_event *event, tl_event_tail *tail) {
    int64_t w[4], volume, vwap, trades;
    for (int i = 0; i < 4; i++) {
        tl_status status = take(csv, k, TL_CSV_OPEN + i, &w[i]);
        if (status != TL_OK) return status;
        if (TL_UNLIKELY(w[i] == TL_ABSENT))
            return bad_row(csv, column_of_slot(csv, TL_CSV_OPEN + i), "the price is missing");
        if (TL_UNLIKELY(w[i] == 0)) return bad_row(csv, column_of_slot(csv, TL_CSV_OPEN + i), "the price is 0");
    }
    if (TL_UNLIKELY(w[1] < w[0] || w[1] < w[2] || w[1] < w[3]))
        return bad_row(csv, column_of_slot(csv, TL_CSV_HIGH), "the high is below the bar's %s",
                       w[1] < w[2]   ? "low"
                       : w[1] < w[0] ? "open"
                                     : "close");
    if (TL_UNLIKELY(w[2] > w[0] || w[2] > w[3]))
        return bad_row(csv, column_of_slot(csv, TL_CSV_LOW), "the low is above the bar's %s",
                       w[2] > w[0] ? "open" : "close");
    tl_status status = take(csv, k, TL_CSV_VOLUME, &volume);
    if (status == TL_OK) status = take(csv, k, TL_CSV_VWAP, &vwap);
    if (status == TL_OK) status = take(csv, k, TL_CSV_TRADE_COUNT, &trades);
    if (status != TL_OK) return status;
    event->kind = TL_EVENT_BAR;
    memcpy(event->w, w, sizeof w);
    *tail = (tl_event_tail){.w = {volume, trades, vwap, csv->times.open_ns, csv->times.interval_ns}};
    return TL_OK;
}

static tl_status trade_event(tl_csv *csv, known *k, tl_event *event) {
    int64_t price, size;
    tl_status status = take(csv, k, TL_CSV_PRICE, &price);
    if (status == TL_OK) status = take(csv, k, TL_CSV_SIZE, &size);
    if (status != TL_OK) return status;
    if (TL_UNLIKELY(price == TL_ABSENT || price == 0))
        return bad_row(csv, column_of_slot(csv, TL_CSV_PRICE), price == 0 ? "the price is 0" : "the price is missing");
    if (TL_UNLIKELY(size == TL_ABSENT || size == 0))
        return bad_row(csv, column_of_slot(csv, TL_CSV_SIZE), size == 0 ? "the size is 0" : "the size is missing");
    event->kind = TL_EVENT_TRADE;
    event->w[0] = price;
    event->w[1] = size;
    event->w[2] = csv->row.id == TL_ABSENT ? (int64_t)csv->rows : csv->row.id;
    event->w[3] = csv->row.side | TL_TRADE_NORMAL << 8;
    return TL_OK;
}

static tl_status quote_event(tl_csv *csv, known *k, tl_event *event) {
    static const int slots[4] = {TL_CSV_BID, TL_CSV_ASK, TL_CSV_BID_SIZE, TL_CSV_ASK_SIZE};
    for (int i = 0; i < 4; i++) {
        tl_status status = take(csv, k, slots[i], &event->w[i]);
        if (status != TL_OK) return status;
    }
    /* A side without an order is written as an empty cell, a price of 0 or a size of 0. */
    for (int i = 0; i < 2; i++)
        if (event->w[i] == TL_ABSENT || event->w[i] == 0 || event->w[i + 2] == 0) {
            event->w[i] = TL_ABSENT;
            event->w[i + 2] = 0;
        }
    event->kind = TL_EVENT_QUOTE;
    return TL_OK;
}

static void push_level(tl_csv *csv, const tl_event *head, int64_t price, int64_t size, int side) {
    tl_event *event = &csv->pending[csv->pending_count++];
    *event = *head;
    event->kind = TL_EVENT_LEVEL;
    event->w[0] = price;
    event->w[1] = size;
    event->w[2] = 0;
    event->w[3] = side;
}

static int64_t size_at(const int64_t *levels, uint32_t count, int side, int64_t price) {
    for (uint32_t i = 0; i < count; i++)
        if (levels[4 * i + side] == price) return levels[4 * i + 2 + side];
    return 0;
}

/* A row that holds the best levels becomes the changes against the row before. */
static tl_status depth_events(tl_csv *csv, known *k, tl_event *event) {
    uint32_t count = csv->layout.levels;
    int64_t now[4 * TL_CSV_MAX_LEVELS] = {0};
    for (uint32_t i = 0; i < 4 * count; i++) {
        now[i] = TL_ABSENT;
        if (!csv->row.numbers[TL_CSV_LEVELS + i].present) continue;
        tl_status status = take(csv, k, TL_CSV_LEVELS + (int)i, &now[i]);
        if (status != TL_OK) return status;
    }
    for (uint32_t i = 0; i < count; i++)
        for (int side = 0; side < 2; side++)
            if (now[4 * i + 2 + side] == 0 || now[4 * i + 2 + side] == TL_ABSENT || now[4 * i + side] == 0)
                now[4 * i + side] = TL_ABSENT;
    for (uint32_t i = 0; i + 1 < count; i++)
        for (int side = 0; side < 2; side++) {
            int64_t better = now[4 * i + side], worse = now[4 * (i + 1) + side];
            if (better != TL_ABSENT && worse != TL_ABSENT && (side == 0 ? better <= worse : better >= worse))
                return bad_row(csv, column_of_slot(csv, (int)(TL_CSV_LEVELS + 4 * (i + 1)) + side),
                               "level %u is not behind the level in front of it", i + 2);
        }
    csv->pending_count = csv->pending_next = 0;
    for (int side = 0; side < 2; side++) {
        int which = side == 0 ? TL_SIDE_BUY : TL_SIDE_SELL;
        for (uint32_t i = 0; i < count; i++) {
            int64_t price = k->levels[4 * i + side];
            if (price != TL_ABSENT && size_at(now, count, side, price) == 0) push_level(csv, event, price, 0, which);
        }
        for (uint32_t i = 0; i < count; i++) {
            int64_t price = now[4 * i + side], size = now[4 * i + 2 + side];
            if (price != TL_ABSENT && size_at(k->levels, count, side, price) != size)
                push_level(csv, event, price, size, which);
        }
    }
    memcpy(k->levels, now, 4 * count * sizeof *now);
    csv->pending[csv->pending_count] = *event;
    csv->pending[csv->pending_count].kind = TL_EVENT_BOOK;
    csv->pending_count++;
    *event = csv->pending[csv->pending_next++];
    return TL_OK;
}

static tl_status level_event(tl_csv *csv, known *k, tl_event *event) {
    int64_t price, size;
    tl_status status = take(csv, k, TL_CSV_PRICE, &price);
    if (status == TL_OK) status = take(csv, k, TL_CSV_SIZE, &size);
    if (status != TL_OK) return status;
    if (price == TL_ABSENT || size == TL_ABSENT)
        return bad_row(csv, column_of_slot(csv, price == TL_ABSENT ? TL_CSV_PRICE : TL_CSV_SIZE), "it is missing");
    if (csv->row.side == TL_SIDE_NONE) return bad_row(csv, -1, "the side is missing: bid or ask, buy or sell");
    event->kind = TL_EVENT_LEVEL;
    event->w[0] = price;
    event->w[1] = size;
    event->w[2] = 0;
    event->w[3] = csv->row.side;
    return TL_OK;
}

/* The instrument of the row in hand. False when the row is none of ours; *status says more. */
static bool find_instrument(tl_csv *csv, tl_status *status) {
    *status = TL_OK;
    if (csv->layout.symbol < 0) return true;
    const tl_csv_row *row = &csv->row;
    if (csv->instrument != (uint32_t)TL_NO_INSTRUMENT && strcmp(csv->symbol, row->symbol) == 0) return true;
    if (csv->wanted[0] != 0 && strcmp(csv->wanted, row->symbol) != 0) return false;
    uint32_t id = row->symbol[0] == 0 ? (uint32_t)TL_NO_INSTRUMENT : tl_instruments_find(csv->instruments, row->symbol);
    if (id == (uint32_t)TL_NO_INSTRUMENT || id >= csv->known_count || csv->known[id].tick == 0) {
        *status = bad_row(csv, csv->layout.symbol,
                          row->symbol[0] == 0 ? "the symbol is missing" : "the symbol was not there before");
        return false;
    }
    strcpy(csv->symbol, row->symbol);
    csv->instrument = id;
    return true;
}

static tl_status row_event(tl_csv *csv, tl_event *event, tl_event_tail *tail) {
    int64_t ts_ns;
    const char *why = tl_csv_times_of(&csv->times, &csv->row.stamp, &ts_ns);
    if (TL_UNLIKELY(why != NULL)) return bad_row(csv, csv->layout.time, "%s", why);
    if (TL_UNLIKELY(ts_ns < csv->last_ns))
        return bad_row(csv, csv->layout.time,
                       "the time is before that of the row in front of it; rows must be ordered by time");
    known *k = csv->layout.kind == TL_CSV_DATA ? NULL : &csv->known[csv->instrument];
    if (TL_UNLIKELY(csv->layout.kind == TL_CSV_BARS && k->last_ns == ts_ns))
        return bad_row(csv, csv->layout.time, "a second bar of the same time");
    *event = (tl_event){.ts_ns = ts_ns, .instrument = csv->instrument};
    tl_status status;
    switch (csv->layout.kind) {
    case TL_CSV_BARS:
        status = bar_event(csv, k, event, tail);
        break;
    case TL_CSV_TRADES:
        status = trade_event(csv, k, event);
        break;
    case TL_CSV_QUOTES:
        status = quote_event(csv, k, event);
        break;
    case TL_CSV_DEPTH:
        status = csv->layout.levels > 0 ? depth_events(csv, k, event) : level_event(csv, k, event);
        if (status == TL_OK && csv->layout.levels == 0) csv->pending_next = UINT32_MAX; /* its BOOK is due */
        break;
    default:
        event->kind = TL_EVENT_DATA;
        event->w[1] = (int64_t)csv->rows;
        status = TL_OK;
    }
    if (status != TL_OK) return status;
    csv->last_ns = ts_ns;
    if (k != NULL) k->last_ns = ts_ns;
    return TL_OK;
}

tl_status tl_csv_next(tl_csv *csv, tl_event *event, tl_event_tail *tail) {
    if (csv->pending_next < csv->pending_count) {
        *event = csv->pending[csv->pending_next++];
        return TL_OK;
    }
    if (csv->pending_next == UINT32_MAX) {
        csv->pending_next = 0;
        *event = (tl_event){.ts_ns = csv->last_ns, .instrument = csv->instrument, .kind = TL_EVENT_BOOK};
        return TL_OK;
    }
    for (;;) {
        int column;
        const char *why;
        tl_status status = tl_csv_row_next(&csv->reader, &csv->layout, &csv->row, &column, &why);
        if (status == TL_END) return TL_END;
        if (status == TL_ERR_IO) return status;
        csv->rows++;
        if (TL_UNLIKELY(status != TL_OK)) return bad_row(csv, column, "%s", why);
        if (!find_instrument(csv, &status)) {
            if (status != TL_OK) return status;
            continue;
        }
        return row_event(csv, event, tail);
    }
}

uint32_t tl_csv_columns(const tl_csv *csv) {
    return csv->values;
}

const char *tl_csv_column(const tl_csv *csv, uint32_t i) {
    return i < csv->values ? column_name(csv, csv->value_column[i]) : "";
}

double tl_csv_value(const tl_csv *csv, uint32_t i) {
    return i < csv->values ? csv->row.values[csv->value_column[i]] : NAN;
}

uint64_t tl_csv_rows(const tl_csv *csv) {
    return csv->rows;
}

uint64_t tl_csv_problems(const tl_csv *csv) {
    return csv->problems;
}

const char *tl_csv_first_problem(const tl_csv *csv) {
    return csv->first_problem;
}

uint64_t tl_csv_consumed(const tl_csv *csv) {
    return tl_csv_reader_consumed(&csv->reader);
}

uint64_t tl_csv_size(const tl_csv *csv) {
    return tl_csv_reader_size(&csv->reader);
}
