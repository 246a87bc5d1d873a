/* Log lines for a person on standard error. Any thread; one write a line, of up to 4 KiB. */
#ifndef TL_BASE_LOGGING_H
#define TL_BASE_LOGGING_H

#include "base/cdef.h"

/* Level 0 debug, 1 info, 2 warn, 3 error. `context` is not used: the form is that of log sinks. */
void tl_log_stderr(void *context, int level, int64_t ts_ns, const char *text);

#endif
