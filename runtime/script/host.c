/* The host's life: set-up, the protected drain, what it answers about itself. */
#include "script/host.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "script/host_inside.h"

enum { LOG_SLOTS = 1 << 12, DEFAULT_BATCH = 64, DEFAULT_ERROR_BUDGET = 100, MAX_STRATEGY = 4095, RANDOM_STREAM = 0x5c };

/* ---- small helpers ---- */

static char *copy_text(const char *text) {
    return text ? strdup(text) : NULL;
}

static void free_texts(char **texts, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

static tl_status no_memory(const char *what) {
    return tl_error_set(TL_ERR_NO_MEMORY, "no memory for %s", what);
}

static tl_status fail(tl_host *h, const char *sentence) {
    if (h->state != TL_HOST_FAILED) snprintf(h->failure, sizeof h->failure, "%s", sentence);
    h->state = TL_HOST_FAILED;
    return tl_error_set(TL_ERR_SCRIPT, "%s", h->failure);
}

/* Sizes of the three tiers, DESIGN §6. */
static uint64_t default_cap(const char *tier) {
    if (strcmp(tier, "L1") == 0) return 32ull << 20;
    if (strcmp(tier, "L3") == 0) return 512ull << 20;
    return 128ull << 20;
}

static tl_status out_of_memory(tl_host *h, const char *when) {
    char text[TEXT_BYTES * 2];
    double cap_mib = (double)h->lua.arena.cap_bytes / (1 << 20);
    const char *whose = h->config.memory_bytes ? "the configured cap" : "the cap of its tier";
    snprintf(text, sizeof text,
             "out of memory: %s%s%s is %g MiB, and %s wanted more (%llu bytes were in use, %llu more were asked for)", whose,
             h->config.memory_bytes || !h->tier ? "" : " ", h->config.memory_bytes || !h->tier ? "" : h->tier, cap_mib, when,
             (unsigned long long)h->lua.arena.used_bytes, (unsigned long long)h->lua.arena.refused_bytes);
    return fail(h, text);
}

/* ---- set-up ---- */

static void open_boot(lua_State *L, tl_host *h) {
    lua_pushlightuserdata(L, h);
    lua_setglobal(L, "TIDELOCK_HOST");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "tidelock.runtime.boot");
}

/* boot, drain and report stay on the stack: pushing a copy of them allocates nothing. */
static int start_boot(lua_State *L) {
    tl_host *h = lua_touserdata(L, 1);
    open_boot(L, h);
    lua_call(L, 1, 1);
    return 1;
}

static tl_status open_state(tl_host *h) {
    uint64_t cap = h->config.memory_bytes ? h->config.memory_bytes : default_cap("L2");
    tl_status status = tl_state_open(&h->lua, cap, h->config.library, h->config.no_jit != 0);
    if (status != TL_OK) return status;
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, start_boot);
    lua_pushlightuserdata(L, h);
    if (tl_state_call(&h->lua, 1, 1) != 0)
        return tl_error_set(TL_ERR_SCRIPT, "the script library does not load: %s", h->lua.message);
    lua_getfield(L, AT_BOOT, "drain");
    lua_getfield(L, AT_BOOT, "report");
    return TL_OK;
}

tl_status tl_host_create(const tl_host_config *config, tl_host **out) {
    if (!config->script || !config->library || !config->instruments)
        return tl_error_set(TL_ERR_ARGUMENT, "a host needs a script, the library's folder and an instrument table");
    if (config->strategy > MAX_STRATEGY)
        return tl_error_set(TL_ERR_ARGUMENT, "strategy %u: ids go from 0 to %d", config->strategy, MAX_STRATEGY);
    tl_host *h = calloc(1, sizeof *h);
    if (!h) return no_memory("a strategy's host");
    h->config = *config;
    h->config.script = copy_text(config->script);
    h->config.name = copy_text(config->name);
    h->config.library = copy_text(config->library);
    h->config.account = copy_text(config->account ? config->account : "main");
    h->config.currency = copy_text(config->currency ? config->currency : "USD");
    if (h->config.batch == 0) h->config.batch = DEFAULT_BATCH;
    if (h->config.error_budget == 0) h->config.error_budget = DEFAULT_ERROR_BUDGET;
    if (!(h->config.leverage > 0)) h->config.leverage = 1;
    h->phase = TL_PHASE_LIVE;
    h->wanted = ALWAYS_WANTED;
    tl_host_set_hooks(h, &(tl_host_hooks){.context = NULL});
    tl_random_seed(&h->random, config->seed, RANDOM_STREAM);
    h->kept = tl_kept_create();
    h->view = tl_view_create(config->instruments);
    h->timers = tl_timers_create(config->calendars);
    h->times = calloc(TL_STAGES, sizeof *h->times);
    h->signals = calloc(TL_SIGNALS_KEPT, sizeof *h->signals);
    h->mirror = h->view ? tl_mirror_create(h->view, config->instruments, config->strategy, config->epoch) : NULL;
    if (h->mirror) h->sent_count = tl_mirror_sent(h->mirror);
    tl_status status = tl_input_log_init(&h->log, LOG_SLOTS);
    if (status == TL_OK && (!h->kept || !h->view || !h->timers || !h->times || !h->signals || !h->mirror))
        status = no_memory("a strategy's host");
    if (status == TL_OK) status = open_state(h);
    if (status != TL_OK) {
        tl_host_destroy(h);
        return status;
    }
    *out = h;
    return TL_OK;
}

