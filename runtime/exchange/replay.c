#include "exchange/replay.h"

#include <stdlib.h>
#include <string.h>

#include "exchange/auction.h"
#include "exchange/simulator.h"

enum {
    BATCH = 256,
    LOCATES = 65536,
    CACHED_ORDERS = 1 << 14, /* live orders that fit a second-level cache: hints cost more than they bring */
    AHEAD = 16,              /* messages between a prefetch and its use */
    HEAD_MESSAGES = 1000000, /* searched for symbols when no directory stands at the head */
    NOT_LOOKED_UP = 0,
    NOT_WANTED = 1,
    WANTED = 2 /* and above: the instrument is what is left of 2 */
};

/* Above are the days' tags and the mark of own orders. */
#define REFERENCE_LIMIT ((uint64_t)1 << 56)

/* How a letter is treated. */
enum { PASS_OVER = 0, OF_INSTRUMENT = 1, OF_ALL = 2 };

static const uint8_t treatment[256] = {
    ['A'] = OF_INSTRUMENT, ['F'] = OF_INSTRUMENT, ['E'] = OF_INSTRUMENT, ['C'] = OF_INSTRUMENT, ['X'] = OF_INSTRUMENT,
    ['D'] = OF_INSTRUMENT, ['U'] = OF_INSTRUMENT, ['P'] = OF_INSTRUMENT, ['Q'] = OF_INSTRUMENT, ['H'] = OF_INSTRUMENT,
    ['h'] = OF_INSTRUMENT, ['R'] = OF_INSTRUMENT, ['S'] = OF_ALL,
};

struct tl_replay {
    tl_venue *venue;
    tl_itch *reader;         /* of a file, else NULL */
    tl_replay_source source; /* else */
    void *source_context;
    uint64_t source_messages; /* read from it so far */
    tl_itch_directory *directory;
    char *path;
    int64_t midnight_ns;
    int64_t last_ns;
    int64_t close_ns; /* the calendar's close, for files without system events; INT64_MAX once one was seen */
    uint64_t tag;     /* set into references so that days do not meet */
    uint64_t broken_trades;
    uint64_t played_ordinal; /* of the last message that was played */
    tl_itch_problem_counts problems;
    tl_itch_problem_counts nameless; /* orders of instruments that the file has not named: they cannot be live */
    uint64_t nameless_ordinal;       /* up to which they were counted */
    uint32_t count;                  /* of batch */
    uint32_t relevant_count;
    uint32_t at; /* in relevant */
    uint32_t number;
    bool ended;
    bool prefetches;        /* the books do not fit a cache */
    bool aggressor_unknown; /* hidden trades always say B (files from 2014-07-14 on) */
    int phase;              /* tl_trading_state of the market by the last system event */
    bool complete;          /* the end of messages was among them */
    uint32_t wanted[LOCATES];
    uint8_t passed[LOCATES];  /* 1: not wanted, the reader passes over it */
    uint16_t relevant[BATCH]; /* places in batch */
    uint32_t instrument_of[BATCH];
    tl_itch_message batch[BATCH];
};

/* ---- opening ---- */

static tl_status find_instruments(tl_venue *v, const char *path) {
    tl_itch *reader;
    tl_status status = tl_itch_open(path, &reader);
    if (status != TL_OK) return status;
    tl_itch_directory *directory = tl_itch_directory_create(v->instruments);
    tl_itch_message *batch = malloc(BATCH * sizeof *batch);
    bool directory_seen = false, searching = directory != NULL && batch != NULL;
    if (!searching) status = tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    for (uint64_t seen = 0; searching && seen < HEAD_MESSAGES;) {
        unsigned count = tl_itch_read(reader, batch, BATCH);
        for (unsigned i = 0; i < count && searching; i++) {
            uint32_t instrument = tl_itch_instrument(directory, &batch[i]);
            if (instrument != (uint32_t)TL_NO_INSTRUMENT) {
                tl_venue_ensure(v);
                v->of[instrument].model = TL_FILL_ORDERS;
            }
            directory_seen |= batch[i].type == TL_ITCH_STOCK_DIRECTORY;
            searching = !(directory_seen && (batch[i].type == TL_ITCH_ADD || batch[i].type == TL_ITCH_ADD_ATTRIBUTED));
        }
        seen += count;
        if (count == 0) break;
    }
    int32_t shared = directory != NULL ? tl_itch_shared_locate(directory) : -1;
    if (shared >= 0)
        status =
            tl_error_set(TL_ERR_FORMAT, "%s: the stock locate %d stands for several symbols; a replay wants one for each",
                         path, (int)shared);
    free(batch);
    tl_itch_directory_destroy(directory);
    tl_itch_close(reader);
    tl_venue_ensure(v);
    return status;
}

