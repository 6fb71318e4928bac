// A command in JavaScript, by ComponentizeJS: the engine, and what it relies on in WASI 0.2.

import { getArguments, getEnvironment } from "wasi:cli/environment@0.2.12";
import { getDirectories } from "wasi:filesystem/preopens@0.2.12";

function check(holds, what) {
  if (!holds) throw new Error(what);
}

function files() {
  const folder = getDirectories().find(([, name]) => name === "/w")[0];
  const open = (name, create, write) =>
    folder.openAt({}, name, { create }, { read: true, write });
  const file = open("file", true, true);
  file.write(new TextEncoder().encode("one two"), 0n);
  check(file.stat().size === 7n, "the length of what was written");
  const [bytes] = file.read(100n, 4n);
  check(new TextDecoder().decode(bytes) === "two", "what was written");
  folder.unlinkFileAt("file");
  try {
    open("file", false, false);
  } catch (error) {
    check(error.payload === "no-entry", `it is ${error.payload}`);
    return;
  }
  throw new Error("a file that is gone was opened");
}

async function all() {
  check(JSON.stringify(getArguments().slice(1)) === '["two words",""]', "the arguments");
  check(JSON.stringify(getEnvironment()) === '[["NAME","a=b"]]', "the environment");
  files();
  const begun = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 20));
  check(Date.now() - begun >= 19 && new Date().getFullYear() >= 2024, "the clocks");
  check(crypto.getRandomValues(new Uint8Array(16)).some((byte) => byte !== 0), "random bytes");
  const squares = new Map([...Array(1000).keys()].map((number) => [`k${number}`, BigInt(number) ** 2n]));
  console.log([...squares.values()].reduce((sum, square) => sum + square, 0n).toString());
  console.log("all checks hold");
}

export const run = {
  async run() {
    try {
      await all();
    } catch (error) {
      // What is only thrown is not printed.
      console.error(error, error.payload, error.stack);
      throw error;
    }
  },
};
