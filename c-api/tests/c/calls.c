/* Modules' imports and exports, instances, calls in both directions. */

#include <string.h>

#include "check.h"

static wasm_trap_t* swap(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  CHECK(arguments->size == 4 && results->size == 4);
  CHECK(results->data[0].kind == WASM_F64 && results->data[0].of.f64 == 0);
  for (size_t i = 0; i < 4; ++i) wasm_val_copy(&results->data[i], &arguments->data[3 - i]);
  return NULL;
}

struct counter {
  wasm_store_t* store;
  const wasm_func_t* inner;
  int32_t calls;
};

/* Calls the guest again, so many times. */
static wasm_trap_t* deeper(void* env, const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  struct counter* counter = env;
  counter->calls += 1;
  int32_t left = arguments->data[0].of.i32;
  results->data[0].kind = WASM_I32;
  results->data[0].of.i32 = left == 0 ? 0 : 1 + call_i32(counter->inner, left - 1);
  return NULL;
}

static wasm_trap_t* wrong_kind(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  (void)arguments;
  results->data[0].kind = WASM_F32;
  return NULL;
}

/* Of four numbers of different kinds, to the same in reverse. */
static wasm_functype_t* swap_type(void) {
  wasm_valtype_t* four[] = {wasm_valtype_new_i32(), wasm_valtype_new_i64(), wasm_valtype_new_f32(), wasm_valtype_new_f64()};
  wasm_valtype_t* reversed[] = {wasm_valtype_new_f64(), wasm_valtype_new_f32(), wasm_valtype_new_i64(), wasm_valtype_new_i32()};
  wasm_valtype_vec_t params, results;
  wasm_valtype_vec_new(&params, 4, four);
  wasm_valtype_vec_new(&results, 4, reversed);
  return wasm_functype_new(&params, &results);
}

static void numbers(wasm_store_t* store) {
  wasm_functype_t* type = swap_type();
  wasm_func_t* func = wasm_func_new(store, type, swap);
  wasm_functype_delete(type);
  CHECK(wasm_func_param_arity(func) == 4 && wasm_func_result_arity(func) == 4);

  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "swap", &imports);
  wasm_func_delete(func);
  wasm_func_t* run = exported_func(instance, "run");
  wasm_val_t in[] = {WASM_I32_VAL(-1), WASM_I64_VAL(INT64_MIN), WASM_F32_VAL(1.5f), WASM_F64_VAL(-0.25)};
  // More room than there are results.
  wasm_val_t out[] = {WASM_INIT_VAL, WASM_INIT_VAL, WASM_INIT_VAL, WASM_INIT_VAL, WASM_I32_VAL(99)};
  wasm_val_vec_t in_vec = WASM_ARRAY_VEC(in), out_vec = WASM_ARRAY_VEC(out);
  CHECK(!wasm_func_call(run, &in_vec, &out_vec));
  CHECK(out[0].kind == WASM_F64 && out[0].of.f64 == -0.25 && out[1].of.f32 == 1.5f);
  CHECK(out[2].of.i64 == INT64_MIN && out[3].of.i32 == -1 && out[4].of.i32 == 99);

  // Too few arguments, too little room, wrong kinds, null.
  wasm_val_vec_t few = {3, in}, none = WASM_EMPTY_VEC;
  wasm_trap_t* trap = wasm_func_call(run, &few, &out_vec);
  CHECK(says(trap, "4 parameters, not 3"));
  wasm_trap_delete(trap);
  trap = wasm_func_call(run, &in_vec, &none);
  CHECK(says(trap, "room for 0"));
  wasm_trap_delete(trap);
  in[2].kind = WASM_I32;
  trap = wasm_func_call(run, &in_vec, &out_vec);
  CHECK(says(trap, "f32"));
  wasm_trap_delete(trap);
  trap = wasm_func_call(run, NULL, NULL);
  CHECK(trap);
  wasm_trap_delete(trap);
  trap = wasm_func_call(NULL, &in_vec, &out_vec);
  CHECK(says(trap, "null"));
  wasm_trap_delete(trap);
  trap = wasm_func_call((wasm_func_t*)instance, &in_vec, &out_vec);
  CHECK(says(trap, "no function"));
  wasm_trap_delete(trap);
  wasm_func_delete(run);
  wasm_instance_delete(instance);
}

