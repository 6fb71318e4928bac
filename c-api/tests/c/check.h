/* What the programs have in common. Each section is a function that `main.c` calls by its name. */

#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "wasmer.h"

/* Ends the program if something is not as it should be. Unlike `assert`, always. */
#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
      print_last_error(); \
      exit(1); \
    } \
  } while (0)

/* The modules of the tests are in this folder. */
extern const char* folder;

void print_last_error(void);
/* The bytes of a module of the tests. */
void read_module(const char* name, wasm_byte_vec_t* out);
/* Compiles one. */
wasm_module_t* load(wasm_store_t* store, const char* name);
/* Compiles and instantiates one. */
wasm_instance_t* instantiate(wasm_store_t* store, const char* name, wasm_extern_vec_t* imports);
/* The exported function of a name; the caller deletes it. */
wasm_func_t* exported_func(const wasm_instance_t* instance, const char* name);
/* Calls a function from i32 to i32 that returns. */
int32_t call_i32(const wasm_func_t* func, int32_t argument);
/* Whether the message of a trap contains a text. */
bool says(const wasm_trap_t* trap, const char* text);

void types(void);
void calls(void);
void traps(void);
void references(void);
void entities(void);
void ownership(void);
void modules(void);
void settings(void);
void wasi(void);
void speed(void);

#endif
