/* From the numbers that people and scripts write to mantissas on an instrument's grid, and back.
 *
 * A number is on the grid when it is within the larger of 1e-6 of a step and 4 ulp of the number itself: 0.1 + 0.2 is 0.3, and
 * 150.105 is not on a cent. Whatever is accepted becomes an exact multiple of the step. Mantissas stay below 2^53, so that each is
 * exact as a double too. Pure functions: any thread, wait-free; refusals are tl_reason codes and set no error text.
 */
#ifndef TL_ORDER_TICKS_H
#define TL_ORDER_TICKS_H

#include "market/instrument.h"
#include "order/order.h"

/* What to do with a price between two ticks. */
typedef enum tl_rounding {
    TL_ROUND_NONE = 0,  /* refuse it */
    TL_ROUND_PASSIVE,   /* away from the market: a buy down, a sell up */
    TL_ROUND_NEAREST,   /* half a tick goes up */
    TL_ROUND_AGGRESSIVE /* towards the market: a buy up, a sell down */
} tl_rounding;

/* A price to its mantissa. TL_REASON_NONE, _BAD_PRICE (not above zero, not finite, or rounded to zero), _OFF_TICK, _OVERFLOW. */
int tl_ticks_price(const tl_instrument *instrument, double price, int rounding, int side, int64_t *mantissa);

/* A quantity to its mantissa. TL_REASON_NONE, _BAD_QUANTITY, _OVERFLOW; *limit receives what stood against it (lot, smallest or
 * largest quantity, 0), in units of quantity. */
int tl_ticks_quantity(const tl_instrument *instrument, double quantity, int64_t *mantissa, double *limit);

/* A price on the grid as a double, NaN when there is none. */
double tl_ticks_round_price(const tl_instrument *instrument, double price, int rounding, int side);

/* A quantity to the lot towards zero, keeping its sign; NaN for what is not finite or does not fit. */
double tl_ticks_round_quantity(const tl_instrument *instrument, double quantity);

#ifndef TL_CDEF
/* The stop price of a trailing stop that has seen `water` at best, away from it by at least the offset (`flags` may say that it is in 1e-8 of the
 * price), on the tick. May be below 1 or not fit an int64: the caller says what that means. */
tl_int128 tl_ticks_trailing_stop(const tl_instrument *instrument, int side, int64_t water, int64_t offset, uint32_t flags);
#endif

#endif
