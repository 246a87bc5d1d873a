#define _GNU_SOURCE
#include "script/state.h"

#include <dlfcn.h>
#include <lauxlib.h>
#include <limits.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_COLLECT_BYTES = 4 << 20, STEP_BYTES = 64 << 10, STEP_FACTOR_PERCENT = 400 };

/* ---- order of keys: numbers, then strings, then booleans ---- */

static int key_rank(lua_State *L, int at) {
    switch (lua_type(L, at)) {
    case LUA_TNUMBER:
        return 0;
    case LUA_TSTRING:
        return 1;
    case LUA_TBOOLEAN:
        return 2;
    default:
        return -1;
    }
}

/* Less, equal, greater as -1, 0, 1; both indices absolute. */
static int key_compare(lua_State *L, int a, int b) {
    int rank_a = key_rank(L, a), rank_b = key_rank(L, b);
    if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
    if (rank_a == 0) {
        double x = lua_tonumber(L, a), y = lua_tonumber(L, b);
        return (x > y) - (x < y);
    }
    if (rank_a == 1) {
        size_t length_a, length_b;
        const char *x = lua_tolstring(L, a, &length_a), *y = lua_tolstring(L, b, &length_b);
        int order = memcmp(x, y, length_a < length_b ? length_a : length_b);
        return order != 0 ? order : (length_a > length_b) - (length_a < length_b);
    }
    return lua_toboolean(L, a) - lua_toboolean(L, b);
}

static int refuse_key(lua_State *L, int at) {
    return luaL_error(
        L,
        "pairs and next: the table has a key that is a %s, and its place in an order would differ from run to run; keys are "
        "numbers, strings and booleans",
        luaL_typename(L, at));
}

/* next(table, key): the least key above `key` in the order of keys, and its value. */
static int lua_next_ordered(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 2);
    bool first = lua_isnil(L, 2);
    if (!first && key_rank(L, 2) < 0) return refuse_key(L, 2);
    lua_pushnil(L); /* 3: the best so far */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (key_rank(L, 4) < 0) return refuse_key(L, 4);
        if ((first || key_compare(L, 4, 2) > 0) && (lua_isnil(L, 3) || key_compare(L, 4, 3) < 0)) {
            lua_pushvalue(L, 4);
            lua_replace(L, 3);
        }
    }
    lua_settop(L, 3);
    if (lua_isnil(L, 3)) return 1;
    lua_pushvalue(L, 3);
    lua_rawget(L, 1);
    return 2;
}

static int sift_keys(lua_State *L, int root, int count) {
    for (;;) { /* a heap of the keys in table 2; heap sort needs no memory and has no bad case */
        int child = 2 * root;
        if (child > count) return 0;
        lua_rawgeti(L, 2, child);
        if (child < count) {
            lua_rawgeti(L, 2, child + 1);
            if (key_compare(L, lua_gettop(L) - 1, lua_gettop(L)) < 0) {
                lua_remove(L, -2);
                child++;
            } else {
                lua_pop(L, 1);
            }
        }
        lua_rawgeti(L, 2, root);
        if (key_compare(L, lua_gettop(L), lua_gettop(L) - 1) >= 0) {
            lua_pop(L, 2);
            return 0;
        }
        lua_rawseti(L, 2, child);
        lua_rawseti(L, 2, root);
        root = child;
    }
}

/* keys(table): a list of its keys in their order, and how many. */
static int lua_keys_ordered(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_newtable(L);
    int count = 0;
    bool sorted = true;
    lua_pushnil(L); /* 3: the last one */
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        if (key_rank(L, 4) < 0) return refuse_key(L, 4);
        if (count > 0 && key_compare(L, 3, 4) > 0) sorted = false;
        lua_pushvalue(L, 4);
        lua_replace(L, 3);
        lua_pushvalue(L, 4);
        lua_rawseti(L, 2, ++count);
    }
    if (!sorted) {
        for (int root = count / 2; root >= 1; root--)
            sift_keys(L, root, count);
        for (int last = count; last > 1; last--) {
            lua_rawgeti(L, 2, 1);
            lua_rawgeti(L, 2, last);
            lua_rawseti(L, 2, 1);
            lua_rawseti(L, 2, last);
            sift_keys(L, 1, last - 1);
        }
    }
    lua_pushvalue(L, 2);
    lua_pushinteger(L, count);
    return 2;
}

/* ---- errors ---- */

