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

static void call_with_kinds(const wasm_func_t* inner) {
  int32_t value = 0;
  for (int i = 0; i < CALLS; ++i) value = call_i32(inner, value);
  CHECK(value == CALLS);
}

static void call_raw(const wasm_func_t* inner) {
  wasmer_raw_val_t value = {.i32 = 0};
  for (int i = 0; i < CALLS; ++i) CHECK(!wasmer_func_call_raw(inner, &value, 1));
  CHECK(value.i32 == CALLS);
}

/* What a call of the guest takes, and one by it of the function. */
static void measure(wasm_store_t* store, const char* what, wasm_func_t* func, void (*call)(const wasm_func_t*)) {
  wasm_extern_t* externs[] = {wasm_func_as_extern(func)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* instance = instantiate(store, "speed", &imports);
  wasm_func_t* inner = exported_func(instance, "add");
  wasm_func_t* outer = exported_func(instance, "loop");
  double in = 1e300, out = 1e300;
  for (int round = 0; round < ROUNDS; ++round) {
    double start = now();
    call(inner);
    double time = (now() - start) / CALLS;
    if (time < in) in = time;
    start = now();
    CHECK(call_i32(outer, CALLS) == CALLS);
    time = (now() - start) / CALLS;
    if (time < out) out = time;
  }
  printf("%sC to wasm %.1f ns, wasm to C %.1f ns\n", what, in, out);
  wasm_func_delete(inner);
  wasm_func_delete(outer);
  wasm_func_delete(func);
  wasm_instance_delete(instance);
}

void speed(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_functype_t* type = wasm_functype_new_1_1(wasm_valtype_new_i32(), wasm_valtype_new_i32());
  measure(store, "without kinds: ", wasmer_func_new_raw(store, type, add_raw, NULL, NULL), call_raw);
  measure(store, "", wasm_func_new(store, type, add), call_with_kinds);
  wasm_functype_delete(type);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
