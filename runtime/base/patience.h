/* Patience: a limit on the CPU time that a piece of set-up may take, after which the process ends with a sentence.
 *
 * For a program that runs somebody's code before anything exists that would have to be put in order (`tidelock run` looks at its scripts); a worker's limits are its
 * watchdog's (sched/watchdog.h). One at a time in a process; files that were begun are given up.
 */
#ifndef TL_BASE_PATIENCE_H
#define TL_BASE_PATIENCE_H

#include "base/cdef.h"

enum { TL_PATIENCE_TEXT_BYTES = 512 };

/* From now on `cpu_ns` more of CPU time in user mode end the process with code 1 and `text` (cut where it is longer) on standard error. */
void tl_patience_begin(int64_t cpu_ns, const char *text);
void tl_patience_end(void);

#endif
