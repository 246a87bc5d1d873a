/* Worker processes: `BINARY worker PLAN NAME EPOCH`, never a bare fork. */
#ifndef TL_SCHED_SPAWN_H
#define TL_SCHED_SPAWN_H

#include "base/status.h"
#include "base/worker_page.h"

/* Starts one with default signals and an empty mask, a session of its own (the terminal's Ctrl-C is the master's business, and Linux weighs sessions against
 * each other before it looks at nice values: sched/affinity.h), no standard input, and standard output going to standard error.
 * Inherits descriptors that are not close-on-exec. TL_ERR_IO. */
tl_status tl_spawn_worker(const char *binary, const char *plan, const char *name, uint32_t epoch, int32_t *pid);

/* Waits until `pid`, if it is that worker of that plan (a number may be another's by now), is gone; kills it after `patience_ns`. */
void tl_spawn_outlive(int32_t pid, const char *plan, const char *name, int64_t patience_ns);

/* Why a process ended, from its wait status and, when it failed by its own word, its page. */
void tl_spawn_death(int wait_status, const tl_worker_page *page, uint32_t epoch, char *text, size_t bytes);

#endif
