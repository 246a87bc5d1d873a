/* An instrument's book as text: a CSV row after every message of an ITCH file that touches it.
 *
 * A row is `ordinal,ask1,askqty1,bid1,bidqty1,ask2,...`: the message's number from 1 over all messages of the file, then prices x 10000
 * and shares of the best levels; a level that is not there is 9999999999,0 on the ask side and -9999999999,0 on the bid side. A message
 * touches the book when it names an order that is there (A, F: that was not), whether a shown level changes or not, and when it tells
 * of a trade with orders that the book does not show (P, Q). Single owner.
 */
#ifndef TL_MARKET_ITCH_ROWS_H
#define TL_MARKET_ITCH_ROWS_H

#include "market/itch.h"

enum {
    TL_ITCH_ROWS_MAX_LEVELS = 1000,
    TL_ITCH_ROWS_BUFFER_BYTES = 1 << 17 /* room that tl_itch_rows_next() wants: more than the longest row */
};

typedef struct tl_itch_rows tl_itch_rows;

/* Opens a file (plain, gzip, zstd, "-") for the rows of `symbol`, with 1 to TL_ITCH_ROWS_MAX_LEVELS levels. */
tl_status tl_itch_rows_open(const char *path, const char *symbol, uint32_t levels, tl_itch_rows **rows);
void tl_itch_rows_close(tl_itch_rows *rows);

/* Prints rows, whole ones only, into a buffer of at least TL_ITCH_ROWS_BUFFER_BYTES and sets *length. Returns after about a megabyte
 * of input even when no row came of it. False at the end of the file. */
bool tl_itch_rows_next(tl_itch_rows *rows, char *buffer, size_t capacity, size_t *length);

uint64_t tl_itch_rows_messages(const tl_itch_rows *rows); /* read so far */
uint64_t tl_itch_rows_consumed(const tl_itch_rows *rows); /* bytes of the file */
uint64_t tl_itch_rows_size(const tl_itch_rows *rows);     /* 0 when not known */
bool tl_itch_rows_seen(const tl_itch_rows *rows);         /* the file names the symbol */

/* The instruments that the file named so far, for a message about one that it does not have. */
const tl_instruments *tl_itch_rows_instruments(const tl_itch_rows *rows);

/* Problems so far, with those of the symbol's orders. */
void tl_itch_rows_problems(const tl_itch_rows *rows, tl_itch_problem_counts *counts);

#endif
