#include "queue/spsc.h"

#include <string.h>

static tl_status check(uint64_t capacity, size_t slot_bytes) {
    if (capacity == 0 || (capacity & (capacity - 1)) != 0)
        return tl_error_set(TL_ERR_ARGUMENT, "a ring of %llu slots: the number must be a power of two",
                            (unsigned long long)capacity);
    if (slot_bytes == 0 || slot_bytes % 8 != 0)
        return tl_error_set(TL_ERR_ARGUMENT, "a ring of slots of %zu bytes: must be a multiple of 8", slot_bytes);
    return TL_OK;
}

tl_status tl_spsc_attach_producer(tl_spsc_producer *producer, void *slots, uint64_t capacity, size_t slot_bytes,
                                  tl_spsc_cursor *produced, const tl_spsc_cursor *consumed) {
    tl_status status = check(capacity, slot_bytes);
    if (status != TL_OK) return status;
    *producer = (tl_spsc_producer){
        .slots = slots,
        .produced = produced,
        .consumed = consumed,
        .position = produced->position,
        .limit = __atomic_load_n(&consumed->position, __ATOMIC_ACQUIRE) + capacity,
        .mask = capacity - 1,
        .slot_bytes = slot_bytes,
    };
    return TL_OK;
}

tl_status tl_spsc_attach_consumer(tl_spsc_consumer *consumer, const void *slots, uint64_t capacity, size_t slot_bytes,
                                  const tl_spsc_cursor *produced, tl_spsc_cursor *consumed) {
    tl_status status = check(capacity, slot_bytes);
    if (status != TL_OK) return status;
    *consumer = (tl_spsc_consumer){
        .slots = slots,
        .produced = produced,
        .consumed = consumed,
        .position = consumed->position,
        .limit = consumed->position,
        .mask = capacity - 1,
        .slot_bytes = slot_bytes,
    };
    return TL_OK;
}

bool tl_spsc_write(tl_spsc_producer *producer, const void *item) {
    uint64_t granted;
    void *slot = tl_spsc_reserve(producer, 1, &granted);
    if (granted == 0) return false;
    memcpy(slot, item, producer->slot_bytes);
    tl_spsc_commit(producer, 1);
    return true;
}

bool tl_spsc_read(tl_spsc_consumer *consumer, void *item) {
    uint64_t count;
    const void *slot = tl_spsc_poll(consumer, &count);
    if (count == 0) return false;
    memcpy(item, slot, consumer->slot_bytes);
    tl_spsc_release(consumer, 1);
    return true;
}