static void free_data(data_input *data) {
    free(data->name);
    free_texts(data->columns, data->column_count);
    free(data->rows);
    free(data->current);
}

void tl_host_destroy(tl_host *h) {
    if (!h) return;
    tl_state_close(&h->lua);
    if (h->mirror) tl_mirror_destroy(h->mirror);
    tl_view_destroy(h->view);
    tl_timers_destroy(h->timers);
    tl_kept_destroy(h->kept);
    tl_host_signals_close(h);
    tl_input_log_close(&h->log);
    for (uint32_t i = 0; i < h->param_count; i++) {
        free(h->params[i].symbol);
        free(h->params[i].name);
        free(h->params[i].text);
    }
    for (uint32_t i = 0; i < h->data_count; i++)
        free_data(&h->data[i]);
    free(h->params);
    free_texts(h->symbols, h->symbol_count);
    free_texts(h->declared, h->declared_count);
    free_texts(h->param_names, h->param_text_count);
    free_texts(h->param_texts, h->param_text_count);
    free(h->strategy_name);
    free(h->tier);
    free(h->intervals);
    free(h->warmups);
    free(h->traded);
    free(h->changed);
    free(h->times);
    free((char *)h->config.script);
    free((char *)h->config.name);
    free((char *)h->config.library);
    free((char *)h->config.account);
    free((char *)h->config.currency);
    free(h);
}

static tl_status append_text(char ***texts, uint32_t *count, const char *text) {
    char **grown = realloc(*texts, (*count + 1) * sizeof *grown);
    if (!grown) return no_memory("a name");
    *texts = grown;
    grown[*count] = copy_text(text);
    if (!grown[*count]) return no_memory("a name");
    ++*count;
    return TL_OK;
}

tl_status tl_host_param(tl_host *h, const char *symbol, const char *name, const char *text) {
    if (h->state != TL_HOST_NEW) return tl_error_set(TL_ERR_STATE, "param %s: the script is loaded already", name);
    override *grown = realloc(h->params, (h->param_count + 1) * sizeof *grown);
    if (!grown) return no_memory("a param");
    h->params = grown;
    override *mine = &grown[h->param_count];
    *mine = (override){.symbol = copy_text(symbol), .name = copy_text(name), .text = copy_text(text)};
    h->param_count++;
    return mine->name && mine->text && (mine->symbol || !symbol) ? TL_OK : no_memory("a param");
}

tl_status tl_host_symbol(tl_host *h, const char *symbol) {
    if (h->state != TL_HOST_NEW) return tl_error_set(TL_ERR_STATE, "symbol %s: the script is loaded already", symbol);
    return append_text(&h->symbols, &h->symbol_count, symbol);
}

tl_status tl_host_data(tl_host *h, const char *name, uint32_t columns, const char *const *column_names) {
    if (h->data_count == MAX_DATA_INPUTS)
        return tl_error_set(TL_ERR_LIMIT, "data %s: a run has at most %d outside inputs", name, MAX_DATA_INPUTS);
    data_input *data = &h->data[h->data_count++];
    data->name = copy_text(name);
    for (uint32_t i = 0; i < columns; i++)
        if (append_text(&data->columns, &data->column_count, column_names[i]) != TL_OK) return TL_ERR_NO_MEMORY;
    data->capacity = 1;
    while (data->capacity < h->config.batch * 2)
        data->capacity *= 2;
    data->rows = calloc((size_t)data->capacity * (columns ? columns : 1), sizeof *data->rows);
    data->current = calloc(columns ? columns : 1, sizeof *data->current);
    return data->name && data->rows && data->current ? TL_OK : no_memory("outside data");
}