static tl_replay *create(tl_venue *v, const char *path, uint32_t number) {
    tl_replay *r = calloc(1, sizeof *r);
    if (r != NULL) {
        r->path = strdup(path);
        r->directory = tl_itch_directory_create(v->instruments);
    }
    if (r == NULL || r->path == NULL || r->directory == NULL) {
        tl_replay_close(r);
        tl_error_set(TL_ERR_NO_MEMORY, "no memory to replay %s", path);
        return NULL;
    }
    r->venue = v;
    r->close_ns = INT64_MAX;
    r->last_ns = INT64_MIN;
    r->number = number;
    r->tag = (uint64_t)(number - 1) << 56;
    return r;
}

tl_status tl_replay_open(tl_venue *v, const char *path, int64_t midnight_ns, int64_t close_ns, uint32_t number,
                         tl_replay **out) {
    tl_status status = find_instruments(v, path);
    if (status != TL_OK) return status;
    tl_replay *r = create(v, path, number);
    if (r == NULL) return TL_ERR_NO_MEMORY;
    r->midnight_ns = midnight_ns;
    r->close_ns = close_ns;
    r->aggressor_unknown = midnight_ns >= INT64_C(1405296000000000000);
    status = tl_itch_open(path, &r->reader);
    if (status != TL_OK) {
        tl_replay_close(r);
        return status;
    }
    tl_itch_pass_over(r->reader, r->passed);
    *out = r;
    return TL_OK;
}

tl_status tl_replay_open_source(tl_venue *v, tl_replay_source source, void *context, uint32_t number, tl_replay **out) {
    tl_replay *r = create(v, "participants", number);
    if (r == NULL) return TL_ERR_NO_MEMORY;
    r->source = source;
    r->source_context = context;
    r->aggressor_unknown = true;
    *out = r;
    return TL_OK;
}

void tl_replay_close(tl_replay *r) {
    if (r == NULL) return;
    if (r->reader != NULL) tl_itch_close(r->reader);
    tl_itch_directory_destroy(r->directory);
    free(r->path);
    free(r);
}

/* ---- history among own orders ---- */

static inline int side_of_level(const tl_book_level *level) {
    return (level->book_side & 1) ? TL_SIDE_SELL : TL_SIDE_BUY;
}

static inline bool tells_levels(const tl_venue *v, uint32_t instrument) {
    return !v->quiet && (v->of[instrument].want & (TL_WANT_LEVELS | TL_WANT_QUEUE)) != 0;
}

static void tell_flow(tl_venue *v, uint32_t instrument, uint64_t reference, int64_t price, int64_t size, int side, int op) {
    if (v->quiet || !(v->of[instrument].want & TL_WANT_FLOW)) return;
    tl_event *event = tl_venue_event(v, TL_EVENT_ORDER_FLOW, instrument);
    event->w[0] = (int64_t)reference;
    event->w[1] = price;
    event->w[2] = size;
    event->w[3] = side | op << 8;
}

static void problem(tl_replay *r, const tl_itch_message *m, tl_itch_problem kind) {
    tl_itch_count_problem(&r->problems, kind, m->offset, m->ordinal);
}

/* Quantity that own orders took from history's order `reference` and that history does not know of. */
static inline tl_taken_entry *taken_from(tl_venue *v, uint64_t reference) {
    return TL_LIKELY(v->taken.count == 0) ? NULL : tl_taken_find(&v->taken, reference);
}

/* A level changed in which `order` stands or stood. */
static inline void touch_level(tl_venue *v, uint32_t index, int side, int64_t price, bool gone) {
    if (gone) {
        tl_venue_touch_level(v, side, price, 0, 0);
    } else {
        const tl_book_level *level = tl_books_level(v->books, index);
        tl_venue_touch_level(v, side, price, level->quantity, level->count);
    }
}

