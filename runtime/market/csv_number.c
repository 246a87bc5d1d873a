#include "market/csv_number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_DIGITS = 18, MAX_SCALE = 4000, EXACT_DIGITS = 15, TEXT_BYTES = 64 };

static bool is_nothing(const char *text, size_t length) {
    static const char *const words[] = {"nan", "null", "na", "n/a", "none", "nil", "-", "#n/a", "-nan"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0) return true;
    return length == 0;
}

bool tl_number_parse(const char *text, size_t length, tl_number *number) {
    *number = (tl_number){0};
    if (is_nothing(text, length)) return true;
    size_t i = 0;
    if (text[0] == '-' || text[0] == '+') number->negative = text[i++] == '-';
    bool point = false, any = false;
    int kept = 0, scale = 0;
    for (; i < length; i++) {
        char c = text[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') break;
        any = true;
        if (kept < MAX_DIGITS) {
            number->digits = number->digits * 10 + (unsigned)(c - '0');
            kept += number->digits > 0;
            scale += point;
        } else {
            scale -= !point; /* digits beyond those kept count for the magnitude only */
        }
        if (scale > MAX_SCALE || scale < -MAX_SCALE) return false;
    }
    if (!any) return false;
    if (i < length && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        bool down = false;
        if (i < length && (text[i] == '-' || text[i] == '+')) down = text[i++] == '-';
        int e = 0;
        size_t from = i;
        for (; i < length && text[i] >= '0' && text[i] <= '9' && e < MAX_SCALE; i++)
            e = e * 10 + (text[i] - '0');
        if (i == from) return false;
        scale += down ? e : -e;
    }
    number->scale = (int16_t)scale;
    number->present = 1;
    return i == length;
}

/* digits / 10^n, half to even. */
static uint64_t shorten(uint64_t digits, int n) {
    if (n > 19) return 0;
    uint64_t unit = n == 19 ? UINT64_C(10000000000000000000) : (uint64_t)tl_power_of_ten_i64(n);
    uint64_t whole = digits / unit, rest = digits - whole * unit;
    return whole + (rest > unit - rest || (rest == unit - rest && (whole & 1)));
}

bool tl_number_mantissa(const tl_number *number, int exponent, int64_t *mantissa) {
    if (!number->present) {
        *mantissa = TL_ABSENT;
        return true;
    }
    int up = -exponent - number->scale;
    uint64_t value = number->digits;
    if (value == 0) {
        *mantissa = 0;
        return true;
    }
    if (up < 0)
        value = shorten(value, -up);
    else if (up > 18 || __builtin_mul_overflow(value, (uint64_t)tl_power_of_ten_i64(up), &value))
        return false;
    if (value > INT64_MAX) return false;
    *mantissa = number->negative ? -(int64_t)value : (int64_t)value;
    return true;
}

int tl_number_decimals(const tl_number *number) {
    uint64_t digits = number->digits;
    int scale = number->scale, extra = 0;
    for (uint64_t d = digits; d >= 1000000000000000u; d /= 10)
        extra++;
    if (extra > 0) digits = shorten(digits, extra);
    scale -= extra;
    if (digits == 0) return 0;
    while (scale > 0 && digits % 10 == 0) {
        digits /= 10;
        scale--;
    }
    return scale > 0 ? scale : 0;
}

double tl_number_double(const tl_number *number) {
    if (!number->present) return NAN;
    double value;
    /* Both operands are exact, so one division rounds once. */
    if (number->digits <= (UINT64_C(1) << 53) && number->scale >= 0 && number->scale <= 18) {
        value = (double)number->digits / tl_power_of_ten(number->scale);
    } else {
        char text[TEXT_BYTES];
        snprintf(text, sizeof text, "%llue%d", (unsigned long long)number->digits, -number->scale);
        value = strtod(text, NULL);
    }
    return number->negative ? -value : value;
}
