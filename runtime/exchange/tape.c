#include "exchange/tape.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 8 };

void tl_tape_init(tl_tape *tape) {
    *tape = (tl_tape){0};
}

void tl_tape_close(tl_tape *tape) {
    free(tape->heap);
    free(tape->place);
    *tape = (tl_tape){0};
}

static bool before(const tl_tape_entry *a, const tl_tape_entry *b) {
    if (a->ts_ns != b->ts_ns) return a->ts_ns < b->ts_ns;
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->input < b->input;
}

static void put(tl_tape *tape, uint32_t at, tl_tape_entry entry) {
    tape->heap[at] = entry;
    tape->place[entry.input] = at;
}

/* Moves the entry at `at` to where it belongs. */
static void settle(tl_tape *tape, uint32_t at) {
    tl_tape_entry entry = tape->heap[at];
    while (at > 0 && before(&entry, &tape->heap[(at - 1) / 2])) {
        put(tape, at, tape->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (uint32_t child; (child = 2 * at + 1) < tape->count; at = child) {
        if (child + 1 < tape->count && before(&tape->heap[child + 1], &tape->heap[child])) child++;
        if (!before(&tape->heap[child], &entry)) break;
        put(tape, at, tape->heap[child]);
    }
    put(tape, at, entry);
}

tl_status tl_tape_add(tl_tape *tape, uint32_t *input) {
    if (tape->count == tape->capacity) {
        uint32_t capacity = tape->capacity != 0 ? tape->capacity * 2 : FIRST_CAPACITY;
        tl_tape_entry *heap = realloc(tape->heap, capacity * sizeof *heap);
        if (heap != NULL) tape->heap = heap;
        uint32_t *place = realloc(tape->place, capacity * sizeof *place);
        if (place != NULL) tape->place = place;
        if (heap == NULL || place == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u inputs", capacity);
        tape->capacity = capacity;
    }
    *input = tape->count++;
    put(tape, *input, (tl_tape_entry){.ts_ns = INT64_MAX, .input = *input});
    return TL_OK;
}

void tl_tape_set(tl_tape *tape, uint32_t input, int64_t ts_ns, tl_tape_rank rank) {
    if (TL_LIKELY(tape->count == 1)) {
        tape->heap[0].ts_ns = ts_ns;
        tape->heap[0].rank = rank;
        return;
    }
    uint32_t at = tape->place[input];
    tape->heap[at].ts_ns = ts_ns;
    tape->heap[at].rank = rank;
    settle(tape, at);
}
