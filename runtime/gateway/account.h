/* Ledgers: what accounts and strategies own and owe, kept up as fills and marks come.
 *
 * Used by the gateway's own files only. An account's equity is its initial cash + realised + unrealised - fees - funding over all its strategies'
 * positions; each of these figures is rounded once, where it arises, so that the sum holds to the last 1e-8.
 */
#ifndef TL_GATEWAY_ACCOUNT_H
#define TL_GATEWAY_ACCOUNT_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* The market of an instrument below the table's count, its scale and venue worked out. */
gateway_market *gateway_market_of(tl_gateway *gateway, uint32_t instrument);

/* The holding of a strategy (index); 0 when there is none and none was to be made, or there is no room. */
uint32_t gateway_holding(tl_gateway *gateway, uint32_t strategy, uint32_t instrument, bool make);

/* Gross profit less fees and funding since the run began. */
tl_int128 ledger_profit(const ledger *sums);
tl_int128 account_equity(const gateway_account *account);
/* Notional that an account could still take on if its stakes bound that much more. */
tl_int128 account_buying_power(const gateway_account *account, tl_int128 bound, tl_int128 margin, tl_int128 fee);

/* Begins a new day when now_ns has left the present one: daily losses count from here, a daily-loss kill ends. */
void ledger_new_day(tl_gateway *gateway, ledger *sums, int64_t now_ns);
static inline void ledger_day(tl_gateway *gateway, ledger *sums, int64_t now_ns) {
    if (TL_UNLIKELY(now_ns >= sums->day_end_ns)) ledger_new_day(gateway, sums, now_ns);
}

/* Works out a stake's worse side and margin from its position and open orders; false when a figure does not fit. */
bool stake_derive(const tl_instrument *instrument, stake *one);

/* Replaces a stake by its successor in its ledger's sums. */
void stake_change(ledger *sums, const tl_instrument *instrument, stake *one, const stake *next);

/* The price at which an order is valued: its limit or stop, for a sell at least what the market pays; else the other side of the quote, else the last price.
 * TL_ABSENT when there is none. */
int64_t gateway_value_price(const gateway_market *market, const tl_command *command, int64_t price);

/* The estimated taker fee of a value, and the fee of a fill; rates are applied to the absolute value, half to even. */
bool gateway_fee(const tl_gateway *gateway, uint32_t venue, int liquidity, const tl_instrument *instrument, int64_t quantity,
                 int64_t value_e8, int64_t *fee_e8);

/* Brings what an order (and, in an OCO, each of its group) counts in its stakes to what is open of it. */
void gateway_recount(tl_gateway *gateway, gateway_order *order);

/* Value and estimated fee of a quantity of an order at its value price; false when one does not fit. */
bool gateway_open_value(const tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t *value,
                        int64_t *fee);

/* The stakes of an order's strategy and account, were it to count that much; false when a figure does not fit. */
bool gateway_open_stakes(const tl_gateway *gateway, const gateway_order *order, int64_t quantity, int64_t value, int64_t fee,
                         stake next[2]);

/* Makes an order count that much; `next` are its stakes as gateway_open_stakes() gave them. */
void gateway_count_as(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t value, int64_t fee,
                      const stake next[2]);

/* Quantity that an order counts: all of its open quantity, or, in an OCO, what exceeds the members before it. */
int64_t gateway_countable(const tl_gateway *gateway, const gateway_order *order, int64_t open);

/* Takes a position's successor into both ledgers. False when a figure does not fit: nothing is changed then. */
bool gateway_book(tl_gateway *gateway, holding *mine, const tl_position *next);

/* Kills the strategy (index) or its account when it has lost more of its day than allowed. */
void gateway_stop_losses(tl_gateway *gateway, uint32_t strategy, int64_t now_ns);

/* Books a fill of an order. False when it does not fit: nothing is changed then. */
bool gateway_book_fill(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t price, int liquidity,
                       int64_t now_ns, int64_t *fee_e8);

/* The mark of an instrument that is held moves to half of `twice_mark`: values what is held, and kills who lost too much. A mark at which something does not fit is
 * counted, and the one before it stays. */
void gateway_revalue(tl_gateway *gateway, uint32_t instrument, int64_t twice_mark, int64_t now_ns);
/* Values what is held of an instrument at its mark; false when something does not fit. */
bool gateway_value_held(tl_gateway *gateway, uint32_t instrument);
/* Kills who has lost too much among those that hold an instrument. */
void gateway_stop_holders(tl_gateway *gateway, uint32_t instrument, int64_t now_ns);

/* Sets or lifts a kill switch; on: everything open is cancelled. */
void gateway_kill_strategy(tl_gateway *gateway, gateway_strategy *strategy, int reason, int64_t now_ns);
void gateway_kill_account(tl_gateway *gateway, uint32_t account, int reason, int64_t now_ns);

#endif

#endif
