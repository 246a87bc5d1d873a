#include "market/csv_columns.h"

#include <stdio.h>
#include <string.h>

/* Names of one thing, best first; "+" behind the last letter of a name means any name that begins so. */
static const char *const time_names[] = {
    "opentime",     "timestamp",    "datetime",    "time", "ts",   "tsevent",  "eventtime", "tradetime",
    "transacttime", "siptimestamp", "windowstart", "date", "unix", "unixtime", "epoch",     "gmttime",
    "utctime",      "localtime",    "closetime",   "t",    "",     "unnamed0", "index",     NULL};
static const char *const symbol_names[] = {"symbol", "ticker", "instrument", "sym", "pair", "name", NULL};
static const char *const side_names[] = {"side", "aggressor", "aggressorside", "takerside", "direction", NULL};
static const char *const maker_names[] = {"isbuyermaker", "buyermaker", "ismaker", "isbuyerthemaker", NULL};
static const char *const id_names[] = {"id", "tradeid", "tid", "aggid", "aggtradeid", NULL};

static const char *const open_names[] = {"open", "o", "openprice", NULL};
static const char *const high_names[] = {"high", "h", "highprice", NULL};
static const char *const low_names[] = {"low", "l", "lowprice", NULL};
static const char *const close_names[] = {"close", "c", "closeprice", "adjclose", "adjustedclose", "closeadj", NULL};
static const char *const vwap_names[] = {"vwap", "vw", "weightedprice", "averageprice", NULL};
static const char *const volume_names[] = {"volume",     "vol",     "v",       "volumebase", "basevolume",
                                           "tickvolume", "tickvol", "volume+", NULL};
static const char *const count_names[] = {"trades", "tradecount", "numberoftrades", "transactions", "numtrades", "count",
                                          "n",      NULL};
static const char *const price_names[] = {"price", "px", "p", "tradeprice", "lastprice", "last", NULL};
static const char *const size_names[] = {"size",     "qty",    "quantity", "amount", "sz",      "tradesize",
                                         "lastsize", "volume", "vol",      "v",      "volume+", NULL};
static const char *const bid_names[] = {"bid", "bidprice", "bp", "bidpx", "bestbid", "bestbidprice", NULL};
static const char *const ask_names[] = {"ask",          "askprice", "ap",         "askpx", "bestask",
                                        "bestaskprice", "offer",    "offerprice", NULL};
static const char *const bid_size_names[] = {"bidsize", "bidqty", "bidquantity", "bidvolume",  "bidamount",
                                             "bidsz",   "bs",     "bestbidsize", "bestbidqty", NULL};
static const char *const ask_size_names[] = {"asksize", "askqty",      "askquantity", "askvolume", "askamount", "asksz",
                                             "as",      "bestasksize", "bestaskqty",  "offersize", NULL};

static const char *const *const slot_names[TL_CSV_LEVELS] = {
    [TL_CSV_OPEN] = open_names,         [TL_CSV_HIGH] = high_names,         [TL_CSV_LOW] = low_names,
    [TL_CSV_CLOSE] = close_names,       [TL_CSV_VWAP] = vwap_names,         [TL_CSV_PRICE] = price_names,
    [TL_CSV_BID] = bid_names,           [TL_CSV_ASK] = ask_names,           [TL_CSV_VOLUME] = volume_names,
    [TL_CSV_SIZE] = size_names,         [TL_CSV_BID_SIZE] = bid_size_names, [TL_CSV_ASK_SIZE] = ask_size_names,
    [TL_CSV_TRADE_COUNT] = count_names,
};

/* The slots of a kind: those that must be there, then those that may. */
typedef struct need {
    const char *what;
    uint8_t must[4], musts, may[4], mays;
} need;

static const need needs[] = {
    [TL_CSV_BARS] = {"bars",
                     {TL_CSV_OPEN, TL_CSV_HIGH, TL_CSV_LOW, TL_CSV_CLOSE},
                     4,
                     {TL_CSV_VOLUME, TL_CSV_VWAP, TL_CSV_TRADE_COUNT},
                     3},
    [TL_CSV_TRADES] = {"trades", {TL_CSV_PRICE, TL_CSV_SIZE}, 2, {0}, 0},
    [TL_CSV_QUOTES] = {"quotes", {TL_CSV_BID, TL_CSV_ASK}, 2, {TL_CSV_BID_SIZE, TL_CSV_ASK_SIZE}, 2},
    [TL_CSV_DEPTH] = {"depth", {TL_CSV_PRICE, TL_CSV_SIZE}, 2, {0}, 0},
};

static const char *const slot_words[TL_CSV_LEVELS] = {
    [TL_CSV_OPEN] = "open",   [TL_CSV_HIGH] = "high", [TL_CSV_LOW] = "low", [TL_CSV_CLOSE] = "close",
    [TL_CSV_PRICE] = "price", [TL_CSV_BID] = "bid",   [TL_CSV_ASK] = "ask", [TL_CSV_SIZE] = "size",
};

