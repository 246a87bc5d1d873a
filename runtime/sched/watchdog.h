/* The watchdog's eye on one strategy process: whether the event in hand has had more CPU time than its hard budget, or loading more than 5 s.
 *
 * It samples the progress line (base/worker_page.h) and, for a sequence that stays, the CPU clock of the process: what the process waited for a core does not count, and an event is let run
 * for its budget and up to one sampling interval more. Neither blocks nor allocates; owned by the master.
 */
#ifndef TL_SCHED_WATCHDOG_H
#define TL_SCHED_WATCHDOG_H

#include "base/worker_page.h"

enum { TL_WATCH_WHY_BYTES = 160 };

typedef struct tl_watch {
    int32_t pid;
    int32_t cpu_clock; /* clockid_t of the process */
    uint32_t epoch;    /* only what this generation says counts */
    uint32_t looks;
    int64_t hard_ns;              /* 0: not watched */
    int64_t begun_cpu;            /* CPU time of the process when the watch began, ns */
    uint64_t in_hand;             /* of the last look; 0 = none */
    int64_t in_hand_cpu;          /* CPU time at which it was seen for the second time, ns; -1 before */
    char why[TL_WATCH_WHY_BYTES]; /* "" until it is over a limit */
} tl_watch;

void tl_watch_begin(tl_watch *watch, int32_t pid, uint32_t epoch, int64_t hard_ns);
/* True once, when the process must be killed: `why` says what for. */
bool tl_watch_look(tl_watch *watch, const tl_worker_page *page);

#endif
