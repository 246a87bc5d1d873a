/* The gateway: between strategies and venues. Orders of record, risk, deadlines, order groups, positions, accounts.
 *
 * An agent without I/O or clock: commands, venue reports, market events and time go in; commands for the venue and reports for the strategies come out,
 * as lists that the caller drains after each call. So the backtest steps it in simulated time and a live worker steps it from rings. Every field of a
 * command is hostile: it is copied once, checked, and only the copy is used. A command is dropped when its epoch is older than its strategy's last, or when it is not
 * newer than the last accepted one (input sequence, index), whatever the epoch: a successor that works through its log again repeats commands harmlessly. A fill whose (venue, trade date, execution id) was seen changes nothing.
 *
 * Single owner. No allocation in the steady state.
 */
#ifndef TL_GATEWAY_GATEWAY_H
#define TL_GATEWAY_GATEWAY_H

#include "market/calendar.h"
#include "market/instrument.h"
#include "memory/pool.h"
#include "order/order.h"
#include "order/position.h"

typedef struct tl_gateway tl_gateway;

enum {
    TL_GATEWAY_STRATEGIES = 64,
    TL_GATEWAY_ACCOUNTS = 16,
    TL_GATEWAY_VENUES = 16,
    TL_GATEWAY_CLOSED_KEPT = 4096 /* orders that closed last and are still known; older ones are forgotten */
};

/* Limits; 0 = none. Quantities are in whole units (a double), money in 1e-8. */
typedef struct tl_risk_limits {
    double max_order_quantity;
    double max_position; /* absolute, open orders that would add to it included */
    int64_t max_order_notional_e8;
    int64_t max_gross_exposure_e8;
    int64_t max_daily_loss_e8;    /* realised and unrealised since the session's start; on breach the account is killed */
    double price_collar;          /* fraction away from the reference price (last trade, else middle) */
    double max_orders_per_second; /* token bucket: rate */
    double order_burst;           /* token bucket: size; 0 = the rate */
    uint32_t max_open_orders;
    uint32_t
        deny_duplicates; /* a second order of same instrument, side, price, quantity within 1 ms of the first is denied */
    uint32_t prevent_self_trade; /* an order that would meet an own resting one of the account is denied */
    uint32_t denies_per_second;  /* at which a strategy's new orders stop for the rest of the second; 0 = 100 */
} tl_risk_limits;

typedef struct tl_fee_schedule {
    double maker; /* fraction of the traded value, negative for a rebate */
    double taker;
    double auction;
    int64_t per_unit_e8; /* for each unit of quantity */
    int64_t minimum_e8;  /* a fill */
} tl_fee_schedule;

/* What a venue can do. What it cannot the gateway does for it, so that strategies see the same: see gateway/held.h. */
enum {
    TL_SUPPORTS_LIMIT = 1 << TL_TYPE_LIMIT,
    TL_SUPPORTS_MARKET = 1 << TL_TYPE_MARKET,
    TL_SUPPORTS_STOP = 1 << TL_TYPE_STOP,
    TL_SUPPORTS_STOP_LIMIT = 1 << TL_TYPE_STOP_LIMIT,
    TL_SUPPORTS_TRAILING_STOP = 1 << TL_TYPE_TRAILING_STOP,
    TL_SUPPORTS_ICEBERG = 1 << TL_TYPE_ICEBERG,
    TL_SUPPORTS_GTD = 1 << TL_TYPES,
    TL_SUPPORTS_ALL = (1 << (TL_TYPES + 1)) - 1
};

typedef struct tl_account_config {
    char name[32];
    char currency[TL_CURRENCY_BYTES];
    int64_t cash_e8;
    double leverage; /* buying power = equity x leverage; 1 = cash account */
    uint32_t allow_short;
    uint32_t reserved;
    tl_risk_limits limits;
} tl_account_config;

