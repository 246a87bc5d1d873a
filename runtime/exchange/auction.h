/* Own orders in crosses: at-open and at-close orders, which wait outside the book, and resting orders that a cross reaches.
 *
 * Internal to the simulator; the rules are in docs/FILLS.md.
 */
#ifndef TL_EXCHANGE_AUCTION_H
#define TL_EXCHANGE_AUCTION_H

#include "exchange/venue.h"

/* Takes an at-open or at-close order: ACCEPTED, or REJECTED with its reason. */
void tl_auction_submit(tl_venue *venue, const tl_command *command);

/* Changes one that waits. */
void tl_auction_replace(tl_venue *venue, uint32_t handle, const tl_command *command);

/* A cross of `shares` at `price` was printed; `code` is ITCH's cross type (O, C, H, I). Without shares there was none. */
void tl_auction_cross(tl_venue *venue, uint32_t instrument, int code, int64_t price, int64_t shares);

/* The day's orders that wait for a cross end unfilled: those for the open, and with `all` those for the close too. */
void tl_auction_expire(tl_venue *venue, uint32_t instrument, bool all);

/* Trading resumes: own resting orders that stand across history's best prices trade with them. */
void tl_auction_uncross(tl_venue *venue, uint32_t instrument);

#endif
