#include "harness.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"

harness_control *harness;
double harness_seconds = 2;
bool harness_threads;
bool harness_stepping;
bool harness_every;

static char folder[64];
static char files[16][64];
static int file_count;
static pid_t parent;
static int64_t end_ns;
static _Thread_local tl_random stream;
static _Thread_local bool seeded;
static pid_t children[HARNESS_ROLES];
static pthread_t threads[HARNESS_ROLES];
static bool running[HARNESS_ROLES];

static void remove_all(void) {
    if (getpid() != parent) return;
    for (int i = 0; i < file_count; i++)
        unlink(harness_path(files[i]));
    rmdir(folder);
}

static void interrupted(int signal) {
    remove_all();
    _exit(128 + signal);
}

void harness_begin(int argc, char **argv) {
    harness = mmap(NULL, sizeof *harness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (harness == MAP_FAILED) exit(2);
    harness->seed = (uint64_t)tl_clock_monotonic_ns();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--threads") == 0)
            harness_threads = true;
        else if (strcmp(argv[i], "--every") == 0)
            harness_every = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            harness_seconds = atof(argv[++i]);
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            harness->seed = strtoull(argv[++i], NULL, 10);
        else {
            fprintf(stderr, "usage: %s [--seconds S] [--seed N] [--threads] [--every]\n", argv[0]);
            exit(2);
        }
    }
#ifndef TL_SANITIZED
    harness_stepping = !harness_threads;
#endif
    parent = getpid();
    snprintf(folder, sizeof folder, "/dev/shm/tidelock-validate-%d", (int)parent);
    if (mkdir(folder, 0700) != 0) {
        perror(folder);
        exit(2);
    }
    atexit(remove_all);
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
}

void harness_start_time(void) {
    end_ns = tl_clock_monotonic_ns() + (int64_t)(harness_seconds * 1e9);
}

int harness_end(void) {
    return __atomic_load_n(&harness->failed, __ATOMIC_ACQUIRE) ? 1 : 0;
}

const char *harness_path(const char *name) {
    static _Thread_local char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

void harness_region(const char *name, ...) {
    tl_region_section sections[8] = {0};
    uint32_t count = 0;
    va_list args;
    va_start(args, name);
    const char *section;
    while (section = va_arg(args, const char *), section != NULL) {
        snprintf(sections[count].name, sizeof sections[count].name, "%s", section);
        sections[count++].bytes = va_arg(args, uint64_t);
    }
    va_end(args);
    snprintf(files[file_count++], sizeof files[0], "%s", name);
    if (tl_region_create(harness_path(name), sections, count, 1) != TL_OK) harness_fail("%s", tl_error_text());
}

void *harness_section(const char *region, const char *section, bool writable) {
    static struct {
        char name[64];
        tl_region region;
    } open[32];
    static int open_count;
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&mutex);
    char name[64];
    snprintf(name, sizeof name, "%s.%d", region, writable);
    int at = 0;
    while (at < open_count && strcmp(open[at].name, name) != 0)
        at++;
    if (at == open_count) {
        if (tl_region_open(&open[at].region, harness_path(region), writable, 0) != TL_OK)
            harness_fail("%s", tl_error_text());
        snprintf(open[open_count++].name, sizeof name, "%s", name);
    }
    void *memory = tl_region_find(&open[at].region, section, NULL);
    if (memory == NULL) harness_fail("%s", tl_error_text());
    pthread_mutex_unlock(&mutex);
    return memory;
}

void harness_fail(const char *format, ...) {
    __atomic_store_n(&harness->failed, 1, __ATOMIC_RELEASE);
    va_list args;
    va_start(args, format);
    char text[512];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "WRONG: %s (seed %llu)\n", text, (unsigned long long)harness->seed);
    if (getpid() == parent) {
        remove_all();
        _exit(1); /* children die with us */
    }
    _exit(1);
}

bool harness_stopped(void) {
    return __atomic_load_n(&harness->stop, __ATOMIC_ACQUIRE) != 0;
}

void harness_ready(int role) {
    __atomic_fetch_add(&harness->ready[role], 1, __ATOMIC_RELEASE);
}

