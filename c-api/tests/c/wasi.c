/* WASI: what is granted is there, and nothing else. */

#include <string.h>

#include "check.h"

static int32_t run(wasmer_wasi_config_t* config, const char* name) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_module_t* module = load(store, name);
  wasm_extern_vec_t imports;
  CHECK(!wasmer_wasi_imports(store, module, &imports) && imports.size == 0);
  CHECK(wasmer_store_set_wasi(store, config));
  CHECK(wasmer_wasi_imports(store, module, &imports) && imports.size > 0);
  wasm_instance_t* instance = wasm_instance_new(store, module, &imports, NULL);
  CHECK(instance);
  wasm_extern_vec_delete(&imports);
  wasm_func_t* start = exported_func(instance, "_start");
  wasm_val_vec_t empty = WASM_EMPTY_VEC;
  wasm_trap_t* trap = wasm_func_call(start, &empty, &empty);
  int32_t status = 0;
  if (trap) {
    CHECK(wasmer_trap_kind(trap) == WASMER_TRAP_EXIT && wasmer_trap_exit_status(trap, &status));
    wasm_trap_delete(trap);
  }
  wasm_func_delete(start);
  wasm_instance_delete(instance);
  wasm_module_delete(module);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return status;
}

/* The guest writes its arguments and its environment, and what it reads, and ends with the number of descriptors of folders. */
static void granted(void) {
  wasmer_wasi_config_t* config = wasmer_wasi_config_new("program");
  wasmer_wasi_config_arg(config, "one");
  wasmer_wasi_config_env(config, "NAME", "value");
  wasmer_wasi_config_dir(config, folder, "/data", true);
  wasm_byte_vec_t input, output;
  wasm_byte_vec_new(&input, 5, "input");
  wasmer_wasi_config_stdin_bytes(config, &input);
  wasm_byte_vec_delete(&input);
  wasmer_output_t* written = wasmer_wasi_config_capture_stdout(config, 1000);
  wasmer_output_t* errors = wasmer_wasi_config_capture_stderr(config, 1000);
  CHECK(run(config, "echo") == 1);
  wasmer_output_take(written, &output);
  static const char expected[] = "program\0one\0NAME=value\0input";
  CHECK(output.size == sizeof expected - 1 && !memcmp(output.data, expected, output.size));
  wasm_byte_vec_delete(&output);
  wasmer_output_take(errors, &output);
  CHECK(output.size == 0);
  wasmer_output_delete(written);
  wasmer_output_delete(errors);
}

static void refused(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasmer_wasi_config_t* config = wasmer_wasi_config_new("program");
  wasmer_wasi_config_dir(config, "/no/such/folder", "/", false);
  CHECK(!wasmer_store_set_wasi(store, config));
  wasm_message_t message;
  CHECK(wasmer_last_error(&message) && strstr(message.data, "/no/such/folder"));
  wasm_name_delete(&message);
  CHECK(!wasmer_store_set_wasi(store, NULL) && !wasmer_store_set_wasi(NULL, wasmer_wasi_config_new("x")));
  CHECK(!wasmer_wasi_config_new(NULL) && !wasmer_wasi_config_capture_stdout(NULL, 1));
  wasmer_wasi_config_arg(NULL, "x");
  config = wasmer_wasi_config_new("x");
  wasmer_wasi_config_env(config, NULL, NULL);
  wasmer_wasi_config_inherit_stdio(config);
  wasmer_wasi_config_inherit_env(config);
  wasmer_wasi_config_delete(config);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}

void wasi(void) {
  granted();
  refused();
  // Nothing is granted: no output, no folder.
  CHECK(run(wasmer_wasi_config_new("program"), "echo") == 0);
}