/* History's order comes (new, or by a replace). `missing` of it is what own orders took before. */
static void bring(tl_replay *r, const tl_itch_message *m, uint32_t instrument, uint64_t reference, int side,
                  int64_t missing) {
    tl_venue *v = r->venue;
    const tl_venue_instrument *of = &v->of[instrument];
    if (missing > m->shares) missing = m->shares;
    int64_t left = m->shares - missing;
    if (TL_UNLIKELY(of->busy && tl_state_matches(of->state)))
        left = tl_venue_hit(v, TL_HIT_ADD, instrument, side, m->price, left, TL_BOOK_NIL, reference);
    if (TL_UNLIKELY(left < m->shares)) tl_taken_add(&v->taken, reference, m->shares - left, instrument, side, m->price);
    if (TL_UNLIKELY(left <= 0)) return;
    tl_book_handle handle;
    tl_status status = tl_books_add(v->books, instrument, reference, side, m->price, left, 0, &handle);
    if (TL_UNLIKELY(status != TL_OK)) {
        problem(r, m, status == TL_ERR_EXISTS ? TL_ITCH_PROBLEM_DUPLICATE_ORDER : TL_ITCH_PROBLEM_BAD_FIELD);
        return;
    }
    if (tells_levels(v, instrument)) touch_level(v, tl_books_order(v->books, handle)->level, side, m->price, false);
}

static void add(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    r->venue->joined = true;
    bring(r, m, instrument, m->reference | r->tag, m->side, 0);
    tl_venue_flush(r->venue, instrument);
    tell_flow(r->venue, instrument, m->reference, m->price, m->shares, m->side, TL_FLOW_ADD);
}

/* Takes `quantity` off history's order; what is not there any more because own orders took it is settled. False when more is taken off than
 * there ever was. */
static bool reduce(tl_venue *v, uint32_t instrument, uint64_t reference, tl_book_handle handle, int64_t quantity,
                   int64_t *settled) {
    int64_t reduced = 0;
    *settled = 0;
    if (handle != TL_BOOK_NIL) {
        const tl_book_order *order = tl_books_order(v->books, handle);
        uint32_t index = order->level;
        const tl_book_level *level = tl_books_level(v->books, index);
        int side = side_of_level(level);
        int64_t price = level->price;
        bool gone = quantity >= order->quantity && level->count == 1;
        reduced = tl_books_reduce(v->books, handle, quantity);
        if (tells_levels(v, instrument)) touch_level(v, index, side, price, gone);
    }
    if (TL_LIKELY(reduced == quantity)) return true;
    tl_taken_entry *taken = taken_from(v, reference);
    if (taken != NULL) *settled = tl_taken_settle(&v->taken, taken, quantity - reduced);
    return reduced + *settled == quantity;
}

/* The first order of history in a level, or behind `from` in its level. */
static tl_book_handle next_of_history(const tl_books *books, tl_book_handle from) {
    while (from != TL_BOOK_NIL && tl_books_order(books, from)->owner != 0)
        from = tl_books_order(books, from)->next;
    return from;
}

static tl_book_handle first_of_history(const tl_books *books, uint32_t instrument, int side, int64_t price) {
    uint32_t level = tl_books_level_find(books, instrument, side, price);
    return level == TL_BOOK_NIL ? TL_BOOK_NIL : next_of_history(books, tl_books_level(books, level)->head);
}

/* An execution among own orders: those in front of the executed one trade first. What the executed one cannot give because own orders took it
 * goes on to own orders right behind it. */
