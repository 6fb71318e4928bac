/* What the wasmer runtime has beyond the standard's wasm.h: settings, messages, the cache, WASI, limits, fuel, interrupts.
 *
 * The rules of wasm.h on ownership, null, lifetime and threads hold here, too. Text is in UTF-8, with a NUL at its end.
 */

#ifndef WASMER_H
#define WASMER_H

#include "wasm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define own

/* Of the library, as MAJOR.MINOR.PATCH. */
WASM_API_EXTERN const char* wasmer_version(void);

/* ---- Messages ---- */

/* Takes the message of the last failure of this thread, and says whether there was one. Functions that succeed leave it as it is. */
WASM_API_EXTERN bool wasmer_last_error(own wasm_message_t* out);

/* ---- Kinds that the standard does not have ---- */

/* Functions with such parameters or results can be imported and exported. They are not called from C, but for vectors: `wasmer_func_call_raw`. OTHERREF stands for
 * every type that has no kind of its own. */
enum wasmer_valkind_enum {
  WASMER_V128 = 4,
  WASMER_EXNREF = 130,
  WASMER_OTHERREF = 131
};

/* The tag of exceptions: it can be given from an instance to the next. */
enum wasmer_externkind_enum {
  WASMER_EXTERN_TAG = 4
};

/* ---- Settings of engines ---- */

/* "cranelift" (the default), "singlepass", or "llvm" if the library was built with it. False if it was not. */
WASM_API_EXTERN bool wasmer_config_set_backend(wasm_config_t*, const char* name);
/* Whether modules may use a feature, for instance "simd": the names are those of `wasmer run --enable`. False if there is none of this name. */
WASM_API_EXTERN bool wasmer_config_set_feature(wasm_config_t*, const char* name, bool enabled);
/* The stack of guests, 8 MiB by default. Without it, or with less than 64 KiB or more than 1 GiB, there will be no engine. */
WASM_API_EXTERN void wasmer_config_set_stack_bytes(wasm_config_t*, size_t bytes);
/* How many threads compile a module. */
WASM_API_EXTERN void wasmer_config_set_threads(wasm_config_t*, size_t threads);
/* Whether guests use up fuel. */
WASM_API_EXTERN void wasmer_config_set_fuel(wasm_config_t*, bool enabled);
/* Keeps compiled modules in a folder, by default (null) in that of the command `wasmer`. Everyone who may write there can have code run in this process. */
WASM_API_EXTERN bool wasmer_config_set_cache(wasm_config_t*, const char* dir);

/* ---- Modules and instances ---- */

/* A module of a file in the binary format. With a cache that knows it, the file is not even read. */
WASM_API_EXTERN own wasm_module_t* wasmer_module_new_from_file(wasm_store_t*, const char* path);
/* The export of a name; null if there is none. */
WASM_API_EXTERN own wasm_extern_t* wasmer_instance_export(const wasm_instance_t*, const char* name);

/* ---- Calls without kinds ---- */

/* A value as compiled code passes it. The function's type says what it is; bytes that are not of this type may be anything. */
typedef union wasmer_raw_val_t {
  int32_t i32;
  int64_t i64;
  float32_t f32;
  float64_t f64;
  uint8_t v128[16];
} __attribute__((aligned(16))) wasmer_raw_val_t;

/* Calls a function whose parameters and results are numbers and vectors, as fast as it can be done: nothing of the values is looked at. They are the arguments
 * first and the results when it has returned, so that there is room for the longer of the two lists; `size` says for how many there is. Functions with
 * references, and too little room, are a trap. */
WASM_API_EXTERN own wasm_trap_t* wasmer_func_call_raw(const wasm_func_t*, wasmer_raw_val_t* values, size_t size);

/* The same in the other direction: `values` are the arguments, which the callback replaces with the results. */
typedef own wasm_trap_t* (*wasmer_func_raw_callback_t)(void* env, wasmer_raw_val_t* values);
/* Null, with a message, if there are references in the type. The finalizer, which may be null, is called with `env`. */
WASM_API_EXTERN own wasm_func_t* wasmer_func_new_raw(
  wasm_store_t*, const wasm_functype_t*, wasmer_func_raw_callback_t, void* env, void (*finalizer)(void*));

/* ---- Traps ---- */

typedef uint8_t wasmer_trap_kind_t;
enum wasmer_trap_kind_enum {
  /* The program's own trap, or something that the host could not do. */
  WASMER_TRAP_OTHER,
  /* `unreachable`, an access out of bounds, a division by zero, … */
  WASMER_TRAP_GUEST,
  /* A WASI program ended itself: `wasmer_trap_exit_status`. */
  WASMER_TRAP_EXIT,
  /* The guest threw an exception that nothing caught. */
  WASMER_TRAP_EXCEPTION,
  WASMER_TRAP_INTERRUPTED,
  WASMER_TRAP_OUT_OF_FUEL,
  WASMER_TRAP_STACK_OVERFLOW
};

WASM_API_EXTERN wasmer_trap_kind_t wasmer_trap_kind(const wasm_trap_t*);
/* The status that the guest gave to `proc_exit`. False, and nothing written, if it did not. */
WASM_API_EXTERN bool wasmer_trap_exit_status(const wasm_trap_t*, int32_t* out);

/* ---- Limits of stores ---- */

