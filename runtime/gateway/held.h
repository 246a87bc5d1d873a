/* What the gateway does for orders because their venue cannot: a layer between the gateway and the wire, as if the venue could.
 *
 * Everything that the gateway sends goes through gateway_send(), and what a venue reports through held_report(). An order of a type that its venue lacks has a form:
 *
 *   waits      a stop, a stop-limit or a trailing stop that the venue has not seen. This layer accepts it, cancels it, replaces it, and sends it as a market or a limit
 *              order when it triggers. Its strategy sees what a venue would tell: accepted, triggered, then how it trades.
 *   triggered  such a one at the venue. The venue's acceptance is not told again, and its refusal is the order's cancellation.
 *   sliced     an iceberg. The venue sees limit orders of the displayed quantity, one behind the other, under ids that hold the number of the slice in bits that a
 *              strategy's id leaves free. What is told is told of the whole.
 *
 * A venue that does not know gtd gets gtc, and the gateway cancels in time. What this layer answers is answered when the call under way has done all else (held_settle()), as if
 * it came from a venue. Used by the gateway's own files only.
 */
#ifndef TL_GATEWAY_HELD_H
#define TL_GATEWAY_HELD_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* Whether the venue can do a new order, by itself or with this layer; a TL_REASON_*. */
int held_reason(const tl_gateway *gateway, const gateway_order *order);

/* NEW or CANCEL, to the venue or to this layer. */
void gateway_send(tl_gateway *gateway, gateway_order *order, int kind, int64_t now_ns);
/* REPLACE by a price and a total quantity. */
void gateway_send_replace(tl_gateway *gateway, gateway_order *order, int64_t price, int64_t quantity, int64_t now_ns);

/* A report from a venue, before and after the gateway takes it: before, it is made one about the order as its strategy knows it; false when nothing is left to be
 * taken. `sent_id` is the id that the venue gave; `taken` tells that the gateway took it. */
bool held_report(tl_gateway *gateway, gateway_order *order, uint64_t sent_id, tl_report *report, int64_t now_ns);
void held_reported(tl_gateway *gateway, gateway_order *order, const tl_report *report, int64_t now_ns);

/* A stop's price was reached: it goes to the venue. Called by stops.c. */
void held_triggered(tl_gateway *gateway, gateway_order *order, int64_t now_ns);

/* An event that the market has taken in. */
void held_market(tl_gateway *gateway, const tl_event *event, const tl_event_tail *tail);

/* When the gateway ends an order because of its time in force or its expiry: INT64_MAX for never; and the reason that this has. */
int64_t held_expire_ns(const tl_gateway *gateway, const gateway_order *order);
int held_expire_reason(const gateway_order *order);

/* Answers what was asked of this layer; at the end of each public call. */
void held_settle_all(tl_gateway *gateway);
static inline void held_settle(tl_gateway *gateway) {
    if (TL_UNLIKELY(gateway->held_request_count != 0)) held_settle_all(gateway);
}

/* An order ended: it waits no longer. */
void held_ended(tl_gateway *gateway, gateway_order *order);

#endif

#endif
