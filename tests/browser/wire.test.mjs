// The types are those of the schemas, and what the mock sends is what boothd sends.
// UPDATE_DOCS=1 writes the types anew.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import * as mock from "./mock_reports.mjs";
import { faultsOf } from "./schemas.mjs";
import { makeTypes, ROOMS, typesOf } from "./wire.mjs";

for (const room of ROOMS) {
  test(`page/${room}/wire.d.ts is made from its schema`, async () => {
    const made = await makeTypes(room);
    if (process.env.UPDATE_DOCS) await writeFile(typesOf(room), made);
    const stored = await readFile(typesOf(room), "utf8");
    assert.ok(stored === made, `page/${room}/wire.d.ts is stale: UPDATE_DOCS=1 node --test wire.test.mjs`);
  });
}

/** Everything on, everything off, and each switch alone. */
const features = Object.keys(mock.ALL_ON).map((name) => ({ ...Object.fromEntries(Object.keys(mock.ALL_ON).map((each) => [each, each === name])) }));
features.push(mock.ALL_ON, Object.fromEntries(Object.keys(mock.ALL_ON).map((name) => [name, true])));

const REPORTS = { visual: "VisualReport", noFace: "VisualReport", glasses: "VisualReport", turned: "VisualReport", audio: "AudioReport", silence: "AudioReport" };

for (const [name, type] of Object.entries(REPORTS)) {
  test(`the mock's ${name} is a ${type}`, () => {
    for (const each of features) for (const k of [1, 17, 20]) assert.equal(faultsOf(type, mock[name](k, each)), "");
  });
}

test("the mock's interview is boothd's", () => {
  const consent = { notice_version: "1", consent_at: 1 };
  const begun = mock.started("a", consent);
  assert.equal(faultsOf("SessionStarted", begun), "");
  const { stream, features: on, ...session } = begun;
  assert.equal(faultsOf("StateOf", mock.state({ session })), "");
  const ended = mock.summary(session, on);
  assert.equal(faultsOf("SessionSummary", ended), "");
  assert.equal(faultsOf("SessionRecord", mock.record(ended)), "");
  assert.equal(faultsOf("EraseReceipt", mock.receipt("a")), "");
  assert.equal(faultsOf("History", mock.history("a")), "");
  assert.equal(faultsOf("Health", mock.health(on, { light: { state: "running", on: false } })), "");
});

test("a field that is missing and one that is not known are faults", () => {
  const report = mock.visual(1, mock.ALL_ON);
  assert.match(faultsOf("VisualReport", { ...report, gaze: undefined }), /gaze/);
  assert.match(faultsOf("VisualReport", { ...report, gazes: null }), /gazes/);
  assert.match(faultsOf("VisualReport", { ...report, quality: { ...report.quality, blur: 1 } }), /blur/);
  assert.match(faultsOf("StateOf", mock.state({ profile: "standard" })), /profile/);
});
