/* The orders of record: slots, lists, and the ways in which an order leaves.
 *
 * Used by the gateway's own files only. Slots are numbered from 1; an order that closed keeps its slot until TL_GATEWAY_CLOSED_KEPT later ones have
 * closed.
 */
#ifndef TL_GATEWAY_ORDER_STORE_H
#define TL_GATEWAY_ORDER_STORE_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* NULL when the id is not known. */
gateway_order *gateway_order_find(tl_gateway *gateway, uint64_t order_id);
uint32_t gateway_order_slot(const tl_gateway *gateway, const gateway_order *order);

/* A zeroed slot under that id, NULL when all are taken. */
gateway_order *gateway_order_acquire(tl_gateway *gateway, uint64_t order_id);

/* Gives back a slot that never got into any list. */
void gateway_order_discard(tl_gateway *gateway, gateway_order *order);

/* Puts an accepted order into its lists. */
void gateway_order_open(tl_gateway *gateway, gateway_order *order);

/* Takes an order whose status is closed out of everything; its group learns it. */
void gateway_order_end(tl_gateway *gateway, gateway_order *order, int64_t now_ns);

/* The gateway's own cancel: at once for an order that is held, else through the venue. */
void gateway_order_cancel(tl_gateway *gateway, gateway_order *order, int reason, int64_t now_ns);

/* The same for all open orders of a strategy. */
void gateway_order_cancel_strategy(tl_gateway *gateway, gateway_strategy *strategy, int reason, int64_t now_ns);

/* When an order must be acknowledged, or done, INT64_MAX for never (any more). */
int64_t gateway_order_deadline_ns(const gateway_order *order);

/* Sets, moves or clears the timer of an order by its deadline and its end. */
void gateway_order_arm(tl_gateway *gateway, gateway_order *order);

/* Price, status or request changed: where it may rest. */
void gateway_order_rest(tl_gateway *gateway, gateway_order *order);

/* The best price at which an own order of the account may rest on a side; TL_ABSENT for none. */
int64_t gateway_best_resting(tl_gateway *gateway, stake *account_stake, int side);

/* Puts a command for the venue into the output: the order's fields under another kind. Only held.c does this; all others use gateway_send(). */
tl_command *gateway_wire(tl_gateway *gateway, const gateway_order *order, int kind, int64_t now_ns);

/* A report about an order as it is. */
tl_report gateway_report_of(const gateway_order *order, int kind, int reason, int64_t now_ns);

/* Puts a report for a strategy (index) into the output. */
void gateway_tell(tl_gateway *gateway, uint32_t strategy, const tl_report *report);

#endif

#endif
