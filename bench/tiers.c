/* What do tiers keep apart? An L1 worker has a callback due each 100 us while L3 processes use every core: how late is the callback under each policy? And how much of a core does an L1 that spins keep
 * from an L3 on the same core? Every due callback counts, also those that one delay held up together. Median of the rounds of each quantile. `--json` prints one object. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "queue/channel.h"
#include "sched/master.h"
#include "sched/worker.h"

enum { POLICIES = 3, ROUNDS = 3, PERIOD_NS = 100000, TICKS = 30000, QUANTILES = 4, HOGS = 64, SHARE_MS = 3000 };

static const double quantiles[QUANTILES] = {0.5, 0.99, 0.999, 1};
static const double guide_p99_ms[POLICIES] = {42, 8, 3};

/* Shared with the process that is measured. */
typedef struct record {
    int64_t late_ns[TICKS];
    uint32_t count;
    char note[128];
} record;

typedef struct ticking {
    record *results;
    tl_spsc_producer operated; /* to stop its own worker */
    int64_t due_ns;
} ticking;

static uint32_t tick(void *self, int64_t now_ns) {
    ticking *t = self;
    if (t->due_ns == 0) t->due_ns = now_ns + 1000 * (int64_t)PERIOD_NS; /* once the load runs */
    if (now_ns < t->due_ns || t->results->count == TICKS) return 0;
    while (t->due_ns <= now_ns && t->results->count < TICKS) {
        t->results->late_ns[t->results->count++] = now_ns - t->due_ns;
        t->due_ns += PERIOD_NS;
    }
    if (t->results->count == TICKS) {
        const tl_operator stop = {.kind = TL_OPERATOR_STOP, .word = TL_STOP_ORDERLY};
        tl_spsc_write(&t->operated, &stop);
    }
    return 1;
}

static int64_t next_tick_ns(void *self) {
    return ((ticking *)self)->due_ns;
}

static void fail(const char *what) {
    fprintf(stderr, "tiers: %s: %s\n", what, tl_error_text());
    _exit(1);
}

static void make_region(tl_region *region, const char *dir, const char *name, const tl_region_section *sections) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    if (tl_region_create(path, sections, 2, 1) != TL_OK || tl_region_open(region, path, true, 0) != TL_OK) fail(path);
}

static void run_l1(const char *dir, uint32_t policy, uint32_t idle, int32_t cpu, record *results) {
    setsid();
    const tl_region_section of_master[] = {{.name = "master", .bytes = sizeof(tl_master_page)},
                                           {.name = "out:operator:l1", .bytes = tl_channel_out_bytes(64, 64)}};
    const tl_region_section own[] = {{.name = "worker", .bytes = sizeof(tl_worker_page)},
                                     {.name = "in:operator", .bytes = tl_channel_in_bytes()}};
    tl_region master, region;
    make_region(&master, dir, "master", of_master);
    make_region(&region, dir, "l1", own);
    tl_runtime_clock *clock = tl_region_find(&master, "master", NULL);
    tl_runtime_clock_start(clock, 0);
    ticking t = {.results = results};
    tl_channel_producer(&t.operated, tl_region_find(&master, "out:operator:l1", NULL),
                        tl_region_find(&region, "in:operator", NULL), 64, 64);
    const tl_worker_config config = {.name = "l1",
                                     .own = &region,
                                     .master = &master,
                                     .operator_capacity = 64,
                                     .clock = clock,
                                     .tier = 1,
                                     .idle = idle,
                                     .policy = policy,
                                     .cpu = cpu,
                                     .wake_fd = tl_master_make_eventfd(),
                                     .lifeline_fd = -1};
    const tl_agent agent = {"ticks", &t, tick, next_tick_ns, NULL, NULL};
    tl_worker *worker;
    if (tl_worker_create(&config, &worker) != TL_OK || tl_worker_add(worker, &agent) != TL_OK) fail("worker");
    const tl_worker_page *page = tl_region_find(&region, "worker", NULL);
    snprintf(results->note, sizeof results->note, "%s", page->note);
    if (tl_worker_run(worker) != TL_OK) fail("run");
    _exit(0);
}

/* Analytics that never end, in the class of an L3. */
static void run_hog(uint32_t policy, int32_t cpu) {
    static double numbers[1 << 16];
    char note[128] = "";
    setsid(); /* as workers are: sched/affinity.h */
    const tl_kernel_class class = tl_kernel_class_of(3, TL_IDLE_BLOCK, policy);
    tl_affinity_pin(cpu, note, sizeof note);
    tl_affinity_set_class(&class, note, sizeof note);
    for (uint64_t i = 0;; i++)
        numbers[i * 7919 % (1 << 16)] += 1.0 / (double)(i + 1);
}

static pid_t spawn_hog(uint32_t policy, int32_t cpu) {
    pid_t pid = fork();
    if (pid == 0) run_hog(policy, cpu);
    return pid;
}

