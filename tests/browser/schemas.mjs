// Whether a document is what boothd sends, by the schemas that its own tests write (wire.mjs). Strict:
// a field that is missing and a field that the schema does not name are both faults.

import Ajv from "ajv/dist/2020.js";
import { ROOMS, schemaOf } from "./wire.mjs";

/** The schema with every object closed that names its fields. */
function closed(schema) {
  if (Array.isArray(schema)) return schema.map(closed);
  if (schema === null || typeof schema !== "object") return schema;
  const made = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  return "properties" in made && !("additionalProperties" in made) ? { ...made, additionalProperties: false } : made;
}

const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: false });
for (const room of ROOMS) ajv.addSchema(closed(await schemaOf(room)), room);

/** The faults of a document of that name (`VisualReport`, `Health`), as text; empty where there are none. */
export function faultsOf(name, document, room = "lib") {
  const validate = ajv.getSchema(`${room}#/$defs/${name}`);
  if (!validate) throw new Error(`there is no schema ${name}`);
  // As it goes over the wire: what is undefined is not there.
  const isRight = validate(JSON.parse(JSON.stringify(document)));
  return isRight ? "" : validate.errors.map(({ instancePath, message, params }) => `${name}${instancePath} ${message} ${JSON.stringify(params)}`).join("\n");
}

/** The document, if it is what boothd sends. */
export function checked(name, document) {
  const faults = faultsOf(name, document);
  if (faults) throw new Error(faults);
  return document;
}