/* What cannot be had within them fails: `memory.grow` and `table.grow` of guests with -1, everything else as it does otherwise. */
typedef struct wasmer_limits_t wasmer_limits_t;

typedef uint32_t wasmer_limit_t;
enum wasmer_limit_enum {
  /* Of one memory, and of one table. */
  WASMER_LIMIT_MEMORY_BYTES,
  WASMER_LIMIT_TABLE_ELEMENTS,
  /* Of all together. */
  WASMER_LIMIT_TOTAL_MEMORY_BYTES,
  WASMER_LIMIT_TOTAL_TABLE_ELEMENTS,
  /* Everything that guests cause on the host. */
  WASMER_LIMIT_TOTAL_BYTES,
  /* Numbers of them. */
  WASMER_LIMIT_MEMORIES,
  WASMER_LIMIT_TABLES,
  WASMER_LIMIT_INSTANCES,
  WASMER_LIMIT_HOST_FUNCS
};

/* 10,000 of each, 100 million elements of tables, and any number of bytes. */
WASM_API_EXTERN own wasmer_limits_t* wasmer_limits_new(void);
WASM_API_EXTERN void wasmer_limits_delete(own wasmer_limits_t*);
/* UINT64_MAX is no limit. False if there is no such limit. */
WASM_API_EXTERN bool wasmer_limits_set(wasmer_limits_t*, wasmer_limit_t, uint64_t max);
WASM_API_EXTERN own wasm_store_t* wasmer_store_new_with_limits(wasm_engine_t*, const wasmer_limits_t*);

/* ---- Fuel ---- */

/* About one unit for each operator. A store begins without; callbacks may use these functions, too. False if the engine does not use fuel. */
WASM_API_EXTERN bool wasmer_store_set_fuel(wasm_store_t*, uint64_t fuel);
WASM_API_EXTERN bool wasmer_store_add_fuel(wasm_store_t*, uint64_t fuel);
WASM_API_EXTERN bool wasmer_store_fuel(const wasm_store_t*, uint64_t* out);

/* ---- Interrupts ---- */

/* Ends what a store's guest does, from any thread, and every call after it until `wasmer_store_clear_interrupt`. */
typedef struct wasmer_interrupt_handle_t wasmer_interrupt_handle_t;
WASM_API_EXTERN own wasmer_interrupt_handle_t* wasmer_store_interrupt_handle(const wasm_store_t*);
WASM_API_EXTERN void wasmer_interrupt_handle_interrupt(const wasmer_interrupt_handle_t*);
WASM_API_EXTERN void wasmer_interrupt_handle_delete(own wasmer_interrupt_handle_t*);
/* False in a callback: the guest is still running. */
WASM_API_EXTERN bool wasmer_store_clear_interrupt(wasm_store_t*);

/* ---- References that guests hold ---- */

/* Finalizes foreign objects that neither the program nor a guest holds. Happens by itself from time to time. */
WASM_API_EXTERN void wasmer_store_gc(wasm_store_t*);

/* ---- WASI preview 1 ---- */

/* What a guest gets: only what is granted here. Streams that are not inherited are empty, or swallow what is written. */
typedef struct wasmer_wasi_config_t wasmer_wasi_config_t;
WASM_API_EXTERN own wasmer_wasi_config_t* wasmer_wasi_config_new(const char* program_name);
WASM_API_EXTERN void wasmer_wasi_config_delete(own wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_arg(wasmer_wasi_config_t*, const char* argument);
WASM_API_EXTERN void wasmer_wasi_config_env(wasmer_wasi_config_t*, const char* name, const char* value);
WASM_API_EXTERN void wasmer_wasi_config_inherit_env(wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_inherit_stdin(wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_inherit_stdout(wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_inherit_stderr(wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_inherit_stdio(wasmer_wasi_config_t*);
WASM_API_EXTERN void wasmer_wasi_config_stdin_bytes(wasmer_wasi_config_t*, const wasm_byte_vec_t*);
/* Grants a folder of the host under a name for the guest. */
WASM_API_EXTERN void wasmer_wasi_config_dir(
  wasmer_wasi_config_t*, const char* host, const char* guest, bool read_only);

/* Keeps what the guest writes, up to so many bytes. May be read and deleted at any time. */
typedef struct wasmer_output_t wasmer_output_t;
WASM_API_EXTERN own wasmer_output_t* wasmer_wasi_config_capture_stdout(wasmer_wasi_config_t*, size_t bytes_max);
WASM_API_EXTERN own wasmer_output_t* wasmer_wasi_config_capture_stderr(wasmer_wasi_config_t*, size_t bytes_max);
/* Takes out what was written so far. */
WASM_API_EXTERN void wasmer_output_take(const wasmer_output_t*, own wasm_byte_vec_t* out);
WASM_API_EXTERN void wasmer_output_delete(own wasmer_output_t*);

/* Opens the folders, and gives everything to the store's guests. False, with a message, if something is not to be had. */
WASM_API_EXTERN bool wasmer_store_set_wasi(wasm_store_t*, own wasmer_wasi_config_t*);
/* A vector as `wasm_instance_new` takes it, with null where the import is none of WASI's: what the program puts there is the vector's. */
WASM_API_EXTERN bool wasmer_wasi_imports(wasm_store_t*, const wasm_module_t*, own wasm_extern_vec_t* out);

#undef own

#ifdef __cplusplus
}
#endif

#endif
