/* The input log: the one total order of everything that a strategy consumes.
 *
 * A ring of 64-byte slots; a record is one slot, or up to three for the kinds that carry tails (tl_event_slots()). A poll appends
 * records and stamps each with the next sequence; the drain loop consumes them in order. Slot indices count slots, sequences
 * count records. A tail never wraps away from its head: skip slots (TL_EVENT_NONE) fill the ring's end when needed.
 *
 * In a live worker slots and head lie in shared memory (tl_input_log_attach) and outlive the process: a commit is one store, made last, of the number of a commit record
 * that tells the log's end and how far each source had been taken; what lies beyond does not exist. So a writer may die at any instruction, and its
 * successor takes each input once. Others read committed slots behind `end`, as the recorder does.
 *
 * Single owner (the strategy's process).
 */
#ifndef TL_SCRIPT_INPUT_LOG_H
#define TL_SCRIPT_INPUT_LOG_H

#include "market/event.h"
#include "queue/latch.h"

/* What a commit made true. */
typedef struct tl_input_log_commit {
    uint64_t end;           /* index behind the last committed slot */
    uint64_t next_sequence; /* of the record to come */
    uint64_t messages;      /* position in the gateway's channel behind the last message that is in the log */
    uint64_t feed;          /* the same in the feed's ring */
    uint64_t reserved[4];
} tl_input_log_commit;

enum { TL_INPUT_LOG_HEAD_BYTES = 4096, TL_INPUT_LOG_SKIPPED = 16 };

/* The first page of an "input_log" section; the slots follow. One writer, the strategy. */
typedef struct tl_input_log_head {
    uint64_t end TL_ALIGNED(128);    /* as of the last commit: for readers in other processes */
    uint64_t commit TL_ALIGNED(128); /* counts commits: commits[commit & 1] holds */
    tl_input_log_commit commits[2];
    uint64_t in_hand TL_ALIGNED(128);       /* sequence of the event whose handler runs, 0 when none does */
    uint64_t last_order_id TL_ALIGNED(128); /* the highest that was sent */
    uint64_t died_at;                       /* the event in hand at the last death; 0 = none was */
    uint64_t deaths;                        /* at it, in a row */
    uint64_t skipped_count;
    uint64_t skipped[TL_INPUT_LOG_SKIPPED]; /* events that two generations died at, the last ones */
    uint64_t capacity;                      /* slots; 0 before the first use */
    uint32_t generations;                   /* that have used it */
    uint32_t refused; /* reading the checkpoint failed or killed so many times: from 2 on a generation starts cold */
    tl_latch
        decided TL_ALIGNED(64); /* a tl_log_sample (script/log_file.h): the decisions as of an event; its copies follow */
    uint64_t decided_copies[2 * 8];
} tl_input_log_head;

typedef struct tl_input_log {
    tl_event *slots;         /* capacity slots */
    uint64_t mask;           /* capacity - 1 */
    uint64_t begin;          /* index of the next slot to consume */
    uint64_t end;            /* index behind the last committed slot */
    uint64_t next_sequence;  /* of the next record to be appended; the first is 1 */
    tl_input_log_head *head; /* in shared memory; NULL for a log of the process's own */
} tl_input_log;

/* A log of `capacity` slots, a power of two. TL_ERR_ARGUMENT, TL_ERR_NO_MEMORY. */
tl_status tl_input_log_init(tl_input_log *log, uint64_t capacity);
void tl_input_log_close(tl_input_log *log);

/* Size of an "input_log" section. */
uint64_t tl_input_log_bytes(uint64_t capacity);
/* A log in such a section, zeroed or as a predecessor left it: everything committed counts as consumed. TL_ERR_ARGUMENT, TL_ERR_FORMAT for another capacity. */
tl_status tl_input_log_attach(tl_input_log *log, void *section, uint64_t capacity);
/* Slots behind its end that a writer may be writing: as many before the ring's length back are not to be relied on. */
uint64_t tl_input_log_margin(uint64_t capacity);
/* What the last commit made true. */
tl_input_log_commit tl_input_log_committed(const tl_input_log_head *head);
/* The slots of a section, for readers in other processes: they may use those from `end` - capacity (less what the writer is about to write) up to `end`. */
const tl_event *tl_input_log_slots(const void *section);

/* Takes back the records that were appended and not consumed: they will be appended again later. Their sequences are free again.
 * Returns how many records were taken back. */
uint32_t tl_input_log_retract(tl_input_log *log);

/* Appends a copy of a record, stamped; `tail` is read only for kinds that have one. False when the log is full. */
bool tl_input_log_append(tl_input_log *log, const tl_event *event, const tl_event_tail *tail);

#ifndef TL_CDEF
/* Makes all that was appended permanent, and with it how far its sources were taken. Only for a log in shared memory. */
static inline void tl_input_log_make_commit(tl_input_log *log, uint64_t messages, uint64_t feed) {
    tl_input_log_head *head = log->head;
    uint64_t number = head->commit + 1;
    tl_input_log_commit *mine = &head->commits[number & 1];
    mine->end = log->end;
    mine->next_sequence = log->next_sequence;
    mine->messages = messages;
    mine->feed = feed;
    __atomic_store_n(&head->commit, number, __ATOMIC_RELEASE); /* the successor reads the record it names */
    __atomic_store_n(&head->end, log->end, __ATOMIC_RELEASE);  /* pairs with the recorder's acquire */
}

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

TL_STATIC_ASSERT(sizeof(tl_input_log_head) <= TL_INPUT_LOG_HEAD_BYTES, "the head is one page");
#endif

#endif
