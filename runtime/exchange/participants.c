#include "exchange/participants.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK = 100,
    FEW_LEVELS = 4,      /* a side with fewer is filled first */
    MOST_EXECUTIONS = 60 /* of one aggressive order: what is left is dropped */
};

static const double day_seconds = 23400;
static const double trading_days = 252;

struct tl_participants {
    tl_random random;
    tl_books *books;
    tl_participants_symbol *symbols;
    double *cumulative; /* share of the activity, summed by rank */
    uint32_t count;
    uint64_t reference;
    uint64_t match;
    uint8_t *out;
    size_t bytes;
    uint64_t messages;
    uint64_t room;
    tl_status failed; /* the books could not grow */
};

/* Well-known names with a price and a volatility, so that a generated session reads like one. */
static const struct known {
    const char *name;
    double dollars;
    double volatility; /* a year */
} known_symbols[] = {
    {"AAPL", 150, 0.12}, {"MSFT", 310, 0.14}, {"AMZN", 128, 0.20}, {"NVDA", 240, 0.28},  {"GOOG", 105, 0.18},
    {"META", 205, 0.25}, {"TSLA", 185, 0.35}, {"AVGO", 630, 0.20}, {"PEP", 182, 0.10},   {"COST", 495, 0.13},
    {"CSCO", 50, 0.13},  {"ADBE", 380, 0.22}, {"NFLX", 340, 0.26}, {"AMD", 95, 0.32},    {"CMCSA", 38, 0.16},
    {"TXN", 180, 0.16},  {"QCOM", 122, 0.20}, {"INTC", 33, 0.24},  {"AMGN", 240, 0.13},  {"SBUX", 104, 0.15},
    {"MDLZ", 70, 0.10},  {"GILD", 82, 0.14},  {"ISRG", 255, 0.20}, {"BKNG", 2600, 0.18}, {"QQQ", 318, 0.11},
};

static const char *const attributions[] = {"NITE", "ETMM", "UBSS", "GSCO"};

/* How often an event of probability q happens before it fails, at most `most`. */
static uint32_t geometric(tl_random *random, double q, uint32_t most) {
    uint32_t n = 0;
    while (n < most && tl_random_uniform(random) < q)
        n++;
    return n;
}

static uint32_t below(tl_participants *p, uint32_t n) {
    return (uint32_t)tl_random_below(&p->random, n);
}

static void name_symbol(tl_participants_symbol *s, uint32_t rank) {
    uint32_t known = sizeof known_symbols / sizeof known_symbols[0];
    if (rank < known) {
        strcpy(s->name, known_symbols[rank].name);
        return;
    }
    uint32_t n = rank - known;
    s->name[0] = 'Z';
    for (int i = n < 26 * 26 * 26 ? 3 : 4; i > 0; i--, n /= 26)
        s->name[i] = (char)('A' + n % 26);
}

static void open_symbol(tl_participants *p, uint32_t rank, double share, uint64_t messages) {
    tl_participants_symbol *s = &p->symbols[rank];
    name_symbol(s, rank);
    bool known = rank < sizeof known_symbols / sizeof known_symbols[0];
    double u = tl_random_uniform(&p->random), dollars = 8 + 12 / (0.08 + u),
           volatility = 0.15 + 0.35 * tl_random_uniform(&p->random);
    if (known) {
        dollars = known_symbols[rank].dollars * (1 + 0.01 * (u - 0.5));
        volatility = known_symbols[rank].volatility;
    }
    s->fair = dollars * 10000;
    s->base_variance = s->variance = volatility * volatility / (trading_days * day_seconds);
    double thinness = (double)rank / (double)(p->count + 10);
    s->half_spread = 70 + s->fair * (0.00002 + 0.0006 * thinness);
    if (rank == 0) s->half_spread = 45;
    double wanted = (double)messages * share / 6;
    s->wanted = wanted < 100 ? 100 : wanted > 1000 ? 1000 : (uint32_t)wanted;
}

