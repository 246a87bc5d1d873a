/* sched_worker worker PLAN NAME EPOCH: a worker process whose one agent does what it is told, for the specs of sched/.
 *
 * PLAN is a text file: a line "dir PATH" (of the regions), a line "NAME TIER IDLE POLICY CPU WAKE_FD LIFELINE_FD OUTLIVE AT_START" for each worker (OUTLIVE: a worker's name or "-").
 * AT_START is what it does before it runs, in the words of do_what(); so are the texts of TL_OPERATOR_PARAM records. What it saw stands in its page:
 * handled = records; skip_at and skipped = target and word of the last TL_OPERATOR_DIED; errors = TL_OPERATOR_KILLs; overruns = timers that fired; lua_bytes = by how many ns the last was
 * late; decisions_hash = the errno of what was tried last; collections = the stop_why that it was stopped with. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "queue/channel.h"
#include "sched/worker.h"

typedef struct state {
    tl_worker *worker;
    tl_worker_page *page;
    const tl_runtime_clock *clock;
    int64_t timer_ns;
    int64_t stop_delay_ns, stop_since_ns;
    uint64_t sequence;
    tl_operator told; /* done in work(), as a strategy's agent does: a record in hand at a death comes again */
    bool is_told;
} state;

static void burn(int64_t ns) {
    int64_t until_ns = tl_clock_process_cpu_ns() + ns;
    while (tl_clock_process_cpu_ns() < until_ns)
        ;
}

static void handle(state *s, int64_t burn_ns, int64_t sleep_ns) {
    s->sequence++;
    __atomic_store_n(&s->page->in_hand, s->sequence, __ATOMIC_RELEASE);
    burn(burn_ns);
    struct timespec nap = {.tv_sec = sleep_ns / TL_NS_PER_S, .tv_nsec = sleep_ns % TL_NS_PER_S};
    if (sleep_ns > 0) nanosleep(&nap, NULL);
    __atomic_store_n(&s->page->in_hand, 0, __ATOMIC_RELEASE);
}

static void try(state *s, long result) {
    s->page->decisions_hash = result < 0 ? (uint64_t)errno : 0;
}

static void do_what(state *s, const char *what, double value) {
    if (strcmp(what, "burn") == 0)
        handle(s, (int64_t)value, 0);
    else if (strcmp(what, "spin") == 0)
        handle(s, INT64_MAX / 2, 0);
    else if (strcmp(what, "spin_at_load") == 0)
        burn(INT64_MAX / 2);
    else if (strcmp(what, "patient_burn") == 0) {
        s->page->patient = s->sequence + 1;
        handle(s, (int64_t)value, 0);
    } else if (strcmp(what, "nap") == 0)
        handle(s, 0, (int64_t)value);
    else if (strcmp(what, "crash") == 0)
        raise(SIGSEGV);
    else if (strcmp(what, "exit") == 0)
        _exit((int)value);
    else if (strcmp(what, "fail") == 0)
        tl_worker_fail(s->worker, "the agent did not like it");
    else if (strcmp(what, "timer") == 0)
        s->timer_ns = tl_runtime_clock_ns(s->clock) + (int64_t)value;
    else if (strcmp(what, "stop_delay") == 0)
        s->stop_delay_ns = (int64_t)value;
    else if (strcmp(what, "hang") == 0)
        pause();
    else if (strcmp(what, "confine") == 0) {
        if (tl_worker_confine(s->worker) != TL_OK) tl_worker_fail(s->worker, tl_error_text());
    } else if (strcmp(what, "execve") == 0)
        try(s, execl("/bin/true", "true", (char *)NULL));
    else if (strcmp(what, "socket") == 0)
        try(s, socket(AF_INET, SOCK_STREAM, 0));
    else if (strcmp(what, "fork") == 0)
        try(s, fork());
    else if (strcmp(what, "ptrace") == 0)
        try(s, syscall(SYS_ptrace, 0, 0, 0, 0));
    else if (strcmp(what, "create") == 0)
        try(s, open("/tmp/tidelock_sched_spec", O_WRONLY | O_CREAT, 0600));
    else if (strcmp(what, "open_rdwr") == 0)
        try(s, open("/proc/self/mem", O_RDWR));
    else if (strcmp(what, "read_passwd") == 0)
        try(s, open("/etc/passwd", O_RDONLY));
    else if (strcmp(what, "read_zone") == 0)
        try(s, open("/usr/share/zoneinfo/Europe/Berlin", O_RDONLY));
    else if (strcmp(what, "nice") == 0)
        try(s, syscall(SYS_setpriority, 0, 0, 5));
    else if (strcmp(what, "kill") == 0)
        try(s, kill(getppid(), 0));
    else if (strcmp(what, "memory") == 0) {
        void *memory = malloc(64 << 20);
        if (memory != NULL) memset(memory, 1, 64 << 20);
        free(memory);
        s->page->decisions_hash = memory == NULL;
    }
}

