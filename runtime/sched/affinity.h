/* Where a process runs and how the kernel treats it: its core, its class and nice value by tier, memory near its core, locked pages (DESIGN §6).
 *
 * What cannot be had (a privilege, a core that is not there) is no failure: it is written once as a sentence into a note. What never sleeps is never SCHED_FIFO, and
 * sched_rt_runtime_us is never written.
 */
#ifndef TL_SCHED_AFFINITY_H
#define TL_SCHED_AFFINITY_H

#include "base/status.h"

/* How tiers are kept apart (DESIGN §6): shared = the kernel's defaults; priority = kernel classes and nice values by tier; isolated = these and each L1 on a core of its own. */
typedef enum tl_sched_policy { TL_SCHED_SHARED = 0, TL_SCHED_PRIORITY, TL_SCHED_ISOLATED } tl_sched_policy;

enum { TL_FIFO_L1 = 10, TL_FIFO_MASTER = 20 /* above what it watches */ };

/* What the kernel is asked for. */
typedef struct tl_kernel_class {
    int32_t scheduler; /* SCHED_OTHER, SCHED_FIFO, SCHED_BATCH */
    int32_t priority;  /* of SCHED_FIFO */
    int32_t nice;      /* also set under SCHED_FIFO, for when that is refused */
    int64_t
        slice_ns; /* of SCHED_OTHER: how long it wants to run at a time, which Linux 6.12 repays with earlier turns; needs no privilege. 0 = the kernel's own */
} tl_kernel_class;

/* The table of docs/SCHEDULING.md. `tier` 0 = agents in C; `idle` a tl_idle_policy; `policy` a tl_sched_policy. */
tl_kernel_class tl_kernel_class_of(uint32_t tier, uint32_t idle, uint32_t policy);

/* Pins the calling thread to `cpu` (-1 = leaves it where it is) and prefers memory near that. */
void tl_affinity_pin(int32_t cpu, char *note, size_t note_bytes);
/* Sets the calling thread's class, and, as the kernel's autogroups make nice values count only within a session, its session's nice value (of its own: see tl_spawn_worker()). */
void tl_affinity_set_class(const tl_kernel_class *wanted, char *note, size_t note_bytes);
/* Locks pages as they are touched, now and later; only where no limit could make a later allocation fail. */
void tl_affinity_lock_memory(char *note, size_t note_bytes);
/* Moves a mapping's pages near `cpu` on a machine with several memory nodes. */
void tl_affinity_bring_near(void *memory, uint64_t bytes, int32_t cpu, char *note, size_t note_bytes);

/* The cores that this process may use, ascending; how many. */
uint32_t tl_affinity_cpus(int32_t *cpus, uint32_t capacity);
/* Memory nodes of the machine, at least 1, and the node of a core. */
uint32_t tl_affinity_node_count(void);
int32_t tl_affinity_node_of(int32_t cpu);

/* "shared", "priority", "isolated"; "" for another. */
const char *tl_sched_policy_name(uint32_t policy);

#endif
