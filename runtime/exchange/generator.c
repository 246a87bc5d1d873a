#include "exchange/generator.h"

#include <stdlib.h>
#include <string.h>

#include "exchange/participants.h"

enum {
    EACH_AT_START = 6, /* R, H, Y, two L, and the opening cross: a symbol's messages whatever happens */
    EACH_AT_CROSS = 2, /* a cross and an order executed in it */
    OTHERS = 7,        /* S six times and V */
    HALT_MESSAGES = 8, /* of one halt, from the action to the resumption */
    MOST_ROUNDS = 60,  /* of imbalance messages before a cross */
    MOST_HALTS = 20,
    CHILDREN = 4096, /* follow-ups that may wait at one time */
    CLOCK_STEPS = 1024,
    NO_SYMBOL = -1
};

static const int64_t second = 1000000000;
static const int64_t pre_open_at = 25200 * 1000000000LL;  /* 07:00 */
static const int64_t imbalance_at = 34080 * 1000000000LL; /* 09:28 */
static const int64_t open_at = 34200 * 1000000000LL;      /* 09:30 */
static const int64_t closing_at = 57000 * 1000000000LL;   /* 15:50 */
static const int64_t close_at = 57600 * 1000000000LL;     /* 16:00 */
static const int64_t end_at = 72000 * 1000000000LL;       /* 20:00 */

typedef enum stage { START, PRE_OPEN, OPENING, CONTINUOUS, CLOSING, AFTER, FINISHED } stage;

/* Something that happens at a fixed time: a round of imbalances, or a step of a halt. */
typedef struct special {
    int64_t ts_ns;
    int32_t symbol; /* NO_SYMBOL: a round over all symbols */
    int32_t step;   /* of the halt, or the number of the round */
} special;

/* A follow-up: activity in a symbol brings more of it. */
typedef struct child {
    int64_t ts_ns;
    uint32_t symbol;
} child;

struct tl_generator {
    tl_generator_options options;
    tl_participants *participants;
    tl_random *random;
    stage stage;
    uint64_t written;
    uint64_t owed;      /* messages that the specials still to come will take */
    uint64_t stage_end; /* `written` at which the stage at hand ends */
    uint32_t symbol;    /* next of a stage that goes through all symbols */
    uint32_t part;      /* of the stage: which round or kind of message */
    int64_t ts_ns;
    double left; /* share of the stage's activity that is still to come */
    uint64_t parents;
    uint64_t parents_from; /* `written` when the stage began */
    int64_t next_parent_ns;
    uint32_t rounds;
    uint32_t special_count;
    uint32_t special_at;
    uint32_t child_count;
    special specials[2 * MOST_ROUNDS + MOST_HALTS * 5];
    child children[CHILDREN];
    double clock[CLOCK_STEPS + 1]; /* share of the trading day gone when a share of its activity is */
};

static uint32_t halts_of(uint32_t symbols) {
    uint32_t halts = symbols < 2 ? 0 : 1 + symbols / 50;
    return halts < MOST_HALTS ? halts : MOST_HALTS;
}

uint64_t tl_generator_least_messages(uint32_t symbols) {
    return (uint64_t)symbols * (EACH_AT_START + EACH_AT_CROSS) + OTHERS + (uint64_t)halts_of(symbols) * HALT_MESSAGES + 4;
}

/* Activity over the day, x from 0 to 1: high at the opening, higher at the close, low at noon. */
static double intensity(double x) {
    double from_noon = 2 * x - 1, opening = x < 0.05 ? 1 - x / 0.05 : 0, closing = x > 0.95 ? (x - 0.95) / 0.05 : 0;
    return 0.6 + 1.2 * from_noon * from_noon + 2.0 * opening + 2.5 * closing;
}

