/* An outlet: a channel's producing end that never loses a message and never sends one twice.
 *
 * Messages are numbered from 0 by the gateway's log: working through it again makes the same ones. What the channel holds already (its position counts) is not sent again; what finds
 * the channel full waits in a queue of the gateway's own, in order. Used by the gateway's own files only.
 */
#ifndef TL_GATEWAY_OUTLET_H
#define TL_GATEWAY_OUTLET_H

#include "base/waker.h"
#include "memory/vmem.h"
#include "queue/channel.h"

#ifndef TL_CDEF

typedef struct outlet {
    tl_spsc_producer producer;
    uint64_t made; /* messages so far; those from the channel's position on are in the queue */
    uint64_t capacity;
    uint8_t *queue; /* message n at n & queue_mask */
    uint64_t queue_mask;
    size_t slot_bytes;
    tl_vmem memory;
    tl_waker *waker;
    bool closed; /* nothing is sent: the log is being worked through */
} outlet;

/* `producer` is attached already. Room for at least `waiting` messages in the queue. */
tl_status outlet_init(outlet *one, uint64_t capacity, size_t slot_bytes, uint64_t waiting, tl_waker *waker);
void outlet_close(outlet *one);

/* The next message, two parts of which the second may be empty. False when the queue is full: it does not count then. */
bool outlet_push(outlet *one, const void *first, size_t first_bytes, const void *second, size_t second_bytes);

/* Sends what waits, as far as the channel takes it. */
void outlet_flush(outlet *one);

static inline uint64_t outlet_waiting(const outlet *one) {
    return one->made > one->producer.position ? one->made - one->producer.position : 0;
}

/* Messages that the other side has not taken yet, at most `few` of them or exactly. */
static inline uint64_t outlet_backlog(outlet *one, uint64_t few) {
    uint64_t behind = one->made + one->capacity - one->producer.limit;
    if (TL_LIKELY(behind <= few)) return behind;
    one->producer.limit = __atomic_load_n(&one->producer.consumed->position, __ATOMIC_ACQUIRE) + one->capacity;
    return one->made + one->capacity - one->producer.limit;
}

#endif

#endif
