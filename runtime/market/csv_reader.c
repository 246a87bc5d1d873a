#include "market/csv_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The buffer holds several of the longest lines, so that a refill moves little. */
enum { BUFFER_BYTES = 1 << 20, CELL_BYTES = 256, PREAMBLE_LINES = 16 };

static tl_status fill(tl_csv_reader *reader) {
    if (reader->ended) return TL_OK;
    if (reader->at > 0) {
        memmove(reader->buffer, reader->buffer + reader->at, reader->filled - reader->at);
        reader->filled -= reader->at;
        reader->at = 0;
    }
    size_t room = BUFFER_BYTES - reader->filled, length;
    tl_status status = tl_stream_read(reader->stream, reader->buffer + reader->filled, room, &length);
    reader->filled += length;
    reader->ended = length < room;
    if (status != TL_OK) {
        reader->ended = reader->broken = true;
        snprintf(reader->stream_error, sizeof reader->stream_error, "%.200s", tl_error_text());
    }
    reader->buffer[reader->filled] = '\n';
    return status;
}

tl_status tl_csv_reader_open(tl_csv_reader *reader, const char *path) {
    *reader = (tl_csv_reader){0};
    snprintf(reader->path, sizeof reader->path, "%s", path);
    reader->full_path = strdup(path);
    reader->buffer = malloc(BUFFER_BYTES + 16);
    if (reader->buffer == NULL || reader->full_path == NULL)
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    memset(reader->buffer + BUFFER_BYTES, 0, 16);
    return tl_stream_open(path, &reader->stream);
}

void tl_csv_reader_close(tl_csv_reader *reader) {
    if (reader->stream != NULL) tl_stream_close(reader->stream);
    free(reader->buffer);
    free(reader->full_path);
    reader->stream = NULL;
    reader->buffer = reader->full_path = NULL;
}

tl_status tl_csv_reader_rewind(tl_csv_reader *reader) {
    if (strcmp(reader->full_path, "-") == 0)
        return tl_error_set(TL_ERR_ARGUMENT, "standard input cannot be read twice, which a file with a symbol column needs");
    tl_stream_close(reader->stream);
    reader->stream = NULL;
    tl_status status = tl_stream_open(reader->full_path, &reader->stream);
    if (status != TL_OK) return status;
    reader->at = reader->filled = 0;
    reader->ended = reader->broken = false;
    status = fill(reader);
    reader->at = reader->data_at < reader->filled ? reader->data_at : reader->filled;
    reader->line = reader->data_line;
    return status == TL_ERR_FORMAT ? TL_OK : status; /* what is readable before a cut is read, then it is told */
}

typedef enum line_kind { LINE, LINE_END, LINE_LONG, LINE_IO } line_kind;

/* The next line without its end; *end may be read and is no digit, separator or letter. */
static line_kind next_line(tl_csv_reader *reader, const char **begin, const char **end) {
    for (;;) {
        char *from = reader->buffer + reader->at;
        size_t length = reader->filled - reader->at;
        char *newline = length > 0 ? memchr(from, '\n', length) : NULL;
        if (newline == NULL && !reader->ended && !reader->peeking && length < TL_CSV_LINE_BYTES) {
            if (fill(reader) == TL_ERR_IO) return LINE_IO;
            continue;
        }
        if (newline == NULL && length >= TL_CSV_LINE_BYTES) {
            reader->line++;
            bool found = false;
            while (!found) { /* go to the line's end */
                from = reader->buffer + reader->at;
                newline = memchr(from, '\n', reader->filled - reader->at);
                found = newline != NULL || reader->ended || reader->peeking;
                reader->at = newline ? (size_t)(newline - reader->buffer) + 1 : reader->filled;
                if (!found && fill(reader) == TL_ERR_IO) return LINE_IO;
            }
            return LINE_LONG;
        }
        if (newline == NULL) {
            if (length == 0 || reader->peeking || reader->broken) {
                reader->at = reader->peeking ? reader->at : reader->filled;
                return LINE_END;
            }
            newline = from + length; /* the file ends without a line's end */
            reader->at = reader->filled;
        } else {
            reader->at = (size_t)(newline - reader->buffer) + 1;
        }
        reader->line++;
        if (newline - from >= TL_CSV_LINE_BYTES) return LINE_LONG;
        if (newline > from && newline[-1] == '\r') newline--;
        *begin = from;
        *end = newline;
        return LINE;
    }
}

