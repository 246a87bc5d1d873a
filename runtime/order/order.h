/* Orders: the words of DESIGN §7 as numbers, the command a strategy sends, and the report it gets back.
 *
 * Both are fixed-size values that cross process borders: a command is 128 bytes in the strategy's own region, a report travels as
 * two event slots. The gateway copies a command once and checks only its copy.
 */
#ifndef TL_ORDER_ORDER_H
#define TL_ORDER_ORDER_H

#include "market/event.h"

/* FIX OrdStatus (tag 39) with the two pending states. */
typedef enum tl_order_status {
    TL_ORDER_NONE = 0,
    TL_ORDER_PENDING_NEW,
    TL_ORDER_NEW,
    TL_ORDER_PARTIALLY_FILLED,
    TL_ORDER_PENDING_CANCEL,
    TL_ORDER_PENDING_REPLACE,
    TL_ORDER_REPLACED,  /* as NEW, after an acknowledged replace with no fill before it */
    TL_ORDER_TRIGGERED, /* a stop that went to the book */
    /* closed from here on */
    TL_ORDER_FILLED,
    TL_ORDER_CANCELED,
    TL_ORDER_REJECTED,
    TL_ORDER_DENIED,
    TL_ORDER_EXPIRED,
    TL_ORDER_STATUSES
} tl_order_status;

typedef enum tl_order_type {
    TL_TYPE_LIMIT = 0,
    TL_TYPE_MARKET,
    TL_TYPE_STOP,       /* becomes a market order when triggered */
    TL_TYPE_STOP_LIMIT, /* becomes a limit order when triggered */
    TL_TYPE_TRAILING_STOP,
    TL_TYPE_ICEBERG,
    TL_TYPES
} tl_order_type;

typedef enum tl_time_in_force {
    TL_TIF_DAY = 0,
    TL_TIF_GTC,
    TL_TIF_IOC,
    TL_TIF_FOK,
    TL_TIF_GTD,
    TL_TIF_AT_OPEN,
    TL_TIF_AT_CLOSE,
    TL_TIFS
} tl_time_in_force;

/* Bits of a command's and an order's flags. */
enum {
    TL_FLAG_POST_ONLY = 1,      /* rejected if it would take */
    TL_FLAG_POST_SLIDE = 2,     /* moved to the best price at which it does not take */
    TL_FLAG_REDUCE_ONLY = 4,    /* may only bring the position nearer to zero */
    TL_FLAG_TRIGGER_QUOTE = 8,  /* a stop looks at the quote */
    TL_FLAG_TRIGGER_MARK = 16,  /* a stop looks at the mark */
    TL_FLAG_TRAIL_PERCENT = 32, /* `offset` is a fraction in 1e-8 of the price */
    TL_FLAG_SAGA = 64,          /* done by its deadline */
    TL_FLAG_UNDO = 128,         /* sent by the gateway to undo a saga's leg: exempt from the limits that it reduces */
    TL_FLAG_HAS_EXPIRE = 256,   /* the gateway cancels it at `expire_ns` if the venue cannot */
    TL_FLAG_PARTIAL = 512       /* a saga's leg that is done with what it was filled, where that is anything */
};

typedef enum tl_command_kind {
    TL_COMMAND_NONE = 0,
    TL_COMMAND_NEW,
    TL_COMMAND_CANCEL,
    TL_COMMAND_REPLACE,
    TL_COMMAND_CANCEL_ALL, /* by instrument (or none), side (or none) and tag (or 0) */
    TL_COMMAND_ATTACH,     /* a generation starts (live only): see gateway/message.h */
    TL_COMMAND_SAGA_BEGIN, /* `group` its number, deadline_ns, expire_ns the deadline less the reserve, `tag` its name */
    TL_COMMAND_SAGA_UNDO,  /* how a leg (order_id) of `group` that comes next is to be undone; without one it is flattened */
    TL_COMMAND_SAGA_END,   /* `group` is done (quantity 0) or to be undone (quantity the tl_reason) */
    TL_COMMANDS
} tl_command_kind;

/* How orders of one group (OCO, bracket) hang together; the gateway holds them. */
typedef enum tl_link_kind {
    TL_LINK_NONE = 0,
    TL_LINK_OCO,           /* a fill or end of one cancels the others of its group */
    TL_LINK_BRACKET_ENTRY, /* its fills release the two legs */
    TL_LINK_BRACKET_LEG,   /* held until the entry fills, in its filled quantity; the legs are an OCO between themselves */
    TL_LINK_SAGA_LEG       /* undone by the gateway when its saga (`group`) is not done: see gateway/saga.h */
} tl_link_kind;

