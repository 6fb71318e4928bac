/* Who keeps what, and when finalizers run. */

#include "check.h"

static int live;
static wasm_store_t* current;
static wasm_func_t* used;

static void end(void* info) {
  (void)info;
  --live;
}

/* Tries to use the store that it is finalized by. */
static void intrude(void* info) {
  wasm_val_t values[] = {WASM_I32_VAL(1)};
  wasm_val_vec_t vec = WASM_ARRAY_VEC(values);
  wasm_trap_t* trap = wasm_func_call(used, &vec, &vec);
  CHECK(says(trap, "finalizer"));
  wasm_trap_delete(trap);
  wasmer_store_gc(current);
  end(info);
}

static wasm_trap_t* identity(void* env, const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  (void)env;
  wasm_val_copy(&results->data[0], &arguments->data[0]);
  return NULL;
}

static wasm_func_t* new_func(wasm_store_t* store) {
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new_with_env(store, type, identity, NULL, end);
  wasm_functype_delete(type);
  ++live;
  return func;
}

/* Everything that is attached to anything goes with the store, and no earlier. */
static void with_the_store(wasm_engine_t* engine) {
  wasm_store_t* store = wasm_store_new(engine);
  wasm_module_t* module = load(store, "endless");
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  // More than a store has room for by default in Rust: the standard knows no limits.
  for (int i = 0; i < 12000; ++i) {
    wasm_instance_t* instance = wasm_instance_new(store, module, &none, NULL);
    CHECK(instance);
    ++live;
    wasm_instance_set_host_info_with_finalizer(instance, NULL, end);
    wasm_instance_delete(instance);
  }
  wasm_func_t* func = new_func(store);
  wasm_func_set_host_info_with_finalizer(func, NULL, end);
  ++live;
  wasm_func_delete(func);
  wasmer_store_gc(store);
  CHECK(live == 12002);
  // A module belongs to no store.
  wasm_module_set_host_info_with_finalizer(module, NULL, end);
  ++live;
  wasm_module_delete(module);
  CHECK(live == 12002);
  wasm_store_delete(store);
  CHECK(live == 0);
}

/* Any order of deletion is good: what is still there keeps what it needs. */
static void in_any_order(wasm_engine_t** engine) {
  wasm_store_t* store = wasm_store_new(*engine);
  wasm_func_t* func = new_func(store);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "pass", &imports);
  wasm_func_t* run = exported_func(instance, "run");
  wasm_func_delete(func);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(*engine);
  *engine = wasm_engine_new();
  CHECK(live == 1 && call_i32(run, 5) == 5);
  wasm_func_t* copy = wasm_func_copy(run);
  wasm_func_delete(run);
  CHECK(live == 1 && call_i32(copy, 6) == 6);
  wasm_func_delete(copy);
  CHECK(live == 0);
}

static void finalizers_are_kept_out(wasm_engine_t* engine) {
  current = wasm_store_new(engine);
  used = new_func(current);
  wasm_foreign_t* foreign = wasm_foreign_new(current);
  wasm_foreign_set_host_info_with_finalizer(foreign, NULL, intrude);
  ++live;
  wasm_globaltype_t* type = wasm_globaltype_new(wasm_valtype_new_externref(), WASM_VAR);
  wasm_val_t value = WASM_REF_VAL(wasm_foreign_as_ref(foreign)), null = WASM_INIT_VAL;
  wasm_global_t* global = wasm_global_new(current, type, &value);
  wasm_globaltype_delete(type);
  wasm_foreign_delete(foreign);
  CHECK(live == 2);
  wasm_global_set(global, &null);
  wasmer_store_gc(current);
  CHECK(live == 1 && call_i32(used, 8) == 8);
  wasm_global_delete(global);
  wasm_func_delete(used);
  wasm_store_delete(current);
  CHECK(live == 0);
}

static void failures(wasm_engine_t* engine) {
  wasm_store_t* store = wasm_store_new(engine);
  ++live;
  CHECK(!wasm_func_new_with_env(store, NULL, identity, NULL, end) && live == 0);
  wasm_store_delete(store);
  CHECK(!wasm_store_new(NULL) && !wasm_engine_new_with_config(NULL));
  wasm_store_delete(NULL);
  wasm_engine_delete(NULL);
  wasm_config_delete(wasm_config_new());
}

static void values(wasm_engine_t* engine) {
  wasm_store_t* store = wasm_store_new(engine);
  wasm_foreign_t* foreign = wasm_foreign_new(store);
  wasm_foreign_set_host_info_with_finalizer(foreign, NULL, end);
  ++live;
  wasm_val_t value = WASM_REF_VAL(wasm_foreign_as_ref(foreign)), copy;
  wasm_val_copy(&copy, &value);
  CHECK(copy.of.ref != value.of.ref && wasm_ref_same(copy.of.ref, value.of.ref));
  wasm_val_vec_t vector, copies;
  wasm_val_t two[] = {copy, WASM_I32_VAL(4)};
  wasm_val_vec_new(&vector, 2, two);
  wasm_val_vec_copy(&copies, &vector);
  wasm_val_vec_delete(&vector);
  CHECK(copies.data[1].of.i32 == 4 && live == 1);
  wasm_val_delete(&value);
  wasm_val_delete(&value);
  CHECK(live == 1);
  wasm_val_vec_delete(&copies);
  CHECK(live == 0);
  wasm_store_delete(store);
}

void ownership(void) {
  wasm_engine_t* engine = wasm_engine_new();
  with_the_store(engine);
  in_any_order(&engine);
  finalizers_are_kept_out(engine);
  failures(engine);
  values(engine);
  wasm_engine_delete(engine);
}
