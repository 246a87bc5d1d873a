#include "market/itch_survey.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 256 };

struct tl_itch_survey {
    tl_itch *reader;
    tl_instruments *instruments;
    tl_itch_directory *directory;
    tl_books *books;
    tl_itch_survey_instrument *per_instrument;
    uint32_t capacity;
    tl_itch_problem_counts order_problems;
    tl_itch_survey_totals totals;
    tl_itch_message messages[BATCH];
    uint32_t instrument_of[BATCH];
};

const char *tl_itch_type_name(int type) {
    static const char *const names[256] = {
        ['S'] = "system event",
        ['R'] = "stock directory",
        ['H'] = "trading action",
        ['Y'] = "Reg SHO restriction",
        ['L'] = "participant position",
        ['V'] = "circuit breaker levels",
        ['W'] = "circuit breaker status",
        ['K'] = "IPO quoting period",
        ['J'] = "auction collar",
        ['h'] = "operational halt",
        ['A'] = "add order",
        ['F'] = "add order, attributed",
        ['E'] = "order executed",
        ['C'] = "order executed at a price",
        ['X'] = "order cancel",
        ['D'] = "order delete",
        ['U'] = "order replace",
        ['P'] = "non-cross trade",
        ['Q'] = "cross trade",
        ['B'] = "broken trade",
        ['I'] = "order imbalance",
        ['N'] = "retail interest",
        ['O'] = "direct listing price",
    };
    const char *name = type >= 0 && type < 256 ? names[type] : NULL;
    return name != NULL ? name : "";
}

tl_status tl_itch_survey_open(const char *path, tl_itch_survey **out) {
    tl_itch_survey *survey = calloc(1, sizeof *survey);
    if (survey == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    tl_status status = tl_itch_open(path, &survey->reader);
    if (status == TL_OK) {
        survey->instruments = tl_instruments_create();
        survey->books = tl_books_create(0);
        if (survey->instruments != NULL) survey->directory = tl_itch_directory_create(survey->instruments);
        if (survey->directory == NULL || survey->books == NULL)
            status = tl_error_set(TL_ERR_NO_MEMORY, "no memory to read %s", path);
    }
    if (status != TL_OK) {
        tl_itch_survey_close(survey);
        return status;
    }
    survey->totals.first_ns = TL_ABSENT;
    survey->totals.last_ns = TL_ABSENT;
    survey->totals.file_bytes = tl_itch_size(survey->reader);
    survey->totals.date = tl_itch_date_of_name(path);
    *out = survey;
    return TL_OK;
}

void tl_itch_survey_close(tl_itch_survey *survey) {
    if (survey == NULL) return;
    tl_itch_close(survey->reader);
    tl_itch_directory_destroy(survey->directory);
    tl_books_destroy(survey->books);
    tl_instruments_destroy(survey->instruments);
    free(survey->per_instrument);
    free(survey);
}

static tl_itch_survey_instrument *counts_of(tl_itch_survey *survey, uint32_t instrument) {
    if (instrument >= survey->capacity) {
        uint32_t capacity = survey->capacity != 0 ? survey->capacity : 64;
        while (capacity <= instrument)
            capacity *= 2;
        tl_itch_survey_instrument *more = realloc(survey->per_instrument, capacity * sizeof *more);
        if (more == NULL) return NULL;
        memset(more + survey->capacity, 0, (capacity - survey->capacity) * sizeof *more);
        survey->per_instrument = more;
        survey->capacity = capacity;
    }
    return &survey->per_instrument[instrument];
}

static bool is_trade(const tl_itch_message *m) {
    switch (m->type) {
    case TL_ITCH_EXECUTED:
    case TL_ITCH_TRADE:
        return true;
    case TL_ITCH_EXECUTED_AT_PRICE:
        return m->printable == 'Y';
    case TL_ITCH_CROSS:
        return m->shares > 0;
    default:
        return false;
    }
}

static void count(tl_itch_survey *survey, unsigned messages) {
    tl_itch_survey_totals *totals = &survey->totals;
    for (unsigned i = 0; i < messages; i++) {
        const tl_itch_message *m = &survey->messages[i];
        totals->types[m->type]++;
        if (m->ts_ns > totals->last_ns) totals->last_ns = m->ts_ns;
        if (survey->instrument_of[i] == (uint32_t)TL_NO_INSTRUMENT) continue;
        tl_itch_survey_instrument *one = counts_of(survey, survey->instrument_of[i]);
        if (one == NULL) continue;
        one->messages++;
        one->orders += m->type == TL_ITCH_ADD || m->type == TL_ITCH_ADD_ATTRIBUTED || m->type == TL_ITCH_REPLACE;
        if (is_trade(m)) {
            one->trades++;
            one->volume += m->shares;
        }
    }
    totals->messages += messages;
}

bool tl_itch_survey_step(tl_itch_survey *survey, uint64_t messages) {
    tl_itch_survey_totals *totals = &survey->totals;
    unsigned n = 1;
    for (uint64_t done = 0; done < messages && n > 0; done += n) {
        n = tl_itch_read(survey->reader, survey->messages, BATCH);
        if (n > 0 && totals->first_ns == TL_ABSENT) totals->first_ns = survey->messages[0].ts_ns;
        tl_itch_apply(survey->books, survey->directory, survey->messages, n, &survey->order_problems, survey->instrument_of);
        count(survey, n);
    }
    totals->live_orders = tl_books_live_orders(survey->books);
    totals->most_live_orders = tl_books_most_live_orders(survey->books);
    totals->book_bytes = tl_books_bytes(survey->books);
    totals->instruments = tl_instruments_count(survey->instruments);
    totals->consumed_bytes = tl_itch_consumed(survey->reader);
    totals->bytes = tl_itch_unpacked(survey->reader);
    totals->problems = *tl_itch_problems(survey->reader);
    tl_itch_merge_problems(&totals->problems, &survey->order_problems);
    return n > 0;
}

const tl_itch_survey_totals *tl_itch_survey_totals_of(const tl_itch_survey *survey) {
    return &survey->totals;
}

const char *tl_itch_survey_symbol(const tl_itch_survey *survey, uint32_t i) {
    return tl_instruments_at(survey->instruments, i)->symbol;
}

const tl_itch_survey_instrument *tl_itch_survey_at(const tl_itch_survey *survey, uint32_t i) {
    static const tl_itch_survey_instrument nothing;
    return i < survey->capacity ? &survey->per_instrument[i] : &nothing;
}
