/* A full fence: what this thread stored before it is seen by others before what it loads after it. ThreadSanitizer knows no fences; it gets an operation that it knows. */
#ifndef TL_BASE_FENCE_H
#define TL_BASE_FENCE_H

#include "base/cdef.h"

#ifndef TL_CDEF
static inline void tl_fence(void) {
#ifdef __SANITIZE_THREAD__
    static uint64_t meeting_place;
    __atomic_fetch_add(&meeting_place, 1, __ATOMIC_SEQ_CST);
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
#endif

#endif
