/* Positions and money: signed quantity, average cost, realised profit, in exact arithmetic.
 *
 * The cost total is kept, division happens only when something is shown or realised (half to even). Money is 1e-8 of the instrument's
 * settle currency. Pure state: whoever owns a struct may call. Nothing wraps: TL_ERR_OVERFLOW leaves the position as it was.
 */
#ifndef TL_ORDER_POSITION_H
#define TL_ORDER_POSITION_H

#include "market/instrument.h"
#include "order/order.h"

typedef struct tl_position {
    int64_t quantity;     /* signed mantissa */
    int64_t reserved;     /* 0 */
    tl_money cost;        /* signed: sum of price mantissa x signed quantity mantissa of what is open */
    tl_money realized_e8; /* gross, without fees */
    tl_money fees_e8;     /* positive when paid */
    tl_money funding_e8;  /* positive when paid */
    uint64_t fills;
    tl_money traded_e8; /* sum of the absolute value of what was traded: turnover */
} tl_position;

/* One fill: side, quantity > 0, price, fee. */
tl_status tl_position_fill(tl_position *position, const tl_instrument *instrument, int side, int64_t quantity, int64_t price,
                           int64_t fee_e8);

/* A split: quantity times ratio (in 1e-8); the fraction of a mantissa unit that does not exist is paid out at the mark (twice the price); the cost
 * total stays with what is left. */
tl_status tl_position_split(tl_position *position, const tl_instrument *instrument, int64_t ratio_e8, int64_t twice_mark);

/* What longs pay and shorts get for each unit of quantity (funding; a dividend is negative), in 1e-8: booked as funding. */
tl_status tl_position_pay(tl_position *position, const tl_instrument *instrument, int64_t amount_e8);

/* The value of `quantity` at `price` (price mantissa), signed, 1e-8 of the settle currency: price x quantity x multiplier. */
tl_status tl_notional_e8(const tl_instrument *instrument, int64_t quantity, int64_t price, int64_t *value_e8);

/* Unrealised profit at a mark, given in half price-mantissa units (twice the price: a middle of two prices is exact). */
tl_status tl_position_unrealized_e8(const tl_position *position, const tl_instrument *instrument, int64_t twice_price,
                                    int64_t *value_e8);

/* Average price as a double in price units; 0 when flat. */
double tl_position_average_price(const tl_position *position, const tl_instrument *instrument);

#endif
