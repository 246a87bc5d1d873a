#define _GNU_SOURCE
#include "sched/worker.h"

#include "base/waker.h"
#include "queue/channel.h"
#include "sched/confine.h"

#include <errno.h>
#include <ev.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LOOK_NS = 20000, LOOK_CYCLES = 1000, STOPPING_SLEEP_NS = 1000000, ORPHAN_SECONDS = 3 };

struct tl_worker {
    tl_worker_config config;
    char name[48]; /* config.name points here */
    tl_worker_page *page;
    tl_spsc_consumer operated;
    tl_agent agents[TL_WORKER_AGENTS];
    bool ended[TL_WORKER_AGENTS]; /* those whose stop() has returned true */
    uint32_t agent_count;
    tl_idle idle;
    struct ev_loop *loop;
    ev_io wake, lifeline, due;
    int due_fd; /* a timerfd: libev's own timers step by a millisecond */
    int64_t armed_ns;
    int64_t looked_ns; /* when descriptors were looked at last */
    uint32_t unlooked; /* duty cycles since */
    int64_t counted_ns;
    int64_t stall_limit_ns;
    bool has_class;           /* its kernel class was asked for */
    int stopping;             /* tl_stop_why, 0 while running */
    int64_t orphaned_ns;      /* runtime time, 0 while there is a master */
    const tl_worker_page *io; /* of config.outlive */
};

/* A duty cycle longer than this is a stall; ten times the soft budget of the tier, as a batch may overrun by one handler. */
static int64_t stall_limit(uint32_t tier) {
    static const int64_t limits[] = {5 * TL_NS_PER_MS, 500 * TL_NS_PER_US, 5 * TL_NS_PER_MS, 500 * TL_NS_PER_MS};
    return limits[tier <= 3 ? tier : 0];
}

static void set_state(tl_worker *w, tl_worker_state state) {
    __atomic_store_n(&w->page->state, state, __ATOMIC_RELEASE); /* what was written before it is there for who reads it */
}

static bool has_failed(const tl_worker *w) {
    return __atomic_load_n(&w->page->state, __ATOMIC_RELAXED) == TL_WORKER_FAILED;
}

void tl_worker_fail(tl_worker *w, const char *why) {
    tl_worker_page_fail(w->page, why);
}

static void on_wake(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    uint64_t count;
    ssize_t got = read(watcher->fd, &count, sizeof count);
    (void)got; /* nothing there: somebody else's spurious wake-up */
}

static void on_due(struct ev_loop *loop, ev_io *watcher, int events) {
    tl_worker *w = watcher->data;
    w->armed_ns = INT64_MAX;
    on_wake(loop, watcher, events);
}

static void on_lifeline(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)events;
    tl_worker *w = watcher->data;
    char byte;
    if (read(watcher->fd, &byte, 1) != 0) return;
    ev_io_stop(loop, watcher);
    w->orphaned_ns = tl_runtime_clock_ns(w->config.clock);
}

/* The kernel's word that the master is gone, for agents in C: whatever they hang in, they are gone 3 s later. */
static void on_parent_death(int number) {
    (void)number;
    alarm(ORPHAN_SECONDS);
}

