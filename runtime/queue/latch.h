/* A latch: the newest value of a fixed size, in two copies, for late joiners and outsiders; never for handlers.
 *
 * Each update writes the copy that readers do not use, and then sends them to it. A reader copies out and checks the sequence; it tries again only if the writer
 * completed an update meanwhile, and a writer that dies at any instruction leaves one whole copy. One writer, any readers; the writer is wait-free, a reader never
 * waits for anybody (at most TL_LATCH_TRIES tries; false then, which needs that many whole updates during its copies).
 */
#ifndef TL_QUEUE_LATCH_H
#define TL_QUEUE_LATCH_H

#include "base/status.h"

enum { TL_LATCH_TRIES = 1024 };

typedef struct tl_latch {
    uint64_t sequence TL_ALIGNED(64); /* updates so far; odd: readers use copy 1 */
    uint64_t bytes;                   /* of a copy */
} tl_latch;

/* Size of a latch with values of `bytes`. */
uint64_t tl_latch_size(uint64_t bytes);
/* Makes zeroed memory a latch; harmless on one that is there (a successor: it goes on behind what was written whole). */
void tl_latch_init(tl_latch *latch, uint64_t bytes);
void tl_latch_write(tl_latch *latch, const void *value);
/* False when nothing was written yet, or no whole value could be had; *sequence (may be NULL) tells how many updates there were. */
bool tl_latch_read(const tl_latch *latch, void *value, uint64_t *sequence);

#endif
