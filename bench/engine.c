/* The matching engine on one core: how many operations a second, and how long does one take?
 *
 *   engine [--json] [--runs N] [--live N] [--symbols N]
 *
 * The flow is made beforehand from a seed, so that timing covers the engine alone: about half limit orders around a walking middle (one
 * in eight takes), a third cancels and a tenth replaces of orders that are live, 4 % IOC, 2 % market orders (the exact shares
 * are printed); the live orders stay near --live (default 10,000, over --symbols, default 1). The floor is the same number of bare
 * tl_books_add and tl_books_remove calls, in turn, at the same number of live orders. Prints the median of the runs in CPU
 * time, which a busy machine stretches less; a latency is from
 * call to return with its events, the two readings of the time stamp counter included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "exchange/engine.h"

enum { OPERATIONS = 1000000, WARM = 200000, MAX_RUNS = 99, BUCKETS = 65536 };

typedef enum operation_kind { NEW, CANCEL, REPLACE } operation_kind;

typedef struct operation {
    tl_engine_order order; /* of a cancel or replace only id, price, quantity */
    operation_kind kind;
} operation;

static operation *operations;
static uint64_t shares[5];          /* limit, cancel, replace, IOC, market */
static uint64_t kinds[TL_REPORTS];  /* events of the flow */
static uint32_t histogram[BUCKETS]; /* by ns */
static uint64_t state = 88172645463325252u;
static volatile uint64_t sink;