static void nested(wasm_store_t* store) {
  struct counter counter = {store, NULL, 0};
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new_with_env(store, type, deeper, &counter, NULL);
  wasm_func_t* wrong = wasm_func_new(store, type, wrong_kind);
  wasm_functype_delete(type);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "pass", &imports);
  wasm_func_t* run = exported_func(instance, "run");
  counter.inner = run;
  CHECK(call_i32(run, 50) == 50 && counter.calls == 51);
  // A function of the host is called like any other.
  CHECK(call_i32(func, 3) == 3);
  wasm_instance_delete(instance);

  externs[0] = wasm_func_as_extern(wrong);
  instance = instantiate(store, "pass", &imports);
  wasm_func_t* fails = exported_func(instance, "run");
  wasm_val_t values[] = {WASM_I32_VAL(1)};
  wasm_val_vec_t vec = WASM_ARRAY_VEC(values);
  // Arguments and results may be one vector.
  wasm_trap_t* trap = wasm_func_call(fails, &vec, &vec);
  CHECK(says(trap, "a value of kind 2 is none of type i32"));
  wasm_trap_delete(trap);
  CHECK(!wasm_func_call(run, &vec, &vec) && values[0].of.i32 == 1);
  wasm_func_delete(fails);
  wasm_func_delete(wrong);
  wasm_func_delete(run);
  wasm_func_delete(func);
  wasm_instance_delete(instance);
}

static void linking(wasm_store_t* store) {
  wasm_module_t* module = load(store, "pass");
  wasm_importtype_vec_t imports;
  wasm_exporttype_vec_t exports;
  wasm_module_imports(module, &imports);
  wasm_module_exports(module, &exports);
  CHECK(imports.size == 1 && exports.size == 1);
  CHECK(!strncmp(wasm_importtype_module(imports.data[0])->data, "host", 4));
  CHECK(wasm_externtype_kind(wasm_importtype_type(imports.data[0])) == WASM_EXTERN_FUNC);
  wasm_importtype_vec_delete(&imports);
  wasm_exporttype_vec_delete(&exports);

  // Missing, null, and of the wrong type.
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  wasm_trap_t* trap = NULL;
  CHECK(!wasm_instance_new(store, module, &none, &trap) && says(trap, "1 imports, not 0"));
  wasm_trap_delete(trap);
  wasm_extern_t* externs[] = {NULL};
  wasm_extern_vec_t vec = WASM_ARRAY_VEC(externs);
  CHECK(!wasm_instance_new(store, module, &vec, &trap) && says(trap, "import 0 is null"));
  wasm_trap_delete(trap);
  wasm_functype_t* type = wasm_functype_new_0_0();
  wasm_func_t* func = wasm_func_new(store, type, wrong_kind);
  externs[0] = wasm_func_as_extern(func);
  CHECK(!wasm_instance_new(store, module, &vec, &trap) && says(trap, "incompatible import type for `host.f`"));
  wasm_trap_delete(trap);
  // Nobody has to want to know.
  CHECK(!wasm_instance_new(store, module, &vec, NULL));
  CHECK(!wasm_func_new(store, NULL, wrong_kind) && !wasm_func_new(NULL, type, wrong_kind) && !wasm_func_new(store, type, NULL));
  wasm_functype_delete(type);
  wasm_func_delete(func);
  wasm_module_delete(module);
}

static wasm_trap_t* swap_raw(void* env, wasmer_raw_val_t* values) {
  int* calls = env;
  *calls += 1;
  CHECK(values[0].i32 == -1 && values[1].i64 == INT64_MIN && values[2].f32 == 1.5f && values[3].f64 == -0.25);
  wasmer_raw_val_t before[4];
  memcpy(before, values, sizeof before);
  for (size_t i = 0; i < 4; ++i) values[i] = before[3 - i];
  return NULL;
}

static wasm_trap_t* trap_raw(void* env, wasmer_raw_val_t* values) {
  (void)values;
  wasm_message_t message;
  wasm_name_new_from_string_nt(&message, "raw trap");
  wasm_trap_t* trap = wasm_trap_new(env, &message);
  wasm_name_delete(&message);
  return trap;
}

