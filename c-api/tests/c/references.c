/* References of all kinds, and what guests do with them. */

#include "check.h"

static int finalized;

static void count(void* info) {
  finalized += (int)(intptr_t)info;
}

static wasm_trap_t* same(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  wasm_val_copy(&results->data[0], &arguments->data[0]);
  return NULL;
}

static wasm_trap_t* one(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  (void)arguments;
  results->data[0].of.i32 = 1;
  return NULL;
}

/* Calls a function from a reference to a reference; the caller deletes the result. */
static wasm_ref_t* pass(const wasm_func_t* func, wasm_ref_t* ref) {
  wasm_val_t in[] = {WASM_REF_VAL(ref)}, out[] = {WASM_INIT_VAL};
  wasm_val_vec_t in_vec = WASM_ARRAY_VEC(in), out_vec = WASM_ARRAY_VEC(out);
  CHECK(!wasm_func_call(func, &in_vec, &out_vec));
  return out[0].of.ref;
}

/* Every kind of object goes through a guest and comes back. */
static void through_guests(wasm_store_t* store, wasm_instance_t* instance, wasm_ref_t* objects[], size_t size) {
  wasm_func_t* run = exported_func(instance, "pass");
  for (size_t i = 0; i < size; ++i) {
    wasm_ref_t* found = pass(run, objects[i]);
    for (size_t j = 0; j < size; ++j) CHECK(wasm_ref_same(found, objects[j]) == (i == j));
    wasm_ref_delete(found);
  }
  CHECK(!pass(run, NULL));
  wasmer_store_gc(store);
  wasm_func_delete(run);
}

static void casts(wasm_ref_t* objects[]) {
  for (int i = 0; i < 8; ++i) {
    wasm_ref_t* ref = objects[i];
    bool found[] = {
      wasm_ref_as_foreign(ref), wasm_ref_as_func(ref),   wasm_ref_as_global(ref),   wasm_ref_as_table(ref),
      wasm_ref_as_memory(ref),  wasm_ref_as_module(ref), wasm_ref_as_instance(ref), wasm_ref_as_trap(ref),
    };
    for (int j = 0; j < 8; ++j) CHECK(found[j] == (i == j));
    wasm_extern_t* external = wasm_ref_as_extern(ref);
    CHECK(!external == (i < 1 || i > 4));
    CHECK(!external || wasm_extern_as_ref(external) == ref);
    CHECK(!external || !wasm_extern_as_func(external) == (i != 1));
    CHECK(!external || !wasm_extern_as_memory_const(external) == (i != 4));
    wasm_ref_set_host_info(ref, &objects[i]);
    wasm_ref_t* copy = wasm_ref_copy(ref);
    CHECK(wasm_ref_get_host_info(copy) == &objects[i]);
    wasm_ref_set_host_info(copy, NULL);
    CHECK(!wasm_ref_get_host_info(ref));
    wasm_ref_delete(copy);
  }
  CHECK(!wasm_ref_as_func(NULL) && !wasm_func_as_ref(NULL) && !wasm_ref_get_host_info(NULL));
  CHECK(wasm_ref_same(NULL, NULL) && !wasm_ref_same(objects[0], NULL));
  wasm_ref_set_host_info_with_finalizer(NULL, (void*)1, count);
  CHECK(finalized == 1);
}

static void foreign_objects(wasm_store_t* store, wasm_instance_t* instance) {
  finalized = 0;
  wasm_table_t* table = wasm_extern_as_table(wasmer_instance_export(instance, "table"));
  wasm_foreign_t* foreign = wasm_foreign_new(store);
  wasm_foreign_set_host_info_with_finalizer(foreign, (void*)100, count);
  CHECK(wasm_table_set(table, 0, wasm_foreign_as_ref(foreign)));
  wasm_foreign_delete(foreign);
  wasmer_store_gc(store);
  wasm_ref_t* element = wasm_table_get(table, 0);
  CHECK(finalized == 0 && wasm_ref_get_host_info(element) == (void*)100);
  // Info that is replaced is finalized.
  wasm_ref_set_host_info_with_finalizer(element, (void*)10, count);
  CHECK(finalized == 100);
  wasm_ref_delete(element);
  CHECK(wasm_table_set(table, 0, NULL));
  wasmer_store_gc(store);
  CHECK(finalized == 110);
  wasm_table_delete(table);
  CHECK(!wasm_foreign_new(NULL));
}

