/* The columns of a CSV file: which of them is what, found by the names in the header row.
 *
 * Names are compared without case and without anything but letters and digits ("Adj Close", "<CLOSE>", "adj_close"). Where
 * several columns could be one thing the better name wins, then the first. docs/CSV.md lists every name.
 */
#ifndef TL_MARKET_CSV_COLUMNS_H
#define TL_MARKET_CSV_COLUMNS_H

#include "market/csv.h"

enum { TL_CSV_MAX_COLUMNS = 512, TL_CSV_MAX_LEVELS = 64, TL_CSV_NAME_BYTES = 64 };

/* What is done with a column's cells. */
typedef enum tl_csv_role {
    TL_CSV_SKIP = 0,
    TL_CSV_TIME,
    TL_CSV_TIME_OF_DAY, /* beside a TIME column that holds dates */
    TL_CSV_NUMBER,      /* into the column's slot */
    TL_CSV_SIDE,
    TL_CSV_MAKER, /* true when the buyer was the resting side */
    TL_CSV_ID,
    TL_CSV_SYMBOL,
    TL_CSV_VALUE /* a number of outside data */
} tl_csv_role;

/* Where the numbers of a row go. Prices first, then quantities. */
enum {
    TL_CSV_OPEN = 0,
    TL_CSV_HIGH,
    TL_CSV_LOW,
    TL_CSV_CLOSE,
    TL_CSV_VWAP,
    TL_CSV_PRICE,
    TL_CSV_BID,
    TL_CSV_ASK,
    TL_CSV_VOLUME, /* the first quantity */
    TL_CSV_SIZE,
    TL_CSV_BID_SIZE,
    TL_CSV_ASK_SIZE,
    TL_CSV_TRADE_COUNT,
    TL_CSV_LEVELS, /* of level i: + 4 i: bid, ask, bid size, ask size */
    TL_CSV_SLOTS = TL_CSV_LEVELS + 4 * TL_CSV_MAX_LEVELS
};

typedef struct tl_csv_column_of {
    char name[TL_CSV_NAME_BYTES]; /* as written, cut to fit */
    uint16_t slot;                /* of a NUMBER */
    uint8_t role;                 /* tl_csv_role */
} tl_csv_column_of;

typedef struct tl_csv_layout {
    tl_csv_column_of columns[TL_CSV_MAX_COLUMNS];
    uint32_t count;
    uint32_t levels;     /* of depth in one row */
    int32_t kind;        /* tl_csv_kind, never AUTO after finding */
    bool guessed;        /* the kind was not stated: trades may yet prove to be depth */
    int32_t bar_time;    /* what the time column's name says: tl_bar_time */
    int32_t time;        /* index of the time column */
    int32_t time_of_day; /* index of a column "time" beside a column "date", -1 = none */
    int32_t symbol;      /* index of the symbol column, -1 = none */
} tl_csv_layout;

/* Gives every column of layout->columns[0..count) (names are set) its role for `kind`. TL_ERR_FORMAT with a sentence when the header does
 * not have what the kind needs, or tells no kind. */
tl_status tl_csv_layout_find(tl_csv_layout *layout, int kind, bool data_named);

/* The layout of a file without a header: time, open, high, low, close[, volume]. */
tl_status tl_csv_layout_plain(tl_csv_layout *layout, uint32_t count);

/* Is this slot a price? */
#ifndef TL_CDEF
static inline bool tl_csv_slot_is_price(unsigned slot) {
    return slot < TL_CSV_VOLUME || (slot >= TL_CSV_LEVELS && (slot - TL_CSV_LEVELS) % 4 < 2);
}
#endif

#endif