static void build_clock(tl_generator *g) {
    enum { FINE = 16 * CLOCK_STEPS };
    double total = 0, sum = 0;
    for (int i = 0; i < FINE; i++)
        total += intensity((i + 0.5) / FINE);
    int step = 0;
    for (int i = 0; i < FINE; i++) {
        double next = sum + intensity((i + 0.5) / FINE);
        while (step <= CLOCK_STEPS && next * CLOCK_STEPS >= total * step) {
            g->clock[step] = (i + (total * step / CLOCK_STEPS - sum) / (next - sum)) / FINE;
            step++;
        }
        sum = next;
    }
    while (step <= CLOCK_STEPS)
        g->clock[step++] = 1;
}

static int by_time(const void *a, const void *b) {
    const special *x = a, *y = b;
    if (x->ts_ns != y->ts_ns) return x->ts_ns < y->ts_ns ? -1 : 1;
    if (x->symbol != y->symbol) return x->symbol < y->symbol ? -1 : 1;
    return x->step - y->step;
}

/* A halt: the action, five minutes later quoting only, imbalances, then the cross that ends it. */
static void plan_halts(tl_generator *g) {
    uint32_t halts = halts_of(g->options.symbols);
    for (uint32_t i = 0; i < halts; i++) {
        /* One stretch of ranks each, so that no symbol has two; the first symbol always trades. */
        uint32_t width = (g->options.symbols - 1) / halts;
        int32_t symbol = (int32_t)(1 + i * width + (uint32_t)tl_random_below(g->random, width));
        int64_t at = (36000 + (int64_t)tl_random_below(g->random, 18000)) * second;
        static const int64_t after_s[] = {0, 300, 420, 540, 600};
        for (int32_t step = 0; step < 5; step++)
            g->specials[g->special_count++] =
                (special){.ts_ns = at + after_s[step] * second, .symbol = symbol, .step = step};
    }
}

static void plan(tl_generator *g) {
    uint64_t room = g->options.messages / ((uint64_t)g->options.symbols * 100);
    g->rounds = room > MOST_ROUNDS ? MOST_ROUNDS : (uint32_t)room;
    plan_halts(g);
    for (uint32_t i = 0; i < g->rounds; i++)
        g->specials[g->special_count++] = (special){
            .ts_ns = closing_at + (close_at - closing_at) * i / g->rounds + second, .symbol = NO_SYMBOL, .step = (int32_t)i};
    qsort(g->specials, g->special_count, sizeof(special), by_time);
    g->owed = (uint64_t)halts_of(g->options.symbols) * HALT_MESSAGES + (uint64_t)g->rounds * g->options.symbols;
}