static void functions(wasm_store_t* store, wasm_instance_t* instance) {
  wasm_func_t* call = exported_func(instance, "call");
  wasm_functype_t* type = wasm_functype_new_0_1(wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new(store, type, one);
  wasm_functype_delete(type);
  wasm_val_t in[] = {WASM_REF_VAL(wasm_func_as_ref(func))}, out[] = {WASM_INIT_VAL};
  wasm_val_vec_t in_vec = WASM_ARRAY_VEC(in), out_vec = WASM_ARRAY_VEC(out);
  CHECK(!wasm_func_call(call, &in_vec, &out_vec) && out[0].of.i32 == 1);
  // Nothing but functions is a function.
  wasm_foreign_t* foreign = wasm_foreign_new(store);
  in[0].of.ref = wasm_foreign_as_ref(foreign);
  wasm_trap_t* trap = wasm_func_call(call, &in_vec, &out_vec);
  CHECK(says(trap, "refers to no function"));
  wasm_trap_delete(trap);
  in[0].of.ref = NULL;
  trap = wasm_func_call(call, &in_vec, &out_vec);
  CHECK(trap && wasmer_trap_kind(trap) == WASMER_TRAP_GUEST);
  wasm_trap_delete(trap);
  wasm_foreign_delete(foreign);
  wasm_func_delete(func);
  wasm_func_delete(call);
}

static void stores_are_apart(wasm_engine_t* engine, wasm_instance_t* instance) {
  wasm_store_t* other = wasm_store_new(engine);
  wasm_functype_t* type = wasm_functype_new_0_1(wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new(other, type, one);
  wasm_functype_delete(type);
  wasm_func_t* call = exported_func(instance, "call");
  wasm_val_t in[] = {WASM_REF_VAL(wasm_func_as_ref(func))}, out[] = {WASM_INIT_VAL};
  wasm_val_vec_t in_vec = WASM_ARRAY_VEC(in), out_vec = WASM_ARRAY_VEC(out);
  wasm_trap_t* trap = wasm_func_call(call, &in_vec, &out_vec);
  CHECK(says(trap, "another store"));
  wasm_trap_delete(trap);
  wasm_func_delete(func);
  wasm_func_delete(call);
  wasm_store_delete(other);
}

void references(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_externref(), wasm_valtype_new_externref());
  wasm_func_t* func = wasm_func_new(store, type, same);
  wasm_functype_delete(type);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_module_t* module = load(store, "references");
  wasm_instance_t* instance = wasm_instance_new(store, module, &imports, NULL);
  CHECK(instance);

  wasm_message_t message;
  wasm_name_new_from_string_nt(&message, "x");
  wasm_ref_t* objects[] = {
    wasm_foreign_as_ref(wasm_foreign_new(store)),
    wasm_func_as_ref(func),
    wasm_extern_as_ref(wasmer_instance_export(instance, "global")),
    wasm_extern_as_ref(wasmer_instance_export(instance, "table")),
    wasm_extern_as_ref(wasmer_instance_export(instance, "memory")),
    wasm_module_as_ref(module),
    wasm_instance_as_ref(instance),
    wasm_trap_as_ref(wasm_trap_new(store, &message)),
  };
  wasm_name_delete(&message);
  through_guests(store, instance, objects, 8);
  casts(objects);
  foreign_objects(store, instance);
  functions(store, instance);
  stores_are_apart(engine, instance);
  for (int i = 0; i < 8; ++i) wasm_ref_delete(objects[i]);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
