#define _GNU_SOURCE
#include "sched/master.h"

#include "base/waker.h"
#include "queue/channel.h"
#include "sched/affinity.h"
#include "sched/control.h"
#include "sched/notify.h"
#include "sched/respawn.h"
#include "sched/spawn.h"
#include "sched/watchdog.h"
#include "sched/worker.h"

#include <errno.h>
#include <ev.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    TICK_NS = 1000000,
    STOPPING_DEATHS = 3, /* as often agents in C are started again while others still stop */
    SIGNALS = 5
};
static const int64_t stop_patience_ns = 5LL * TL_NS_PER_S;
static const int64_t predecessor_ns = (int64_t)TL_WORKER_ORPHAN_NS + TL_NS_PER_S; /* orphans are gone by then */
static const int watched_signals[SIGNALS] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};

/* What the master alone knows of a worker; what others may read is its slot in the page. */
typedef struct ward {
    tl_master_worker worker;
    tl_master_slot *slot;
    const tl_worker_page *page;
    tl_spsc_producer operated;
    tl_waker waker;
    tl_respawn respawn;
    tl_watch watch;
    int64_t due_ns;     /* TL_SLOT_WAITING: when the next generation is */
    uint32_t untold;    /* epoch whose death the gateway has still to be told, 0 = none */
    uint32_t told_stop; /* epoch that was told to stop */
    uint32_t stop_deaths;
    bool ran;          /* a generation of this start was RUNNING */
    bool seen_running; /* the present one was */
    bool late;         /* killed as it did not stop in time */
} ward;

struct tl_master {
    tl_master_config config;
    char *binary, *plan;
    tl_master_page *page;
    ward wards[TL_MASTER_SLOTS];
    uint32_t count;
    struct ev_loop *loop;
    ev_io tick;
    int tick_fd;
    ev_signal signals[SIGNALS];
    struct sigaction before[SIGNALS];
    bool taken[SIGNALS];
    tl_control *control;
    const char *request;
    int64_t second_ns, notified_ns;
    int64_t group_since_ns; /* since when `group` has been stopping */
    uint32_t group;         /* the stop_order that is stopping; UINT32_MAX = none yet */
    bool ready, impatient;
    /* what tl_master_step() has still to return */
    bool signalled, kill_thrown, died, ended;
};

static int64_t now_ns(const tl_master *m) {
    return tl_runtime_clock_ns(&m->page->clock);
}

static bool is_strategy(const ward *w) {
    return w->worker.strategy != UINT32_MAX;
}

static bool is_generation(const ward *w) {
    return __atomic_load_n(&w->page->epoch, __ATOMIC_ACQUIRE) == w->slot->epoch;
}

static ward *find(tl_master *m, const char *name) {
    for (uint32_t i = 0; i < m->count; i++)
        if (strcmp(m->wards[i].slot->name, name) == 0) return &m->wards[i];
    return NULL;
}

static tl_status tell(ward *w, const tl_operator *record) {
    tl_operator one = *record;
    if (one.kind == TL_OPERATOR_STOP) one.target = (int32_t)w->slot->epoch; /* never a successor's */
    if (!tl_spsc_write(&w->operated, &one))
        return tl_error_set(TL_ERR_LIMIT, "%s does not read what it is told: %d records wait", w->slot->name,
                            TL_MASTER_OPERATOR_CAPACITY);
    tl_waker_mark(&w->waker);
    tl_waker_flush(&w->waker, 1);
    return TL_OK;
}

tl_status tl_master_operate(tl_master *m, const char *name, const tl_operator *record) {
    if (name != NULL) {
        ward *w = find(m, name);
        if (w == NULL) return tl_error_set(TL_ERR_NOT_FOUND, "no worker is called %s", name);
        return tell(w, record);
    }
    tl_status status = TL_OK;
    for (uint32_t i = 0; i < m->count; i++) {
        tl_status one = tell(&m->wards[i], record);
        if (one != TL_OK) status = one;
    }
    return status;
}

static void tell_death(tl_master *m, ward *w) {
    ward *gateway = find(m, "io");
    const tl_operator record = {.kind = TL_OPERATOR_DIED, .target = (int32_t)w->worker.strategy, .word = w->untold};
    if (gateway == NULL || tell(gateway, &record) == TL_OK) w->untold = 0;
}

