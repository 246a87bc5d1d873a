/* NASDAQ TotalView-ITCH 5.0: a file's messages one by one, and the books that they make.
 *
 * The reader takes the daily files' framing (2 bytes of length before each message) from a stream and decodes every type of the
 * specification into one flat struct. It does not stop at what is wrong: a problem is counted by kind with the byte offset (in
 * the unpacked stream) of the first, and reading goes on behind it. Single owner; no allocation after opening.
 *
 * The books keep every order of every instrument (market/book.h). References to orders that are not there are normal in a file
 * that begins mid-day: they too are counted.
 */
#ifndef TL_MARKET_ITCH_H
#define TL_MARKET_ITCH_H

#include "market/book.h"
#include "market/instrument.h"
#include "market/itch_message.h"

typedef enum tl_itch_problem {
    TL_ITCH_PROBLEM_TRUNCATED = 0,   /* the file ends inside a message */
    TL_ITCH_PROBLEM_BAD_LENGTH,      /* the framing's length is not the type's */
    TL_ITCH_PROBLEM_UNKNOWN_TYPE,    /* a letter that the specification does not know */
    TL_ITCH_PROBLEM_BAD_FIELD,       /* a side, price or quantity that cannot be */
    TL_ITCH_PROBLEM_BROKEN_STREAM,   /* compressed data broken or cut, or a read error */
    TL_ITCH_PROBLEM_UNKNOWN_ORDER,   /* a reference that is not live */
    TL_ITCH_PROBLEM_DUPLICATE_ORDER, /* an add for a live reference */
    TL_ITCH_PROBLEM_OVER_EXECUTED,   /* more taken off an order than was open */
    TL_ITCH_PROBLEM_BACKWARDS,       /* a timestamp before the one in front of it */
    TL_ITCH_PROBLEMS
} tl_itch_problem;

typedef struct tl_itch_problem_counts {
    uint64_t count[TL_ITCH_PROBLEMS];
    uint64_t first_offset[TL_ITCH_PROBLEMS];  /* byte offset in the unpacked stream */
    uint64_t first_ordinal[TL_ITCH_PROBLEMS]; /* message number from 1 */
} tl_itch_problem_counts;

/* One message, flat. Fields that its type does not have are 0. */
typedef struct tl_itch_message {
    uint64_t ordinal;       /* from 1 over all messages of the file */
    uint64_t offset;        /* of its frame in the unpacked stream, bytes */
    int64_t ts_ns;          /* since midnight of the exchange's local day */
    uint64_t reference;     /* A F E C X D U P: the order; B: the match */
    uint64_t new_reference; /* U */
    uint64_t match;         /* E C P Q B */
    int64_t shares;         /* A F E C X U P Q; I: paired shares */
    int64_t price;          /* x 10000; A F C U P Q; I: reference price; V: level 1 x 1e8; K J O too */
    int64_t price2;         /* I: near; J: upper; V: level 2; O: minimum */
    int64_t price3;         /* I: far; J: lower; V: level 3; O: maximum */
    int64_t imbalance;      /* I: shares */
    uint16_t locate;        /* the instrument's number in this file */
    uint16_t tracking;
    uint8_t type; /* the letter */
    uint8_t side; /* TL_SIDE_BUY, TL_SIDE_SELL; A F P */
    uint8_t
        code; /* S: event; H: state; Q, I: cross type; L: participant state; W: level; h: action; N: interest; Y: action */
    uint8_t printable;   /* C: 'Y' or 'N'; I: direction */
    char stock[12];      /* without padding, zero-terminated; "" where the type has none */
    char attribution[8]; /* F: participant; H: reason; zero-terminated */
} tl_itch_message;

typedef struct tl_itch tl_itch;

/* Opens a file (plain, gzip, zstd, "-"). */
tl_status tl_itch_open(const char *path, tl_itch **reader);
void tl_itch_close(tl_itch *reader);

/* Decodes one message body of `length` bytes. False when the type is not known, the length is not the type's or a field cannot be;
 * *problem then tells which. */
bool tl_itch_decode(const uint8_t *body, unsigned length, tl_itch_message *message, tl_itch_problem *problem);

/* Decodes up to `capacity` messages; returns how many, 0 at the end. */
unsigned tl_itch_read(tl_itch *reader, tl_itch_message *messages, unsigned capacity);

/* Messages of a locate whose flag is not 0 are counted and passed over without being decoded, but for the directory (R) and system events (S).
 * `locates` holds 65,536 flags, stays the caller's and may change between reads; NULL ends it. */
void tl_itch_pass_over(tl_itch *reader, const uint8_t *locates);

/* Messages read so far, those that were passed over too. */
uint64_t tl_itch_messages(const tl_itch *reader);

/* The date found in the file's name as yyyymmdd, 0 when there is none. Names such as 01302020.NASDAQ_ITCH50.gz, S013020-v50.txt,
 * 20200130.itch and amzn_2012-06-21.itch are understood. */
uint32_t tl_itch_date_of_name(const char *path);

const tl_itch_problem_counts *tl_itch_problems(const tl_itch *reader);
uint64_t tl_itch_consumed(const tl_itch *reader);
uint64_t tl_itch_size(const tl_itch *reader);

/* Bytes of the unpacked stream read so far. */
uint64_t tl_itch_unpacked(const tl_itch *reader);
const char *tl_itch_problem_name(int problem);

/* Counts one problem. */
void tl_itch_count_problem(tl_itch_problem_counts *counts, tl_itch_problem problem, uint64_t offset, uint64_t ordinal);

/* Adds the problems of `more` to `counts`; the first of each kind is the one that comes first in the file. */
void tl_itch_merge_problems(tl_itch_problem_counts *counts, const tl_itch_problem_counts *more);

/* Which instrument of a table a file's locate number is. */
typedef struct tl_itch_directory tl_itch_directory;

/* Instruments join `instruments` as the file names them: price exponent -4, quantity exponent 0, tick 100 (a cent),
 * lot 1. The table outlives the directory. */
tl_itch_directory *tl_itch_directory_create(tl_instruments *instruments);
void tl_itch_directory_destroy(tl_itch_directory *directory);

/* The instrument a message is about, (uint32_t)TL_NO_INSTRUMENT when it is about none or about one that was not named yet. */
uint32_t tl_itch_instrument(tl_itch_directory *directory, const tl_itch_message *message);

/* The same where a locate may stand for several symbols, as made-up files have it: a message that names an order is then about the instrument of
 * that order in `books`. */
uint32_t tl_itch_instrument_among(tl_itch_directory *directory, const tl_books *books, const tl_itch_message *message);

/* A locate that stood for several symbols so far, -1 when there is none. */
int32_t tl_itch_shared_locate(const tl_itch_directory *directory);

/* What a message says of the trading state: a tl_trading_state, or -1 when it says nothing. System events apply to all. */
int tl_itch_state(const tl_itch_message *message);

/* Applies messages to books; problems of orders are counted into `counts`. Prefetches ahead within the batch: large batches
 * (64 and more) are faster on wide sessions. `instruments_of` (may be NULL) receives each message's instrument. */
void tl_itch_apply(tl_books *books, tl_itch_directory *directory, const tl_itch_message *messages, unsigned count,
                   tl_itch_problem_counts *counts, uint32_t *instruments_of);

#endif
