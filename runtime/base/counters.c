#include "base/counters.h"

#include <string.h>

#include "base/words.h"

enum { LABEL_BYTES = sizeof(((tl_counter *)0)->label), LABEL_WORDS = LABEL_BYTES / 8 };

static bool labelled(const tl_counter *counter, const char *label) {
    char there[LABEL_BYTES];
    tl_words_load(there, counter->label, LABEL_WORDS);
    return memcmp(there, label, LABEL_BYTES) == 0;
}

/* As a label is stored: cut to fit, zeros behind it. */
static void store_form(char *into, const char *label) {
    memset(into, 0, LABEL_BYTES);
    memcpy(into, label, strnlen(label, LABEL_BYTES - 1));
}

tl_counter *tl_counter_allot(tl_counter *counters, uint32_t capacity, const char *label) {
    char wanted[LABEL_BYTES];
    store_form(wanted, label);
    for (uint32_t i = 0; i < capacity; i++) {
        tl_counter *counter = &counters[i];
        if (counter->label[0] == '\0') {
            /* The first word last: a label is not there until all of it is, also when we die here. */
            tl_words_store(counter->label + 8, wanted + 8, LABEL_WORDS - 1);
            tl_words_store(counter->label, wanted, 1);
            return counter;
        }
        if (labelled(counter, wanted)) return counter;
    }
    return NULL;
}

uint64_t tl_counter_find(const tl_counter *counters, uint32_t capacity, const char *label) {
    char wanted[LABEL_BYTES];
    store_form(wanted, label);
    for (uint32_t i = 0; i < capacity; i++)
        if (labelled(&counters[i], wanted)) return __atomic_load_n(&counters[i].value, __ATOMIC_RELAXED);
    return 0;
}
