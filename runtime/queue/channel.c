#include "queue/channel.h"

/* Slots begin on a line pair of their own. */
TL_STATIC_ASSERT(sizeof(tl_channel_head) % 128 == 0, "slots behind the head are aligned");

uint64_t tl_channel_out_bytes(uint64_t capacity, uint64_t slot_bytes) {
    return sizeof(tl_channel_head) + capacity * slot_bytes;
}

uint64_t tl_channel_in_bytes(void) {
    return sizeof(tl_spsc_cursor);
}

/* A shape of 0 was not written yet: the producer has not attached. */
static tl_status check_shape(const tl_channel_head *head, uint64_t capacity, uint64_t slot_bytes) {
    uint64_t there = __atomic_load_n(&head->capacity, __ATOMIC_RELAXED);
    uint64_t bytes = __atomic_load_n(&head->slot_bytes, __ATOMIC_RELAXED);
    if ((there != 0 && there != capacity) || (bytes != 0 && bytes != slot_bytes))
        return tl_error_set(TL_ERR_ARGUMENT,
                            "a channel of %llu slots of %llu bytes is used as one of %llu slots of %llu bytes",
                            (unsigned long long)there, (unsigned long long)bytes, (unsigned long long)capacity,
                            (unsigned long long)slot_bytes);
    return TL_OK;
}

tl_status tl_channel_producer(tl_spsc_producer *producer, void *out, const void *in, uint64_t capacity,
                              uint64_t slot_bytes) {
    tl_channel_head *head = out;
    tl_status status = check_shape(head, capacity, slot_bytes);
    if (status == TL_OK)
        status = tl_spsc_attach_producer(producer, (uint8_t *)out + sizeof *head, capacity, slot_bytes, &head->produced,
                                         (const tl_spsc_cursor *)in);
    if (status != TL_OK) return status;
    __atomic_store_n(&head->capacity, capacity, __ATOMIC_RELAXED); /* for whoever looks: no order with anything */
    __atomic_store_n(&head->slot_bytes, slot_bytes, __ATOMIC_RELAXED);
    return TL_OK;
}

tl_status tl_channel_consumer(tl_spsc_consumer *consumer, const void *out, void *in, uint64_t capacity,
                              uint64_t slot_bytes) {
    const tl_channel_head *head = out;
    tl_status status = check_shape(head, capacity, slot_bytes);
    if (status != TL_OK) return status;
    return tl_spsc_attach_consumer(consumer, (const uint8_t *)out + sizeof *head, capacity, slot_bytes, &head->produced,
                                   (tl_spsc_cursor *)in);
}
