/* Concurrency Kit's ring for bench/queue.cc: its header is C only. */
#include <ck_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ck_queue.h"

struct message {
    uint64_t words[8];
};

CK_RING_PROTOTYPE(message, message)

struct ck_queue {
    ck_ring_t ring;
    struct message buffer[] __attribute__((aligned(128)));
};

size_t ck_queue_bytes(unsigned capacity) {
    return sizeof(struct ck_queue) + capacity * sizeof(struct message);
}

void ck_queue_init(struct ck_queue *queue, unsigned capacity) {
    ck_ring_init(&queue->ring, capacity);
}

bool ck_queue_send(struct ck_queue *queue, const void *item) {
    return CK_RING_ENQUEUE_SPSC(message, &queue->ring, queue->buffer, (struct message *)item);
}

bool ck_queue_take(struct ck_queue *queue, void *item) {
    return CK_RING_DEQUEUE_SPSC(message, &queue->ring, queue->buffer, item);
}
