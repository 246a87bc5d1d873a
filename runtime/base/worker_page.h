/* What a worker process tells of itself: section "worker" of its own region. One writer (the worker), read by the master, its watchdog, and `tidelock status`. */
#ifndef TL_BASE_WORKER_PAGE_H
#define TL_BASE_WORKER_PAGE_H

#include "base/cdef.h"
#ifndef TL_CDEF
#include <stdio.h>
#endif

typedef enum tl_worker_state {
    TL_WORKER_NONE = 0,
    TL_WORKER_LOADING, /* maps regions, loads the script, recovers */
    TL_WORKER_RUNNING,
    TL_WORKER_STOPPING, /* was asked to stop */
    TL_WORKER_STOPPED,  /* has done all; the process ends with code 0 */
    TL_WORKER_FAILED    /* `failure` says why; the process ends with code 1 */
} tl_worker_state;

typedef struct tl_worker_page {
    /* The progress line: sequence of the event whose handler runs, 0 when none does. The watchdog samples it. */
    uint64_t in_hand TL_ALIGNED(128);
    uint64_t handled; /* events whose handlers have run */
    uint64_t patient; /* a sequence whose handlers have the 5 s of loading (on_start, on_load): stored before in_hand */
    /* Producers look at this after they committed something, and write to the worker's eventfd when it is 1. */
    uint32_t sleeping TL_ALIGNED(128);
    uint32_t state TL_ALIGNED(128); /* tl_worker_state */
    uint32_t pid;
    uint32_t epoch;     /* of this generation */
    uint32_t tier;      /* 1, 2, 3; 0 = none (agents in C) */
    int64_t started_ns; /* runtime time at which the process began */
    int64_t running_ns; /* at which it was RUNNING */
    uint64_t cycles;    /* duty cycles */
    uint64_t worked;    /* those that did something */
    uint64_t parks;     /* times it slept */
    uint64_t stalls;    /* duty cycles longer than the limit of its tier */
    uint64_t stall_max_ns;
    uint64_t cpu_ns;   /* CPU time of the process, as of the last second */
    uint64_t overruns; /* handlers over their soft budget */
    uint64_t errors;   /* handlers that raised */
    uint64_t lua_bytes;
    uint64_t collections; /* full garbage collections */
    uint64_t skipped;     /* events that were skipped after two deaths at them */
    uint64_t skip_at;     /* the sequence skipped last */
    uint64_t decisions_hash;
    char note[128];    /* what could not be had (a kernel class, a core), "" for nothing */
    char failure[512]; /* why it FAILED */
} tl_worker_page;

#ifndef TL_CDEF
/* The process is to end with this sentence; the first one counts. By the writer, NULL for none. */
static inline void tl_worker_page_fail(tl_worker_page *page, const char *why) {
    if (page == NULL || page->state == TL_WORKER_FAILED) return;
    snprintf(page->failure, sizeof page->failure, "%s", why);
    __atomic_store_n(&page->state, TL_WORKER_FAILED, __ATOMIC_RELEASE); /* behind the sentence */
}
#endif

#endif
