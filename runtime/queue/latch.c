#include "queue/latch.h"

#include <string.h>

#include "base/words.h"

/* Invariants:
 * 1. The copy with the parity of `sequence` is whole whenever somebody can see that sequence.
 * 2. Update n + 1 writes the other copy, and before its first word says so in `sequence` = n, which update n stored. So a reader whose copy is of sequence n has
 *    a whole one if `sequence` is still n when it is done: the copy it read is written to by update n + 2 at the earliest.
 * 3. What a writer that died half-way wrote lies in the copy that nobody reads; its successor writes that copy anew. */

static uint8_t *copy_at(const tl_latch *latch, uint64_t sequence, uint64_t bytes) {
    uint64_t stride = (bytes + TL_CACHE_LINE_BYTES - 1) & ~(uint64_t)(TL_CACHE_LINE_BYTES - 1);
    return (uint8_t *)latch + sizeof *latch + (sequence & 1) * stride;
}

uint64_t tl_latch_size(uint64_t bytes) {
    return sizeof(tl_latch) + 2 * ((bytes + TL_CACHE_LINE_BYTES - 1) & ~(uint64_t)(TL_CACHE_LINE_BYTES - 1));
}

void tl_latch_init(tl_latch *latch, uint64_t bytes) {
    __atomic_store_n(&latch->bytes, bytes, __ATOMIC_RELAXED); /* the same at every call */
}

void tl_latch_write(tl_latch *latch, const void *value) {
    uint64_t sequence = latch->sequence + 1; /* ours alone */
    uint64_t bytes = latch->bytes, words = bytes / 8;
    uint8_t *copy = copy_at(latch, sequence, bytes);
    /* Each word releases the sequence stored by the last update: a reader that sees a word of this one sees that its own copy is the older one. */
    tl_words_store(copy, value, words);
    if (bytes % 8 != 0) {
        uint64_t last = 0;
        memcpy(&last, (const uint8_t *)value + 8 * words, bytes % 8);
        tl_words_store(copy + 8 * words, &last, 1);
    }
    __atomic_store_n(&latch->sequence, sequence,
                     __ATOMIC_RELEASE); /* the whole copy before its number; pairs with the acquire in tl_latch_read() */
}

bool tl_latch_read(const tl_latch *latch, void *value, uint64_t *sequence) {
    uint64_t bytes = __atomic_load_n(&latch->bytes, __ATOMIC_RELAXED), words = bytes / 8;
    uint64_t seen = __atomic_load_n(&latch->sequence, __ATOMIC_ACQUIRE); /* the copy of this number is whole */
    if (sequence != NULL) *sequence = seen;
    if (seen == 0) return false;
    for (int i = 0; i < TL_LATCH_TRIES; i++) {
        const uint8_t *copy = copy_at(latch, seen, bytes);
        tl_words_load(value, copy, words);
        if (bytes % 8 != 0) {
            uint64_t last;
            tl_words_load(&last, copy + 8 * words, 1);
            memcpy((uint8_t *)value + 8 * words, &last, bytes % 8);
        }
        /* Not moved up by anything: the words were acquired. */
        uint64_t now = __atomic_load_n(&latch->sequence, __ATOMIC_ACQUIRE);
        if (sequence != NULL) *sequence = now;
        if (now == seen) return true;
        seen = now;
    }
    return false;
}
