/* A Lua state in an arena of its own, with the library's modules in reach and nothing of a script's yet.
 *
 * Opened with LuaJIT's libraries for the host's own modules; what a script may reach is made by lua/tidelock/runtime/sandbox.lua.
 * Calls are protected: an error leaves its message and its traceback as text. Single owner.
 */
#ifndef TL_SCRIPT_STATE_H
#define TL_SCRIPT_STATE_H

#ifndef TL_CDEF
#include <lua.h>

#include "script/arena.h"

enum { TL_STATE_MESSAGE_BYTES = 1024, TL_STATE_TRACEBACK_BYTES = 4096, TL_STATE_SEEN = 64 };

typedef struct tl_state {
    lua_State *L;
    tl_arena arena;
    uint64_t collect_at_bytes;            /* the governor steps from here on */
    char message[TL_STATE_MESSAGE_BYTES]; /* of the last error */
    char traceback[TL_STATE_TRACEBACK_BYTES];
    uint64_t seen[TL_STATE_SEEN]; /* hashes of messages that have had their traceback: an error storm has no time for more */
    uint32_t seen_count;
    bool fresh;       /* the last error's message was not seen before */
    bool incremental; /* the collector runs by itself (L3) */
} tl_state;

/* `library` is the folder of lua/. After tl_state_open() fails nothing needs closing. */
tl_status tl_state_open(tl_state *state, uint64_t cap_bytes, const char *library, bool no_jit);
void tl_state_close(tl_state *state);

/* Calls the function below `arguments` on the stack; 0, or a LUA_ERR* with message (and traceback, when it is fresh) set and nothing left on the
 * stack. */
int tl_state_call(tl_state *state, int arguments, int results);

/* Runs between two events: steps the collector as far as the allocation since the last time asks for. False when the state is beyond
 * saving: more than 90 % of the cap is live. */
bool tl_state_govern(tl_state *state);
/* Lets the collector run by itself while the script allocates (L3). */
void tl_state_run_incremental(tl_state *state);
/* A full collection with the reserve open. */
void tl_state_collect(tl_state *state);
#endif

#endif
