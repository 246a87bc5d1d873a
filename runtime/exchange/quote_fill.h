/* Fills against what is displayed without its orders: best quotes, depth by price, trades. docs/FILLS.md has the rules and the queue models.
 * Internal to the simulator; single owner; no allocation but for deeper sides than were seen.
 */
#ifndef TL_EXCHANGE_QUOTE_FILL_H
#define TL_EXCHANGE_QUOTE_FILL_H

#include "exchange/fill_models.h"

/* A QUOTE, TRADE, LEVEL or BOOK record of the data. */
void tl_quote_fill_event(tl_fill_models *models, const tl_event *event);

/* An order that comes (or was changed, or a stop that was triggered) takes what it reaches; its rest rests. */
void tl_quote_fill_arrive(tl_fill_models *models, uint32_t handle);

/* The session is over: at-close orders trade at the last price. */
void tl_quote_fill_close(tl_fill_models *models, uint32_t instrument);

/* The price that an order would meet now, TL_ABSENT for none. */
int64_t tl_quote_fill_price(const tl_fill_models *models, const tl_own_order *order);

/* What a command changed in the levels comes out. */
void tl_quote_fill_flush(tl_fill_models *models, uint32_t instrument);

/* The whole picture of an instrument comes out. */
void tl_quote_fill_tell_all(tl_fill_models *models, uint32_t instrument);

#endif
