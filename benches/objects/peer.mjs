// Calls an export of a module without imports, in Node.js or Bun: node peer.mjs MODULE EXPORT NUMBER
import { readFileSync } from "node:fs";

const [file, name, number] = process.argv.slice(2);
const { instance } = await WebAssembly.instantiate(readFileSync(file));
console.log(instance.exports[name](Number(number)));
