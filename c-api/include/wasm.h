/* The WebAssembly C interface, as the wasm-c-api standard names it, for the wasmer runtime.
 *
 * Programs that are written for the standard compile with this header and run as the standard says. What it leaves open is said here.
 *
 * Ownership. `own` marks what changes hands: an argument that the function takes over, a result that the caller has to delete, and vectors and values behind a
 * pointer `out`, which need not hold anything before. Everything else is lent for the call. What an owner deletes by `wasm_NAME_delete`:
 *   - an object (`wasm_NAME_t*`): that reference to it; the object itself goes when nothing needs it any more;
 *   - a vector (`wasm_NAME_vec_t`): its elements too; the vector is empty afterwards, so that deleting it twice does no harm.
 * Results that are `const` pointers belong to what they were taken from, and live as long. References of two names made by `wasm_X_as_Y` are one reference.
 *
 * Null. Every pointer may be null. Functions that get null where they need something do nothing, and return null, false or zero; calls return a trap.
 * Vectors may be null where they have no elements. `wasmer_last_error` (wasmer.h) says what was wrong.
 *
 * Lifetime. Functions, globals, tables, memories and instances keep their store, also after `wasm_store_delete`; so does every copy. They live as long as their
 * store does, even if nobody refers to them. What a program gives a store (`env` of a function, host info) and which holds references to things of the same store
 * keeps the store for ever, unless the program deletes those references.
 *
 * Threads. Engines and shared modules may be used by several threads at a time. A store, and everything made with it, is used by one thread at a time, which may
 * be another one each time. Deleting a reference to a module, a trap or a foreign object may happen on any thread.
 *
 * Callbacks and finalizers must return: neither `longjmp` nor C++ exceptions may leave them. A callback may use the store that its caller is in; a finalizer that
 * runs while that store is being used cannot, and the functions fail.
 *
 * Failure. Nothing here ends the process, whatever the module is. Where there is no memory for a vector, it is empty.
 */

#ifndef WASM_H
#define WASM_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef WASM_API_EXTERN
#define WASM_API_EXTERN
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define own

typedef char byte_t;
typedef float float32_t;
typedef double float64_t;

/* ---- Shapes: what several types have in common ---- */

/* Something that is deleted. */
#define WASM_DECLARE_OWN(name) \
  typedef struct wasm_##name##_t wasm_##name##_t; \
  WASM_API_EXTERN void wasm_##name##_delete(own wasm_##name##_t*);

/* A vector. `new` moves elements into it; `new_uninitialized` makes room, all of whose bytes are zero; `copy` copies the elements, too. */
#define WASM_DECLARE_VEC(name, pointer) \
  typedef struct wasm_##name##_vec_t { \
    size_t size; \
    wasm_##name##_t pointer* data; \
  } wasm_##name##_vec_t; \
  WASM_API_EXTERN void wasm_##name##_vec_new_empty(own wasm_##name##_vec_t* out); \
  WASM_API_EXTERN void wasm_##name##_vec_new_uninitialized(own wasm_##name##_vec_t* out, size_t size); \
  WASM_API_EXTERN void wasm_##name##_vec_new( \
    own wasm_##name##_vec_t* out, size_t size, own wasm_##name##_t pointer const data[]); \
  WASM_API_EXTERN void wasm_##name##_vec_copy(own wasm_##name##_vec_t* out, const wasm_##name##_vec_t*); \
  WASM_API_EXTERN void wasm_##name##_vec_delete(own wasm_##name##_vec_t*);

/* A type, which can be copied, with vectors. */
#define WASM_DECLARE_TYPE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_DECLARE_VEC(name, *) \
  WASM_API_EXTERN own wasm_##name##_t* wasm_##name##_copy(const wasm_##name##_t*);

/* A reference. `copy` gives another one to the same object, `same` compares objects. Host info is a pointer of the program's that belongs to the object, whichever
 * reference it is given through; the finalizer gets it when it is replaced, and when the object is gone: at the latest with the last reference to something of the
 * store. */
