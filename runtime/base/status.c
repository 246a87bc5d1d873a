#include "base/status.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_TEXT_BYTES = 1024 };

static _Thread_local char error_text[ERROR_TEXT_BYTES];

tl_status tl_error_set(tl_status status, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    return status;
}

tl_status tl_error_prefix(tl_status status, const char *format, ...) {
    char below[ERROR_TEXT_BYTES];
    memcpy(below, error_text, sizeof below);
    va_list args;
    va_start(args, format);
    int length = vsnprintf(error_text, sizeof error_text, format, args);
    va_end(args);
    if (length >= 0 && length < ERROR_TEXT_BYTES)
        snprintf(error_text + length, sizeof error_text - (size_t)length, ": %s", below);
    return status;
}

const char *tl_error_text(void) {
    return error_text;
}
