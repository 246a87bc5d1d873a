/* The matching engine: price-time priority over order-by-order books (market/book.h).
 *
 * One call is one operation; what happened stands in the engine's event list afterwards, in order, until the caller clears it.
 * An engine may share its books with foreign orders: entries of owner 0 that the caller puts into tl_engine_books() itself (a
 * replayed market). The engine's orders trade against them; foreign ones never trade by themselves: tl_engine_hit() tells the
 * engine of a foreign aggressor.
 *
 * The rules that are not obvious (docs/EXCHANGE.md states all):
 *  - A market order never rests; what it cannot get is cancelled. A stop whose price is there when it arrives triggers at once.
 *  - A trade triggers stops when the operation that made it is through; triggered stops run in the order in which they were
 *    triggered, and may trigger more. Each runs once, so the chain ends.
 *  - Reduce-only is capped when it arrives (a stop: when it triggers) and whenever its owner's position shrinks.
 *  - An order with `expire_ns` expires then, whatever its time in force.
 *
 * Single owner. No call allocates in the steady state. Times are exchange time, ns.
 */
#ifndef TL_EXCHANGE_ENGINE_H
#define TL_EXCHANGE_ENGINE_H

#include "market/book.h"
#include "market/instrument.h"
#include "order/order.h"

typedef struct tl_engine tl_engine;

/* An order as it is submitted. */
typedef struct tl_engine_order {
    uint64_t id;        /* chosen by the caller, unique among live orders and the books' references */
    int64_t quantity;   /* mantissa, > 0, on the lot */
    int64_t price;      /* mantissa; TL_ABSENT for market and stop */
    int64_t stop_price; /* mantissa; TL_ABSENT for none */
    int64_t offset;     /* trailing stop: mantissa, or 1e-8 of the price with TL_FLAG_TRAIL_PERCENT */
    int64_t display;    /* iceberg: displayed quantity; 0 = all */
    int64_t expire_ns;  /* exchange time; 0 = none (GTD needs one) */
    uint32_t instrument;
    uint32_t owner; /* orders of one owner never trade with each other; reduce-only looks at its position; 0 = nobody's */
    uint32_t flags; /* TL_FLAG_POST_ONLY, _POST_SLIDE, _REDUCE_ONLY, _TRIGGER_QUOTE, _TRIGGER_MARK, _TRAIL_PERCENT */
    uint8_t side;   /* TL_SIDE_* */
    uint8_t type;   /* tl_order_type */
    uint8_t time_in_force; /* tl_time_in_force */
    uint8_t reserved;
} tl_engine_order;

/* What happened to one order. A trade between two engine orders is two events, the aggressor's first. */
typedef struct tl_engine_event {
    uint64_t id;       /* the order */
    uint64_t against;  /* of a fill: the other side's id or reference; else the quantity filled so far */
    int64_t price;     /* of a fill; else the order's price (a slid one's own), TL_ABSENT for none */
    int64_t quantity;  /* of a fill; else the order's total (a capped reduce-only's own) */
    int64_t remaining; /* open after this event; 0 when the order ended with it */
    int64_t ahead;     /* accepted, replaced, triggered and new to its queue: quantity before it there; else TL_ABSENT */
    int64_t ts_ns;     /* exchange time */
    uint32_t instrument;
    uint8_t
        kind; /* tl_report_kind: ACCEPTED REJECTED FILL CANCELED REPLACED TRIGGERED EXPIRED CANCEL_REJECTED REPLACE_REJECTED RESTATED */
    uint8_t liquidity; /* TL_LIQUIDITY_* of a fill */
    uint16_t reason;   /* tl_reason */
} tl_engine_event;

TL_STATIC_ASSERT(sizeof(tl_engine_event) == 64, "one cache line");

/* Whose order gives way when one owner would trade with itself. */
typedef enum tl_self_trade_policy {
    TL_SELF_TRADE_CANCEL_NEWEST = 0, /* the incoming order's rest is cancelled (reason self_trade) */
    TL_SELF_TRADE_CANCEL_OLDEST,     /* the resting order is cancelled, matching goes on */
    TL_SELF_TRADE_CANCEL_BOTH,
    TL_SELF_TRADE_ALLOW
} tl_self_trade_policy;

/* An engine over the instruments of a table (which may grow). NULL when there is no memory. */
tl_engine *tl_engine_create(const tl_instruments *instruments, tl_self_trade_policy self_trade);
void tl_engine_destroy(tl_engine *engine);

