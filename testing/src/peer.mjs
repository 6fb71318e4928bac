// Runs modules for `peer.rs`: a request in JSON on each line of the input, an answer on each line of the output.
import { createInterface } from "node:readline";

const view = new DataView(new ArrayBuffer(8));

function argument([kind, text]) {
  switch (kind) {
    case "i32":
      return Number(BigInt.asIntN(32, BigInt(text)));
    case "i64":
      return BigInt.asIntN(64, BigInt(text));
    case "f32":
      view.setUint32(0, Number(text));
      return view.getFloat32(0);
    case "f64":
      view.setBigUint64(0, BigInt(text));
      return view.getFloat64(0);
    default:
      return null;
  }
}

function bits(kind, value) {
  switch (kind) {
    case "i32":
      return String(value >>> 0);
    case "i64":
      return String(BigInt.asUintN(64, value));
    case "f32":
      view.setFloat32(0, value);
      return Number.isNaN(value) ? "nan" : String(view.getUint32(0));
    case "f64":
      view.setFloat64(0, value);
      return Number.isNaN(value) ? "nan" : String(view.getBigUint64(0));
    default:
      return value === null ? "null" : "some";
  }
}

function end(error) {
  if (error instanceof WebAssembly.Exception) return "exception";
  if (error instanceof RangeError) return "exhausted";
  if (error instanceof WebAssembly.RuntimeError) return /too large|allocation failed/.test(error.message) ? "exhausted" : "trap";
  throw error;
}

function hash(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

function run({ module, calls, globals, memories }) {
  const compiled = new WebAssembly.Module(Buffer.from(module, "base64"));
  let exports;
  try {
    exports = new WebAssembly.Instance(compiled).exports;
  } catch (error) {
    return { start: end(error) };
  }
  const call = ({ export: name, arguments: given, results }) => {
    try {
      const result = exports[name](...given.map(argument));
      const values = results.length === 0 ? [] : results.length === 1 ? [result] : [...result];
      return values.map((value, index) => bits(results[index], value));
    } catch (error) {
      return end(error);
    }
  };
  const read = (name) => {
    const bytes = new Uint8Array(exports[name].buffer);
    return [bytes.length, hash(bytes)];
  };
  const ends = calls.map(call);
  return {
    start: null,
    calls: ends,
    globals: globals.map(([name, kind]) => bits(kind, exports[name].value)),
    memories: memories.map(read),
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = run(JSON.parse(line));
  } catch (error) {
    answer = { start: `${error}` };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