/* The cell that begins at p, without blanks around it and without its quotes; returns where the next cell's separator (or the line's end)
 * is, NULL for a quote that does not end. Quoted cells with doubled quotes are put together in `scratch` (CELL_BYTES; longer ones are cut). */
static const char *take_cell(const char *p, const char *end, char separator, char *scratch, const char **text,
                             size_t *length) {
    while (p < end && *p == ' ')
        p++;
    if (p < end && *p == '"') {
        size_t n = 0;
        for (p++;; p++) {
            if (p >= end) return NULL;
            if (*p == '"') {
                if (p + 1 >= end || p[1] != '"') break;
                p++;
            }
            if (n < CELL_BYTES - 1) scratch[n++] = *p;
        }
        p++;
        while (p < end && *p == ' ')
            p++;
        if (p < end && *p != separator) return NULL;
        size_t from = 0;
        while (from < n && scratch[from] == ' ')
            from++;
        while (n > from && scratch[n - 1] == ' ')
            n--;
        scratch[n] = 0;
        *text = scratch + from;
        *length = n - from;
        return p;
    }
    const char *stop = memchr(p, separator, (size_t)(end - p));
    if (stop == NULL) stop = end;
    const char *last = stop;
    while (last > p && (last[-1] == ' ' || last[-1] == '\r'))
        last--;
    *text = p;
    *length = (size_t)(last - p);
    return stop;
}

static char find_separator(const char *p, const char *end) {
    static const char separators[] = {',', ';', '\t', '|'};
    size_t best = 0;
    char found = ',';
    for (size_t i = 0; i < sizeof separators; i++) {
        size_t n = 0;
        bool quoted = false;
        for (const char *q = p; q < end; q++) {
            quoted ^= *q == '"';
            n += *q == separators[i] && !quoted;
        }
        if (n > best) {
            best = n;
            found = separators[i];
        }
    }
    return found;
}

/* Cuts a header line into names. Columns without a name at the end (trailing separators) are none. */
static tl_status take_names(const tl_csv_reader *reader, const char *p, const char *end, tl_csv_layout *layout) {
    char scratch[CELL_BYTES];
    for (layout->count = 0;; p++) {
        const char *text;
        size_t length;
        p = take_cell(p, end, reader->separator, scratch, &text, &length);
        if (p == NULL)
            return tl_error_set(TL_ERR_FORMAT, "line %llu: a quote does not end", (unsigned long long)reader->line);
        if (layout->count == TL_CSV_MAX_COLUMNS)
            return tl_error_set(TL_ERR_FORMAT, "line %llu: more than %d columns", (unsigned long long)reader->line,
                                TL_CSV_MAX_COLUMNS);
        tl_csv_column_of *column = &layout->columns[layout->count++];
        if (length >= TL_CSV_NAME_BYTES) length = TL_CSV_NAME_BYTES - 1;
        memcpy(column->name, text, length);
        column->name[length] = 0;
        if (p == end) break;
    }
    while (layout->count > 1 && layout->columns[layout->count - 1].name[0] == 0)
        layout->count--;
    return TL_OK;
}

static bool is_number(const char *name) {
    tl_number number;
    return tl_number_parse(name, strlen(name), &number) && number.present;
}

/* A first line of a time and numbers is a row already. */
static bool is_row(const tl_csv_layout *layout) {
    tl_stamp stamp;
    if (layout->count < 2 || !tl_stamp_parse(layout->columns[0].name, strlen(layout->columns[0].name), &stamp)) return false;
    for (uint32_t i = 1; i < layout->count; i++)
        if (!is_number(layout->columns[i].name)) return false;
    return true;
}

/* LEAN's equity files: no header, "YYYYMMDD HH:MM", whole prices that are ten-thousandths. */
static bool is_lean(const tl_csv_layout *layout) {
    const char *time = layout->columns[0].name;
    if (strlen(time) != 14 || time[8] != ' ' || time[11] != ':') return false;
    for (uint32_t i = 1; i < 5 && i < layout->count; i++)
        if (strchr(layout->columns[i].name, '.') != NULL) return false;
    return true;
}

