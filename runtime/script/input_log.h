/* The input log: the one total order of everything that a strategy consumes.
 *
 * A ring of 64-byte slots; a record is one slot, or up to three for the kinds that carry tails (tl_event_slots()). A poll appends
 * records and stamps each with the next sequence; the drain loop consumes them in order. Slot indices count slots, sequences
 * count records. A tail never wraps away from its head: skip slots (TL_EVENT_NONE) fill the ring's end when needed.
 *
 * Single owner (the strategy's process); `end` is stored last, what lies beyond it does not exist.
 */
#ifndef TL_SCRIPT_INPUT_LOG_H
#define TL_SCRIPT_INPUT_LOG_H

#include "market/event.h"

typedef struct tl_input_log {
    tl_event *slots;        /* capacity slots */
    uint64_t mask;          /* capacity - 1 */
    uint64_t begin;         /* index of the next slot to consume */
    uint64_t end;           /* index behind the last committed slot */
    uint64_t next_sequence; /* of the next record to be appended; the first is 1 */
} tl_input_log;

/* A log of `capacity` slots, a power of two. TL_ERR_ARGUMENT, TL_ERR_NO_MEMORY. */
tl_status tl_input_log_init(tl_input_log *log, uint64_t capacity);
void tl_input_log_close(tl_input_log *log);

/* Takes back the records that were appended and not consumed: they will be appended again later. Their sequences are free again.
 * Returns how many records were taken back. */
uint32_t tl_input_log_retract(tl_input_log *log);

/* Appends a copy of a record, stamped; `tail` is read only for kinds that have one. False when the log is full. */
bool tl_input_log_append(tl_input_log *log, const tl_event *event, const tl_event_tail *tail);

#ifndef TL_CDEF
/* The same for a record of one slot; gives it as it stands in the log, NULL when that is full. */
static inline tl_event *tl_input_log_put_one(tl_input_log *log, const tl_event *event) {
    if (TL_UNLIKELY(log->end - log->begin > log->mask)) return NULL;
    tl_event *slot = &log->slots[log->end++ & log->mask];
    *slot = *event;
    slot->sequence = log->next_sequence++;
    return slot;
}

/* The same for any record. */
static inline tl_event *tl_input_log_put(tl_input_log *log, const tl_event *event, const tl_event_tail *tail) {
    if (TL_LIKELY(tl_event_slots(event->kind) == 1)) return tl_input_log_put_one(log, event);
    unsigned more = tl_event_slots(event->kind) - 1;
    uint64_t row = log->mask + 1 - (log->end & log->mask), skip = row <= more ? row : 0;
    if (TL_UNLIKELY(log->end + skip + more + 1 - log->begin > log->mask + 1)) return NULL;
    for (; TL_UNLIKELY(skip > 0); skip--)
        log->slots[log->end++ & log->mask] = (tl_event){.kind = TL_EVENT_NONE};
    tl_event *slot = tl_input_log_put_one(log, event);
    for (unsigned i = 0; i < more; i++)
        ((tl_event_tail *)(slot + 1))[i] = tail[i];
    log->end += more;
    return slot;
}
#endif

#endif
