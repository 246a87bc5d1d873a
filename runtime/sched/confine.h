/* Takes away from a process what a strategy has no use for; docs/SECURITY.md has the list.
 *
 * No new privileges; no file but those of the zone database can be opened, and these for reading only (Landlock); a system call filter (seccomp) that lets through what LuaJIT, the loop and the
 * allocator need. Harmless calls outside it fail with EPERM; what only an intruder wants (a program, a socket, a trace, a file for writing) kills the process. It bounds
 * system calls, not code: mprotect with PROT_EXEC is needed for every trace. Cannot be taken back.
 */
#ifndef TL_SCHED_CONFINE_H
#define TL_SCHED_CONFINE_H

#include "base/status.h"

/* TL_ERR_IO when the kernel has no filter. Without Landlock files stay readable, which the note then says. */
tl_status tl_confine(char *note, size_t note_bytes);

/* The version of the kernel's Landlock, 0 without. */
int tl_confine_landlock(void);

/* How a death by the filter is told: whether a wait status is one. */
bool tl_confine_killed(int wait_status);

#endif
