/* The thin binary: argument vector in, verb out. The verbs are Lua, in lua/tidelock/cli/. */
#include "base/draft.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <limits.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder that holds lua/ and generated/: beside the binary in a build tree, under share/ once installed. */
static int find_root(char *root, size_t size, char *generated, size_t generated_size) {
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length < 0) return 0;
    exe[length] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash) return 0;
    *slash = 0;
    char probe[PATH_MAX + 128];
    snprintf(probe, sizeof probe, "%s/source/lua/tidelock/cli/init.lua", exe);
    if (access(probe, R_OK) == 0) {
        snprintf(root, size, "%s/source", exe);
        snprintf(generated, generated_size, "%s/generated", exe);
        return 1;
    }
    snprintf(root, size, "%s/../share/tidelock", exe);
    snprintf(generated, generated_size, "%s/../share/tidelock/generated", exe);
    snprintf(probe, sizeof probe, "%s/lua/tidelock/cli/init.lua", root);
    return access(probe, R_OK) == 0;
}

static void write_text(const char *text) {
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    (void)written; /* there is nobody else to tell */
}

/* Says what ends the process, on a line of its own also where progress was shown, and lets the signal do it. */
static void interrupted(int number) {
    tl_draft_abandon_all();
    if (isatty(STDERR_FILENO)) write_text("\r\033[K");
    write_text(number == SIGINT    ? "tidelock: interrupted\n"
               : number == SIGTERM ? "tidelock: terminated\n"
                                   : "tidelock: the terminal hung up\n");
    raise(number);
}

static void set_signals(void) {
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++) {
        struct sigaction old, action = {.sa_handler = interrupted, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
        if (sigaction(ending[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) sigaction(ending[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a file that reaches its limit is a write that fails, with a reason */
}

/* A stream that was closed is no number for a file to get: reading it ends at once, writing it fails. */
static void fill_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) _exit(1);
}

typedef struct call {
    int argc;
    char **argv;
    char root[PATH_MAX + 64];
    char generated[PATH_MAX + 64];
    int code; /* the verb's exit code */
} call;

/* Everything that Lua is asked for, under protection: memory may end at any place. */
static int run(lua_State *L) {
    call *c = lua_touserdata(L, 1);
    luaL_openlibs(L);
    lua_pushboolean(L, 1);
    lua_setglobal(L, "TIDELOCK_IN_PROCESS");
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "path");
    lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;%s", c->root, c->root, c->generated, lua_tostring(L, -1));
    lua_setfield(L, -3, "path");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "tidelock.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, c->argc, 2);
    for (int i = 0; i < c->argc; i++) {
        lua_pushstring(L, c->argv[i]);
        lua_rawseti(L, -2, i);
    }
    lua_pushstring(L, c->root);
    lua_setfield(L, -2, "root");
    lua_pushstring(L, c->generated);
    lua_setfield(L, -2, "generated");
    lua_call(L, 1, 1);
    c->code = (int)lua_tointeger(L, -1);
    return 0;
}

int main(int argc, char **argv) {
    fill_standard_streams();
    set_signals();
    static call c;
    c.argc = argc;
    c.argv = argv;
    if (!find_root(c.root, sizeof c.root, c.generated, sizeof c.generated)) {
        fprintf(stderr, "tidelock: start: the Lua library is neither beside the binary nor under ../share/tidelock\n");
        return 1;
    }
    lua_State *L = luaL_newstate();
    if (!L) {
        fprintf(stderr, "tidelock: start: no memory for a Lua state\n");
        return 1;
    }
    if (lua_cpcall(L, run, &c) != 0) {
        const char *why = lua_tostring(L, -1);
        fprintf(stderr, "tidelock: start: %s\n", why != NULL ? why : "an error without a sentence");
        c.code = 1;
    }
    if ((fflush(stdout) != 0 || ferror(stdout)) && c.code == 0) {
        fprintf(stderr, "tidelock: standard output: cannot write: %s\n", strerror(errno));
        c.code = 1;
    }
    tl_draft_abandon_all();
    _exit(c.code); /* the Lua state and its arenas end with the process; closing them would only cost time */
}