#define WASM_DECLARE_REF_BASE(name) \
  WASM_DECLARE_OWN(name) \
  WASM_API_EXTERN own wasm_##name##_t* wasm_##name##_copy(const wasm_##name##_t*); \
  WASM_API_EXTERN bool wasm_##name##_same(const wasm_##name##_t*, const wasm_##name##_t*); \
  WASM_API_EXTERN void* wasm_##name##_get_host_info(const wasm_##name##_t*); \
  WASM_API_EXTERN void wasm_##name##_set_host_info(wasm_##name##_t*, void*); \
  WASM_API_EXTERN void wasm_##name##_set_host_info_with_finalizer( \
    wasm_##name##_t*, void*, void (*finalizer)(void*));

/* A reference of a name of its own: `wasm_ref_as_NAME` is null if it refers to something else. */
#define WASM_DECLARE_REF(name) \
  WASM_DECLARE_REF_BASE(name) \
  WASM_API_EXTERN wasm_ref_t* wasm_##name##_as_ref(wasm_##name##_t*); \
  WASM_API_EXTERN const wasm_ref_t* wasm_##name##_as_ref_const(const wasm_##name##_t*); \
  WASM_API_EXTERN wasm_##name##_t* wasm_ref_as_##name(wasm_ref_t*); \
  WASM_API_EXTERN const wasm_##name##_t* wasm_ref_as_##name##_const(const wasm_ref_t*);

