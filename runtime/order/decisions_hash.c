#include "order/decisions_hash.h"

static uint64_t fold(uint64_t hash, uint64_t word) {
    hash = (hash ^ word) * 0x100000001b3u;
    return hash ^ hash >> 29; /* words, not bytes: without this the high ones would never reach the low bits */
}

void tl_decisions_hash_add(tl_decisions_hash *decisions, const tl_command *c) {
    if (c->kind == TL_COMMAND_ATTACH) return;
    uint64_t kinds = (uint64_t)c->kind | (uint64_t)c->side << 8 | (uint64_t)c->type << 16 |
                     (uint64_t)c->time_in_force << 24 | (uint64_t)c->instrument << 32;
    const uint64_t words[] = {
        kinds,    c->order_id,       (uint64_t)c->quantity, (uint64_t)c->price, (uint64_t)c->stop_price,
        c->flags, c->input_sequence, (uint64_t)c->ts_ns};
    uint64_t hash = decisions->commands ? decisions->hash : 0xcbf29ce484222325u;
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        hash = fold(hash, words[i]);
    decisions->hash = hash;
    decisions->commands++;
}
