#include "order/value.h"

tl_value_scale tl_value_scale_of(const tl_instrument *instrument) {
    tl_value_scale scale = {.multiplier = instrument->multiplier_e8,
                            .decimals = (uint32_t) - (instrument->price_exponent + instrument->quantity_exponent)};
    while (scale.decimals > 0 && scale.multiplier % 10 == 0) {
        scale.multiplier /= 10;
        scale.decimals--;
    }
    return scale;
}

tl_int128 tl_share_half_even(tl_int128 product, int64_t factor, int64_t divisor) {
    int64_t narrow;
    if (TL_LIKELY(tl_fits_64(product)) && TL_LIKELY(!__builtin_mul_overflow((int64_t)product, factor, &narrow)) &&
        narrow != INT64_MIN)
        return tl_divide_half_even_64(narrow, divisor);
    /* product = whole x divisor + rest, so the share is whole x factor + rest x factor / divisor: the first is no larger than the
     * product and the second fits, as both its factors are below 2^64. */
    tl_int128 whole = product / divisor, rest = product - whole * divisor;
    tl_int128 part = rest * factor, parts = part / divisor, left = part - parts * divisor;
    tl_int128 size = left < 0 ? -left : left;
    tl_int128 share = whole * factor + parts;
    if (size > divisor - size || (size == divisor - size && (share & 1))) share += product < 0 ? -1 : 1;
    return share;
}

bool tl_value_e8_wide(tl_value_scale scale, tl_int128 product, bool halves, int64_t *value_e8) {
    tl_int128 divisor = halves ? 2 : 1;
    /* Two powers, as one table ends at 10^18. */
    divisor *= tl_power_of_ten_i64(scale.decimals > 18 ? 18 : (int)scale.decimals);
    if (scale.decimals > 18) divisor *= tl_power_of_ten_i64((int)scale.decimals - 18);
    tl_int128 whole = product / divisor, rest = product - whole * divisor, part, value;
    if (__builtin_mul_overflow(whole, (tl_int128)scale.multiplier, &whole)) return false;
    if (__builtin_mul_overflow(rest, (tl_int128)scale.multiplier, &part)) return false;
    tl_int128 parts = part / divisor, left = part - parts * divisor, size = left < 0 ? -left : left;
    if (__builtin_add_overflow(whole, parts, &value)) return false;
    /* whole and part have one sign, so that the sum's truncation is the part's. */
    if (size > divisor - size || (size == divisor - size && (value & 1))) value += part < 0 ? -1 : 1;
    *value_e8 = (int64_t)value;
    return value == (int64_t)value;
}
