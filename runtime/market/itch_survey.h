/* What is in an ITCH file: messages by type, span, instruments, and every problem of framing, fields and orders.
 *
 * The survey reads the file once and builds all books on the way, as only they know whether an order is there. It works in steps so
 * that its caller can show progress. Single owner; no allocation after opening but for new instruments and deeper books.
 */
#ifndef TL_MARKET_ITCH_SURVEY_H
#define TL_MARKET_ITCH_SURVEY_H

#include "market/itch.h"

typedef struct tl_itch_survey tl_itch_survey;

/* Of the whole file. */
typedef struct tl_itch_survey_totals {
    uint64_t messages;       /* decoded without a fault */
    uint64_t bytes;          /* of the unpacked stream, read so far */
    uint64_t consumed_bytes; /* of the file, as it is packed */
    uint64_t file_bytes;     /* 0 when not known */
    int64_t first_ns;        /* of the first message, since local midnight; TL_ABSENT before it */
    int64_t last_ns;         /* the latest time seen */
    uint64_t live_orders;    /* in the books now */
    uint64_t most_live_orders;
    uint64_t book_bytes;  /* memory of the books now */
    uint32_t instruments; /* named or used by a message */
    uint32_t date;        /* yyyymmdd from the file's name, 0 when it has none */
    uint64_t types[256];  /* messages by letter */
    tl_itch_problem_counts problems;
} tl_itch_survey_totals;

/* Of one instrument. */
typedef struct tl_itch_survey_instrument {
    uint64_t messages; /* of any type that name it */
    uint64_t orders;   /* A, F and U */
    uint64_t trades;   /* E, C that are printable, P, and crosses of any size */
    int64_t volume;    /* shares in them */
} tl_itch_survey_instrument;

/* Opens a file (plain, gzip, zstd, "-"). */
tl_status tl_itch_survey_open(const char *path, tl_itch_survey **survey);
void tl_itch_survey_close(tl_itch_survey *survey);

/* Reads on for about `messages`; false when the file is at its end. */
bool tl_itch_survey_step(tl_itch_survey *survey, uint64_t messages);

/* The state of the survey; stays where it is and is up to date after each step. */
const tl_itch_survey_totals *tl_itch_survey_totals_of(const tl_itch_survey *survey);

/* The symbol and the counts of instrument i, below `instruments`. */
const char *tl_itch_survey_symbol(const tl_itch_survey *survey, uint32_t i);
const tl_itch_survey_instrument *tl_itch_survey_at(const tl_itch_survey *survey, uint32_t i);

/* What a message type is called, "" for a letter that the specification does not know. */
const char *tl_itch_type_name(int type);

#endif
