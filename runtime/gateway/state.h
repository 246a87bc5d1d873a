/* The inside of a gateway, shared by the files of this room and nobody else.
 *
 * Invariants: an open order is in exactly one list of its strategy and one of its account's stake; what it counts in the two stakes is what its
 * `counted` members say; each ledger's sums are the sums over its stakes and positions. So with no open order and no position every sum but the
 * realised ones is zero. What is added to a gateway or to one of these structs is part of its state: checkpoint.c writes it down.
 */
#ifndef TL_GATEWAY_STATE_H
#define TL_GATEWAY_STATE_H

#include "base/id_map.h"
#include "base/timer_wheel.h"
#include "gateway/gateway.h"
#include "memory/vmem.h"
#include "order/value.h"

#ifndef TL_CDEF

enum {
    GATEWAY_INSTRUMENTS = 1 << 20,
    GATEWAY_ORDERS = 1 << 18,   /* open and remembered */
    GATEWAY_HOLDINGS = 1 << 20, /* (strategy, instrument) and (account, instrument) pairs */
    GATEWAY_FILLS_KEPT = 1 << 18,
    GATEWAY_OUTPUT = 1 << 20, /* commands and reports that may wait for the caller */
    GATEWAY_GROUPS = 1 << 18,
    GATEWAY_GROUPS_KEPT = 4096,
    GROUP_MEMBERS = 8,
    GATEWAY_SAGAS = 1 << 16, /* running */
    GATEWAY_SAGA_LEGS = 1 << 18,
    STRATEGY_SAGAS = 1024,           /* running, of one strategy: none takes the room of the others */
    SAGA_LEGS = 64,                  /* of one saga */
    GATEWAY_HELD_REQUESTS = 1 << 20, /* requests for held orders that may wait within one call */
    STRATEGY_IDS = 4096,
    RECENT_ORDERS = 1024 /* of a strategy, for duplicates: a power of two */
};

/* What a stake, one instrument in one ledger, needs of the ledger: positions and the open orders that would add to them. */
typedef struct stake {
    int64_t quantity;      /* net, signed */
    int64_t open[2];       /* open quantity of buys and sells */
    int64_t open_value[2]; /* its notional, 1e-8 */
    int64_t adds[2];       /* the part of that which would add to the position */
    int64_t at_market[2];  /* the part of the open quantity that market orders are for */
    int64_t open_fee;      /* estimated taker fees of what is open */
    int64_t exposure;      /* absolute value of the position at the mark */
    int64_t worst;         /* notional of the worse side: position with all buys filled, or with all sells */
    int64_t bound;         /* the same with market orders that reduce the position as if filled: what binds buying power */
    int64_t margin;        /* margined instruments: for the quantity of the worse side, likewise */
    int64_t best[2];       /* own best resting price, TL_ABSENT for none; in an account's stake only */
    uint32_t first[2];     /* open orders of a side; in an account's stake only */
    uint32_t instrument;
    uint32_t ledger;  /* the account's index; strategies have theirs in the holding */
    uint32_t next;    /* of the same instrument */
    uint8_t stale[2]; /* `best` must be looked for again */
    uint16_t reserved;
} stake;

/* A strategy's position in an instrument. */
typedef struct holding {
    tl_position position;
    stake stake;
    int64_t unrealized;
    int64_t cost;           /* of a full-value instrument's open position, 1e-8 */
    uint32_t strategy;      /* index */
    uint32_t account_stake; /* place in gateway.stakes */
    uint32_t next;          /* of the same instrument */
    uint32_t open_orders;
} holding;

/* Sums and limits of a strategy or an account. */
typedef struct ledger {
    tl_int128 realized, fees, funding, unrealized;
    tl_int128 cost;             /* open cost of full-value positions */
    tl_int128 exposure;         /* gross, at the marks */
    tl_int128 worst;            /* of all stakes */
    tl_int128 bound_full_value; /* of the stakes of instruments without margin */
    tl_int128 margin;           /* of the stakes of margined instruments */
    tl_int128 open_fee;
    tl_int128 day_start; /* profit at the start of its day */
    int64_t day_end_ns;
    int64_t rate_interval_ns; /* token bucket as the theoretical time of the next order */
    int64_t rate_burst_ns;
    int64_t rate_next_ns;
    tl_risk_limits limits;
    uint32_t open_orders;
    uint32_t calendar; /* of its first order's instrument */
    uint16_t killed;   /* reason, TL_REASON_NONE when it is not */
    uint8_t traded;    /* calendar is known */
    uint8_t limited;   /* has limits of single orders or of what they lead to */
} ledger;

