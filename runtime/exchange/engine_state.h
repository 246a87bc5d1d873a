/* The inside of the matching engine, shared by engine.c, matching.c and stops.c only. Nothing here is seen by Lua or by other rooms.
 *
 * Invariants:
 *  1. An order's record is in one state: it rests (`handle` in `books`, whose owner is the record's index), waits for its trigger
 *     (`handle` in `stops`), or is in the hands of the operation under way.
 *  2. What rests is filled < quantity, and shown + hidden = quantity - filled.
 *  3. A market's counts and sums cover what rests, and what waits, never the order in hand.
 *  4. Between operations nothing is triggered and not yet run.
 */
#ifndef TL_EXCHANGE_ENGINE_STATE_H
#define TL_EXCHANGE_ENGINE_STATE_H

#include "exchange/engine.h"
#include "exchange/expiry.h"
#include "exchange/holdings.h"

#ifndef TL_CDEF

enum {
    ENGINE_MAX_ORDERS = 1 << 26,
    ENGINE_MAX_EVENTS = 1 << 26,
    ENGINE_MAX_MARKETS = 1 << 20,
    ENGINE_NO_EVENT = UINT32_MAX
};

/* No price, and no sum of open quantities of a side, is larger: sums of two never overflow. */
#define ENGINE_LARGEST ((int64_t)1 << 62)

/* What a stop looks at. */
typedef enum engine_trigger { TRIGGER_LAST = 0, TRIGGER_QUOTE, TRIGGER_MARK, TRIGGERS } engine_trigger;

typedef enum engine_where { ORDER_IN_HAND = 0, ORDER_RESTS, ORDER_WAITS } engine_where;

typedef struct engine_order {
    uint64_t id;
    int64_t quantity;      /* total */
    int64_t filled;        /* of it */
    int64_t hidden;        /* of what rests: not displayed */
    int64_t price;         /* limit; TL_ABSENT for none */
    tl_book_handle handle; /* in `books` or `stops`, see `where` */
    uint32_t holding;      /* index of its owner's holding, 0 = nobody's */
    uint32_t owner;
    uint32_t instrument;
    uint16_t flags;        /* TL_FLAG_* */
    uint8_t side;          /* TL_SIDE_* */
    uint8_t type;          /* tl_order_type; a triggered stop takes the type it becomes */
    uint8_t time_in_force; /* tl_time_in_force */
    uint8_t where;         /* engine_where */
    uint8_t reserved[2];
    /* The second line is touched by few operations. */
    int64_t stop_price; /* TL_ABSENT until a trailing stop has seen a price */
    int64_t offset;     /* trailing */
    int64_t water;      /* trailing: the best price it has seen; TL_ABSENT for none */
    int64_t display;    /* iceberg: size of a slice; 0 = all is displayed */
    int64_t expire_ns;  /* 0 = never */
    uint64_t sequence;  /* arrival */
    uint32_t next;      /* in one list: free, triggered, trailing or reducers */
    uint32_t previous;  /* trailing and reducers */
    uint64_t reserved_2;
} engine_order;

TL_STATIC_ASSERT(sizeof(engine_order) == 128, "two cache lines");

/* An instrument as the engine sees it. Pairs are buy, sell: index side - 1. */
typedef struct engine_market {
    int64_t last;                /* trade price, TL_ABSENT before the first */
    int64_t mark;                /* TL_ABSENT before the first */
    int64_t open[2];             /* quantity of what rests, hidden too */
    uint32_t resting[2];         /* orders in the book */
    uint32_t icebergs[2];        /* of them with a display size */
    uint32_t reducers[2];        /* of them reduce-only */
    uint32_t waiting[TRIGGERS];  /* stops */
    uint32_t trailing[TRIGGERS]; /* list of trailing stops, in the order in which they began to wait */
    uint32_t trailing_last[TRIGGERS];
    int64_t slack[TRIGGERS][2]; /* no trailing stop moves before a buy sees less, or a sell more, than this */
    uint8_t state;              /* tl_trading_state */
    uint8_t reserved[7];
} engine_market;

