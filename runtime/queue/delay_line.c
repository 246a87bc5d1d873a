#include "queue/delay_line.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ITEMS = 64 };

tl_status tl_delay_line_init(tl_delay_line *line, size_t item_bytes) {
    *line = (tl_delay_line){.mask = FIRST_ITEMS - 1, .last_ns = INT64_MIN, .item_bytes = item_bytes};
    line->items = malloc(FIRST_ITEMS * item_bytes);
    line->times = malloc(FIRST_ITEMS * sizeof *line->times);
    if (line->items != NULL && line->times != NULL) return TL_OK;
    tl_delay_line_close(line);
    return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a delay line of %zu byte items", item_bytes);
}

void tl_delay_line_close(tl_delay_line *line) {
    free(line->items);
    free(line->times);
    line->items = NULL;
    line->times = NULL;
    line->head = line->tail = 0;
}

bool tl_delay_line_grow(tl_delay_line *line) {
    uint64_t old = line->mask + 1, size = old * 2;
    uint8_t *items = malloc(size * line->item_bytes);
    int64_t *times = malloc(size * sizeof *times);
    if (items == NULL || times == NULL) {
        free(items);
        free(times);
        return false;
    }
    for (uint64_t i = line->head; i < line->tail; i++) {
        memcpy(items + (i & (size - 1)) * line->item_bytes, tl_delay_line_at(line, i), line->item_bytes);
        times[i & (size - 1)] = line->times[i & line->mask];
    }
    free(line->items);
    free(line->times);
    line->items = items;
    line->times = times;
    line->mask = size - 1;
    return true;
}
