/* A hash over the decisions of a strategy: every command that it sent, in order, so that two runs can be compared by one number. Live and replay use this one.
 *
 * Attaches are no decisions. FNV-1a over words instead of bytes. Single owner.
 */
#ifndef TL_ORDER_DECISIONS_HASH_H
#define TL_ORDER_DECISIONS_HASH_H

#include "order/order.h"

typedef struct tl_decisions_hash {
    uint64_t hash; /* 0 before any */
    uint64_t commands;
} tl_decisions_hash;

void tl_decisions_hash_add(tl_decisions_hash *decisions, const tl_command *command);

#endif
