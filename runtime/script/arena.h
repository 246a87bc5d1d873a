/* The memory of one Lua state: a jemalloc arena of its own with a cap and a reserve.
 *
 * The last part of the cap is the reserve (1/32 of it, at least 1 MiB): closed, so that a script that runs into the cap leaves room for what
 * must still happen, a full collection and the report of the error. An allocation beyond the limit is refused and remembered in `refused_bytes`;
 * shrinking never fails. Sanitizer builds have no jemalloc: there the C library allocates, the accounting is the same.
 *
 * Single owner; wait-free but for the allocator's own work.
 */
#ifndef TL_SCRIPT_ARENA_H
#define TL_SCRIPT_ARENA_H

#include "base/status.h"

typedef struct tl_arena {
    uint64_t used_bytes; /* as asked for */
    uint64_t peak_bytes;
    uint64_t cap_bytes;
    uint64_t limit_bytes;   /* at present: the cap, less the reserve while that is closed */
    uint64_t reserve_bytes; /* part of the cap */
    uint64_t refused_bytes; /* size of the last allocation that was refused; 0 = none was */
    int32_t flags;          /* of mallocx */
    uint32_t index;         /* of the jemalloc arena */
    uint32_t cache;         /* of the jemalloc thread cache */
} tl_arena;

/* TL_ERR_ARGUMENT for a cap below 2 MiB, TL_ERR_NO_MEMORY. */
tl_status tl_arena_init(tl_arena *arena, uint64_t cap_bytes);
/* Gives everything back, whatever is still allocated. */
void tl_arena_close(tl_arena *arena);

/* A lua_Alloc; `arena` is its user data. */
void *tl_arena_allocate(void *arena, void *pointer, size_t old_bytes, size_t new_bytes);

void tl_arena_open_reserve(tl_arena *arena);
void tl_arena_close_reserve(tl_arena *arena);

#endif
