/* Risk: what a command must pass before it goes to a venue.
 *
 * Field by field first, as if every bit were chosen by an enemy; then the limits of the strategy and of its account, in a fixed order, so that the same
 * command is always refused for the same reason. Checks change nothing. Used by the gateway's own files only.
 */
#ifndef TL_GATEWAY_RISK_H
#define TL_GATEWAY_RISK_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* Why something was refused: the limit that stood against it and the value that broke it, TL_ABSENT for none. */
typedef struct refusal {
    int64_t limit;
    int64_t value;
    int reason; /* TL_REASON_NONE: passed */
} refusal;

/* What a passed check found out, for the order to keep. */
typedef struct risk_plan {
    int64_t counted; /* what it will count in the stakes */
    int64_t value;
    int64_t fee;
    stake stakes[2]; /* of the strategy and the account, as they will be; set when they move */
    bool moves;      /* it will count other than it does */
} risk_plan;

/* Fields of a new order; the instrument is known to exist. */
refusal risk_check_fields(const tl_gateway *gateway, const gateway_strategy *strategy, const tl_command *command,
                          int64_t now_ns);

/* Price and quantity of a replace for an order. */
refusal risk_check_replace_fields(const tl_gateway *gateway, const gateway_order *order, const tl_command *command,
                                  int64_t now_ns);

/* What stands against anything new by this strategy: kill switch, the stop after too many denies, restricted or halted instruments. A daily loss and many
 * denies do not stand against an `undo`. */
refusal risk_check_state(tl_gateway *gateway, gateway_strategy *strategy, uint32_t instrument, bool undo, int64_t now_ns);

/* The limits. `order` holds what is asked (its value price worked out), `quantity` and `price` its total and limit, `new` whether it is new. On success *plan
 * is filled. */
refusal risk_check_limits(tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t price, bool is_new,
                          int64_t now_ns, risk_plan *plan);

/* Uses up the rate of both ledgers and remembers a new order for the search for duplicates. */
void risk_passed(tl_gateway *gateway, const gateway_order *order, bool is_new, int64_t now_ns);

/* Counts a deny of a strategy. */
void risk_denied(gateway_strategy *strategy, int64_t now_ns);

/* Works out what limits need: the token bucket. */
void ledger_limits(ledger *sums, const tl_risk_limits *limits);

#endif

#endif