static bool execute_among_own(tl_replay *r, const tl_itch_message *m, uint32_t instrument, uint64_t reference, int side,
                              int64_t level_price, int64_t trade_price) {
    tl_venue *v = r->venue;
    int aggressor = tl_other_side(side);
    tl_book_handle handle = tl_books_find(v->books, reference);
    int64_t left = m->shares;
    if (trade_price == level_price) {
        tl_book_handle before = handle != TL_BOOK_NIL ? handle : first_of_history(v->books, instrument, side, level_price);
        left = tl_venue_hit(v, TL_HIT_HISTORY, instrument, aggressor, level_price, left, before, reference);
    } else {
        int64_t better = side == TL_SIDE_BUY ? trade_price + 1 : trade_price - 1;
        left = tl_venue_hit(v, TL_HIT_HISTORY, instrument, aggressor, better, left, TL_BOOK_NIL, reference);
    }
    /* A stop that one of these fills triggered may have taken the order itself. */
    handle = tl_books_find(v->books, reference);
    int64_t open = 0;
    tl_book_handle behind = TL_BOOK_NIL;
    if (handle != TL_BOOK_NIL) {
        open = tl_books_order(v->books, handle)->quantity;
        behind = next_of_history(v->books, tl_books_order(v->books, handle)->next);
    }
    int64_t settled;
    bool whole = reduce(v, instrument, reference, handle, m->shares, &settled);
    int64_t excess = left - open < settled ? left - open : settled;
    if (excess > 0 && trade_price == level_price) {
        if (handle == TL_BOOK_NIL) behind = first_of_history(v->books, instrument, side, level_price);
        tl_venue_hit(v, TL_HIT_HISTORY, instrument, aggressor, level_price, excess, behind, reference);
    }
    return whole;
}

static void saw_trade(tl_venue *v, uint32_t instrument, int64_t price) {
    if (TL_LIKELY(!v->of[instrument].busy) || tl_engine_waiting_stops(v->engine, instrument) == 0) return;
    tl_engine_saw_trade(v->engine, instrument, price);
    tl_venue_absorb(v, instrument);
}

static void execute(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    uint64_t reference = m->reference | r->tag;
    tl_book_handle handle = tl_books_find(v->books, reference);
    int side;
    int64_t level_price;
    if (TL_LIKELY(handle != TL_BOOK_NIL)) {
        const tl_book_level *level = tl_books_level(v->books, tl_books_order(v->books, handle)->level);
        side = side_of_level(level);
        level_price = level->price;
    } else {
        const tl_taken_entry *taken = taken_from(v, reference);
        if (taken == NULL) {
            problem(r, m, TL_ITCH_PROBLEM_UNKNOWN_ORDER);
            return;
        }
        side = (int)taken->side;
        level_price = taken->price;
    }
    int64_t price = m->type == TL_ITCH_EXECUTED_AT_PRICE ? m->price : level_price;
    bool printed = m->printable != 'N';
    const tl_venue_instrument *of = &v->of[instrument];
    if (printed) tl_venue_trade(v, instrument, price, m->shares, m->match, tl_other_side(side), TL_TRADE_NORMAL);
    bool whole;
    if (TL_LIKELY(!of->busy || !printed || !tl_state_matches(of->state))) {
        int64_t settled;
        whole = reduce(v, instrument, reference, handle, m->shares, &settled);
    } else {
        whole = execute_among_own(r, m, instrument, reference, side, level_price, price);
    }
    if (TL_UNLIKELY(!whole)) problem(r, m, TL_ITCH_PROBLEM_OVER_EXECUTED);
    if (printed) saw_trade(v, instrument, price);
    tl_venue_flush(v, instrument);
    tell_flow(v, instrument, m->reference, price, m->shares, side, TL_FLOW_EXECUTE);
}

/* X and D: what is cancelled leaves the book; what own orders had taken of it is settled (X) or forgotten (D). */
static void cancel(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    uint64_t reference = m->reference | r->tag;
    tl_book_handle handle = tl_books_find(v->books, reference);
    int side = TL_SIDE_NONE;
    int64_t price = TL_ABSENT, open = 0;
    if (TL_LIKELY(handle != TL_BOOK_NIL)) {
        const tl_book_order *order = tl_books_order(v->books, handle);
        const tl_book_level *level = tl_books_level(v->books, order->level);
        side = side_of_level(level);
        price = level->price;
        open = order->quantity;
    }
    bool all = m->type == TL_ITCH_DELETE;
    int64_t settled;
    if (TL_LIKELY(handle != TL_BOOK_NIL)) {
        if (TL_UNLIKELY(!reduce(v, instrument, reference, handle, all ? open : m->shares, &settled)))
            problem(r, m, TL_ITCH_PROBLEM_OVER_EXECUTED);
    }
    tl_taken_entry *taken = all || handle == TL_BOOK_NIL ? taken_from(v, reference) : NULL;
    if (taken != NULL) {
        side = (int)taken->side;
        price = taken->price;
        tl_taken_settle(&v->taken, taken, all ? taken->quantity : m->shares);
    } else if (handle == TL_BOOK_NIL) {
        problem(r, m, TL_ITCH_PROBLEM_UNKNOWN_ORDER);
        return;
    }
    tl_venue_flush(v, instrument);
    tell_flow(v, instrument, m->reference, price, all ? open : m->shares, side, all ? TL_FLOW_DELETE : TL_FLOW_REDUCE);
}

