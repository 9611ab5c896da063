// The pages' modules under the compiler's eyes and the linter's.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { ESLint } from "eslint";
import { PAGE } from "./files.mjs";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

test("types fit", () => {
  const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", `${PAGE}jsconfig.json`], { encoding: "utf8" });
  assert.equal(status, 0, stdout);
});

test("the linter has nothing to report", async () => {
  const eslint = new ESLint({ cwd: ROOT, overrideConfigFile: fileURLToPath(new URL("eslint.config.mjs", import.meta.url)) });
  const results = await eslint.lintFiles(["page/**/*.js", "tests/browser/*.mjs"]);
  assert.ok(results.length > 40, `it saw ${results.length} files`);
  const found = results.flatMap(({ filePath, messages }) =>
    messages.map(({ line, ruleId, message }) => `${filePath.slice(ROOT.length)}:${line}: ${message} (${ruleId})`));
  assert.deepEqual(found, []);
});
