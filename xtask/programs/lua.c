/* Runs the Lua script that is its first argument. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __wasi__
/* A guest has neither a shell nor a folder for temporary files, which Lua's libraries offer. */
int system(const char *command) { return (void)command, 0; }
FILE *tmpfile(void) { return NULL; }
char *tmpnam(char *name) { return (void)name, NULL; }
#endif

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: lua SCRIPT\n");
        return 2;
    }
    lua_State *state = luaL_newstate();
    if (!state) return 1;
    luaL_openlibs(state);
    if (luaL_loadbuffer(state, argv[1], strlen(argv[1]), "=script") != LUA_OK || lua_pcall(state, 0, 0, 0) != LUA_OK) {
        fprintf(stderr, "error: %s\n", lua_tostring(state, -1));
        return 1;
    }
    lua_close(state);
    return 0;
}
