/* Fuzz target: the CSV reader, from a file's bytes to its last event. The first byte chooses the options; whatever the rest is, rows are events in
 * order of time or problems, and reading ends. Built with libFuzzer's entry point. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "market/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void read_through(const char *path, const tl_csv_options *options, const tl_calendars *calendars, size_t size) {
    tl_instruments *instruments = tl_instruments_create();
    tl_csv *csv;
    demand(instruments != NULL, "memory");
    if (tl_csv_open(path, options, instruments, calendars, &csv) == TL_OK) {
        tl_event event;
        tl_event_tail tail;
        tl_status status;
        int64_t last_ns = INT64_MIN;
        size_t calls = 0;
        while ((status = tl_csv_next(csv, &event, &tail)) != TL_END) {
            demand(calls++ <= 130 * (size + 1),
                   "it does not end"); /* a row of depth is up to 257 events and has 257 bytes and more */
            if (status != TL_OK) continue;
            demand(event.ts_ns >= last_ns, "time goes back");
            last_ns = event.ts_ns;
            if (event.kind == TL_EVENT_BAR)
                demand(event.w[1] >= event.w[0] && event.w[1] >= event.w[3] && event.w[2] <= event.w[0] &&
                           event.w[2] <= event.w[3],
                       "a bar that cannot be");
            if (event.kind == TL_EVENT_DATA)
                for (uint32_t i = 0; i < tl_csv_columns(csv); i++)
                    (void)tl_csv_value(csv, i);
        }
        demand(tl_csv_next(csv, &event, &tail) == TL_END, "it goes on after its end");
        tl_csv_close(csv);
    }
    tl_instruments_destroy(instruments);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tl_calendars *calendars;
    if (calendars == NULL) calendars = tl_calendars_create();
    demand(calendars != NULL, "calendars");
    if (size == 0) return 0;
    int file = memfd_create("csv", 0);
    demand(file >= 0 && write(file, data + 1, size - 1) == (ssize_t)(size - 1), "a file in memory");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int kind = data[0] >> 1 & 7;
    tl_csv_options options = {
        .symbol = data[0] & 1 ? "X" : NULL,
        .name = kind > TL_CSV_DATA ? "outside" : NULL,
        .bar_time = (data[0] >> 4 & 3) % 3,
        .calendar = data[0] >> 6 & 1,
        .kind = kind > TL_CSV_DATA ? TL_CSV_AUTO : kind,
    };
    read_through(path, &options, calendars, size);
    close(file);
    return 0;
}
