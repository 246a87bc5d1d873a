#include "memory/pool.h"

#include <stdlib.h>
#include <string.h>

#if defined(TL_POOL_SITES) || defined(TL_SANITIZED)
enum { KEEP_SITES = 1 };
#else
enum { KEEP_SITES = 0 };
#endif

/* What the pool knows of a slot; apart from the objects, so that no write beyond an object's end can harm it. */
typedef struct slot_state {
    uint32_t generation; /* odd while the object lives */
    uint32_t next;       /* the slot released before this one; while it is free */
} slot_state;

struct tl_pool {
    uint8_t *objects;
    slot_state *states;
    const char **sites; /* NULL unless KEEP_SITES */
    size_t stride;
    uint32_t top;   /* the slot released last, 0 = none */
    uint32_t fresh; /* slots that were ever acquired */
    tl_pool_counts counts;
    tl_vmem object_memory, state_memory, site_memory;
};

tl_status tl_pool_create(uint32_t object_bytes, uint32_t capacity, tl_pool **out) {
    *out = NULL;
    if (object_bytes == 0 || capacity == 0)
        return tl_error_set(TL_ERR_ARGUMENT, "a pool of %u objects of %u bytes: neither may be 0", capacity, object_bytes);
    if (object_bytes > TL_POOL_OBJECT_BYTES)
        return tl_error_set(TL_ERR_LIMIT,
                            "a pool of objects of %u bytes: at most %d; larger ones are for the general allocator",
                            object_bytes, TL_POOL_OBJECT_BYTES);
    tl_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL) return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a pool");
    /* Objects share no cache line where that costs less than half of them. */
    size_t align = object_bytes > TL_CACHE_LINE_BYTES / 2 ? TL_CACHE_LINE_BYTES : 16;
    pool->stride = (object_bytes + align - 1) & ~(align - 1);
    pool->counts.capacity = capacity;
    pool->counts.object_bytes = object_bytes;
    tl_status status = tl_vmem_reserve(&pool->object_memory, pool->stride * capacity);
    if (status == TL_OK) status = tl_vmem_reserve(&pool->state_memory, sizeof(slot_state) * capacity);
    if (status == TL_OK && KEEP_SITES) status = tl_vmem_reserve(&pool->site_memory, sizeof(char *) * capacity);
    if (status != TL_OK) {
        tl_pool_destroy(pool);
        return status;
    }
    pool->objects = pool->object_memory.base;
    pool->states = pool->state_memory.base;
    pool->sites = pool->site_memory.base;
    *out = pool;
    return TL_OK;
}

void tl_pool_destroy(tl_pool *pool) {
    if (pool == NULL) return;
    tl_vmem_release(&pool->object_memory);
    tl_vmem_release(&pool->state_memory);
    tl_vmem_release(&pool->site_memory);
    free(pool);
}

void *tl_pool_acquire(tl_pool *pool, tl_pool_handle *handle, const char *site) {
    uint32_t slot = pool->top;
    uint8_t *object;
    if (TL_LIKELY(slot != 0)) {
        pool->top = pool->states[slot - 1].next;
        object = pool->objects + (slot - 1) * pool->stride;
        memset(object, 0, pool->counts.object_bytes);
        pool->counts.hits++;
    } else if (pool->fresh < pool->counts.capacity) {
        slot = ++pool->fresh; /* never touched: the kernel's zeros */
        object = pool->objects + (slot - 1) * pool->stride;
        pool->counts.fresh++;
    } else {
        pool->counts.misses++;
        *handle = (tl_pool_handle){0};
        return NULL;
    }
    *handle = (tl_pool_handle){.slot = slot, .generation = ++pool->states[slot - 1].generation};
    if (++pool->counts.live > pool->counts.high_water) pool->counts.high_water = pool->counts.live;
    if (KEEP_SITES) pool->sites[slot - 1] = site;
    return object;
}

static bool lives(tl_pool *pool, tl_pool_handle handle) {
    if (TL_LIKELY(handle.slot - 1 < pool->fresh && (handle.generation & 1) != 0 &&
                  pool->states[handle.slot - 1].generation == handle.generation))
        return true;
    pool->counts.stale++;
    return false;
}

bool tl_pool_release(tl_pool *pool, tl_pool_handle handle) {
    if (!lives(pool, handle)) return false;
    slot_state *state = &pool->states[handle.slot - 1];
    state->generation++;
    state->next = pool->top;
    pool->top = handle.slot;
    pool->counts.live--;
    if (KEEP_SITES) pool->sites[handle.slot - 1] = NULL;
    return true;
}

void *tl_pool_get(tl_pool *pool, tl_pool_handle handle) {
    return lives(pool, handle) ? pool->objects + (handle.slot - 1) * pool->stride : NULL;
}

void *tl_pool_objects(tl_pool *pool) {
    return pool->objects;
}

void tl_pool_count(const tl_pool *pool, tl_pool_counts *counts) {
    *counts = pool->counts;
}

const char *tl_pool_site(const tl_pool *pool, uint32_t slot) {
    const char *site = KEEP_SITES && slot - 1 < pool->fresh ? pool->sites[slot - 1] : NULL;
    return site != NULL ? site : "";
}