void harness_count(int role, uint64_t by) {
    __atomic_fetch_add(&harness->counts[role], by, __ATOMIC_RELAXED);
}

uint64_t harness_random(void) {
    if (!seeded) {
        static uint64_t streams;
        tl_random_seed(&stream, harness->seed, __atomic_fetch_add(&streams, 1, __ATOMIC_RELAXED) ^ (uint64_t)getpid() << 20);
        seeded = true;
    }
    return tl_random_next(&stream);
}

typedef struct thread_start {
    int role;
    harness_role *run;
} thread_start;

static void *run_thread(void *argument) {
    thread_start start = *(thread_start *)argument;
    free(argument);
    start.run(start.role);
    return NULL;
}

void harness_start(int role, harness_role *run) {
    running[role] = true;
    if (harness_threads) {
        thread_start *start = malloc(sizeof *start);
        *start = (thread_start){role, run};
        if (pthread_create(&threads[role], NULL, run_thread, start) != 0) harness_fail("no thread");
        return;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) harness_fail("fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        seeded = false;
        run(role);
        _exit(0);
    }
    children[role] = child;
}

void harness_kill_and_succeed(int role, harness_role *run, uint32_t most_us) {
    /* Its work has begun when it says so again; it may also have failed. */
    static uint64_t lives[HARNESS_ROLES];
    while (__atomic_load_n(&harness->ready[role], __ATOMIC_ACQUIRE) == lives[role] && !harness_over() &&
           !__atomic_load_n(&harness->failed, __ATOMIC_ACQUIRE))
        sched_yield();
    lives[role] = __atomic_load_n(&harness->ready[role], __ATOMIC_ACQUIRE);
    int64_t until_ns = tl_clock_monotonic_ns() + (int64_t)(harness_random() % ((uint64_t)most_us * 1000 + 1));
    if (most_us > 500) usleep((useconds_t)((until_ns - tl_clock_monotonic_ns()) / 1000));
    while (tl_clock_monotonic_ns() < until_ns) {
    }
    kill(children[role], SIGKILL);
    int status;
    waitpid(children[role], &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) exit(1); /* it told what was wrong */
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        harness_fail("role %d ended by signal %d", role, WTERMSIG(status));
    harness_start(role, run);
}

uint64_t harness_kill_until_over(const int *roles, harness_role *const *runs, int count) {
    uint64_t deaths = 0;
    while (!harness_over()) {
        if (harness_threads) {
            harness_linger(100000);
            continue;
        }
        for (int i = 0; i < count; i++, deaths++)
            harness_kill_and_succeed(roles[i], runs[i], 400);
    }
    return deaths;
}

void harness_join(void) {
    __atomic_store_n(&harness->stop, 1, __ATOMIC_RELEASE);
    for (int role = 0; role < HARNESS_ROLES; role++) {
        if (!running[role]) continue;
        running[role] = false;
        if (harness_threads) {
            pthread_join(threads[role], NULL);
            continue;
        }
        int status;
        waitpid(children[role], &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0) exit(1);
        if (WIFSIGNALED(status)) harness_fail("role %d ended by signal %d", role, WTERMSIG(status));
    }
}

bool harness_over(void) {
    return tl_clock_monotonic_ns() >= end_ns || __atomic_load_n(&harness->failed, __ATOMIC_ACQUIRE) != 0;
}

uint32_t harness_stride(uint32_t mean) {
    return harness_every ? 1 : 1 + (uint32_t)(harness_random() % (2 * mean));
}

int harness_die_at(uint32_t steps, void (*act)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) harness_fail("fork: %s", strerror(errno));
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(99);
        raise(SIGSTOP);
        act();
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) return -1;
    for (uint32_t i = 0; i < steps; i++) {
        if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) != 0) harness_fail("single step: %s", strerror(errno));
        waitpid(child, &status, 0);
        if (WIFEXITED(status)) {
            if (WEXITSTATUS(status) != 0) exit(1);
            return 0;
        }
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP) harness_fail("a step ended with status %x", status);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return 1;
}
