/* Clocks. Durations and instants are int64 nanoseconds; instants count from the Unix epoch unless a name says otherwise.
 * Any thread, wait-free. */
#ifndef TL_BASE_CLOCK_H
#define TL_BASE_CLOCK_H

#include "base/cdef.h"

enum { TL_NS_PER_US = 1000, TL_NS_PER_MS = 1000000, TL_NS_PER_S = 1000000000 };

/* CLOCK_MONOTONIC, ns since an arbitrary start. */
int64_t tl_clock_monotonic_ns(void);

/* CPU time of the calling process, ns. */
int64_t tl_clock_process_cpu_ns(void);

/* The time stamp counter; 0 where the machine has none that runs evenly. */
uint64_t tl_clock_tsc(void);

/* Nanoseconds a time stamp counter tick lasts; measured against CLOCK_MONOTONIC on the first call (about 2 ms). */
double tl_clock_ns_per_tsc(void);

#endif
