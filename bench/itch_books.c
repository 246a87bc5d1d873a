/* ITCH to full order-by-order books on one core: how many messages a second?
 *
 *   itch_books [--json] [--runs N] [--file FILE]
 *
 * For a file (unpacked in memory first, then read from the page cache): walking the frames alone (the floor), decoding every
 * message, and decoding plus books of all instruments. Prints the median of the runs and each rate as a ratio to the floor's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "market/itch.h"
#include "market/stream.h"

enum { BATCH = 256, MAX_RUNS = 99 };

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
    return (double)(tl_clock_monotonic_ns() - start) / 1e9;
}

static void unpack(const char *path, const char *to) {
    tl_stream *stream;
    if (tl_stream_open(path, &stream) != TL_OK) die(path);
    FILE *out = fopen(to, "wb");
    if (out == NULL) die(to);
    static uint8_t buffer[1 << 20];
    size_t n;
    while (tl_stream_read(stream, buffer, sizeof buffer, &n) == TL_OK && n > 0)
        if (fwrite(buffer, 1, n, out) != n) die(to);
    fclose(out);
    tl_stream_close(stream);
}

static void walk(const char *path, rate *r, int run) {
    tl_stream *stream;
    static uint8_t buffer[(1 << 20) + 64];
    if (tl_stream_open(path, &stream) != TL_OK) die(path);
    int64_t start = tl_clock_monotonic_ns();
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
    int64_t start = tl_clock_monotonic_ns();
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
    int64_t start = tl_clock_monotonic_ns();
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

int main(int argc, char **argv) {
    const char *path = "../shared/data/itch/amzn_2012-06-21.itch.gz";
    int runs = 9, json = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = atoi(argv[++i]);
        else if (strcmp(argv[i], "--file") == 0 && i + 1 < argc)
            path = argv[++i];
        else
            return fprintf(stderr, "usage: itch_books [--json] [--runs N] [--file FILE]\n"), 2;
    }
    if (runs < 1 || runs > MAX_RUNS) return fprintf(stderr, "itch_books: --runs %d: 1 to %d\n", runs, MAX_RUNS), 2;
    char plain[64];
    snprintf(plain, sizeof plain, "/tmp/itch_books.%d.itch", (int)getpid());
    unpack(path, plain);
    rate floor_rate = {0}, parse_rate = {0}, book_rate = {0};
    for (int run = 0; run < runs; run++) {
        walk(plain, &floor_rate, run);
        parse(plain, &parse_rate, run);
        build(plain, &book_rate, run);
    }
    unlink(plain);
    double f = per_second(&floor_rate, runs), p = per_second(&parse_rate, runs), b = per_second(&book_rate, runs);
    if (json)
        printf("{\"file\":\"%s\",\"messages\":%llu,\"walk_per_second\":%.0f,\"parse_per_second\":%.0f,\"books_per_second\":%"
               ".0f,"
               "\"parse_ratio\":%.3f,\"books_ratio\":%.3f,\"live_orders\":%llu,\"bytes_per_live_order\":%.1f}\n",
               path, (unsigned long long)parse_rate.messages, f, p, b, p / f, b / f, (unsigned long long)book_rate.live,
               book_rate.bytes_an_order);
    else
        printf("%s: %llu messages\n  walk frames %7.1f M/s\n  parse       %7.1f M/s  %.2f of the walk\n  books       %7.1f "
               "M/s  %.2f of the walk, "
               "%.1f bytes a live order (%llu)\n",
               path, (unsigned long long)parse_rate.messages, f / 1e6, p / 1e6, p / f, b / 1e6, b / f,
               book_rate.bytes_an_order, (unsigned long long)book_rate.live);
    return 0;
}
