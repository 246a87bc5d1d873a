#include "script/input_log.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_SLOTS = 4 };

tl_status tl_input_log_init(tl_input_log *log, uint64_t capacity) {
    memset(log, 0, sizeof *log);
    if (capacity < MIN_SLOTS || (capacity & (capacity - 1)) != 0)
        return tl_error_set(TL_ERR_ARGUMENT, "an input log of %llu slots: the capacity is a power of two, at least %d",
                            (unsigned long long)capacity, MIN_SLOTS);
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

void tl_input_log_close(tl_input_log *log) {
    free(log->slots);
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
