/* What commands, reports and corporate actions do to the orders of record; tl_gateway_command() and tl_gateway_report() stand in
 * command.c and report.c. Used by the gateway's own files only. */
#ifndef TL_GATEWAY_COMMAND_H
#define TL_GATEWAY_COMMAND_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* The answer to a request of a strategy that the gateway gives by itself: REPLACED for a held leg, or a refusal. */
void gateway_answer_replace(tl_gateway *gateway, gateway_order *order, int64_t now_ns);

/* Sends an order of the gateway's own for a strategy (index), through all checks but those that TL_FLAG_UNDO and `reverts` (ORDER_REVERTS) are exempt from. NULL when it
 * was denied, which the strategy has been told. */
gateway_order *gateway_own_order(tl_gateway *gateway, uint32_t strategy, const tl_command *command, bool reverts,
                                 int64_t now_ns);

/* Fills the buckets in which fills are looked for, which are empty, from the fills that are remembered. */
void gateway_fills_index(tl_gateway *gateway);

/* Takes a venue's report (or one that the gateway gives in its place) whose fields can be, and makes it what it tells; false when the order is not in a state for it. */
bool gateway_take_report(tl_gateway *gateway, gateway_order *order, tl_report *report, int64_t now_ns);

/* A split, a dividend, funding. */
void gateway_action(tl_gateway *gateway, const tl_event *event, int64_t now_ns);

#endif

#endif