/* U: the new order comes with what history says less what own orders had taken of the old one: that stays taken. */
static void replace(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    uint64_t reference = m->reference | r->tag;
    tl_book_handle handle = tl_books_find(v->books, reference);
    tl_taken_entry *taken = taken_from(v, reference);
    if (TL_UNLIKELY(handle == TL_BOOK_NIL && taken == NULL)) {
        problem(r, m, TL_ITCH_PROBLEM_UNKNOWN_ORDER);
        return;
    }
    int side = taken != NULL ? (int)taken->side : TL_SIDE_NONE;
    int64_t missing = taken != NULL ? taken->quantity : 0, price = taken != NULL ? taken->price : 0, open = 0;
    if (TL_LIKELY(handle != TL_BOOK_NIL)) {
        const tl_book_order *order = tl_books_order(v->books, handle);
        uint32_t index = order->level;
        const tl_book_level *level = tl_books_level(v->books, index);
        side = side_of_level(level);
        price = level->price;
        open = order->quantity;
        bool gone = level->count == 1;
        tl_books_remove(v->books, handle);
        if (tells_levels(v, instrument)) touch_level(v, index, side, price, gone);
    }
    if (taken != NULL) tl_taken_settle(&v->taken, taken, missing);
    if (TL_UNLIKELY(m->new_reference >= REFERENCE_LIMIT || m->shares == 0))
        problem(r, m, TL_ITCH_PROBLEM_BAD_FIELD);
    else
        bring(r, m, instrument, m->new_reference | r->tag, side, missing);
    tl_venue_flush(v, instrument);
    tell_flow(v, instrument, m->reference, price, open, side, TL_FLOW_REPLACE);
    tell_flow(v, instrument, m->new_reference, m->price, m->shares, side, TL_FLOW_ADD);
}

/* The aggressor of a trade with an order that was not displayed, by where it stands to the quote where the message does not tell. */
static int aggressor_of_hidden(const tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    if (!r->aggressor_unknown) return tl_other_side(m->side);
    tl_book_top top;
    tl_books_top(r->venue->books, instrument, &top);
    if (top.bid_price == TL_ABSENT || top.ask_price == TL_ABSENT) return TL_SIDE_NONE;
    int64_t twice = 2 * m->price, middle = top.bid_price + top.ask_price;
    return twice > middle ? TL_SIDE_BUY : twice < middle ? TL_SIDE_SELL : TL_SIDE_NONE;
}

/* P: whoever traded at this price would have met own orders at better prices first. */
static void hidden_trade(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    tl_venue_trade(v, instrument, m->price, m->shares, m->match, aggressor_of_hidden(r, m, instrument), TL_TRADE_HIDDEN);
    if (TL_UNLIKELY(v->of[instrument].busy && tl_state_matches(v->of[instrument].state))) {
        int64_t left =
            tl_venue_hit(v, TL_HIT_HISTORY, instrument, TL_SIDE_SELL, m->price + 1, m->shares, TL_BOOK_NIL, m->match);
        tl_venue_hit(v, TL_HIT_HISTORY, instrument, TL_SIDE_BUY, m->price - 1, left, TL_BOOK_NIL, m->match);
        saw_trade(v, instrument, m->price);
        tl_venue_flush(v, instrument);
    }
}

/* ---- states and days ---- */

static void cross(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    if (m->shares > 0) tl_venue_trade(v, instrument, m->price, m->shares, m->match, TL_SIDE_NONE, TL_TRADE_CROSS);
    if (TL_UNLIKELY(v->of[instrument].own.count > 0)) {
        tl_auction_cross(v, instrument, m->code, m->price, m->shares);
        if (m->shares > 0) saw_trade(v, instrument, m->price);
        tl_venue_flush(v, instrument);
    }
}

static void end_of_day(tl_venue *v, uint32_t instrument) {
    if (v->of[instrument].own.count == 0) return;
    tl_engine_end_of_day(v->engine, instrument);
    tl_venue_absorb(v, instrument);
    tl_venue_flush(v, instrument);
}