typedef struct tl_account_state {
    int64_t
        cash_e8; /* initial + realised - fees - funding for margined instruments; for full-value ones less what was bought */
    int64_t equity_e8;       /* cash + value of the positions */
    int64_t margin_used_e8;  /* of positions and of open orders */
    int64_t buying_power_e8; /* for new orders */
    int64_t gross_exposure_e8;
    int64_t realized_e8;
    int64_t unrealized_e8;
    int64_t fees_e8;
    uint32_t open_orders;
    uint32_t killed; /* the kill switch is on */
} tl_account_state;

/* The part of an account's state that moves with prices; members as there. */
typedef struct tl_account_worth {
    int64_t equity_e8;
    int64_t cash_e8;
    int64_t gross_exposure_e8;
} tl_account_worth;

/* NULL when there is no memory. Both tables are read as long as the gateway lives; without calendars (NULL) days are UTC's. */
tl_gateway *tl_gateway_create(const tl_instruments *instruments, const tl_calendars *calendars);
void tl_gateway_destroy(tl_gateway *gateway);

/* Set-up; each returns its index. */
tl_status tl_gateway_add_account(tl_gateway *gateway, const tl_account_config *config, uint32_t *account);
tl_status tl_gateway_add_venue(tl_gateway *gateway, const char *name, const tl_fee_schedule *fees, uint32_t *venue);
/* What a venue can do (TL_SUPPORTS_*); all, until this is called before the first order. Limit orders are the least. An order that neither can make is denied as unsupported. */
tl_status tl_gateway_venue_supports(tl_gateway *gateway, uint32_t venue, uint32_t supports);
tl_status tl_gateway_add_strategy(tl_gateway *gateway, uint32_t strategy, uint32_t account, const tl_risk_limits *limits);
/* An instrument may not be traded (TL_REASON_RISK_RESTRICTED). */
void tl_gateway_restrict(tl_gateway *gateway, uint32_t instrument, bool restricted);
/* On: everything is cancelled and new orders are denied until lifted. account -1 = all. */
void tl_gateway_kill(tl_gateway *gateway, int account, bool on, int64_t now_ns);

/* A strategy's command at runtime time now_ns: becomes a command for the venue or a DENIED (CANCEL_REJECTED, REPLACE_REJECTED) report. */
void tl_gateway_command(tl_gateway *gateway, const tl_command *command, int64_t now_ns);

/* Denies a strategy's new order for a reason that the gateway does not know by itself (its reports wait, the venue's channel is full). */
void tl_gateway_refuse(tl_gateway *gateway, const tl_command *command, int reason, int64_t limit, int64_t value,
                       int64_t now_ns);

/* A generation of a strategy begins: older epochs are refused from now on. False, and nothing happens, when a newer one has begun or there is no such strategy. */
bool tl_gateway_attach(tl_gateway *gateway, uint32_t strategy, uint32_t epoch);

/* A generation has ended, and all that it sent was taken: its epoch (0: the last one seen) is refused from now on. Its sagas are undone by the
 * gateway (TL_REASON_GENERATION_ENDED). `cancel`: orders that it or an older one opened are
 * cancelled (TL_REASON_STOP). */
void tl_gateway_strategy_ended(tl_gateway *gateway, uint32_t strategy, uint32_t epoch, bool cancel, int64_t now_ns);
/* Open orders of a strategy. */
uint32_t tl_gateway_open_orders(const tl_gateway *gateway, uint32_t strategy);
/* Sagas of a strategy that run or are being undone. */
uint32_t tl_gateway_sagas(const tl_gateway *gateway, uint32_t strategy);

/* A venue's report: moves the order of record, the position, the account and the order's group, gets its fee, strategy and sequence, and goes out to its
 * strategy. An illegal transition is refused and counted. */
void tl_gateway_report(tl_gateway *gateway, const tl_report *report, int64_t now_ns);

/* A market event as the strategies see it: marks, trading states, corporate actions. O(1). Its output is to be drained like that of the other calls: a mark may
 * kill who lost too much, a split cancels open orders. */
void tl_gateway_market(tl_gateway *gateway, const tl_event *event, const tl_event_tail *tail);