/* yfinance writes three lines of header: fields, tickers, and the index's name. */
static tl_status take_tickers(tl_csv_reader *reader, tl_csv_layout *layout) {
    tl_csv_layout *second = calloc(1, sizeof *second);
    if (second == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a header");
    size_t at = reader->at;
    uint64_t line = reader->line;
    const char *p, *end;
    bool taken = next_line(reader, &p, &end) == LINE && take_names(reader, p, end, second) == TL_OK &&
                 strcasecmp(second->columns[0].name, "ticker") == 0;
    tl_status status = TL_OK;
    if (taken) {
        layout->columns[0].name[0] = 0;
        for (uint32_t i = 1; i < second->count && status == TL_OK; i++) {
            if (i > 1 && strcmp(second->columns[i].name, reader->ticker) != 0)
                status = tl_error_set(TL_ERR_FORMAT,
                                      "line %llu: it holds several tickers side by side (%s, %s): write a file for each",
                                      (unsigned long long)reader->line, reader->ticker, second->columns[i].name);
            snprintf(reader->ticker, sizeof reader->ticker, "%.23s", second->columns[i].name);
        }
        at = reader->at;
        line = reader->line;
        taken = next_line(reader, &p, &end) == LINE && take_names(reader, p, end, second) == TL_OK && !is_row(second);
    }
    if (!taken) {
        reader->at = at;
        reader->line = line;
    }
    free(second);
    return status;
}

tl_status tl_csv_read_header(tl_csv_reader *reader, int kind, const char *data_name, tl_csv_layout *layout) {
    tl_status status = fill(reader);
    if (status == TL_ERR_IO) return status;
    const unsigned char *mark = (const unsigned char *)reader->buffer;
    if (reader->filled >= 3 && memcmp(mark, "\xef\xbb\xbf", 3) == 0) reader->at = 3;
    if (reader->filled >= 2 && (memcmp(mark, "\xff\xfe", 2) == 0 || memcmp(mark, "\xfe\xff", 2) == 0))
        return tl_error_set(TL_ERR_FORMAT, "it is UTF-16 text; save it as UTF-8");
    if (reader->filled >= 4 && memcmp(mark, "PK\3\4", 4) == 0)
        return tl_error_set(TL_ERR_FORMAT, "it is a zip archive; unpack it (gzip and zstd are read as they are)");
    for (int skipped = 0;; skipped++) {
        const char *p, *end;
        size_t at = reader->at;
        line_kind kind_of_line = next_line(reader, &p, &end);
        if (kind_of_line == LINE_LONG)
            return tl_error_set(TL_ERR_FORMAT, "line %llu is longer than %d bytes", (unsigned long long)reader->line,
                                TL_CSV_LINE_BYTES);
        if (kind_of_line != LINE) {
            if (reader->broken) return tl_error_set(TL_ERR_FORMAT, "%s", reader->stream_error);
            return tl_error_set(TL_ERR_FORMAT, skipped == 0 ? "it is empty" : "it has no header row");
        }
        reader->separator = find_separator(p, end);
        bool several = memchr(p, reader->separator, (size_t)(end - p)) != NULL;
        /* Comments, and lines such as the address of the file's source, may stand in front. */
        if ((p == end || *p == '#' || !several) && skipped < PREAMBLE_LINES) continue;
        status = take_names(reader, p, end, layout);
        if (status != TL_OK) return status;
        if (is_row(layout)) {
            reader->shift = is_lean(layout) ? 4 : 0;
            reader->at = at;
            reader->line--;
            status = tl_csv_layout_plain(layout, layout->count);
        } else {
            if (strcasecmp(layout->columns[0].name, "price") == 0) status = take_tickers(reader, layout);
            if (status == TL_OK) status = tl_csv_layout_find(layout, kind, data_name != NULL && data_name[0] != 0);
        }
        reader->data_at = reader->at;
        reader->data_line = reader->line;
        return status;
    }
}

static bool parse_side(const char *text, size_t length, uint8_t *side) {
    static const struct {
        const char *word;
        uint8_t side;
    } words[] = {{"buy", TL_SIDE_BUY},   {"b", TL_SIDE_BUY},        {"bid", TL_SIDE_BUY},     {"bids", TL_SIDE_BUY},
                 {"1", TL_SIDE_BUY},     {"buyer", TL_SIDE_BUY},    {"sell", TL_SIDE_SELL},   {"s", TL_SIDE_SELL},
                 {"ask", TL_SIDE_SELL},  {"asks", TL_SIDE_SELL},    {"a", TL_SIDE_SELL},      {"offer", TL_SIDE_SELL},
                 {"-1", TL_SIDE_SELL},   {"2", TL_SIDE_SELL},       {"seller", TL_SIDE_SELL}, {"", TL_SIDE_NONE},
                 {"none", TL_SIDE_NONE}, {"unknown", TL_SIDE_NONE}, {"n", TL_SIDE_NONE},      {"0", TL_SIDE_NONE},
                 {"nan", TL_SIDE_NONE}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].word) == length && strncasecmp(text, words[i].word, length) == 0) {
            *side = words[i].side;
            return true;
        }
    return false;
}

