/* The rows of a CSV file: lines, fields and cells, without meaning.
 *
 * Lines end with LF or CRLF; a UTF-8 mark in front is skipped; fields are separated by comma, semicolon, tab or bar and may stand in
 * double quotes (a doubled quote is one); a line break always ends a row. Blank lines are skipped. One pass through a buffer. Single
 * owner; no allocation after opening.
 */
#ifndef TL_MARKET_CSV_READER_H
#define TL_MARKET_CSV_READER_H

#include "market/csv_columns.h"
#include "market/csv_number.h"
#include "market/csv_time.h"
#include "market/stream.h"

enum { TL_CSV_LINE_BYTES = 65536, TL_CSV_TEXT_BYTES = 1024 };

typedef struct tl_csv_reader {
    char path[TL_CSV_TEXT_BYTES]; /* as given, cut to fit */
    char *full_path;              /* as given */
    tl_stream *stream;
    char *buffer;
    size_t at;          /* next unread byte of the buffer */
    size_t filled;      /* bytes in the buffer */
    size_t data_at;     /* where the rows begin: in the buffer of the first reading */
    uint64_t data_line; /* lines before them */
    uint64_t line;      /* of the row last read, from 1 */
    bool ended;         /* the stream has no more bytes */
    bool peeking;       /* the end of the buffer is the end */
    bool broken;        /* the stream failed: its last line may be half a line */
    char separator;
    int8_t shift;                 /* decimals that prices have been multiplied away (LEAN: 4) */
    char ticker[TL_SYMBOL_BYTES]; /* that the header names (yfinance), "" = none */
    char stream_error[256];
    char why[128]; /* what is wrong with the row last read */
} tl_csv_reader;

typedef struct tl_csv_row {
    tl_number numbers[TL_CSV_SLOTS];
    double values[TL_CSV_MAX_COLUMNS];
    tl_stamp stamp;
    int64_t tod_ns; /* from a column of its own */
    int64_t id;     /* of a trade; TL_ABSENT = none, or no number */
    uint8_t side;   /* TL_SIDE_* */
    bool book_side; /* it was written as a side of the book: bid, ask */
    char symbol[TL_SYMBOL_BYTES];
} tl_csv_row;

tl_status tl_csv_reader_open(tl_csv_reader *reader, const char *path);
void tl_csv_reader_close(tl_csv_reader *reader);

/* Opens the file once more and goes to the first row. */
tl_status tl_csv_reader_rewind(tl_csv_reader *reader);

/* Reads up to the first row and finds the layout; data_name is set for outside data. */
tl_status tl_csv_read_header(tl_csv_reader *reader, int kind, const char *data_name, tl_csv_layout *layout);

/* Reads a row. TL_END at the end. TL_ERR_FORMAT for a row that cannot be: *column (from 0, -1 = the whole row) and *why tell what is
 * wrong; the row is behind us. TL_ERR_IO for a file that cannot be read on. */
tl_status tl_csv_row_next(tl_csv_reader *reader, const tl_csv_layout *layout, tl_csv_row *row, int *column,
                          const char **why);

uint64_t tl_csv_reader_consumed(const tl_csv_reader *reader);
uint64_t tl_csv_reader_size(const tl_csv_reader *reader);

#endif