/* A reference to something that other stores can have, too. */
#define WASM_DECLARE_SHARABLE_REF(name) \
  WASM_DECLARE_REF(name) \
  WASM_DECLARE_OWN(shared_##name) \
  WASM_API_EXTERN own wasm_shared_##name##_t* wasm_##name##_share(const wasm_##name##_t*); \
  WASM_API_EXTERN own wasm_##name##_t* wasm_##name##_obtain(wasm_store_t*, const wasm_shared_##name##_t*);

/* ---- Bytes and names ---- */

typedef byte_t wasm_byte_t;
WASM_DECLARE_VEC(byte, )

/* Text in UTF-8, without a NUL unless it is said. */
typedef wasm_byte_vec_t wasm_name_t;

#define wasm_name wasm_byte_vec
#define wasm_name_new wasm_byte_vec_new
#define wasm_name_new_empty wasm_byte_vec_new_empty
#define wasm_name_new_uninitialized wasm_byte_vec_new_uninitialized
/* The standard's spelling. */
#define wasm_name_new_new_uninitialized wasm_byte_vec_new_uninitialized
#define wasm_name_copy wasm_byte_vec_copy
#define wasm_name_delete wasm_byte_vec_delete

static inline void wasm_name_new_from_string(own wasm_name_t* out, const char* text) {
  wasm_name_new(out, strlen(text), text);
}

/* With the NUL. */
static inline void wasm_name_new_from_string_nt(own wasm_name_t* out, const char* text) {
  wasm_name_new(out, strlen(text) + 1, text);
}

/* ---- Configurations, engines, stores ---- */

/* wasmer.h has the settings. */
WASM_DECLARE_OWN(config)
WASM_API_EXTERN own wasm_config_t* wasm_config_new(void);

/* A compiler with its settings. Stores keep it. */
WASM_DECLARE_OWN(engine)
WASM_API_EXTERN own wasm_engine_t* wasm_engine_new(void);
WASM_API_EXTERN own wasm_engine_t* wasm_engine_new_with_config(own wasm_config_t*);

/* Owns instances and what they use. Without limits: see wasmer.h. */
WASM_DECLARE_OWN(store)
WASM_API_EXTERN own wasm_store_t* wasm_store_new(wasm_engine_t*);

/* ---- Types ---- */

typedef uint8_t wasm_mutability_t;
enum wasm_mutability_enum {
  WASM_CONST,
  WASM_VAR
};

typedef struct wasm_limits_t {
  uint32_t min;
  uint32_t max;
} wasm_limits_t;

/* No maximum. */
static const uint32_t wasm_limits_max_default = 0xffffffff;

/* wasmer.h has more kinds. A type that came from a module may be narrower than its kind says; copies of it are, too. */
WASM_DECLARE_TYPE(valtype)

typedef uint8_t wasm_valkind_t;
enum wasm_valkind_enum {
  WASM_I32,
  WASM_I64,
  WASM_F32,
  WASM_F64,
  WASM_EXTERNREF = 128,
  WASM_FUNCREF
};

/* Null if there is no such kind. */
WASM_API_EXTERN own wasm_valtype_t* wasm_valtype_new(wasm_valkind_t);
WASM_API_EXTERN wasm_valkind_t wasm_valtype_kind(const wasm_valtype_t*);

static inline bool wasm_valkind_is_num(wasm_valkind_t kind) {
  return kind < WASM_EXTERNREF;
}

static inline bool wasm_valkind_is_ref(wasm_valkind_t kind) {
  return kind >= WASM_EXTERNREF;
}

static inline bool wasm_valtype_is_num(const wasm_valtype_t* type) {
  return wasm_valkind_is_num(wasm_valtype_kind(type));
}

static inline bool wasm_valtype_is_ref(const wasm_valtype_t* type) {
  return wasm_valkind_is_ref(wasm_valtype_kind(type));
}

/* Both vectors become empty. */
WASM_DECLARE_TYPE(functype)
WASM_API_EXTERN own wasm_functype_t* wasm_functype_new(
  own wasm_valtype_vec_t* params, own wasm_valtype_vec_t* results);
WASM_API_EXTERN const wasm_valtype_vec_t* wasm_functype_params(const wasm_functype_t*);
WASM_API_EXTERN const wasm_valtype_vec_t* wasm_functype_results(const wasm_functype_t*);

WASM_DECLARE_TYPE(globaltype)
WASM_API_EXTERN own wasm_globaltype_t* wasm_globaltype_new(own wasm_valtype_t*, wasm_mutability_t);
WASM_API_EXTERN const wasm_valtype_t* wasm_globaltype_content(const wasm_globaltype_t*);
WASM_API_EXTERN wasm_mutability_t wasm_globaltype_mutability(const wasm_globaltype_t*);

/* Null if the elements are no references. */
WASM_DECLARE_TYPE(tabletype)
WASM_API_EXTERN own wasm_tabletype_t* wasm_tabletype_new(own wasm_valtype_t*, const wasm_limits_t*);
WASM_API_EXTERN const wasm_valtype_t* wasm_tabletype_element(const wasm_tabletype_t*);
WASM_API_EXTERN const wasm_limits_t* wasm_tabletype_limits(const wasm_tabletype_t*);

/* In pages. Limits of more than 32 bits become the largest number. */
WASM_DECLARE_TYPE(memorytype)
WASM_API_EXTERN own wasm_memorytype_t* wasm_memorytype_new(const wasm_limits_t*);
WASM_API_EXTERN const wasm_limits_t* wasm_memorytype_limits(const wasm_memorytype_t*);

/* What can be imported and exported: a type of one of the four kinds (wasmer.h has a fifth). Casts to another kind are null. */
WASM_DECLARE_TYPE(externtype)

typedef uint8_t wasm_externkind_t;
enum wasm_externkind_enum {
  WASM_EXTERN_FUNC,
  WASM_EXTERN_GLOBAL,
  WASM_EXTERN_TABLE,
  WASM_EXTERN_MEMORY
};

WASM_API_EXTERN wasm_externkind_t wasm_externtype_kind(const wasm_externtype_t*);

#define WASM_DECLARE_EXTERNTYPE_CASTS_(name) \
  WASM_API_EXTERN wasm_externtype_t* wasm_##name##_as_externtype(wasm_##name##_t*); \
  WASM_API_EXTERN const wasm_externtype_t* wasm_##name##_as_externtype_const(const wasm_##name##_t*); \
  WASM_API_EXTERN wasm_##name##_t* wasm_externtype_as_##name(wasm_externtype_t*); \
  WASM_API_EXTERN const wasm_##name##_t* wasm_externtype_as_##name##_const(const wasm_externtype_t*);

WASM_DECLARE_EXTERNTYPE_CASTS_(functype)
WASM_DECLARE_EXTERNTYPE_CASTS_(globaltype)
WASM_DECLARE_EXTERNTYPE_CASTS_(tabletype)
WASM_DECLARE_EXTERNTYPE_CASTS_(memorytype)

WASM_DECLARE_TYPE(importtype)
WASM_API_EXTERN own wasm_importtype_t* wasm_importtype_new(
  own wasm_name_t* module, own wasm_name_t* name, own wasm_externtype_t*);
WASM_API_EXTERN const wasm_name_t* wasm_importtype_module(const wasm_importtype_t*);
WASM_API_EXTERN const wasm_name_t* wasm_importtype_name(const wasm_importtype_t*);
WASM_API_EXTERN const wasm_externtype_t* wasm_importtype_type(const wasm_importtype_t*);

WASM_DECLARE_TYPE(exporttype)
WASM_API_EXTERN own wasm_exporttype_t* wasm_exporttype_new(own wasm_name_t*, own wasm_externtype_t*);
WASM_API_EXTERN const wasm_name_t* wasm_exporttype_name(const wasm_exporttype_t*);
WASM_API_EXTERN const wasm_externtype_t* wasm_exporttype_type(const wasm_exporttype_t*);

/* ---- Values and references ---- */

struct wasm_ref_t;

/* A reference may be of either kind where one of the other is asked for: what it refers to decides. */
typedef struct wasm_val_t {
  wasm_valkind_t kind;
  union {
    int32_t i32;
    int64_t i64;
    float32_t f32;
    float64_t f64;
    struct wasm_ref_t* ref;
  } of;
} wasm_val_t;

WASM_API_EXTERN void wasm_val_delete(own wasm_val_t*);
WASM_API_EXTERN void wasm_val_copy(own wasm_val_t* out, const wasm_val_t*);
WASM_DECLARE_VEC(val, )

/* To any object. A guest can hold references to all of them as `externref`. */
WASM_DECLARE_REF_BASE(ref)

/* ---- Traps ---- */

/* A call of a guest that a trap ended. */
WASM_DECLARE_OWN(frame)
WASM_DECLARE_VEC(frame, *)
WASM_API_EXTERN own wasm_frame_t* wasm_frame_copy(const wasm_frame_t*);
/* Always null: frames know their module and not the instance. */
WASM_API_EXTERN struct wasm_instance_t* wasm_frame_instance(const wasm_frame_t*);
WASM_API_EXTERN uint32_t wasm_frame_func_index(const wasm_frame_t*);
/* Always SIZE_MAX: not known. */
WASM_API_EXTERN size_t wasm_frame_func_offset(const wasm_frame_t*);
/* Of the operator in the module's bytes; SIZE_MAX if it is not known. */
WASM_API_EXTERN size_t wasm_frame_module_offset(const wasm_frame_t*);

/* With a NUL at its end. */
typedef wasm_name_t wasm_message_t;

/* Why a call ended that did not return. Also what a callback returns to end its guest, which comes out of the call as the same object. */
WASM_DECLARE_REF(trap)
WASM_API_EXTERN own wasm_trap_t* wasm_trap_new(wasm_store_t*, const wasm_message_t*);
WASM_API_EXTERN void wasm_trap_message(const wasm_trap_t*, own wasm_message_t* out);
/* The innermost frame; null if no guest was left. */
WASM_API_EXTERN own wasm_frame_t* wasm_trap_origin(const wasm_trap_t*);
/* All frames, innermost first. */
WASM_API_EXTERN void wasm_trap_trace(const wasm_trap_t*, own wasm_frame_vec_t* out);

/* ---- Objects ---- */

/* An object of the program's, of which guests get references: its host info is what it is. Finalized some time after the last reference is gone (`wasmer_store_gc`). */
WASM_DECLARE_REF(foreign)
WASM_API_EXTERN own wasm_foreign_t* wasm_foreign_new(wasm_store_t*);

/* Null if the binary is no valid module. */
WASM_DECLARE_SHARABLE_REF(module)
WASM_API_EXTERN own wasm_module_t* wasm_module_new(wasm_store_t*, const wasm_byte_vec_t* binary);
WASM_API_EXTERN bool wasm_module_validate(wasm_store_t*, const wasm_byte_vec_t* binary);
WASM_API_EXTERN void wasm_module_imports(const wasm_module_t*, own wasm_importtype_vec_t* out);
WASM_API_EXTERN void wasm_module_exports(const wasm_module_t*, own wasm_exporttype_vec_t* out);
/* Machine code, for this version and processors like this one. */
WASM_API_EXTERN void wasm_module_serialize(const wasm_module_t*, own wasm_byte_vec_t* out);
/* Only of bytes that `wasm_module_serialize` gave and nobody else could change: they are code that runs with the rights of the process. Damage makes it null. */
WASM_API_EXTERN own wasm_module_t* wasm_module_deserialize(wasm_store_t*, const wasm_byte_vec_t*);

WASM_DECLARE_REF(func)

/* Gets as many arguments and results as the type has. The arguments are lent; results belong to the caller afterwards. They are zero or null before. */
typedef own wasm_trap_t* (*wasm_func_callback_t)(const wasm_val_vec_t* args, own wasm_val_vec_t* results);
typedef own wasm_trap_t* (*wasm_func_callback_with_env_t)(
  void* env, const wasm_val_vec_t* args, wasm_val_vec_t* results);

WASM_API_EXTERN own wasm_func_t* wasm_func_new(wasm_store_t*, const wasm_functype_t*, wasm_func_callback_t);
/* The finalizer gets `env` when the store is gone, and at once if the result is null. */
WASM_API_EXTERN own wasm_func_t* wasm_func_new_with_env(
  wasm_store_t*, const wasm_functype_t*, wasm_func_callback_with_env_t, void* env, void (*finalizer)(void*));
WASM_API_EXTERN own wasm_functype_t* wasm_func_type(const wasm_func_t*);
WASM_API_EXTERN size_t wasm_func_param_arity(const wasm_func_t*);
WASM_API_EXTERN size_t wasm_func_result_arity(const wasm_func_t*);
/* Null if it has returned. `args` has as many values as there are parameters, of their types; `results` has room for the results at least if it returns, and holds
 * nothing that would have to be deleted. They are written if the function returns. The vectors may be one. */
WASM_API_EXTERN own wasm_trap_t* wasm_func_call(
  const wasm_func_t*, const wasm_val_vec_t* args, wasm_val_vec_t* results);

WASM_DECLARE_REF(global)
WASM_API_EXTERN own wasm_global_t* wasm_global_new(wasm_store_t*, const wasm_globaltype_t*, const wasm_val_t*);
WASM_API_EXTERN own wasm_globaltype_t* wasm_global_type(const wasm_global_t*);
WASM_API_EXTERN void wasm_global_get(const wasm_global_t*, own wasm_val_t* out);
/* Nothing happens if the global is immutable, or the value of another type. */
WASM_API_EXTERN void wasm_global_set(wasm_global_t*, const wasm_val_t*);

WASM_DECLARE_REF(table)
typedef uint32_t wasm_table_size_t;
WASM_API_EXTERN own wasm_table_t* wasm_table_new(wasm_store_t*, const wasm_tabletype_t*, wasm_ref_t* init);
/* With the current size as the minimum. */
WASM_API_EXTERN own wasm_tabletype_t* wasm_table_type(const wasm_table_t*);
/* Null beyond the end, too. */
WASM_API_EXTERN own wasm_ref_t* wasm_table_get(const wasm_table_t*, wasm_table_size_t index);
WASM_API_EXTERN bool wasm_table_set(wasm_table_t*, wasm_table_size_t index, wasm_ref_t*);
WASM_API_EXTERN wasm_table_size_t wasm_table_size(const wasm_table_t*);
WASM_API_EXTERN bool wasm_table_grow(wasm_table_t*, wasm_table_size_t delta, wasm_ref_t* init);

WASM_DECLARE_REF(memory)
typedef uint32_t wasm_memory_pages_t;
static const size_t MEMORY_PAGE_SIZE = 0x10000;
WASM_API_EXTERN own wasm_memory_t* wasm_memory_new(wasm_store_t*, const wasm_memorytype_t*);
/* With the current size as the minimum. */
WASM_API_EXTERN own wasm_memorytype_t* wasm_memory_type(const wasm_memory_t*);
/* Stays the same as long as the store lives, also when the memory grows. */
WASM_API_EXTERN byte_t* wasm_memory_data(wasm_memory_t*);
WASM_API_EXTERN size_t wasm_memory_data_size(const wasm_memory_t*);
WASM_API_EXTERN wasm_memory_pages_t wasm_memory_size(const wasm_memory_t*);
WASM_API_EXTERN bool wasm_memory_grow(wasm_memory_t*, wasm_memory_pages_t delta);

/* A function, global, table or memory. */
WASM_DECLARE_REF(extern)
WASM_DECLARE_VEC(extern, *)
WASM_API_EXTERN wasm_externkind_t wasm_extern_kind(const wasm_extern_t*);
WASM_API_EXTERN own wasm_externtype_t* wasm_extern_type(const wasm_extern_t*);

#define WASM_DECLARE_EXTERN_CASTS_(name) \
  WASM_API_EXTERN wasm_extern_t* wasm_##name##_as_extern(wasm_##name##_t*); \
  WASM_API_EXTERN const wasm_extern_t* wasm_##name##_as_extern_const(const wasm_##name##_t*); \
  WASM_API_EXTERN wasm_##name##_t* wasm_extern_as_##name(wasm_extern_t*); \
  WASM_API_EXTERN const wasm_##name##_t* wasm_extern_as_##name##_const(const wasm_extern_t*);

WASM_DECLARE_EXTERN_CASTS_(func)
WASM_DECLARE_EXTERN_CASTS_(global)
WASM_DECLARE_EXTERN_CASTS_(table)
WASM_DECLARE_EXTERN_CASTS_(memory)

/* Imports are in the order of `wasm_module_imports`, and lent. If it is null, `trap` (which may be null) says why, also if it was no guest's fault; else it gets null. */
WASM_DECLARE_REF(instance)
WASM_API_EXTERN own wasm_instance_t* wasm_instance_new(
  wasm_store_t*, const wasm_module_t*, const wasm_extern_vec_t* imports, own wasm_trap_t** trap);
/* In the order of `wasm_module_exports`. */
WASM_API_EXTERN void wasm_instance_exports(const wasm_instance_t*, own wasm_extern_vec_t* out);

/* ---- Shorthands ---- */

#define WASM_EMPTY_VEC {0, NULL}
#define WASM_ARRAY_VEC(array) {sizeof(array) / sizeof(*(array)), array}

#define WASM_DEFINE_VALTYPE_NEW_(name, kind) \
  static inline own wasm_valtype_t* wasm_valtype_new_##name(void) { \
    return wasm_valtype_new(kind); \
  }

