#include "base/logging.h"

#include <stdio.h>
#include <time.h>

void tl_log_stderr(void *context, int level, int64_t ts_ns, const char *text) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    (void)context;
    char stamp[32] = "-";
    time_t seconds = (time_t)(ts_ns / 1000000000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "%s.%06lldZ %s %s\n", stamp, (long long)(ts_ns % 1000000000 / 1000),
            names[level < 0 || level > 3 ? 3 : level], text);
}
