#include "order/ticks.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Above it, doubles skip integers. */
static const double max_exact = 9007199254740992.0;

/* The distance to the next double of a positive normal number. */
static double ulp(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits &= 0x7ff0000000000000u;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power * DBL_EPSILON;
}

static double nearest(double steps) {
    return steps < max_exact / 2 ? (double)(int64_t)(steps + 0.5) : steps;
}

/* The whole number of steps nearest to value * unit. *away receives value * unit - steps * step, exact but for one rounding
 * (hence the fma), and 0 when the value counts as being on the grid. */
static double steps_of(double value, double unit, double step, double *away) {
    *away = 0;
    if (unit == 1 && step == 1 && value < max_exact && value == (double)(int64_t)value) return value; /* whole shares */
    double n = nearest(step == 1 ? value * unit : value * unit / step);
    double off = fma(value, unit, -(n * step));
    if (fabs(off) > step / 2) { /* value * unit was rounded across a half */
        n += off < 0 ? -1 : 1;
        off = fma(value, unit, -(n * step));
    }
    double by_step = 1e-6 * step, by_ulp = 4 * ulp(value) * unit;
    *away = fabs(off) > (by_step > by_ulp ? by_step : by_ulp) ? off : 0;
    return n;
}

int tl_ticks_price(const tl_instrument *instrument, double price, int rounding, int side, int64_t *mantissa) {
    if (!(price > 0) || price > DBL_MAX) return TL_REASON_BAD_PRICE;
    double unit = tl_power_of_ten(-instrument->price_exponent);
    if (price * unit >= max_exact) return TL_REASON_OVERFLOW;
    double away;
    double n = steps_of(price, unit, (double)instrument->tick, &away);
    if (away != 0) {
        if (rounding == TL_ROUND_NONE) return TL_REASON_OFF_TICK;
        if (rounding != TL_ROUND_NEAREST) {
            bool up = (side == TL_SIDE_SELL) == (rounding == TL_ROUND_PASSIVE);
            if (up && away > 0) n += 1;
            if (!up && away < 0) n -= 1;
        }
    }
    if (n < 1) return TL_REASON_BAD_PRICE;
    *mantissa = (int64_t)n * instrument->tick;
    return TL_REASON_NONE;
}

int tl_ticks_quantity(const tl_instrument *instrument, double quantity, int64_t *mantissa, double *limit) {
    *limit = 0;
    if (!(quantity > 0) || quantity > DBL_MAX) return TL_REASON_BAD_QUANTITY;
    double unit = tl_power_of_ten(-instrument->quantity_exponent);
    if (quantity * unit >= max_exact) {
        *limit = max_exact / unit;
        return TL_REASON_OVERFLOW;
    }
    double away;
    double n = steps_of(quantity, unit, (double)instrument->lot, &away);
    if (away != 0 || n < 1) {
        *limit = (double)instrument->lot / unit;
        return TL_REASON_BAD_QUANTITY;
    }
    int64_t found = (int64_t)n * instrument->lot;
    if (found < instrument->min_quantity) {
        *limit = (double)instrument->min_quantity / unit;
        return TL_REASON_BAD_QUANTITY;
    }
    if (instrument->max_quantity != 0 && found > instrument->max_quantity) {
        *limit = (double)instrument->max_quantity / unit;
        return TL_REASON_BAD_QUANTITY;
    }
    *mantissa = found;
    return TL_REASON_NONE;
}

double tl_ticks_round_price(const tl_instrument *instrument, double price, int rounding, int side) {
    int64_t mantissa;
    if (tl_ticks_price(instrument, price, rounding, side, &mantissa) != TL_REASON_NONE) return NAN;
    return (double)mantissa / tl_power_of_ten(-instrument->price_exponent);
}

double tl_ticks_round_quantity(const tl_instrument *instrument, double quantity) {
    double size = fabs(quantity), unit = tl_power_of_ten(-instrument->quantity_exponent);
    if (!(size * unit < max_exact)) return NAN;
    double away;
    double n = steps_of(size, unit, (double)instrument->lot, &away);
    if (away < 0) n -= 1;
    double whole = n * (double)instrument->lot / unit;
    return quantity < 0 && whole != 0 ? -whole : whole;
}

tl_int128 tl_ticks_trailing_stop(const tl_instrument *instrument, int side, int64_t water, int64_t offset, uint32_t flags) {
    tl_int128 away = offset;
    if (flags & TL_FLAG_TRAIL_PERCENT) away = ((tl_int128)water * offset + 99999999) / 100000000;
    tl_int128 tick = instrument->tick, stop = side == TL_SIDE_BUY ? water + away : water - away;
    tl_int128 above = ((stop % tick) + tick) % tick;
    if (above != 0) stop += side == TL_SIDE_BUY ? tick - above : -above;
    return stop;
}
