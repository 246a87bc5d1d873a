#define _GNU_SOURCE
#include "sched/spawn.h"
#include "base/clock.h"
#include "sched/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    if (failed == 0) failed = posix_spawnattr_setsigmask(attributes, &none);
    return failed != 0 ? failed : posix_spawnattr_setsigdefault(attributes, &all);
}

tl_status tl_spawn_worker(const char *binary, const char *plan, const char *name, uint32_t epoch, int32_t *pid) {
    char number[16];
    snprintf(number, sizeof number, "%u", epoch);
    char *argv[] = {(char *)binary, "worker", (char *)plan, (char *)name, number, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    pid_t child = 0;
    int failed = set_attributes(&attributes);
    if (failed == 0) failed = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (failed == 0) failed = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    if (failed == 0) failed = posix_spawn(&child, binary, &files, &attributes, argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) return tl_error_set(TL_ERR_IO, "worker %s: cannot start %s: %s", name, binary, strerror(failed));
    *pid = child;
    return TL_OK;
}

/* Whether the process has these among its arguments. */
static bool is_worker(int32_t pid, const char *plan, const char *name) {
    char path[64], line[8192];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t length = read(fd, line, sizeof line - 1);
    close(fd);
    if (length <= 0) return false; /* gone, or a zombie */
    line[length] = 0;
    const char *wanted[] = {"worker", plan, name};
    size_t found = 0;
    for (const char *at = line; at < line + length && found < 3; at += strlen(at) + 1)
        if (strcmp(at, wanted[found]) == 0) found++;
    return found == 3;
}

void tl_spawn_outlive(int32_t pid, const char *plan, const char *name, int64_t patience_ns) {
    const struct timespec moment = {.tv_nsec = TL_NS_PER_MS};
    int64_t until_ns = tl_clock_monotonic_ns() + patience_ns;
    while (pid > 0 && is_worker(pid, plan, name)) {
        if (tl_clock_monotonic_ns() > until_ns) kill(pid, SIGKILL);
        nanosleep(&moment, NULL);
    }
}

void tl_spawn_death(int status, const tl_worker_page *page, uint32_t epoch, char *text, size_t bytes) {
    bool spoke = page->epoch == epoch && __atomic_load_n(&page->state, __ATOMIC_ACQUIRE) == TL_WORKER_FAILED;
    if (tl_confine_killed(status))
        snprintf(text, bytes, "made a system call that no strategy makes (signal %d)", WTERMSIG(status));
    else if (WIFSIGNALED(status))
        snprintf(text, bytes, "killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else if (spoke && page->failure[0] != 0)
        snprintf(text, bytes, "%.*s", (int)sizeof page->failure, page->failure);
    else if (WEXITSTATUS(status) == 0)
        snprintf(text, bytes, "ended without being asked to");
    else
        snprintf(text, bytes, "exit code %d%s", WEXITSTATUS(status),
                 page->epoch == epoch && page->state == TL_WORKER_LOADING ? " while loading" : "");
}