static tl_status spawn(tl_master *m, ward *w) {
    int32_t pid;
    uint32_t epoch = w->slot->epoch + 1;
    tl_status status = tl_spawn_worker(m->binary, m->plan, w->slot->name, epoch, &pid);
    if (status != TL_OK) return status;
    w->slot->epoch = epoch;
    w->slot->pid = (uint32_t)pid;
    w->slot->spawned_ns = now_ns(m);
    w->seen_running = false;
    tl_watch_begin(&w->watch, pid, epoch, w->worker.hard_budget_ns);
    __atomic_store_n(&w->slot->state, TL_SLOT_SPAWNED, __ATOMIC_RELEASE);
    return TL_OK;
}

static void set_state(ward *w, tl_slot_state state) {
    w->slot->pid = 0;
    __atomic_store_n(&w->slot->state, state, __ATOMIC_RELEASE);
}

/* While stopping: strategies stay away; the gateway and its venue are needed until those before them have ended. */
static void after_death_while_stopping(tl_master *m, ward *w) {
    if (is_strategy(w) || w->late || w->stop_deaths++ >= STOPPING_DEATHS || spawn(m, w) != TL_OK)
        set_state(w, TL_SLOT_ENDED);
}

static void after_death(tl_master *m, ward *w) {
    if (m->page->stopping) {
        after_death_while_stopping(m, w);
        return;
    }
    int64_t delay_ns = tl_respawn_after_death(&w->respawn, w->slot->died_ns);
    if (delay_ns < 0) {
        set_state(w, TL_SLOT_QUARANTINED);
    } else if (delay_ns > 0 || spawn(m, w) != TL_OK) {
        w->due_ns = w->slot->died_ns + (delay_ns > 0 ? delay_ns : TL_RESPAWN_FIRST_NS);
        set_state(w, TL_SLOT_WAITING);
    }
}

static void record_death(tl_master *m, ward *w, int status) {
    char *text = w->slot->death;
    if (w->late)
        snprintf(text, sizeof w->slot->death, "did not stop in time");
    else if (w->watch.why[0] != 0 && WIFSIGNALED(status))
        snprintf(text, sizeof w->slot->death, "%s", w->watch.why);
    else
        tl_spawn_death(status, w->page, w->slot->epoch, text, sizeof w->slot->death);
    w->slot->deaths++;
    w->slot->died_ns = now_ns(m);
    m->died = true;
    if (!is_strategy(w)) return;
    w->untold = w->slot->epoch;
    tell_death(m, w);
}

static void on_process_ended(tl_master *m, ward *w, int status) {
    bool told = m->page->stopping && w->told_stop == w->slot->epoch;
    if (told && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        set_state(w, TL_SLOT_ENDED);
        return;
    }
    record_death(m, w, status);
    after_death(m, w);
}

static void reap(tl_master *m) {
    for (uint32_t i = 0; i < m->count; i++) {
        ward *w = &m->wards[i];
        int status;
        if (w->slot->state == TL_SLOT_SPAWNED && waitpid((pid_t)w->slot->pid, &status, WNOHANG) == (pid_t)w->slot->pid)
            on_process_ended(m, w, status);
    }
}

static void throw_kill_switch(tl_master *m) {
    const tl_operator record = {.kind = TL_OPERATOR_KILL, .target = -1, .word = 1};
    tl_master_operate(m, "io", &record);
    m->kill_thrown = true;
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events) {
    (void)loop;
    (void)events;
    tl_master *m = watcher->data;
    if (watcher->signum == SIGCHLD)
        reap(m);
    else if (watcher->signum == SIGUSR1)
        throw_kill_switch(m);
    else if (watcher->signum == SIGINT && m->page->stopping)
        m->impatient = true; /* a second Ctrl-C */
    else
        m->signalled = true;
}

static void watch_worker(ward *w) {
    if (!w->seen_running && is_generation(w) && __atomic_load_n(&w->page->state, __ATOMIC_ACQUIRE) >= TL_WORKER_RUNNING) {
        w->seen_running = w->ran = true;
        if (w->slot->died_ns != 0) w->slot->restart_ns = w->page->running_ns - w->slot->died_ns;
    }
    if (!tl_watch_look(&w->watch, w->page)) return;
    w->slot->kills++;
    kill((pid_t)w->slot->pid, SIGKILL);
}

static void begin_group(tl_master *m, uint32_t group, int64_t now) {
    m->group = group;
    m->group_since_ns = now;
}