typedef char plain_name[TL_CSV_NAME_BYTES];

/* Letters and digits only, lower case; digits in front ("1. open") go unless nothing else is left. */
static void simplify(const char *name, char *plain) {
    size_t n = 0;
    for (; *name; name++) {
        char c = *name;
        if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) plain[n++] = c;
    }
    plain[n] = 0;
    size_t digits = strspn(plain, "0123456789");
    if (digits > 0 && plain[digits] != 0) memmove(plain, plain + digits, n - digits + 1);
}

static bool is_name(const char *plain, const char *name) {
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '+') return strncmp(plain, name, n - 1) == 0;
    return strcmp(plain, name) == 0;
}

/* The column that carries the best of the names and has no role yet, -1 when there is none. */
static int find(const tl_csv_layout *layout, const plain_name *plain, const char *const *names) {
    for (; *names != NULL; names++)
        for (uint32_t i = 0; i < layout->count; i++)
            if (layout->columns[i].role == TL_CSV_SKIP && is_name(plain[i], *names) && (**names != 0 || i == 0))
                return (int)i;
    return -1;
}

static const char *take_word(const char *text, const char *const *words, int *which) {
    for (int i = 0; words[i] != NULL; i++) {
        size_t n = strlen(words[i]);
        if (strncmp(text, words[i], n) == 0) {
            *which = i;
            return text + n;
        }
    }
    *which = -1;
    return text;
}

/* Reads names such as bid1, bid_size_1, bid1_size, bids[0].price, ask_px_00: which of the four numbers of a level, and its number as
 * written. */
static bool level_name(const char *plain, int *which, int *level) {
    static const char *const sides[] = {"bid", "ask", "bids", "asks"};
    static const char *const words[] = {"price",  "px",     "p",   "size", "sz", "quantity", "qty",
                                        "amount", "volume", "vol", "s",    "v",  NULL};
    enum { FIRST_SIZE = 3 };
    for (int side = 0; side < 4; side++) {
        size_t length = strlen(sides[side]);
        if (strncmp(plain, sides[side], length) != 0) continue;
        int word, after;
        const char *p = take_word(plain + length, words, &word);
        if (*p < '0' || *p > '9') continue;
        for (*level = 0; *p >= '0' && *p <= '9' && *level <= TL_CSV_MAX_LEVELS; p++)
            *level = *level * 10 + (*p - '0');
        p = take_word(p, words, &after);
        if (*p != 0 || *level > TL_CSV_MAX_LEVELS || (word >= 0 && after >= 0)) continue;
        *which = side % 2 + (word >= FIRST_SIZE || after >= FIRST_SIZE ? 2 : 0);
        return true;
    }
    return false;
}

/* Finds numbered levels; returns how many. The first is numbered 0 or 1. */
static uint32_t find_levels(tl_csv_layout *layout, const plain_name *plain) {
    int first = TL_CSV_MAX_LEVELS, which, level;
    for (uint32_t i = 0; i < layout->count; i++)
        if (level_name(plain[i], &which, &level) && level < first) first = level;
    if (first > 1) return 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < layout->count; i++)
        if (layout->columns[i].role == TL_CSV_SKIP && level_name(plain[i], &which, &level) &&
            level - first < TL_CSV_MAX_LEVELS) {
            layout->columns[i].role = TL_CSV_NUMBER;
            layout->columns[i].slot = (uint16_t)(TL_CSV_LEVELS + 4 * (level - first) + which);
            if ((uint32_t)(level - first) >= count) count = (uint32_t)(level - first) + 1;
        }
    return count;
}

static void list_columns(const tl_csv_layout *layout, char *text, size_t size) {
    size_t n = 0;
    text[0] = 0;
    for (uint32_t i = 0; i < layout->count && n < size; i++)
        n += (size_t)snprintf(text + n, size - n, "%s%.40s", i ? ", " : "", layout->columns[i].name);
}

static bool any(const tl_csv_layout *layout, const plain_name *plain, int slot) {
    return find(layout, plain, slot_names[slot]) >= 0;
}

static int guess_kind(const tl_csv_layout *layout, const plain_name *plain, bool data_named) {
    if (data_named) return TL_CSV_DATA;
    if (any(layout, plain, TL_CSV_OPEN) && any(layout, plain, TL_CSV_HIGH) && any(layout, plain, TL_CSV_LOW) &&
        any(layout, plain, TL_CSV_CLOSE))
        return TL_CSV_BARS;
    int which, level;
    for (uint32_t i = 0; i < layout->count; i++)
        if (level_name(plain[i], &which, &level)) return TL_CSV_DEPTH;
    if (any(layout, plain, TL_CSV_PRICE) && any(layout, plain, TL_CSV_SIZE)) return TL_CSV_TRADES;
    if (any(layout, plain, TL_CSV_BID) && any(layout, plain, TL_CSV_ASK)) return TL_CSV_QUOTES;
    return TL_CSV_AUTO;
}