static const char NO_TIME[] = "is no time that can be read (docs/CSV.md lists the forms)";

/* "'<cell>' <what>"; bytes that are no text show as dots. */
static const char *quote_cell(tl_csv_reader *reader, const char *text, size_t length, const char *what) {
    enum { SHOWN_BYTES = 40 };
    char cell[SHOWN_BYTES + 1];
    size_t n = length < SHOWN_BYTES ? length : SHOWN_BYTES;
    for (size_t i = 0; i < n; i++)
        cell[i] = (unsigned char)text[i] < ' ' || (unsigned char)text[i] > '~' ? '.' : text[i];
    cell[n] = 0;
    snprintf(reader->why, sizeof reader->why, "'%s%s' %s", cell, n < length ? "..." : "", what);
    return reader->why;
}

/* What is wrong with a cell, NULL when nothing is. */
static const char *take_text(int role, const char *text, size_t length, tl_csv_row *row) {
    switch (role) {
    case TL_CSV_TIME:
        return tl_stamp_parse(text, length, &row->stamp) ? NULL : NO_TIME;
    case TL_CSV_TIME_OF_DAY:
        return tl_stamp_parse_time_of_day(text, length, &row->tod_ns) ? NULL : "is no time of day";
    case TL_CSV_SIDE:
        row->book_side = length >= 3 && (strncasecmp(text, "bid", 3) == 0 || strncasecmp(text, "ask", 3) == 0);
        return parse_side(text, length, &row->side) ? NULL : "is neither buy nor sell, bid nor ask";
    case TL_CSV_MAKER:
        if (length == 0 || strchr("tTfF01", text[0]) == NULL) return "is neither true nor false";
        row->side = text[0] == 't' || text[0] == 'T' || text[0] == '1' ? TL_SIDE_SELL : TL_SIDE_BUY;
        return NULL;
    case TL_CSV_ID: {
        int64_t id = 0;
        bool digits = length > 0 && length <= 18;
        for (size_t i = 0; i < length && digits; i++) {
            digits = text[i] >= '0' && text[i] <= '9';
            id = id * 10 + (text[i] - '0');
        }
        row->id = digits ? id : TL_ABSENT;
        return NULL;
    }
    case TL_CSV_SYMBOL:
        if (length >= TL_SYMBOL_BYTES) return "is a symbol longer than 23 bytes";
        if (memchr(text, 0, length) != NULL) return "is a symbol with a zero byte in it";
        memcpy(row->symbol, text, length);
        row->symbol[length] = 0;
        return NULL;
    default:
        return NULL;
    }
}

/* Shifted prices (LEAN) get their decimals back. */
static void place_number(const tl_csv_reader *reader, tl_csv_row *row, unsigned slot, tl_number number) {
    if (TL_UNLIKELY(reader->shift != 0) && tl_csv_slot_is_price(slot))
        number.scale = (int16_t)(number.scale + reader->shift);
    row->numbers[slot] = number;
}

