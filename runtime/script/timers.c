#include "script/timers.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_TIMERS = 16, DAYS_LOOKED_AHEAD = 370 };

#define FIRST_APART 0x80000000u

/* Zone conversions are declared for an owner of the calendars; they only fill a cache of zones. */
struct tl_timers {
    tl_calendars *calendars;
    tl_timer *heap;
    uint32_t count;
    uint32_t capacity;
    uint32_t next_id;
    uint32_t next_apart;
    bool apart;
    uint64_t next_order;
};

tl_timers *tl_timers_create(const tl_calendars *calendars) {
    tl_timers *timers = calloc(1, sizeof *timers);
    if (!timers) return NULL;
    timers->calendars = (tl_calendars *)calendars;
    timers->next_id = 1;
    timers->next_apart = FIRST_APART;
    return timers;
}

void tl_timers_destroy(tl_timers *timers) {
    if (!timers) return;
    free(timers->heap);
    free(timers);
}

static bool before(const tl_timer *a, const tl_timer *b) {
    return a->deadline_ns != b->deadline_ns ? a->deadline_ns < b->deadline_ns : a->order < b->order;
}

static void sift_up(tl_timers *timers, uint32_t i) {
    tl_timer moved = timers->heap[i];
    for (; i > 0 && before(&moved, &timers->heap[(i - 1) / 2]); i = (i - 1) / 2)
        timers->heap[i] = timers->heap[(i - 1) / 2];
    timers->heap[i] = moved;
}

static void sift_down(tl_timers *timers, uint32_t i) {
    tl_timer moved = timers->heap[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= timers->count) break;
        if (child + 1 < timers->count && before(&timers->heap[child + 1], &timers->heap[child])) child++;
        if (!before(&timers->heap[child], &moved)) break;
        timers->heap[i] = timers->heap[child];
        i = child;
    }
    timers->heap[i] = moved;
}

static void remove_first(tl_timers *timers) {
    timers->heap[0] = timers->heap[--timers->count];
    if (timers->count > 0) sift_down(timers, 0);
}

/* The first firing of a daily timer after `after_ns`. */
static tl_status next_daily(tl_timers *timers, tl_timer *timer, int64_t after_ns) {
    uint32_t date;
    int64_t time_of_day_ns;
    tl_status status = tl_zone_local(timers->calendars, timer->zone, after_ns, &date, &time_of_day_ns);
    if (status != TL_OK) return status;
    for (int days = 0; days <= 2; days++) {
        status =
            tl_zone_instant(timers->calendars, timer->zone, tl_date_add(date, days), timer->offset_ns, &timer->deadline_ns);
        if (status != TL_OK) return status;
        if (timer->deadline_ns > after_ns) return TL_OK;
    }
    return tl_error_set(TL_ERR_NOT_FOUND, "zone %s has no such time of day within two days", timer->zone);
}

/* The first firing of a session timer after `after_ns`: an offset may put it days away from the session itself. */
static tl_status next_session(tl_timers *timers, tl_timer *timer, int64_t after_ns) {
    const tl_calendars *calendars = timers->calendars;
    uint32_t date = tl_date_add(tl_calendars_date(calendars, timer->calendar, after_ns - timer->offset_ns), -1);
    for (int days = 0; days < DAYS_LOOKED_AHEAD; days++) {
        tl_session session;
        if (!tl_calendars_session(calendars, timer->calendar, tl_date_add(date, days), &session)) continue;
        timer->deadline_ns = (timer->kind == TL_TIMER_SESSION_OPEN ? session.open_ns : session.close_ns) + timer->offset_ns;
        if (timer->deadline_ns > after_ns) return TL_OK;
    }
    return tl_error_set(TL_ERR_NOT_FOUND, "calendar %s has no session within a year",
                        tl_calendars_name(calendars, timer->calendar));
}

static tl_status arm_again(tl_timers *timers, tl_timer *timer, int64_t after_ns) {
    return timer->kind == TL_TIMER_DAILY ? next_daily(timers, timer, after_ns) : next_session(timers, timer, after_ns);
}

