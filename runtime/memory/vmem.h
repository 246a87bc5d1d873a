/* Reserved virtual memory: an array that grows without ever moving or copying.
 *
 * A reservation costs address space only; pages come, zeroed, when they are first touched. So a table can be sized for the
 * worst case, keep its addresses for life, and use the memory of the case at hand. Single owner.
 */
#ifndef TL_MEMORY_VMEM_H
#define TL_MEMORY_VMEM_H

#include "base/status.h"

typedef struct tl_vmem {
    void *base;   /* page aligned; NULL when nothing is reserved */
    size_t bytes; /* reserved, a multiple of the page size */
} tl_vmem;

/* Reserves `bytes` (rounded up to whole pages) into `memory`. TL_ERR_NO_MEMORY when the address space or the limit on it is
 * exhausted. */
tl_status tl_vmem_reserve(tl_vmem *memory, size_t bytes);

/* Gives everything back; harmless when nothing is reserved. */
void tl_vmem_release(tl_vmem *memory);

#endif
