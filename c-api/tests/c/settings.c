/* What wasmer.h adds: settings, the cache, limits, fuel, interrupts. */

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static bool last_error_says(const char* text) {
  wasm_message_t message;
  if (!wasmer_last_error(&message)) return false;
  bool found = strstr(message.data, text);
  wasm_name_delete(&message);
  return found;
}

static void configurations(void) {
  CHECK(strchr(wasmer_version(), '.'));
  wasm_config_t* config = wasm_config_new();
  CHECK(!wasmer_config_set_backend(config, "gcc") && last_error_says("unknown backend `gcc`"));
  CHECK(!wasmer_config_set_backend(config, NULL) && !wasmer_config_set_backend(NULL, "cranelift"));
  CHECK(!wasmer_config_set_feature(config, "no-such", true) && last_error_says("no feature `no-such`"));
  CHECK(wasmer_config_set_feature(config, "simd", false));
  wasmer_config_set_threads(config, 1);
  wasm_engine_t* engine = wasm_engine_new_with_config(config);
  wasm_store_t* store = wasm_store_new(engine);
  wasm_byte_vec_t binary;
  read_module("entities", &binary);
  CHECK(!wasm_module_new(store, &binary) && last_error_says("simd"));
  wasm_byte_vec_delete(&binary);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  config = wasm_config_new();
  wasmer_config_set_stack_bytes(config, 1);
  CHECK(!wasm_engine_new_with_config(config) && last_error_says("stack of 1 bytes"));
}

static void backends(void) {
  static const char* const names[] = {"singlepass", "cranelift", "llvm"};
  int found = 0;
  for (int i = 0; i < 3; ++i) {
    wasm_config_t* config = wasm_config_new();
    if (!wasmer_config_set_backend(config, names[i])) {
      CHECK(last_error_says("not part of this build"));
      wasm_config_delete(config);
      continue;
    }
    ++found;
    wasm_engine_t* engine = wasm_engine_new_with_config(config);
    wasm_store_t* store = wasm_store_new(engine);
    wasm_extern_vec_t none = WASM_EMPTY_VEC;
    wasm_instance_t* instance = instantiate(store, "constant", &none);
    wasm_func_t* run = exported_func(instance, "run");
    CHECK(call_i32(run, -2) == 40);
    wasm_func_delete(run);
    wasm_instance_delete(instance);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
  }
  CHECK(found > 0);
}

static void cache(void) {
  char dir[4096], path[4200];
  snprintf(dir, sizeof dir, "%s/cache", folder);
  snprintf(path, sizeof path, "%s/constant.wasm", folder);
  for (int i = 0; i < 2; ++i) {
    wasm_config_t* config = wasm_config_new();
    CHECK(wasmer_config_set_cache(config, dir) && !wasmer_config_set_cache(NULL, dir));
    wasm_engine_t* engine = wasm_engine_new_with_config(config);
    wasm_store_t* store = wasm_store_new(engine);
    wasm_module_t* module = wasmer_module_new_from_file(store, path);
    wasm_module_t* other = load(store, "constant");
    wasm_byte_vec_t bytes, from_file;
    wasm_module_serialize(other, &bytes);
    wasm_module_serialize(module, &from_file);
    CHECK(bytes.size > 0 && bytes.size == from_file.size && !memcmp(bytes.data, from_file.data, bytes.size));
    wasm_byte_vec_delete(&bytes);
    wasm_byte_vec_delete(&from_file);
    CHECK(!wasmer_module_new_from_file(store, "/no/such") && last_error_says("/no/such"));
    CHECK(!wasmer_module_new_from_file(store, NULL) && !wasmer_module_new_from_file(NULL, path));
    wasm_module_delete(module);
    wasm_module_delete(other);
    wasm_store_delete(store);
    wasm_engine_delete(engine);
  }
}

