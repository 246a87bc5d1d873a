/* Fixed-point numbers: an int64 mantissa with a decimal exponent that belongs to the instrument.
 *
 * Parsing and printing are exact. Arithmetic that could leave the range returns TL_ERR_OVERFLOW; nothing wraps. Pure
 * functions: any thread, wait-free.
 */
#ifndef TL_BASE_FIXED_H
#define TL_BASE_FIXED_H

#include "base/status.h"

/* Absent price or size in a record; scripts see nil. Never a valid value. */
#define TL_ABSENT INT64_MIN

enum {
    TL_MONEY_EXPONENT = -8,   /* money is counted in 1e-8 of its currency */
    TL_DEFAULT_EXPONENT = -8, /* of a price or quantity, unless the instrument says otherwise */
    TL_FIXED_TEXT_BYTES = 48  /* room for any number that tl_fixed_format() prints */
};

/* 128-bit money where a struct is also read by Lua: value = high * 2^64 + low. */
typedef struct tl_money {
    uint64_t low;
    int64_t high;
} tl_money;

/* Reads "[-+]digits[.digits][e[+-]digits]" of `length` bytes into mantissa * 10^exponent. Digits beyond the exponent must be
 * zeros. TL_ERR_FORMAT for text that is no number or not representable, TL_ERR_OVERFLOW when it does not fit. */
tl_status tl_fixed_parse(const char *text, size_t length, int exponent, int64_t *mantissa);

/* Prints mantissa * 10^exponent without trailing zeros into text[TL_FIXED_TEXT_BYTES]; returns the length. */
int tl_fixed_format(int64_t mantissa, int exponent, char *text);

/* The double nearest to mantissa * 10^exponent. */
double tl_fixed_to_double(int64_t mantissa, int exponent);

/* 10^n as a double, 0 <= n <= 18; exact. */
double tl_power_of_ten(int n);

/* 10^n as an integer, 0 <= n <= 18. */
int64_t tl_power_of_ten_i64(int n);

#ifndef TL_CDEF
/* dividend / divisor, half to even; divisor > 0. */
tl_int128 tl_divide_half_even(tl_int128 dividend, tl_int128 divisor);

/* Whether a value is an int64 that can be negated. */
static inline bool tl_fits_64(tl_int128 value) {
    return value == (int64_t)value && value != INT64_MIN;
}

/* The same in 64 bits, which nearly all money fits: a tenth of the time. `dividend` is not INT64_MIN. */
static inline int64_t tl_divide_half_even_64(int64_t dividend, int64_t divisor) {
    int64_t quotient = dividend / divisor, rest = dividend - quotient * divisor;
    int64_t size = rest < 0 ? -rest : rest, left = divisor - size;
    if (size > left || (size == left && (quotient & 1))) quotient += dividend < 0 ? -1 : 1;
    return quotient;
}

static inline tl_int128 tl_money_get(tl_money m) {
    return (tl_int128)(((unsigned __int128)(uint64_t)m.high << 64) | m.low);
}

static inline tl_money tl_money_of(tl_int128 v) {
    return (tl_money){.low = (uint64_t)v, .high = (int64_t)(v >> 64)};
}
#endif

#endif
