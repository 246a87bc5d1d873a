/* Copies between private memory and memory that another process writes or reads at the same moment, word by word.
 *
 * The protocols above (queue/broadcast.h, queue/latch.h, base/counters.h) find out afterwards whether a copy is whole. A plain memcpy would be a data race, with which the
 * compiler may do what it likes. Here each word is an atomic of its own: a store releases what the writer announced before it, a load acquires it. So a reader that
 * saw one new word also sees the announcement. On x86-64 these are plain moves. `shared` is aligned to 8 bytes; the other side need not be.
 */
#ifndef TL_BASE_WORDS_H
#define TL_BASE_WORDS_H

#include "base/cdef.h"

#ifndef TL_CDEF
#include <string.h>

typedef uint64_t __attribute__((may_alias)) tl_word;

static inline void tl_words_store(void *shared, const void *from, size_t words) {
    tl_word *to = (tl_word *)shared;
    const char *source = (const char *)from;
    for (size_t i = 0; i < words; i++) {
        uint64_t word;
        memcpy(&word, source + 8 * i, 8);
        __atomic_store_n(&to[i], word, __ATOMIC_RELEASE); /* pairs with the acquire in tl_words_load() */
    }
}

static inline void tl_words_load(void *into, const void *shared, size_t words) {
    const tl_word *from = (const tl_word *)shared;
    char *to = (char *)into;
    for (size_t i = 0; i < words; i++) {
        uint64_t word = __atomic_load_n(&from[i], __ATOMIC_ACQUIRE); /* pairs with the release in tl_words_store() */
        memcpy(to + 8 * i, &word, 8);
    }
}
#endif

#endif
