/* A file of input logs: what `tidelock run --record FILE` leaves behind and `tidelock replay FILE` reads.
 *
 * A head (magic, the plan's text, the instruments, the strategies' names), then frames: slots of one strategy's log from a position on, how far its decisions were at an event, or
 * that slots were lost. A frame is whole by its CRC; what a sudden end left of one at the file's end is not read, and frames that repeat positions (a recorder that died between writing and saying
 * so) are read once.
 */
#ifndef TL_SCRIPT_LOG_FILE_H
#define TL_SCRIPT_LOG_FILE_H

#include "market/instrument.h"
#include "order/decisions_hash.h"

enum { TL_LOG_NAME_BYTES = 64, TL_LOG_FRAME_SLOTS = 4096 };

typedef enum tl_log_frame_kind {
    TL_LOG_FRAME_SLOTS_OF = 1, /* `count` slots from `position` on */
    TL_LOG_FRAME_DECISIONS,    /* a tl_log_sample */
    TL_LOG_FRAME_LOST          /* `count` slots from `position` on were overwritten before they were read */
} tl_log_frame_kind;

typedef struct tl_log_file_head {
    uint64_t magic;
    uint64_t plan_bytes; /* of the text behind this head, without a zero */
    uint32_t instruments;
    uint32_t strategies;
    uint64_t bytes; /* of all before the first frame, a multiple of 64 */
} tl_log_file_head;

typedef struct tl_log_frame {
    uint32_t kind; /* tl_log_frame_kind */
    uint32_t strategy;
    uint64_t position;
    uint64_t count;
    uint32_t crc; /* of what follows */
    uint32_t head_crc;
} tl_log_frame;

/* A strategy's decisions as of the event with that sequence, its handlers included. */
typedef struct tl_log_sample {
    uint64_t sequence;
    tl_decisions_hash decisions;
    uint64_t reserved;
} tl_log_sample;

/* The log of one strategy as it was read. */
typedef struct tl_log_of {
    char name[TL_LOG_NAME_BYTES];
    tl_event *slots; /* of whole records, in order */
    uint64_t count;
    uint64_t lost; /* slots that are missing; the log is read up to the first of them */
    tl_log_sample *samples;
    uint64_t sample_count;
} tl_log_of;

typedef struct tl_log_file {
    char *plan; /* zero-terminated */
    tl_instrument *instruments;
    uint32_t instrument_count;
    uint32_t strategy_count;
    tl_log_of *strategies;
    uint64_t cut_bytes; /* at the file's end, of a frame that is not whole */
} tl_log_file;

/* TL_ERR_IO, TL_ERR_FORMAT with what and where, TL_ERR_NO_MEMORY. */
tl_status tl_log_file_read(const char *path, tl_log_file **out);
void tl_log_file_close(tl_log_file *file);

/* The writer's: the head of a new file, and a frame (in one write each). */
tl_status tl_log_file_begin(int fd, const char *plan, const tl_instruments *instruments, const char *const *names,
                            uint32_t count);
tl_status tl_log_file_frame(int fd, tl_log_frame *frame, const void *payload, uint64_t bytes);
/* Cuts off what is no whole frame at the end of a file that a predecessor wrote, and stands behind it. */
tl_status tl_log_file_resume(int fd);

#endif
