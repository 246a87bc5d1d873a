/* A pool of fixed-size objects: single owner, last in first out, handles with a generation.
 *
 * An object is zeroed when it is acquired, so that nothing of its last life shows. A handle is (slot, generation); a stale one, an object that was released
 * since, is detected. Objects over TL_POOL_OBJECT_BYTES are refused: the general allocator is as good for them. acquire and release are O(1), wait-free, and allocate
 * nothing; memory is reserved for the worst case and touched as it is used.
 */
#ifndef TL_MEMORY_POOL_H
#define TL_MEMORY_POOL_H

#include "memory/vmem.h"

enum { TL_POOL_OBJECT_BYTES = 2048 };

typedef struct tl_pool_handle {
    uint32_t slot;       /* from 1; 0 = none */
    uint32_t generation; /* odd while it lives */
} tl_pool_handle;

typedef struct tl_pool_counts {
    uint64_t hits;       /* acquired from what was released */
    uint64_t fresh;      /* acquired for the first time */
    uint64_t misses;     /* refused: the pool is empty */
    uint64_t stale;      /* uses of dead handles */
    uint32_t live;       /* now */
    uint32_t high_water; /* most at a time */
    uint32_t capacity;
    uint32_t object_bytes;
} tl_pool_counts;

typedef struct tl_pool tl_pool;

/* TL_ERR_LIMIT for objects that are too large; TL_ERR_NO_MEMORY. */
tl_status tl_pool_create(uint32_t object_bytes, uint32_t capacity, tl_pool **out);
void tl_pool_destroy(tl_pool *pool);

/* A zeroed object, NULL when the pool is empty. `site` names the caller (kept for each live object in debug builds, TL_POOL_SITES). */
void *tl_pool_acquire(tl_pool *pool, tl_pool_handle *handle, const char *site);
/* The object of slot s begins (s - 1) strides behind this; a stride is object_bytes where that is a multiple of a cache line. For an owner that keeps slots of what it knows to be alive. */
void *tl_pool_objects(tl_pool *pool);
/* False, counted, for a handle that is stale. */
bool tl_pool_release(tl_pool *pool, tl_pool_handle handle);
/* The object of a handle, NULL (counted) when it is stale. */
void *tl_pool_get(tl_pool *pool, tl_pool_handle handle);

void tl_pool_count(const tl_pool *pool, tl_pool_counts *counts);
/* Who acquired a live object: "" when it is not known. */
const char *tl_pool_site(const tl_pool *pool, uint32_t slot);

#endif