tl_participants *tl_participants_create(uint64_t seed, uint32_t symbols, uint64_t messages) {
    tl_participants *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    tl_random_seed(&p->random, seed, 0);
    p->count = symbols;
    p->books = tl_books_create(0);
    p->symbols = calloc(symbols, sizeof *p->symbols);
    p->cumulative = calloc(symbols, sizeof *p->cumulative);
    if (p->books == NULL || p->symbols == NULL || p->cumulative == NULL || tl_books_ensure(p->books, symbols - 1) != TL_OK) {
        tl_participants_destroy(p);
        return NULL;
    }
    double sum = 0;
    for (uint32_t i = 0; i < symbols; i++)
        p->cumulative[i] = sum += 1.0 / (1 + i);
    for (uint32_t i = 0; i < symbols; i++) {
        open_symbol(p, i, 1.0 / (1 + i) / sum, messages);
        p->cumulative[i] /= sum;
    }
    return p;
}

void tl_participants_destroy(tl_participants *p) {
    if (p == NULL) return;
    tl_books_destroy(p->books);
    free(p->symbols);
    free(p->cumulative);
    free(p);
}

tl_random *tl_participants_random(tl_participants *p) {
    return &p->random;
}

tl_participants_symbol *tl_participants_symbol_at(tl_participants *p, uint32_t symbol) {
    return &p->symbols[symbol];
}

