#define _GNU_SOURCE
#include "sched/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un manager;
static socklen_t manager_bytes;
static int64_t watchdog_ns;

void tl_notify_open(void) {
    const char *path = getenv("NOTIFY_SOCKET"), *period = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    manager_bytes = 0;
    watchdog_ns = 0;
    if (path != NULL && (path[0] == '/' || path[0] == '@') && strlen(path) < sizeof manager.sun_path) {
        manager.sun_family = AF_UNIX;
        memcpy(manager.sun_path, path, strlen(path));
        if (path[0] == '@') manager.sun_path[0] = 0;
        manager_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
        if (period != NULL && (pid == NULL || atol(pid) == (long)getpid())) watchdog_ns = atoll(period) * 1000 / 2;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void tl_notify(const char *state) {
    if (manager_bytes == 0) return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return;
    ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&manager, manager_bytes);
    (void)sent; /* a manager that is gone is no concern of ours */
    close(fd);
}

int64_t tl_notify_watchdog_ns(void) {
    return watchdog_ns;
}
