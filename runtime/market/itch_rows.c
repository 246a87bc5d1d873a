#include "market/itch_rows.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256, BATCHES_A_CALL = 128, NUMBER_BYTES = 20 };

static const int64_t no_ask = 9999999999, no_bid = -9999999999;

struct tl_itch_rows {
    tl_itch *reader;
    tl_instruments *instruments;
    tl_itch_directory *directory;
    tl_books *books;
    char symbol[TL_SYMBOL_BYTES];
    uint32_t levels;
    uint32_t wanted; /* the symbol's instrument, TL_NO_INSTRUMENT until the file names it */
    uint32_t known;  /* instruments when it was last looked for */
    uint32_t at;     /* next message of the batch */
    uint32_t count;
    uint64_t read;
    tl_itch_problem_counts order_problems;
    tl_itch_message messages[BATCH];
};

tl_status tl_itch_rows_open(const char *path, const char *symbol, uint32_t levels, tl_itch_rows **out) {
    if (levels < 1 || levels > TL_ITCH_ROWS_MAX_LEVELS)
        return tl_error_set(TL_ERR_ARGUMENT, "%u levels were asked for, and 1 to %d are shown", levels,
                            TL_ITCH_ROWS_MAX_LEVELS);
    if (symbol[0] == 0 || strlen(symbol) > TL_ITCH_STOCK_BYTES)
        return tl_error_set(TL_ERR_ARGUMENT, "symbol '%.32s': ITCH symbols have 1 to %d letters", symbol,
                            TL_ITCH_STOCK_BYTES);
    tl_itch_rows *rows = calloc(1, sizeof *rows);
    if (rows == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    tl_status status = tl_itch_open(path, &rows->reader);
    if (status == TL_OK) {
        rows->instruments = tl_instruments_create();
        rows->books = tl_books_create(0);
        if (rows->instruments != NULL) rows->directory = tl_itch_directory_create(rows->instruments);
        if (rows->directory == NULL || rows->books == NULL)
            status = tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    }
    if (status != TL_OK) {
        tl_itch_rows_close(rows);
        return status;
    }
    strcpy(rows->symbol, symbol);
    rows->levels = levels;
    rows->wanted = (uint32_t)TL_NO_INSTRUMENT;
    *out = rows;
    return TL_OK;
}

void tl_itch_rows_close(tl_itch_rows *rows) {
    if (rows == NULL) return;
    tl_itch_close(rows->reader);
    tl_itch_directory_destroy(rows->directory);
    tl_books_destroy(rows->books);
    tl_instruments_destroy(rows->instruments);
    free(rows);
}

static bool about_wanted(tl_itch_rows *rows, const tl_itch_message *m) {
    uint32_t instrument = tl_itch_instrument_among(rows->directory, rows->books, m);
    if (TL_UNLIKELY(rows->known != tl_instruments_count(rows->instruments))) {
        rows->known = tl_instruments_count(rows->instruments);
        rows->wanted = tl_instruments_find(rows->instruments, rows->symbol);
    }
    return instrument == rows->wanted && instrument != (uint32_t)TL_NO_INSTRUMENT;
}

/* Applies a message; true when it touched the book. */
static bool apply(tl_itch_rows *rows, const tl_itch_message *m) {
    const uint64_t *count = rows->order_problems.count;
    uint64_t unknown = count[TL_ITCH_PROBLEM_UNKNOWN_ORDER];
    uint64_t refused = count[TL_ITCH_PROBLEM_DUPLICATE_ORDER] + count[TL_ITCH_PROBLEM_BAD_FIELD];
    tl_itch_apply(rows->books, rows->directory, m, 1, &rows->order_problems, NULL);
    switch (m->type) {
    case TL_ITCH_ADD:
    case TL_ITCH_ADD_ATTRIBUTED:
        return refused == count[TL_ITCH_PROBLEM_DUPLICATE_ORDER] + count[TL_ITCH_PROBLEM_BAD_FIELD];
    case TL_ITCH_EXECUTED:
    case TL_ITCH_EXECUTED_AT_PRICE:
    case TL_ITCH_CANCEL:
    case TL_ITCH_DELETE:
    case TL_ITCH_REPLACE:
        return unknown == count[TL_ITCH_PROBLEM_UNKNOWN_ORDER];
    case TL_ITCH_TRADE:
    case TL_ITCH_CROSS:
        return true; /* what traded was in the book, though not shown by it */
    default:
        return false;
    }
}

static char *print(char *out, int64_t value) {
    char digits[NUMBER_BYTES];
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    unsigned n = 0;
    do
        digits[n++] = (char)('0' + rest % 10);
    while ((rest /= 10) != 0);
    if (value < 0) *out++ = '-';
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static char *print_level(const tl_itch_rows *rows, int side, uint32_t i, char *out) {
    uint32_t level = tl_books_level_at(rows->books, rows->wanted, side, i);
    int64_t price = side == TL_SIDE_SELL ? no_ask : no_bid, quantity = 0;
    if (level != TL_BOOK_NIL) {
        price = tl_books_level(rows->books, level)->price;
        quantity = tl_books_level(rows->books, level)->quantity;
    }
    *out++ = ',';
    out = print(out, price);
    *out++ = ',';
    return print(out, quantity);
}

static size_t longest_row(const tl_itch_rows *rows) {
    return (size_t)(NUMBER_BYTES + 2) * (1 + 4 * (size_t)rows->levels);
}

bool tl_itch_rows_next(tl_itch_rows *rows, char *buffer, size_t capacity, size_t *length) {
    char *out = buffer;
    *length = 0;
    for (unsigned batches = 0; batches < BATCHES_A_CALL;) {
        if (rows->at == rows->count) {
            rows->at = 0;
            rows->count = tl_itch_read(rows->reader, rows->messages, BATCH);
            rows->read += rows->count;
            batches++;
            if (rows->count == 0) {
                *length = (size_t)(out - buffer);
                return *length > 0;
            }
        }
        for (; rows->at < rows->count; rows->at++) {
            const tl_itch_message *m = &rows->messages[rows->at];
            if (!about_wanted(rows, m)) continue;
            if ((size_t)(buffer + capacity - out) < longest_row(rows)) {
                *length = (size_t)(out - buffer);
                return true;
            }
            if (!apply(rows, m)) continue;
            out = print(out, (int64_t)m->ordinal);
            for (uint32_t i = 0; i < rows->levels; i++) {
                out = print_level(rows, TL_SIDE_SELL, i, out);
                out = print_level(rows, TL_SIDE_BUY, i, out);
            }
            *out++ = '\n';
        }
    }
    *length = (size_t)(out - buffer);
    return true;
}

uint64_t tl_itch_rows_messages(const tl_itch_rows *rows) {
    return rows->read;
}

uint64_t tl_itch_rows_consumed(const tl_itch_rows *rows) {
    return tl_itch_consumed(rows->reader);
}

uint64_t tl_itch_rows_size(const tl_itch_rows *rows) {
    return tl_itch_size(rows->reader);
}

bool tl_itch_rows_seen(const tl_itch_rows *rows) {
    return rows->wanted != (uint32_t)TL_NO_INSTRUMENT;
}

const tl_instruments *tl_itch_rows_instruments(const tl_itch_rows *rows) {
    return rows->instruments;
}

void tl_itch_rows_problems(const tl_itch_rows *rows, tl_itch_problem_counts *counts) {
    *counts = *tl_itch_problems(rows->reader);
    tl_itch_merge_problems(counts, &rows->order_problems);
}
