#include "market/itch.h"

#include <ctype.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "market/stream.h"

enum { BUFFER_BYTES = 1 << 18 };

struct tl_itch {
    tl_stream *stream;
    uint64_t offset; /* of buffer[at] in the unpacked stream */
    uint64_t ordinal;
    int64_t last_ns;
    size_t at;
    size_t length;
    const uint8_t *passed; /* flags by locate, NULL for none: see tl_itch_pass_over() */
    bool ended;
    bool broken; /* the stream failed where what is unpacked ends; not counted yet */
    tl_itch_problem_counts problems;
    uint8_t buffer[BUFFER_BYTES];
};

static const char *const problem_names[TL_ITCH_PROBLEMS] = {
    "truncated",     "bad_length",      "unknown_type",  "bad_field", "broken_stream",
    "unknown_order", "duplicate_order", "over_executed", "backwards",
};

const char *tl_itch_problem_name(int problem) {
    return problem >= 0 && problem < TL_ITCH_PROBLEMS ? problem_names[problem] : "";
}

void tl_itch_count_problem(tl_itch_problem_counts *counts, tl_itch_problem problem, uint64_t offset, uint64_t ordinal) {
    if (counts->count[problem]++ != 0) return;
    counts->first_offset[problem] = offset;
    counts->first_ordinal[problem] = ordinal;
}

void tl_itch_merge_problems(tl_itch_problem_counts *counts, const tl_itch_problem_counts *more) {
    for (int i = 0; i < TL_ITCH_PROBLEMS; i++) {
        if (more->count[i] == 0) continue;
        if (counts->count[i] == 0 || more->first_offset[i] < counts->first_offset[i]) {
            counts->first_offset[i] = more->first_offset[i];
            counts->first_ordinal[i] = more->first_ordinal[i];
        }
        counts->count[i] += more->count[i];
    }
}

static inline uint64_t be64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
    return be64toh(v);
}

static inline uint32_t be32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
    return be32toh(v);
}

static inline uint16_t be16(const uint8_t *p) {
    uint16_t v;
    memcpy(&v, p, 2);
    return be16toh(v);
}

/* Six bytes, read as eight from two before: both are inside the header. */
static inline int64_t be48(const uint8_t *p) {
    return (int64_t)(be64(p - 2) & 0xffffffffffffu);
}

/* Letters up to the first zero, without the spaces behind them. */
static inline void text(char *out, const uint8_t *p, unsigned length) {
    length = (unsigned)strnlen((const char *)p, length);
    memcpy(out, p, length);
    while (length > 0 && out[length - 1] == ' ')
        length--;
    out[length] = 0;
}

/* A stock's eight letters without the padding, all at once: a loop that ends after another number of letters for each message is
 * mispredicted. `out` has 12 bytes, all zero. */
static inline void stock(char *out, const uint8_t *p) {
    uint64_t letters = be64(p), pads = letters ^ 0x2020202020202020u;
    uint64_t zeros = (letters - 0x0101010101010101u) & ~letters & 0x8080808080808080u;
    if (TL_UNLIKELY(pads == 0 || zeros != 0)) {
        text(out, p, TL_ITCH_STOCK_BYTES);
        return;
    }
    unsigned padding = (unsigned)__builtin_ctzll(pads) & ~7u;
    letters = htobe64(letters >> padding << padding);
    memcpy(out, &letters, 8);
}

static inline uint8_t side_of(uint8_t letter) {
    return letter == 'B' ? TL_SIDE_BUY : letter == 'S' ? TL_SIDE_SELL : TL_SIDE_NONE;
}

/* All but the number and the place, which are the first two words. Written out because GCC makes `rep stos` of a memset() of this size,
 * which takes a quarter of the decoding's time. */
static inline void clear(tl_itch_message *m) {
    typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));
    TL_STATIC_ASSERT(sizeof *m == 7 * sizeof(pair) + 8 && offsetof(tl_itch_message, ts_ns) == sizeof(pair),
                     "the words to clear");
    pair *words = (pair *)(void *)m, zero = {0};
    words[1] = words[2] = words[3] = words[4] = words[5] = words[6] = zero;
    memset(words + 7, 0, 8);
}