static tl_status take_row(tl_csv_reader *reader, const tl_csv_layout *layout, const char *p, const char *end,
                          tl_csv_row *row, int *column, const char **why) {
    const char separator = reader->separator;
    char scratch[CELL_BYTES];
    uint32_t i = 0;
    for (;; i++, p++) {
        int role = i < layout->count ? layout->columns[i].role : -1;
        const char *text;
        size_t length;
        if (role == TL_CSV_NUMBER || role == TL_CSV_VALUE) {
            tl_number number;
            const char *stop = tl_number_take(p, &number);
            if (TL_UNLIKELY(stop == NULL || (stop != end && *stop != separator))) {
                stop = take_cell(p, end, separator, scratch, &text, &length);
                if (stop == NULL || !tl_number_parse(text, length, &number)) {
                    *column = (int)i;
                    *why = stop == NULL ? "a quote does not end" : quote_cell(reader, text, length, "is not a number");
                    return TL_ERR_FORMAT;
                }
            }
            p = stop;
            if (role == TL_CSV_NUMBER)
                place_number(reader, row, layout->columns[i].slot, number);
            else
                row->values[i] = tl_number_double(&number);
        } else if (role == TL_CSV_TIME && *p != '"' && *p != ' ') {
            const char *stop = memchr(p, separator, (size_t)(end - p));
            if (stop == NULL) stop = end;
            length = (size_t)(stop - p);
            while (TL_UNLIKELY(length > 0 && p[length - 1] == ' '))
                length--;
            if (TL_UNLIKELY(!tl_stamp_parse(p, length, &row->stamp))) {
                *column = (int)i;
                *why = quote_cell(reader, p, length, NO_TIME);
                return TL_ERR_FORMAT;
            }
            p = stop;
        } else {
            p = take_cell(p, end, separator, scratch, &text, &length);
            const char *what = p != NULL && role > 0 ? take_text(role, text, length, row) : NULL;
            *why = p == NULL ? "a quote does not end" : what != NULL ? quote_cell(reader, text, length, what) : NULL;
            if (TL_UNLIKELY(role < 0 && p != NULL && length > 0)) *why = "there are more fields than the header has columns";
            if (TL_UNLIKELY(*why != NULL)) {
                *column = (int)i;
                return TL_ERR_FORMAT;
            }
        }
        if (p == end) break;
    }
    if (TL_UNLIKELY(i + 1 < layout->count)) {
        *column = (int)i + 1;
        *why = "the row ends before this column";
        return TL_ERR_FORMAT;
    }
    if (layout->time_of_day < 0) return TL_OK;
    if (row->stamp.form != TL_STAMP_DATE) {
        *column = layout->time;
        *why = "it is not a date alone, and the time of day has a column of its own";
        return TL_ERR_FORMAT;
    }
    row->stamp.form = TL_STAMP_LOCAL;
    row->stamp.tod_ns = row->tod_ns;
    return TL_OK;
}

tl_status tl_csv_row_next(tl_csv_reader *reader, const tl_csv_layout *layout, tl_csv_row *row, int *column,
                          const char **why) {
    for (;;) {
        const char *p, *end;
        *column = -1;
        line_kind kind = next_line(reader, &p, &end);
        if (TL_UNLIKELY(kind != LINE)) {
            if (kind == LINE_IO) {
                tl_error_prefix(TL_ERR_IO, "%s", reader->path);
                reader->ended = true;
                reader->at = reader->filled;
                reader->broken = false;
                return TL_ERR_IO;
            }
            if (kind == LINE_LONG) {
                *why = "it is longer than 65536 bytes";
                return TL_ERR_FORMAT;
            }
            if (!reader->broken) return TL_END;
            reader->broken = false; /* told once */
            *why = reader->stream_error;
            return TL_ERR_FORMAT;
        }
        if (p == end || (*p <= ' ' && strspn(p, " \t\r") >= (size_t)(end - p))) continue;
        return take_row(reader, layout, p, end, row, column, why);
    }
}

uint64_t tl_csv_reader_consumed(const tl_csv_reader *reader) {
    return tl_stream_consumed(reader->stream);
}

uint64_t tl_csv_reader_size(const tl_csv_reader *reader) {
    return tl_stream_size(reader->stream);
}
