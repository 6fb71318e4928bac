#include <string.h>

#include "check.h"

const char* folder;

void print_last_error(void) {
  wasm_message_t message;
  if (wasmer_last_error(&message)) {
    fprintf(stderr, "last error: %s\n", message.data);
    wasm_name_delete(&message);
  }
}

void read_module(const char* name, wasm_byte_vec_t* out) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s.wasm", folder, name);
  FILE* file = fopen(path, "rb");
  CHECK(file);
  CHECK(fseek(file, 0, SEEK_END) == 0);
  long size = ftell(file);
  rewind(file);
  wasm_byte_vec_new_uninitialized(out, (size_t)size);
  CHECK(fread(out->data, 1, out->size, file) == (size_t)size);
  fclose(file);
}

wasm_module_t* load(wasm_store_t* store, const char* name) {
  wasm_byte_vec_t binary;
  read_module(name, &binary);
  wasm_module_t* module = wasm_module_new(store, &binary);
  CHECK(module);
  wasm_byte_vec_delete(&binary);
  return module;
}

wasm_instance_t* instantiate(wasm_store_t* store, const char* name, wasm_extern_vec_t* imports) {
  wasm_module_t* module = load(store, name);
  wasm_trap_t* trap = NULL;
  wasm_instance_t* instance = wasm_instance_new(store, module, imports, &trap);
  CHECK(instance && !trap);
  wasm_module_delete(module);
  return instance;
}

wasm_func_t* exported_func(const wasm_instance_t* instance, const char* name) {
  wasm_func_t* func = wasm_extern_as_func(wasmer_instance_export(instance, name));
  CHECK(func);
  return func;
}

int32_t call_i32(const wasm_func_t* func, int32_t argument) {
  wasm_val_t arguments[] = {WASM_I32_VAL(argument)};
  wasm_val_t results[] = {WASM_INIT_VAL};
  wasm_val_vec_t arguments_vec = WASM_ARRAY_VEC(arguments), results_vec = WASM_ARRAY_VEC(results);
  CHECK(!wasm_func_call(func, &arguments_vec, &results_vec));
  CHECK(results[0].kind == WASM_I32);
  return results[0].of.i32;
}

bool says(const wasm_trap_t* trap, const char* text) {
  wasm_message_t message;
  wasm_trap_message(trap, &message);
  CHECK(message.size > 0 && message.data[message.size - 1] == 0);
  bool found = strstr(message.data, text);
  if (!found) fprintf(stderr, "it says: %s\n", message.data);
  wasm_name_delete(&message);
  return found;
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    void (*run)(void);
  } sections[] = {
    {"types", types},         {"calls", calls},       {"traps", traps},     {"references", references},
    {"entities", entities},   {"ownership", ownership}, {"modules", modules}, {"settings", settings},
    {"wasi", wasi},           {"speed", speed},
  };
  CHECK(count == 3);
  folder = arguments[1];
  for (size_t i = 0; i < sizeof sections / sizeof *sections; ++i) {
    if (strcmp(sections[i].name, arguments[2])) continue;
    sections[i].run();
    return 0;
  }
  CHECK(!"there is no such section");
}
