/* Not a test: what a call takes, in nanoseconds. */

#include <time.h>

#include "check.h"

enum { CALLS = 1000000, ROUNDS = 7 };

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static wasm_trap_t* add(const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  results->data[0].of.i32 = arguments->data[0].of.i32 + 1;
  return NULL;
}

static wasm_trap_t* add_raw(void* env, wasmer_raw_val_t* values) {
  (void)env;
  values[0].i32 += 1;
  return NULL;
}

/* What a call of the guest takes, and one by it, where values have no kinds. */
static void without_kinds(wasm_store_t* store, wasm_functype_t* type) {
  wasm_func_t* func = wasmer_func_new_raw(store, type, add_raw, NULL, NULL);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "speed", &imports);
  wasm_func_t* inner = exported_func(instance, "add");
  wasm_func_t* outer = exported_func(instance, "loop");
  double in = 1e300, out = 1e300;
  for (int round = 0; round < ROUNDS; ++round) {
    double start = now();
    wasmer_raw_val_t value = {.i32 = 0};
    for (int i = 0; i < CALLS; ++i) CHECK(!wasmer_func_call_raw(inner, &value, 1));
    CHECK(value.i32 == CALLS);
    double time = (now() - start) / CALLS;
    if (time < in) in = time;
    start = now();
    CHECK(call_i32(outer, CALLS) == CALLS);
    time = (now() - start) / CALLS;
    if (time < out) out = time;
  }
  printf("without kinds: C to wasm %.1f ns, wasm to C %.1f ns\n", in, out);
  wasm_func_delete(inner);
  wasm_func_delete(outer);
  wasm_func_delete(func);
  wasm_instance_delete(instance);
}

void speed(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  wasm_func_t* func = wasm_func_new(store, type, add);
  without_kinds(store, type);
  wasm_functype_delete(type);
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "speed", &imports);
  wasm_func_t* inner = exported_func(instance, "add");
  wasm_func_t* outer = exported_func(instance, "loop");
  double in = 1e300, out = 1e300;
  for (int round = 0; round < ROUNDS; ++round) {
    double start = now();
    int32_t value = 0;
    for (int i = 0; i < CALLS; ++i) value = call_i32(inner, value);
    CHECK(value == CALLS);
    double time = (now() - start) / CALLS;
    if (time < in) in = time;
    start = now();
    CHECK(call_i32(outer, CALLS) == CALLS);
    time = (now() - start) / CALLS;
    if (time < out) out = time;
  }
  printf("C to wasm %.1f ns, wasm to C %.1f ns\n", in, out);
  wasm_func_delete(inner);
  wasm_func_delete(outer);
  wasm_func_delete(func);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
