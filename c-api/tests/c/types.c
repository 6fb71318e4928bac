/* Types, vectors and names. */

#include <string.h>

#include "check.h"

static bool name_is(const wasm_name_t* name, const char* text) {
  return name->size == strlen(text) && !memcmp(name->data, text, name->size);
}

static void kinds(void) {
  static const wasm_valkind_t all[] = {
    WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_EXTERNREF, WASM_FUNCREF, WASMER_V128, WASMER_EXNREF,
  };
  for (size_t i = 0; i < sizeof all; ++i) {
    wasm_valtype_t* type = wasm_valtype_new(all[i]);
    wasm_valtype_t* copy = wasm_valtype_copy(type);
    CHECK(wasm_valtype_kind(type) == all[i] && wasm_valtype_kind(copy) == all[i]);
    CHECK(wasm_valtype_is_ref(type) == (all[i] >= WASM_EXTERNREF) && wasm_valtype_is_num(type) != wasm_valtype_is_ref(type));
    wasm_valtype_delete(type);
    wasm_valtype_delete(copy);
  }
  for (int kind = 0; kind < 256; ++kind) wasm_valtype_delete(wasm_valtype_new((wasm_valkind_t)kind));
  CHECK(!wasm_valtype_new(77));
}

static void vectors(void) {
  wasm_valtype_t* elements[] = {wasm_valtype_new_i32(), wasm_valtype_new_f64(), NULL};
  wasm_valtype_vec_t vector, copy, empty;
  wasm_valtype_vec_new(&vector, 3, elements);
  CHECK(vector.size == 3 && vector.data[1] == elements[1]);
  wasm_valtype_vec_copy(&copy, &vector);
  CHECK(copy.size == 3 && copy.data[1] != elements[1] && wasm_valtype_kind(copy.data[1]) == WASM_F64 && !copy.data[2]);
  wasm_valtype_vec_delete(&vector);
  CHECK(vector.size == 0 && !vector.data);
  wasm_valtype_vec_delete(&vector);
  // A program that makes it shorter leaks what it cuts off, and nothing worse happens.
  wasm_valtype_delete(copy.data[1]);
  copy.size = 1;
  wasm_valtype_vec_delete(&copy);
  wasm_valtype_vec_new_empty(&empty);
  CHECK(empty.size == 0 && !empty.data);
  wasm_valtype_vec_delete(&empty);
  wasm_valtype_vec_new_uninitialized(&vector, 5);
  CHECK(vector.size == 5 && !vector.data[4]);
  wasm_valtype_vec_delete(&vector);
  // Sizes that no machine has.
  static const size_t absurd[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 8, SIZE_MAX / 16 + 1, (size_t)1 << 60};
  for (size_t i = 0; i < sizeof absurd / sizeof *absurd; ++i) {
    wasm_val_vec_t values;
    wasm_byte_vec_t bytes, copied;
    wasm_val_vec_new_uninitialized(&values, absurd[i]);
    CHECK(values.size == 0 && !values.data);
    wasm_byte_vec_new_uninitialized(&bytes, absurd[i]);
    CHECK(bytes.size == 0 && !bytes.data);
    wasm_byte_vec_new(&bytes, absurd[i], "x");
    CHECK(bytes.size == 0);
    wasm_byte_vec_t wrong = {SIZE_MAX, NULL};
    wasm_byte_vec_copy(&copied, &wrong);
    CHECK(copied.size == 0);
  }
  wasm_name_t name;
  wasm_name_new_from_string(&name, "name");
  CHECK(name_is(&name, "name"));
  wasm_name_delete(&name);
  wasm_name_new_from_string_nt(&name, "name");
  CHECK(name.size == 5);
  wasm_name_delete(&name);
}