typedef struct recent_order {
    int64_t ts_ns;
    int64_t price;
    int64_t quantity;
    uint32_t instrument;
    uint32_t side;
} recent_order;

typedef struct gateway_strategy {
    ledger ledger;
    uint64_t last_sequence; /* of the last command taken */
    uint32_t last_epoch;
    uint32_t last_index;
    uint32_t id; /* 0..4095 */
    uint32_t account;
    uint32_t first, last; /* open orders in order of creation */
    uint32_t report_sequence;
    uint32_t denies;     /* within the second that began at denies_ns */
    uint32_t taken;      /* 1 once a command was */
    uint32_t sagas;      /* running */
    uint32_t saga_epoch; /* of the newest of them */
    uint64_t own_orders; /* that the gateway made for it: counts their ids */
    int64_t denies_ns;
    uint64_t recent_count;
    recent_order recent[RECENT_ORDERS];
} gateway_strategy;

typedef struct gateway_account {
    ledger ledger;
    tl_account_config config;
    int64_t leverage_e6;
} gateway_account;

typedef struct gateway_venue {
    char name[TL_SYMBOL_BYTES];
    tl_fee_schedule fees;
    int64_t rates_e12[4]; /* by TL_LIQUIDITY_*, those of NONE as of a taker */
    uint32_t supports;    /* TL_SUPPORTS_* */
    bool is_free;         /* no fee can arise */
} gateway_venue;

/* A venue's order id is the order's own below this bit, and the number of an iceberg's slice above. */
enum { HELD_ID_BITS = 52, HELD_SLICES = 1024 };

static inline uint64_t gateway_id_of(uint64_t venue_id) {
    return venue_id & (((uint64_t)1 << HELD_ID_BITS) - 1);
}

/* What a stop that waits at the gateway looks at. */
typedef enum held_trigger { HELD_LAST = 0, HELD_QUOTE, HELD_MARK, HELD_TRIGGERS } held_trigger;

/* What the gateway does for an order because its venue cannot. */
typedef enum held_form {
    HELD_NOT = 0,   /* nothing: the venue has it as it is */
    HELD_WAITS,     /* a stop that the venue has not seen yet */
    HELD_TRIGGERED, /* a stop that went to the venue as what it became */
    HELD_SLICED     /* an iceberg of which the venue sees one slice at a time */
} held_form;

/* The part of an order that held.c and stops.c keep. */
typedef struct held_part {
    union {
        int64_t stop;           /* HELD_WAITS: where it triggers; TL_ABSENT of a trailing stop before any price */
        int64_t slice_quantity; /* HELD_SLICED: total of the slice at the venue */
    };
    union {
        int64_t water;        /* HELD_WAITS, trailing: the best price seen; TL_ABSENT before any */
        int64_t slice_filled; /* HELD_SLICED: of the slice */
    };
    int64_t day_end_ns; /* HELD_WAITS, day orders: the end of their session; INT64_MAX when none is known */
    uint64_t serial;    /* order of beginning to wait at its stop price */
    /* A pairing heap of the stops of an instrument, a trigger and a side: */
    uint32_t child;                      /* first of those below it */
    uint32_t sibling;                    /* next below the same */
    uint32_t back;                       /* what points here by `child` or `sibling`; 0 of the first of the heap */
    uint32_t trail_previous, trail_next; /* trailing stops of an instrument and a trigger */
    uint16_t slice;                      /* HELD_SLICED: number of the slice, in the venue's order id */
    uint8_t form;                        /* held_form */
    uint8_t trigger;                     /* held_trigger */
    uint8_t waits;                       /* 1: it stands in the book of its instrument */
} held_part;

/* The stops of an instrument that wait. Pairs are buys, sells. */
typedef struct held_book {
    uint32_t first[HELD_TRIGGERS][2]; /* the one that triggers first; 0 = none */
    uint32_t waiting[HELD_TRIGGERS];  /* stops, those without a stop price too */
    uint32_t trailing[HELD_TRIGGERS]; /* list, in the order in which they began to wait */
    uint32_t trailing_last[HELD_TRIGGERS];
    int64_t slack[HELD_TRIGGERS][2]; /* no trailing stop moves before a buy sees less, or a sell more, than this */
    /* Bars that began before this say no more than their close: when the last one began to wait, or a bar closed. */
    int64_t seen_ns;
    uint32_t all;    /* waiting, of all triggers */
    uint32_t trades; /* 1: trades are seen here, so that bars say nothing new */
} held_book;

