/* Status codes and the one error text a thread carries.
 *
 * A function that can fail returns a tl_status. The reason is set once, where it arose, with tl_error_set(); callers on the
 * way up may put their context in front with tl_error_prefix(). The text belongs to the calling thread and is valid until the
 * next error on it. Nothing here allocates; any thread may call at any time (wait-free).
 */
#ifndef TL_BASE_STATUS_H
#define TL_BASE_STATUS_H

#include "base/cdef.h"

typedef enum tl_status {
    TL_OK = 0,
    TL_END,           /* a stream ended in order: no error text is set */
    TL_ERR_ARGUMENT,  /* the caller asked for something that cannot be */
    TL_ERR_NO_MEMORY, /* an allocation failed or a fixed size is full */
    TL_ERR_IO,        /* the operating system refused */
    TL_ERR_FORMAT,    /* input is not what its format says */
    TL_ERR_NOT_FOUND, /* no such thing */
    TL_ERR_EXISTS,    /* it is already there */
    TL_ERR_LIMIT,     /* a configured limit stands against it */
    TL_ERR_STATE,     /* not in this state */
    TL_ERR_OVERFLOW,  /* a number does not fit */
    TL_ERR_SCRIPT     /* Lua raised */
} tl_status;

/* Sets the thread's error text and returns `status`, so that a function can end with `return tl_error_set(...)`. */
tl_status tl_error_set(tl_status status, const char *format, ...) TL_PRINTF(2, 3);

/* Puts "<formatted>: " in front of the thread's error text and returns `status`. */
tl_status tl_error_prefix(tl_status status, const char *format, ...) TL_PRINTF(2, 3);

/* The thread's last error text, never NULL. */
const char *tl_error_text(void);

#endif