static void end(pid_t pid) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void remove_files(const char *dir) {
    char path[128];
    snprintf(path, sizeof path, "%s/master", dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/l1", dir);
    unlink(path);
    rmdir(dir);
}

/* One round of a policy: an L1 against one L3 for every core, as placement arranges them. */
static bool measure(uint32_t policy, const int32_t *cpus, uint32_t count, record *results, int64_t *found) {
    char dir[64];
    snprintf(dir, sizeof dir, "/dev/shm/tidelock-bench-%d", (int)getpid());
    mkdir(dir, 0700);
    memset(results, 0, sizeof *results);
    bool apart = policy == TL_SCHED_ISOLATED && count > 1;
    uint32_t hogs = count < HOGS ? count : HOGS;
    pid_t pids[HOGS];
    for (uint32_t i = 0; i < hogs; i++)
        pids[i] = spawn_hog(policy, apart ? cpus[i % (count - 1)] : cpus[i]);
    pid_t l1 = fork();
    if (l1 == 0) run_l1(dir, policy, apart ? TL_IDLE_SPIN : TL_IDLE_BLOCK, apart ? cpus[count - 1] : -1, results);
    int status = 1;
    waitpid(l1, &status, 0);
    for (uint32_t i = 0; i < hogs; i++)
        end(pids[i]);
    remove_files(dir);
    if (status != 0 || results->count != TICKS) return false;
    qsort(results->late_ns, TICKS, sizeof(int64_t), by_value);
    for (int q = 0; q < QUANTILES; q++)
        found[q] = results->late_ns[(int)(quantiles[q] * (TICKS - 1))];
    return true;
}

/* The part of one core's time, in percent, that a spinning L1 gets beside an L3 there. */
static double share(int32_t cpu) {
    pid_t hog = spawn_hog(TL_SCHED_PRIORITY, cpu), l1 = fork();
    if (l1 == 0) {
        setsid();
        char note[128] = "";
        const tl_kernel_class class = tl_kernel_class_of(1, TL_IDLE_SPIN, TL_SCHED_PRIORITY);
        tl_affinity_pin(cpu, note, sizeof note);
        tl_affinity_set_class(&class, note, sizeof note);
        for (;;)
            tl_clock_tsc();
    }
    clockid_t of_l1, of_hog;
    clock_getcpuclockid(l1, &of_l1);
    clock_getcpuclockid(hog, &of_hog);
    struct timespec pause = {.tv_nsec = 200000000}, from[2], to[2];
    nanosleep(&pause, NULL); /* both are in their classes by then */
    clock_gettime(of_l1, &from[0]);
    clock_gettime(of_hog, &from[1]);
    pause = (struct timespec){.tv_sec = SHARE_MS / 1000};
    nanosleep(&pause, NULL);
    clock_gettime(of_l1, &to[0]);
    clock_gettime(of_hog, &to[1]);
    end(l1);
    end(hog);
    double used[2];
    for (int i = 0; i < 2; i++)
        used[i] = (double)(to[i].tv_sec - from[i].tv_sec) + 1e-9 * (double)(to[i].tv_nsec - from[i].tv_nsec);
    return 100 * used[0] / (used[0] + used[1]);
}

int main(int argc, char **argv) {
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    int32_t cpus[1024];
    uint32_t count = tl_affinity_cpus(cpus, 1024);
    record *results = mmap(NULL, sizeof *results, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (results == MAP_FAILED || count == 0) return 1;
    if (json)
        printf("{");
    else
        printf("callback delay of an L1, one due each 100 us, one L3 for each of %u cores; ms\n"
               "%-10s %8s %8s %8s %8s   guide's p99, times as long\n",
               count, "policy", "p50", "p99", "p99.9", "max");
    for (uint32_t policy = 0; policy < POLICIES; policy++) {
        int64_t found[QUANTILES][ROUNDS], one[QUANTILES];
        for (int round = 0; round < ROUNDS; round++) {
            if (!measure(policy, cpus, count, results, one)) return 1;
            for (int q = 0; q < QUANTILES; q++)
                found[q][round] = one[q];
        }
        double ms[QUANTILES];
        for (int q = 0; q < QUANTILES; q++) {
            qsort(found[q], ROUNDS, sizeof(int64_t), by_value);
            ms[q] = (double)found[q][ROUNDS / 2] / TL_NS_PER_MS;
        }
        const char *name = tl_sched_policy_name(policy);
        if (json)
            printf(
                "\"%s\": {\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"p999_ms\": %.4f, \"max_ms\": %.4f, \"guide_p99_ms\": %g}, ",
                name, ms[0], ms[1], ms[2], ms[3], guide_p99_ms[policy]);
        else
            printf("%-10s %8.3f %8.3f %8.3f %8.3f   %11g %14.0f%s%s\n", name, ms[0], ms[1], ms[2], ms[3],
                   guide_p99_ms[policy], guide_p99_ms[policy] / ms[1], results->note[0] != 0 ? "   " : "", results->note);
    }
    double shares[ROUNDS];
    for (int round = 0; round < ROUNDS; round++)
        shares[round] = share(cpus[count - 1]);
    double least = shares[0];
    for (int round = 1; round < ROUNDS; round++)
        if (shares[round] < least) least = shares[round];
    if (json)
        printf("\"l1_share_percent\": %.2f}\n", least);
    else
        printf("L1's share of a core beside an L3, priority: %.2f %% (least of %d; 95 wanted)\n", least, ROUNDS);
    return 0;
}
