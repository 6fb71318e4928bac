/* Globals, tables and memories. */

#include <string.h>

#include "check.h"

static void globals(wasm_store_t* store, const wasm_instance_t* instance) {
  wasm_globaltype_t* type = wasm_globaltype_new(wasm_valtype_new_i64(), WASM_VAR);
  wasm_val_t value = WASM_I64_VAL(5), wrong = WASM_I32_VAL(6);
  CHECK(!wasm_global_new(store, type, &wrong) && !wasm_global_new(store, type, NULL) && !wasm_global_new(store, NULL, &value));
  wasm_global_t* global = wasm_global_new(store, type, &value);
  wasm_globaltype_delete(type);
  value.of.i64 = 7;
  wasm_global_set(global, &value);
  wasm_global_set(global, &wrong);
  value.of.i64 = 0;
  wasm_global_get(global, &value);
  CHECK(value.kind == WASM_I64 && value.of.i64 == 7);
  type = wasm_global_type(global);
  CHECK(wasm_globaltype_mutability(type) == WASM_VAR);
  wasm_globaltype_delete(type);

  // One that a guest exports and cannot be changed.
  wasm_global_t* constant = wasm_extern_as_global(wasmer_instance_export(instance, "constant"));
  value.of.i64 = 1;
  wasm_global_set(constant, &value);
  wasm_global_get(constant, &value);
  CHECK(value.of.i64 == 99 && !wasm_global_same(global, constant));
  wasm_extern_t* again = wasmer_instance_export(instance, "constant");
  CHECK(wasm_extern_same(again, wasm_global_as_extern(constant)));
  wasm_extern_delete(again);

  // What C has no values for is said, and nothing is written that could be taken for one.
  wasm_global_t* vector = wasm_extern_as_global(wasmer_instance_export(instance, "vector"));
  type = wasm_global_type(vector);
  CHECK(wasm_valtype_kind(wasm_globaltype_content(type)) == WASMER_V128);
  wasm_globaltype_delete(type);
  wasm_global_get(vector, &value);
  CHECK(value.kind == WASM_EXTERNREF && !value.of.ref);
  wasm_message_t message;
  CHECK(wasmer_last_error(&message) && strstr(message.data, "no values like V128"));
  wasm_name_delete(&message);
  CHECK(!wasmer_last_error(&message));
  wasm_global_get(NULL, &value);
  CHECK(!value.of.ref);
  wasm_global_delete(global);
  wasm_global_delete(constant);
  wasm_global_delete(vector);
}

static wasm_trap_t* nothing(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  (void)arguments, (void)results;
  return NULL;
}

static void tables(wasm_store_t* store) {
  wasm_limits_t limits = {2, 5};
  wasm_tabletype_t* type = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
  wasm_table_t* table = wasm_table_new(store, type, NULL);
  wasm_tabletype_delete(type);
  wasm_functype_t* func_type = wasm_functype_new_0_0();
  wasm_func_t* func = wasm_func_new(store, func_type, nothing);
  wasm_functype_delete(func_type);
  wasm_ref_t* ref = wasm_func_as_ref(func);
  CHECK(wasm_table_size(table) == 2 && !wasm_table_get(table, 0) && !wasm_table_get(table, 2));
  CHECK(wasm_table_set(table, 1, ref) && !wasm_table_set(table, 2, ref));
  wasm_ref_t* found = wasm_table_get(table, 1);
  CHECK(wasm_ref_same(found, ref) && wasm_ref_as_func(found));
  wasm_ref_delete(found);
  CHECK(wasm_table_grow(table, 3, ref) && !wasm_table_grow(table, 1, NULL) && wasm_table_grow(table, 0, NULL));
  found = wasm_table_get(table, 4);
  CHECK(found && wasm_table_size(table) == 5);
  wasm_ref_delete(found);
  wasm_foreign_t* foreign = wasm_foreign_new(store);
  CHECK(!wasm_table_set(table, 0, wasm_foreign_as_ref(foreign)));
  wasm_foreign_delete(foreign);
  type = wasm_table_type(table);
  CHECK(wasm_tabletype_limits(type)->min == 5 && wasm_tabletype_limits(type)->max == 5);
  wasm_tabletype_delete(type);
  limits.min = 6;
  type = wasm_tabletype_new(wasm_valtype_new_externref(), &limits);
  CHECK(!wasm_table_new(store, type, NULL));
  wasm_tabletype_delete(type);
  CHECK(!wasm_table_get(NULL, 0) && !wasm_table_set(NULL, 0, ref) && wasm_table_size(NULL) == 0 && !wasm_table_grow(NULL, 1, NULL));
  wasm_func_delete(func);
  wasm_table_delete(table);
}

static void memories(wasm_store_t* store) {
  static const wasm_limits_t wrong[] = {{2, 1}, {65537, 0xffffffff}, {0, 65537}};
  for (int i = 0; i < 3; ++i) {
    wasm_memorytype_t* type = wasm_memorytype_new(&wrong[i]);
    CHECK(!wasm_memory_new(store, type));
    wasm_memorytype_delete(type);
  }
  wasm_limits_t limits = {1, 3};
  wasm_memorytype_t* type = wasm_memorytype_new(&limits);
  wasm_memory_t* memory = wasm_memory_new(store, type);
  wasm_memorytype_delete(type);
  CHECK(wasm_memory_size(memory) == 1 && wasm_memory_data_size(memory) == MEMORY_PAGE_SIZE);
  byte_t* data = wasm_memory_data(memory);
  strcpy(data + 10, "hello");
  CHECK(wasm_memory_grow(memory, 2) && !wasm_memory_grow(memory, 1) && wasm_memory_grow(memory, 0));
  CHECK(wasm_memory_data(memory) == data && !strcmp(data + 10, "hello") && wasm_memory_size(memory) == 3);

  wasm_extern_t* externs[] = {wasm_memory_as_extern(memory)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "load", &imports);
  wasm_func_t* peek = exported_func(instance, "load");
  CHECK(call_i32(peek, 10) == 'h');
  type = wasm_memory_type(memory);
  CHECK(wasm_memorytype_limits(type)->min == 3 && wasm_memorytype_limits(type)->max == 3);
  wasm_memorytype_delete(type);
  CHECK(!wasm_memory_data(NULL) && !wasm_memory_data_size(NULL) && !wasm_memory_size(NULL) && !wasm_memory_grow(NULL, 1));
  wasm_func_delete(peek);
  wasm_instance_delete(instance);
  wasm_memory_delete(memory);
}

static void externs(const wasm_instance_t* instance) {
  wasm_extern_vec_t exports, copies;
  wasm_instance_exports(instance, &exports);
  CHECK(exports.size == 3);
  wasm_extern_vec_copy(&copies, &exports);
  for (size_t i = 0; i < exports.size; ++i) {
    CHECK(wasm_extern_same(exports.data[i], copies.data[i]));
    wasm_externtype_t* type = wasm_extern_type(exports.data[i]);
    CHECK(wasm_externtype_kind(type) == wasm_extern_kind(exports.data[i]));
    wasm_externtype_delete(type);
  }
  wasm_extern_vec_delete(&copies);
  wasm_extern_vec_delete(&exports);
  CHECK(!wasmer_instance_export(instance, "no such") && !wasmer_instance_export(instance, NULL));
  wasm_instance_exports(NULL, &exports);
  CHECK(exports.size == 0 && !wasm_extern_type(NULL));
}

void entities(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  wasm_instance_t* instance = instantiate(store, "entities", &none);
  globals(store, instance);
  tables(store);
  memories(store);
  externs(instance);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
