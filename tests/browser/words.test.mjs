// What can be told of the page without a browser: both languages are complete, every module is named.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { EN } from "../../page/lang/en.js";
import { ZH } from "../../page/lang/zh.js";
import { filesOf, PAGE } from "./files.mjs";

test("both languages have the same words", () => {
  assert.deepEqual(Object.keys(ZH).sort(), Object.keys(EN).sort());
});

test("a word's placeholders are the same in both languages", () => {
  const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const key of Object.keys(EN)) assert.deepEqual(places(ZH[key]), places(EN[key]), key);
});

test("every word that the page names is there", async () => {
  const files = [...(await filesOf(["lib", "booth"])), "booth/index.html"];
  for (const name of files) {
    const text = await readFile(PAGE + name, "utf8");
    const named = text.matchAll(/data-word(?:-label|-hint)?="(\w+)"|\bt\("(\w+)"|\b(?:word|unit): "([^"]+)"/g);
    for (const [whole, ...groups] of named) {
      const word = groups.find(Boolean);
      if (!["%"].includes(word)) assert.ok(word in EN, `${name}: ${whole}`);
    }
  }
});

test("English has no Chinese words, and Chinese no English ones by mistake", () => {
  const isHan = /\p{Script=Han}/u;
  for (const [key, word] of Object.entries(EN)) if (key !== "other_language") assert.ok(!isHan.test(word), key);
  const plain = ["other_language", "deg", "dBFS", "Hz"];
  for (const [key, word] of Object.entries(ZH)) if (!plain.includes(key) && /[a-z]/i.test(word)) assert.ok(isHan.test(word), key);
});
