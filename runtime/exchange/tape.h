/* The tape: several inputs merged by time.
 *
 * Each input stands with the time of its next record and its rank within that instant: records of data, then sessions, then bars' opens
 * (which orders of that instant come before); among equals the input that was added first goes first. Single owner; no allocation but when
 * an input is added.
 */
#ifndef TL_EXCHANGE_TAPE_H
#define TL_EXCHANGE_TAPE_H

#include "base/status.h"

typedef enum tl_tape_rank { TL_TAPE_RECORD = 0, TL_TAPE_SESSION, TL_TAPE_OPEN } tl_tape_rank;

typedef struct tl_tape_entry {
    int64_t ts_ns;
    uint32_t rank; /* tl_tape_rank */
    uint32_t input;
} tl_tape_entry;

typedef struct tl_tape {
    tl_tape_entry *heap; /* least first */
    uint32_t *place;     /* of an input, in the heap */
    uint32_t count;
    uint32_t capacity;
} tl_tape;

void tl_tape_init(tl_tape *tape);
void tl_tape_close(tl_tape *tape);

/* A new input (0, 1, ...), without a record yet. */
tl_status tl_tape_add(tl_tape *tape, uint32_t *input);

/* The time of an input's next record; INT64_MAX at its end. */
void tl_tape_set(tl_tape *tape, uint32_t input, int64_t ts_ns, tl_tape_rank rank);

#ifndef TL_CDEF
/* The time at which an input stands. */
static inline int64_t tl_tape_at(const tl_tape *tape, uint32_t input) {
    return tape->heap[tape->place[input]].ts_ns;
}

/* The first of all; ts_ns is INT64_MAX when every input has ended or there is none. */
static inline tl_tape_entry tl_tape_first(const tl_tape *tape) {
    return tape->count > 0 ? tape->heap[0] : (tl_tape_entry){.ts_ns = INT64_MAX};
}
#endif

#endif