/* The time of what follows; expires what is due (GTD). Never goes back. */
void tl_engine_time(tl_engine *engine, int64_t ts_ns);

/* Expires the next order that is due at or before ts_ns, and nothing else: its instrument, or false when none is due. For callers that take the events of
 * each apart, before tl_engine_time(). */
bool tl_engine_expire(tl_engine *engine, int64_t ts_ns, uint32_t *instrument);

/* When the next order expires by itself, INT64_MAX when none does. */
int64_t tl_engine_next_expiry_ns(const tl_engine *engine);

/* The three operations. Each is answered by events; nothing is silent. */
void tl_engine_new(tl_engine *engine, const tl_engine_order *order);
void tl_engine_cancel(tl_engine *engine, uint64_t id);
/* `quantity` is the new total (filled included); TL_ABSENT leaves quantity or price as it is. Keeps priority only when the open
 * quantity shrinks at the same price. A total that is filled already ends the order (cancelled). The price of a waiting stop order is its
 * stop price, that of a stop-limit its limit; a trailing stop has none to replace. */
void tl_engine_replace(tl_engine *engine, uint64_t id, int64_t price, int64_t quantity);

/* The same for the stop price of a waiting stop or stop-limit. */
void tl_engine_replace_stop(tl_engine *engine, uint64_t id, int64_t stop_price, int64_t quantity);

/* Trading state of an instrument: new orders are rejected with TL_REASON_HALTED or TL_REASON_CLOSED while it is halted, paused, in an auction or
 * closed. Before the opening they are taken and match, as venues with early hours do; stops wait for regular trading. Cancels are always taken. */
void tl_engine_set_state(tl_engine *engine, uint32_t instrument, int state);

/* The end of the trading day for an instrument: day orders expire (TL_REASON_END_OF_DAY) in the order of their arrival. */
void tl_engine_end_of_day(tl_engine *engine, uint32_t instrument);

/* A foreign aggressor of `side` wants `quantity` at `price` or better. Fills the engine's own resting orders that stand at strictly better
 * prices, or at `price` in front of the book order `before` (TL_BOOK_NIL: anywhere in that level), each at its own price as maker.
 * Foreign orders are not touched. Returns the quantity that is left. */
int64_t tl_engine_hit(tl_engine *engine, uint32_t instrument, int side, int64_t price, int64_t quantity,
                      tl_book_handle before, uint64_t against);

/* A trade printed at `price`, or the quote or mark moved: triggers stops and moves trailing stops that look at it. Own trades are
 * seen by the engine itself. */
void tl_engine_saw_trade(tl_engine *engine, uint32_t instrument, int64_t price);
void tl_engine_saw_quote(tl_engine *engine, uint32_t instrument);
void tl_engine_saw_mark(tl_engine *engine, uint32_t instrument, int64_t price);

/* Own orders that rest in the book of a side, and stops that wait: 0 lets a caller skip work. */
uint32_t tl_engine_resting(const tl_engine *engine, uint32_t instrument, int side);
uint32_t tl_engine_waiting_stops(const tl_engine *engine, uint32_t instrument);

/* Quantity in front of a resting order in its level's queue, and the level's whole quantity; false when it does not rest. */
bool tl_engine_queue(const tl_engine *engine, uint64_t id, int64_t *ahead, int64_t *total);

/* The same, where what stands in front of the order `known` is known already: the walk ends there when it stands in the same level. 0 is no order. */
bool tl_engine_queue_after(const tl_engine *engine, uint64_t id, uint64_t known, int64_t known_ahead, int64_t *ahead,
                           int64_t *total);

/* The signed position of an owner in an instrument: the sum of its fills. */
int64_t tl_engine_position(const tl_engine *engine, uint32_t owner, uint32_t instrument);

/* What stands against a new order by its fields alone: a tl_reason, TL_REASON_NONE for nothing. tl_engine_new() asks the same. */
int tl_engine_check(const tl_engine *engine, const tl_engine_order *order);

/* An owner traded outside of the engine (an auction, a fill model): its position changes by `quantity` (signed). Reduce-only orders
 * follow. */
void tl_engine_adjust(tl_engine *engine, uint32_t owner, uint32_t instrument, int64_t quantity);

/* The books that the engine matches over. */
tl_books *tl_engine_books(tl_engine *engine);

/* What happened since the last clear. Valid until the next operation. */
const tl_engine_event *tl_engine_events(const tl_engine *engine, uint32_t *count);
void tl_engine_clear_events(tl_engine *engine);

#endif
