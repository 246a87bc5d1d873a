/* Whole records in a channel of event slots: reading ahead of what was released, and writing records of several slots. For the agents of this room. */
#ifndef TL_VENUE_SLOTS_H
#define TL_VENUE_SLOTS_H

#include "market/event.h"
#include "queue/spsc.h"

#ifndef TL_CDEF
/* Slots that were committed, from the beginning of time. */
static inline uint64_t tl_slots_produced(const tl_spsc_consumer *consumer) {
    return __atomic_load_n(&consumer->produced->position, __ATOMIC_ACQUIRE); /* pairs with the producer's commit */
}

/* The slot at a position between what was released and what was committed. */
static inline const void *tl_slots_at(const tl_spsc_consumer *consumer, uint64_t position) {
    return consumer->slots + (position & consumer->mask) * consumer->slot_bytes;
}

/* Everything before `position` is given back to the producer. */
static inline void tl_slots_release_to(tl_spsc_consumer *consumer, uint64_t position) {
    if (position <= consumer->position) return;
    consumer->position = position;
    if (consumer->limit < position) consumer->limit = position;
    __atomic_store_n(&consumer->consumed->position, position,
                     __ATOMIC_RELEASE); /* pairs with the acquire of whoever wants room */
}

/* Slots that there is room for. */
static inline uint64_t tl_slots_room(tl_spsc_producer *producer) {
    producer->limit = __atomic_load_n(&producer->consumed->position, __ATOMIC_ACQUIRE) + producer->mask + 1;
    return producer->limit - producer->position;
}

/* The place of the i-th slot behind what is committed; there must be room. */
static inline void *tl_slots_place(const tl_spsc_producer *producer, uint64_t i) {
    return producer->slots + ((producer->position + i) & producer->mask) * producer->slot_bytes;
}
#endif

#endif