static uint32_t below(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static tl_engine *fresh(uint32_t symbols, tl_instruments **instruments) {
    *instruments = tl_instruments_create();
    for (uint32_t i = 0; i < symbols; i++) {
        tl_instrument one = {0};
        snprintf(one.symbol, sizeof one.symbol, "S%u", i);
        tl_instruments_add(*instruments, &one, NULL);
    }
    tl_engine *engine = tl_engine_create(*instruments, TL_SELF_TRADE_CANCEL_NEWEST);
    if (engine == NULL) {
        fprintf(stderr, "engine: %s\n", tl_error_text());
        exit(1);
    }
    return engine;
}

static inline void apply(tl_engine *engine, const operation *o) {
    if (o->kind == NEW)
        tl_engine_new(engine, &o->order);
    else if (o->kind == CANCEL)
        tl_engine_cancel(engine, o->order.id);
    else
        tl_engine_replace(engine, o->order.id, o->order.price, o->order.quantity);
}

/* A passive price is a few ticks off the middle, the nearer the likelier. */
static int64_t price_of(int64_t middle, int side) {
    int64_t away = 1 + (int64_t)below(1 + below(40)) - (below(8) == 0 ? 4 : 0);
    return side == TL_SIDE_BUY ? middle - away : middle + away;
}

/* Makes the flow by running it: cancels and replaces are of orders that are live then. */
static void make_flow(uint32_t symbols, uint32_t live_wanted) {
    tl_instruments *instruments;
    tl_engine *engine = fresh(symbols, &instruments);
    uint64_t *ids = calloc(WARM + OPERATIONS, sizeof *ids);
    int64_t *middles = calloc(symbols, sizeof *middles);
    uint32_t count = 0;
    uint64_t next = 1;
    for (uint32_t i = 0; i < symbols; i++)
        middles[i] = 100000;
    for (uint32_t i = 0; i < WARM + OPERATIONS; i++) {
        operation *o = &operations[i];
        uint32_t symbol = below(symbols), dice = below(100);
        if (below(20) == 0) middles[symbol] += (int64_t)below(3) - 1;
        /* Few cancels while there are too few orders, more while there are too many. */
        uint64_t live = tl_books_live_orders(tl_engine_books(engine));
        if (live < live_wanted && dice >= 50 && dice < 84 && (i < WARM || below(3) == 0)) dice = 0;
        if (live > live_wanted && dice < 4) dice = 50;
        o->order = (tl_engine_order){.stop_price = TL_ABSENT, .instrument = symbol, .owner = 1 + below(1000)};
        uint64_t *chosen = NULL;
        for (int tries = 0; count > 0 && dice >= 50 && dice < 94 && chosen == NULL && tries < 8; tries++) {
            /* Young orders are cancelled more than old ones. */
            uint32_t at = below(3) != 0 ? count - 1 - below((count + 1) / 2) : below(count);
            if (ids[at] != 0 && tl_books_find(tl_engine_books(engine), ids[at]) != TL_BOOK_NIL) chosen = &ids[at];
        }
        if (chosen != NULL) {
            tl_books *books = tl_engine_books(engine);
            const tl_book_order *resting = tl_books_order(books, tl_books_find(books, *chosen));
            const tl_book_level *level = tl_books_level(books, resting->level);
            o->kind = dice < 84 ? CANCEL : REPLACE;
            o->order.id = *chosen;
            o->order.price =
                below(2) ? TL_ABSENT : price_of(middles[level->book_side >> 1], 1 + (int)(level->book_side & 1));
            o->order.quantity = 1 + below(300);
            if (o->kind == CANCEL) *chosen = 0;
        } else {
            o->kind = NEW;
            o->order.id = next++;
            o->order.side = (uint8_t)(1 + below(2));
            o->order.quantity = 1 + below(300);
            bool market = dice >= 98, ioc = dice >= 94 && !market;
            o->order.type = market ? TL_TYPE_MARKET : TL_TYPE_LIMIT;
            o->order.time_in_force = market || ioc ? TL_TIF_IOC : TL_TIF_GTC;
            o->order.price = market ? TL_ABSENT : price_of(middles[symbol], o->order.side);
            if (ioc) o->order.price += o->order.side == TL_SIDE_BUY ? 5 : -5;
            ids[count++] = o->order.id;
        }
        if (i >= WARM)
            shares[o->kind == NEW ? (o->order.type == TL_TYPE_MARKET        ? 4
                                     : o->order.time_in_force == TL_TIF_IOC ? 3
                                                                            : 0)
                                  : o->kind]++;
        apply(engine, o);
        uint32_t told;
        const tl_engine_event *list = tl_engine_events(engine, &told);
        if (i >= WARM)
            for (uint32_t k = 0; k < told; k++)
                kinds[list[k].kind]++;
        tl_engine_clear_events(engine);
        if ((i & 4095) != 0) continue;
        uint32_t kept = 0;
        for (uint32_t k = 0; k < count; k++)
            if (ids[k] != 0 && tl_books_find(tl_engine_books(engine), ids[k]) != TL_BOOK_NIL) ids[kept++] = ids[k];
        count = kept;
    }
    free(ids);
    free(middles);
    tl_engine_destroy(engine);
    tl_instruments_destroy(instruments);
}

/* One pass over the flow, ns an operation; with `each`, every operation's time goes to the histogram. */
static double run(uint32_t symbols, bool each, uint64_t *events, uint64_t *live) {
    tl_instruments *instruments;
    tl_engine *engine = fresh(symbols, &instruments);
    uint64_t told = 0;
    uint32_t count;
    for (uint32_t i = 0; i < WARM; i++) {
        apply(engine, &operations[i]);
        tl_engine_clear_events(engine);
    }
    double ns_per_tick = tl_clock_ns_per_tsc();
    int64_t start = tl_clock_process_cpu_ns();
    for (uint32_t i = WARM; i < WARM + OPERATIONS; i++) {
        uint64_t before = each ? tl_clock_tsc() : 0;
        apply(engine, &operations[i]);
        const tl_engine_event *list = tl_engine_events(engine, &count);
        told += count + (list[0].kind == 0);
        tl_engine_clear_events(engine);
        if (each) {
            double ns = (double)(tl_clock_tsc() - before) * ns_per_tick;
            histogram[ns < BUCKETS - 1 ? (uint32_t)ns : BUCKETS - 1]++;
        }
    }
    double ns = (double)(tl_clock_process_cpu_ns() - start) / OPERATIONS;
    *events = told;
    *live = tl_books_live_orders(tl_engine_books(engine));
    tl_engine_destroy(engine);
    tl_instruments_destroy(instruments);
    return ns;
}

/* Adds and removals in turn at `live` orders, ns a call. */
static double run_floor(uint32_t symbols, uint32_t live) {
    tl_books *books = tl_books_create(0);
    tl_books_ensure(books, symbols - 1);
    uint64_t next = 1;
    int64_t start = 0;
    for (uint32_t i = 0; i < live + OPERATIONS; i++) {
        if (i == live) start = tl_clock_process_cpu_ns();
        if (i < live || (i & 1) == 0) {
            int side = 1 + (int)(next & 1);
            tl_books_add(books, (uint32_t)(next % symbols), next, side,
                         side == TL_SIDE_BUY ? 100000 - below(40) : 100001 + below(40), 100, 0, NULL);
            next++;
        } else {
            tl_book_handle handle = tl_books_find(books, next - 1 - below(live));
            if (handle != TL_BOOK_NIL) tl_books_remove(books, handle);
        }
    }
    double ns = (double)(tl_clock_process_cpu_ns() - start) / OPERATIONS;
    sink += tl_books_live_orders(books);
    tl_books_destroy(books);
    return ns;
}

static uint32_t percentile(double share) {
    uint64_t all = 0, seen = 0;
    for (uint32_t i = 0; i < BUCKETS; i++)
        all += histogram[i];
    for (uint32_t i = 0; i < BUCKETS; i++)
        if ((double)(seen += histogram[i]) >= share * (double)all) return i;
    return BUCKETS;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double share(int kind) {
    return (double)shares[kind] / OPERATIONS;
}

int main(int argc, char **argv) {
    uint32_t runs = 5, live = 10000, symbols = 1;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--live") == 0 && i + 1 < argc)
            live = (uint32_t)atoi(argv[++i]);
        else if (strcmp(argv[i], "--symbols") == 0 && i + 1 < argc)
            symbols = (uint32_t)atoi(argv[++i]);
        else
            return fprintf(stderr, "usage: engine [--json] [--runs N] [--live N] [--symbols N]\n"), 2;
    }
    if (runs < 1 || runs > MAX_RUNS || live < 1 || live > WARM || symbols < 1 || symbols > 10000)
        return fprintf(stderr, "engine: runs 1 to %d, live 1 to %d, symbols 1 to 10000\n", MAX_RUNS, WARM), 2;
    operations = calloc(WARM + OPERATIONS, sizeof *operations);
    if (operations == NULL) return fprintf(stderr, "engine: no memory\n"), 1;
    make_flow(symbols, live);
    double engine_ns[MAX_RUNS], floor_ns[MAX_RUNS];
    uint64_t events = 0, resting = 0;
    for (uint32_t i = 0; i < runs; i++) {
        engine_ns[i] = run(symbols, false, &events, &resting);
        floor_ns[i] = run_floor(symbols, live);
        run(symbols, true, &events, &resting);
    }
    qsort(engine_ns, runs, sizeof(double), by_size);
    qsort(floor_ns, runs, sizeof(double), by_size);
    double ns = engine_ns[runs / 2], bare = floor_ns[runs / 2];
    uint64_t rejects = kinds[TL_REPORT_REJECTED] + kinds[TL_REPORT_CANCEL_REJECTED] + kinds[TL_REPORT_REPLACE_REJECTED];
    if (json)
        printf("{\"operations_per_second\":%.0f,\"floor_per_second\":%.0f,\"ratio\":%.3f,\"ns\":%.1f,\"ns_least\":%.1f,\"ns_"
               "most\":%.1f,"
               "\"mix\":{\"limit\":%.3f,\"cancel\":%.3f,\"replace\":%.3f,\"ioc\":%.3f,\"market\":%.3f},\"fills\":%.3f,"
               "\"rejects\":%.4f,\"p50_ns\":%u,\"p99_ns\":%u,\"p999_ns\":%u,\"events_per_operation\":%.2f,\"live_orders\":%"
               "llu,\"symbols\":%"
               "u}\n",
               1e9 / ns, 1e9 / bare, bare / ns, ns, engine_ns[0], engine_ns[runs - 1], share(0), share(1), share(2),
               share(3), share(4), (double)kinds[TL_REPORT_FILL] / OPERATIONS, (double)rejects / OPERATIONS, percentile(0.5),
               percentile(0.99), percentile(0.999), (double)events / OPERATIONS, (unsigned long long)resting, symbols);
    else
        printf("mixed flow: %.1f M operations/s (%.0f ns, %.0f to %.0f), p50 %u ns, p99 %u ns, p99.9 %u ns, %.2f events an "
               "operation, "
               "%llu live\nmix: limit %.1f %%, cancel %.1f %%, replace %.1f %%, IOC %.1f %%, market %.1f %%; %.2f fill "
               "events and %.4f rejects an operation\nbare books: %.1f M adds and removals/s (%.0f ns); the engine does "
               "%.2f of that\n",
               1e3 / ns, ns, engine_ns[0], engine_ns[runs - 1], percentile(0.5), percentile(0.99), percentile(0.999),
               (double)events / OPERATIONS, (unsigned long long)resting, 100 * share(0), 100 * share(1), 100 * share(2),
               100 * share(3), 100 * share(4), (double)kinds[TL_REPORT_FILL] / OPERATIONS, (double)rejects / OPERATIONS,
               1e3 / bare, bare, bare / ns);
    return 0;
}