WASM_DEFINE_VALTYPE_NEW_(i32, WASM_I32)
WASM_DEFINE_VALTYPE_NEW_(i64, WASM_I64)
WASM_DEFINE_VALTYPE_NEW_(f32, WASM_F32)
WASM_DEFINE_VALTYPE_NEW_(f64, WASM_F64)
WASM_DEFINE_VALTYPE_NEW_(externref, WASM_EXTERNREF)
WASM_DEFINE_VALTYPE_NEW_(funcref, WASM_FUNCREF)

/* Of the first types of each list, which has three places. */
static inline own wasm_functype_t* wasm_functype_new_of_(
  size_t params_size, wasm_valtype_t* p1, wasm_valtype_t* p2, wasm_valtype_t* p3,
  size_t results_size, wasm_valtype_t* r1, wasm_valtype_t* r2
) {
  wasm_valtype_t* params[3] = {p1, p2, p3};
  wasm_valtype_t* results[2] = {r1, r2};
  wasm_valtype_vec_t params_vec, results_vec;
  wasm_valtype_vec_new(&params_vec, params_size, params);
  wasm_valtype_vec_new(&results_vec, results_size, results);
  return wasm_functype_new(&params_vec, &results_vec);
}

#define WASM_TYPE_(name) own wasm_valtype_t* name

