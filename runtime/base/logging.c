#include "base/logging.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void tl_log_stderr(void *context, int level, int64_t ts_ns, const char *text) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    (void)context;
    char stamp[32] = "-";
    time_t seconds = (time_t)(ts_ns / 1000000000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    /* A progress line may stand there; it is drawn again soon. */
    const char *start = isatty(STDERR_FILENO) ? "\r\033[K" : "";
    char line[4096];
    int length = snprintf(line, sizeof line, "%s%s.%06lldZ %s ", start, stamp, (long long)(ts_ns % 1000000000 / 1000),
                          names[level < 0 || level > 3 ? 3 : level]);
    size_t n = (size_t)length;
    flockfile(stderr);
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        bool control = (byte < ' ' && byte != '\n' && byte != '\t') || byte == 127;
        line[n++] = control ? '?' : *text; /* what a script writes does nothing to a terminal */
        if (n == sizeof line - 1) {
            fwrite(line, 1, n, stderr);
            n = 0;
        }
    }
    line[n++] = '\n';
    fwrite(line, 1, n, stderr);
    funlockfile(stderr);
}