static void stop_worker(ward *w, bool patient) {
    const tl_operator record = {.kind = TL_OPERATOR_STOP, .word = TL_STOP_ORDERLY};
    if (w->slot->state == TL_SLOT_WAITING) {
        set_state(w, TL_SLOT_ENDED);
        return;
    }
    if (w->told_stop != w->slot->epoch && tell(w, &record) == TL_OK) w->told_stop = w->slot->epoch;
    if (patient || w->late) return;
    w->late = true;
    w->slot->kills++;
    kill((pid_t)w->slot->pid, SIGKILL);
}

static bool is_there(const ward *w) {
    return w->slot->state == TL_SLOT_SPAWNED || w->slot->state == TL_SLOT_WAITING;
}

/* One step of the orderly end: the lowest stop_order that still runs is told, and waited for. */
static void stop_some(tl_master *m, int64_t now) {
    uint32_t group = UINT32_MAX;
    for (uint32_t i = 0; i < m->count; i++)
        if (is_there(&m->wards[i]) && m->wards[i].worker.stop_order < group) group = m->wards[i].worker.stop_order;
    if (group == UINT32_MAX) {
        m->ended = true;
        return;
    }
    if (group != m->group) begin_group(m, group, now);
    bool patient = !m->impatient && now - m->group_since_ns < m->config.stop_ns;
    for (uint32_t i = 0; i < m->count; i++) {
        ward *w = &m->wards[i];
        if (!is_there(w)) continue;
        if (w->worker.stop_order == group) stop_worker(w, patient);
        /* The others are needed until then. */
        else if (w->slot->state == TL_SLOT_WAITING && spawn(m, w) != TL_OK)
            set_state(w, TL_SLOT_ENDED);
    }
    m->impatient = false;
}

static void notify(tl_master *m, int64_t now) {
    bool all = true;
    for (uint32_t i = 0; i < m->count; i++)
        all = all && m->wards[i].ran;
    if (!m->ready && all) {
        m->ready = true;
        tl_notify("READY=1");
    }
    if (tl_notify_watchdog_ns() == 0 || now - m->notified_ns < tl_notify_watchdog_ns()) return;
    m->notified_ns = now;
    tl_notify("WATCHDOG=1");
}

static void on_tick(struct ev_loop *loop, ev_io *watcher, int events) {
    (void)loop;
    (void)events;
    tl_master *m = watcher->data;
    uint64_t ticks;
    if (read(m->tick_fd, &ticks, sizeof ticks) != sizeof ticks) return;
    int64_t now = now_ns(m);
    __atomic_store_n(&m->page->heartbeat_ns, now, __ATOMIC_RELAXED);
    if (now - m->second_ns >= TL_NS_PER_S) {
        m->second_ns = now;
        tl_runtime_clock_slew(&m->page->clock);
        reap(m); /* signals of one kind may have become one */
    }
    for (uint32_t i = 0; i < m->count; i++) {
        ward *w = &m->wards[i];
        if (w->slot->state == TL_SLOT_SPAWNED)
            watch_worker(w);
        else if (w->slot->state == TL_SLOT_WAITING && now >= w->due_ns && !m->page->stopping && spawn(m, w) != TL_OK)
            w->due_ns = now + TL_NS_PER_S;
        if (w->untold != 0) tell_death(m, w);
    }
    notify(m, now);
    if (m->page->stopping && !m->ended) stop_some(m, now);
}

static void take_signals(tl_master *m) {
    for (int i = 0; i < SIGNALS; i++) {
        int number = watched_signals[i];
        sigaction(number, NULL, &m->before[i]);
        /* Started with nohup or in a shell's background: so it stays. */
        if (m->before[i].sa_handler == SIG_IGN && (number == SIGINT || number == SIGHUP)) continue;
        ev_signal_init(&m->signals[i], on_signal, number);
        m->signals[i].data = m;
        ev_signal_start(m->loop, &m->signals[i]);
        m->taken[i] = true;
    }
}

static tl_status set_up_loop(tl_master *m) {
    m->loop = ev_loop_new(EVFLAG_AUTO | EVFLAG_NOENV);
    m->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const struct itimerspec each = {.it_interval.tv_nsec = TICK_NS, .it_value.tv_nsec = TICK_NS};
    if (m->loop == NULL || m->tick_fd < 0 || timerfd_settime(m->tick_fd, 0, &each, NULL) != 0)
        return tl_error_set(TL_ERR_IO, "master: no event loop: %s", strerror(errno));
    ev_io_init(&m->tick, on_tick, m->tick_fd, EV_READ);
    m->tick.data = m;
    ev_io_start(m->loop, &m->tick);
    take_signals(m);
    return m->config.socket == NULL ? TL_OK : tl_control_open(m->loop, m->config.socket, &m->control);
}

