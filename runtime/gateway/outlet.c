#include "gateway/outlet.h"

#include <string.h>

tl_status outlet_init(outlet *one, uint64_t capacity, size_t slot_bytes, uint64_t waiting, tl_waker *waker) {
    uint64_t room = 64;
    while (room < waiting)
        room *= 2;
    one->capacity = capacity;
    one->slot_bytes = slot_bytes;
    one->queue_mask = room - 1;
    one->waker = waker;
    tl_status status = tl_vmem_reserve(&one->memory, room * slot_bytes);
    one->queue = one->memory.base;
    return status;
}

void outlet_close(outlet *one) {
    tl_vmem_release(&one->memory);
}

bool outlet_push(outlet *one, const void *first, size_t first_bytes, const void *second, size_t second_bytes) {
    uint64_t number = one->made, position = one->producer.position;
    if (TL_UNLIKELY(number < position)) { /* its predecessor sent it */
        one->made++;
        return true;
    }
    uint8_t *slot = NULL;
    uint64_t granted = 0;
    if (TL_LIKELY(number == position && !one->closed)) slot = tl_spsc_reserve(&one->producer, 1, &granted);
    if (TL_UNLIKELY(granted == 0)) {
        if (number - position > one->queue_mask) return false;
        slot = one->queue + (number & one->queue_mask) * one->slot_bytes;
    }
    memcpy(slot, first, first_bytes);
    if (second_bytes > 0) memcpy(slot + first_bytes, second, second_bytes);
    one->made++;
    if (TL_LIKELY(granted > 0)) {
        tl_spsc_commit(&one->producer, 1);
        tl_waker_mark(one->waker);
    }
    return true;
}

void outlet_flush(outlet *one) {
    while (TL_UNLIKELY(one->made > one->producer.position)) {
        uint64_t granted;
        void *slot = tl_spsc_reserve(&one->producer, 1, &granted);
        if (granted == 0) return;
        memcpy(slot, one->queue + (one->producer.position & one->queue_mask) * one->slot_bytes, one->slot_bytes);
        tl_spsc_commit(&one->producer, 1);
        tl_waker_mark(one->waker);
    }
}
