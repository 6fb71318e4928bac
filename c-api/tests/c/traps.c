/* Traps: of guests, of callbacks, on their way through several guests. */

#include <string.h>

#include "check.h"

static wasm_trap_t* call(const wasm_func_t* func) {
  wasm_val_vec_t none = WASM_EMPTY_VEC;
  wasm_trap_t* trap = wasm_func_call(func, &none, &none);
  CHECK(trap);
  return trap;
}

static void guest(wasm_instance_t* instance) {
  static const struct {
    const char *name, *message;
    wasmer_trap_kind_t kind;
  } cases[] = {
    {"unreachable", "unreachable", WASMER_TRAP_GUEST},
    {"outside", "out of bounds memory access", WASMER_TRAP_GUEST},
    {"divide", "integer divide by zero", WASMER_TRAP_GUEST},
    {"recurse", "call stack exhausted", WASMER_TRAP_STACK_OVERFLOW},
    {"throw", "uncaught exception", WASMER_TRAP_EXCEPTION},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
    wasm_func_t* func = exported_func(instance, cases[i].name);
    wasm_trap_t* trap = call(func);
    CHECK(says(trap, cases[i].message) && wasmer_trap_kind(trap) == cases[i].kind);
    int32_t status = 7;
    CHECK(!wasmer_trap_exit_status(trap, &status) && status == 7);
    wasm_frame_vec_t trace;
    wasm_trap_trace(trap, &trace);
    wasm_frame_t* origin = wasm_trap_origin(trap);
    CHECK(trace.size > 0 && origin && wasm_frame_func_index(origin) == wasm_frame_func_index(trace.data[0]));
    CHECK(wasm_frame_module_offset(origin) > 8 && !wasm_frame_instance(origin) && wasm_frame_func_offset(origin) == SIZE_MAX);
    wasm_frame_t* copy = wasm_frame_copy(origin);
    CHECK(wasm_frame_module_offset(copy) == wasm_frame_module_offset(origin));
    wasm_frame_delete(copy);
    wasm_frame_delete(origin);
    wasm_frame_vec_delete(&trace);
    wasm_trap_delete(trap);
    wasm_func_delete(func);
  }
}

/* Returns a trap that it keeps a reference to. */
static wasm_trap_t* fail(void* env, const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  (void)arguments, (void)results;
  return wasm_trap_copy(env);
}

/* Calls a function and passes on its trap. */
static wasm_trap_t* pass_on(void* env, const wasm_val_vec_t* arguments, wasm_val_vec_t* results) {
  return wasm_func_call(*(wasm_func_t**)env, arguments, results);
}

static void of_callbacks(wasm_store_t* store, const wasm_instance_t* instance) {
  wasm_message_t message;
  wasm_name_new_from_string_nt(&message, "out of coffee");
  wasm_trap_t* trap = wasm_trap_new(store, &message);
  wasm_name_delete(&message);
  CHECK(says(trap, "out of coffee") && !wasm_trap_origin(trap));
  wasm_trap_set_host_info(trap, &message);

  wasm_functype_t* type = wasm_functype_new_0_0();
  wasm_func_t* fails = wasm_func_new_with_env(store, type, fail, trap, NULL);
  wasm_extern_t* externs[] = {wasm_func_as_extern(fails)};
  wasm_extern_vec_t imports = WASM_ARRAY_VEC(externs);
  wasm_instance_t* inner = instantiate(store, "forward", &imports);
  wasm_func_t* run = exported_func(inner, "run");
  // The program's trap comes out as itself, with the guest's frames, also through two guests.
  wasm_func_t* passes = wasm_func_new_with_env(store, type, pass_on, &run, NULL);
  externs[0] = wasm_func_as_extern(passes);
  wasm_instance_t* outer = instantiate(store, "forward", &imports);
  wasm_func_t* run_outer = exported_func(outer, "run");
  wasm_trap_t* found = call(run_outer);
  CHECK(wasm_trap_same(trap, found) && wasm_trap_get_host_info(found) == &message);
  wasm_frame_t* origin = wasm_trap_origin(found);
  CHECK(origin && wasm_frame_func_index(origin) == 1 && wasmer_trap_kind(found) == WASMER_TRAP_OTHER);
  wasm_frame_delete(origin);
  wasm_trap_delete(found);

  // An exception goes on as such: a guest can catch it behind a callback.
  wasm_func_t* throws = exported_func(instance, "throw");
  wasm_func_t* rethrows = wasm_func_new_with_env(store, type, pass_on, &throws, NULL);
  wasm_extern_t* tag = wasmer_instance_export(instance, "tag");
  CHECK(wasm_extern_kind(tag) == WASMER_EXTERN_TAG && !wasm_extern_as_func(tag));
  wasm_externtype_t* tag_type = wasm_extern_type(tag);
  CHECK(wasm_externtype_kind(tag_type) == WASMER_EXTERN_TAG && !wasm_externtype_as_functype(tag_type));
  wasm_externtype_delete(tag_type);
  wasm_extern_t* both[] = {wasm_func_as_extern(rethrows), tag};
  wasm_extern_vec_t both_vec = WASM_ARRAY_VEC(both);
  wasm_instance_t* catcher = instantiate(store, "catch", &both_vec);
  wasm_func_t* catch = exported_func(catcher, "run");
  CHECK(call_i32(catch, 1) == 42);

  wasm_functype_delete(type);
  wasm_extern_delete(tag);
  wasm_func_t* funcs[] = {fails, run, passes, run_outer, throws, rethrows, catch};
  for (size_t i = 0; i < sizeof funcs / sizeof *funcs; ++i) wasm_func_delete(funcs[i]);
  wasm_instance_delete(inner);
  wasm_instance_delete(outer);
  wasm_instance_delete(catcher);
  wasm_trap_delete(trap);
}

static void of_starts(wasm_store_t* store) {
  wasm_module_t* module = load(store, "start");
  wasm_trap_t* trap = NULL;
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  CHECK(!wasm_instance_new(store, module, &none, &trap) && says(trap, "unreachable"));
  wasm_trap_delete(trap);
  wasm_module_delete(module);
  CHECK(!wasm_trap_new(NULL, NULL) && !wasm_trap_origin(NULL) && wasmer_trap_kind(NULL) == WASMER_TRAP_OTHER);
  wasm_message_t message;
  wasm_trap_message(NULL, &message);
  CHECK(message.size == 0);
}

void traps(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  wasm_instance_t* instance = instantiate(store, "traps", &none);
  guest(instance);
  of_callbacks(store, instance);
  of_starts(store);
  wasm_instance_delete(instance);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