/* Of a message, its numbers left out behind "file:line: ": "no luck with 7" and "no luck with 8" are one error. */
static uint64_t message_hash(const char *text) {
    const char *rest = strstr(text, ": ");
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *at = text; *at; at++)
        if (!rest || at < rest || *at < '0' || *at > '9') h = (h ^ (uint8_t)*at) * 0x100000001b3u;
    return h | 1;
}

static bool first_sight(tl_state *state) {
    uint64_t hash = message_hash(state->message);
    for (uint32_t i = 0; i < state->seen_count; i++)
        if (state->seen[i] == hash) return false;
    if (state->seen_count == TL_STATE_SEEN) return false;
    state->seen[state->seen_count++] = hash;
    return true;
}

/* The frames of the host's own loop say nothing to the author of a script. */
static void keep_traceback(tl_state *state, const char *text) {
    snprintf(state->traceback, sizeof state->traceback, "%s", text);
    char *own = strstr(state->traceback, "tidelock/runtime/drain.lua");
    if (!own) return;
    while (own > state->traceback && own[-1] != '\n')
        own--;
    if (own > state->traceback) own[-1] = 0;
}

static int on_error(lua_State *L) {
    tl_state *state = lua_touserdata(L, lua_upvalueindex(1));
    tl_arena_open_reserve(&state->arena);
    if (lua_type(L, 1) == LUA_TSTRING || lua_type(L, 1) == LUA_TNUMBER) {
        snprintf(state->message, sizeof state->message, "%s", lua_tostring(L, 1));
    } else if (luaL_getmetafield(L, 1, "__tostring")) {
        lua_pushvalue(L, 1);
        if (lua_pcall(L, 1, 1, 0) == 0 && lua_isstring(L, -1))
            snprintf(state->message, sizeof state->message, "%s", lua_tostring(L, -1));
        else
            snprintf(state->message, sizeof state->message, "an error value whose __tostring fails");
    } else {
        snprintf(state->message, sizeof state->message, "an error value that is a %s", luaL_typename(L, 1));
    }
    state->traceback[0] = 0;
    state->fresh = first_sight(state);
    if (state->fresh) {
        luaL_traceback(L, L, NULL, 1);
        keep_traceback(state, lua_tostring(L, -1));
    }
    lua_settop(L, 1);
    return 1;
}

int tl_state_call(tl_state *state, int arguments, int results) {
    lua_State *L = state->L;
    int status = lua_pcall(L, arguments, results, 1);
    if (status == 0) return 0;
    if (status == LUA_ERRMEM) {
        snprintf(state->message, sizeof state->message, "not enough memory");
        state->traceback[0] = 0;
        state->fresh = false;
    } else if (status == LUA_ERRERR) {
        snprintf(state->message, sizeof state->message,
                 "an error while an error was handled (a stack overflow, or no memory)");
        state->traceback[0] = 0;
        state->fresh = first_sight(state);
    }
    lua_pop(L, 1);
    tl_arena_close_reserve(&state->arena);
    return status;
}

/* ---- life ---- */

/* The most that may be live: 90 % of the cap; of a small cap, what is left beside the reserve. */
static uint64_t most_live(const tl_arena *arena) {
    uint64_t most = arena->cap_bytes / 10 * 9, open = arena->cap_bytes - arena->reserve_bytes - STEP_BYTES;
    return most < open ? most : open;
}

/* Where the next cycle starts: at twice what is live, but no later than half way to the most. */
static uint64_t next_cycle(const tl_arena *arena) {
    uint64_t used = arena->used_bytes, most = most_live(arena);
    uint64_t next = used * 2 > FIRST_COLLECT_BYTES ? used * 2 : FIRST_COLLECT_BYTES;
    uint64_t half_way = used + (most > used ? (most - used) / 2 : 0);
    if (next > half_way) next = half_way;
    return next > used + STEP_BYTES ? next : used + STEP_BYTES;
}

/* From where on the state's own collector is helped between events: it pays for each allocation alike, and one who makes large strings outruns it. */
static uint64_t helped_from(const tl_arena *arena) {
    uint64_t half = arena->cap_bytes / 2, next = arena->used_bytes + STEP_BYTES;
    return half > next ? half : next;
}

/* This library's file: the state opens it again by its name, which gives the same instance. */
static bool own_path(char *path, size_t size) {
    Dl_info info;
    char resolved[PATH_MAX];
    if (!dladdr((void *)tl_state_open, &info) || !info.dli_fname || !realpath(info.dli_fname, resolved)) return false;
    return (size_t)snprintf(path, size, "%s", resolved) < size;
}