/* Stops that wait at the gateway, of all instruments. While there are any a market event may send orders. */
uint32_t tl_gateway_waiting(const tl_gateway *gateway);

/* When tl_gateway_time() has something to do (deadlines, expiries), INT64_MAX for nothing; and doing it. */
int64_t tl_gateway_next_timer_ns(tl_gateway *gateway);
void tl_gateway_time(tl_gateway *gateway, int64_t now_ns);

/* What came out since the last clear. */
const tl_command *tl_gateway_venue_commands(const tl_gateway *gateway, uint32_t *count);
const tl_report *tl_gateway_reports(const tl_gateway *gateway, uint32_t *count);
void tl_gateway_clear_output(tl_gateway *gateway);

/* The present, O(1) (equity is kept up as marks move). */
void tl_gateway_account(const tl_gateway *gateway, uint32_t account, tl_account_state *state);
/* Only what a mark of the account holds, for callers that ask at each move of a price. */
void tl_gateway_worth(const tl_gateway *gateway, uint32_t account, tl_account_worth *worth);
const tl_position *tl_gateway_position(const tl_gateway *gateway, uint32_t strategy, uint32_t instrument);

/* Orders of record. NULL when the id is not known. */
typedef struct tl_order_record {
    tl_command last; /* the command as accepted, price and quantity as acknowledged last */
    int64_t filled;  /* mantissa */
    int64_t wanted_price;
    int64_t wanted_quantity;
    int64_t created_ns;
    int64_t updated_ns;
    uint8_t status; /* tl_order_status */
    uint8_t before; /* status to which a refused request returns */
    uint16_t reason;
    uint32_t reserved;
} tl_order_record;
const tl_order_record *tl_gateway_order(const tl_gateway *gateway, uint64_t order_id);

/* Denies by reason; all other counters. */
uint64_t tl_gateway_denied(const tl_gateway *gateway, int reason);
uint64_t tl_gateway_illegal_transitions(const tl_gateway *gateway);

typedef struct tl_gateway_counts {
    uint64_t commands;           /* taken */
    uint64_t commands_repeated;  /* not newer than the last one of their strategy: dropped */
    uint64_t commands_malformed; /* of no strategy or no kind: nobody could be told */
    uint64_t reports;            /* taken */
    uint64_t reports_unknown;    /* of orders that are not known (any more) */
    uint64_t reports_malformed;  /* fields that cannot be: nothing was changed */
    uint64_t illegal_transitions;
    uint64_t duplicate_fills;
    uint64_t overflows;   /* fills and marks that did not fit: nothing was changed */
    uint64_t output_lost; /* commands and reports that a caller who never clears lost */
    uint64_t kills;       /* times that an account or a strategy was stopped, by its losses or by hand */
    uint64_t sagas[4];    /* that ended, by tl_saga_status */
    uint64_t undo_orders; /* sent for legs of sagas */
} tl_gateway_counts;
void tl_gateway_count(const tl_gateway *gateway, tl_gateway_counts *counts);
/* The pool that its orders are, closed ones that are still known among the live. */
void tl_gateway_order_pool(const tl_gateway *gateway, tl_pool_counts *counts);

/* New limits of a strategy, or of an account, from now on. */
tl_status tl_gateway_limit_strategy(tl_gateway *gateway, uint32_t strategy, const tl_risk_limits *limits);
tl_status tl_gateway_limit_account(tl_gateway *gateway, uint32_t account, const tl_risk_limits *limits);
/* One limit by its name in the configuration ("max_position"; money in whole units): of a strategy's id, or of the account -1 - target. TL_ERR_NOT_FOUND for a name or a
 * target that does not exist, TL_ERR_ARGUMENT for a value that no limit can have. */
tl_status tl_gateway_limit_named(tl_gateway *gateway, int64_t target, const char *name, double value);
/* Whether there is such a limit and it may have that value. */
tl_status tl_gateway_limit_check(const char *name, double value);

#endif
