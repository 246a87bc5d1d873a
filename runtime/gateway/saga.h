/* Sagas: orders of which all are filled or what was filled is brought back.
 *
 * A strategy opens one (TL_COMMAND_SAGA_BEGIN), sends its legs (TL_LINK_SAGA_LEG), each with how it is to be undone, and says when it is done. The gateway decides: a leg
 * that ends without being filled wholly (or, with TL_FLAG_PARTIAL, at all) fails the saga at once, and so do a denied leg, the strategy's own word, its generation's end, and the clock:
 *
 *     begin                        undo_ns                     last_ns                   deadline
 *     | legs may be sent           | open legs are cancelled   | what was filled is       |
 *     |                            | and their answers awaited | undone whatever is open  |
 *                                  |<----------- the reserve: deadline - undo_ns ------->|
 *
 * last_ns is half way from undo_ns to the deadline. A saga that is not done by then is undone: its strategy is silent. Undoing cancels the open legs, awaits their
 * answers (until last_ns), then sends an order for each leg with a fill, last first, for what was filled: at the market, or as the strategy said. What such an
 * order leaves is tried again at the market, at once after a limit order, else after 1, 2, 4 ... ms until the deadline. Undo orders have ids of the
 * gateway's own (TL_GATEWAY_ORDER_ID) and TL_FLAG_UNDO; TL_REPORT_UNDO tells the strategy of each before anything else about it does. TL_REPORT_SAGA tells the end.
 *
 * Used by the gateway's own files only. Sagas and legs are numbered from 1 and live in arrays; nothing points.
 */
#ifndef TL_GATEWAY_SAGA_H
#define TL_GATEWAY_SAGA_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* The three commands about sagas. */
void saga_command(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int64_t now_ns);

/* May an order be a leg of the saga that its command names? TL_REASON_NONE, or why not. */
int saga_check(const tl_gateway *gateway, uint32_t strategy, const tl_command *command);

/* An accepted order becomes a leg; there is room, as saga_check() has seen. */
void saga_join(tl_gateway *gateway, gateway_order *order);

/* A command for a leg was denied: its saga fails. */
void saga_denied(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int reason, int64_t now_ns);

/* A leg or an undo order traded; called before saga_order_ended() when that was its last fill. */
void saga_order_filled(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t now_ns);

/* A leg or an undo order closed. */
void saga_order_ended(tl_gateway *gateway, gateway_order *order, int64_t now_ns);

/* The sagas that a strategy's generations before `epoch` began are undone; UINT32_MAX: all of them. */
void saga_strategy_ended(tl_gateway *gateway, uint32_t strategy, uint32_t epoch, int64_t now_ns);

/* When saga_time() has something to do, INT64_MAX for nothing; and doing it. */
int64_t saga_next_timer_ns(tl_gateway *gateway);
void saga_time(tl_gateway *gateway, int64_t now_ns);

#endif

#endif