bool tl_itch_decode(const uint8_t *b, unsigned length, tl_itch_message *m, tl_itch_problem *problem) {
    unsigned wanted = length > 0 ? tl_itch_length(b[0]) : 0;
    if (TL_UNLIKELY(wanted == 0)) {
        *problem = length > 0 ? TL_ITCH_PROBLEM_UNKNOWN_TYPE : TL_ITCH_PROBLEM_BAD_LENGTH;
        return false;
    }
    if (TL_UNLIKELY(length != wanted)) {
        *problem = TL_ITCH_PROBLEM_BAD_LENGTH;
        return false;
    }
    clear(m);
    m->type = b[0];
    m->locate = be16(b + TL_ITCH_AT_LOCATE);
    m->tracking = be16(b + TL_ITCH_AT_TRACKING);
    m->ts_ns = be48(b + TL_ITCH_AT_TIMESTAMP);
    switch (b[0]) {
    case TL_ITCH_ADD_ATTRIBUTED:
        text(m->attribution, b + TL_ITCH_F_AT_ATTRIBUTION, 4); /* fall through */
    case TL_ITCH_ADD:
    case TL_ITCH_TRADE:
        m->reference = be64(b + TL_ITCH_AT_REFERENCE);
        m->side = side_of(b[TL_ITCH_A_AT_SIDE]);
        m->shares = be32(b + TL_ITCH_A_AT_SHARES);
        stock(m->stock, b + TL_ITCH_A_AT_STOCK);
        m->price = be32(b + TL_ITCH_A_AT_PRICE);
        if (b[0] == TL_ITCH_TRADE) m->match = be64(b + TL_ITCH_P_AT_MATCH);
        if (TL_UNLIKELY(m->side == TL_SIDE_NONE || m->shares == 0)) {
            *problem = TL_ITCH_PROBLEM_BAD_FIELD;
            return false;
        }
        break;
    case TL_ITCH_EXECUTED:
    case TL_ITCH_EXECUTED_AT_PRICE:
        m->reference = be64(b + TL_ITCH_AT_REFERENCE);
        m->shares = be32(b + TL_ITCH_E_AT_SHARES);
        m->match = be64(b + TL_ITCH_E_AT_MATCH);
        m->printable = 'Y';
        if (b[0] == TL_ITCH_EXECUTED_AT_PRICE) {
            m->printable = b[TL_ITCH_C_AT_PRINTABLE];
            m->price = be32(b + TL_ITCH_C_AT_PRICE);
        }
        break;
    case TL_ITCH_CANCEL:
        m->reference = be64(b + TL_ITCH_AT_REFERENCE);
        m->shares = be32(b + TL_ITCH_E_AT_SHARES);
        break;
    case TL_ITCH_DELETE:
        m->reference = be64(b + TL_ITCH_AT_REFERENCE);
        break;
    case TL_ITCH_REPLACE:
        m->reference = be64(b + TL_ITCH_AT_REFERENCE);
        m->new_reference = be64(b + TL_ITCH_U_AT_NEW_REFERENCE);
        m->shares = be32(b + TL_ITCH_U_AT_SHARES);
        m->price = be32(b + TL_ITCH_U_AT_PRICE);
        break;
    case TL_ITCH_CROSS:
        m->shares = (int64_t)be64(b + TL_ITCH_Q_AT_SHARES);
        stock(m->stock, b + TL_ITCH_Q_AT_STOCK);
        m->price = be32(b + TL_ITCH_Q_AT_PRICE);
        m->match = be64(b + TL_ITCH_Q_AT_MATCH);
        m->code = b[TL_ITCH_Q_AT_CROSS_TYPE];
        if (TL_UNLIKELY(m->shares < 0)) {
            *problem = TL_ITCH_PROBLEM_BAD_FIELD;
            return false;
        }
        break;
    case TL_ITCH_BROKEN_TRADE:
        m->match = be64(b + TL_ITCH_B_AT_MATCH);
        break;
    case TL_ITCH_SYSTEM_EVENT:
        m->code = b[TL_ITCH_AT_EVENT_CODE];
        break;
    case TL_ITCH_STOCK_DIRECTORY:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->code = b[TL_ITCH_R_AT_CATEGORY];
        m->shares = be32(b + TL_ITCH_R_AT_ROUND_LOT);
        break;
    case TL_ITCH_TRADING_ACTION:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->code = b[TL_ITCH_H_AT_STATE];
        text(m->attribution, b + TL_ITCH_H_AT_REASON, 4);
        break;
    case TL_ITCH_REG_SHO:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->code = b[TL_ITCH_Y_AT_ACTION];
        break;
    case TL_ITCH_PARTICIPANT_POSITION:
        text(m->attribution, b + TL_ITCH_L_AT_PARTICIPANT, 4);
        stock(m->stock, b + TL_ITCH_L_AT_STOCK);
        m->printable = b[TL_ITCH_L_AT_MODE];
        m->code = b[TL_ITCH_L_AT_STATE];
        break;
    case TL_ITCH_MWCB_LEVELS:
        m->price = (int64_t)be64(b + TL_ITCH_V_AT_LEVEL1);
        m->price2 = (int64_t)be64(b + TL_ITCH_V_AT_LEVEL2);
        m->price3 = (int64_t)be64(b + TL_ITCH_V_AT_LEVEL3);
        if (TL_UNLIKELY((m->price | m->price2 | m->price3) < 0)) {
            *problem = TL_ITCH_PROBLEM_BAD_FIELD;
            return false;
        }
        break;
    case TL_ITCH_MWCB_STATUS:
        m->code = b[TL_ITCH_W_AT_LEVEL];
        break;
    case TL_ITCH_IPO_QUOTING:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->shares = be32(b + TL_ITCH_K_AT_RELEASE_S);
        m->code = b[TL_ITCH_K_AT_QUALIFIER];
        m->price = be32(b + TL_ITCH_K_AT_PRICE);
        break;
    case TL_ITCH_AUCTION_COLLAR:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->price = be32(b + TL_ITCH_J_AT_REFERENCE_PRICE);
        m->price2 = be32(b + TL_ITCH_J_AT_UPPER);
        m->price3 = be32(b + TL_ITCH_J_AT_LOWER);
        m->shares = be32(b + TL_ITCH_J_AT_EXTENSION);
        break;
    case TL_ITCH_OPERATIONAL_HALT:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->printable = b[TL_ITCH_h_AT_MARKET];
        m->code = b[TL_ITCH_h_AT_ACTION];
        break;
    case TL_ITCH_IMBALANCE:
        m->shares = (int64_t)be64(b + TL_ITCH_I_AT_PAIRED);
        m->imbalance = (int64_t)be64(b + TL_ITCH_I_AT_IMBALANCE);
        m->printable = b[TL_ITCH_I_AT_DIRECTION];
        stock(m->stock, b + TL_ITCH_I_AT_STOCK);
        m->price3 = be32(b + TL_ITCH_I_AT_FAR);
        m->price2 = be32(b + TL_ITCH_I_AT_NEAR);
        m->price = be32(b + TL_ITCH_I_AT_REFERENCE_PRICE);
        m->code = b[TL_ITCH_I_AT_CROSS_TYPE];
        if (TL_UNLIKELY((m->shares | m->imbalance) < 0)) {
            *problem = TL_ITCH_PROBLEM_BAD_FIELD;
            return false;
        }
        break;
    case TL_ITCH_RETAIL_INTEREST:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->code = b[TL_ITCH_N_AT_INTEREST];
        break;
    case TL_ITCH_DIRECT_LISTING:
        stock(m->stock, b + TL_ITCH_AT_STOCK);
        m->code = b[TL_ITCH_O_AT_ELIGIBILITY];
        m->price2 = be32(b + TL_ITCH_O_AT_MINIMUM);
        m->price3 = be32(b + TL_ITCH_O_AT_MAXIMUM);
        m->price = be32(b + TL_ITCH_O_AT_NEAR);
        break;
    }
    return true;
}