/* How a saga ends. */
typedef enum tl_saga_status {
    TL_SAGA_RUNNING = 0,
    TL_SAGA_DONE,
    TL_SAGA_UNDONE, /* whatever its legs had been filled was brought back */
    TL_SAGA_FAILED  /* it was not, or not wholly */
} tl_saga_status;

/* What a strategy sends. Every field is hostile until the gateway has checked its copy. */
typedef struct tl_command {
    uint64_t input_sequence; /* the event in whose handler it was sent */
    uint64_t
        order_id; /* strategy << 40 | counter; the order that is meant. Counters of TL_GATEWAY_ORDER_ID and more are the gateway's */
    int64_t ts_ns;     /* runtime time at which it was sent */
    uint32_t strategy; /* 0..4095 */
    uint32_t epoch;    /* generation that sent it */
    uint32_t index;    /* its place among the commands of that event */
    uint32_t instrument;
    uint8_t kind;          /* tl_command_kind */
    uint8_t side;          /* TL_SIDE_BUY, TL_SIDE_SELL */
    uint8_t type;          /* tl_order_type */
    uint8_t time_in_force; /* tl_time_in_force */
    uint8_t link;          /* tl_link_kind */
    uint8_t account;       /* index of the account */
    uint16_t venue;        /* index of the venue, 0 = the instrument's */
    uint32_t flags;        /* TL_FLAG_* */
    uint32_t group;        /* orders of one OCO, bracket or saga share it; 0 = none */
    uint32_t tag;          /* the script's tag, interned; 0 = none */
    uint32_t reserved;     /* 0 */
    int64_t quantity;      /* mantissa; on a replace the new total */
    int64_t price;         /* mantissa; TL_ABSENT for none */
    int64_t stop_price;    /* mantissa; TL_ABSENT for none */
    int64_t offset;        /* trailing: mantissa, or 1e-8 with TL_FLAG_TRAIL_PERCENT */
    int64_t display;       /* iceberg: displayed quantity, mantissa; 0 = all */
    int64_t expire_ns;     /* GTD or TL_FLAG_HAS_EXPIRE; 0 = none */
    int64_t deadline_ns;   /* bounds getting there; 0 = none */
    int64_t arrival_price; /* TWICE the middle (bid + ask) of the quote seen when it decided; TL_ABSENT without both */
} tl_command;

TL_STATIC_ASSERT(sizeof(tl_command) == 128, "two cache lines");

typedef enum tl_report_kind {
    TL_REPORT_NONE = 0,
    TL_REPORT_ACCEPTED,
    TL_REPORT_FILL,
    TL_REPORT_CANCELED,
    TL_REPORT_REPLACED,
    TL_REPORT_REJECTED, /* by the venue */
    TL_REPORT_DENIED,   /* by the gateway */
    TL_REPORT_EXPIRED,
    TL_REPORT_TRIGGERED,
    TL_REPORT_CANCEL_REJECTED,
    TL_REPORT_REPLACE_REJECTED,
    TL_REPORT_RESTATED, /* the venue changed its price or quantity by itself (a post-only slide) */
    TL_REPORTS,
    /* what the gateway says of sagas; no move of an order */
    TL_REPORT_UNDO =
        32, /* it sends an order: order_id, price, quantity, instrument; execution_id the leg's order id, value its arrival
                            price, queue_ahead its deadline (0 = none), fee_e8 its terms (tl_undo_terms) */
    TL_REPORT_SAGA /* one ended: order_id its number, quantity its tl_saga_status, reason, price its tag, filled how many legs were undone */
} tl_report_kind;

enum { TL_LIQUIDITY_NONE = 0, TL_LIQUIDITY_MAKER = 1, TL_LIQUIDITY_TAKER = 2, TL_LIQUIDITY_AUCTION = 3 };

