#include "market/instrument.h"

#include <stdlib.h>
#include <string.h>

#include "memory/vmem.h"

enum { MAX_INSTRUMENTS = 1 << 20, FIRST_BUCKETS = 256 };

struct tl_instruments {
    tl_vmem memory;
    tl_instrument *all; /* in reserved memory: records never move */
    uint32_t count;
    uint32_t mask;
    uint32_t *buckets; /* id + 1, 0 = free; at most half full */
};

static uint32_t symbol_hash(const char *symbol) {
    uint64_t h = 0xcbf29ce484222325u;
    for (; *symbol; symbol++)
        h = (h ^ (uint8_t)*symbol) * 0x100000001b3u;
    return (uint32_t)(h ^ (h >> 32));
}

tl_instruments *tl_instruments_create(void) {
    tl_instruments *table = calloc(1, sizeof *table);
    if (table == NULL) return NULL;
    table->mask = FIRST_BUCKETS - 1;
    table->buckets = calloc(FIRST_BUCKETS, sizeof *table->buckets);
    if (table->buckets == NULL ||
        tl_vmem_reserve(&table->memory, (size_t)MAX_INSTRUMENTS * sizeof(tl_instrument)) != TL_OK) {
        free(table->buckets);
        free(table);
        return NULL;
    }
    table->all = table->memory.base;
    return table;
}

void tl_instruments_destroy(tl_instruments *table) {
    if (table == NULL) return;
    tl_vmem_release(&table->memory);
    free(table->buckets);
    free(table);
}

static uint32_t *bucket_of(const tl_instruments *table, const char *symbol) {
    uint32_t i = symbol_hash(symbol) & table->mask;
    while (table->buckets[i] != 0 && strcmp(table->all[table->buckets[i] - 1].symbol, symbol) != 0)
        i = (i + 1) & table->mask;
    return &table->buckets[i];
}

static tl_status grow(tl_instruments *table) {
    uint32_t size = (table->mask + 1) * 2;
    uint32_t *buckets = calloc(size, sizeof *buckets);
    if (buckets == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %u instruments", size / 2);
    free(table->buckets);
    table->buckets = buckets;
    table->mask = size - 1;
    for (uint32_t id = 0; id < table->count; id++)
        *bucket_of(table, table->all[id].symbol) = id + 1;
    return TL_OK;
}

static bool exponent_fits(int32_t exponent) {
    return exponent <= 0 && exponent >= -12;
}

tl_status tl_instruments_add(tl_instruments *table, const tl_instrument *one, uint32_t *id) {
    if (one->symbol[0] == 0) return tl_error_set(TL_ERR_ARGUMENT, "an instrument has no symbol");
    if (memchr(one->symbol, 0, sizeof one->symbol) == NULL)
        return tl_error_set(TL_ERR_ARGUMENT, "symbol '%.24s' is longer than %d bytes", one->symbol, TL_SYMBOL_BYTES - 1);
    if (!exponent_fits(one->price_exponent) || !exponent_fits(one->quantity_exponent))
        return tl_error_set(TL_ERR_ARGUMENT, "instrument %s: exponents %d and %d, and they go from -12 to 0", one->symbol,
                            one->price_exponent, one->quantity_exponent);
    if (table->count == MAX_INSTRUMENTS)
        return tl_error_set(TL_ERR_LIMIT, "instrument %s: the table holds %d", one->symbol, MAX_INSTRUMENTS);
    if ((table->count + 1) * 2 > table->mask) {
        tl_status status = grow(table);
        if (status != TL_OK) return status;
    }
    uint32_t *bucket = bucket_of(table, one->symbol);
    if (*bucket != 0) return tl_error_set(TL_ERR_EXISTS, "instrument %s is already there", one->symbol);
    tl_instrument *mine = &table->all[table->count];
    *mine = *one;
    mine->id = table->count;
    if (mine->tick == 0) mine->tick = 1;
    if (mine->lot == 0) mine->lot = 1;
    if (mine->multiplier_e8 == 0) mine->multiplier_e8 = 100000000;
    if (mine->quote[0] == 0) strcpy(mine->quote, "USD");
    if (mine->settle[0] == 0) strcpy(mine->settle, mine->quote);
    *bucket = ++table->count;
    if (id != NULL) *id = mine->id;
    return TL_OK;
}

uint32_t tl_instruments_find(const tl_instruments *table, const char *symbol) {
    return *bucket_of(table, symbol) - 1;
}

const tl_instrument *tl_instruments_at(const tl_instruments *table, uint32_t id) {
    return &table->all[id];
}

tl_instrument *tl_instruments_edit(tl_instruments *table, uint32_t id) {
    return &table->all[id];
}

uint32_t tl_instruments_count(const tl_instruments *table) {
    return table->count;
}
