/* ITCH applied to books: the second half of market/itch.h. */
#include "market/itch.h"

#include <stdlib.h>

#include "market/book_private.h"
#include "market/calendar.h"

enum { LOCATES = 65536 };

/* Messages between a look at an order's slot, at the order, at its level, and its turn. */
enum { AHEAD_SLOT = 24, AHEAD_ORDER = 16, AHEAD_LEVEL = 8, AHEAD_PLACE = 4, LOOKS = 32 };

/* What a locate stands for. */
typedef struct named {
    uint64_t letters; /* of the symbol, as in a message's `stock` */
    uint32_t id;      /* id + 1, 0 = not named yet */
    uint32_t reserved;
} named;

struct tl_itch_directory {
    tl_instruments *instruments;
    int32_t shared; /* a locate that stood for several symbols, -1 for none */
    named of[LOCATES];
};

tl_itch_directory *tl_itch_directory_create(tl_instruments *instruments) {
    tl_itch_directory *directory = calloc(1, sizeof *directory);
    if (directory == NULL) return NULL;
    directory->instruments = instruments;
    directory->shared = -1;
    return directory;
}

void tl_itch_directory_destroy(tl_itch_directory *directory) {
    free(directory);
}

/* Printable letters only: a symbol goes to terminals and files. */
static bool is_symbol(const char *text) {
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~') return false;
    return text[0] != 0;
}

/* The symbol that a message names, 0 when it names none. */
static inline uint64_t letters_of(const tl_itch_message *m) {
    uint64_t letters;
    memcpy(&letters, m->stock, sizeof letters);
    return letters;
}

static uint32_t name_instrument(tl_itch_directory *directory, const tl_itch_message *m) {
    if (!is_symbol(m->stock)) return (uint32_t)TL_NO_INSTRUMENT;
    uint32_t id = tl_instruments_find(directory->instruments, m->stock);
    if (id == (uint32_t)TL_NO_INSTRUMENT) {
        tl_instrument one = {
            .price_exponent = -4, .quantity_exponent = 0, .calendar = TL_CALENDAR_XNAS, .tick = 100, .lot = 1};
        strcpy(one.symbol, m->stock);
        if (tl_instruments_add(directory->instruments, &one, &id) != TL_OK) return (uint32_t)TL_NO_INSTRUMENT;
    }
    named *entry = &directory->of[m->locate];
    if (entry->id != 0 && entry->id != id + 1) directory->shared = m->locate;
    *entry = (named){.letters = letters_of(m), .id = id + 1};
    return id;
}

int32_t tl_itch_shared_locate(const tl_itch_directory *directory) {
    return directory->shared;
}

static inline uint32_t instrument_of(tl_itch_directory *directory, const tl_itch_message *m) {
    const named *entry = &directory->of[m->locate];
    uint64_t letters = letters_of(m);
    if (TL_LIKELY(entry->id != 0 && (letters == 0 || letters == entry->letters))) return entry->id - 1;
    return name_instrument(directory, m);
}

uint32_t tl_itch_instrument(tl_itch_directory *directory, const tl_itch_message *m) {
    return instrument_of(directory, m);
}

int tl_itch_state(const tl_itch_message *m) {
    if (m->type == TL_ITCH_TRADING_ACTION) switch (m->code) {
        case 'T':
            return TL_STATE_TRADING;
        case 'H':
            return TL_STATE_HALTED;
        case 'P':
            return TL_STATE_PAUSED;
        case 'Q':
            return TL_STATE_AUCTION;
        }
    if (m->type == TL_ITCH_OPERATIONAL_HALT) return m->code == 'H' ? TL_STATE_HALTED : TL_STATE_TRADING;
    if (m->type == TL_ITCH_SYSTEM_EVENT) switch (m->code) {
        case 'S':
            return TL_STATE_PRE_OPEN;
        case 'Q':
            return TL_STATE_TRADING;
        case 'M':
        case 'E':
        case 'C':
            return TL_STATE_CLOSED;
        }
    return -1;
}