static void function_types(void) {
  wasm_functype_t* type = wasm_functype_new_3_2(
    wasm_valtype_new_i32(), wasm_valtype_new_externref(), wasm_valtype_new_funcref(), wasm_valtype_new_i64(), wasm_valtype_new_f32());
  CHECK(wasm_functype_params(type)->size == 3 && wasm_functype_results(type)->size == 2);
  CHECK(wasm_valtype_kind(wasm_functype_params(type)->data[2]) == WASM_FUNCREF);
  wasm_externtype_t* external = wasm_functype_as_externtype(type);
  CHECK(wasm_externtype_kind(external) == WASM_EXTERN_FUNC && wasm_externtype_as_functype(external) == type);
  CHECK(!wasm_externtype_as_globaltype(external) && !wasm_externtype_as_tabletype_const(external));
  CHECK(!wasm_externtype_as_memorytype(external));
  wasm_externtype_t* copy = wasm_externtype_copy(external);
  wasm_externtype_delete(external);
  CHECK(wasm_valtype_kind(wasm_functype_results(wasm_externtype_as_functype(copy))->data[1]) == WASM_F32);
  wasm_externtype_delete(copy);
  wasm_functype_t* all[] = {
    wasm_functype_new_0_0(),
    wasm_functype_new_1_0(wasm_valtype_new_i32()),
    wasm_functype_new_2_0(wasm_valtype_new_i32(), wasm_valtype_new_i32()),
    wasm_functype_new_0_1(wasm_valtype_new_i32()),
    wasm_functype_new_2_1(wasm_valtype_new_i32(), wasm_valtype_new_i32(), wasm_valtype_new_i32()),
    wasm_functype_new_0_2(wasm_valtype_new_i32(), wasm_valtype_new_i32()),
    wasm_functype_new_1_2(wasm_valtype_new_i32(), wasm_valtype_new_i32(), wasm_valtype_new_i32()),
  };
  wasm_functype_vec_t vector, copies;
  wasm_functype_vec_new(&vector, sizeof all / sizeof *all, all);
  wasm_functype_vec_copy(&copies, &vector);
  wasm_functype_vec_delete(&vector);
  CHECK(wasm_functype_params(copies.data[2])->size == 2);
  wasm_functype_vec_delete(&copies);
  // A list with a hole makes no type, and is deleted all the same.
  wasm_valtype_t* hole[] = {wasm_valtype_new_i32(), NULL};
  wasm_valtype_vec_t params, results;
  wasm_valtype_vec_new(&params, 2, hole);
  wasm_valtype_vec_new_empty(&results);
  CHECK(!wasm_functype_new(&params, &results) && params.size == 0);
}

static void other_types(void) {
  wasm_globaltype_t* global = wasm_globaltype_new(wasm_valtype_new_f64(), WASM_VAR);
  CHECK(wasm_valtype_kind(wasm_globaltype_content(global)) == WASM_F64 && wasm_globaltype_mutability(global) == WASM_VAR);
  CHECK(wasm_externtype_kind(wasm_globaltype_as_externtype(global)) == WASM_EXTERN_GLOBAL);
  wasm_limits_t limits = {1, wasm_limits_max_default};
  wasm_tabletype_t* table = wasm_tabletype_new(wasm_valtype_new_funcref(), &limits);
  CHECK(wasm_valtype_kind(wasm_tabletype_element(table)) == WASM_FUNCREF);
  CHECK(wasm_tabletype_limits(table)->min == 1 && wasm_tabletype_limits(table)->max == wasm_limits_max_default);
  CHECK(!wasm_tabletype_new(wasm_valtype_new_i32(), &limits));
  limits.max = 3;
  wasm_memorytype_t* memory = wasm_memorytype_new(&limits);
  CHECK(wasm_memorytype_limits(memory)->max == 3);
  wasm_name_t module, name, none;
  wasm_name_new_from_string(&module, "m");
  wasm_name_new_from_string(&name, "n");
  wasm_importtype_t* import = wasm_importtype_new(&module, &name, wasm_globaltype_as_externtype(global));
  CHECK(name_is(wasm_importtype_module(import), "m") && name_is(wasm_importtype_name(import), "n") && module.size == 0);
  wasm_importtype_t* import_copy = wasm_importtype_copy(import);
  wasm_importtype_delete(import);
  CHECK(wasm_externtype_kind(wasm_importtype_type(import_copy)) == WASM_EXTERN_GLOBAL);
  wasm_importtype_delete(import_copy);
  wasm_name_new_empty(&none);
  wasm_exporttype_t* export = wasm_exporttype_new(&none, wasm_memorytype_as_externtype(memory));
  CHECK(name_is(wasm_exporttype_name(export), ""));
  CHECK(wasm_externtype_as_memorytype_const(wasm_exporttype_type(export)));
  wasm_exporttype_delete(export);
  wasm_tabletype_delete(table);
}

/* Null wherever a pointer may be. */
static void nulls(void) {
  CHECK(!wasm_functype_params(NULL) && !wasm_globaltype_content(NULL) && !wasm_tabletype_limits(NULL));
  CHECK(!wasm_memorytype_new(NULL) && !wasm_globaltype_new(NULL, WASM_CONST) && !wasm_importtype_new(NULL, NULL, NULL));
  CHECK(!wasm_externtype_as_functype(NULL) && !wasm_functype_as_externtype(NULL) && !wasm_valtype_copy(NULL));
  wasm_valtype_delete(NULL);
  wasm_valtype_vec_delete(NULL);
  wasm_valtype_vec_copy(NULL, NULL);
  wasm_byte_vec_new(NULL, 3, NULL);
  wasm_functype_delete(wasm_functype_new(NULL, NULL));
  wasm_val_delete(NULL);
  wasm_val_copy(NULL, NULL);
}

void types(void) {
  kinds();
  vectors();
  function_types();
  other_types();
  nulls();
}
