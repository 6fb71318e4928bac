/* Modules: validity, artifacts, several threads. */

#include <pthread.h>

#include "check.h"

static void validity(wasm_store_t* store) {
  wasm_byte_vec_t binary, empty = WASM_EMPTY_VEC;
  read_module("entities", &binary);
  CHECK(wasm_module_validate(store, &binary));
  CHECK(!wasm_module_validate(store, &empty) && !wasm_module_validate(store, NULL) && !wasm_module_validate(NULL, &binary));
  CHECK(!wasm_module_new(store, &empty) && !wasm_module_new(store, NULL) && !wasm_module_new(NULL, &binary));
  // It may end anywhere, and any byte may be another.
  size_t size = binary.size;
  for (binary.size = 0; binary.size < size; ++binary.size) {
    bool valid = wasm_module_validate(store, &binary);
    CHECK(!valid || binary.size >= 8);
  }
  for (size_t i = 0; i < size; ++i) {
    binary.data[i] ^= 0x55;
    wasm_module_validate(store, &binary);
    binary.data[i] ^= 0x55;
  }
  wasm_byte_vec_delete(&binary);
}

static void artifacts(wasm_store_t* store) {
  wasm_module_t* module = load(store, "constant");
  wasm_byte_vec_t bytes, again;
  wasm_module_serialize(module, &bytes);
  wasm_module_delete(module);
  CHECK(bytes.size > 0);
  module = wasm_module_deserialize(store, &bytes);
  CHECK(module);
  wasm_module_serialize(module, &again);
  CHECK(again.size == bytes.size && !memcmp(again.data, bytes.data, bytes.size));
  wasm_extern_vec_t none = WASM_EMPTY_VEC;
  wasm_instance_t* instance = wasm_instance_new(store, module, &none, NULL);
  wasm_func_t* run = exported_func(instance, "run");
  CHECK(call_i32(run, 2) == 44);
  wasm_func_delete(run);
  wasm_instance_delete(instance);
  wasm_module_delete(module);
  // Damage of code and of everything else is found.
  for (size_t i = 0; i < bytes.size; i += bytes.size / 20) {
    bytes.data[i] ^= 1;
    wasm_module_t* damaged = wasm_module_deserialize(store, &bytes);
    // What stands between the sections means nothing.
    if (damaged) wasm_module_delete(damaged);
    bytes.data[i] ^= 1;
  }
  bytes.size /= 2;
  CHECK(!wasm_module_deserialize(store, &bytes) && !wasm_module_deserialize(store, NULL));
  wasm_byte_vec_delete(&bytes);
  wasm_byte_vec_delete(&again);
  wasm_module_serialize(NULL, &bytes);
  CHECK(bytes.size == 0);
}

struct job {
  wasm_engine_t* engine;
  wasm_shared_module_t* shared;
  int32_t sum;
};

static void* work(void* argument) {
  struct job* job = argument;
  for (int i = 0; i < 20; ++i) {
    wasm_store_t* store = wasm_store_new(job->engine);
    wasm_module_t* module = wasm_module_obtain(store, job->shared);
    wasm_extern_vec_t none = WASM_EMPTY_VEC;
    wasm_instance_t* instance = wasm_instance_new(store, module, &none, NULL);
    wasm_func_t* run = exported_func(instance, "run");
    job->sum += call_i32(run, i);
    wasm_func_delete(run);
    wasm_instance_delete(instance);
    wasm_module_delete(module);
    wasm_store_delete(store);
  }
  return NULL;
}

static void threads(wasm_engine_t* engine, wasm_store_t* store) {
  wasm_module_t* module = load(store, "constant");
  wasm_shared_module_t* shared = wasm_module_share(module);
  wasm_module_delete(module);
  struct job jobs[3];
  pthread_t ids[3];
  for (int i = 0; i < 3; ++i) {
    jobs[i] = (struct job){engine, shared, 0};
    CHECK(!pthread_create(&ids[i], NULL, work, &jobs[i]));
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(!pthread_join(ids[i], NULL) && jobs[i].sum == 20 * 42 + 190);
  }
  CHECK(!wasm_module_share(NULL) && !wasm_module_obtain(store, NULL) && !wasm_module_obtain(NULL, shared));
  wasm_shared_module_delete(shared);
}

void modules(void) {
  wasm_engine_t* engine = wasm_engine_new();
  wasm_store_t* store = wasm_store_new(engine);
  validity(store);
  artifacts(store);
  threads(engine, store);
  wasm_store_delete(store);
  wasm_engine_delete(engine);
}
