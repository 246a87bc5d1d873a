/* A delay line: a growing FIFO of equal-sized items, each with the time at which it comes out.
 *
 * Times never go back along the line: an item that would overtake the one before it comes out with it, as on a wire. Items stay where they are until the
 * next push. Single owner; memory doubles when the line is full and is never given back, so the steady state allocates nothing.
 */
#ifndef TL_QUEUE_DELAY_LINE_H
#define TL_QUEUE_DELAY_LINE_H

#include "base/status.h"

typedef struct tl_delay_line {
    uint8_t *items;  /* capacity x item_bytes */
    int64_t *times;  /* when each comes out */
    uint64_t mask;   /* capacity - 1 */
    uint64_t head;   /* index of the first item */
    uint64_t tail;   /* index behind the last */
    int64_t last_ns; /* the latest time ever pushed */
    size_t item_bytes;
} tl_delay_line;

/* An empty line. TL_ERR_NO_MEMORY. */
tl_status tl_delay_line_init(tl_delay_line *line, size_t item_bytes);
void tl_delay_line_close(tl_delay_line *line);

/* Doubles the line's room. False when there is no memory. */
bool tl_delay_line_grow(tl_delay_line *line);

#ifndef TL_CDEF
/* Room for one more item that comes out at `at_ns`, or with its predecessor when that is later; to be filled by the caller. NULL when there is no
 * memory. */
static inline void *tl_delay_line_push(tl_delay_line *line, int64_t at_ns) {
    if (TL_UNLIKELY(line->tail - line->head > line->mask) && !tl_delay_line_grow(line)) return NULL;
    if (at_ns < line->last_ns) at_ns = line->last_ns;
    line->last_ns = at_ns;
    uint64_t index = line->tail++ & line->mask;
    line->times[index] = at_ns;
    return line->items + index * line->item_bytes;
}

/* When the first item comes out, INT64_MAX when there is none. */
static inline int64_t tl_delay_line_next_ns(const tl_delay_line *line) {
    return line->head == line->tail ? INT64_MAX : line->times[line->head & line->mask];
}

/* The item and time of an index in [head, tail). */
static inline void *tl_delay_line_at(const tl_delay_line *line, uint64_t index) {
    return line->items + (index & line->mask) * line->item_bytes;
}

static inline int64_t tl_delay_line_ns(const tl_delay_line *line, uint64_t index) {
    return line->times[index & line->mask];
}
#endif

#endif