static void system_event(tl_replay *r, const tl_itch_message *m) {
    tl_venue *v = r->venue;
    int phase = tl_itch_state(m);
    if (phase >= 0) r->phase = phase;
    if (m->code == 'C') r->complete = true;
    r->close_ns = INT64_MAX;
    for (uint32_t i = 0; i < v->prepared; i++) {
        tl_venue_instrument *of = &v->of[i];
        if (of->source != r->number) continue;
        if (phase >= 0) tl_venue_set_state(v, i, phase, -1, "");
        if (m->code == 'M') end_of_day(v, i);
        if (m->code == 'M' || m->code == 'E' || m->code == 'C') tl_auction_expire(v, i, m->code != 'M');
        tl_venue_flush(v, i);
    }
}

static void trading_action(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    int action = tl_itch_state(m);
    /* An operational halt names the market that it is of; this feed's own is Q. */
    if (action < 0 || (m->type == TL_ITCH_OPERATIONAL_HALT && m->printable != 'Q')) return;
    tl_venue *v = r->venue;
    bool matched = tl_state_matches(v->of[instrument].state);
    tl_venue_set_state(v, instrument, -1, action, m->attribution);
    if (!matched && tl_state_matches(v->of[instrument].state) && v->of[instrument].busy) tl_auction_uncross(v, instrument);
    tl_venue_flush(v, instrument);
}

/* The first message of an instrument in this file: orders of an earlier day are gone. */
static void begin_day(tl_replay *r, uint32_t instrument) {
    tl_venue *v = r->venue;
    if (v->of[instrument].source != 0) {
        end_of_day(v, instrument);
        tl_auction_expire(v, instrument, true);
        for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++)
            for (uint32_t i = tl_books_depth(v->books, instrument, side); i-- > 0;) {
                const tl_book_level *level = tl_books_level(v->books, tl_books_level_at(v->books, instrument, side, i));
                for (tl_book_handle next, order = level->head; order != TL_BOOK_NIL; order = next) {
                    const tl_book_order *o = tl_books_order(v->books, order);
                    next = o->next;
                    if (o->owner != 0) continue;
                    int64_t settled;
                    reduce(v, instrument, o->reference, order, o->quantity, &settled);
                }
            }
        tl_taken_forget(&v->taken, instrument);
        tl_venue_flush(v, instrument);
    }
    v->of[instrument].source = (uint8_t)r->number;
    tl_venue_set_state(v, instrument, r->phase, TL_STATE_UNKNOWN, "");
}

/* Whether an add names the symbol that its locate stands for. */
static bool is_of(const tl_venue *v, const tl_itch_message *m, uint32_t instrument) {
    return memcmp(m->stock, tl_instruments_at(v->instruments, instrument)->symbol, TL_ITCH_STOCK_BYTES) == 0;
}

static void play(tl_replay *r, const tl_itch_message *m, uint32_t instrument) {
    tl_venue *v = r->venue;
    if (TL_UNLIKELY(m->type == TL_ITCH_SYSTEM_EVENT)) {
        system_event(r, m);
        return;
    }
    if (TL_UNLIKELY(v->of[instrument].source != r->number)) begin_day(r, instrument);
    if (TL_UNLIKELY(m->reference >= REFERENCE_LIMIT && m->type != TL_ITCH_TRADE)) {
        problem(r, m, TL_ITCH_PROBLEM_BAD_FIELD);
        return;
    }
    switch (m->type) {
    case TL_ITCH_ADD:
    case TL_ITCH_ADD_ATTRIBUTED:
        if (TL_UNLIKELY(!is_of(v, m, instrument)))
            problem(r, m, TL_ITCH_PROBLEM_BAD_FIELD);
        else
            add(r, m, instrument);
        break;
    case TL_ITCH_EXECUTED:
    case TL_ITCH_EXECUTED_AT_PRICE:
        execute(r, m, instrument);
        break;
    case TL_ITCH_CANCEL:
    case TL_ITCH_DELETE:
        cancel(r, m, instrument);
        break;
    case TL_ITCH_REPLACE:
        replace(r, m, instrument);
        break;
    case TL_ITCH_TRADE:
        hidden_trade(r, m, instrument);
        break;
    case TL_ITCH_CROSS:
        cross(r, m, instrument);
        break;
    case TL_ITCH_TRADING_ACTION:
    case TL_ITCH_OPERATIONAL_HALT:
        trading_action(r, m, instrument);
        break;
    default:
        break;
    }
    v->touched_count = 0;
    v->joined = false;
}