/* Why an order was refused or ended. Codes are stable; tl_reason_code() gives the word that scripts see. */
typedef enum tl_reason {
    TL_REASON_NONE = 0,
    /* by the caller's own inputs */
    TL_REASON_UNKNOWN_SYMBOL,
    TL_REASON_OFF_TICK,
    TL_REASON_BAD_QUANTITY,
    TL_REASON_BAD_PRICE,
    TL_REASON_BAD_FIELD,
    TL_REASON_DEADLINE_PASSED,
    TL_REASON_HALTED,
    TL_REASON_CLOSED,
    TL_REASON_ORDER_CLOSED,
    TL_REASON_WARMING_UP,
    TL_REASON_OVERFLOW,
    TL_REASON_TOO_MANY_ORDERS,
    /* by the gateway */
    TL_REASON_RISK_ORDER_QUANTITY,
    TL_REASON_RISK_ORDER_NOTIONAL,
    TL_REASON_RISK_POSITION,
    TL_REASON_RISK_EXPOSURE,
    TL_REASON_RISK_OPEN_ORDERS,
    TL_REASON_RISK_PRICE_COLLAR,
    TL_REASON_RISK_RATE,
    TL_REASON_RISK_DUPLICATE,
    TL_REASON_RISK_SELF_TRADE,
    TL_REASON_RISK_DAILY_LOSS,
    TL_REASON_RISK_RESTRICTED,
    TL_REASON_RISK_BUYING_POWER,
    TL_REASON_RISK_SHORT,
    TL_REASON_RISK_KILL_SWITCH,
    TL_REASON_RING_FULL,
    TL_REASON_GATEWAY_DOWN,
    TL_REASON_REPORTS_BEHIND,
    /* by the venue */
    TL_REASON_UNKNOWN_ORDER,
    TL_REASON_DUPLICATE_ID,
    TL_REASON_POST_ONLY,
    TL_REASON_REDUCE_ONLY,
    TL_REASON_FOK,
    TL_REASON_NO_LIQUIDITY,
    TL_REASON_SELF_TRADE,
    TL_REASON_ILLEGAL_STATE,
    TL_REASON_UNSUPPORTED,
    /* why it ended without refusal */
    TL_REASON_REQUESTED, /* the script asked */
    TL_REASON_IOC,       /* the rest of an IOC or a market order */
    TL_REASON_OCO,       /* its partner traded or ended */
    TL_REASON_END_OF_DAY,
    TL_REASON_EXPIRE_TIME,
    TL_REASON_STOP,             /* the strategy ended */
    TL_REASON_SAGA,             /* another leg of its saga failed, or the saga has ended */
    TL_REASON_SCRIPT_ERROR,     /* the saga's function raised */
    TL_REASON_GENERATION_ENDED, /* the strategy's process died */
    TL_REASONS
} tl_reason;

/* Set in the ids of orders that the gateway makes itself. */
#define TL_GATEWAY_ORDER_ID 0x8000000000ll

/* What comes back. Twelve words: the first four travel in the event's w, the other eight are its tail. */
typedef struct tl_report {
    uint64_t order_id;
    int64_t price;         /* of a fill; else the acknowledged price, TL_ABSENT for none */
    int64_t quantity;      /* of a fill; else the acknowledged total */
    int64_t filled;        /* cumulative, after this report */
    int64_t fee_e8;        /* of a fill, 1e-8 of the settle currency, positive when paid */
    uint64_t execution_id; /* of a fill, unique per venue and trade date */
    int64_t limit;         /* the limit that stood against it, in the unit its reason states; TL_ABSENT for none */
    int64_t value;         /* the value that broke it */
    int64_t ts_venue_ns;   /* time at the venue */
    int64_t queue_ahead;   /* accepted: quantity before it in its level where known; TL_ABSENT otherwise */
    uint32_t instrument;
    uint8_t kind;             /* tl_report_kind */
    uint8_t liquidity;        /* TL_LIQUIDITY_* of a fill */
    uint16_t reason;          /* tl_reason */
    uint32_t strategy;        /* whom it is for */
    uint32_t report_sequence; /* per strategy, from 1 */
} tl_report;

TL_STATIC_ASSERT(sizeof(tl_report) == 96, "twelve words");

/* "risk_order_quantity": the code scripts see. "" for TL_REASON_NONE. */
const char *tl_reason_code(int reason);

/* The words of API.md: "pending_new", "fill", "stop_limit", "gtc". */
const char *tl_order_status_name(int status);
const char *tl_report_kind_name(int kind);
const char *tl_order_type_name(int type);
const char *tl_time_in_force_name(int tif);

#ifndef TL_CDEF
static inline bool tl_order_is_open(int status) {
    return status > TL_ORDER_NONE && status < TL_ORDER_FILLED;
}

/* The terms of an undo order in the fee_e8 of its TL_REPORT_UNDO, and back into a command. */
static inline int64_t tl_undo_terms(const tl_command *c) {
    return (int64_t)c->side | (int64_t)c->type << 8 | (int64_t)c->time_in_force << 16 | (int64_t)c->flags << 24;
}

static inline void tl_undo_terms_read(int64_t terms, tl_command *c) {
    c->side = (uint8_t)terms;
    c->type = (uint8_t)(terms >> 8);
    c->time_in_force = (uint8_t)(terms >> 16);
    c->flags = (uint32_t)(terms >> 24);
}
#endif

#endif