static int open_protected(lua_State *L) {
    const char *library = lua_touserdata(L, 1);
    lua_gc(L, LUA_GCSTOP, 0);
    luaL_openlibs(L);
    char own[PATH_MAX], folder[PATH_MAX];
    if (!own_path(own, sizeof own)) return luaL_error(L, "the library does not find its own file");
    snprintf(folder, sizeof folder, "%s", own);
    *strrchr(folder, '/') = 0;
    lua_pushstring(L, own);
    lua_setglobal(L, "TIDELOCK_LIBRARY");
    lua_getglobal(L, "package");
    lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;%s/generated/?.lua;%s/../generated/?.lua", library, library, folder, library);
    lua_setfield(L, -2, "path");
    lua_pushliteral(L, "");
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, lua_keys_ordered);
    lua_setfield(L, -2, "keys");
    lua_pushcfunction(L, lua_next_ordered);
    lua_setfield(L, -2, "next");
    lua_setglobal(L, "TIDELOCK_INSIDE");
    return 0;
}

tl_status tl_state_open(tl_state *state, uint64_t cap_bytes, const char *library, bool no_jit) {
    memset(state, 0, sizeof *state);
    tl_status status = tl_arena_init(&state->arena, cap_bytes);
    if (status != TL_OK) return status;
    lua_State *L = state->L = lua_newstate(tl_arena_allocate, &state->arena);
    if (!L) {
        tl_arena_close(&state->arena);
        return tl_error_set(TL_ERR_NO_MEMORY, "no memory for a Lua state");
    }
    /* the cap is far: the two pushes that are not protected cannot fail */
    lua_pushlightuserdata(L, state);
    lua_pushcclosure(L, on_error, 1);
    lua_pushcfunction(L, open_protected);
    lua_pushlightuserdata(L, (void *)library);
    if (tl_state_call(state, 1, 0) != 0) {
        status = tl_error_set(TL_ERR_SCRIPT, "a Lua state does not start: %s", state->message);
        tl_state_close(state);
        return status;
    }
    state->collect_at_bytes = next_cycle(&state->arena);
    if (no_jit) luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
    return TL_OK;
}

void tl_state_close(tl_state *state) {
    if (state->L) lua_close(state->L);
    state->L = NULL;
    tl_arena_close(&state->arena);
}

void tl_state_run_incremental(tl_state *state) {
    state->incremental = true;
    state->collect_at_bytes = helped_from(&state->arena);
    lua_gc(state->L, LUA_GCSETSTEPMUL, STEP_FACTOR_PERCENT);
    lua_gc(state->L, LUA_GCRESTART, 0);
}

void tl_state_collect(tl_state *state) {
    tl_arena_open_reserve(&state->arena);
    lua_gc(state->L, LUA_GCCOLLECT, 0);
    if (!state->incremental) lua_gc(state->L, LUA_GCSTOP, 0);
    tl_arena_close_reserve(&state->arena);
}

/* A cycle goes on by twice what is allocated meanwhile (four times from half of the cap on, eight from three quarters), so that it ends before memory does.
 * Nothing of this shows in a script: there are no finalizers and no weak tables. */
bool tl_state_govern(tl_state *state) {
    tl_arena *arena = &state->arena;
    if (arena->used_bytes < state->collect_at_bytes) return true;
    if (arena->used_bytes >= most_live(arena)) {
        tl_state_collect(state);
        if (arena->used_bytes >= most_live(arena)) return false;
    } else {
        uint64_t allocated = arena->used_bytes - state->collect_at_bytes + STEP_BYTES;
        uint64_t cap = arena->cap_bytes, factor = arena->used_bytes > cap / 4 * 3 ? 8 : arena->used_bytes > cap / 2 ? 4 : 2;
        tl_arena_open_reserve(arena);
        bool done = lua_gc(state->L, LUA_GCSTEP, (int)(allocated * factor >> 10));
        if (!state->incremental) lua_gc(state->L, LUA_GCSTOP, 0);
        tl_arena_close_reserve(arena);
        if (!done) {
            state->collect_at_bytes = arena->used_bytes + STEP_BYTES;
            return true;
        }
    }
    state->collect_at_bytes = state->incremental ? helped_from(arena) : next_cycle(arena);
    return true;
}
