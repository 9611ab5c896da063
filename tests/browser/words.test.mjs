// What can be checked of the pages without a browser: every language has every word.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { filesOf, PAGE } from "./files.mjs";

const files = await filesOf(["lang"]);
const languages = await Promise.all(files.map(async (file) => [file, (await import(PAGE + file)).default]));
/** Units that are the same in every language. */
const UNITS = ["%", "Hz²"];

const english = languages.find(([file]) => file === "lang/en.js")[1];

test("there are languages", () => {
  assert.ok(languages.length >= 2);
  assert.equal(new Set(languages.map(([, { tag }]) => tag)).size, languages.length, "each has a tag of its own");
});

for (const [file, language] of languages) {
  test(`${file} has the words of English`, () => {
    assert.deepEqual(Object.keys(language), Object.keys(english));
    for (const part of ["words", "fleet"]) {
      assert.deepEqual(Object.keys(language[part]).sort(), Object.keys(english[part]).sort(), part);
    }
    assert.equal(language.notice.points.length, english.notice.points.length);
  });

  test(`${file} has English's placeholders`, () => {
    const places = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
    for (const part of ["words", "fleet"]) {
      for (const [key, word] of Object.entries(english[part])) assert.deepEqual(places(language[part][key]), places(word), key);
    }
  });

  test(`${file} names what Intl knows`, () => {
    for (const tag of [language.tag, language.locale]) assert.deepEqual(Intl.getCanonicalLocales(tag), [tag]);
  });
}

test("every word that a page names is there", async () => {
  for (const page of ["booth", "fleet"]) {
    const words = { ...english.words, ...(page === "fleet" && english.fleet) };
    for (const name of [...(await filesOf(["lib", page])), `${page}/index.html`]) {
      const text = await readFile(PAGE + name, "utf8");
      const named = text.matchAll(/data-word(?:-label|-hint)?="(\w+)"|\bt\("(\w+)"|\b(?:word|unit): "([^"]+)"/g);
      for (const [whole, ...groups] of named) {
        const word = groups.find(Boolean);
        if (!UNITS.includes(word)) assert.ok(word in words, `${name}: ${whole}`);
      }
    }
  }
});

test("English has no Chinese words, and Chinese no English ones by mistake", () => {
  const isHan = /\p{Script=Han}/u;
  const chinese = languages.find(([file]) => file === "lang/zh.js")[1];
  const plain = ["deg", "dB", "dBFS", "Hz", "fine_print"];
  for (const part of ["words", "fleet"]) {
    for (const [key, word] of Object.entries(english[part])) assert.ok(!isHan.test(word), key);
    for (const [key, word] of Object.entries(chinese[part])) {
      if (!plain.includes(key) && /[a-z]/i.test(word.replace(/\{\w+\}/g, ""))) assert.ok(isHan.test(word), key);
    }
  }
});
