/* The gateway's log: each input of a live gateway, before it is worked on.
 *
 * A ring of 64-byte slots in a section of the gateway's region ("gateway.log"). A record is a head of one slot and its payload in the slots behind it. The number of slots that count is stored
 * last: what lies beyond it does not exist, so a writer may die at any instruction. What is older than the last checkpoint is overwritten; the writer never goes
 * further than that.
 *
 * One writer; its successor reads.
 */
#ifndef TL_GATEWAY_LOG_H
#define TL_GATEWAY_LOG_H

#include "base/status.h"
#include "gateway/mark.h"

enum { TL_GATEWAY_SLOT_BYTES = 64, TL_GATEWAY_PAYLOAD_SLOTS = 2 };

typedef enum tl_gateway_record_kind {
    TL_GATEWAY_NONE = 0,
    TL_GATEWAY_COMMAND, /* source: place of the strategy; payload: tl_command; reason: why a new order is denied, with limit and value */
    TL_GATEWAY_REPORT,   /* payload: tl_report */
    TL_GATEWAY_TIME,     /* deadlines and expiries up to now_ns */
    TL_GATEWAY_MARKET,   /* payload: tl_event and its tail */
    TL_GATEWAY_MARK,     /* target: instrument; its mark as of the next record that is none */
    TL_GATEWAY_LOSSES,   /* target: instrument; its mark stopped somebody */
    TL_GATEWAY_KILL,     /* target: account or -1; word: on; source: 1 when the file did it */
    TL_GATEWAY_FILE,     /* word: 1 the kill file is there, 0 it is gone */
    TL_GATEWAY_LIMIT,    /* target; number; payload: a slot with the limit's name */
    TL_GATEWAY_RESTRICT, /* target: instrument; word */
    TL_GATEWAY_ENDED,    /* source: place of the strategy; word: epoch, 0 the last; target: 1 cancel its orders */
    TL_GATEWAY_LINK,     /* source: venue; word: tl_venue_link */
    TL_GATEWAY_CUT, /* source: place of the strategy; input: messages that count; it is told nothing more until it attaches */
    TL_GATEWAY_RECORDS
} tl_gateway_record_kind;

typedef struct tl_gateway_record {
    uint8_t kind;    /* tl_gateway_record_kind */
    uint8_t payload; /* slots behind this one */
    uint16_t source;
    int32_t target;
    int64_t now_ns; /* runtime time at which it was worked on */
    union {
        tl_gateway_mark mark;
        struct {
            uint64_t input; /* position of its channel behind the input */
            int64_t limit, value;
            int64_t word;
            double number;
            int32_t reason;
            uint32_t reserved;
        };
    };
} tl_gateway_record;

TL_STATIC_ASSERT(sizeof(tl_gateway_record) == TL_GATEWAY_SLOT_BYTES, "one slot");

typedef struct tl_gateway_log_head {
    uint64_t magic;
    uint64_t capacity;                 /* slots, a power of two */
    uint64_t position TL_ALIGNED(128); /* slots written so far; stored after them */
} tl_gateway_log_head;

typedef struct tl_gateway_log {
    tl_gateway_log_head *head;
    uint8_t *slots;
    uint64_t position;
    uint64_t kept; /* position that must not be overwritten: the last checkpoint's */
    uint64_t mask;
} tl_gateway_log;

/* Size of a section for at least that many slots. */
uint64_t tl_gateway_log_bytes(uint64_t slots);

/* Attaches to a section, zeroed or with a predecessor's log. TL_ERR_FORMAT when it holds something else. Nothing may be overwritten until `kept` is set. */
tl_status tl_gateway_log_attach(tl_gateway_log *log, void *section, uint64_t bytes);

/* Slots that can be appended. */
uint64_t tl_gateway_log_room(const tl_gateway_log *log);

/* Appends a record with `slots` slots of payload. The caller has made sure of the room. */
void tl_gateway_log_append(tl_gateway_log *log, tl_gateway_record *record, const void *payload, uint32_t slots);

/* The record at a position and its payload (TL_GATEWAY_PAYLOAD_SLOTS of room): the position behind it. 0 when it cannot be one. */
uint64_t tl_gateway_log_read(const tl_gateway_log *log, uint64_t position, tl_gateway_record *record, void *payload);

#endif
