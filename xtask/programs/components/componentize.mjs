// Makes a component of JavaScript: source, WIT, world, output.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [source, witPath, worldName, output] = process.argv.slice(2);
const toolchain = join(process.env.TOOLCHAIN_MODULES, "@bytecodealliance/componentize-js/src/componentize.js");
const { componentize } = await import(pathToFileURL(toolchain));

// What a world does not have would be imported nevertheless.
const disableFeatures = worldName.includes("/proxy@") ? [] : ["http", "fetch-event"];
const { component } = await componentize(await readFile(source, "utf8"), { witPath, worldName, disableFeatures });
await writeFile(output, component);
