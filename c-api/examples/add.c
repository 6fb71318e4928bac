/* Loads a module, gives it nothing, and calls its function `add`.
 *
 * cc add.c -lwasmer -o add && ./add add.wasm
 */

#include <stdio.h>
#include <stdlib.h>

#include "wasmer.h"

/* Ends the program with the message of what failed. */
static void fail(void) {
  wasm_message_t message;
  fprintf(stderr, "error: %s\n", wasmer_last_error(&message) ? message.data : "no message");
  exit(1);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  wasm_module_t* module = wasmer_module_new_from_file(store, arguments[1]);
  if (!module) fail();

  wasm_extern_vec_t imports = WASM_EMPTY_VEC;
  wasm_instance_t* instance = wasm_instance_new(store, module, &imports, NULL);
  if (!instance) fail();

  wasm_func_t* add = wasm_extern_as_func(wasmer_instance_export(instance, "add"));
  wasm_val_t numbers[] = {WASM_I32_VAL(2), WASM_I32_VAL(40)};
  wasm_val_t sum[] = {WASM_INIT_VAL};
  wasm_val_vec_t params = WASM_ARRAY_VEC(numbers), results = WASM_ARRAY_VEC(sum);
  wasm_trap_t* trap = wasm_func_call(add, &params, &results);
  if (trap) fail();
  printf("%d + %d = %d\n", numbers[0].of.i32, numbers[1].of.i32, sum[0].of.i32);

  wasm_func_delete(add);
  wasm_instance_delete(instance);
  wasm_module_delete(module);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
  return 0;
}
