#define _GNU_SOURCE
#include "sched/affinity.h"
#include "base/clock.h"
#include "sched/idle.h"

#include <errno.h>
#include <fcntl.h>
#include <numa.h>
#include <numaif.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One more sentence in the note; what does not fit is left off whole. */
static void say(char *note, size_t bytes, const char *format, ...) TL_PRINTF(3, 4);
static void say(char *note, size_t bytes, const char *format, ...) {
    size_t used = strlen(note), gap = used > 0 ? 2 : 0;
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used + gap + strlen(text) + 1 > bytes) return;
    snprintf(note + used, bytes - used, "%s%s", gap ? "; " : "", text);
}

tl_kernel_class tl_kernel_class_of(uint32_t tier, uint32_t idle, uint32_t policy) {
    tl_kernel_class wanted = {.scheduler = SCHED_OTHER, .slice_ns = tier == 1 ? 100 * TL_NS_PER_US : 0};
    if (policy == TL_SCHED_SHARED) return wanted;
    switch (tier) {
    case 1:
        wanted.nice = -20;
        if (idle == TL_IDLE_BLOCK) {
            wanted.scheduler = SCHED_FIFO;
            wanted.priority = TL_FIFO_L1;
        }
        break;
    case 3:
        wanted.scheduler = SCHED_BATCH;
        wanted.nice = 19;
        break;
    default:
        wanted.nice = -5;
    }
    return wanted;
}

/* Without this a nice value weighs nothing against processes of other sessions. */
static void set_session_nice(int32_t nice, char *note, size_t bytes) {
    char text[8];
    int fd = open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return; /* a kernel without */
    int length = snprintf(text, sizeof text, "%d", nice);
    if (getsid(0) == getpid() && write(fd, text, (size_t)length) != length)
        say(note, bytes, "no nice value of %d for the session (%s)", nice, strerror(errno));
    close(fd);
}

/* The kernel's structure, whose C library header came later than many a distribution. */
typedef struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
} scheduling;

static void set_slice(int64_t slice_ns) {
    const scheduling wanted = {
        .size = sizeof wanted, .policy = SCHED_OTHER, .nice = getpriority(PRIO_PROCESS, 0), .runtime = (uint64_t)slice_ns};
    long done = syscall(SYS_sched_setattr, 0, &wanted, 0);
    (void)done; /* a hint; older kernels take no notice of it */
}

void tl_affinity_set_class(const tl_kernel_class *wanted, char *note, size_t bytes) {
    if (wanted->nice != 0) {
        if (setpriority(PRIO_PROCESS, 0, wanted->nice) == 0)
            set_session_nice(wanted->nice, note, bytes);
        else
            say(note, bytes, "no nice value of %d (%s)", wanted->nice,
                errno == EACCES || errno == EPERM ? "CAP_SYS_NICE" : strerror(errno));
    }
    if (wanted->slice_ns != 0) set_slice(wanted->slice_ns);
    if (wanted->scheduler == SCHED_OTHER) return;
    struct sched_param param = {.sched_priority = wanted->priority};
    /* Children of a process in a class above the others' begin in the default one. */
    int scheduler = wanted->scheduler | (wanted->scheduler == SCHED_FIFO ? SCHED_RESET_ON_FORK : 0);
    if (sched_setscheduler(0, scheduler, &param) != 0)
        say(note, bytes, "no %s (%s)", wanted->scheduler == SCHED_FIFO ? "SCHED_FIFO" : "SCHED_BATCH",
            errno == EPERM ? "CAP_SYS_NICE" : strerror(errno));
}

void tl_affinity_pin(int32_t cpu, char *note, size_t bytes) {
    if (cpu < 0) return;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) != 0)
        say(note, bytes, "not on core %d (%s)", cpu, errno == EINVAL ? "there is none" : strerror(errno));
    else if (tl_affinity_node_count() > 1)
        numa_set_preferred(tl_affinity_node_of(cpu));
}

void tl_affinity_lock_memory(char *note, size_t note_bytes) {
    struct rlimit limit;
    /* With a limit, MCL_FUTURE would turn a later allocation into a failure. */
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        struct rlimit wanted = {RLIM_INFINITY, RLIM_INFINITY};
        if (setrlimit(RLIMIT_MEMLOCK, &wanted) != 0) {
            say(note, note_bytes, "memory not locked (limit %llu KiB)", (unsigned long long)limit.rlim_cur / 1024);
            return;
        }
    }
    if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0)
        say(note, note_bytes, "memory not locked (%s)", errno == EPERM ? "CAP_IPC_LOCK" : strerror(errno));
}

void tl_affinity_bring_near(void *memory, uint64_t bytes, int32_t cpu, char *note, size_t note_bytes) {
    if (cpu < 0 || tl_affinity_node_count() < 2) return;
    struct bitmask *nodes = numa_allocate_nodemask();
    numa_bitmask_setbit(nodes, (unsigned)tl_affinity_node_of(cpu));
    if (mbind(memory, bytes, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, MPOL_MF_MOVE) != 0)
        say(note, note_bytes, "memory not near core %d (%s)", cpu, strerror(errno));
    numa_free_nodemask(nodes);
}

uint32_t tl_affinity_cpus(int32_t *cpus, uint32_t capacity) {
    cpu_set_t set;
    uint32_t count = 0;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 0;
    for (int32_t cpu = 0; cpu < CPU_SETSIZE && count < capacity; cpu++)
        if (CPU_ISSET(cpu, &set)) cpus[count++] = cpu;
    return count;
}

uint32_t tl_affinity_node_count(void) {
    return numa_available() < 0 ? 1 : (uint32_t)numa_num_configured_nodes();
}

int32_t tl_affinity_node_of(int32_t cpu) {
    int node = numa_available() < 0 ? 0 : numa_node_of_cpu(cpu);
    return node < 0 ? 0 : node;
}

const char *tl_sched_policy_name(uint32_t policy) {
    static const char *const names[] = {"shared", "priority", "isolated"};
    return policy <= TL_SCHED_ISOLATED ? names[policy] : "";
}
