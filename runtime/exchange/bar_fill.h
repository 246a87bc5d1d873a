/* Fills against bars: the price goes open, one extreme, the other, close, and own orders meet it on the way. docs/FILLS.md has the rules.
 * Internal to the simulator; single owner; no allocation.
 */
#ifndef TL_EXCHANGE_BAR_FILL_H
#define TL_EXCHANGE_BAR_FILL_H

#include "exchange/fill_models.h"

/* The price passes a point of a bar's path: stage 0 the open, 1 and 2 the extremes, 3 the close. */
void tl_bar_fill_pass(tl_fill_models *models, const tl_event *bar, const tl_event_tail *tail, int stage);

/* The bar itself comes out, at its close. */
void tl_bar_fill_tell(tl_fill_models *models, const tl_event *bar, const tl_event_tail *tail);

/* An order that comes (or was changed) meets the last point passed, when a bar is under way; else it waits for the next open. */
void tl_bar_fill_arrive(tl_fill_models *models, uint32_t handle);

/* The session is over: at-close orders trade at the last close of it. */
void tl_bar_fill_close(tl_fill_models *models, uint32_t instrument);

/* The price that an order would meet now, TL_ABSENT between bars. */
int64_t tl_bar_fill_price(const tl_fill_models *models, const tl_own_order *order);

#endif