/* ---- reading ---- */

static uint32_t look_up(tl_replay *r, const tl_itch_message *m) {
    uint32_t instrument = tl_itch_instrument(r->directory, m);
    if (instrument == (uint32_t)TL_NO_INSTRUMENT) return NOT_LOOKED_UP;
    tl_venue *v = r->venue;
    tl_venue_ensure(v);
    tl_venue_instrument *of = &v->of[instrument];
    of->model = TL_FILL_ORDERS;
    if (r->source != NULL) of->followed = 1; /* it cannot be read again for a book that is wanted later */
    bool wanted = of->want != 0 || of->followed;
    r->passed[m->locate] = !wanted;
    return r->wanted[m->locate] = wanted ? WANTED + instrument : NOT_WANTED;
}

static bool refers_to_order(uint8_t type) {
    return type == TL_ITCH_EXECUTED || type == TL_ITCH_EXECUTED_AT_PRICE || type == TL_ITCH_CANCEL ||
           type == TL_ITCH_DELETE || type == TL_ITCH_REPLACE;
}

/* A message that is not played: what it says about the file. */
static void left_out(tl_replay *r, const tl_itch_message *m, uint32_t wanted) {
    r->broken_trades += m->type == TL_ITCH_BROKEN_TRADE;
    if (TL_LIKELY(wanted != NOT_LOOKED_UP) || !refers_to_order(m->type) || m->ordinal <= r->nameless_ordinal) return;
    r->nameless_ordinal = m->ordinal;
    tl_itch_count_problem(&r->nameless, TL_ITCH_PROBLEM_UNKNOWN_ORDER, m->offset, m->ordinal);
}

/* Which messages of the batch from `from` on are to be played. */
static void select_relevant(tl_replay *r, uint32_t from) {
    uint32_t count = 0;
    for (uint32_t i = from; i < r->count; i++) {
        const tl_itch_message *m = &r->batch[i];
        uint8_t how = treatment[m->type];
        uint32_t wanted = r->wanted[m->locate];
        if (TL_UNLIKELY(wanted == NOT_LOOKED_UP && how != OF_ALL)) wanted = look_up(r, m);
        if (how == OF_ALL || (how == OF_INSTRUMENT && wanted >= WANTED)) {
            r->instrument_of[i] = wanted - WANTED;
            r->relevant[count++] = (uint16_t)i;
        } else {
            left_out(r, m, wanted);
        }
    }
    r->relevant_count = count;
    r->at = 0;
}

static unsigned read_batch(tl_replay *r) {
    if (r->source == NULL) return tl_itch_read(r->reader, r->batch, BATCH);
    unsigned count = r->source(r->source_context, r->batch, BATCH);
    for (unsigned i = 0; i < count; i++)
        r->batch[i].ordinal = ++r->source_messages;
    return count;
}

static bool refill(tl_replay *r) {
    do {
        r->count = read_batch(r);
        if (r->count == 0) {
            r->ended = true;
            return false;
        }
        select_relevant(r, 0);
    } while (r->relevant_count == 0);
    r->prefetches = tl_books_live_orders(r->venue->books) > CACHED_ORDERS;
    return true;
}

int64_t tl_replay_next_ns(tl_replay *r) {
    int64_t ts_ns = INT64_MAX;
    if (TL_LIKELY(r->at < r->relevant_count || (!r->ended && refill(r))))
        ts_ns = r->midnight_ns + r->batch[r->relevant[r->at]].ts_ns;
    if (TL_UNLIKELY(ts_ns > r->close_ns))
        ts_ns = ts_ns != INT64_MAX || tl_own_orders_open(r->venue->own) > 0 ? r->close_ns : INT64_MAX;
    return ts_ns > r->last_ns ? ts_ns : r->last_ns;
}

static void prefetch(const tl_replay *r) {
    const tl_books *books = r->venue->books;
    if (r->at + AHEAD < r->relevant_count) tl_books_prefetch(books, r->batch[r->relevant[r->at + AHEAD]].reference | r->tag);
    if (r->at + AHEAD / 2 < r->relevant_count)
        tl_books_prefetch_order(books, r->batch[r->relevant[r->at + AHEAD / 2]].reference | r->tag);
}