/* Something asked of an order that the gateway holds; done when the call under way has done the rest. */
typedef struct held_request {
    int64_t price;
    int64_t quantity;
    int64_t now_ns;
    uint32_t order; /* slot */
    uint32_t kind;  /* tl_command_kind */
} held_request;

/* What the gateway knows of an instrument. The first line is all that a quote of one that nobody holds touches. */
typedef struct gateway_market {
    int64_t twice_mark; /* TL_ABSENT before any */
    int64_t bid, ask;   /* TL_ABSENT for an empty side */
    int64_t last;       /* of a trade or a bar's close */
    uint32_t holdings;  /* chain of holding places, 0 ends */
    uint32_t stakes;    /* chain of account stakes */
    uint32_t held;      /* holdings that are not flat */
    uint8_t state;      /* tl_trading_state */
    uint8_t restricted;
    uint8_t ready;  /* scale and venue are known */
    uint8_t marked; /* its venue sends marks */
    uint8_t venue;
    uint8_t moved;    /* MARK_*: since its mark was taken last */
    uint8_t followed; /* decisions may depend on its mark though nobody holds it: see gateway_follow() */
    uint8_t reserved;
    uint32_t held_book; /* place in gateway.held_books once a stop has waited here; 0 = none has */
    tl_value_scale scale;
    int64_t mark_price; /* as its venue says */
} TL_ALIGNED(64) gateway_market;

enum { MARK_STILL = 0, MARK_MOVED, MARK_LISTED /* and stands in the list of those that are to be taken */ };

enum {
    ORDER_HELD = 1,     /* a bracket leg that waits for its entry */
    ORDER_RELEASED = 2, /* sent after it was held; the venue has not answered yet */
    ORDER_CANCEL_IN_FLIGHT = 4,
    ORDER_CANCEL_ASKED = 8,     /* its strategy waits for the answer */
    ORDER_CANCEL_OWN_SENT = 16, /* the gateway's own cancel went out once */
    ORDER_REPLACE_IN_FLIGHT = 32,
    ORDER_REPLACE_OWN = 64, /* the one in flight is the gateway's own */
    ORDER_REPLACE_ASKED =
        128,           /* its strategy waits for an answer: the one in flight, or one that waits behind the gateway's own */
    ORDER_RESTS = 256, /* may rest at a price: counts for self-trade prevention */
    ORDER_DEADLINE_DONE = 512, /* its deadline came */
    ORDER_EXPIRE_DONE = 1024,
    ORDER_REVERTS = 2048 /* undoes what was filled, no more: exempt from the limits of size, exposure and buying power */
};

typedef struct gateway_order {
    tl_order_record record;
    int64_t counted; /* open quantity in the stakes */
    int64_t counted_value;
    int64_t counted_fee;
    int64_t counted_price;               /* at which counted_value values it */
    int64_t value_price;                 /* at which it is to be valued */
    int64_t cap;                         /* bracket leg: the quantity that its strategy asked */
    int64_t resting_price;               /* nearest to the other side that it may have */
    uint32_t previous, next;             /* strategy's list */
    uint32_t stake_previous, stake_next; /* account stake's list of its side */
    uint32_t holding;
    uint32_t group;      /* 0 = none */
    uint32_t group_next; /* member of the same group */
    uint32_t saga_leg;   /* that it is, or undoes (TL_FLAG_UNDO), while it is open; 0 = none */
    uint16_t bits;       /* ORDER_* */
    uint16_t end_reason; /* why the gateway wants it to end; TL_REASON_NONE when it does not */
    uint16_t strategy;   /* index */
    uint8_t venue;
    uint8_t account;
    held_part held;
} gateway_order;

typedef struct order_group {
    uint64_t key; /* strategy << 32 | number */
    int64_t entry_filled;
    int64_t legs_filled;
    uint32_t first; /* open members in order of arrival */
    uint32_t members;
    uint8_t ended; /* newcomers are denied */
    uint8_t bracket;
    uint8_t empty; /* it is remembered only */
    uint8_t side;  /* of the entry */
    uint32_t instrument;
} order_group;

