/* Tells a service manager how things are (sd_notify's protocol): a datagram to the socket that NOTIFY_SOCKET names. Nothing happens without one. */
#ifndef TL_SCHED_NOTIFY_H
#define TL_SCHED_NOTIFY_H

#include "base/cdef.h"

/* Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment, so that children do not speak too. */
void tl_notify_open(void);
/* "READY=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1". Never blocks; what cannot be said is not. */
void tl_notify(const char *state);
/* How often "WATCHDOG=1" is due, ns; 0 = not. */
int64_t tl_notify_watchdog_ns(void);

#endif
