/* What a script is shown: one struct a kind, scalar members only.
 *
 * A script holds const references to these. LuaJIT lets a script read any member by its name and index no further, so that a
 * member is never an array or a pointer (a test walks the declarations and fails on one). Members carry a unit in their name
 * (`bid_n`), so that the names of the API always reach the accessors of lua/tidelock/runtime/events.lua.
 *
 * `_n` is a numerator: an exact integer in a double, to be divided by `price_unit` or `size_unit` (a power of ten), which gives
 * the double nearest to the decimal; NaN is an absent value. `_ns` is int64 nanoseconds and reaches no script as such.
 */
#ifndef TL_SCRIPT_SHOWN_H
#define TL_SCRIPT_SHOWN_H

#include "order/order.h"

typedef struct tl_shown_quote {
    double sequence_n;
    double bid_n;
    double ask_n;
    double bid_size_n;
    double ask_size_n;
    double price_unit;
    double size_unit;
    int64_t at_ns;         /* venue time */
    int64_t received_ns;   /* runtime time */
    uint32_t instrument_n; /* id */
    uint32_t live_n;       /* 0 once the handler that was given it has ended */
} tl_shown_quote;

typedef struct tl_shown_trade {
    double sequence_n;
    double price_n;
    double size_n;
    double price_unit;
    double size_unit;
    int64_t at_ns;
    int64_t received_ns;
    uint64_t trade_id_n;
    uint32_t instrument_n;
    uint32_t live_n;
    uint8_t side_n; /* aggressor, TL_SIDE_* */
    uint8_t kind_n; /* TL_TRADE_* */
} tl_shown_trade;

typedef struct tl_shown_flow {
    double sequence_n;
    double price_n;
    double size_n;
    double price_unit;
    double size_unit;
    int64_t at_ns;
    int64_t received_ns;
    uint64_t reference_n;
    uint32_t instrument_n;
    uint32_t live_n;
    uint8_t side_n;
    uint8_t op_n; /* TL_FLOW_* */
} tl_shown_flow;

typedef struct tl_shown_bar {
    double sequence_n;
    double open_n;
    double high_n;
    double low_n;
    double close_n;
    double volume_n;
    double trades_n;
    double vwap_n;
    double price_unit;
    double size_unit;
    int64_t at_ns; /* the close */
    int64_t received_ns;
    int64_t opened_ns;
    int64_t interval_ns;
    uint32_t instrument_n;
    uint32_t live_n;
} tl_shown_bar;

/* The head of a book; its levels are reached by methods only. */
typedef struct tl_shown_book {
    double sequence_n;
    int64_t at_ns;
    int64_t received_ns;
    double price_unit;
    double size_unit;
    uint32_t bids_n; /* levels held */
    uint32_t asks_n;
    uint32_t instrument_n;
    uint32_t live_n; /* always 1: a book is a view of the present */
} tl_shown_book;

/* One event of the kinds that carry little: status, gap, feed, timer, mark, action, data, bars. */
typedef struct tl_shown_other {
    double sequence_n;
    int64_t at_ns;
    int64_t received_ns;
    int64_t a_n; /* payload words, by kind: see market/event.h */
    int64_t b_n;
    int64_t c_n;
    int64_t d_n;
    double price_unit;
    uint32_t instrument_n;
    uint32_t live_n;
} tl_shown_other;

/* A report in hand: on_order's `r`, and on_fill's `f` when it is a fill. */
typedef struct tl_shown_report {
    double sequence_n;
    double price_n;
    double quantity_n;
    double filled_n;
    double fee_n;   /* 1e-8 */
    double limit_n; /* a number as scripts have it: price, quantity, money or a count, by reason */
    double value_n;
    double price_unit;
    double size_unit;
    int64_t at_ns;
    int64_t received_ns;
    uint64_t execution_n;
    uint32_t instrument_n;
    uint32_t live_n;
    uint32_t slot_n; /* the order's place in the mirror */
    uint32_t generation_n;
    uint16_t reason_n;
    uint8_t kind_n; /* tl_report_kind */
    uint8_t liquidity_n;
    uint8_t side_n;
} tl_shown_report;

