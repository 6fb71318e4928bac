// Compiles a MoonBit program to a module with collected objects: node moonc.mjs COMPILER EDITOR SOURCE MODULE
//
// COMPILER is the folder of the npm package `@moonbit/moonc-worker`, a compiler for browsers. EDITOR is that of `@moonbit/moonpad-monaco`, which carries the
// sources of the standard library, but compiled for JavaScript only: so the part of it that programs here need is compiled first.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { runInThisContext } from "node:vm";

const [compiler, editor, source, module] = process.argv.slice(2);
const target = "wasm-gc";
const core = "/lib/core/";

// The library is in the editor's bundle: a table of names to variables, which are texts in base 64.
const bundle = readFileSync(`${editor}/dist/moonpad-monaco.js`, "utf8");
const variables = new Map();
for (const [, name, text] of bundle.matchAll(/[ ,]([\w$]+) = (?:\/\* @__PURE__ \*\/ )?(?:\w+\()?"([A-Za-z0-9+/=]*)"/g)) {
  if (!variables.has(name)) variables.set(name, text);
}
const library = [];
for (const [, path, name] of bundle.matchAll(/i\["(\/lib\/core\/[^"]*\.mbt)"\] = ([\w$]+);/g)) {
  if (variables.has(name)) library.push([path, Buffer.from(variables.get(name), "base64").toString()]);
}

// What is written for other targets, and tests.
const foreign = /_(test|wbtest|js|native)\.mbt$|\/(stringbuilder_concat|assert_debug|double_round|double_to_u?int)\.mbt$/;

function sources(name) {
  const folder = `${core}${name}/`;
  const own = ([path]) => path.startsWith(folder) && !path.slice(folder.length).includes("/") && !foreign.test(path);
  return library.filter(own);
}

// The compiler expects to be a worker, and to be called by messages.
const worker = readFileSync(`${compiler}/moonc-worker.js`, "utf8");
let receive;
globalThis.self = globalThis;
globalThis.addEventListener = (kind, handler) => {
  if (kind === "message") receive = handler;
};
runInThisContext(`(function (module, exports, require) {${worker}\n})`)({ exports: {} }, {}, createRequire(import.meta.url));

async function call(name, params) {
  const argumentList = [{ type: "RAW", value: params }];
  const { type, value } = await new Promise((resolve) => {
    globalThis.postMessage = resolve;
    receive({ origin: "*", data: { id: "1", type: "APPLY", path: [name], argumentList } });
  });
  if (type !== "RAW") throw new Error(`${name}: ${JSON.stringify(value)}`);
  return value;
}

async function build(pkg, folder, mbtFiles, imports, isMain) {
  const { core: object, mi, diagnostics } = await call("buildPackage", {
    mbtFiles,
    miFiles: isMain ? [] : imports.map(({ name, mi }) => [`${core}${name}.mi:${name}`, mi]),
    stdMiFiles: isMain ? imports.map(({ name, mi }) => [`${core}_build/${target}/release/bundle/${name}/${name}.mi`, mi]) : [],
    indirectImportMiFiles: [],
    target,
    pkg,
    pkgSources: [`${pkg}:${folder}`],
    isMain,
    errorFormat: "human",
    enableValueTracing: false,
    noOpt: false,
  });
  if (!object) throw new Error(diagnostics.join("\n"));
  return { object, mi };
}

const built = [];
for (const name of ["abort", "builtin", "prelude"]) {
  let files = sources(name);
  if (name === "prelude") {
    // Only what it takes from `builtin`.
    const [names] = /pub using @builtin \{\s*abort[^}]*\}/.exec(files[0][1]);
    files = [["prelude.mbt", names]];
  }
  const { object, mi } = await build(`moonbitlang/core/${name}`, `moonbit-core:${core}${name}`, files, built, false);
  built.push({ name, object, mi });
}
const program = await build("own/main", "own:/", [["main.mbt", readFileSync(source, "utf8")]], built, true);
const { result } = await call("linkCore", {
  coreFiles: [...built.map(({ object }) => object), program.object],
  main: "own/main",
  pkgSources: ["own/main:own:/", `moonbitlang/core:moonbit-core:${core}`],
  target,
  exportedFunctions: ["run"],
  outputFormat: "wasm",
  testMode: false,
  debug: false,
  noOpt: false,
  sourceMap: false,
  sources: {},
  stopOnMain: false,
});
writeFileSync(module, result);
