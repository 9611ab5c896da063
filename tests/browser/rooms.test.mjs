// The law of page/: lib imports nothing of the two pages, the pages import nothing of each other, a
// language imports nothing, and no module imports itself by way of others. What is in lib, both use.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { test } from "node:test";
import { filesOf, PAGE } from "./files.mjs";

const MAY_IMPORT = { lang: [], lib: ["lib"], booth: ["lib", "booth"], fleet: ["lib", "fleet"] };
const IMPORT = /^(?:import|export)\b(?:[^;"]*?\bfrom)? "([^"]+)";/gm;

const modules = await filesOf(Object.keys(MAY_IMPORT));
/** Each module, and those that it imports. */
const imports = new Map();
for (const module of modules) {
  const text = await readFile(PAGE + module, "utf8");
  const named = Array.from(text.matchAll(IMPORT), ([, path]) => posix.join(posix.dirname(module), path));
  imports.set(module, named);
}

const roomOf = (module) => module.split("/")[0];

/** Everything that is loaded with a module. */
function reached(module, found = new Set()) {
  if (found.has(module)) return found;
  found.add(module);
  for (const next of imports.get(module)) reached(next, found);
  return found;
}

test("every import leads to a module", () => {
  assert.ok(modules.length > 40);
  assert.ok([...imports.values()].flat().length > 100, "they were found");
  for (const [module, named] of imports) {
    for (const path of named) assert.ok(imports.has(path), `${module} imports ${path}`);
  }
});

test("each room keeps to the rooms that it may import", () => {
  for (const [module, named] of imports) {
    for (const path of named) {
      assert.ok(MAY_IMPORT[roomOf(module)].includes(roomOf(path)), `${module} imports ${path}`);
    }
  }
});

test("there are no circles", () => {
  for (const [module, named] of imports) {
    for (const path of named) assert.ok(!reached(path).has(module), `${module} -> ${path} -> ${module}`);
  }
});

test("every module is loaded by its page, and those of lib by both", () => {
  const ofBooth = reached("booth/app.js");
  const ofFleet = reached("fleet/app.js");
  for (const module of modules) {
    const room = roomOf(module);
    if (room === "booth" || room === "lib") assert.ok(ofBooth.has(module), `the booth's page does not use ${module}`);
    if (room === "fleet" || room === "lib") assert.ok(ofFleet.has(module), `the fleet server's page does not use ${module}`);
  }
});
