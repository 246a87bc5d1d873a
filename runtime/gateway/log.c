#include "gateway/log.h"

#include <string.h>

static const uint64_t MAGIC = 0x31474f4c5741474cu; /* "LGAWLOG1" */

uint64_t tl_gateway_log_bytes(uint64_t slots) {
    uint64_t capacity = 1024;
    while (capacity < slots)
        capacity *= 2;
    return sizeof(tl_gateway_log_head) + capacity * TL_GATEWAY_SLOT_BYTES;
}

tl_status tl_gateway_log_attach(tl_gateway_log *log, void *section, uint64_t bytes) {
    uint64_t capacity = 1024;
    if (section == NULL || bytes < sizeof(tl_gateway_log_head) + capacity * TL_GATEWAY_SLOT_BYTES)
        return tl_error_set(TL_ERR_ARGUMENT, "a gateway's log of %llu bytes: too small", (unsigned long long)bytes);
    while (sizeof(tl_gateway_log_head) + 2 * capacity * TL_GATEWAY_SLOT_BYTES <= bytes)
        capacity *= 2;
    tl_gateway_log_head *head = section;
    if (head->magic == 0 && head->position == 0) {
        head->capacity = capacity;
        __atomic_store_n(&head->magic, MAGIC, __ATOMIC_RELEASE);
    }
    if (head->magic != MAGIC || head->capacity != capacity)
        return tl_error_set(TL_ERR_FORMAT, "the gateway's log: what is there is no log of %llu slots",
                            (unsigned long long)capacity);
    *log = (tl_gateway_log){.head = head,
                            .slots = (uint8_t *)(head + 1),
                            .position = head->position,
                            .kept = head->position,
                            .mask = capacity - 1};
    log->kept = log->position > capacity ? log->position - capacity : 0;
    return TL_OK;
}

uint64_t tl_gateway_log_room(const tl_gateway_log *log) {
    return log->kept + log->mask + 1 - log->position;
}

static uint8_t *slot_at(const tl_gateway_log *log, uint64_t position) {
    return log->slots + (position & log->mask) * TL_GATEWAY_SLOT_BYTES;
}

void tl_gateway_log_append(tl_gateway_log *log, tl_gateway_record *record, const void *payload, uint32_t slots) {
    record->payload = (uint8_t)slots;
    memcpy(slot_at(log, log->position), record, TL_GATEWAY_SLOT_BYTES);
    for (uint32_t i = 0; i < slots; i++)
        memcpy(slot_at(log, log->position + 1 + i), (const uint8_t *)payload + i * TL_GATEWAY_SLOT_BYTES,
               TL_GATEWAY_SLOT_BYTES);
    log->position += 1 + slots;
    __atomic_store_n(&log->head->position, log->position, __ATOMIC_RELEASE); /* after the slots: they exist from here on */
}

uint64_t tl_gateway_log_read(const tl_gateway_log *log, uint64_t position, tl_gateway_record *record, void *payload) {
    memcpy(record, slot_at(log, position), TL_GATEWAY_SLOT_BYTES);
    if (record->kind == TL_GATEWAY_NONE || record->kind >= TL_GATEWAY_RECORDS ||
        record->payload > TL_GATEWAY_PAYLOAD_SLOTS || position + 1 + record->payload > log->position)
        return 0;
    for (uint32_t i = 0; i < record->payload; i++)
        memcpy((uint8_t *)payload + i * TL_GATEWAY_SLOT_BYTES, slot_at(log, position + 1 + i), TL_GATEWAY_SLOT_BYTES);
    return position + 1 + record->payload;
}
