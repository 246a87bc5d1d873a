/* What a timer costs: the wheel (base/timer_wheel.h) against the heap (bench/peers/timer_heap.h), at 1,000, 100,000 and 1,000,000 timers that are set.
 *
 * Deadlines as a gateway has them: random instants within a second. `set` moves a random timer to another instant, `clear` takes a random one out (and is followed by an untimed
 * set), `deadline` sets the deadline of an order, and clears that of one acknowledged, with the next instant read after both, `fire` lets time pass a microsecond at a time. Nanoseconds an
 * operation, median of 5.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/timer_wheel.h"
#include "peers/timer_heap.h"

enum { MOST = 1000000, OPERATIONS = 1000000, ROUNDS = 5, SPREAD_NS = 1000000000 };

typedef struct timers {
    tl_timer_wheel wheel;
    tl_timer_heap heap;
    int64_t now_ns;
    uint64_t random;
    uint32_t count;
    int is_wheel;
} timers;

static uint64_t next_random(timers *t) {
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

static int64_t any_instant(timers *t) {
    return t->now_ns + 1 + (int64_t)(next_random(t) % SPREAD_NS);
}

static inline void set(timers *t, uint32_t id, int64_t due_ns) {
    if (t->is_wheel)
        tl_timer_wheel_set(&t->wheel, id, due_ns);
    else
        tl_timer_heap_set(&t->heap, id, due_ns);
}

static inline void clear(timers *t, uint32_t id) {
    if (t->is_wheel)
        tl_timer_wheel_clear(&t->wheel, id);
    else
        tl_timer_heap_clear(&t->heap, id);
}

static inline int64_t next(timers *t) {
    return t->is_wheel ? tl_timer_wheel_next_ns(&t->wheel) : tl_timer_heap_next_ns(&t->heap);
}

static inline bool take(timers *t, int64_t now_ns, uint32_t *id) {
    return t->is_wheel ? tl_timer_wheel_take(&t->wheel, now_ns, id) : tl_timer_heap_take(&t->heap, now_ns, id);
}

static void fill(timers *t, uint32_t count, int is_wheel, uint64_t seed) {
    *t = (timers){.now_ns = 1700000000000000000, .random = seed, .count = count, .is_wheel = is_wheel};
    if (tl_timer_wheel_init(&t->wheel, MOST + 1) != TL_OK || tl_timer_heap_init(&t->heap, MOST + 1) != TL_OK) exit(1);
    uint32_t id;
    tl_timer_wheel_take(&t->wheel, t->now_ns, &id);
    for (uint32_t i = 0; i < count; i++)
        set(t, i, any_instant(t));
}

static void empty(timers *t) {
    tl_timer_wheel_close(&t->wheel);
    tl_timer_heap_close(&t->heap);
}

static volatile int64_t sink;

static double time_set(timers *t) {
    int64_t begin = tl_clock_monotonic_ns();
    for (int i = 0; i < OPERATIONS; i++)
        set(t, (uint32_t)(next_random(t) % t->count), any_instant(t));
    return (double)(tl_clock_monotonic_ns() - begin) / OPERATIONS;
}

static double time_clear(timers *t) {
    static uint32_t ids[1000];
    int64_t spent = 0;
    for (int i = 0; i < OPERATIONS / 1000; i++) {
        uint32_t n = t->count < 1000 ? t->count / 2 : 1000;
        for (uint32_t k = 0; k < n; k++)
            ids[k] = (uint32_t)(next_random(t) % t->count);
        int64_t begin = tl_clock_monotonic_ns();
        for (uint32_t k = 0; k < n; k++)
            clear(t, ids[k]);
        spent += (tl_clock_monotonic_ns() - begin) * 1000 / n;
        for (uint32_t k = 0; k < n; k++)
            set(t, ids[k], any_instant(t));
    }
    return (double)spent / OPERATIONS;
}

/* Orders with a deadline 250 us ahead are acknowledged in turn, a hundred behind; a microsecond passes with each order. */
static double time_deadline(timers *t) {
    int64_t sum = 0, begin = tl_clock_monotonic_ns();
    for (uint32_t i = 0; i < OPERATIONS; i++) {
        t->now_ns += 1000;
        set(t, i % t->count, t->now_ns + 250000);
        sum += next(t);
        clear(t, (i + t->count - 100) % t->count);
        sum += next(t);
    }
    sink = sum;
    return (double)(tl_clock_monotonic_ns() - begin) / OPERATIONS;
}

/* All fire within a second of their time; as many as there are, or a million. */
static double time_fire(timers *t) {
    uint32_t id, fired = 0;
    int64_t sum = 0, begin = tl_clock_monotonic_ns();
    for (int64_t now_ns; (now_ns = next(t)) != INT64_MAX;) {
        now_ns += 1000;
        while (take(t, now_ns, &id)) {
            sum += id;
            fired++;
        }
    }
    sink = sum;
    return fired > 0 ? (double)(tl_clock_monotonic_ns() - begin) / fired : 0;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double (*work)(timers *), uint32_t count, int is_wheel) {
    double spent[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        timers t;
        fill(&t, count, is_wheel, 88172645463325252u + (uint64_t)i);
        spent[i] = work(&t);
        empty(&t);
    }
    qsort(spent, ROUNDS, sizeof *spent, compare);
    return spent[ROUNDS / 2];
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        double (*work)(timers *);
    } works[] = {{"set", time_set}, {"clear", time_clear}, {"deadline", time_deadline}, {"fire", time_fire}};
    bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (!json) printf("%-10s %10s %10s %10s %10s\n", "timers", "", "wheel ns", "heap ns", "heap/wheel");
    for (uint32_t count = 1000; count <= MOST; count *= count == 1000 ? 100 : 10)
        for (size_t i = 0; i < sizeof works / sizeof *works; i++) {
            double wheel = median(works[i].work, count, 1), heap = median(works[i].work, count, 0);
            if (json)
                printf("{\"bench\":\"timers\",\"timers\":%u,\"operation\":\"%s\",\"wheel_ns\":%.1f,\"heap_ns\":%.1f}\n",
                       count, works[i].name, wheel, heap);
            else
                printf("%-10u %10s %10.1f %10.1f %10.2f\n", count, works[i].name, wheel, heap, heap / wheel);
        }
    return 0;
}
