/* Values: what a product of mantissas is worth in 1e-8 of the settle currency.
 *
 * A price mantissa times a quantity mantissa counts 10^(price_exponent + quantity_exponent) units, times the multiplier. The scale holds that
 * factor as multiplier / 10^decimals in lowest terms of ten, so that it is worked out once per instrument. Divisions round half to
 * even; what does not fit into 64 bits is TL_ERR_OVERFLOW. Pure: any thread.
 */
#ifndef TL_ORDER_VALUE_H
#define TL_ORDER_VALUE_H

#include "market/instrument.h"

typedef struct tl_value_scale {
    int64_t multiplier;
    uint32_t decimals; /* 0..24 */
    uint32_t reserved; /* 0 */
} tl_value_scale;

tl_value_scale tl_value_scale_of(const tl_instrument *instrument);

#ifndef TL_CDEF
/* product x factor / divisor without loss in between, half to even; 0 <= factor, 0 < divisor < 2^64, factor <= divisor. */
tl_int128 tl_share_half_even(tl_int128 product, int64_t factor, int64_t divisor);

/* The general case of tl_value_e8(). */
bool tl_value_e8_wide(tl_value_scale scale, tl_int128 product, bool halves, int64_t *value_e8);

/* The value of a product of mantissas, or of twice the product (`halves`). False when it does not fit. */
static inline bool tl_value_e8(tl_value_scale scale, tl_int128 product, bool halves, int64_t *value_e8) {
    /* Shares and futures: no division. 2^62 leaves room for the odd half. */
    if (TL_LIKELY(scale.decimals == 0 && product == (int64_t)product)) {
        tl_int128 value = product * scale.multiplier;
        if (halves) {
            tl_int128 half = value >> 1;
            value = half + (value & half & 1);
        }
        *value_e8 = (int64_t)value;
        return value == (int64_t)value;
    }
    return tl_value_e8_wide(scale, product, halves, value_e8);
}
#endif

#endif
