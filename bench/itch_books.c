/* ITCH to full order-by-order books on one core: how many messages a second?
 *
 *   itch_books [--json] [--runs N] [--wide MESSAGES] [--file FILE]
 *
 * Two sessions: a real day of one name (--file, where it is there) and a generated one of 8,000 symbols with about a million live
 * orders (--wide, default 20 million messages; 0 leaves it out). Each is unpacked into memory first. Measured are walking the frames alone
 * (the floor), decoding every message, and decoding plus books of all instruments; printed is the median of the runs in CPU time, and
 * each rate as a ratio to the floor's.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "exchange/generator.h"
#include "market/itch.h"
#include "market/stream.h"

enum { BATCH = 256, MAX_RUNS = 99, WIDE_SYMBOLS = 8000, WIDE_RUNS = 3 };

typedef struct rate {
    uint64_t messages;
    double seconds[MAX_RUNS];
    double bytes_an_order;
    uint64_t live;
} rate;

static tl_itch_message messages[BATCH];
static volatile uint64_t sink;

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void die(const char *what) {
    fprintf(stderr, "itch_books: %s: %s\n", what, tl_error_text());
    exit(1);
}

static double since(int64_t start) {
    return (double)(tl_clock_process_cpu_ns() - start) / 1e9;
}

static void put(int file, const uint8_t *bytes, size_t length) {
    for (ssize_t n; length > 0; bytes += n, length -= (size_t)n)
        if ((n = write(file, bytes, length)) <= 0) die("memory");
}

static void unpack(const char *path, int file) {
    tl_stream *stream;
    if (tl_stream_open(path, &stream) != TL_OK) die(path);
    static uint8_t buffer[1 << 20];
    size_t n;
    while (tl_stream_read(stream, buffer, sizeof buffer, &n) == TL_OK && n > 0)
        put(file, buffer, n);
    tl_stream_close(stream);
}

static void generate(uint64_t count, int file) {
    tl_generator *generator;
    tl_generator_options options = {.seed = 1, .messages = count, .symbols = WIDE_SYMBOLS};
    if (tl_generator_create(&options, &generator) != TL_OK) die("--wide");
    static uint8_t buffer[1 << 20];
    size_t n;
    while (tl_generator_fill(generator, buffer, sizeof buffer, &n) == TL_OK && n > 0)
        put(file, buffer, n);
    tl_generator_destroy(generator);
}

static void walk(const char *path, rate *r, int run) {
    tl_stream *stream;
    static uint8_t buffer[(1 << 20) + 64];
    if (tl_stream_open(path, &stream) != TL_OK) die(path);
    int64_t start = tl_clock_process_cpu_ns();
    size_t left = 0, n;
    uint64_t count = 0, sum = 0;
    while (tl_stream_read(stream, buffer + left, (1 << 20) - left, &n) == TL_OK && n > 0) {
        size_t at = 0, length = left + n;
        while (at + 52 < length) {
            sum += buffer[at + 2];
            at += 2 + ((size_t)buffer[at] << 8 | buffer[at + 1]);
            count++;
        }
        left = length - at;
        memmove(buffer, buffer + at, left);
    }
    sink = sum;
    r->seconds[run] = since(start);
    r->messages = count;
    tl_stream_close(stream);
}

static void parse(const char *path, rate *r, int run) {
    tl_itch *reader;
    if (tl_itch_open(path, &reader) != TL_OK) die(path);
    int64_t start = tl_clock_process_cpu_ns();
    uint64_t count = 0, sum = 0;
    for (unsigned n; (n = tl_itch_read(reader, messages, BATCH)) > 0; count += n)
        sum += (uint64_t)messages[n - 1].ts_ns;
    sink = sum;
    r->seconds[run] = since(start);
    r->messages = count;
    tl_itch_close(reader);
}

static void build(const char *path, rate *r, int run) {
    tl_itch *reader;
    tl_instruments *instruments = tl_instruments_create();
    tl_itch_directory *directory = tl_itch_directory_create(instruments);
    tl_books *books = tl_books_create(0);
    tl_itch_problem_counts problems = {0};
    if (tl_itch_open(path, &reader) != TL_OK) die(path);
    int64_t start = tl_clock_process_cpu_ns();
    uint64_t count = 0;
    for (unsigned n; (n = tl_itch_read(reader, messages, BATCH)) > 0; count += n) {
        tl_itch_apply(books, directory, messages, n, &problems, NULL);
        uint64_t live = tl_books_live_orders(books);
        if (live > r->live) {
            r->live = live;
            r->bytes_an_order = (double)tl_books_bytes(books) / (double)live;
        }
    }
    r->seconds[run] = since(start);
    r->messages = count;
    tl_itch_close(reader);
    tl_books_destroy(books);
    tl_itch_directory_destroy(directory);
    tl_instruments_destroy(instruments);
}

static double per_second(rate *r, int runs) {
    qsort(r->seconds, (size_t)runs, sizeof(double), by_size);
    return (double)r->messages / r->seconds[runs / 2];
}

static void measure(const char *name, int file, int runs, int json) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    rate floor_rate = {0}, parse_rate = {0}, book_rate = {0};
    for (int run = 0; run < runs; run++) {
        walk(path, &floor_rate, run);
        parse(path, &parse_rate, run);
        build(path, &book_rate, run);
    }
    double f = per_second(&floor_rate, runs), p = per_second(&parse_rate, runs), b = per_second(&book_rate, runs);
    unsigned long long count = parse_rate.messages, live = book_rate.live;
    if (json)
        printf("{\"session\":\"%s\",\"messages\":%llu,\"walk_per_second\":%.0f,\"parse_per_second\":%.0f,"
               "\"books_per_second\":%.0f,\"parse_ratio\":%.3f,\"books_ratio\":%.3f,\"live_orders\":%llu,"
               "\"bytes_per_live_order\":%.1f}",
               name, count, f, p, b, p / f, b / f, live, book_rate.bytes_an_order);
    else
        printf("%s: %llu messages, %llu live orders at most, %.0f bytes each\n"
               "  walk frames  %6.1f M/s\n  parse        %6.1f M/s  %.3f of the walk\n  books        %6.1f M/s  %.3f of the "
               "walk\n",
               name, count, live, book_rate.bytes_an_order, f / 1e6, p / 1e6, p / f, b / 1e6, b / f);
    close(file);
}

static int usage(void) {
    fprintf(stderr, "usage: itch_books [--json] [--runs 1..%d] [--wide MESSAGES] [--file FILE]\n", MAX_RUNS);
    return 2;
}

int main(int argc, char **argv) {
    const char *path = "../shared/data/itch/amzn_2012-06-21.itch.gz";
    long long wide = 20000000;
    int runs = 15, json = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = atoi(argv[++i]);
        else if (strcmp(argv[i], "--wide") == 0 && i + 1 < argc)
            wide = atoll(argv[++i]);
        else if (strcmp(argv[i], "--file") == 0 && i + 1 < argc)
            path = argv[++i];
        else
            return usage();
    }
    if (runs < 1 || runs > MAX_RUNS || wide < 0) return usage();
    int real = access(path, R_OK) == 0;
    if (json) printf("{\"benchmark\":\"itch_books\",\"sessions\":[");
    if (real) {
        int file = memfd_create("real", 0);
        unpack(path, file);
        measure("real day of one name", file, runs, json);
    } else if (!json) {
        printf("%s is not here: the real day is left out\n", path);
    }
    if (wide > 0) {
        int file = memfd_create("wide", 0);
        generate((uint64_t)wide, file);
        if (json && real) printf(",");
        measure("generated, 8,000 symbols", file, runs < WIDE_RUNS ? runs : WIDE_RUNS, json);
    }
    if (json) printf("]}\n");
    return 0;
}