uint32_t tl_participants_draw(tl_participants *p) {
    double u = tl_random_uniform(&p->random);
    uint32_t low = 0, high = p->count - 1;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->cumulative[middle] <= u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void tl_participants_output(tl_participants *p, uint8_t *buffer, uint64_t room_messages) {
    p->out = buffer;
    p->bytes = 0;
    p->messages = 0;
    p->room = room_messages;
}

size_t tl_participants_bytes(const tl_participants *p) {
    return p->bytes;
}

tl_status tl_participants_status(const tl_participants *p) {
    return p->failed;
}

uint64_t tl_participants_messages(const tl_participants *p) {
    return p->messages;
}

void tl_participants_emit(tl_participants *p, uint32_t symbol, int64_t ts_ns, tl_itch_message *m) {
    m->ts_ns = ts_ns;
    if (symbol != UINT32_MAX) {
        m->locate = (uint16_t)(symbol + 1);
        memcpy(m->stock, p->symbols[symbol].name, sizeof m->stock);
    }
    p->bytes += tl_itch_encode(m, p->out + p->bytes);
    p->messages++;
}

static bool full(const tl_participants *p) {
    return p->messages >= p->room || p->failed != TL_OK;
}

static void move_fair(tl_participants *p, tl_participants_symbol *s, int64_t ts_ns, double factor) {
    double dt = (double)(ts_ns - s->last_ns) * 1e-9;
    s->last_ns = ts_ns;
    if (dt <= 0) return;
    if (dt > 60) dt = 60;
    double root = sqrt(dt), v = s->variance;
    s->fair *= 1 + sqrt(v * factor) * root * tl_random_normal(&p->random);
    v += (s->base_variance - v) * (dt / 300) + 0.05 * v * root * tl_random_normal(&p->random);
    if (v < s->base_variance / 8) v = s->base_variance / 8;
    if (v > s->base_variance * 12) v = s->base_variance * 12;
    s->variance = v;
    if (s->fair < 15000) s->fair = 15000;
}

static int64_t anchor(const tl_participants_symbol *s, int side) {
    if (side == TL_SIDE_BUY) return (int64_t)((s->fair - s->half_spread) / TICK) * TICK;
    return ((int64_t)((s->fair + s->half_spread) / TICK) + 1) * TICK;
}

static int64_t best(const tl_participants *p, uint32_t symbol, int side) {
    uint32_t level = tl_books_level_at(p->books, symbol, side, 0);
    return level != TL_BOOK_NIL ? tl_books_level(p->books, level)->price : TL_ABSENT;
}

static int other(int side) {
    return TL_SIDE_BUY + TL_SIDE_SELL - side;
}

static bool crosses(const tl_participants *p, uint32_t symbol, int side, int64_t price) {
    int64_t opposite = best(p, symbol, other(side));
    return opposite != TL_ABSENT && (side == TL_SIDE_BUY ? price >= opposite : price <= opposite);
}

static int64_t draw_shares(tl_participants *p) {
    double u = tl_random_uniform(&p->random);
    if (u < 0.55) return 100;
    if (u < 0.70) return 200;
    if (u < 0.80) return 100 * (3 + (int64_t)below(p, 3));
    if (u < 0.95) return 1 + (int64_t)below(p, 99);
    return 100 * (5 + (int64_t)below(p, 16));
}

/* Ticks away from the anchor: mostly near, now and then deep. */
static int64_t draw_price(tl_participants *p, uint32_t symbol, int side) {
    const tl_participants_symbol *s = &p->symbols[symbol];
    int64_t away = geometric(&p->random, 0.78, 40);
    if (tl_random_uniform(&p->random) < 0.10) away += below(p, 40);
    int64_t price = side == TL_SIDE_BUY ? anchor(s, side) - away * TICK : anchor(s, side) + away * TICK;
    return price < TICK ? TICK : price;
}

/* The nearest price that does not cross. */
static int64_t beside(const tl_participants *p, uint32_t symbol, int side, int64_t price) {
    if (!crosses(p, symbol, side, price)) return price;
    int64_t opposite = best(p, symbol, other(side));
    return side == TL_SIDE_BUY ? opposite - TICK : opposite + TICK;
}

static void add(tl_participants *p, uint32_t symbol, int64_t ts_ns, int side, int64_t price, int64_t shares) {
    tl_itch_message m = {.type = TL_ITCH_ADD, .side = (uint8_t)side, .shares = shares, .price = price};
    if (price < TICK) return;
    m.reference = p->reference += 1 + geometric(&p->random, 0.3, 8);
    if (tl_random_uniform(&p->random) < 0.05) {
        m.type = TL_ITCH_ADD_ATTRIBUTED;
        strcpy(m.attribution, attributions[below(p, 4)]);
    }
    if ((p->failed = tl_books_add(p->books, symbol, m.reference, side, price, shares, 0, NULL)) != TL_OK) return;
    p->symbols[symbol].live++;
    tl_participants_emit(p, symbol, ts_ns, &m);
}

static void note_trade(tl_participants *p, uint32_t symbol, tl_itch_message *m) {
    m->match = p->symbols[symbol].last_match = p->match += 1 + geometric(&p->random, 0.2, 4);
}

/* Takes `shares` off the other side in queue order up to a limit; returns what is left. Each share moves the fair price a little. */
static int64_t take(tl_participants *p, uint32_t symbol, int64_t ts_ns, int side, int64_t shares, int64_t limit) {
    tl_participants_symbol *s = &p->symbols[symbol];
    int64_t wanted = shares;
    for (int n = 0; n < MOST_EXECUTIONS && shares > 0 && !full(p); n++) {
        uint32_t level = tl_books_level_at(p->books, symbol, other(side), 0);
        if (level == TL_BOOK_NIL || tl_books_depth(p->books, symbol, other(side)) < 2) break;
        const tl_book_level *l = tl_books_level(p->books, level);
        if (side == TL_SIDE_BUY ? l->price > limit : l->price < limit) break;
        const tl_book_order *o = tl_books_order(p->books, l->head);
        tl_itch_message m = {.type = TL_ITCH_EXECUTED, .reference = o->reference};
        m.shares = shares < o->quantity ? shares : o->quantity;
        if (tl_random_uniform(&p->random) < 0.004) { /* an order that was shown at a worse price than it trades at */
            m.type = TL_ITCH_EXECUTED_AT_PRICE;
            m.printable = 'Y';
            m.price = side == TL_SIDE_BUY ? l->price - TICK / 2 : l->price + TICK / 2;
        }
        note_trade(p, symbol, &m);
        shares -= m.shares;
        s->live -= m.shares == o->quantity;
        tl_books_reduce(p->books, l->head, m.shares);
        tl_participants_emit(p, symbol, ts_ns, &m);
    }
    double push = (double)(wanted - shares) / 400;
    if (push > 2) push = 2;
    s->fair += (side == TL_SIDE_BUY ? push : -push) * 0.1 * s->half_spread;
    s->flow = s->flow * 0.9 + (side == TL_SIDE_BUY ? 0.1 : -0.1);
    return shares;
}

/* A new limit order; what of it can trade does. */
static void enter(tl_participants *p, uint32_t symbol, int64_t ts_ns, int side) {
    int64_t price = draw_price(p, symbol, side), shares = draw_shares(p);
    if (crosses(p, symbol, side, price)) shares = take(p, symbol, ts_ns, side, shares, price);
    if (shares > 0 && !full(p)) add(p, symbol, ts_ns, side, beside(p, symbol, side, price), shares);
}

/* A resting order, mostly near the touch; TL_BOOK_NIL when the side must be left as it is. */
static tl_book_handle choose(tl_participants *p, uint32_t symbol, int side) {
    uint32_t depth = tl_books_depth(p->books, symbol, side);
    if (depth < FEW_LEVELS) return TL_BOOK_NIL;
    uint32_t i = tl_random_uniform(&p->random) < 0.15 ? below(p, depth) : geometric(&p->random, 0.80, depth - 1);
    const tl_book_level *l = tl_books_level(p->books, tl_books_level_at(p->books, symbol, side, i));
    bool from_tail = tl_random_uniform(&p->random) < 0.6;
    tl_book_handle order = from_tail ? l->tail : l->head;
    for (uint32_t steps = geometric(&p->random, 0.5, 6); steps > 0; steps--) {
        const tl_book_order *o = tl_books_order(p->books, order);
        tl_book_handle next = from_tail ? o->previous : o->next;
        if (next == TL_BOOK_NIL) break;
        order = next;
    }
    return order;
}

static void withdraw(tl_participants *p, uint32_t symbol, int64_t ts_ns, tl_book_handle order) {
    tl_itch_message m = {.type = TL_ITCH_DELETE, .reference = tl_books_order(p->books, order)->reference};
    tl_books_remove(p->books, order);
    p->symbols[symbol].live--;
    tl_participants_emit(p, symbol, ts_ns, &m);
}

static void replace(tl_participants *p, uint32_t symbol, int64_t ts_ns, int side, tl_book_handle order) {
    tl_itch_message m = {.type = TL_ITCH_REPLACE, .reference = tl_books_order(p->books, order)->reference};
    m.price = beside(p, symbol, side, draw_price(p, symbol, side));
    if (m.price < TICK) return;
    m.shares = draw_shares(p);
    m.new_reference = p->reference += 1 + geometric(&p->random, 0.3, 8);
    tl_books_remove(p->books, order);
    if ((p->failed = tl_books_add(p->books, symbol, m.new_reference, side, m.price, m.shares, 0, NULL)) != TL_OK) return;
    tl_participants_emit(p, symbol, ts_ns, &m);
}

/* Whoever stands where the fair price has left pulls the order back, or out. */
static void flee(tl_participants *p, uint32_t symbol, int64_t ts_ns, int side, tl_book_handle order) {
    if (tl_random_uniform(&p->random) < 0.6)
        replace(p, symbol, ts_ns, side, order);
    else
        withdraw(p, symbol, ts_ns, order);
}

static void shrink(tl_participants *p, uint32_t symbol, int64_t ts_ns, tl_book_handle order) {
    const tl_book_order *o = tl_books_order(p->books, order);
    if (o->quantity < 2) return;
    tl_itch_message m = {.type = TL_ITCH_CANCEL, .reference = o->reference};
    m.shares = 1 + (int64_t)below(p, (uint32_t)(o->quantity - 1));
    tl_books_reduce(p->books, order, m.shares);
    tl_participants_emit(p, symbol, ts_ns, &m);
}

/* A trade with an order that is not shown, at or near the middle. */
static void trade_hidden(tl_participants *p, uint32_t symbol, int64_t ts_ns) {
    int64_t bid = best(p, symbol, TL_SIDE_BUY), ask = best(p, symbol, TL_SIDE_SELL);
    if (bid == TL_ABSENT || ask == TL_ABSENT) return;
    tl_itch_message m = {.type = TL_ITCH_TRADE, .side = TL_SIDE_BUY, .shares = draw_shares(p)};
    m.price = (bid + ask) / 2;
    note_trade(p, symbol, &m);
    tl_participants_emit(p, symbol, ts_ns, &m);
}

/* A side whose best price the fair price has left behind, TL_SIDE_NONE when there is none. */
static int stale_side(const tl_participants *p, uint32_t symbol) {
    const tl_participants_symbol *s = &p->symbols[symbol];
    int64_t bid = best(p, symbol, TL_SIDE_BUY), ask = best(p, symbol, TL_SIDE_SELL);
    if (bid != TL_ABSENT && bid > anchor(s, TL_SIDE_BUY)) return TL_SIDE_BUY;
    if (ask != TL_ABSENT && ask < anchor(s, TL_SIDE_SELL)) return TL_SIDE_SELL;
    return TL_SIDE_NONE;
}

static int draw_side(tl_participants *p) {
    return tl_random_next(&p->random) >> 63 ? TL_SIDE_BUY : TL_SIDE_SELL;
}

static void act_at_will(tl_participants *p, uint32_t symbol, int64_t ts_ns) {
    tl_participants_symbol *s = &p->symbols[symbol];
    double fullness = (double)s->live / s->wanted, u = tl_random_uniform(&p->random);
    if (fullness > 2) fullness = 2;
    double adds = 0.58 - 0.12 * fullness, deletes = 0.19 + 0.12 * fullness;
    int side = draw_side(p);
    if (u < adds) {
        enter(p, symbol, ts_ns, side);
    } else if (u < adds + deletes + 0.16) {
        tl_book_handle order = choose(p, symbol, side);
        if (order == TL_BOOK_NIL)
            enter(p, symbol, ts_ns, side);
        else if (u < adds + deletes)
            withdraw(p, symbol, ts_ns, order);
        else if (u < adds + deletes + 0.12)
            replace(p, symbol, ts_ns, side, order);
        else
            shrink(p, symbol, ts_ns, order);
    } else if (u < 0.98) {
        side = tl_random_uniform(&p->random) < 0.5 + 0.25 * s->flow ? TL_SIDE_BUY : TL_SIDE_SELL;
        int64_t touch = best(p, symbol, other(side));
        if (touch != TL_ABSENT)
            take(p, symbol, ts_ns, side, draw_shares(p), side == TL_SIDE_BUY ? touch + TICK : touch - TICK);
    } else if (u < 0.997) {
        trade_hidden(p, symbol, ts_ns);
    } else if (u < 0.99997 || s->last_match == 0) {
        tl_itch_message m = {.type = TL_ITCH_RETAIL_INTEREST, .code = (uint8_t) "BSAN"[below(p, 4)]};
        tl_participants_emit(p, symbol, ts_ns, &m);
    } else {
        tl_itch_message m = {.type = TL_ITCH_BROKEN_TRADE, .match = s->last_match};
        s->last_match = 0;
        tl_participants_emit(p, symbol, ts_ns, &m);
    }
}

void tl_participants_act(tl_participants *p, uint32_t symbol, int64_t ts_ns, double variance_factor) {
    tl_participants_symbol *s = &p->symbols[symbol];
    uint64_t before = p->messages;
    if (s->halted) {
        tl_participants_rest(p, symbol, ts_ns);
        return;
    }
    move_fair(p, s, ts_ns, variance_factor);
    for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL && p->messages == before; side++)
        if (tl_books_depth(p->books, symbol, side) < FEW_LEVELS) enter(p, symbol, ts_ns, side);
    int stale = p->messages == before ? stale_side(p, symbol) : TL_SIDE_NONE;
    if (stale != TL_SIDE_NONE && tl_random_uniform(&p->random) < 0.7) {
        uint32_t level = tl_books_level_at(p->books, symbol, stale, 0);
        if (tl_random_uniform(&p->random) < 0.15)
            take(p, symbol, ts_ns, other(stale), draw_shares(p), best(p, symbol, stale));
        else if (tl_books_depth(p->books, symbol, stale) >= FEW_LEVELS)
            flee(p, symbol, ts_ns, stale, tl_books_level(p->books, level)->tail);
    }
    while (p->messages == before && p->failed == TL_OK)
        act_at_will(p, symbol, ts_ns);
}