/* A running saga; saga.h tells what happens to one. */
typedef struct order_saga {
    uint64_t key; /* strategy << 32 | number; 0: the place is free */
    int64_t deadline_ns;
    int64_t undo_ns;   /* the deadline less the reserve */
    uint32_t strategy; /* index */
    uint32_t number;   /* the strategy's */
    uint32_t tag;      /* its name */
    uint32_t epoch;    /* that began it */
    uint32_t last;     /* leg */
    uint32_t legs;
    uint32_t open_legs; /* whose orders are open */
    uint16_t reason;    /* why it is undone */
    uint8_t cut;        /* undo_ns has come: no more legs */
    uint8_t undoing;
    uint8_t forced; /* answers to cancels are not awaited any more */
    uint8_t busy;   /* it is being worked on: what that leads to waits */
    uint8_t reserved[6];
} order_saga;

typedef struct saga_leg {
    tl_command undo; /* as its strategy said, where has_undo */
    uint64_t order_id;
    int64_t quantity; /* asked; 0 until its order has come */
    int64_t filled;
    int64_t undone;   /* the part of that which was brought back */
    int64_t covering; /* the part that the last undo order was for */
    int64_t retry_ns; /* no undo order before */
    uint32_t saga;
    uint32_t previous;   /* leg of the same saga; 0 ends */
    uint32_t order;      /* slot while it is open */
    uint32_t undo_order; /* slot of the one that is open */
    uint32_t instrument;
    uint32_t tag;
    uint32_t attempts; /* undo orders that have ended */
    uint8_t side;
    uint8_t partial; /* done with any fill */
    uint8_t has_undo;
    uint8_t given_up;
} saga_leg;

typedef struct fill_key {
    uint64_t execution_id;
    uint64_t order_id;
    uint32_t date;
    uint32_t venue;
    uint32_t next; /* of the same hash */
    uint32_t reserved;
} fill_key;

struct tl_gateway {
    const tl_instruments *instruments;
    const tl_calendars *calendars;

    tl_vmem market_memory, order_memory, holding_memory, stake_memory, group_memory, saga_memory, saga_leg_memory,
        command_memory, report_memory, moved_memory, held_book_memory, held_request_memory;
    gateway_market *markets; /* by instrument */
    gateway_order *orders;   /* from 1 */
    holding *holdings;       /* from 1 */
    stake *stakes;           /* of accounts, from 1 */
    order_group *groups;     /* from 1 */
    order_saga *sagas;       /* from 1 */
    saga_leg *saga_legs;     /* from 1 */
    held_book *held_books;   /* from 1 */
    held_request *held_requests;
    uint32_t held_book_count, held_request_count, held_waiting;
    uint64_t held_serial;
    uint32_t *moved; /* instruments that are held or followed, and whose marks moved */
    uint32_t holding_count, stake_count, moved_count;

    tl_id_map order_index, group_index, saga_index;
    tl_timer_wheel timers;      /* by order slot */
    tl_timer_wheel saga_timers; /* by place */
    uint32_t *free_sagas, *free_saga_legs;
    uint32_t free_saga_count, saga_top, free_saga_leg_count, saga_leg_top;
    uint32_t *free_orders, *free_groups;
    uint32_t free_order_count, order_top, free_group_count, group_top;
    uint64_t order_hits, order_misses; /* of the pool that orders are; counted for people, no part of a checkpoint */
    uint32_t order_most;               /* live at a time */
    uint32_t *closed_orders;           /* ring of the slots that closed last */
    uint32_t *closed_groups;
    uint64_t closed_order_count, closed_group_count;

    fill_key *fills; /* ring, from 1 */
    uint32_t *fill_buckets;
    uint64_t fill_count;

    struct {
        int64_t from_ns, to_ns;
        uint32_t date;
    } days[TL_CALENDAR_MAX]; /* the local day looked up last, by calendar */

    gateway_account accounts[TL_GATEWAY_ACCOUNTS];
    gateway_venue venues[TL_GATEWAY_VENUES];
    gateway_strategy *strategies[TL_GATEWAY_STRATEGIES];
    uint8_t strategy_index[STRATEGY_IDS]; /* index + 1 */
    uint32_t account_count, venue_count, strategy_count;

    tl_command *commands;
    tl_report *reports;
    uint32_t command_count, report_count;

    uint64_t denied[TL_REASONS];
    tl_gateway_counts counts;
};

#endif

#endif