/* What an earlier master has left is gone on with: its clock never goes back, generations go on counting. */
static void begin_page(tl_master *m) {
    tl_master_page *p = m->page;
    p->recovered = p->pid != 0;
    tl_runtime_clock_start(&p->clock, p->recovered ? now_ns(m) : 0);
    p->started_ns = p->heartbeat_ns = m->second_ns = now_ns(m);
    p->pid = (uint32_t)getpid();
    p->stopping = 0;
    p->note[0] = 0;
}

static void claim_machine(tl_master *m) {
    if (m->config.policy == TL_SCHED_SHARED) return;
    /* Above the strategies it watches, or one that hangs could keep it from seeing so; it sleeps but for some us a millisecond. */
    const tl_kernel_class above = {.scheduler = SCHED_FIFO, .priority = TL_FIFO_MASTER, .nice = -20};
    int32_t first = -1;
    if (m->config.policy == TL_SCHED_ISOLATED) tl_affinity_cpus(&first, 1);
    tl_affinity_pin(first, m->page->note, sizeof m->page->note);
    tl_affinity_set_class(&above, m->page->note, sizeof m->page->note);
}

tl_status tl_master_create(const tl_master_config *config, tl_master **out) {
    tl_master *m = calloc(1, sizeof *m);
    if (m == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "master: no memory");
    m->config = *config;
    if (m->config.stop_ns == 0) m->config.stop_ns = stop_patience_ns;
    m->group = UINT32_MAX;
    m->tick_fd = -1;
    m->binary = strdup(config->binary);
    m->plan = strdup(config->plan);
    m->page = tl_region_find(config->own, "master", NULL);
    tl_notify_open();
    tl_status status = m->page == NULL ? TL_ERR_NOT_FOUND : set_up_loop(m);
    if (status != TL_OK) {
        tl_master_destroy(m);
        return status;
    }
    begin_page(m);
    claim_machine(m);
    *out = m;
    return TL_OK;
}

static void end_worker(ward *w) {
    if (w->slot->state != TL_SLOT_SPAWNED) return;
    kill((pid_t)w->slot->pid, SIGKILL);
    waitpid((pid_t)w->slot->pid, NULL, 0);
    set_state(w, TL_SLOT_ENDED);
}

void tl_master_destroy(tl_master *m) {
    if (m == NULL) return;
    for (uint32_t i = 0; i < m->count; i++)
        end_worker(&m->wards[i]);
    tl_control_close(m->control);
    for (int i = 0; i < SIGNALS; i++) {
        if (!m->taken[i]) continue;
        ev_signal_stop(m->loop, &m->signals[i]);
        sigaction(watched_signals[i], &m->before[i], NULL);
    }
    if (m->loop != NULL) ev_loop_destroy(m->loop);
    if (m->tick_fd >= 0) close(m->tick_fd);
    if (m->page != NULL && m->config.policy != TL_SCHED_SHARED) {
        const struct sched_param none = {0};
        sched_setscheduler(0, SCHED_OTHER, &none);
        setpriority(PRIO_PROCESS, 0, 0);
    }
    free(m->binary);
    free(m->plan);
    free(m);
}

static tl_status attach(tl_master *m, ward *w) {
    char name[TL_REGION_NAME_BYTES + 16];
    snprintf(name, sizeof name, "out:operator:%s", w->worker.name);
    void *out = tl_region_find(m->config.own, name, NULL), *in = tl_region_find(w->worker.region, "in:operator", NULL);
    w->page = tl_region_find(w->worker.region, "worker", NULL);
    if (out == NULL || in == NULL || w->page == NULL) return TL_ERR_NOT_FOUND;
    w->waker = (tl_waker){.sleeping = &w->page->sleeping, .fd = w->worker.wake_fd};
    return tl_channel_producer(&w->operated, out, in, TL_MASTER_OPERATOR_CAPACITY, sizeof(tl_operator));
}

