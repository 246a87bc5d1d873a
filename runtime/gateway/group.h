/* Groups: orders that the gateway holds together.
 *
 * OCO: a fill or the end of one member cancels the others. Bracket: an entry and up to seven legs on the other side. Legs are held until the entry
 * fills; then each works in the quantity that the entry filled and no leg has closed yet, grows with the entry's further fills and shrinks with the
 * fills of the other legs. A leg that ends otherwise than by the venue's refusal ends the bracket: the other legs and what is left of the entry are
 * cancelled. Used by the gateway's own files only.
 */
#ifndef TL_GATEWAY_GROUP_H
#define TL_GATEWAY_GROUP_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* May an order join the group that its command names? TL_REASON_NONE, or why not. */
int group_check(const tl_gateway *gateway, uint32_t strategy, const tl_command *command);

/* Joins it; before the order counts in its stakes. False when there is no room for a group. */
bool group_join(tl_gateway *gateway, gateway_order *order);

/* Takes an order that was not accepted after all out again. */
void group_leave(tl_gateway *gateway, gateway_order *order);

/* A command that names a group was denied: the others of the group end. */
void group_denied(tl_gateway *gateway, uint32_t strategy, const tl_command *command, int64_t now_ns);

/* An order of a group traded; called before group_order_ended() when that was its last fill. */
void group_order_filled(tl_gateway *gateway, gateway_order *order, int64_t quantity, int64_t now_ns);

/* An order closed; takes it out of its group. */
void group_order_ended(tl_gateway *gateway, gateway_order *order, int64_t now_ns);

/* Sends what a bracket leg's price and quantity should be where they are not so. */
void group_leg_sync(tl_gateway *gateway, gateway_order *leg, int64_t now_ns);

#endif

#endif
