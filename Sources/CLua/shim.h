#pragma once
#include <lua5.1/lua.h>
#include <lua5.1/lauxlib.h>
#include <lua5.1/lualib.h>

// Lua raises errors by longjmp, which must not cross Swift frames. A Swift handler therefore returns a negative number
// to raise the value on top of the stack as an error. The trampoline then raises it from C.
typedef int (*clua_handler)(lua_State *state, void *host, int is_protected);

static inline int clua_trampoline(lua_State *state) {
    clua_handler handler = (clua_handler)lua_touserdata(state, lua_upvalueindex(1));
    int count = handler(state, lua_touserdata(state, lua_upvalueindex(2)), lua_toboolean(state, lua_upvalueindex(3)));
    return count < 0 ? lua_error(state) : count;
}

static inline void clua_push_handler(lua_State *state, clua_handler handler, void *host, int is_protected) {
    lua_pushlightuserdata(state, (void *)handler);
    lua_pushlightuserdata(state, host);
    lua_pushboolean(state, is_protected);
    lua_pushcclosure(state, clua_trampoline, 3);
}

static inline void clua_pop(lua_State *state, int count) { lua_pop(state, count); }
static inline void clua_new_table(lua_State *state) { lua_newtable(state); }
static inline void clua_set_global(lua_State *state, const char *name) { lua_setglobal(state, name); }
