/* A broadcast ring: one producer that never waits, any number of readers that nobody knows.
 *
 * The producer states how far it is about to write (`intent`), writes, then publishes (`produced`). A reader copies what is there and looks at `intent` afterwards: what
 * could have been overwritten while it copied is not used, so nobody acts on a torn or lapped slot. A reader that was lapped is told how many slots it
 * lost and where it stands; the caller resyncs. Records of several slots are published whole: `produced` never stands inside one.
 *
 * Progress: the producer's calls and a reader's are wait-free. A producer that dies leaves what it published; its successor goes on behind it.
 */
#ifndef TL_QUEUE_BROADCAST_H
#define TL_QUEUE_BROADCAST_H

#include "base/status.h"

typedef struct tl_broadcast_head {
    uint64_t intent TL_ALIGNED(128);   /* slots up to here may be being written */
    uint64_t produced TL_ALIGNED(128); /* slots up to here are whole */
    uint64_t latched TL_ALIGNED(
        128); /* what the latches beside the ring hold is at least as of this position; written by whoever writes those */
    uint64_t capacity;   /* slots, a power of two */
    uint64_t slot_bytes; /* a multiple of 8 */
} tl_broadcast_head;

/* The producer's end. */
typedef struct tl_broadcast_writer {
    tl_broadcast_head *head;
    uint8_t *slots;
    uint64_t position; /* published */
    uint64_t staged;   /* written and not yet published */
    uint64_t intent;   /* as last stored */
    uint64_t mask;
    uint64_t slot_bytes;
} tl_broadcast_writer;

/* A reader's end. */
typedef struct tl_broadcast_reader {
    const tl_broadcast_head *head;
    const uint8_t *slots;
    uint64_t position; /* next slot to read */
    uint64_t mask;
    uint64_t slot_bytes;
    uint64_t lost; /* slots, over its life */
} tl_broadcast_reader;

/* Size of the section. */
uint64_t tl_broadcast_bytes(uint64_t capacity, uint64_t slot_bytes);

/* Attaches; a successor goes on behind what was published. TL_ERR_ARGUMENT. */
tl_status tl_broadcast_attach_writer(tl_broadcast_writer *writer, void *section, uint64_t capacity, uint64_t slot_bytes);
/* Stands at what is published next. */
tl_status tl_broadcast_attach_reader(tl_broadcast_reader *reader, const void *section, uint64_t capacity,
                                     uint64_t slot_bytes);

/* Copies `count` slots, one record or several whole ones and at most a quarter of the ring, behind what is staged; tl_broadcast_publish() makes all that is staged visible
 * at once. When more than a quarter would be staged, what was staged before is published first. */
void tl_broadcast_stage(tl_broadcast_writer *writer, const void *slots, uint32_t count);
void tl_broadcast_publish(tl_broadcast_writer *writer);
/* Says that the latches beside the ring hold what was published below `position`, the beginning of a record; called after they were written. */
void tl_broadcast_latched(tl_broadcast_writer *writer, uint64_t position);

/* Copies up to `max_slots` slots to `into` without moving on: how many are whole. When the reader was lapped, 0 and *lost > 0 (slots that are gone): it then stands at
 * `latched`, or at the newest where that is gone too, and the caller resyncs. tl_broadcast_take() moves on. */
uint32_t tl_broadcast_copy(tl_broadcast_reader *reader, void *into, uint32_t max_slots, uint64_t *lost);
void tl_broadcast_take(tl_broadcast_reader *reader, uint32_t slots);

#endif
