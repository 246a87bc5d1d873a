/* Stands in for positions until they are there: weak, so that position.c takes its place. */
#include "order/position.h"

#define ABSENT __attribute__((weak))

ABSENT tl_status tl_position_fill(tl_position *position, const tl_instrument *instrument, int side, int64_t quantity,
                                  int64_t price, int64_t fee_e8) {
    (void)instrument;
    (void)price;
    position->quantity += side == TL_SIDE_BUY ? quantity : -quantity;
    position->fees_e8 = tl_money_of(tl_money_get(position->fees_e8) + fee_e8);
    position->fills++;
    return TL_OK;
}

ABSENT double tl_position_average_price(const tl_position *position, const tl_instrument *instrument) {
    (void)position;
    (void)instrument;
    return 0;
}
