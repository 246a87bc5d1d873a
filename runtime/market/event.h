/* Events: the one record of everything that reaches a strategy.
 *
 * An event is a 64-byte slot: a 32-byte head that all kinds share and a payload of four 64-bit words. Kinds that need more
 * take one or two further slots directly behind the first (tl_event_slots() tells), whose whole 64 bytes are payload. Events are values:
 * they are copied, never pointed to.
 *
 * Prices and quantities are mantissas in the instrument's exponents; TL_ABSENT marks what is not there.
 */
#ifndef TL_MARKET_EVENT_H
#define TL_MARKET_EVENT_H

#include "base/fixed.h"

typedef enum tl_event_kind {
    TL_EVENT_NONE = 0, /* a slot to be skipped */
    /* market data */
    TL_EVENT_QUOTE,      /* w: bid price, ask price, bid size, ask size */
    TL_EVENT_TRADE,      /* w: price, size, trade id, aggressor side (0 unknown) | trade kind << 8 */
    TL_EVENT_LEVEL,      /* w: price, size (0 = gone), order count, side */
    TL_EVENT_BOOK,       /* the level changes of one message are complete: on_book is due */
    TL_EVENT_ORDER_FLOW, /* order by order: w: reference, price, size, side | op << 8 */
    TL_EVENT_BAR,        /* two slots: w: open, high, low, close; tail: volume, trades, vwap, ts_open, interval ns */
    TL_EVENT_BARS,       /* all bars of a close are in: w: interval ns, ts of the close */
    TL_EVENT_STATUS,     /* w: tl_trading_state, reason (4 ASCII bytes) */
    TL_EVENT_MARK,       /* w: mark, index, funding rate e8, next funding ts */
    TL_EVENT_ACTION,     /* two slots: w: action kind, ratio e8, amount e8; tail: currency */
    TL_EVENT_DATA,       /* a row of outside data: w: input index, row index */
    TL_EVENT_GAP,        /* w: missed */
    TL_EVENT_FEED,       /* w: 0 stale, 1 fresh */
    /* own orders */
    TL_EVENT_REPORT, /* two slots holding a tl_report: see order/order.h */
    TL_EVENT_QUEUE,  /* an own order's place: w: order id, quantity ahead, quantity in the level */
    /* the strategy's own */
    TL_EVENT_TIMER, /* w: timer id, missed, deadline ts */
    TL_EVENT_PARAM, /* w: param index, new value as the bits of a double */
    TL_EVENT_START, /* the first event of a generation: w: 0 start, 1 reload, 2 recovery; live: sequence of the checkpoint that it went on from (0 = none: on_start runs here), the highest
                       order id sent before, sequence of the event that was skipped (0 = none); where a checkpoint was gone on from, ts_ns is the time of that on_start */
    TL_EVENT_PHASE, /* w: tl_phase; live: 1 when a fresh strategy goes on here, as its predecessor died without a checkpoint */
    TL_EVENT_STOP, /* an orderly stop: w: 0 end of data, 1 stop, 2 reload */
    /* live only */
    TL_EVENT_SIGNAL, /* two slots: another strategy's signal: w: its id, value as the bits of a double; tail: name, zero-terminated */
    TL_EVENT_VENUE, /* w: venue index, tl_venue_link */
    TL_EVENT_POSITION, /* three slots: the position as the gateway has it, holding a tl_position: sets the view's; part of an attach */
    TL_EVENT_ADOPT, /* three slots: an open order as the gateway has it, holding a tl_adopted (gateway/message.h): part of an attach */
    TL_EVENT_ATTACHED, /* the attach is complete: open orders of the mirror that no ADOPT since named are gone; w: report sequence, or -1: reports
                          were lost, and an attach begins here */
    TL_EVENT_CHECKPOINT, /* the strategy's state was written down behind this record, on_save included */
    TL_EVENT_KINDS
} tl_event_kind;

/* Which input a slot came from; at equal times the lower goes first. */
typedef enum tl_event_source {
    TL_SOURCE_REPORT = 0,
    TL_SOURCE_MARKET,
    TL_SOURCE_BAR,
    TL_SOURCE_TIMER,
    TL_SOURCE_OPERATOR,
    TL_SOURCE_RESYNC /* read from the latches after a gap, or at a start: brings the view up to date, no handler is called */
} tl_event_source;

/* A venue's link, as on_venue tells it. */
typedef enum tl_venue_link { TL_VENUE_DISCONNECTED = 0, TL_VENUE_CONNECTED, TL_VENUE_RECONCILED } tl_venue_link;

/* What a strategy's `self.phase` says. */
typedef enum tl_phase { TL_PHASE_SHADOW = 0, TL_PHASE_HISTORY, TL_PHASE_LIVE } tl_phase;

enum { TL_SIDE_NONE = 0, TL_SIDE_BUY = 1, TL_SIDE_SELL = 2 };
enum { TL_TRADE_NORMAL = 0, TL_TRADE_CROSS = 1, TL_TRADE_HIDDEN = 2 };
/* What an ACTION is: a split multiplies quantities by its ratio; a dividend pays `amount` for each unit held, and funding takes it. */
enum { TL_ACTION_SPLIT = 0, TL_ACTION_DIVIDEND = 1, TL_ACTION_FUNDING = 2, TL_ACTION_LISTING = 3 };
enum { TL_FLOW_ADD = 0, TL_FLOW_EXECUTE = 1, TL_FLOW_REDUCE = 2, TL_FLOW_DELETE = 3, TL_FLOW_REPLACE = 4 };

typedef struct tl_event {
    uint64_t sequence;        /* place in the reader's one total order; 0 before it is logged */
    int64_t ts_recv_ns;       /* runtime time at which it reached the reader */
    int64_t ts_ns;            /* time given by its origin (venue, bar close, timer deadline) */
    uint32_t instrument;      /* TL_NO_INSTRUMENT where none applies */
    uint8_t kind;             /* tl_event_kind */
    uint8_t source;           /* tl_event_source */
    uint16_t source_sequence; /* low 16 bits of the count of what its source sent: a reader that saw each one can widen it */
    int64_t w[4];             /* payload, by kind */
} tl_event;

TL_STATIC_ASSERT(sizeof(tl_event) == 64, "an event is one slot");

/* The second slot of the kinds that have one. */
typedef struct tl_event_tail {
    int64_t w[8]; /* payload, by kind */
} tl_event_tail;

TL_STATIC_ASSERT(sizeof(tl_event_tail) == 64, "a tail is one slot");

enum { TL_EVENT_SLOTS_MAX = 3 };

TL_STATIC_ASSERT(TL_EVENT_KINDS <= 64, "sets of kinds are words of 64 bits");

#ifndef TL_CDEF
/* The side that trades with a side. */
static inline int tl_other_side(int side) {
    return side == TL_SIDE_BUY ? TL_SIDE_SELL : TL_SIDE_BUY;
}

static inline unsigned tl_event_slots(uint8_t kind) {
    const uint64_t three = 1ull << TL_EVENT_POSITION | 1ull << TL_EVENT_ADOPT;
    const uint64_t more =
        three | 1ull << TL_EVENT_BAR | 1ull << TL_EVENT_ACTION | 1ull << TL_EVENT_REPORT | 1ull << TL_EVENT_SIGNAL;
    return 1u + (unsigned)(more >> (kind & 63) & 1) + (unsigned)(three >> (kind & 63) & 1);
}
#endif

#endif
