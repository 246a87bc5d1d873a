/* How many rows of CSV a second become events on one core?
 *
 *   csv [--json] [--runs N] [--rows N]
 *
 * Four files in memory, made from a seed: trades with epoch times, bars with ISO times under a calendar that rests, quotes, and depth of five levels. Printed is
 * the median of the runs in CPU time, and as a ratio to the floor: reading the same bytes and finding the line ends.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "market/csv.h"
#include "market/stream.h"

enum { MAX_RUNS = 99, LEVELS = 5 };

static uint64_t state = 1;

static unsigned draw(unsigned limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((state >> 33) % limit);
}

static void die(const char *what) {
    fprintf(stderr, "csv: %s: %s\n", what, tl_error_text());
    exit(1);
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *list, int count) {
    qsort(list, (size_t)count, sizeof *list, by_size);
    return list[count / 2];
}

/* 2024-01-02 14:30 UTC, as the first of the times. */
static const int64_t first_s = 1704205800;

static void iso(int64_t s, char *text, size_t size) {
    time_t at = (time_t)s;
    struct tm parts;
    gmtime_r(&at, &parts);
    strftime(text, size, "%Y-%m-%dT%H:%M:%S", &parts);
}

static void write_rows(FILE *out, int kind, long rows) {
    int price = 10000;
    int64_t us = first_s * 1000000;
    char time_text[40];
    if (kind == TL_CSV_TRADES) fputs("timestamp,price,size,side,id\n", out);
    if (kind == TL_CSV_BARS) fputs("time,open,high,low,close,volume\n", out);
    if (kind == TL_CSV_QUOTES) fputs("time,bid,bid_size,ask,ask_size\n", out);
    if (kind == TL_CSV_DEPTH) {
        fputs("timestamp", out);
        for (int i = 1; i <= LEVELS; i++)
            fprintf(out, ",bid%d,bid_size%d,ask%d,ask_size%d", i, i, i, i);
        fputc('\n', out);
    }
    for (long i = 0; i < rows; i++) {
        int step = (int)draw(5) - 2;
        us += draw(20000);
        iso(kind == TL_CSV_BARS ? first_s + i * 60 : us / 1000000, time_text, sizeof time_text);
        switch (kind) {
        case TL_CSV_TRADES:
            fprintf(out, "%lld,%d.%02d,%u,%s,%ld\n", (long long)us, price / 100, price % 100, draw(500) + 1,
                    draw(2) ? "buy" : "sell", i);
            break;
        case TL_CSV_BARS:
            fprintf(out, "%sZ,%d.%02d,%d.%02d,%d.%02d,%d.%02d,%u\n", time_text, price / 100, price % 100, (price + 4) / 100,
                    (price + 4) % 100, (price - 4) / 100, (price - 4) % 100, (price + step) / 100, (price + step) % 100,
                    draw(50000));
            break;
        case TL_CSV_QUOTES:
            fprintf(out, "%s.%06dZ,%d.%02d,%u,%d.%02d,%u\n", time_text, (int)(us % 1000000), price / 100, price % 100,
                    draw(100) + 1, (price + 1) / 100, (price + 1) % 100, draw(100) + 1);
            break;
        default:
            fprintf(out, "%lld", (long long)us);
            for (int k = 0; k < LEVELS; k++)
                fprintf(out, ",%d.%02d,%u,%d.%02d,%u", (price - k) / 100, (price - k) % 100, draw(9) + 1,
                        (price + 1 + k) / 100, (price + 1 + k) % 100, draw(9) + 1);
            fputc('\n', out);
        }
        price += step;
        if (price < 5000) price += 10;
    }
}