static inline bool is_add(uint8_t type) {
    return type == TL_ITCH_ADD || type == TL_ITCH_ADD_ATTRIBUTED;
}

static inline bool names_order(uint8_t type) {
    return type == TL_ITCH_DELETE || type == TL_ITCH_EXECUTED || type == TL_ITCH_CANCEL || type == TL_ITCH_REPLACE ||
           type == TL_ITCH_EXECUTED_AT_PRICE;
}

static void count_refused(tl_itch_problem_counts *counts, tl_status status, const tl_itch_message *m) {
    tl_itch_problem problem = status == TL_ERR_EXISTS ? TL_ITCH_PROBLEM_DUPLICATE_ORDER : TL_ITCH_PROBLEM_BAD_FIELD;
    tl_itch_count_problem(counts, problem, m->offset, m->ordinal);
}

static inline void add(tl_books *books, uint32_t instrument, const tl_itch_message *m, uint64_t reference, int side,
                       tl_itch_problem_counts *counts) {
    tl_status status = TL_ERR_ARGUMENT;
    if (TL_LIKELY(instrument != (uint32_t)TL_NO_INSTRUMENT))
        status = books_add(books, instrument, reference, side, m->price, m->shares, 0, NULL);
    if (TL_UNLIKELY(status != TL_OK)) count_refused(counts, status, m);
}

/* E, C, X, D and U. */
static inline void change(tl_books *books, const tl_itch_message *m, tl_itch_problem_counts *counts) {
    uint32_t slot = books_find(books, m->reference);
    if (TL_UNLIKELY(slot == TL_BOOKS_NO_SLOT)) {
        tl_itch_count_problem(counts, TL_ITCH_PROBLEM_UNKNOWN_ORDER, m->offset, m->ordinal);
        return;
    }
    if (m->type == TL_ITCH_DELETE) {
        books_remove(books, slot);
    } else if (m->type == TL_ITCH_REPLACE) {
        uint32_t book_side = books->levels[books->orders[books->slots[slot].order].level].book_side;
        books_remove(books, slot);
        add(books, book_side >> 1, m, m->new_reference, (book_side & 1) ? TL_SIDE_SELL : TL_SIDE_BUY, counts);
    } else if (TL_UNLIKELY(books_reduce(books, slot, m->shares) < m->shares)) {
        tl_itch_count_problem(counts, TL_ITCH_PROBLEM_OVER_EXECUTED, m->offset, m->ordinal);
    }
}

static inline void apply(tl_books *books, uint32_t instrument, const tl_itch_message *m, tl_itch_problem_counts *counts) {
    if (is_add(m->type))
        add(books, instrument, m, m->reference, m->side, counts);
    else if (names_order(m->type))
        change(books, m, counts);
}

static uint32_t instrument_of_order(const tl_books *books, uint64_t reference) {
    uint32_t slot = books_find(books, reference);
    if (slot == TL_BOOKS_NO_SLOT) return (uint32_t)TL_NO_INSTRUMENT;
    return books->levels[books->orders[books->slots[slot].order].level].book_side >> 1;
}

uint32_t tl_itch_instrument_among(tl_itch_directory *directory, const tl_books *books, const tl_itch_message *m) {
    if (TL_LIKELY(directory->shared < 0 || !names_order(m->type))) return instrument_of(directory, m);
    return instrument_of_order(books, m->reference);
}

/* GCC takes a function that only prefetches for one without effect and drops its calls, unless it is inlined
 * before it looks. */
#define LOOK __attribute__((always_inline)) static inline

/* What a look found: the order that a message names or is likely to name, the side that an add will join. */
typedef struct look {
    tl_book_handle order;
    uint32_t book_side;
} look;

LOOK void look_at_slot(const tl_books *books, const tl_itch_message *m) {
    __builtin_prefetch(&books->slots[books_key(m->reference) & books->mask], 1);
    if (m->type == TL_ITCH_REPLACE) __builtin_prefetch(&books->slots[books_key(m->new_reference) & books->mask], 1);
}

