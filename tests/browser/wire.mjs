// The types of what the pages receive, made from the schemas that boothd's tests write from its Rust
// types (src/http/page_wire.rs): page/{lib,fleet}/wire.schema.json -> wire.d.ts.
// `node wire.mjs` writes both anew.

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { compile } from "json-schema-to-typescript";
import { PAGE } from "./files.mjs";

export const ROOMS = ["lib", "fleet"];

export const typesOf = (room) => `${PAGE}${room}/wire.d.ts`;

export async function schemaOf(room) {
  return JSON.parse(await readFile(`${PAGE}${room}/wire.schema.json`, "utf8"));
}

/** A reference without what stands beside it, which would make it a type of its own. */
function bare(schema) {
  if (Array.isArray(schema)) return schema.map(bare);
  if (schema === null || typeof schema !== "object") return schema;
  if (typeof schema.$ref === "string") return { $ref: schema.$ref };
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, bare(value)]));
}

/** The text of `wire.d.ts`. */
export async function makeTypes(room) {
  const schema = bare(await schemaOf(room));
  const text = await compile(schema, schema.title, {
    additionalProperties: false, bannerComment: "// Made by tests/browser/wire.mjs from wire.schema.json; do not edit.",
    unreachableDefinitions: true, format: true, style: { printWidth: 140 },
  });
  // Where the compiler found a type is of no interest.
  return text.replace(/ \*\n \* This interface was referenced by [^]*?via the `definition` "\w+"\.\n/g, "").replace(/\/\*\*\n \* This interface was referenced by [^]*?\*\/\n/g, "");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const room of ROOMS) await writeFile(typesOf(room), await makeTypes(room));
}