tl_status tl_itch_open(const char *path, tl_itch **out) {
    tl_itch *reader = calloc(1, sizeof *reader);
    if (reader == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    tl_status status = tl_stream_open(path, &reader->stream);
    if (status != TL_OK) {
        free(reader);
        return status;
    }
    *out = reader;
    return TL_OK;
}

void tl_itch_close(tl_itch *reader) {
    if (reader == NULL) return;
    tl_stream_close(reader->stream);
    free(reader);
}

static void problem_at(tl_itch *reader, tl_itch_problem problem) {
    tl_itch_count_problem(&reader->problems, problem, reader->offset, reader->ordinal + 1);
}

static void fill(tl_itch *reader) {
    size_t left = reader->length - reader->at;
    memmove(reader->buffer, reader->buffer + reader->at, left);
    reader->at = 0;
    size_t n = 0;
    if (tl_stream_read(reader->stream, reader->buffer + left, sizeof reader->buffer - left, &n) != TL_OK)
        reader->ended = reader->broken = true;
    reader->length = left + n;
    if (reader->length < sizeof reader->buffer) reader->ended = true;
}

/* Whether a frame that makes sense, or the end of the file, is at this place of the buffer. */
static bool frame_at(const tl_itch *reader, size_t at) {
    if (at + TL_ITCH_FRAME_BYTES >= reader->length) return at == reader->length;
    unsigned length = be16(reader->buffer + at);
    return length != 0 && tl_itch_length(reader->buffer[at + TL_ITCH_FRAME_BYTES]) == length;
}

/* Whether the frame at hand, and others of its letter and length behind it, lead to one that makes sense. */
static bool leads_on(const tl_itch *reader) {
    const uint8_t *buffer = reader->buffer;
    size_t at = reader->at, step = TL_ITCH_FRAME_BYTES + be16(buffer + at);
    do
        at += step;
    while (at + TL_ITCH_FRAME_BYTES < reader->length &&
           memcmp(buffer + at, buffer + reader->at, TL_ITCH_FRAME_BYTES + 1) == 0);
    return frame_at(reader, at);
}

/* Whether three frames in a row make sense from this place of the buffer on, or fewer up to its end. */
static bool in_step(const tl_itch *reader, size_t at) {
    int good = 0;
    while (good < 3 && at < reader->length && frame_at(reader, at)) {
        at += TL_ITCH_FRAME_BYTES + be16(reader->buffer + at);
        good++;
    }
    return good == 3 || (good > 0 && at == reader->length);
}

/* After a length that cannot be: the next place at which frames make sense again, or the end of what is in the buffer. */
static size_t resynchronise(const tl_itch *reader, size_t from) {
    for (size_t start = from; start + TL_ITCH_FRAME_BYTES < reader->length; start++)
        if (in_step(reader, start)) return start;
    return reader->length;
}

/* Whether a frame of a wrong length is a frame all the same: what follows it makes sense, and not where its type's length would end. */
static bool other_length(const tl_itch *reader, size_t step) {
    if (step == TL_ITCH_FRAME_BYTES || !in_step(reader, reader->at + step)) return false;
    unsigned wanted = tl_itch_length(reader->buffer[reader->at + TL_ITCH_FRAME_BYTES]);
    return !in_step(reader, reader->at + TL_ITCH_FRAME_BYTES + wanted);
}

/* What is left at the end of the file cannot be a whole frame: the file was cut, unless the frame's length was wrong before. */
static bool cut_off(const uint8_t *frame, size_t have, unsigned length) {
    if (have < TL_ITCH_FRAME_BYTES) return true;
    if (TL_ITCH_FRAME_BYTES + length <= have || length > TL_ITCH_LENGTH_MAX) return false;
    unsigned wanted = have > TL_ITCH_FRAME_BYTES ? tl_itch_length(frame[TL_ITCH_FRAME_BYTES]) : 0;
    return wanted == 0 || wanted == length;
}

/* How far to go on behind a frame that was not a message. An unknown letter, a bad field or another length in a frame that makes sense
 * is skipped as a message; any other wrong length tells nothing of where the next one is. */
static size_t step_over(tl_itch *reader, tl_itch_problem problem, size_t step) {
    size_t have = reader->length - reader->at;
    if (problem == TL_ITCH_PROBLEM_BAD_LENGTH && !other_length(reader, step))
        return resynchronise(reader, reader->at + 1) - reader->at;
    reader->ordinal++;
    return step < have ? step : have;
}

void tl_itch_pass_over(tl_itch *reader, const uint8_t *locates) {
    reader->passed = locates;
}

/* A sound frame of a locate that nobody wants: its time is looked at, nothing else. */
static bool passed_over(tl_itch *reader, const uint8_t *body, unsigned length) {
    if (length < TL_ITCH_HEADER_BYTES || !reader->passed[be16(body + TL_ITCH_AT_LOCATE)]) return false;
    if (body[0] == TL_ITCH_SYSTEM_EVENT || body[0] == TL_ITCH_STOCK_DIRECTORY || tl_itch_length(body[0]) != length)
        return false;
    int64_t ts_ns = be48(body + TL_ITCH_AT_TIMESTAMP);
    if (TL_UNLIKELY(ts_ns < reader->last_ns)) problem_at(reader, TL_ITCH_PROBLEM_BACKWARDS);
    reader->last_ns = ts_ns;
    reader->ordinal++;
    return true;
}

/* The stream ended; where it was broken is known only now. */
static void count_broken(tl_itch *reader) {
    if (reader->broken) problem_at(reader, TL_ITCH_PROBLEM_BROKEN_STREAM);
    reader->broken = false;
}

unsigned tl_itch_read(tl_itch *reader, tl_itch_message *messages, unsigned capacity) {
    unsigned count = 0;
    while (count < capacity) {
        size_t have = reader->length - reader->at;
        if (TL_UNLIKELY(have < TL_ITCH_FRAME_BYTES + TL_ITCH_LENGTH_MAX)) {
            if (!reader->ended) {
                fill(reader);
                continue;
            }
            if (have == 0) {
                count_broken(reader);
                break;
            }
        }
        const uint8_t *frame = reader->buffer + reader->at;
        unsigned length = have >= TL_ITCH_FRAME_BYTES ? be16(frame) : 0;
        if (TL_UNLIKELY(have < TL_ITCH_FRAME_BYTES + TL_ITCH_LENGTH_MAX)) {
            bool end_mark = length == 0 && have == TL_ITCH_FRAME_BYTES; /* some files close with an empty frame */
            if (end_mark || cut_off(frame, have, length)) {
                if (!end_mark) problem_at(reader, TL_ITCH_PROBLEM_TRUNCATED);
                reader->offset += have;
                reader->at = reader->length;
                count_broken(reader);
                break;
            }
        }
        tl_itch_message *m = &messages[count];
        m->ordinal = reader->ordinal + 1;
        m->offset = reader->offset;
        tl_itch_problem problem = TL_ITCH_PROBLEM_BAD_LENGTH;
        size_t step = TL_ITCH_FRAME_BYTES + length;
        bool whole = length <= TL_ITCH_LENGTH_MAX && step <= have;
        if (reader->passed != NULL && whole && passed_over(reader, frame + TL_ITCH_FRAME_BYTES, length)) {
            reader->at += step;
            reader->offset += step;
            continue;
        }
        if (TL_LIKELY(whole && tl_itch_decode(frame + TL_ITCH_FRAME_BYTES, length, m, &problem))) {
            if (TL_UNLIKELY(m->ts_ns < reader->last_ns)) problem_at(reader, TL_ITCH_PROBLEM_BACKWARDS);
            reader->last_ns = m->ts_ns;
            reader->ordinal++;
            count++;
        } else {
            if (problem == TL_ITCH_PROBLEM_BAD_LENGTH && !reader->ended && have < sizeof reader->buffer / 2) {
                fill(reader); /* what follows tells where to go on */
                continue;
            }
            /* A longer message of a type that a later specification may bring. */
            if (length > TL_ITCH_LENGTH_MAX && tl_itch_length(frame[TL_ITCH_FRAME_BYTES]) == 0 && leads_on(reader))
                problem = TL_ITCH_PROBLEM_UNKNOWN_TYPE;
            problem_at(reader, problem);
            step = step_over(reader, problem, step);
        }
        reader->at += step;
        reader->offset += step;
    }
    return count;
}

static bool digits(const char *p, int n) {
    for (int i = 0; i < n; i++)
        if (!isdigit((unsigned char)p[i])) return false;
    return true;
}

static uint32_t number(const char *p, int n) {
    uint32_t v = 0;
    while (n-- > 0)
        v = v * 10 + (uint32_t)(*p++ - '0');
    return v;
}

static uint32_t date_of(uint32_t year, uint32_t month, uint32_t day) {
    return year >= 1990 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31
               ? year * 10000 + month * 100 + day
               : 0;
}

uint32_t tl_itch_date_of_name(const char *path) {
    const char *name = strrchr(path, '/');
    name = name != NULL ? name + 1 : path;
    for (const char *p = name; *p; p++) {
        if (p > name && isdigit((unsigned char)p[-1])) continue;
        uint32_t date = 0;
        if (digits(p, 4) && p[4] == '-' && digits(p + 5, 2) && p[7] == '-' && digits(p + 8, 2)) {
            date = date_of(number(p, 4), number(p + 5, 2), number(p + 8, 2));
        } else if (digits(p, 8) && !isdigit((unsigned char)p[8])) {
            date = date_of(number(p, 4), number(p + 4, 2), number(p + 6, 2));
            if (date == 0) date = date_of(number(p + 4, 4), number(p, 2), number(p + 2, 2));
        } else if (digits(p, 6) && !isdigit((unsigned char)p[6])) {
            date = date_of(2000 + number(p + 4, 2), number(p, 2), number(p + 2, 2));
        }
        if (date != 0) return date;
    }
    return 0;
}

const tl_itch_problem_counts *tl_itch_problems(const tl_itch *reader) {
    return &reader->problems;
}

uint64_t tl_itch_messages(const tl_itch *reader) {
    return reader->ordinal;
}

uint64_t tl_itch_consumed(const tl_itch *reader) {
    return tl_stream_consumed(reader->stream);
}

uint64_t tl_itch_size(const tl_itch *reader) {
    return tl_stream_size(reader->stream);
}

uint64_t tl_itch_unpacked(const tl_itch *reader) {
    return reader->offset;
}