/* An order as its strategy knows it: the mirror's slot. */
typedef struct tl_shown_order {
    double id_n;
    double price_n;    /* acknowledged; NaN for none */
    double quantity_n; /* acknowledged total */
    double filled_n;
    double cost_n;         /* sum of fill price x quantity, in price_unit x size_unit */
    double wanted_price_n; /* last asked */
    double wanted_quantity_n;
    double stop_price_n;
    double offset_n;
    double display_n;
    double queue_ahead_n; /* NaN when not known */
    double queue_total_n;
    double price_unit;
    double size_unit;
    int64_t created_ns;
    int64_t updated_ns;
    int64_t expire_ns;
    int64_t deadline_ns;
    uint32_t instrument_n;
    uint32_t generation_n; /* of the slot: a handle with another one is stale */
    uint32_t tag_n;
    uint32_t group_n;
    uint32_t flags_n; /* TL_FLAG_* */
    uint32_t next_n;  /* open orders of its instrument and side, in order of creation; 0 = none */
    uint32_t previous_n;
    uint16_t reason_n; /* of the last report */
    uint8_t status_n;  /* tl_order_status */
    uint8_t side_n;
    uint8_t type_n;
    uint8_t time_in_force_n;
    uint8_t request_n; /* in flight: TL_COMMAND_NEW, _CANCEL, _REPLACE or 0 */
    uint8_t queued_n;  /* asked meanwhile: TL_COMMAND_CANCEL, _REPLACE or 0; what is asked stands in wanted_* */
    uint8_t quoted_n;  /* kept by order.quote */
    uint8_t adopted_n;
    uint8_t status_before_n; /* what a refused request returns it to */
    uint8_t link_n;          /* tl_link_kind */
    uint8_t rounding_n;      /* as it was sent: what a replace's price is rounded by */
} tl_shown_order;

/* What a script holds of an order; values, so that they may be kept. */
typedef struct tl_order_handle {
    const uint32_t slot_n;
    const uint32_t generation_n;
} tl_order_handle;

typedef struct tl_shown_position {
    double quantity_n; /* signed */
    double average;    /* price; 0 when flat */
    double realized;   /* gross, in the settle currency */
    double fees;       /* positive when paid */
    double funding;
    double mark_n; /* the price it is valued at; NaN before there is any */
    double multiplier;
    double price_unit;
    double size_unit;
    uint32_t instrument_n;
    uint32_t live_n; /* always 1 */
} tl_shown_position;

/* The last bars of one symbol and interval, as snapshot.bars gave them; single bars are reached by methods. */
typedef struct tl_shown_bars {
    int64_t interval_ns;
    double price_unit;
    double size_unit;
    uint32_t instrument_n;
    uint32_t count_n; /* bars shown */
} tl_shown_bars;

/* What order.options checked once. */
typedef struct tl_order_options {
    int64_t deadline_timeout_ns; /* from now; 0 = none */
    int64_t deadline_at_ns;      /* absolute; 0 = none */
    int64_t expire_after_ns;     /* a duration from now; 0 = none */
    int64_t expire_at_ns;        /* absolute; 0 = none */
    double display;              /* in units of quantity; NaN = none */
    double stop_price;           /* NaN = none */
    double offset;               /* trailing, price units; NaN = none */
    double percent;              /* trailing; NaN = none */
    uint32_t flags;              /* TL_FLAG_* */
    uint32_t tag;
    uint32_t group;
    uint8_t type; /* tl_order_type */
    uint8_t time_in_force;
    uint8_t rounding; /* 0 none, 1 passive, 2 nearest, 3 aggressive */
    uint8_t link;     /* tl_link_kind */
} tl_order_options;

#endif
