#include "script/input_log.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_SLOTS = 4 };

static tl_status check(uint64_t capacity) {
    if (capacity >= MIN_SLOTS && (capacity & (capacity - 1)) == 0) return TL_OK;
    return tl_error_set(TL_ERR_ARGUMENT, "an input log of %llu slots: the capacity is a power of two, at least %d",
                        (unsigned long long)capacity, MIN_SLOTS);
}

tl_status tl_input_log_init(tl_input_log *log, uint64_t capacity) {
    memset(log, 0, sizeof *log);
    tl_status status = check(capacity);
    if (status != TL_OK) return status;
    void *slots = NULL;
    if (capacity > SIZE_MAX / sizeof(tl_event) ||
        posix_memalign(&slots, TL_CACHE_LINE_BYTES, capacity * sizeof(tl_event)) != 0)
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory for an input log of %llu slots", (unsigned long long)capacity);
    memset(slots, 0, capacity * sizeof(tl_event));
    log->slots = slots;
    log->mask = capacity - 1;
    log->next_sequence = 1;
    return TL_OK;
}

uint64_t tl_input_log_margin(uint64_t capacity) {
    return capacity / 8;
}

uint64_t tl_input_log_bytes(uint64_t capacity) {
    return TL_INPUT_LOG_HEAD_BYTES + capacity * sizeof(tl_event);
}

const tl_event *tl_input_log_slots(const void *section) {
    return (const tl_event *)((const char *)section + TL_INPUT_LOG_HEAD_BYTES);
}

tl_input_log_commit tl_input_log_committed(const tl_input_log_head *head) {
    return head->commits[__atomic_load_n(&head->commit, __ATOMIC_ACQUIRE) & 1];
}

tl_status tl_input_log_attach(tl_input_log *log, void *section, uint64_t capacity) {
    memset(log, 0, sizeof *log);
    tl_status status = check(capacity);
    if (status != TL_OK) return status;
    tl_input_log_head *head = section;
    if (head->capacity != 0 && head->capacity != capacity)
        return tl_error_set(TL_ERR_FORMAT, "the input log has %llu slots, and %llu are wanted",
                            (unsigned long long)head->capacity, (unsigned long long)capacity);
    head->capacity = capacity;
    tl_input_log_commit last = tl_input_log_committed(head);
    log->head = head;
    log->slots = (tl_event *)tl_input_log_slots(section);
    log->mask = capacity - 1;
    log->begin = log->end = last.end;
    log->next_sequence = last.next_sequence ? last.next_sequence : 1;
    return TL_OK;
}

void tl_input_log_close(tl_input_log *log) {
    if (!log->head) free(log->slots);
    memset(log, 0, sizeof *log);
}

uint32_t tl_input_log_retract(tl_input_log *log) {
    uint32_t records = 0;
    for (uint64_t at = log->begin; at < log->end;) {
        uint8_t kind = log->slots[at & log->mask].kind;
        at += tl_event_slots(kind);
        records += kind != TL_EVENT_NONE;
    }
    log->end = log->begin;
    log->next_sequence -= records;
    return records;
}

bool tl_input_log_append(tl_input_log *log, const tl_event *event, const tl_event_tail *tail) {
    return tl_input_log_put(log, event, tail) != NULL;
}