tl_status tl_generator_create(const tl_generator_options *options, tl_generator **out) {
    if (options->symbols < 1 || options->symbols > TL_PARTICIPANTS_MAX_SYMBOLS)
        return tl_error_set(TL_ERR_ARGUMENT, "%u symbols: a session has 1 to %d", options->symbols,
                            TL_PARTICIPANTS_MAX_SYMBOLS);
    uint64_t least = tl_generator_least_messages(options->symbols);
    if (options->messages < least)
        return tl_error_set(TL_ERR_ARGUMENT, "%llu messages: a session of %u symbols has at least %llu",
                            (unsigned long long)options->messages, options->symbols, (unsigned long long)least);
    tl_generator *g = calloc(1, sizeof *g);
    if (g == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to generate a session");
    g->options = *options;
    g->participants = tl_participants_create(options->seed, options->symbols, options->messages);
    if (g->participants == NULL) {
        free(g);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory to generate %u symbols", options->symbols);
    }
    g->random = tl_participants_random(g->participants);
    build_clock(g);
    plan(g);
    g->ts_ns = 10983 * second; /* 03:03:03 */
    *out = g;
    return TL_OK;
}

void tl_generator_destroy(tl_generator *g) {
    if (g == NULL) return;
    tl_participants_destroy(g->participants);
    free(g);
}

static void system_event(tl_generator *g, char code) {
    tl_itch_message m = {.type = TL_ITCH_SYSTEM_EVENT, .code = (uint8_t)code};
    tl_participants_emit(g->participants, UINT32_MAX, g->ts_ns, &m);
}

static void pass(tl_generator *g, int64_t mean_ns) {
    g->ts_ns += 1 + (int64_t)((double)mean_ns * tl_random_exponential(g->random));
}

static void emit(tl_generator *g, uint32_t symbol, tl_itch_message m) {
    pass(g, 20000);
    tl_participants_emit(g->participants, symbol, g->ts_ns, &m);
}

/* Begins a stage of random activity that writes up to message number `end`. */
static void begin(tl_generator *g, stage next, uint64_t end) {
    g->stage = next;
    g->stage_end = end;
    g->symbol = g->part = 0;
    g->left = 1;
    g->parents = 0;
    g->parents_from = g->written;
}

/* Messages that the stage at hand may still write at will. */
static uint64_t room_of(const tl_generator *g) {
    return g->stage_end - g->written - g->owed;
}

/* Head of the file, a symbol and a message kind at a time. */
static void start(tl_generator *g) {
    tl_random *r = g->random;
    if (g->part == 0) {
        system_event(g, 'O');
        g->part++;
        return;
    }
    uint32_t symbol = g->symbol;
    double u = tl_random_uniform(r);
    switch (g->part) {
    case 1:
        emit(g, symbol, (tl_itch_message){.type = TL_ITCH_STOCK_DIRECTORY});
        break;
    case 2:
        emit(g, symbol, (tl_itch_message){.type = TL_ITCH_TRADING_ACTION, .code = 'T'});
        break;
    case 3:
        emit(g, symbol, (tl_itch_message){.type = TL_ITCH_REG_SHO, .code = u < 0.95 ? '0' : u < 0.99 ? '2' : '1'});
        break;
    case 4:
        emit(g, symbol,
             (tl_itch_message){.type = TL_ITCH_PARTICIPANT_POSITION, .printable = 'N', .code = 'A', .attribution = "NITE"});
        emit(g, symbol,
             (tl_itch_message){.type = TL_ITCH_PARTICIPANT_POSITION, .printable = 'N', .code = 'A', .attribution = "ETMM"});
        break;
    default:
        break;
    }
    if (++g->symbol < g->options.symbols) return;
    g->symbol = 0;
    if (++g->part < 5) return;
    g->ts_ns = 14400 * second; /* 04:00 */
    system_event(g, 'S');
    g->ts_ns = pre_open_at;
    tl_itch_message levels = {
        .type = TL_ITCH_MWCB_LEVELS, .price = 383000000000, .price2 = 358000000000, .price3 = 329000000000};
    tl_participants_emit(g->participants, UINT32_MAX, g->ts_ns, &levels);
}

/* Time of the next message of a stage in which `count` are still to come, spread evenly: the gap to the next of so many uniforms. */
static int64_t spread(tl_generator *g, int64_t from, int64_t to, double count) {
    double e = tl_random_exponential(g->random);
    g->left *= 1 - e / (count + e);
    return to - (int64_t)((double)(to - from) * g->left);
}

static void pre_open(tl_generator *g) {
    g->ts_ns = spread(g, pre_open_at, imbalance_at, (double)(g->stage_end - g->written));
    tl_participants_rest(g->participants, tl_participants_draw(g->participants), g->ts_ns);
}

/* Imbalances, then the start of market hours, then each symbol's cross. */
static void opening(tl_generator *g) {
    if (g->part < g->rounds) {
        int64_t at = imbalance_at + (open_at - imbalance_at) * g->part / g->rounds;
        if (g->ts_ns < at) g->ts_ns = at;
        tl_participants_imbalance(g->participants, g->symbol, g->ts_ns, 'O', (double)(g->part + 1) / g->rounds);
    } else if (g->part == g->rounds) {
        g->ts_ns = open_at;
        system_event(g, 'Q');
        g->part++;
        return;
    } else {
        pass(g, 100000);
        tl_participants_cross(g->participants, g->symbol, g->ts_ns, 'O');
    }
    if (++g->symbol == g->options.symbols) {
        g->symbol = 0;
        g->part++;
    }
}

static void push_child(tl_generator *g, uint32_t symbol) {
    if (g->child_count == CHILDREN) return;
    double mean_ns = tl_random_uniform(g->random) < 0.7 ? 150000 : 20000000;
    child one = {.ts_ns = g->ts_ns + 1 + (int64_t)(mean_ns * tl_random_exponential(g->random)), .symbol = symbol};
    uint32_t i = g->child_count++;
    for (; i > 0 && g->children[(i - 1) / 2].ts_ns > one.ts_ns; i = (i - 1) / 2)
        g->children[i] = g->children[(i - 1) / 2];
    g->children[i] = one;
}

static child pop_child(tl_generator *g) {
    child first = g->children[0], last = g->children[--g->child_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t next = 2 * i + 1;
        if (next >= g->child_count) break;
        if (next + 1 < g->child_count && g->children[next + 1].ts_ns < g->children[next].ts_ns) next++;
        if (g->children[next].ts_ns >= last.ts_ns) break;
        g->children[i] = g->children[next];
        i = next;
    }
    g->children[i] = last;
    return first;
}

static void halt_step(tl_generator *g, const special *s) {
    tl_participants *p = g->participants;
    uint32_t symbol = (uint32_t)s->symbol;
    tl_participants_symbol *one = tl_participants_symbol_at(p, symbol);
    tl_itch_message action = {.type = TL_ITCH_TRADING_ACTION};
    tl_itch_message collar = {.type = TL_ITCH_AUCTION_COLLAR, .price = (int64_t)(one->fair / 100) * 100};
    switch (s->step) {
    case 0:
        one->halted = 1;
        action.code = 'H';
        strcpy(action.attribution, "T1");
        tl_participants_emit(p, symbol, g->ts_ns, &action);
        break;
    case 1:
        action.code = 'Q';
        strcpy(action.attribution, "R4");
        tl_participants_emit(p, symbol, g->ts_ns, &action);
        collar.price2 = collar.price + collar.price / 2000 * 100;
        collar.price3 = collar.price - collar.price / 2000 * 100;
        tl_participants_emit(p, symbol, g->ts_ns, &collar);
        break;
    case 2:
    case 3:
        tl_participants_imbalance(p, symbol, g->ts_ns, 'H', 0.3 * s->step);
        break;
    default:
        tl_participants_imbalance(p, symbol, g->ts_ns, 'H', 1);
        tl_participants_cross(p, symbol, g->ts_ns, 'H');
        action.code = 'T';
        one->halted = 0;
        tl_participants_emit(p, symbol, g->ts_ns, &action);
        break;
    }
    g->special_at++;
}

static void closing_round(tl_generator *g, const special *s) {
    tl_participants_imbalance(g->participants, g->symbol, g->ts_ns, 'C', (double)(s->step + 1) / g->rounds);
    if (++g->symbol < g->options.symbols) return;
    g->symbol = 0;
    g->special_at++;
}

/* When the next parent event comes: as many of them are left as the rest of the messages makes at the family size so far. */
static int64_t draw_parent(tl_generator *g) {
    double family = (double)(g->written - g->parents_from + 250) / (double)(g->parents + 100);
    double count = (double)room_of(g) / family;
    double e = tl_random_exponential(g->random);
    g->left *= 1 - e / (count + e);
    double gone = (1 - g->left) * CLOCK_STEPS;
    int step = gone >= CLOCK_STEPS ? CLOCK_STEPS - 1 : (int)gone;
    double x = g->clock[step] + (g->clock[step + 1] - g->clock[step]) * (gone - step);
    return open_at + (int64_t)((double)(close_at - open_at) * x);
}

/* Parents are spread over the day by its intensity; each event has on average half a child, in the same symbol and soon after (a Hawkes
 * process, drawn by its families). */
static void continuous(tl_generator *g) {
    const special *s = g->special_at < g->special_count ? &g->specials[g->special_at] : NULL;
    bool spent = room_of(g) == 0;
    if (!spent && g->next_parent_ns == 0) g->next_parent_ns = draw_parent(g);
    int64_t next = g->next_parent_ns;
    bool from_family = g->child_count > 0 && g->children[0].ts_ns < next;
    if (from_family) next = g->children[0].ts_ns;
    if (s != NULL && (spent || s->ts_ns <= next || g->symbol > 0)) {
        if (g->ts_ns < s->ts_ns) g->ts_ns = s->ts_ns;
        if (s->symbol == NO_SYMBOL)
            closing_round(g, s);
        else
            halt_step(g, s);
        g->owed -= tl_participants_messages(g->participants);
        return;
    }
    if (spent) {
        begin(g, CLOSING, 0);
        return;
    }
    uint32_t symbol;
    if (from_family) {
        symbol = pop_child(g).symbol;
    } else {
        symbol = tl_participants_draw(g->participants);
        g->parents++;
        g->next_parent_ns = 0;
    }
    if (next >= close_at) next = close_at - 1;
    if (next > g->ts_ns) g->ts_ns = next;
    double x = (double)(g->ts_ns - open_at) / (double)(close_at - open_at);
    tl_participants_act(g->participants, symbol, g->ts_ns, intensity(x));
    double u = tl_random_uniform(g->random);
    for (int children = u < 0.36 ? 1 : u < 0.43 ? 2 : 0; children > 0; children--)
        push_child(g, symbol);
}

static void closing(tl_generator *g) {
    if (g->part == 0) {
        g->ts_ns = close_at;
        system_event(g, 'M');
        g->part++;
        return;
    }
    pass(g, 100000);
    tl_participants_cross(g->participants, g->symbol, g->ts_ns, 'C');
    if (++g->symbol == g->options.symbols) begin(g, AFTER, g->options.messages - 2);
}

static void after(tl_generator *g) {
    if (g->written < g->stage_end) {
        int64_t at = spread(g, close_at + 10 * second, end_at, (double)(g->stage_end - g->written));
        if (g->ts_ns < at) g->ts_ns = at;
        tl_participants_rest(g->participants, tl_participants_draw(g->participants), g->ts_ns);
        return;
    }
    g->ts_ns = end_at;
    system_event(g, 'E');
    g->ts_ns = end_at + 300 * second;
    system_event(g, 'C');
    g->stage = FINISHED;
}

/* Messages before the opening: what fills the books, but no more than a ninth of the session. */
static uint64_t pre_open_messages(const tl_generator *g, uint64_t spare) {
    uint64_t fills = 0;
    for (uint32_t i = 0; i < g->options.symbols; i++)
        fills += 2 * (uint64_t)tl_participants_symbol_at(g->participants, i)->wanted;
    return fills < spare / 9 ? fills : spare / 9;
}

static void step(tl_generator *g) {
    uint64_t spare = g->options.messages - tl_generator_least_messages(g->options.symbols);
    switch (g->stage) {
    case START:
        start(g);
        if (g->part == 5) begin(g, PRE_OPEN, (uint64_t)g->options.symbols * 5 + 3 + pre_open_messages(g, spare));
        break;
    case PRE_OPEN:
        if (g->written < g->stage_end)
            pre_open(g);
        else
            begin(g, OPENING, 0);
        break;
    case OPENING:
        opening(g);
        if (g->part == g->rounds + 2) begin(g, CONTINUOUS, g->options.messages - g->options.symbols - 3 - spare / 400);
        break;
    case CONTINUOUS:
        continuous(g);
        break;
    case CLOSING:
        closing(g);
        break;
    case AFTER:
        after(g);
        break;
    default:
        break;
    }
}

tl_status tl_generator_fill(tl_generator *g, uint8_t *buffer, size_t capacity, size_t *length) {
    *length = 0;
    while (g->stage != FINISHED && capacity - *length >= TL_PARTICIPANTS_MAX_ACTION_BYTES) {
        uint64_t room = g->stage == CONTINUOUS ? room_of(g) : g->options.messages;
        tl_participants_output(g->participants, buffer + *length, room);
        step(g);
        *length += tl_participants_bytes(g->participants);
        g->written += tl_participants_messages(g->participants);
        tl_status status = tl_participants_status(g->participants);
        if (status != TL_OK) return status;
    }
    return TL_OK;
}

uint64_t tl_generator_written(const tl_generator *g) {
    return g->written;
}
