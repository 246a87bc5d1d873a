/* A CSV input as records on the tape: bars as the four points of their path, the rest row by row.
 *
 * Bars are read ahead: the open of a bar stands in the same row as its close. Nothing of that reaches a strategy before its time. Internal to
 * the simulator; single owner; grows to the number of bars that are open at once.
 */
#ifndef TL_EXCHANGE_CSV_FEED_H
#define TL_EXCHANGE_CSV_FEED_H

#include "exchange/fill_models.h"

typedef struct tl_csv_feed tl_csv_feed;

/* Takes the reader over. `input` is the number that DATA records carry. TL_ERR_NO_MEMORY leaves the reader with the caller. */
tl_status tl_csv_feed_create(tl_fill_models *models, tl_csv *csv, uint32_t input, tl_csv_feed **out);
void tl_csv_feed_destroy(tl_csv_feed *feed);

/* The time of the next record; *late: it comes behind orders of that time (a bar's open). INT64_MAX at the end. */
int64_t tl_csv_feed_next_ns(const tl_csv_feed *feed, bool *late);
void tl_csv_feed_step(tl_csv_feed *feed);

const tl_csv *tl_csv_feed_reader(const tl_csv_feed *feed);

/* The values of a row of outside data that a DATA record named, as many as the reader has columns; NULL when there is no such row. */
const double *tl_csv_feed_row(const tl_csv_feed *feed, uint64_t row);

#endif