int64_t tl_replay_step(tl_replay *r) {
    bool there = r->at < r->relevant_count;
    int64_t ts_ns = there ? r->midnight_ns + r->batch[r->relevant[r->at]].ts_ns : INT64_MAX;
    if (TL_UNLIKELY(ts_ns > r->close_ns)) {
        if (r->close_ns > r->last_ns) r->last_ns = r->close_ns;
        system_event(r, &(tl_itch_message){.type = TL_ITCH_SYSTEM_EVENT, .code = 'M'});
    } else if (TL_LIKELY(there)) {
        if (ts_ns > r->last_ns) r->last_ns = ts_ns;
        if (r->prefetches) prefetch(r);
        uint32_t place = r->relevant[r->at++];
        r->played_ordinal = r->batch[place].ordinal;
        play(r, &r->batch[place], r->instrument_of[place]);
    }
    return tl_replay_next_ns(r);
}

/* Plays for one instrument only what `batch` holds of the past; returns the place of the first message that is not of the past. */
static uint32_t play_past(tl_replay *r, uint32_t instrument, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const tl_itch_message *m = &r->batch[i];
        if (m->ordinal > r->played_ordinal && r->midnight_ns + m->ts_ns >= r->venue->now_ns) return i;
        r->broken_trades += m->type == TL_ITCH_BROKEN_TRADE;
        if (m->type == TL_ITCH_SYSTEM_EVENT)
            r->phase = tl_itch_state(m) >= 0 ? tl_itch_state(m) : r->phase;
        else if (treatment[m->type] == OF_INSTRUMENT && tl_itch_instrument(r->directory, m) == instrument)
            play(r, m, instrument);
        if (m->type == TL_ITCH_SYSTEM_EVENT && r->venue->of[instrument].source == r->number)
            tl_venue_set_state(r->venue, instrument, r->phase, -1, "");
    }
    return count;
}

tl_status tl_replay_follow(tl_replay *r, uint32_t instrument) {
    memset(r->wanted, NOT_LOOKED_UP, sizeof r->wanted);
    memset(r->passed, 0, sizeof r->passed);
    if (r->source != NULL || tl_itch_messages(r->reader) == 0) return TL_OK;
    tl_itch *reader;
    tl_status status = tl_itch_open(r->path, &reader);
    if (status != TL_OK) return status;
    tl_itch_close(r->reader);
    r->reader = reader;
    r->broken_trades = 0;
    r->ended = false;
    tl_itch_problem_counts problems =
        r->problems; /* the fresh book meets no other problems than are there, and these would count twice */
    bool quiet = r->venue->quiet;
    r->venue->quiet = true;
    uint32_t from;
    do {
        r->count = tl_itch_read(r->reader, r->batch, BATCH);
        from = play_past(r, instrument, r->count);
    } while (r->count > 0 && from == r->count);
    r->venue->quiet = quiet;
    r->problems = problems;
    tl_itch_pass_over(r->reader, r->passed);
    select_relevant(r, from);
    return TL_OK;
}

bool tl_replay_complete(const tl_replay *r) {
    return r->complete;
}

/* ---- counts ---- */

uint64_t tl_replay_messages(const tl_replay *r) {
    if (r->at < r->relevant_count) return r->batch[r->relevant[r->at]].ordinal - 1;
    return r->source != NULL ? r->source_messages : tl_itch_messages(r->reader);
}

void tl_replay_problems(const tl_replay *r, tl_itch_problem_counts *counts) {
    memset(counts, 0, sizeof *counts);
    if (r->reader != NULL) *counts = *tl_itch_problems(r->reader);
    tl_itch_merge_problems(counts, &r->problems);
    tl_itch_merge_problems(counts, &r->nameless);
}

uint64_t tl_replay_broken_trades(const tl_replay *r) {
    return r->broken_trades;
}

uint64_t tl_replay_consumed(const tl_replay *r) {
    return r->source != NULL ? 0 : tl_itch_consumed(r->reader);
}

uint64_t tl_replay_size(const tl_replay *r) {
    return r->source != NULL ? 0 : tl_itch_size(r->reader);
}

const char *tl_replay_path(const tl_replay *r) {
    return r->path;
}