static void guard_against_orphanage(const tl_worker *w) {
    if (w->config.lifeline_fd < 0) return;
    if (w->config.tier == 0) {
        struct sigaction action = {.sa_handler = on_parent_death, .sa_flags = SA_RESTART};
        sigaction(SIGUSR2, &action, NULL);
        signal(SIGALRM, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGUSR2);
    } else {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
}

static tl_status find_sections(tl_worker *w) {
    char name[TL_REGION_NAME_BYTES + 16];
    uint64_t bytes;
    w->page = tl_region_find(w->config.own, "worker", &bytes);
    if (w->page == NULL) return TL_ERR_NOT_FOUND;
    if (bytes < sizeof *w->page)
        return tl_error_set(TL_ERR_FORMAT, "section worker has %llu bytes, %zu are needed", (unsigned long long)bytes,
                            sizeof *w->page);
    snprintf(name, sizeof name, "out:operator:%s", w->config.name);
    void *out = tl_region_find(w->config.master, name, NULL), *in = tl_region_find(w->config.own, "in:operator", NULL);
    if (out == NULL || in == NULL) return TL_ERR_NOT_FOUND;
    if (w->config.outlive != NULL) {
        w->io = tl_region_find(w->config.outlive, "worker", NULL);
        if (w->io == NULL) return TL_ERR_NOT_FOUND;
    }
    return tl_channel_consumer(&w->operated, out, in, w->config.operator_capacity, sizeof(tl_operator));
}

static tl_status watch_descriptors(tl_worker *w) {
    w->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    w->due_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->loop == NULL || w->due_fd < 0)
        return tl_error_set(TL_ERR_IO, "worker %s: no event loop: %s", w->config.name, strerror(errno));
    ev_io_init(&w->due, on_due, w->due_fd, EV_READ);
    w->due.data = w;
    ev_io_start(w->loop, &w->due);
    if (w->config.wake_fd >= 0) {
        ev_io_init(&w->wake, on_wake, w->config.wake_fd, EV_READ);
        ev_io_start(w->loop, &w->wake);
    }
    if (w->config.lifeline_fd >= 0) {
        ev_io_init(&w->lifeline, on_lifeline, w->config.lifeline_fd, EV_READ);
        w->lifeline.data = w;
        ev_io_start(w->loop, &w->lifeline);
    }
    return TL_OK;
}

/* The page of a new generation. What a strategy's agent keeps there (in_hand, handled, skipped) is its own to go on with. */
static void begin_page(tl_worker *w) {
    tl_worker_page *p = w->page;
    __atomic_store_n(&p->state, TL_WORKER_NONE, __ATOMIC_RELEASE);
    p->pid = (uint32_t)getpid();
    p->tier = w->config.tier;
    p->started_ns = tl_runtime_clock_ns(w->config.clock);
    p->running_ns = 0;
    p->cycles = p->worked = p->parks = p->stalls = p->stall_max_ns = p->cpu_ns = 0;
    p->note[0] = p->failure[0] = 0;
    __atomic_store_n(&p->sleeping, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&p->epoch, w->config.epoch, __ATOMIC_RELAXED);
    set_state(w, TL_WORKER_LOADING);
}

static void claim_machine(tl_worker *w) {
    const tl_worker_config *c = &w->config;
    char *note = w->page->note;
    tl_affinity_pin(c->cpu, note, sizeof w->page->note);
    tl_affinity_bring_near(c->own->header, c->own->bytes, c->cpu, note, sizeof w->page->note);
    if (c->lock_memory) tl_affinity_lock_memory(note, sizeof w->page->note);
}

/* Loading is over, which the kernel does not put off by tiers: an L3 would wait seconds for its turns on a busy machine, and an L1 would hold up what trades already. */
static void take_class(tl_worker *w) {
    if (w->has_class) return;
    w->has_class = true;
    tl_kernel_class wanted = tl_kernel_class_of(w->config.tier, w->config.idle, w->config.policy);
    tl_affinity_set_class(&wanted, w->page->note, sizeof w->page->note);
}

tl_status tl_worker_create(const tl_worker_config *config, tl_worker **out) {
    tl_worker *w = calloc(1, sizeof *w);
    if (w == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "worker %s: no memory", config->name);
    w->config = *config;
    snprintf(w->name, sizeof w->name, "%s", config->name);
    w->config.name = w->name;
    w->due_fd = -1;
    w->idle.policy = config->idle;
    w->stall_limit_ns = stall_limit(config->tier);
    guard_against_orphanage(w);
    tl_status status = find_sections(w);
    if (status == TL_OK) status = watch_descriptors(w);
    if (status != TL_OK) {
        tl_worker_destroy(w);
        return tl_error_prefix(status, "worker %s", config->name);
    }
    begin_page(w);
    claim_machine(w);
    *out = w;
    return TL_OK;
}

void tl_worker_destroy(tl_worker *w) {
    if (w == NULL) return;
    if (w->loop != NULL) ev_loop_destroy(w->loop);
    if (w->due_fd >= 0) close(w->due_fd);
    free(w);
}