void tl_host_set_data_row(tl_host *h, uint32_t input, const double *values) {
    if (input >= h->data_count) return;
    data_input *data = &h->data[input];
    if (data->end - data->begin == data->capacity) data->begin++;
    memcpy(data->rows + (data->end & (data->capacity - 1)) * data->column_count, values,
           data->column_count * sizeof *values);
    data->end++;
}

/* The rows of DATA records that are taken back come again. */
void tl_host_data_retracted(tl_host *h) {
    for (uint64_t at = h->log.begin; at < h->log.end; at += tl_event_slots(h->log.slots[at & h->log.mask].kind)) {
        const tl_event *event = &h->log.slots[at & h->log.mask];
        if (event->kind != TL_EVENT_DATA || event->w[0] < 0 || event->w[0] >= h->data_count) continue;
        data_input *data = &h->data[event->w[0]];
        if (data->end > data->begin) data->end--;
    }
}

/* ---- load: lua/tidelock/runtime/boot.lua does it and answers with a table; its members are read here ---- */

static uint32_t read_texts(lua_State *L, const char *field, char ***texts) {
    uint32_t count = 0;
    lua_getfield(L, -1, field);
    for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
        lua_rawgeti(L, -1, i);
        append_text(texts, &count, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static void read_intervals(lua_State *L, tl_host *h) {
    lua_getfield(L, -1, "intervals");
    lua_getfield(L, -2, "warmups");
    uint32_t count = (uint32_t)lua_objlen(L, -2);
    h->intervals = calloc(count + 1, sizeof *h->intervals);
    h->warmups = calloc(count + 1, sizeof *h->warmups);
    for (uint32_t i = 0; h->intervals && h->warmups && i < count; i++) {
        lua_rawgeti(L, -2, (int)i + 1);
        h->intervals[i] = (int64_t)lua_tonumber(L, -1);
        lua_rawgeti(L, -2, (int)i + 1);
        h->warmups[i] = (uint32_t)lua_tonumber(L, -1);
        lua_pop(L, 2);
        h->interval_count = i + 1;
    }
    lua_pop(L, 2);
}

static int read_declaration(lua_State *L) {
    tl_host *h = lua_touserdata(L, 1);
    lua_settop(L, 2);
    lua_getfield(L, 2, "name");
    h->strategy_name = copy_text(lua_tostring(L, -1));
    lua_getfield(L, 2, "tier");
    h->tier = copy_text(lua_tostring(L, -1));
    lua_getfield(L, 2, "depth");
    h->depth = (uint32_t)lua_tointeger(L, -1);
    lua_getfield(L, 2, "all");
    h->wants_all = lua_toboolean(L, -1);
    lua_getfield(L, 2, "flow");
    h->wants_flow = lua_toboolean(L, -1);
    lua_getfield(L, 2, "fill");
    h->fills_bars = lua_toboolean(L, -1);
    lua_settop(L, 2);
    h->declared_count = read_texts(L, "symbols", &h->declared);
    h->param_text_count = read_texts(L, "param_names", &h->param_names);
    read_texts(L, "param_texts", &h->param_texts);
    read_intervals(L, h);
    return 0;
}

/* Overrides as tables for Lua: { {symbol or false, name, text}, ... } and the symbols. */
static int load_protected(lua_State *L) {
    tl_host *h = lua_touserdata(L, 1);
    lua_getfield(L, 2, "load");
    lua_createtable(L, (int)h->param_count, 0);
    for (uint32_t i = 0; i < h->param_count; i++) {
        lua_createtable(L, 0, 3);
        if (h->params[i].symbol) {
            lua_pushstring(L, h->params[i].symbol);
            lua_setfield(L, -2, "symbol");
        }
        lua_pushstring(L, h->params[i].name);
        lua_setfield(L, -2, "name");
        lua_pushstring(L, h->params[i].text);
        lua_setfield(L, -2, "text");
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_createtable(L, (int)h->symbol_count, 0);
    for (uint32_t i = 0; i < h->symbol_count; i++) {
        lua_pushstring(L, h->symbols[i]);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_createtable(L, (int)h->data_count, 0);
    for (uint32_t i = 0; i < h->data_count; i++) {
        lua_createtable(L, (int)h->data[i].column_count, 1);
        lua_pushstring(L, h->data[i].name);
        lua_setfield(L, -2, "name");
        for (uint32_t c = 0; c < h->data[i].column_count; c++) {
            lua_pushstring(L, h->data[i].columns[c]);
            lua_rawseti(L, -2, (int)c + 1);
        }
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_call(L, 3, 1);
    return 1;
}

static tl_status script_error(tl_host *h, const char *when) {
    if (h->lua.arena.refused_bytes) return out_of_memory(h, when);
    snprintf(h->first_error, sizeof h->first_error, "%s\n%s", h->lua.message, h->lua.traceback);
    return fail(h, h->lua.message);
}

tl_status tl_host_load(tl_host *h) {
    if (h->state != TL_HOST_NEW) return tl_error_set(TL_ERR_STATE, "the script is loaded already");
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, load_protected);
    lua_pushlightuserdata(L, h);
    lua_pushvalue(L, AT_BOOT);
    if (tl_state_call(&h->lua, 2, 1) != 0) return script_error(h, "loading the script");
    lua_pushcfunction(L, read_declaration);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, h);
    lua_insert(L, -2);
    if (tl_state_call(&h->lua, 2, 0) != 0) return script_error(h, "loading the script");
    if (!h->config.memory_bytes) {
        h->lua.arena.cap_bytes = default_cap(h->tier);
        h->lua.arena.reserve_bytes = h->lua.arena.cap_bytes / 32;
        tl_arena_close_reserve(&h->lua.arena);
    }
    if (strcmp(h->tier, "L3") == 0) tl_state_run_incremental(&h->lua);
    h->state = TL_HOST_LOADED;
    return TL_OK;
}

static int call_boot(lua_State *L) {
    lua_getfield(L, 1, lua_tostring(L, 2));
    lua_replace(L, 1);
    lua_remove(L, 2);
    lua_call(L, lua_gettop(L) - 1, 0);
    return 0;
}

/* Calls boot[name](). */
static int boot_call(tl_host *h, const char *name) {
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, call_boot);
    lua_pushvalue(L, AT_BOOT);
    lua_pushstring(L, name);
    return tl_state_call(&h->lua, 2, 0);
}

tl_status tl_host_bind(tl_host *h) {
    if (h->state != TL_HOST_LOADED)
        return tl_error_set(TL_ERR_STATE, "binding needs a script that is loaded and not yet bound");
    tl_status status = tl_view_ensure(h->view);
    if (status != TL_OK) return status;
    h->instrument_count = tl_instruments_count(h->config.instruments);
    if (boot_call(h, "bind") != 0) return script_error(h, "binding the script");
    h->changed_count = 0; /* what bind subscribed is no change */
    h->state = TL_HOST_BOUND;
    tl_state_collect(&h->lua);
    return TL_OK;
}

/* ---- the drain ---- */

/* One error of a handler: counted, reported once with its traceback, given to on_error; the end when the budget is spent. */
static tl_status handler_error(tl_host *h) {
    int stage = h->in_hand;
    const char *name = tl_stage_name(stage);
    h->error_count++;
    h->errors[stage]++;
    if (h->lua.fresh) {
        char text[TL_STATE_MESSAGE_BYTES + TL_STATE_TRACEBACK_BYTES + 64];
        snprintf(text, sizeof text, "%s raised: %s\n%s", name, h->lua.message, h->lua.traceback);
        if (h->first_error[0] == 0) snprintf(h->first_error, sizeof h->first_error, "%s", text);
        const tl_kept_line *line = tl_kept_log(h->kept, 3, h->now_ns, text);
        if (h->log_to) h->log_to(h->log_context, line->level, line->ts_ns, text);
    }
    if (h->error_count >= h->config.error_budget) {
        char text[TL_STATE_MESSAGE_BYTES + TEXT_BYTES];
        snprintf(text, sizeof text, "the error budget of %u is spent; the last error, in %s: %s", h->config.error_budget,
                 name, h->lua.message);
        return fail(h, text);
    }
    if ((h->handlers >> TL_STAGE_ERROR & 1) == 0) return TL_OK;
    lua_State *L = h->lua.L;
    h->calls[TL_STAGE_ERROR]++;
    lua_pushvalue(L, AT_REPORT);
    lua_pushlightuserdata(L, h->lua.message);
    lua_pushlightuserdata(L, h->lua.traceback);
    lua_pushinteger(L, stage);
    lua_pushnumber(L, (double)h->error_count);
    if (tl_state_call(&h->lua, 4, 0) != 0) {
        h->errors[TL_STAGE_ERROR]++; /* on_error itself raised: it is not given its own error */
        h->error_count++;
    }
    return TL_OK;
}

/* An event whose handler was not called, as two generations died in it: on_error is told as of an error, and watched as a handler is. */
static tl_status skipped_event(tl_host *h) {
    h->in_hand = h->skipping;
    h->skipping = 0;
    show_progress(h, h->sequence);
    snprintf(h->lua.message, sizeof h->lua.message, "event %llu was skipped: two generations died in its handler",
             (unsigned long long)h->sequence);
    h->lua.traceback[0] = 0;
    h->lua.fresh = true;
    tl_status status = handler_error(h);
    show_progress(h, 0);
    h->in_hand = 0;
    return status;
}

tl_status tl_host_drain(tl_host *h) {
    if (h->state == TL_HOST_FAILED) return tl_error_set(TL_ERR_SCRIPT, "%s", h->failure);
    if (h->state < TL_HOST_BOUND) return tl_error_set(TL_ERR_STATE, "a drain needs a script that is loaded and bound");
    lua_State *L = h->lua.L;
    for (;;) {
        lua_pushvalue(L, AT_DRAIN);
        int status = tl_state_call(&h->lua, 0, 1);
        if (h->lua.arena.refused_bytes) {
            if (status == 0) lua_pop(L, 1);
            int stage = h->in_hand;
            return out_of_memory(h, stage ? tl_stage_name(stage) : "a handler");
        }
        if (status != 0) {
            tl_status after = handler_error(h);
            if (after != TL_OK) return after;
            if (h->lua.arena.refused_bytes) return out_of_memory(h, "on_error");
            continue;
        }
        int stage = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        if (stage == TL_STAGE_DONE) return TL_OK;
        if (h->skipping) {
            tl_status after = skipped_event(h);
            if (after != TL_OK) return after;
            continue;
        }
        if (!tl_state_govern(&h->lua)) return out_of_memory(h, "what it keeps");
    }
}

/* ---- checkpoints ---- */

static int save_protected(lua_State *L) {
    lua_getfield(L, 1, lua_tostring(L, 2));
    lua_call(L, 0, 1);
    lua_setfield(L, 1, "saved"); /* anchored until the next call */
    lua_getfield(L, 1, "saved");
    return 1;
}

tl_status tl_host_boot_save(tl_host *h, const char *name, const char **text, size_t *length) {
    if (h->state < TL_HOST_BOUND || h->state == TL_HOST_FAILED)
        return tl_error_set(TL_ERR_STATE, "there is no running strategy to save");
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, save_protected);
    lua_pushvalue(L, AT_BOOT);
    lua_pushstring(L, name);
    if (tl_state_call(&h->lua, 2, 1) != 0) return tl_error_set(TL_ERR_SCRIPT, "%s", h->lua.message);
    *text = lua_tolstring(L, -1, length);
    lua_pop(L, 1);
    return TL_OK;
}

tl_status tl_host_save(tl_host *h, const char **text, size_t *length) {
    return tl_host_boot_save(h, "save", text, length);
}

static int restore_protected(lua_State *L) {
    lua_getfield(L, 1, lua_tostring(L, 5));
    lua_pushlstring(L, lua_touserdata(L, 2), (size_t)lua_tonumber(L, 3));
    lua_pushvalue(L, 4);
    lua_call(L, 2, 0);
    return 0;
}

tl_status tl_host_boot_restore(tl_host *h, const char *name, const char *text, size_t length, uint32_t version) {
    if (h->state < TL_HOST_BOUND || h->state == TL_HOST_FAILED)
        return tl_error_set(TL_ERR_STATE, "there is no running strategy to restore");
    lua_State *L = h->lua.L;
    lua_pushcfunction(L, restore_protected);
    lua_pushvalue(L, AT_BOOT);
    lua_pushlightuserdata(L, (void *)text);
    lua_pushnumber(L, (double)length);
    lua_pushnumber(L, (double)version);
    lua_pushstring(L, name);
    if (tl_state_call(&h->lua, 5, 0) != 0) return tl_error_set(TL_ERR_SCRIPT, "%s", h->lua.message);
    return TL_OK;
}

tl_status tl_host_restore(tl_host *h, const char *text, size_t length, uint32_t version) {
    return tl_host_boot_restore(h, "restore", text, length, version);
}
