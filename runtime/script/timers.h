/* Timers of one strategy: a binary heap by deadline, then by order of setting.
 *
 * A timer fires once, every period, daily at a local time, or at a session's opening or closing. The owner takes what is due with
 * tl_timers_take(), which arms a repeating timer again at once; a timer that is late fires once and says how many firings it missed.
 * Single owner; set and cancel are O(log n) and O(1); arrays grow while timers are set.
 */
#ifndef TL_SCRIPT_TIMERS_H
#define TL_SCRIPT_TIMERS_H

#include "market/calendar.h"

typedef struct tl_timers tl_timers;

enum { TL_ZONE_BYTES = 48 };

typedef enum tl_timer_kind {
    TL_TIMER_ONCE = 0,
    TL_TIMER_EVERY,
    TL_TIMER_DAILY,        /* at a wall-clock time of a zone */
    TL_TIMER_SESSION_OPEN, /* at a calendar's opening, closing, plus an offset */
    TL_TIMER_SESSION_CLOSE
} tl_timer_kind;

typedef struct tl_timer {
    int64_t deadline_ns; /* when it fires next */
    int64_t period_ns;   /* EVERY */
    int64_t offset_ns;   /* DAILY: ns after local midnight; SESSION: added to the opening or closing */
    uint64_t order;      /* of setting: equal deadlines fire in it */
    uint32_t id;
    uint32_t calendar;        /* SESSION */
    uint32_t kind;            /* tl_timer_kind */
    uint32_t canceled;        /* 1: dropped when it comes up */
    char zone[TL_ZONE_BYTES]; /* DAILY */
} tl_timer;

tl_timers *tl_timers_create(const tl_calendars *calendars);
void tl_timers_destroy(tl_timers *timers);

/* Sets a timer: kind, deadline_ns (ONCE), period_ns and deadline_ns (EVERY: the first firing), zone and offset_ns (DAILY), calendar and offset_ns (SESSION)
 * are read. Its id (from 1), 0 with the error text set. */
uint32_t tl_timers_set(tl_timers *timers, const tl_timer *timer, int64_t now_ns);
/* False when it is not armed. */
bool tl_timers_cancel(tl_timers *timers, uint32_t id);

/* Timers that are set while `apart` get ids from 2^31 on, so that those of others are the same with or without them. */
void tl_timers_apart(tl_timers *timers, bool apart);

/* The armed ones in an order that setting them again keeps (the heap's), and what else there is to restore: see script/host_image.c. */
typedef struct tl_timers_state {
    uint64_t next_order;
    uint32_t next_id;
    uint32_t next_apart;
    uint32_t count;
    uint32_t reserved;
} tl_timers_state;
const tl_timer *tl_timers_all(const tl_timers *timers, tl_timers_state *state);
tl_status tl_timers_restore(tl_timers *timers, const tl_timers_state *state, const tl_timer *all);

/* The first that is due, without taking it: its id, 0 when none is. */
uint32_t tl_timers_due(const tl_timers *timers, int64_t now_ns);

/* INT64_MAX when nothing is armed. */
int64_t tl_timers_next_ns(const tl_timers *timers);

/* Takes the first timer that is due: its id, its deadline, the firings that it missed. False when none is. */
bool tl_timers_take(tl_timers *timers, int64_t now_ns, uint32_t *id, int64_t *deadline_ns, uint64_t *missed);

#endif
