#include "base/fixed.h"

#include <stdio.h>

static const int64_t powers_i64[19] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    10000000000,
    100000000000,
    1000000000000,
    10000000000000,
    100000000000000,
    1000000000000000,
    10000000000000000,
    100000000000000000,
    1000000000000000000,
};

int64_t tl_power_of_ten_i64(int n) {
    return powers_i64[n];
}

double tl_power_of_ten(int n) {
    return (double)powers_i64[n];
}

/* The digits are gathered as one integer with a decimal exponent of its own and scaled once at the end, so that no rounding
 * ever happens. */
tl_status tl_fixed_parse(const char *text, size_t length, int exponent, int64_t *mantissa) {
    size_t i = 0;
    bool negative = false;
    if (i < length && (text[i] == '-' || text[i] == '+')) negative = text[i++] == '-';
    tl_int128 digits = 0;
    int scale = 0;
    bool any = false, point = false;
    const tl_int128 limit = (tl_int128)INT64_MAX * 1000000000000000000;
    for (; i < length; i++) {
        char c = text[i];
        if (c == '.' && !point) {
            point = true;
        } else if (c >= '0' && c <= '9') {
            if (digits > limit / 10)
                return tl_error_set(TL_ERR_OVERFLOW, "number '%.*s' has too many digits", (int)length, text);
            digits = digits * 10 + (c - '0');
            scale -= point;
            any = true;
        } else {
            break;
        }
    }
    if (any && i < length && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        bool down = false;
        if (i < length && (text[i] == '-' || text[i] == '+')) down = text[i++] == '-';
        int e = 0;
        bool any_e = false;
        for (; i < length && text[i] >= '0' && text[i] <= '9' && e < 1000; i++, any_e = true)
            e = e * 10 + (text[i] - '0');
        if (!any_e) any = false;
        scale += down ? -e : e;
    }
    if (!any || i != length) return tl_error_set(TL_ERR_FORMAT, "'%.*s' is not a number", (int)length, text);
    for (; digits != 0 && scale > exponent; scale--) {
        if (digits > limit / 10) return tl_error_set(TL_ERR_OVERFLOW, "number '%.*s' does not fit", (int)length, text);
        digits *= 10;
    }
    for (; digits != 0 && scale < exponent; scale++) {
        if (digits % 10 != 0)
            return tl_error_set(TL_ERR_FORMAT, "'%.*s' has more than %d decimals", (int)length, text,
                                exponent < 0 ? -exponent : 0);
        digits /= 10;
    }
    if (digits > INT64_MAX) return tl_error_set(TL_ERR_OVERFLOW, "number '%.*s' does not fit", (int)length, text);
    *mantissa = negative ? -(int64_t)digits : (int64_t)digits;
    return TL_OK;
}

int tl_fixed_format(int64_t mantissa, int exponent, char *text) {
    uint64_t value = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
    while (exponent < 0 && value % 10 == 0) {
        value /= 10;
        exponent++;
    }
    const char *sign = mantissa < 0 ? "-" : "";
    if (exponent >= 0) {
        int length = snprintf(text, TL_FIXED_TEXT_BYTES, "%s%llu", sign, (unsigned long long)value);
        for (int i = 0; value != 0 && i < exponent && length < TL_FIXED_TEXT_BYTES - 1; i++)
            text[length++] = '0';
        text[length] = 0;
        return length;
    }
    int decimals = -exponent > 18 ? 18 : -exponent;
    uint64_t unit = (uint64_t)powers_i64[decimals];
    return snprintf(text, TL_FIXED_TEXT_BYTES, "%s%llu.%0*llu", sign, (unsigned long long)(value / unit), decimals,
                    (unsigned long long)(value % unit));
}

double tl_fixed_to_double(int64_t mantissa, int exponent) {
    return exponent <= 0 ? (double)mantissa / tl_power_of_ten(-exponent) : (double)mantissa * tl_power_of_ten(exponent);
}

tl_int128 tl_divide_half_even(tl_int128 dividend, tl_int128 divisor) {
    if (divisor == 1) return dividend;
    if (TL_LIKELY(tl_fits_64(dividend) && tl_fits_64(divisor)))
        return tl_divide_half_even_64((int64_t)dividend, (int64_t)divisor);
    /* The rest by a product: a second 128-bit division would cost as much as the first, 15 to 30 ns. */
    tl_int128 quotient = dividend / divisor, rest = dividend - quotient * divisor;
    tl_int128 size = rest < 0 ? -rest : rest, left = divisor - size;
    if (size > left || (size == left && (quotient & 1))) quotient += dividend < 0 ? -1 : 1;
    return quotient;
}