void tl_participants_rest(tl_participants *p, uint32_t symbol, int64_t ts_ns) {
    tl_participants_symbol *s = &p->symbols[symbol];
    uint64_t before = p->messages;
    s->last_ns = ts_ns;
    int side = draw_side(p);
    double fullness = (double)s->live / s->wanted;
    if (tl_random_uniform(&p->random) < 0.5 * fullness * fullness) {
        tl_book_handle order = choose(p, symbol, side);
        if (order != TL_BOOK_NIL) withdraw(p, symbol, ts_ns, order);
    }
    while (p->messages == before && p->failed == TL_OK)
        add(p, symbol, ts_ns, side, beside(p, symbol, side, draw_price(p, symbol, side)), draw_shares(p));
}

static int64_t cross_price(const tl_participants *p, uint32_t symbol) {
    int64_t price = (int64_t)(p->symbols[symbol].fair / TICK + 0.5) * TICK;
    int64_t bid = best(p, symbol, TL_SIDE_BUY), ask = best(p, symbol, TL_SIDE_SELL);
    if (bid != TL_ABSENT && price < bid) price = bid;
    if (ask != TL_ABSENT && price > ask) price = ask;
    return price;
}

void tl_participants_cross(tl_participants *p, uint32_t symbol, int64_t ts_ns, char cross_type) {
    tl_itch_message q = {.type = TL_ITCH_CROSS, .code = (uint8_t)cross_type, .price = cross_price(p, symbol)};
    q.shares = 100 * (10 + (int64_t)below(p, 1 + p->symbols[symbol].wanted));
    int side = draw_side(p);
    uint32_t level = tl_books_level_at(p->books, symbol, side, 0);
    bool resting = cross_type == 'O' && tl_books_depth(p->books, symbol, side) >= FEW_LEVELS;
    if (resting) q.price = tl_books_level(p->books, level)->price;
    note_trade(p, symbol, &q);
    if (resting) {
        tl_book_handle order = tl_books_level(p->books, level)->head;
        tl_itch_message c = {.type = TL_ITCH_EXECUTED_AT_PRICE, .reference = tl_books_order(p->books, order)->reference};
        c.shares = tl_books_order(p->books, order)->quantity;
        c.printable = 'N';
        c.price = q.price;
        c.match = q.match;
        q.shares += c.shares;
        tl_books_remove(p->books, order);
        p->symbols[symbol].live--;
        tl_participants_emit(p, symbol, ts_ns, &c);
    }
    tl_participants_emit(p, symbol, ts_ns, &q);
}

void tl_participants_imbalance(tl_participants *p, uint32_t symbol, int64_t ts_ns, char cross_type, double progress) {
    tl_itch_message m = {.type = TL_ITCH_IMBALANCE, .code = (uint8_t)cross_type};
    double size = 100.0 * p->symbols[symbol].wanted;
    m.shares = (int64_t)(size * progress);
    m.imbalance = 100 * (int64_t)below(p, 1 + (uint32_t)(size * (1.05 - progress) / 200));
    m.printable = m.imbalance == 0 ? 'N' : draw_side(p) == TL_SIDE_BUY ? 'B' : 'S';
    m.price = cross_price(p, symbol);
    int64_t lean = m.printable == 'B' ? TICK : m.printable == 'S' ? -TICK : 0;
    m.price2 = m.price + lean;
    m.price3 = m.price + 2 * lean;
    tl_participants_emit(p, symbol, ts_ns, &m);
}
