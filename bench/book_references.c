/* Does the cost of a message grow with the number of orders ever seen?
 *
 *   book_references [--json] [--references N] [--live N]
 *
 * Adds --references orders (default 100 million) with ascending numbers and removes each when --live more (default 100,000) have come,
 * over 100 instruments. Prints, for each tenth of the way, the CPU time of an add with its delete and the memory of the books: both stay
 * where they were.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "market/book.h"

enum { PARTS = 10, INSTRUMENTS = 100 };

static uint64_t number_of(uint64_t i) {
    return 1000 + i * 3; /* venues skip numbers */
}

int main(int argc, char **argv) {
    uint64_t references = 100000000, live = 100000;
    int json = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--references") == 0 && i + 1 < argc)
            references = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--live") == 0 && i + 1 < argc)
            live = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: book_references [--json] [--references N] [--live N]\n"), 2;
    }
    if (live == 0 || references < live * PARTS)
        return fprintf(stderr, "book_references: --references must be at least %d times --live\n", PARTS), 2;
    tl_books *books = tl_books_create(0);
    if (json) printf("{\"benchmark\":\"book_references\",\"references\":%llu,\"parts\":[", (unsigned long long)references);
    uint64_t at = 0;
    double first = 0, last = 0;
    for (int part = 0; part < PARTS; part++) {
        int64_t start = tl_clock_process_cpu_ns();
        uint64_t end = references / PARTS * (uint64_t)(part + 1), from = at;
        for (; at < end; at++) {
            uint64_t mixed = at * 0x9e3779b97f4a7c15u >> 40;
            int side = mixed & 1 ? TL_SIDE_BUY : TL_SIDE_SELL;
            int64_t away = (int64_t)(mixed >> 1) % 50, price = side == TL_SIDE_BUY ? 10000 - away : 10001 + away;
            if (tl_books_add(books, (uint32_t)(mixed >> 8) % INSTRUMENTS, number_of(at), side, price, 100, 0, NULL) != TL_OK)
                return fprintf(stderr, "book_references: %s\n", tl_error_text()), 1;
            if (at >= live) tl_books_remove(books, tl_books_find(books, number_of(at - live)));
        }
        double ns = (double)(tl_clock_process_cpu_ns() - start) / (double)(at - from);
        if (part == 1) first = ns; /* the first part also fills the books */
        last = ns;
        if (json)
            printf("%s{\"references\":%llu,\"ns\":%.1f,\"bytes\":%llu}", part > 0 ? "," : "", (unsigned long long)at, ns,
                   (unsigned long long)tl_books_bytes(books));
        else
            printf("  after %10llu references: %6.1f ns an add and its delete, %6.1f MiB\n", (unsigned long long)at, ns,
                   (double)tl_books_bytes(books) / (1 << 20));
    }
    if (json)
        printf("],\"last_to_second\":%.3f}\n", last / first);
    else
        printf("  the last tenth takes %.2f of the second's time\n", last / first);
    tl_books_destroy(books);
    return 0;
}