static inline own wasm_functype_t* wasm_functype_new_0_0(void) {
  return wasm_functype_new_of_(0, NULL, NULL, NULL, 0, NULL, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_1_0(WASM_TYPE_(p)) {
  return wasm_functype_new_of_(1, p, NULL, NULL, 0, NULL, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_2_0(WASM_TYPE_(p1), WASM_TYPE_(p2)) {
  return wasm_functype_new_of_(2, p1, p2, NULL, 0, NULL, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_3_0(WASM_TYPE_(p1), WASM_TYPE_(p2), WASM_TYPE_(p3)) {
  return wasm_functype_new_of_(3, p1, p2, p3, 0, NULL, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_0_1(WASM_TYPE_(r)) {
  return wasm_functype_new_of_(0, NULL, NULL, NULL, 1, r, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_1_1(WASM_TYPE_(p), WASM_TYPE_(r)) {
  return wasm_functype_new_of_(1, p, NULL, NULL, 1, r, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_2_1(WASM_TYPE_(p1), WASM_TYPE_(p2), WASM_TYPE_(r)) {
  return wasm_functype_new_of_(2, p1, p2, NULL, 1, r, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_3_1(
  WASM_TYPE_(p1), WASM_TYPE_(p2), WASM_TYPE_(p3), WASM_TYPE_(r)
) {
  return wasm_functype_new_of_(3, p1, p2, p3, 1, r, NULL);
}
static inline own wasm_functype_t* wasm_functype_new_0_2(WASM_TYPE_(r1), WASM_TYPE_(r2)) {
  return wasm_functype_new_of_(0, NULL, NULL, NULL, 2, r1, r2);
}
static inline own wasm_functype_t* wasm_functype_new_1_2(WASM_TYPE_(p), WASM_TYPE_(r1), WASM_TYPE_(r2)) {
  return wasm_functype_new_of_(1, p, NULL, NULL, 2, r1, r2);
}
static inline own wasm_functype_t* wasm_functype_new_2_2(
  WASM_TYPE_(p1), WASM_TYPE_(p2), WASM_TYPE_(r1), WASM_TYPE_(r2)
) {
  return wasm_functype_new_of_(2, p1, p2, NULL, 2, r1, r2);
}
static inline own wasm_functype_t* wasm_functype_new_3_2(
  WASM_TYPE_(p1), WASM_TYPE_(p2), WASM_TYPE_(p3), WASM_TYPE_(r1), WASM_TYPE_(r2)
) {
  return wasm_functype_new_of_(3, p1, p2, p3, 2, r1, r2);
}

#undef WASM_TYPE_

/* A pointer as a value of the integer type of its size. */
static inline void wasm_val_init_ptr(own wasm_val_t* out, void* pointer) {
#if UINTPTR_MAX == UINT32_MAX
  out->kind = WASM_I32;
  out->of.i32 = (int32_t)(intptr_t)pointer;
#else
  out->kind = WASM_I64;
  out->of.i64 = (int64_t)(intptr_t)pointer;
#endif
}

static inline void* wasm_val_ptr(const wasm_val_t* value) {
#if UINTPTR_MAX == UINT32_MAX
  return (void*)(intptr_t)value->of.i32;
#else
  return (void*)(intptr_t)value->of.i64;
#endif
}

#define WASM_I32_VAL(value) {.kind = WASM_I32, .of = {.i32 = value}}
#define WASM_I64_VAL(value) {.kind = WASM_I64, .of = {.i64 = value}}
#define WASM_F32_VAL(value) {.kind = WASM_F32, .of = {.f32 = value}}
#define WASM_F64_VAL(value) {.kind = WASM_F64, .of = {.f64 = value}}
#define WASM_REF_VAL(value) {.kind = WASM_EXTERNREF, .of = {.ref = value}}
#define WASM_INIT_VAL {.kind = WASM_EXTERNREF, .of = {.ref = NULL}}

#undef own

#ifdef __cplusplus
}
#endif

#endif
