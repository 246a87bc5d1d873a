/* Fill models: own orders against data that does not show order by order (bars, trades, quotes, depth).
 *
 * Here is what they share: orders are checked and accepted, changed, filled, ended, expire. Each model (bar_fill.h, quote_fill.h) says when an
 * order that works meets the market. docs/FILLS.md states the rules. Internal to the simulator; single owner; no allocation in the
 * steady state.
 */
#ifndef TL_EXCHANGE_FILL_MODELS_H
#define TL_EXCHANGE_FILL_MODELS_H

#include "exchange/expiry.h"
#include "exchange/ladder.h"
#include "exchange/simulator.h"
#include "exchange/venue.h"

enum { TL_BAR_STAGES = 4 }; /* open, first extreme, second extreme, close */

/* An instrument as its bars show it. */
typedef struct tl_bar_market {
    int64_t path[2][TL_BAR_STAGES]; /* of the bar at hand, as buys and as sells see it */
    int64_t room;                   /* volume that may still be filled in this bar; INT64_MAX = no limit */
    int64_t session_close_ns;       /* end of the session that the last bar belonged to */
    uint8_t stage;                  /* last point that was passed */
    uint8_t inside;                 /* between a bar's open and its close */
    uint8_t reserved[6];
} tl_bar_market;

/* An instrument as quotes, depth and trades show it. */
typedef struct tl_quote_market {
    tl_ladder sides[2]; /* bid, ask */
    uint8_t opening;    /* the session has opened and nothing has traded yet */
    uint8_t reserved[7];
} tl_quote_market;

typedef struct tl_fill_models {
    tl_venue *venue;
    const tl_calendars *calendars;
    tl_simulator_config config;
    tl_bar_market *bars;     /* by instrument, in reserved memory */
    tl_quote_market *quotes; /* by instrument, in reserved memory */
    tl_expiry expiry;        /* of own handles */
    uint64_t arrivals;       /* orders that came so far */
    uint64_t pass;           /* counts passes over orders: an order carries the last one that handled it */
    int finest;              /* tl_fill_model of the finest CSV input */
    tl_vmem memory[2];
} tl_fill_models;

tl_status tl_fill_models_init(tl_fill_models *models, tl_venue *venue, const tl_calendars *calendars,
                              const tl_simulator_config *config);
void tl_fill_models_close(tl_fill_models *models);

/* The three commands, for instruments that the matching engine does not have. */
void tl_fill_models_new(tl_fill_models *models, const tl_command *command);
void tl_fill_models_cancel(tl_fill_models *models, uint32_t handle);
void tl_fill_models_replace(tl_fill_models *models, uint32_t handle, const tl_command *command);

/* When the next order expires (INT64_MAX for none), and expiring what is due. */
int64_t tl_fill_models_next_expiry_ns(const tl_fill_models *models);
void tl_fill_models_expire(tl_fill_models *models, int64_t now_ns);

/* An instrument's session opens or closes: at-close orders trade, at-open ones will. */
void tl_fill_models_open(tl_fill_models *models, uint32_t instrument);
void tl_fill_models_close_session(tl_fill_models *models, uint32_t instrument);

/* ---- for the models ---- */

/* Cuts a reduce-only order to what its position leaves it to reduce. True when that is nothing and the order ended. */
bool tl_model_reduce(tl_fill_models *models, uint32_t handle);

/* Trades up to `quantity` of an order at `price`, what its position leaves it to reduce if it is reduce-only. True when the order ended. */
bool tl_model_fill(tl_fill_models *models, uint32_t handle, int64_t price, int64_t quantity, int liquidity);

/* The order ends with a report. */
void tl_model_end(tl_fill_models *models, uint32_t handle, int kind, int reason);

/* A stop is triggered: it works as a market or limit order from now on. */
void tl_model_trigger(tl_fill_models *models, uint32_t handle);

/* A trailing stop sees a price. */
void tl_model_trail(tl_fill_models *models, tl_own_order *order, int64_t price);

/* At-open or at-close orders trade at a price (TL_ABSENT: each side's own from `by_side`), or expire where it does not reach their limit. */
void tl_model_auction(tl_fill_models *models, uint32_t instrument, int time_in_force, const int64_t by_side[2],
                      int64_t *room);

#ifndef TL_CDEF
static inline int64_t tl_model_open_quantity(const tl_own_order *order) {
    return order->quantity - order->filled;
}

/* Whether a price is at an order's limit or better for it; always for an order without one. */
static inline bool tl_model_reaches(const tl_own_order *order, int64_t price) {
    if (order->price == TL_ABSENT) return true;
    return order->side == TL_SIDE_BUY ? price <= order->price : price >= order->price;
}

/* Whether a price triggers a stop. */
static inline bool tl_model_triggers(const tl_own_order *order, int64_t price) {
    if (order->stop_price == TL_ABSENT) return false;
    return order->side == TL_SIDE_BUY ? price >= order->stop_price : price <= order->stop_price;
}

static inline bool tl_model_at_once(const tl_own_order *order) {
    return order->time_in_force == TL_TIF_IOC || order->time_in_force == TL_TIF_FOK;
}
#endif

#endif
