/* Fuzz target: the ITCH reader, its books and its way back, from a file's bytes to the last message. Whatever the bytes are: the reader
 * takes each of them once and ends, numbers and places ascend, a message that was read can be written and reads the same, and books
 * hold together. Built with libFuzzer's entry point. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "market/itch_encode.h"

enum { BATCH = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition, const char *what) {
    if (condition) return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void check_message(const tl_itch_message *m, const tl_itch_message *previous) {
    demand(m->ordinal > previous->ordinal && m->offset >= previous->offset, "numbers and places do not ascend");
    demand(tl_itch_length(m->type) > 0, "a type that is none");
    demand(strlen(m->stock) <= TL_ITCH_STOCK_BYTES, "a symbol that is too long");
    demand(m->side <= TL_SIDE_SELL && m->shares >= 0, "a side or shares that cannot be");
    uint8_t frame[TL_ITCH_FRAME_MAX_BYTES];
    unsigned length = tl_itch_encode(m, frame);
    tl_itch_message again = {.ordinal = m->ordinal, .offset = m->offset};
    tl_itch_problem problem;
    demand(tl_itch_decode(frame + TL_ITCH_FRAME_BYTES, length - TL_ITCH_FRAME_BYTES, &again, &problem),
           "it does not read back");
    if (m->type == TL_ITCH_STOCK_DIRECTORY && m->shares == 0) again.shares = 0; /* no round lot: the usual one is written */
    demand(again.ts_ns == m->ts_ns && again.reference == m->reference && again.new_reference == m->new_reference &&
               again.match == m->match && again.shares == m->shares && again.price == m->price &&
               again.price2 == m->price2 && again.locate == m->locate && again.side == m->side &&
               strcmp(again.stock, m->stock) == 0,
           "it reads back as another");
}

static void check_side(const tl_books *books, uint32_t instrument, int side, uint64_t *orders) {
    int64_t before = 0;
    for (uint32_t i = 0; i < tl_books_depth(books, instrument, side); i++) {
        const tl_book_level *l = tl_books_level(books, tl_books_level_at(books, instrument, side, i));
        demand(i == 0 || (side == TL_SIDE_BUY ? l->price < before : l->price > before), "levels out of order");
        before = l->price;
        int64_t sum = 0;
        uint32_t count = 0;
        for (tl_book_handle at = l->head; at != TL_BOOK_NIL; at = tl_books_order(books, at)->next) {
            sum += tl_books_order(books, at)->quantity;
            demand(tl_books_find(books, tl_books_order(books, at)->reference) == at, "an order that is not found");
            count++;
        }
        demand(count > 0 && count == l->count && sum == l->quantity, "a level that does not add up");
        *orders += count;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int file = memfd_create("itch", 0);
    demand(file >= 0 && write(file, data, size) == (ssize_t)size, "a file in memory");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    tl_itch *reader;
    if (tl_itch_open(path, &reader) == TL_OK) {
        tl_instruments *instruments = tl_instruments_create();
        tl_itch_directory *directory = tl_itch_directory_create(instruments);
        tl_books *books = tl_books_create(0);
        demand(directory != NULL && books != NULL, "memory");
        tl_itch_problem_counts problems = {0};
        static tl_itch_message messages[BATCH];
        tl_itch_message previous = {0};
        for (unsigned n; (n = tl_itch_read(reader, messages, BATCH)) > 0;) {
            for (unsigned i = 0; i < n; i++) {
                check_message(&messages[i], &previous);
                previous = messages[i];
            }
            tl_itch_apply(books, directory, messages, n, &problems, NULL);
        }
        bool plain = size < 4 || (memcmp(data, "\x1f\x8b", 2) != 0 && memcmp(data, "\x28\xb5\x2f\xfd", 4) != 0);
        if (plain) demand(tl_itch_unpacked(reader) == size, "bytes that were not taken once");
        uint64_t orders = 0;
        for (uint32_t i = 0; i < tl_instruments_count(instruments); i++)
            for (int side = TL_SIDE_BUY; side <= TL_SIDE_SELL; side++)
                check_side(books, i, side, &orders);
        demand(orders == tl_books_live_orders(books), "orders that are in no queue");
        tl_itch_close(reader);
        tl_books_destroy(books);
        tl_itch_directory_destroy(directory);
        tl_instruments_destroy(instruments);
    }
    close(file);
    return 0;
}
