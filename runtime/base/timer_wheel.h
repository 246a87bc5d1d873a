/* Deadlines of numbered things: at most one instant for each, the earliest first, in O(1).
 *
 * A hierarchical timing wheel whose lowest level has a slot for each nanosecond: eleven levels of 64 slots, each level's slot as wide as the level below. A timer stands at the
 * level of the highest digit (of six bits) in which it differs from the wheel's time, and comes down a level when the time enters its slot: at most ten times in its
 * life, mostly two or three. So it is exact, and one structure serves live and simulated time:
 *
 *   order   ascending instants; equal ones in the order in which they were set
 *   next    the exact instant of the earliest one. It is remembered; after that one went it is looked for among those of its slot
 *
 * Setting, moving, clearing and taking are O(1). So is `next` where a slot's timers were set in ascending order, as deadlines are; else it costs a look at each timer of
 * the first slot that is not empty, once for each time that the earliest one goes, and stops at the first of the same instant. What is set for a time before the wheel's is due at once, behind what is due already. Single owner; no
 * allocation after init.
 */
#ifndef TL_BASE_TIMER_WHEEL_H
#define TL_BASE_TIMER_WHEEL_H

#include "base/status.h"

enum { TL_TIMER_WHEEL_LEVELS = 11, TL_TIMER_WHEEL_SLOTS = 64 };
#define TL_TIMER_WHEEL_NONE UINT32_MAX

typedef struct tl_timer_wheel_node {
    int64_t due_ns;
    uint32_t next;     /* in its slot, + 1; 0 = last */
    uint32_t previous; /* likewise; 0 = first */
    uint32_t slot;     /* + 1; 0 = not set */
    uint32_t reserved;
} tl_timer_wheel_node;

typedef struct tl_timer_wheel_slot {
    uint32_t first; /* id + 1, 0 = empty */
    uint32_t last;
} tl_timer_wheel_slot;

typedef struct tl_timer_wheel {
    tl_timer_wheel_node *nodes;            /* by id */
    int64_t now_ns;                        /* nothing that is set lies before */
    int64_t next_ns;                       /* of the earliest one, when it is known; else no later than that */
    uint64_t used[TL_TIMER_WHEEL_LEVELS];  /* a bit for each slot that is not empty */
    uint64_t mixed[TL_TIMER_WHEEL_LEVELS]; /* a bit for each slot in which a later one stands before an earlier one */
    tl_timer_wheel_slot slots[TL_TIMER_WHEEL_LEVELS * TL_TIMER_WHEEL_SLOTS];
    uint32_t levels; /* a bit for each level that has any */
    uint32_t known;  /* next_ns is exact */
    uint32_t count;
    uint32_t capacity; /* ids go from 0 to capacity - 1 */
} tl_timer_wheel;

/* TL_ERR_NO_MEMORY. */
tl_status tl_timer_wheel_init(tl_timer_wheel *wheel, uint32_t capacity);
void tl_timer_wheel_close(tl_timer_wheel *wheel);

void tl_timer_wheel_set(tl_timer_wheel *wheel, uint32_t id, int64_t due_ns);
/* Harmless when none is set. */
void tl_timer_wheel_clear(tl_timer_wheel *wheel, uint32_t id);

/* The earliest instant, INT64_MAX for none. */
int64_t tl_timer_wheel_next_ns(tl_timer_wheel *wheel);

/* All that are set, one after the other, those of a slot in their order: the one after an id, the first after TL_TIMER_WHEEL_NONE, TL_TIMER_WHEEL_NONE after the last. */
uint32_t tl_timer_wheel_after(const tl_timer_wheel *wheel, uint32_t id);

/* Takes the earliest one that is due at or before now_ns; false when none is. Moves the wheel's time, at most to now_ns. */
bool tl_timer_wheel_take(tl_timer_wheel *wheel, int64_t now_ns, uint32_t *id);

#endif
