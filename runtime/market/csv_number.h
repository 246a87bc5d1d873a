/* Numbers as text: decimal digits with a scale, before any exponent is applied. Pure functions: any thread, wait-free. */
#ifndef TL_MARKET_CSV_NUMBER_H
#define TL_MARKET_CSV_NUMBER_H

#include "base/fixed.h"

/* (negative ? -1 : 1) * digits * 10^-scale */
typedef struct tl_number {
    uint64_t digits;  /* at most 18 digits are kept */
    int16_t scale;    /* decimals; negative for trailing zeros that were written as an exponent */
    uint8_t negative; /* 1 below zero */
    uint8_t present;  /* 0 for an empty cell, NaN, null, NA */
} tl_number;

/* Any way of writing a number, or of writing none. False for other text. */
bool tl_number_parse(const char *text, size_t length, tl_number *number);

/* The mantissa in an exponent (-12 to 0), further decimals rounded half to even. TL_ABSENT for one that is not present; false when it
 * does not fit. */
bool tl_number_mantissa(const tl_number *number, int exponent, int64_t *mantissa);

/* The decimals that a number really has: of more than 15 significant digits the rest is what binary floating point leaves behind. */
int tl_number_decimals(const tl_number *number);

/* The nearest double; NaN for one that is not present. */
double tl_number_double(const tl_number *number);

#ifndef TL_CDEF
/* The common way: [-]digits[.digits] of at most 18 digits, ended by a byte that is none. Returns where it ends, NULL when the text is
 * something else. The byte behind the text must be readable. */
static inline const char *tl_number_take(const char *p, tl_number *number) {
    number->negative = *p == '-';
    p += number->negative;
    const char *from = p;
    uint64_t digits = 0;
    unsigned digit;
    while ((digit = (unsigned char)(*p - '0')) < 10) {
        digits = digits * 10 + digit;
        p++;
    }
    long length = p - from;
    number->scale = 0;
    if (*p == '.') {
        const char *point = p++;
        while ((digit = (unsigned char)(*p - '0')) < 10) {
            digits = digits * 10 + digit;
            p++;
        }
        number->scale = (int16_t)(p - point - 1);
        length = p - from - 1;
    }
    number->digits = digits;
    number->present = 1;
    return length >= 1 && length <= 18 ? p : NULL;
}
#endif

#endif