uint32_t tl_timers_set(tl_timers *timers, const tl_timer *timer, int64_t now_ns) {
    if (timers->count == timers->capacity) {
        uint32_t grown = timers->capacity ? timers->capacity * 2 : FIRST_TIMERS;
        tl_timer *heap = realloc(timers->heap, grown * sizeof *heap);
        if (!heap) {
            tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u timers", grown);
            return 0;
        }
        timers->heap = heap;
        timers->capacity = grown;
    }
    tl_timer mine = *timer;
    if (mine.kind >= TL_TIMER_DAILY && !timers->calendars) {
        tl_error_set(TL_ERR_STATE, "a daily or session timer needs calendars, and this host has none");
        return 0;
    }
    if (mine.kind == TL_TIMER_EVERY && mine.period_ns <= 0) {
        tl_error_set(TL_ERR_ARGUMENT, "a timer's period is more than 0 ns, not %lld", (long long)mine.period_ns);
        return 0;
    }
    if (mine.kind >= TL_TIMER_DAILY && arm_again(timers, &mine, now_ns) != TL_OK) return 0;
    mine.id = timers->apart ? timers->next_apart++ : timers->next_id++;
    mine.order = timers->next_order++;
    mine.canceled = 0;
    timers->heap[timers->count] = mine;
    sift_up(timers, timers->count++);
    return mine.id;
}

static tl_timer *find(const tl_timers *timers, uint32_t id) {
    for (uint32_t i = 0; i < timers->count; i++)
        if (timers->heap[i].id == id && !timers->heap[i].canceled) return &timers->heap[i];
    return NULL;
}

static void drop_canceled(tl_timers *timers) {
    while (timers->count > 0 && timers->heap[0].canceled)
        remove_first(timers);
}

bool tl_timers_cancel(tl_timers *timers, uint32_t id) {
    tl_timer *timer = find(timers, id);
    if (!timer) return false;
    timer->canceled = 1;
    drop_canceled(timers);
    return true;
}

void tl_timers_apart(tl_timers *timers, bool apart) {
    timers->apart = apart;
}

const tl_timer *tl_timers_all(const tl_timers *timers, tl_timers_state *state) {
    *state = (tl_timers_state){.next_order = timers->next_order,
                               .next_id = timers->next_id,
                               .next_apart = timers->next_apart,
                               .count = timers->count};
    return timers->heap;
}

tl_status tl_timers_restore(tl_timers *timers, const tl_timers_state *state, const tl_timer *all) {
    uint32_t capacity = state->count > FIRST_TIMERS ? state->count : FIRST_TIMERS;
    tl_timer *heap = calloc(capacity, sizeof *heap);
    if (!heap) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u timers", capacity);
    if (state->count > 0) memcpy(heap, all, state->count * sizeof *heap);
    free(timers->heap);
    timers->heap = heap;
    timers->capacity = capacity;
    timers->count = state->count;
    timers->next_id = state->next_id;
    timers->next_apart = state->next_apart;
    timers->next_order = state->next_order;
    return TL_OK;
}

uint32_t tl_timers_due(const tl_timers *timers, int64_t now_ns) {
    return timers->count > 0 && timers->heap[0].deadline_ns <= now_ns ? timers->heap[0].id : 0;
}

int64_t tl_timers_next_ns(const tl_timers *timers) {
    return timers->count > 0 ? timers->heap[0].deadline_ns : INT64_MAX;
}

bool tl_timers_take(tl_timers *timers, int64_t now_ns, uint32_t *id, int64_t *deadline_ns, uint64_t *missed) {
    if (timers->count == 0 || timers->heap[0].deadline_ns > now_ns) return false;
    tl_timer *first = &timers->heap[0];
    *id = first->id;
    *deadline_ns = first->deadline_ns;
    *missed = 0;
    bool again = first->kind != TL_TIMER_ONCE;
    if (first->kind == TL_TIMER_EVERY) {
        *missed = (uint64_t)((now_ns - first->deadline_ns) / first->period_ns);
        first->deadline_ns += first->period_ns * (int64_t)(*missed + 1);
    } else if (again) {
        again = arm_again(timers, first, first->deadline_ns) == TL_OK;
        while (again && first->deadline_ns <= now_ns) {
            ++*missed;
            again = arm_again(timers, first, first->deadline_ns) == TL_OK;
        }
    }
    if (again) {
        sift_down(timers, 0);
    } else {
        remove_first(timers);
    }
    drop_canceled(timers);
    return true;
}