static uint32_t work(void *self, int64_t now_ns) {
    state *s = self;
    if (s->is_told) {
        s->is_told = false;
        do_what(s, s->told.text, s->told.value);
        s->page->handled++;
        return 1;
    }
    if (s->timer_ns == INT64_MAX || now_ns < s->timer_ns) return 0;
    s->page->lua_bytes = (uint64_t)(now_ns - s->timer_ns);
    s->timer_ns = INT64_MAX;
    s->page->overruns++;
    return 1;
}

static int64_t next_ns(void *self) {
    return ((state *)self)->timer_ns;
}

static void operate(void *self, const tl_operator *record, int64_t now_ns) {
    state *s = self;
    (void)now_ns;
    switch (record->kind) {
    case TL_OPERATOR_DIED:
        s->page->skip_at = (uint64_t)record->target;
        s->page->skipped = (uint64_t)record->word;
        break;
    case TL_OPERATOR_KILL:
        s->page->errors++;
        break;
    case TL_OPERATOR_PARAM:
        s->told = *record;
        s->is_told = true;
        return;
    default:
        break;
    }
    s->page->handled++;
}

static bool stop(void *self, int why, int64_t now_ns) {
    state *s = self;
    if (s->stop_since_ns == 0) s->stop_since_ns = now_ns;
    s->page->collections = (uint64_t)why;
    return now_ns - s->stop_since_ns >= s->stop_delay_ns;
}

static int fail(const char *name) {
    fprintf(stderr, "sched_worker: %s: %s\n", name, tl_error_text());
    return 3;
}

int main(int argc, char **argv) {
    char dir[256] = "", name[48], outlive[48], at_start[48], path[512];
    tl_worker_config config = {.operator_capacity = 256};
    if (argc < 5) return 2;
    FILE *plan = fopen(argv[2], "r");
    if (plan == NULL || fscanf(plan, "dir %255s", dir) != 1) return 2;
    do {
        if (fscanf(plan, "%47s %u %u %u %d %d %d %47s %47s", name, &config.tier, &config.idle, &config.policy, &config.cpu,
                   &config.wake_fd, &config.lifeline_fd, outlive, at_start) != 9)
            return 2;
    } while (strcmp(name, argv[3]) != 0);
    fclose(plan);

    tl_region master = {0}, own = {0}, other = {0};
    snprintf(path, sizeof path, "%s/master", dir);
    if (tl_region_open(&master, path, false, 0) != TL_OK) return fail(argv[3]);
    snprintf(path, sizeof path, "%s/%s", dir, argv[3]);
    if (tl_region_open(&own, path, true, 0) != TL_OK) return fail(argv[3]);
    snprintf(path, sizeof path, "%s/%s", dir, outlive);
    if (strcmp(outlive, "-") != 0 && tl_region_open(&other, path, false, 0) != TL_OK) return fail(argv[3]);

    state s = {.timer_ns = INT64_MAX};
    config.name = argv[3];
    config.epoch = (uint32_t)atoi(argv[4]);
    config.own = &own;
    config.master = &master;
    config.outlive = other.header != NULL ? &other : NULL;
    s.clock = config.clock = tl_region_find(&master, "master", NULL);
    s.page = tl_region_find(&own, "worker", NULL);
    s.sequence = s.page->in_hand;
    if (tl_worker_create(&config, &s.worker) != TL_OK) return fail(argv[3]);
    const tl_agent agent = {"test", &s, work, next_ns, operate, stop};
    if (tl_worker_add(s.worker, &agent) != TL_OK) return fail(argv[3]);
    do_what(&s, at_start, 0);
    tl_status status = tl_worker_run(s.worker);
    tl_worker_destroy(s.worker);
    return status == TL_OK ? 0 : 1;
}
