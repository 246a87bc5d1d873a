#define _GNU_SOURCE
#include "base/speaker.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PIECE_BYTES = 4096 };

struct tl_speaker {
    pthread_mutex_t lock; /* of all below; never held while writing */
    pthread_cond_t said, written;
    char *ring;
    uint64_t capacity, begin, end; /* bytes since the start: what waits lies between */
    uint64_t dropped;
    int fd;
    bool ending, ended, deserted; /* deserted: the thread frees the speaker */
};

static void release(tl_speaker *s) {
    pthread_cond_destroy(&s->said);
    pthread_cond_destroy(&s->written);
    pthread_mutex_destroy(&s->lock);
    free(s->ring);
    free(s);
}

static bool write_all(int fd, const char *text, size_t length) {
    while (length > 0) {
        ssize_t wrote = write(fd, text, length);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0 && errno == EAGAIN) { /* somebody made it non-blocking for all who have it */
            const struct timespec moment = {.tv_nsec = TL_NS_PER_MS};
            nanosleep(&moment, NULL);
            continue;
        }
        if (wrote < 0) return false;
        text += wrote;
        length -= (size_t)wrote;
    }
    return true;
}

/* Copies the next piece out; its length. */
static size_t take_piece(tl_speaker *s, char *piece) {
    size_t length = 0;
    while (s->begin < s->end && length < PIECE_BYTES)
        piece[length++] = s->ring[s->begin++ % s->capacity];
    return length;
}

static void *speak(void *context) {
    tl_speaker *s = context;
    char piece[PIECE_BYTES];
    bool heard = true;
    pthread_mutex_lock(&s->lock);
    while (!s->deserted) {
        size_t length = take_piece(s, piece);
        if (length > 0) {
            pthread_mutex_unlock(&s->lock);
            heard = heard && write_all(s->fd, piece, length);
            pthread_mutex_lock(&s->lock);
        } else if (s->ending) {
            break;
        } else {
            pthread_cond_wait(&s->said, &s->lock);
        }
    }
    s->ended = true;
    bool deserted = s->deserted;
    pthread_cond_signal(&s->written);
    pthread_mutex_unlock(&s->lock);
    if (deserted) release(s);
    return NULL;
}

/* Signals are the main thread's. */
static int start(tl_speaker *s) {
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    int failed = pthread_create(&thread, &attributes, speak, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

tl_status tl_speaker_create(int32_t fd, uint64_t capacity, tl_speaker **out) {
    tl_speaker *s = calloc(1, sizeof *s);
    char *ring = malloc(capacity);
    if (s == NULL || ring == NULL) {
        free(s);
        free(ring);
        return tl_error_set(TL_ERR_NO_MEMORY, "speaker: no memory for %llu bytes", (unsigned long long)capacity);
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutexattr_t inheriting; /* who says may be of a real-time class */
    pthread_mutexattr_init(&inheriting);
    pthread_mutexattr_setprotocol(&inheriting, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&s->lock, &inheriting);
    pthread_mutexattr_destroy(&inheriting);
    pthread_cond_init(&s->said, NULL);
    pthread_cond_init(&s->written, &monotonic);
    pthread_condattr_destroy(&monotonic);
    s->ring = ring;
    s->capacity = capacity;
    s->fd = fd;
    int failed = start(s);
    if (failed != 0) {
        release(s);
        return tl_error_set(TL_ERR_IO, "speaker: no thread: %s", strerror(failed));
    }
    *out = s;
    return TL_OK;
}

void tl_speaker_destroy(tl_speaker *s, int64_t patience_ns) {
    if (s == NULL) return;
    int64_t until_ns = tl_clock_monotonic_ns() + patience_ns;
    const struct timespec until = {.tv_sec = until_ns / TL_NS_PER_S, .tv_nsec = until_ns % TL_NS_PER_S};
    int waited = 0;
    pthread_mutex_lock(&s->lock);
    s->ending = true;
    pthread_cond_signal(&s->said);
    while (!s->ended && waited == 0)
        waited = pthread_cond_timedwait(&s->written, &s->lock, &until);
    bool ended = s->ended;
    s->deserted = !ended;
    pthread_mutex_unlock(&s->lock);
    if (ended) release(s);
}

bool tl_speaker_say(tl_speaker *s, const char *text, uint64_t length) {
    pthread_mutex_lock(&s->lock);
    bool room = length <= s->capacity - (s->end - s->begin);
    if (!room) s->dropped++;
    for (uint64_t i = 0; room && i < length; i++)
        s->ring[s->end++ % s->capacity] = text[i];
    pthread_cond_signal(&s->said);
    pthread_mutex_unlock(&s->lock);
    return room;
}

uint64_t tl_speaker_dropped(tl_speaker *s) {
    pthread_mutex_lock(&s->lock);
    uint64_t dropped = s->dropped;
    s->dropped = 0;
    pthread_mutex_unlock(&s->lock);
    return dropped;
}