struct tl_engine {
    tl_books *books;
    engine_order *orders;
    engine_market *markets;
    tl_engine_event *events;
    const tl_instruments *instruments;
    tl_holdings holdings;
    int64_t now_ns;
    uint64_t sequence; /* of the last order that came in */
    uint32_t event_count;
    uint32_t market_count; /* markets set up */
    uint32_t free_order;   /* chained by `next` */
    uint32_t used_orders;
    uint32_t triggered_first; /* stops to be run, chained by `next` */
    uint32_t triggered_last;
    tl_self_trade_policy self_trade;
    tl_books *stops; /* waiting stops, "instrument" = instrument * TRIGGERS + trigger; sides are swapped, see stops.c */
    tl_expiry expiry;
    tl_vmem order_memory;
    tl_vmem market_memory;
    tl_vmem event_memory;
};

/* Appends an event about an order; remaining is its open quantity, 0 when `reason` ends it. */
tl_engine_event *tl_engine_emit(tl_engine *engine, const engine_order *order, int kind, int reason);

/* matching.c: brings an order in hand to the book: trades, then rests or ends it. `event` is the index of the event whose
 * `ahead` it fills in. */
void tl_engine_execute(tl_engine *engine, engine_market *market, uint32_t order, uint32_t event);
/* Takes a resting order out of the book and of all counts; it is in hand then. */
void tl_engine_withdraw(tl_engine *engine, engine_market *market, uint32_t order);
/* The quantity by which a reduce-only order of that side may trade. */
int64_t tl_engine_reducible(const tl_engine *engine, uint32_t holding, int side);
/* Shrinks the open quantity of a resting order by `less` (less than all of it), the hidden part first. */
void tl_engine_shrink(tl_engine *engine, engine_market *market, uint32_t order, int64_t less);

/* stops.c: puts a stop in hand among those that wait, or among the triggered when its price is there already. */
void tl_engine_await(tl_engine *engine, engine_market *market, uint32_t order);
/* Takes a waiting stop out; it is in hand then. */
void tl_engine_unawait(tl_engine *engine, engine_market *market, uint32_t order);
/* A price was seen by buy stops and by sell stops (TL_ABSENT: none): moves trailing stops and queues what it triggers. */
void tl_engine_look(tl_engine *engine, engine_market *market, uint32_t instrument, int trigger, int64_t for_buys,
                    int64_t for_sells);
/* Looks at the quote as it stands. */
void tl_engine_look_at_quote(tl_engine *engine, engine_market *market, uint32_t instrument);
/* Runs triggered stops, and those that they trigger, in order, until there is none. */
void tl_engine_settle(tl_engine *engine, engine_market *market, uint32_t instrument);

static inline int64_t engine_open_quantity(const engine_order *order) {
    return order->quantity - order->filled;
}

/* Stops trigger in regular trading only; before the opening orders are taken and match all the same. */
static inline bool engine_trades(const engine_market *market) {
    return market->state == TL_STATE_UNKNOWN || market->state == TL_STATE_TRADING;
}

static inline int engine_opposite(int side) {
    return TL_SIDE_BUY + TL_SIDE_SELL - side;
}

/* A limit of `side` reaches a price of the other side. */
static inline bool engine_reaches(int side, int64_t limit, int64_t price) {
    return side == TL_SIDE_BUY ? limit >= price : limit <= price;
}

static inline void engine_free(tl_engine *engine, uint32_t order) {
    engine->orders[order].next = engine->free_order;
    engine->free_order = order;
}

/* A trade was printed: stops look at it. */
static inline void engine_print(tl_engine *engine, engine_market *market, uint32_t instrument, int64_t price) {
    market->last = price;
    if (TL_UNLIKELY(market->waiting[TRIGGER_LAST] != 0))
        tl_engine_look(engine, market, instrument, TRIGGER_LAST, price, price);
}

#endif
#endif
