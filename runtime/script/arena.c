#include "script/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef TL_SANITIZED
#include <jemalloc/jemalloc.h>
#endif

enum { MIN_CAP_BYTES = 2 << 20, MIN_RESERVE_BYTES = 1 << 20, RESERVE_SHARE = 32 };

tl_status tl_arena_init(tl_arena *arena, uint64_t cap_bytes) {
    memset(arena, 0, sizeof *arena);
    if (cap_bytes < MIN_CAP_BYTES)
        return tl_error_set(TL_ERR_ARGUMENT, "a memory cap of %llu bytes: a Lua state needs at least %d MiB",
                            (unsigned long long)cap_bytes, MIN_CAP_BYTES >> 20);
    arena->cap_bytes = cap_bytes;
    arena->reserve_bytes = cap_bytes / RESERVE_SHARE;
    if (arena->reserve_bytes < MIN_RESERVE_BYTES) arena->reserve_bytes = MIN_RESERVE_BYTES;
    tl_arena_close_reserve(arena);
#ifndef TL_SANITIZED
    unsigned index, cache;
    size_t size = sizeof index;
    if (mallctl("arenas.create", &index, &size, NULL, 0) != 0)
        return tl_error_set(TL_ERR_NO_MEMORY, "jemalloc has no arena left for a Lua state");
    size = sizeof cache;
    if (mallctl("tcache.create", &cache, &size, NULL, 0) != 0) {
        char name[32];
        snprintf(name, sizeof name, "arena.%u.destroy", index);
        mallctl(name, NULL, NULL, NULL, 0);
        return tl_error_set(TL_ERR_NO_MEMORY, "jemalloc has no thread cache left for a Lua state");
    }
    arena->index = index;
    arena->cache = cache;
    arena->flags = MALLOCX_ARENA(index) | MALLOCX_TCACHE(cache);
#endif
    return TL_OK;
}

void tl_arena_close(tl_arena *arena) {
    if (arena->cap_bytes == 0) return;
#ifndef TL_SANITIZED
    unsigned cache = arena->cache;
    mallctl("tcache.destroy", NULL, NULL, &cache, sizeof cache);
    char name[32];
    snprintf(name, sizeof name, "arena.%u.destroy", arena->index);
    mallctl(name, NULL, NULL, NULL, 0);
#endif
    memset(arena, 0, sizeof *arena);
}

void tl_arena_open_reserve(tl_arena *arena) {
    arena->limit_bytes = arena->cap_bytes;
}

void tl_arena_close_reserve(tl_arena *arena) {
    arena->limit_bytes = arena->cap_bytes - arena->reserve_bytes;
}

void *tl_arena_allocate(void *user, void *pointer, size_t old_bytes, size_t new_bytes) {
    tl_arena *arena = user;
    if (new_bytes == 0) {
        if (!pointer) return NULL;
        arena->used_bytes -= old_bytes;
#ifdef TL_SANITIZED
        free(pointer);
#else
        dallocx(pointer, arena->flags);
#endif
        return NULL;
    }
    if (!pointer) old_bytes = 0;
    if (new_bytes > old_bytes && arena->used_bytes + (new_bytes - old_bytes) > arena->limit_bytes) {
        arena->refused_bytes = new_bytes;
        return NULL;
    }
#ifdef TL_SANITIZED
    void *memory = realloc(pointer, new_bytes);
#else
    void *memory = pointer ? rallocx(pointer, new_bytes, arena->flags) : mallocx(new_bytes, arena->flags);
#endif
    if (!memory) {
        arena->refused_bytes = new_bytes;
        return NULL;
    }
    arena->used_bytes += new_bytes - old_bytes;
    if (arena->used_bytes > arena->peak_bytes) arena->peak_bytes = arena->used_bytes;
    return memory;
}