static void limits(wasm_engine_t* engine) {
  wasmer_limits_t* limits = wasmer_limits_new();
  CHECK(wasmer_limits_set(limits, WASMER_LIMIT_MEMORY_BYTES, 2 << 16) && wasmer_limits_set(limits, WASMER_LIMIT_HOST_FUNCS, 0));
  CHECK(!wasmer_limits_set(limits, 100, 1) && !wasmer_limits_set(NULL, WASMER_LIMIT_TABLES, 1));
  wasm_store_t* store = wasmer_store_new_with_limits(engine, limits);
  wasmer_limits_delete(limits);
  wasm_limits_t pages = {1, 10};
  wasm_memorytype_t* type = wasm_memorytype_new(&pages);
  wasm_memory_t* memory = wasm_memory_new(store, type);
  CHECK(wasm_memory_grow(memory, 1) && !wasm_memory_grow(memory, 1) && last_error_says("memory_bytes_max"));
  wasm_memorytype_delete(type);
  wasm_memory_delete(memory);
  CHECK(!wasmer_store_new_with_limits(engine, NULL) && !wasmer_store_new_with_limits(NULL, NULL));
  uint64_t fuel;
  CHECK(!wasmer_store_set_fuel(store, 5) && !wasmer_store_fuel(store, &fuel) && last_error_says("does not use fuel"));
  wasm_store_delete(store);
}

/* Gives the guest more. */
static wasm_trap_t* refuel(void* env, const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  uint64_t before, after;
  CHECK(wasmer_store_fuel(env, &before) && wasmer_store_add_fuel(env, 1000) && wasmer_store_fuel(env, &after));
  CHECK(after == before + 1000 && !wasmer_store_clear_interrupt(env));
  wasm_val_copy(&results->data[0], &arguments->data[0]);
  return NULL;
}

static void fuel(void) {
  wasm_config_t* config = wasm_config_new();
  wasmer_config_set_fuel(config, true);
  wasm_engine_t* engine = wasm_engine_new_with_config(config);
  wasm_store_t* store = wasm_store_new(engine);
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new_with_env(store, type, refuel, store, NULL);
  wasm_functype_delete(type);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs), none = WASM_EMPTY_VEC;
  CHECK(wasmer_store_set_fuel(store, 100));
  wasm_instance_t* instance = instantiate(store, "pass", &imports);
  wasm_func_t* run = exported_func(instance, "run");
  CHECK(call_i32(run, 3) == 3);
  uint64_t left = 0;
  CHECK(wasmer_store_fuel(store, &left) && left > 1000 && left < 1100);
  wasm_instance_t* endless = instantiate(store, "endless", &none);
  wasm_func_t* spin = exported_func(endless, "spin");
  wasm_val_vec_t empty = WASM_EMPTY_VEC;
  wasm_trap_t* trap = wasm_func_call(spin, &empty, &empty);
  CHECK(wasmer_trap_kind(trap) == WASMER_TRAP_OUT_OF_FUEL);
  wasm_trap_delete(trap);
  wasm_func_delete(spin);
  wasm_func_delete(run);
  wasm_func_delete(func);
  wasm_instance_delete(endless);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}

static void* interrupt_soon(void* handle) {
  usleep(20000);
  wasmer_interrupt_handle_interrupt(handle);
  return NULL;
}

static void interrupts(wasm_engine_t* engine) {
  wasm_store_t* store = wasm_store_new(engine);
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  wasm_instance_t* instance = instantiate(store, "endless", &none);
  wasm_func_t* spin = exported_func(instance, "spin");
  wasm_func_t* run = exported_func(instance, "run");
  wasmer_interrupt_handle_t* handle = wasmer_store_interrupt_handle(store);
  pthread_t thread;
  CHECK(!pthread_create(&thread, NULL, interrupt_soon, handle));
  wasm_val_vec_t empty = WASM_EMPTY_VEC;
  for (int i = 0; i < 2; ++i) {
    wasm_trap_t* trap = wasm_func_call(spin, &empty, &empty);
    CHECK(wasmer_trap_kind(trap) == WASMER_TRAP_INTERRUPTED);
    wasm_trap_delete(trap);
  }
  CHECK(!pthread_join(thread, NULL));
  CHECK(wasmer_store_clear_interrupt(store) && call_i32(run, 1) == 2 && !wasmer_store_clear_interrupt(NULL));
  CHECK(!wasmer_store_interrupt_handle(NULL));
  wasmer_interrupt_handle_interrupt(NULL);
  wasm_store_t* gone = store;
  wasm_func_delete(spin);
  wasm_func_delete(run);
  wasm_instance_delete(instance);
  wasm_store_delete(gone);
  // The handle outlives the store.
  wasmer_interrupt_handle_interrupt(handle);
  wasmer_interrupt_handle_delete(handle);
}

void settings(void) {
  configurations();
  backends();
  cache();
  fuel();
  wasm_engine_t* engine = wasm_engine_new();
  limits(engine);
  interrupts(engine);
  wasm_engine_delete(engine);
}
