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

const char *tl_status_name(tl_status status) {
    static const char *const names[] = {
        "TL_OK",        "TL_END",        "TL_ERR_ARGUMENT",  "TL_ERR_NO_MEMORY",
        "TL_ERR_IO",    "TL_ERR_FORMAT", "TL_ERR_NOT_FOUND", "TL_ERR_EXISTS",
        "TL_ERR_LIMIT", "TL_ERR_STATE",  "TL_ERR_OVERFLOW",  "TL_ERR_SCRIPT",
    };
    return (size_t)status < sizeof names / sizeof *names ? names[status] : "unknown status";
}
