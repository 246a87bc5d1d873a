/* Validates base/waker: two processes send each other a number and sleep until the other's comes, a million times; a wake-up that is missed ends in two seconds of nothing.
 *
 * Each side commits, marks and flushes as a worker does at the end of its duty cycle, and parks: says so, looks once more, and waits on its eventfd. It parks at about the moment at which
 * the other's number comes, which it learns from whether it was there before: there, and only there, a wake-up can be missed. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/waker.h"
#include "harness.h"
#include "queue/channel.h"

enum { PING, PONG, CAPACITY = 4, WATCHDOG_MS = 2000 };

static const char *const regions[2] = {"ping", "pong"};
static int fds[2];
static const uint64_t END = UINT64_MAX; /* the last number */
static uint64_t wanted_parks;

typedef struct side {
    tl_spsc_producer out;
    tl_spsc_consumer in;
    tl_waker other;
    uint32_t *sleeping;
    int fd;
    uint64_t parks, waits;
    int64_t patience; /* loops until it parks; follows when the other's number comes */
} side;

static void open_side(side *s, int role) {
    const char *own = regions[role], *other = regions[!role];
    *s = (side){.sleeping = harness_section(own, "sleeping", true), .fd = fds[role]};
    s->other = (tl_waker){.sleeping = harness_section(other, "sleeping", false), .fd = fds[!role]};
    if (tl_channel_producer(&s->out, harness_section(own, "out", true), harness_section(other, "in", false), CAPACITY, 8) !=
            TL_OK ||
        tl_channel_consumer(&s->in, harness_section(other, "out", false), harness_section(own, "in", true), CAPACITY, 8) !=
            TL_OK)
        harness_fail("%s", tl_error_text());
}

static uint64_t take(side *s, uint64_t expected) {
    uint64_t got;
    /* Without looking: the line of the other's cursor stays with the other, as in a worker that did something else. */
    harness_linger((uint64_t)s->patience + harness_random() % 32);
    if (tl_spsc_read(&s->in, &got)) {
        s->patience = s->patience > 24 ? s->patience - 24 : 0; /* it sleeps three times of four */
        if (got != expected && got != END)
            harness_fail("%llu came and %llu was expected", (unsigned long long)got, (unsigned long long)expected);
        return got;
    }
    if (s->patience < 20000) s->patience += 8;
    for (;;) {
        tl_waker_park(s->sleeping);
        s->parks++;
        bool there = tl_spsc_read(&s->in, &got);
        if (!there) {
            struct pollfd wait = {.fd = s->fd, .events = POLLIN};
            s->waits++;
            if (poll(&wait, 1, WATCHDOG_MS) == 0 && !tl_spsc_read(&s->in, &got))
                harness_fail("nothing came in two seconds, at %llu", (unsigned long long)expected);
            else if (wait.revents == 0)
                harness_fail("a wake-up was missed: %llu was there and nobody said so", (unsigned long long)expected);
        }
        tl_waker_unpark(s->sleeping);
        uint64_t count;
        if (read(s->fd, &count, sizeof count) < 0) {
        } /* what may have been written meanwhile */
        if (there || tl_spsc_read(&s->in, &got)) break;
    }
    if (got != expected && got != END)
        harness_fail("%llu came and %llu was expected", (unsigned long long)got, (unsigned long long)expected);
    return got;
}

static void send(side *s, uint64_t number) {
    /* With its line at hand the look at it is as early as a processor can make it. */
    (void)*(const volatile uint32_t *)s->other.sleeping;
    if (!tl_spsc_write(&s->out, &number)) harness_fail("the ring is full");
    tl_waker_mark(&s->other);
    tl_waker_flush(&s->other, 1);
}

static void role_run(int role) {
    side s;
    open_side(&s, role);
    uint64_t counted = 0;
    for (uint64_t i = 1, end = 0; !end; i++) {
        if (i % 1024 == 0) {
            harness_count(role, s.parks - counted);
            counted = s.parks;
        }
        if (role == PING) {
            end = __atomic_load_n(&harness->counts[PING], __ATOMIC_RELAXED) +
                      __atomic_load_n(&harness->counts[PONG], __ATOMIC_RELAXED) >=
                  wanted_parks;
            send(&s, end ? END : i);
            take(&s, end ? END : i);
        } else {
            end = take(&s, i) == END;
        }
        harness_linger(harness_random() % 64);
        if (role == PONG) send(&s, end ? END : i);
    }
    harness_count(role, s.parks - counted);
    harness_count(role + 2, s.waits);
}

int main(int argc, char **argv) {
    const char *wanted = getenv("PARKS"); /* not a matter of time but of how often */
    wanted_parks = wanted != NULL ? strtoull(wanted, NULL, 10) : 1000000;
    harness_begin(argc, argv);
    for (int role = 0; role < 2; role++) {
        harness_region(regions[role], "sleeping", (uint64_t)128, "out", tl_channel_out_bytes(CAPACITY, 8), "in",
                       tl_channel_in_bytes(), NULL);
        fds[role] = eventfd(0, EFD_NONBLOCK);
    }
    harness_start(PING, role_run);
    harness_start(PONG, role_run);
    harness_join();
    printf("waker: %llu parks, of which %llu slept, and none was missed\n",
           (unsigned long long)(harness->counts[0] + harness->counts[1]),
           (unsigned long long)(harness->counts[2] + harness->counts[3]));
    return harness_end();
}
