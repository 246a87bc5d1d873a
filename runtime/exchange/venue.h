/* The state that the parts of the simulator share: instruments, own orders, the matching engine, and what came out.
 *
 * Replay of orders, bars and quotes each move the venue in their way and say what happened through these functions; they keep the order in which
 * a strategy sees things: trade, level changes, queue, quote, book, order flow. Internal to the simulator; single owner; no
 * allocation in the steady state.
 */
#ifndef TL_EXCHANGE_VENUE_H
#define TL_EXCHANGE_VENUE_H

#include "base/random.h"
#include "exchange/engine.h"
#include "exchange/own_orders.h"
#include "exchange/taken.h"
#include "memory/vmem.h"

/* How an instrument's orders are filled; the finest data that it has decides. */
typedef enum tl_fill_model {
    TL_FILL_NONE = 0, /* no data yet */
    TL_FILL_BARS,
    TL_FILL_TRADES,
    TL_FILL_QUOTES,
    TL_FILL_DEPTH,
    TL_FILL_ORDERS /* order by order, in the matching engine */
} tl_fill_model;

/* Why own resting orders are being hit: decides what is printed and at which price. */
typedef enum tl_hit_kind {
    TL_HIT_NONE = 0,
    TL_HIT_ADD,     /* a new order of history: a trade that history does not know, printed */
    TL_HIT_HISTORY, /* in place of history's own trade, which is printed anyway */
    TL_HIT_CROSS    /* in a cross, at its price */
} tl_hit_kind;

typedef struct tl_venue_instrument {
    tl_book_top top;    /* best prices and sizes as last told */
    tl_own_list own;    /* open orders, in order of arrival */
    int64_t last_price; /* of a trade, TL_ABSENT before any */
    uint32_t want;      /* TL_WANT_* */
    uint8_t model;      /* tl_fill_model */
    uint8_t phase;      /* tl_trading_state of the market */
    uint8_t action;     /* tl_trading_state by a trading action or halt, TL_STATE_UNKNOWN when none */
    uint8_t state;      /* tl_trading_state that follows, as told */
    uint8_t busy;       /* own orders rest in the engine's book or stops wait there */
    uint8_t source;     /* the replay that played it last, 0 before any */
    uint8_t followed;   /* own orders were sent: its book is kept though nobody asked for events */
    uint8_t reserved;
} tl_venue_instrument;

/* Levels that one message may change and be told of. */
enum { TL_VENUE_TOUCHED = 1 << 20 };

/* A level that one message changed. */
typedef struct tl_venue_touch {
    int64_t price;
    int64_t quantity;
    uint32_t count;
    uint32_t side;
} tl_venue_touch;

typedef struct tl_venue {
    tl_instruments *instruments;
    tl_engine *engine;
    tl_books *books; /* the engine's */
    tl_own_orders *own;
    tl_venue_instrument *of; /* by instrument id, in reserved memory */
    tl_event *events;        /* output, in reserved memory */
    tl_report *reports;      /* output, in reserved memory */
    tl_venue_touch *touched; /* levels changed in the message at hand, in reserved memory */
    uint32_t *changed;       /* own orders changed in the operation at hand, in reserved memory */
    uint32_t slots;          /* of events */
    uint32_t report_count;
    uint32_t touched_count;
    uint32_t changed_count;
    uint32_t prepared;   /* instruments whose record is initialised */
    int hit;             /* tl_hit_kind */
    int64_t cross_price; /* of a TL_HIT_CROSS */
    int64_t now_ns;      /* exchange time */
    uint64_t executions; /* given out so far: the last execution id */
    uint64_t dropped;    /* outputs for which there was no room */
    bool joined;         /* the message at hand only put an order at the end of its level */
    bool quiet;          /* books are built, nothing comes out */
    tl_taken taken;
    tl_random random;
    tl_vmem memory[5];
} tl_venue;

tl_status tl_venue_init(tl_venue *venue, tl_instruments *instruments, int self_trade, uint64_t seed);
void tl_venue_close(tl_venue *venue);

/* Makes records of instruments that joined the table exist. */
void tl_venue_ensure(tl_venue *venue);

/* A zeroed slot at the end of the output with its head filled; never NULL (a spare is given when there is no room). */
tl_event *tl_venue_event(tl_venue *venue, int kind, uint32_t instrument);

/* A trade: printed when wanted, remembered as the last price. */
void tl_venue_trade(tl_venue *venue, uint32_t instrument, int64_t price, int64_t quantity, uint64_t id, int aggressor,
                    int kind);

/* A report of an own order with what is common filled in. */
tl_report *tl_venue_report(tl_venue *venue, const tl_own_order *order, int kind, int reason);

/* A report for a command that belongs to no open order. */
tl_report *tl_venue_refuse(tl_venue *venue, const tl_command *command, int kind, int reason);

/* An order that the engine does not have trades, and ends when that fills it (true: the handle is dead). */
bool tl_venue_fill(tl_venue *venue, uint32_t handle, int64_t price, int64_t quantity, int liquidity);

/* An order that the engine does not have ends: a report of `kind` and the handle is dead. */
void tl_venue_end(tl_venue *venue, uint32_t handle, int kind, int reason);

/* The engine's events become reports, trades, taken quantities and touched levels. To be called after each engine call that may have made
 * any. */
void tl_venue_absorb(tl_venue *venue, uint32_t instrument);

/* The venue's time moves on; what expires by it comes out. Never goes back. */
void tl_venue_time(tl_venue *venue, int64_t now_ns);

/* Own resting orders of the engine are hit by `quantity` of a foreign aggressor; see tl_engine_hit(). Returns what is left. */
int64_t tl_venue_hit(tl_venue *venue, tl_hit_kind hit, uint32_t instrument, int aggressor, int64_t price, int64_t quantity,
                     tl_book_handle before, uint64_t against);

/* The message is complete: level changes, places in the queue that changed, quote and book come out. */
void tl_venue_flush(tl_venue *venue, uint32_t instrument);

/* The level changes of the message come out. */
void tl_venue_tell_levels(tl_venue *venue, uint32_t instrument);

/* The quote, if `top` is another than was told, and the book come out; the message is complete. */
void tl_venue_tell_top(tl_venue *venue, uint32_t instrument, const tl_book_top *top);

/* An order's place came out of a fill model, if it is another than was told. */
void tl_venue_tell_queue(tl_venue *venue, tl_own_order *order, int64_t ahead, int64_t total);

/* The whole present book, quote and state of an instrument come out. */
void tl_venue_tell_all(tl_venue *venue, uint32_t instrument);

/* Phase of the market and action on the instrument make its state: told, and given to the engine, when it changed. */
void tl_venue_set_state(tl_venue *venue, uint32_t instrument, int phase, int action, const char *reason);

#ifndef TL_CDEF
/* Marks a level as changed, with what it holds now. */
static inline void tl_venue_touch_level(tl_venue *venue, int side, int64_t price, int64_t quantity, uint32_t count) {
    tl_venue_touch *touch = venue->touched, *end = touch + venue->touched_count;
    for (; touch < end; touch++)
        if (touch->price == price && touch->side == (uint32_t)side) break;
    if (touch == end && venue->touched_count++ == TL_VENUE_TOUCHED) venue->touched_count--;
    *touch = (tl_venue_touch){.price = price, .quantity = quantity, .count = count, .side = (uint32_t)side};
}

/* Whether orders match continuously in a state. */
static inline bool tl_state_matches(int state) {
    return state == TL_STATE_TRADING || state == TL_STATE_UNKNOWN || state == TL_STATE_PRE_OPEN || state == TL_STATE_CLOSED;
}
#endif

#endif