static void count(void* env) {
  *(int*)env += 100;
}

/* The same without kinds, in both directions. */
static void raw(wasm_engine_t* engine) {
  wasm_store_t* store = wasm_store_new(engine);
  wasm_functype_t* type = swap_type();
  int calls = 0;
  wasm_func_t* func = wasmer_func_new_raw(store, type, swap_raw, &calls, count);
  CHECK(!wasmer_func_new_raw(store, type, NULL, NULL, NULL) && !wasmer_func_new_raw(NULL, type, swap_raw, NULL, NULL));
  wasm_functype_delete(type);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "swap", &imports);
  wasm_func_delete(func);
  wasm_func_t* run = exported_func(instance, "run");
  wasmer_raw_val_t values[] = {{.i32 = -1}, {.i64 = INT64_MIN}, {.f32 = 1.5f}, {.f64 = -0.25}, {.i32 = 99}};
  CHECK(!wasmer_func_call_raw(run, values, 5) && calls == 1);
  CHECK(values[0].f64 == -0.25 && values[1].f32 == 1.5f && values[2].i64 == INT64_MIN && values[3].i32 == -1);
  CHECK(values[4].i32 == 99);
  // The other kinds of calls reach the same callback.
  wasm_val_t in[] = {WASM_I32_VAL(-1), WASM_I64_VAL(INT64_MIN), WASM_F32_VAL(1.5f), WASM_F64_VAL(-0.25)};
  wasm_val_vec_t vec = WASM_ARRAY_VEC(in);
  CHECK(!wasm_func_call(run, &vec, &vec) && in[0].of.f64 == -0.25 && calls == 2);

  // Too little room, null, no function.
  wasm_trap_t* trap = wasmer_func_call_raw(run, values, 3);
  CHECK(says(trap, "room for 4 values, there is room for 3"));
  wasm_trap_delete(trap);
  trap = wasmer_func_call_raw(run, NULL, 4);
  CHECK(trap);
  wasm_trap_delete(trap);
  trap = wasmer_func_call_raw(NULL, values, 4);
  CHECK(says(trap, "null"));
  wasm_trap_delete(trap);
  trap = wasmer_func_call_raw((wasm_func_t*)instance, values, 4);
  CHECK(says(trap, "no function"));
  wasm_trap_delete(trap);
  CHECK(calls == 2);
  wasm_func_delete(run);
  wasm_instance_delete(instance);

  // A trap of the callback's, in a function that needs no values.
  type = wasm_functype_new_0_0();
  func = wasmer_func_new_raw(store, type, trap_raw, store, NULL);
  wasm_functype_delete(type);
  externs[0] = wasm_func_as_extern(func);
  instance = instantiate(store, "forward", &imports);
  wasm_func_delete(func);
  run = exported_func(instance, "run");
  trap = wasmer_func_call_raw(run, NULL, 0);
  CHECK(says(trap, "raw trap"));
  wasm_trap_delete(trap);
  wasm_func_delete(run);
  wasm_instance_delete(instance);

  // Vectors, for which the standard has no values, and references, whose bits mean nothing here.
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  instance = instantiate(store, "vectors", &none);
  run = exported_func(instance, "add");
  wasmer_raw_val_t sum[2];
  memset(sum[0].v128, 3, 16);
  memset(sum[1].v128, 4, 16);
  CHECK(!wasmer_func_call_raw(run, sum, 2));
  for (size_t i = 0; i < 16; ++i) CHECK(sum[0].v128[i] == 7);
  wasm_func_delete(run);
  run = exported_func(instance, "same");
  trap = wasmer_func_call_raw(run, sum, 2);
  CHECK(says(trap, "functions without references"));
  wasm_trap_delete(trap);
  wasm_functype_t* with_references = wasm_func_type(run);
  CHECK(!wasmer_func_new_raw(store, with_references, swap_raw, NULL, NULL));
  wasm_functype_delete(with_references);
  wasm_func_delete(run);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  CHECK(calls == 102);
}

void calls(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  CHECK(engine && store);
  numbers(store);
  nested(store);
  linking(store);
  raw(engine);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