static double floor_seconds(const char *path) {
    static char buffer[1 << 20];
    tl_stream *stream;
    size_t n, lines = 0;
    int64_t start = tl_clock_process_cpu_ns();
    if (tl_stream_open(path, &stream) != TL_OK) die(path);
    while (tl_stream_read(stream, buffer, sizeof buffer, &n) == TL_OK && n > 0)
        for (const char *p = buffer, *end = buffer + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
            lines++;
    tl_stream_close(stream);
    if (lines == 0) die("no lines");
    return (double)(tl_clock_process_cpu_ns() - start) / 1e9;
}

static double read_seconds(const char *path, const tl_calendars *calendars, uint64_t *events) {
    tl_instruments *instruments = tl_instruments_create();
    tl_csv_options options = {.symbol = "X", .bar_time = TL_BAR_TIME_OPEN, .calendar = TL_CALENDAR_XNAS};
    tl_csv *csv;
    tl_event event;
    tl_event_tail tail;
    int64_t start = tl_clock_process_cpu_ns();
    if (tl_csv_open(path, &options, instruments, calendars, &csv) != TL_OK) die(path);
    for (*events = 0; tl_csv_next(csv, &event, &tail) == TL_OK;)
        ++*events;
    double seconds = (double)(tl_clock_process_cpu_ns() - start) / 1e9;
    if (tl_csv_problems(csv) > 0) die(tl_csv_first_problem(csv));
    tl_csv_close(csv);
    tl_instruments_destroy(instruments);
    return seconds;
}

static void measure(int kind, const char *name, long rows, int runs, bool json, const tl_calendars *calendars) {
    int file = memfd_create("csv", 0);
    FILE *out = fdopen(dup(file), "w");
    if (file < 0 || out == NULL) die("memory");
    write_rows(out, kind, rows);
    long bytes = ftell(out);
    fclose(out);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    double floors[MAX_RUNS], reads[MAX_RUNS];
    uint64_t events = 0;
    for (int i = 0; i < runs; i++) {
        floors[i] = floor_seconds(path);
        reads[i] = read_seconds(path, calendars, &events);
    }
    double lowest = median(floors, runs), seconds = median(reads, runs);
    if (json)
        printf("%s{\"file\":\"%s\",\"rows\":%ld,\"events\":%llu,\"bytes\":%ld,\"rows_per_second\":%.0f,\"megabytes_per_"
               "second\":%.0f,"
               "\"floor_ratio\":%.4f,\"spread\":[%.0f,%.0f]}",
               kind == TL_CSV_TRADES ? "" : ",", name, rows, (unsigned long long)events, bytes, (double)rows / seconds,
               (double)bytes / seconds / 1e6, lowest / seconds, (double)rows / reads[runs - 1], (double)rows / reads[0]);
    else
        printf("%-8s %6.1f M rows/s (%.1f to %.1f), %4.0f MB/s, %5.1f M events/s; %.3f of finding the line ends\n", name,
               (double)rows / seconds / 1e6, (double)rows / reads[runs - 1] / 1e6, (double)rows / reads[0] / 1e6,
               (double)bytes / seconds / 1e6, (double)events / seconds / 1e6, lowest / seconds);
    close(file);
}

int main(int argc, char **argv) {
    long rows = 500000;
    int runs = 9;
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            runs = atoi(argv[++i]);
        else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc)
            rows = atol(argv[++i]);
        else
            runs = 0;
    }
    if (runs < 1 || runs > MAX_RUNS || rows < 1) {
        fprintf(stderr, "usage: csv [--json] [--runs 1..%d] [--rows N]\n", MAX_RUNS);
        return 2;
    }
    tl_calendars *calendars = tl_calendars_create();
    if (calendars == NULL) die("calendars");
    if (json) printf("{\"benchmark\":\"csv\",\"files\":[");
    measure(TL_CSV_TRADES, "trades", rows, runs, json, calendars);
    measure(TL_CSV_BARS, "bars", rows, runs, json, calendars);
    measure(TL_CSV_QUOTES, "quotes", rows, runs, json, calendars);
    measure(TL_CSV_DEPTH, "depth", rows / 5 + 1, runs, json, calendars);
    if (json) printf("]}\n");
    tl_calendars_destroy(calendars);
    return 0;
}