/* The order, by its slot's key alone. Of an add: its side. */
LOOK look look_at_order(const tl_books *books, const tl_itch_directory *directory, const tl_itch_message *m) {
    look found = {.order = TL_BOOK_NIL};
    if (is_add(m->type)) {
        uint32_t instrument = directory->of[m->locate].id - 1;
        if (instrument < books->instruments) {
            found.book_side = instrument << 1 | (m->side == TL_SIDE_SELL);
            __builtin_prefetch(&books->sides[found.book_side]);
        }
    } else if (names_order(m->type)) {
        found.order = books_likely(books, m->reference);
        __builtin_prefetch(&books->orders[found.order], 1);
    }
    return found;
}

LOOK void look_at_best(const books_side *side) {
    if (side->count > 0) __builtin_prefetch(&side->rungs[side->count - 1]);
}

LOOK void look_at_level(const tl_books *books, look *found) {
    if (found->order != TL_BOOK_NIL) {
        const tl_book_order *o = &books->orders[found->order];
        __builtin_prefetch(&books->levels[o->level], 1);
        __builtin_prefetch(&books->orders[o->next], 1);
        __builtin_prefetch(&books->orders[o->previous], 1);
    } else {
        look_at_best(&books->sides[found->book_side]);
    }
}

/* The level that an add will join; the side that a change may change. */
LOOK void look_at_place(const tl_books *books, const look *found, const tl_itch_message *m) {
    if (found->order != TL_BOOK_NIL) {
        uint32_t book_side = books->levels[books->orders[found->order].level].book_side;
        if (book_side < books->instruments * 2) look_at_best(&books->sides[book_side]);
    } else if (is_add(m->type)) {
        const books_side *side = &books->sides[found->book_side];
        uint32_t place = books_place(side, books_rank(m->price, found->book_side));
        if (place < side->count) __builtin_prefetch(&books->levels[side->rungs[place].level], 1);
    }
}

void tl_itch_apply(tl_books *books, tl_itch_directory *directory, const tl_itch_message *messages, unsigned count,
                   tl_itch_problem_counts *counts, uint32_t *instruments_of) {
    look looks[LOOKS];
    bool ahead = books->live > TL_BOOKS_CACHED && count > 1;
    if (ahead) {
        for (unsigned i = 0; i < count && i < AHEAD_SLOT; i++)
            look_at_slot(books, &messages[i]);
        for (unsigned i = 0; i < count && i < AHEAD_ORDER; i++)
            looks[i % LOOKS] = look_at_order(books, directory, &messages[i]);
        for (unsigned i = 0; i < count && i < AHEAD_LEVEL; i++)
            look_at_level(books, &looks[i % LOOKS]);
        for (unsigned i = 0; i < count && i < AHEAD_PLACE; i++)
            look_at_place(books, &looks[i % LOOKS], &messages[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        if (ahead) {
            if (i + AHEAD_SLOT < count) look_at_slot(books, &messages[i + AHEAD_SLOT]);
            if (i + AHEAD_ORDER < count)
                looks[(i + AHEAD_ORDER) % LOOKS] = look_at_order(books, directory, &messages[i + AHEAD_ORDER]);
            if (i + AHEAD_LEVEL < count) look_at_level(books, &looks[(i + AHEAD_LEVEL) % LOOKS]);
            if (i + AHEAD_PLACE < count) look_at_place(books, &looks[(i + AHEAD_PLACE) % LOOKS], &messages[i + AHEAD_PLACE]);
        }
        uint32_t instrument = instrument_of(directory, &messages[i]);
        if (TL_UNLIKELY(directory->shared >= 0) && names_order(messages[i].type))
            instrument = instrument_of_order(books, messages[i].reference);
        if (instruments_of != NULL) instruments_of[i] = instrument;
        apply(books, instrument, &messages[i], counts);
    }
}