tl_status tl_worker_add(tl_worker *w, const tl_agent *agent) {
    if (w->agent_count == TL_WORKER_AGENTS)
        return tl_error_set(TL_ERR_LIMIT, "worker %s: no room for agent %s, it has %d", w->config.name, agent->name,
                            TL_WORKER_AGENTS);
    w->agents[w->agent_count++] = *agent;
    return TL_OK;
}

static uint32_t operate(tl_worker *w, int64_t now_ns) {
    uint64_t count;
    const tl_operator *records = tl_spsc_poll(&w->operated, &count);
    for (uint64_t i = 0; i < count; i++) {
        tl_operator record = records[i];
        /* A stop is for one generation (the target): one that died before it read it has left it here. */
        if (record.kind == TL_OPERATOR_STOP) {
            if (record.target == (int32_t)w->config.epoch && w->stopping == 0) w->stopping = (int)record.word;
        } else {
            for (uint32_t a = 0; a < w->agent_count; a++)
                if (w->agents[a].operate != NULL) w->agents[a].operate(w->agents[a].state, &record, now_ns);
        }
        tl_spsc_release(&w->operated, 1); /* not before the agents have it in their logs: a successor gets it again */
    }
    return (uint32_t)count;
}

static bool process_ended(const tl_worker_page *page) {
    uint32_t state = __atomic_load_n(&page->state, __ATOMIC_ACQUIRE), pid = page->pid;
    return state == TL_WORKER_STOPPED || state == TL_WORKER_FAILED || pid == 0 ||
           (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

/* Without a master: asks for the end, and sees that it comes. */
static void be_orphan(tl_worker *w, int64_t now_ns) {
    if (now_ns - w->orphaned_ns > TL_WORKER_ORPHAN_NS) {
        for (uint32_t a = 0; a < w->agent_count; a++)
            w->ended[a] = true;
        w->stopping = TL_STOP_ORPHANED;
    } else if (w->stopping != TL_STOP_ORPHANED && (w->io == NULL || process_ended(w->io))) {
        memset(w->ended, 0, sizeof w->ended);
        w->stopping = TL_STOP_ORPHANED;
    }
}

static void stop_agents(tl_worker *w, int64_t now_ns) {
    bool all = true;
    for (uint32_t a = 0; a < w->agent_count; a++) {
        tl_agent *agent = &w->agents[a];
        if (!w->ended[a]) w->ended[a] = agent->stop == NULL || agent->stop(agent->state, w->stopping, now_ns);
        all = all && w->ended[a];
    }
    if (all && !has_failed(w)) set_state(w, TL_WORKER_STOPPED);
}

/* One duty cycle; how much was done. */
static uint32_t cycle(tl_worker *w, int64_t now_ns) {
    uint32_t done = operate(w, now_ns);
    for (uint32_t a = 0; a < w->agent_count; a++)
        done += w->agents[a].work(w->agents[a].state, now_ns);
    if (TL_UNLIKELY(w->orphaned_ns != 0)) be_orphan(w, now_ns);
    if (TL_UNLIKELY(w->stopping != 0)) {
        if (w->page->state == TL_WORKER_RUNNING) set_state(w, TL_WORKER_STOPPING);
        stop_agents(w, now_ns);
    }
    w->page->cycles++;
    if (done > 0) w->page->worked++;
    return done;
}

static void look(tl_worker *w, int flags, int64_t now_ns) {
    if (now_ns - w->counted_ns >= TL_NS_PER_S) {
        w->counted_ns = now_ns;
        w->page->cpu_ns = (uint64_t)tl_clock_process_cpu_ns();
    }
    ev_run(w->loop, flags);
    w->looked_ns = now_ns;
    w->unlooked = 0;
}

/* When something is due though nothing arrives, runtime time. */
static int64_t next_due(const tl_worker *w, int64_t now_ns) {
    /* Who cannot be woken, or waits for an end that is a matter of time, looks itself. */
    bool self = w->config.wake_fd < 0 || w->stopping != 0 || w->orphaned_ns != 0;
    int64_t next_ns = self ? now_ns + STOPPING_SLEEP_NS : INT64_MAX;
    for (uint32_t a = 0; a < w->agent_count; a++) {
        if (w->agents[a].next_ns == NULL) continue;
        int64_t due_ns = w->agents[a].next_ns(w->agents[a].state);
        if (due_ns < next_ns) next_ns = due_ns;
    }
    return next_ns;
}

static void arm(tl_worker *w, int64_t due_ns) {
    if (due_ns == w->armed_ns) return;
    w->armed_ns = due_ns;
    struct itimerspec spec = {0};
    if (due_ns != INT64_MAX) {
        int64_t monotonic_ns = tl_clock_monotonic_ns();
        int64_t left_ns = due_ns - tl_runtime_clock_at(w->config.clock, monotonic_ns);
        if (left_ns > TL_NS_PER_S)
            left_ns -= left_ns / 1024; /* the clock may be slewed by 500 ppm until then: looks again before */
        int64_t at_ns = monotonic_ns + left_ns;
        if (at_ns < 1) at_ns = 1; /* 0 would disarm it */
        spec.it_value.tv_sec = at_ns / TL_NS_PER_S;
        spec.it_value.tv_nsec = at_ns % TL_NS_PER_S;
    }
    timerfd_settime(w->due_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static bool has_ended(const tl_worker *w) {
    uint32_t state = __atomic_load_n(&w->page->state, __ATOMIC_RELAXED);
    return state == TL_WORKER_STOPPED || state == TL_WORKER_FAILED;
}

/* base/waker.h: says that it sleeps, looks once more, and only then does. */
static void sleep_until_woken(tl_worker *w, int64_t now_ns) {
    tl_waker_park(&w->page->sleeping);
    if (cycle(w, now_ns) == 0 && !has_ended(w)) {
        int64_t due_ns = next_due(w, now_ns);
        arm(w, due_ns);
        w->page->parks++;
        look(w, EVRUN_ONCE, now_ns);
        if (due_ns != INT64_MAX && tl_runtime_clock_ns(w->config.clock) >= due_ns)
            w->armed_ns = INT64_MAX; /* it has fired */
    } else {
        tl_idle_reset(&w->idle);
    }
    tl_waker_unpark(&w->page->sleeping);
}

static void measure(tl_worker *w, int64_t spent_ns) {
    if ((uint64_t)spent_ns > w->page->stall_max_ns) w->page->stall_max_ns = (uint64_t)spent_ns;
    if (spent_ns > w->stall_limit_ns) w->page->stalls++;
}

tl_status tl_worker_run(tl_worker *w) {
    int64_t begun_ns = 0;
    bool measured = false; /* whether the last duty cycle ran through to here, without others being let run */
    w->armed_ns = INT64_MAX;
    take_class(w);
    if (!has_failed(w)) {
        /* A predecessor's event in hand: its agent has seen it, and the watchdog would take it for ours. */
        __atomic_store_n(&w->page->in_hand, 0, __ATOMIC_RELAXED);
        w->page->running_ns = tl_runtime_clock_ns(w->config.clock);
        set_state(w, TL_WORKER_RUNNING);
    }
    while (!has_ended(w)) {
        int64_t now_ns = tl_runtime_clock_ns(w->config.clock);
        if (measured) measure(w, now_ns - begun_ns);
        begun_ns = now_ns;
        measured = true;
        if (cycle(w, now_ns) > 0)
            tl_idle_reset(&w->idle);
        else {
            int step = tl_idle_next(&w->idle, now_ns);
            measured = step == TL_IDLE_ON;
            if (step == TL_IDLE_SLEEP && !has_ended(w)) {
                sleep_until_woken(w, now_ns);
                continue;
            }
        }
        if (now_ns - w->looked_ns >= LOOK_NS || ++w->unlooked >= LOOK_CYCLES) look(w, EVRUN_NOWAIT, now_ns);
    }
    w->page->cpu_ns = (uint64_t)tl_clock_process_cpu_ns();
    if (has_failed(w)) return tl_error_set(TL_ERR_STATE, "%s", w->page->failure);
    return TL_OK;
}

tl_status tl_worker_confine(tl_worker *w) {
    take_class(w); /* the filter will not let it */
    tl_status status = tl_confine(w->page->note, sizeof w->page->note);
    return status == TL_OK ? TL_OK : tl_error_prefix(status, "worker %s", w->name);
}
