#include "exchange/crowd.h"

#include <stdlib.h>
#include <string.h>

enum { MESSAGES_EACH = 2000 /* what a symbol's number of resting orders is reckoned from, as of a session's messages */ };

/* Streams of the seed: 0 is the participants' own. */
enum { STREAM_TIMES = 1, STREAM_LIVES = 2 };

/* What comes next, a symbol at a time. */
typedef enum stage { STAGE_HOURS = 0, STAGE_NAMES, STAGE_ACTIONS, STAGE_BOOKS, STAGE_OPEN } stage;

struct tl_crowd {
    tl_participants *participants;
    tl_random times;
    double mean_ns; /* between two actions */
    int64_t ts_ns;  /* of the messages in the buffer */
    uint32_t symbols;
    uint32_t symbol; /* whose turn it is before the market is open */
    stage stage;
    size_t at;
    size_t length; /* of the buffer */
    uint8_t buffer[TL_PARTICIPANTS_MAX_ACTION_BYTES];
};

tl_status tl_crowd_create(const tl_crowd_config *config, tl_crowd **out) {
    if (config->symbols < 1 || config->symbols > TL_PARTICIPANTS_MAX_SYMBOLS)
        return tl_error_set(TL_ERR_ARGUMENT, "%u symbols: a market of participants has 1 to %d", config->symbols,
                            TL_PARTICIPANTS_MAX_SYMBOLS);
    if (!(config->rate > 0 && config->rate <= 1e8))
        return tl_error_set(TL_ERR_ARGUMENT, "a rate of %g: participants act more than 0 and at most 1e8 times a second",
                            config->rate);
    tl_crowd *c = calloc(1, sizeof *c);
    if (c != NULL)
        c->participants = tl_participants_create(config->seed, config->symbols, (uint64_t)MESSAGES_EACH * config->symbols);
    if (c == NULL || c->participants == NULL) {
        free(c);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the participants of %u symbols", config->symbols);
    }
    if (config->life > 0)
        tl_random_seed(tl_participants_random(c->participants), config->seed, STREAM_LIVES + 2 * config->life);
    tl_random_seed(&c->times, config->seed, STREAM_TIMES + 2 * config->life);
    c->mean_ns = 1e9 / config->rate;
    c->symbols = config->symbols;
    *out = c;
    return TL_OK;
}

void tl_crowd_destroy(tl_crowd *c) {
    if (c == NULL) return;
    tl_participants_destroy(c->participants);
    free(c);
}

uint32_t tl_crowd_symbols(const tl_crowd *c) {
    return c->symbols;
}

tl_crowd_price tl_crowd_price_at(const tl_crowd *c, uint32_t symbol) {
    const tl_participants_symbol *s = tl_participants_symbol_at(c->participants, symbol);
    return (tl_crowd_price){.fair = s->fair, .variance = s->variance};
}

void tl_crowd_set_price(tl_crowd *c, uint32_t symbol, tl_crowd_price price) {
    tl_participants_symbol *s = tl_participants_symbol_at(c->participants, symbol);
    s->fair = price.fair;
    s->variance = price.variance;
}

void tl_crowd_start(tl_crowd *c, int64_t ts_ns) {
    c->ts_ns = ts_ns;
    for (uint32_t i = 0; i < c->symbols; i++)
        tl_participants_symbol_at(c->participants, i)->last_ns = ts_ns;
}

tl_status tl_crowd_instruments(const tl_crowd *c, tl_instruments *instruments) {
    tl_itch_directory *directory = tl_itch_directory_create(instruments);
    if (directory == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for the participants' instruments");
    bool named = true;
    for (uint32_t i = 0; i < c->symbols && named; i++) {
        tl_itch_message m = {.type = TL_ITCH_STOCK_DIRECTORY, .locate = (uint16_t)(i + 1)};
        memcpy(m.stock, tl_participants_symbol_at(c->participants, i)->name, sizeof m.stock);
        named = tl_itch_instrument(directory, &m) != (uint32_t)TL_NO_INSTRUMENT;
    }
    tl_itch_directory_destroy(directory);
    return named ? TL_OK : tl_error_set(TL_ERR_NO_MEMORY, "no room for the participants' instruments");
}

/* The turn of the next symbol, or the next stage. */
static void turn(tl_crowd *c, stage next) {
    if (++c->symbol < c->symbols) return;
    c->symbol = 0;
    c->stage = next;
}

/* Fills the buffer with what happens next. */
static void step(tl_crowd *c) {
    tl_participants *p = c->participants;
    tl_participants_output(p, c->buffer, UINT64_MAX);
    switch (c->stage) {
    case STAGE_HOURS:
        tl_participants_emit(p, UINT32_MAX, c->ts_ns, &(tl_itch_message){.type = TL_ITCH_SYSTEM_EVENT, .code = 'Q'});
        c->stage = STAGE_NAMES;
        break;
    case STAGE_NAMES:
        tl_participants_emit(p, c->symbol, c->ts_ns, &(tl_itch_message){.type = TL_ITCH_STOCK_DIRECTORY});
        turn(c, STAGE_ACTIONS);
        break;
    case STAGE_ACTIONS:
        tl_participants_emit(p, c->symbol, c->ts_ns, &(tl_itch_message){.type = TL_ITCH_TRADING_ACTION, .code = 'T'});
        turn(c, STAGE_BOOKS);
        break;
    case STAGE_BOOKS: {
        const tl_participants_symbol *s = tl_participants_symbol_at(p, c->symbol);
        tl_participants_rest(p, c->symbol, c->ts_ns);
        if (s->live >= s->wanted * 3 / 4) turn(c, STAGE_OPEN); /* towards all of it ever more would be taken out again */
        break;
    }
    default:
        c->ts_ns += 1 + (int64_t)(c->mean_ns * tl_random_exponential(&c->times));
        tl_participants_act(p, tl_participants_draw(p), c->ts_ns, 1);
        break;
    }
    c->at = 0;
    c->length = tl_participants_bytes(p);
}

unsigned tl_crowd_read(tl_crowd *c, tl_itch_message *messages, unsigned capacity) {
    unsigned count = 0;
    while (count < capacity && tl_participants_status(c->participants) == TL_OK) {
        if (c->at == c->length) {
            step(c);
            continue;
        }
        const uint8_t *frame = c->buffer + c->at;
        unsigned length = (unsigned)frame[0] << 8 | frame[1];
        tl_itch_problem problem;
        bool whole = tl_itch_decode(frame + TL_ITCH_FRAME_BYTES, length, &messages[count], &problem);
        c->at += TL_ITCH_FRAME_BYTES + length;
        if (!whole) continue;
        messages[count++].ts_ns = c->ts_ns; /* a message holds 48 bits of it */
    }
    return count;
}
