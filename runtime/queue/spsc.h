/* A single-producer, single-consumer ring of fixed-size slots, for two threads or two processes.
 *
 * The slots and the two cursors lie wherever the caller puts them (shared memory: no pointers are stored there); each cursor has one
 * writer: `produced` belongs to the producer, `consumed` to the consumer. Each end keeps a private copy of the other's cursor
 * and reads the real one only when the copy says full or empty. Both ends work in place and in batches: reserve, fill, commit; poll, read,
 * release. A commit is one release store, which the consumer's acquire load pairs with, and the other way round.
 *
 * Progress: every call is wait-free. A side that dies leaves what it committed; what it only reserved does not exist.
 */
#ifndef TL_QUEUE_SPSC_H
#define TL_QUEUE_SPSC_H

#include "base/status.h"

/* A cursor on a cache line of its own (two, as processors fetch lines in pairs); counts slots since the ring was made. */
typedef struct tl_spsc_cursor {
    uint64_t position TL_ALIGNED(128); /* written by its owner only */
} tl_spsc_cursor;

/* The producer's end. Private to it. */
typedef struct tl_spsc_producer {
    uint8_t *slots;
    tl_spsc_cursor *produced;       /* ours */
    const tl_spsc_cursor *consumed; /* the consumer's */
    uint64_t position;              /* what we have committed */
    uint64_t limit;                 /* as far as we may go by what we last saw of the consumer */
    uint64_t mask;
    size_t slot_bytes;
} tl_spsc_producer;

/* The consumer's end. Private to it. */
typedef struct tl_spsc_consumer {
    const uint8_t *slots;
    const tl_spsc_cursor *produced;
    tl_spsc_cursor *consumed;
    uint64_t position; /* what we have released */
    uint64_t limit;    /* as far as there is something by what we last saw of the producer */
    uint64_t mask;
    size_t slot_bytes;
} tl_spsc_consumer;

/* Attaches to `capacity` slots (a power of two) of `slot_bytes`, a multiple of 8. Positions are taken from the cursors, so that a successor goes on where its
 * predecessor stopped. TL_ERR_ARGUMENT. */
tl_status tl_spsc_attach_producer(tl_spsc_producer *producer, void *slots, uint64_t capacity, size_t slot_bytes,
                                  tl_spsc_cursor *produced, const tl_spsc_cursor *consumed);
tl_status tl_spsc_attach_consumer(tl_spsc_consumer *consumer, const void *slots, uint64_t capacity, size_t slot_bytes,
                                  const tl_spsc_cursor *produced, tl_spsc_cursor *consumed);

/* The forms for Lua and tests; C uses the inline ones below. Copying: false when full, or empty. */
bool tl_spsc_write(tl_spsc_producer *producer, const void *item);
bool tl_spsc_read(tl_spsc_consumer *consumer, void *item);

#ifndef TL_CDEF
/* Room for up to `wanted` slots in a row: *granted of them (fewer at the ring's end or when it is nearly full, 0 when full). */
static inline void *tl_spsc_reserve(tl_spsc_producer *p, uint64_t wanted, uint64_t *granted) {
    uint64_t room = p->limit - p->position;
    if (TL_UNLIKELY(room < wanted)) {
        /* pairs with the consumer's release of what it has read */
        p->limit = __atomic_load_n(&p->consumed->position, __ATOMIC_ACQUIRE) + p->mask + 1;
        room = p->limit - p->position;
    }
    uint64_t index = p->position & p->mask, row = p->mask + 1 - index;
    if (room > row) room = row;
    *granted = room < wanted ? room : wanted;
    return p->slots + index * p->slot_bytes;
}

/* Publishes the first `count` reserved slots. */
static inline void tl_spsc_commit(tl_spsc_producer *p, uint64_t count) {
    p->position += count;
    __atomic_store_n(&p->produced->position, p->position, __ATOMIC_RELEASE); /* pairs with the acquire in tl_spsc_poll() */
}

/* What is there to read, in a row: *count slots (0 when empty). */
static inline const void *tl_spsc_poll(tl_spsc_consumer *c, uint64_t *count) {
    if (c->limit == c->position) c->limit = __atomic_load_n(&c->produced->position, __ATOMIC_ACQUIRE);
    uint64_t index = c->position & c->mask, row = c->mask + 1 - index, there = c->limit - c->position;
    *count = there < row ? there : row;
    return c->slots + index * c->slot_bytes;
}

/* Gives the first `count` polled slots back to the producer. */
static inline void tl_spsc_release(tl_spsc_consumer *c, uint64_t count) {
    c->position += count;
    __atomic_store_n(&c->consumed->position, c->position,
                     __ATOMIC_RELEASE); /* pairs with the acquire in tl_spsc_reserve() */
}
#endif

#endif
