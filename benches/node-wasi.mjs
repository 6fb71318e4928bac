// Runs a WASI program with node: node node-wasi.mjs [--dir HOST::GUEST] MODULE ARGUMENTS... With --compile it is only compiled.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const words = process.argv.slice(2);
const preopens = {};
if (words[0] === "--dir") {
  const [host, guest] = words[1].split("::");
  preopens[guest] = host;
  words.splice(0, 2);
}
if (words[0] === "--compile") {
  new WebAssembly.Module(await readFile(words[1]));
} else {
  const wasi = new WASI({ version: "preview1", args: words, preopens });
  const { instance } = await WebAssembly.instantiate(await readFile(words[0]), wasi.getImportObject());
  process.exitCode = wasi.start(instance);
}