tl_status tl_master_add(tl_master *m, const tl_master_worker *worker) {
    if (m->count == TL_MASTER_SLOTS) return tl_error_set(TL_ERR_LIMIT, "master: more than %d workers", TL_MASTER_SLOTS);
    if (strlen(worker->name) >= sizeof m->page->slots->name)
        return tl_error_set(TL_ERR_ARGUMENT, "master: a worker's name has up to %zu bytes: %s",
                            sizeof m->page->slots->name - 1, worker->name);
    ward *w = &m->wards[m->count];
    *w = (ward){.worker = *worker, .slot = &m->page->slots[m->count]};
    if (is_strategy(w))
        w->respawn = (tl_respawn){.limit = m->config.restart_deaths, .window_ns = m->config.restart_window_ns};
    tl_status status = attach(m, w);
    if (status != TL_OK) return tl_error_prefix(status, "master: worker %s", worker->name);
    tl_master_slot *slot = w->slot;
    bool known = m->page->recovered && strcmp(slot->name, worker->name) == 0;
    uint32_t epoch = known ? slot->epoch : 0;
    /* A start of its own may follow the file of an earlier one; then nobody has the number of this slot's generation but its page. */
    if (w->page->epoch > epoch) epoch = w->page->epoch;
    if (known && slot->state == TL_SLOT_SPAWNED) {
        tl_spawn_outlive((int32_t)slot->pid, m->plan, worker->name, predecessor_ns);
        if (is_strategy(w)) w->untold = epoch;
    }
    *slot = (tl_master_slot){.epoch = epoch, .strategy = worker->strategy, .tier = worker->tier, .cpu = worker->cpu};
    snprintf(slot->name, sizeof slot->name, "%s", worker->name);
    w->worker.name = slot->name;
    m->page->slot_count = ++m->count;
    return TL_OK;
}

tl_status tl_master_start(tl_master *m) {
    for (uint32_t i = 0; i < m->count; i++) {
        tl_status status = spawn(m, &m->wards[i]);
        if (status != TL_OK) return status;
    }
    return TL_OK;
}

/* What there is to tell the caller, the most urgent first. */
static int take_event(tl_master *m) {
    bool *const flags[] = {&m->kill_thrown, &m->signalled, &m->died};
    static const int events[] = {TL_MASTER_KILL, TL_MASTER_SIGNAL, TL_MASTER_DEATH};
    for (int i = 0; i < 3; i++) {
        if (!*flags[i]) continue;
        *flags[i] = false;
        return events[i];
    }
    m->request = m->control != NULL ? tl_control_next(m->control) : NULL;
    if (m->request != NULL) return TL_MASTER_REQUEST;
    return m->ended ? TL_MASTER_ENDED : TL_MASTER_TICK;
}

int tl_master_step(tl_master *m, int64_t patience_ns) {
    int64_t until_ns = tl_clock_monotonic_ns() + patience_ns;
    for (;;) {
        ev_run(m->loop, EVRUN_NOWAIT); /* also a caller that always has something to do lets us look */
        int event = take_event(m);
        if (event != TL_MASTER_TICK || tl_clock_monotonic_ns() >= until_ns) return event;
        ev_run(m->loop, EVRUN_ONCE); /* a tick at the latest */
    }
}

const char *tl_master_request(tl_master *m) {
    return m->request != NULL ? m->request : "";
}

uint32_t tl_master_request_uid(const tl_master *m) {
    return m->control != NULL ? tl_control_uid(m->control) : UINT32_MAX;
}

void tl_master_reply(tl_master *m, const char *text) {
    if (m->control != NULL) tl_control_reply(m->control, text);
}

void tl_master_stop(tl_master *m) {
    if (m->page->stopping) return;
    __atomic_store_n(&m->page->stopping, 1, __ATOMIC_RELEASE);
    tl_notify("STOPPING=1");
    stop_some(m, now_ns(m));
}

int tl_master_make_eventfd(void) {
    int fd = eventfd(0, EFD_NONBLOCK); /* inherited by children */
    if (fd < 0) tl_error_set(TL_ERR_IO, "no eventfd: %s", strerror(errno));
    return fd;
}

tl_status tl_master_make_lifeline(int32_t *read_fd, int32_t *write_fd) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFD, 0) != 0)
        return tl_error_set(TL_ERR_IO, "no pipe: %s", strerror(errno));
    *read_fd = ends[0];
    *write_fd = ends[1]; /* the master's alone: its end is the news */
    return TL_OK;
}