static tl_status place(tl_csv_layout *layout, const plain_name *plain, int slot, const char *must_for) {
    int i = find(layout, plain, slot_names[slot]);
    if (i < 0) {
        if (must_for == NULL) return TL_OK;
        char names[512];
        list_columns(layout, names, sizeof names);
        return tl_error_set(TL_ERR_FORMAT, "%s need a column '%s', and the header has: %s", must_for, slot_words[slot],
                            names);
    }
    layout->columns[i].role = TL_CSV_NUMBER;
    layout->columns[i].slot = (uint16_t)slot;
    return TL_OK;
}

static void set_role(tl_csv_layout *layout, int column, int role) {
    if (column >= 0) layout->columns[column].role = (uint8_t)role;
}

tl_status tl_csv_layout_find(tl_csv_layout *layout, int kind, bool data_named) {
    plain_name plain[TL_CSV_MAX_COLUMNS];
    char names[512];
    list_columns(layout, names, sizeof names);
    for (uint32_t i = 0; i < layout->count; i++) {
        simplify(layout->columns[i].name, plain[i]);
        layout->columns[i].role = TL_CSV_SKIP;
    }
    layout->levels = 0;
    layout->time = find(layout, plain, time_names);
    if (layout->time < 0)
        return tl_error_set(
            TL_ERR_FORMAT,
            "no column is the time (time, timestamp, date, ... or one without a name in front); the header has: %s", names);
    layout->bar_time = TL_BAR_TIME_UNSTATED;
    if (strcmp(plain[layout->time], "opentime") == 0 || strcmp(plain[layout->time], "windowstart") == 0)
        layout->bar_time = TL_BAR_TIME_OPEN;
    if (strcmp(plain[layout->time], "closetime") == 0) layout->bar_time = TL_BAR_TIME_CLOSE;
    set_role(layout, layout->time, TL_CSV_TIME);
    /* Which of the two is the date shows in the rows: the caller looks. */
    layout->time_of_day = -1;
    if (strcmp(plain[layout->time], "time") == 0) {
        static const char *const date[] = {"date", NULL};
        int i = find(layout, plain, date);
        if (i >= 0) layout->time_of_day = i;
    }
    layout->symbol = find(layout, plain, symbol_names);
    set_role(layout, layout->symbol, TL_CSV_SYMBOL);
    layout->guessed = kind == TL_CSV_AUTO;
    if (kind == TL_CSV_AUTO) kind = guess_kind(layout, plain, data_named);
    if (kind == TL_CSV_AUTO)
        return tl_error_set(
            TL_ERR_FORMAT,
            "the header tells no kind of data: bars have open, high, low, close; trades price, size; quotes bid, ask; "
            "depth bid1, ask1, ...; it has: %s",
            names);
    layout->kind = kind;
    if (kind == TL_CSV_DATA) { /* it is of no instrument, or of the one that the caller names */
        set_role(layout, layout->symbol, TL_CSV_SKIP);
        layout->symbol = -1;
        for (uint32_t i = 0; i < layout->count; i++)
            if (layout->columns[i].role == TL_CSV_SKIP) set_role(layout, (int)i, TL_CSV_VALUE);
        return TL_OK;
    }
    if (kind == TL_CSV_DEPTH && (layout->levels = find_levels(layout, plain)) > 0) return TL_OK;
    const need *wanted = &needs[kind];
    for (int i = 0; i < wanted->musts; i++) {
        tl_status status = place(layout, plain, wanted->must[i], wanted->what);
        if (status != TL_OK) return status;
    }
    for (int i = 0; i < wanted->mays; i++)
        place(layout, plain, wanted->may[i], NULL);
    if (kind != TL_CSV_TRADES && kind != TL_CSV_DEPTH) return TL_OK;
    int side = find(layout, plain, side_names);
    set_role(layout, side, TL_CSV_SIDE);
    if (kind == TL_CSV_DEPTH)
        return side >= 0 ? TL_OK : tl_error_set(TL_ERR_FORMAT, "depth needs a column 'side', and the header has: %s", names);
    if (side < 0) set_role(layout, find(layout, plain, maker_names), TL_CSV_MAKER);
    set_role(layout, find(layout, plain, id_names), TL_CSV_ID);
    return TL_OK;
}

tl_status tl_csv_layout_plain(tl_csv_layout *layout, uint32_t count) {
    static const char *const names[] = {"time", "open", "high", "low", "close", "volume"};
    if (count < 5 || count > 6)
        return tl_error_set(
            TL_ERR_FORMAT,
            "there is no header row, and without one a row is time, open, high, low, close, volume; the first has %u "
            "fields",
            count);
    layout->count = count;
    for (uint32_t i = 0; i < count; i++)
        strcpy(layout->columns[i].name, names[i]);
    return tl_csv_layout_find(layout, TL_CSV_BARS, false);
}
