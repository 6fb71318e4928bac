"""Calls an export of a module without imports, in Wasmtime's Python package: peer.py MODULE EXPORT NUMBER"""

import sys

import wasmtime

file, name, number = sys.argv[1:]
config = wasmtime.Config()
config.wasm_gc = True
config.wasm_function_references = True
config.wasm_exceptions = True
store = wasmtime.Store(wasmtime.Engine(config))
module = wasmtime.Module.from_file(store.engine, file)
instance = wasmtime.Instance(store, module, [])
print(instance.exports(store)[name](store, int(number)))
