/* Stops that wait at the gateway for a price.
 *
 * An instrument has a pairing heap for each thing that a stop may look at and each side, the one that triggers first on top; equal stop prices go in the order in
 * which they began to wait there. So a price that triggers nothing costs one comparison, and an instrument for which nothing waits nothing but the look
 * at its place. Trailing stops stand in a list besides, which is walked only when a price is better than all that one of them has seen. Same meaning as
 * the stops of the exchange (exchange/stops.c): what triggers does so in regular trading only, by the trade price, by the other side of the quote, or by
 * the mark. Links are slots of orders, so that all of it is in the arrays of the gateway. Used by the gateway's own files only.
 */
#ifndef TL_GATEWAY_STOPS_H
#define TL_GATEWAY_STOPS_H

#include "gateway/state.h"

#ifndef TL_CDEF

/* An order begins to wait, or triggers at once when its price is there. */
void stops_add(tl_gateway *gateway, gateway_order *order, int64_t now_ns);
/* Takes a waiting one out; harmless for one that has not begun. */
void stops_remove(tl_gateway *gateway, gateway_order *order);

/* An event that the market has taken in: moves trailing stops and triggers (held_triggered()) what its prices reach, buys before sells, nearest first. */
void stops_look(tl_gateway *gateway, const tl_event *event, const tl_event_tail *tail);

/* False when an event would neither trigger nor move a stop: it may be taken for its mark alone. */
bool stops_mind(const tl_gateway *gateway, const tl_event *event);

static inline bool gateway_trades(const gateway_market *market) {
    return market->state == TL_STATE_UNKNOWN || market->state == TL_STATE_TRADING;
}

#endif

#endif
