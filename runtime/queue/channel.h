/* A channel: an SPSC ring (queue/spsc.h) between two processes. Slots and the producer's cursor lie in a section of the producer's region, the consumer's
 * cursor in a section of the consumer's, so that each region has one writer. By convention the sections are "out:NAME" and "in:NAME".
 */
#ifndef TL_QUEUE_CHANNEL_H
#define TL_QUEUE_CHANNEL_H

#include "queue/spsc.h"

/* The head of an "out:" section; the slots follow. */
typedef struct tl_channel_head {
    tl_spsc_cursor produced;
    uint64_t capacity; /* slots, a power of two; written when the channel is first attached */
    uint64_t slot_bytes;
} tl_channel_head;

/* Size of an "out:" section, and of an "in:" section. */
uint64_t tl_channel_out_bytes(uint64_t capacity, uint64_t slot_bytes);
uint64_t tl_channel_in_bytes(void);

/* `out` and `in` are the sections; each end has read access to the other's. Positions go on where a predecessor stopped. TL_ERR_ARGUMENT. */
tl_status tl_channel_producer(tl_spsc_producer *producer, void *out, const void *in, uint64_t capacity, uint64_t slot_bytes);
tl_status tl_channel_consumer(tl_spsc_consumer *consumer, const void *out, void *in, uint64_t capacity, uint64_t slot_bytes);

#endif
