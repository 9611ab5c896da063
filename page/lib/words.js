// The words of the page in both languages. The language follows the browser until the person
// chooses; the choice is kept.

import { EN } from "../lang/en.js";
import { ZH } from "../lang/zh.js";

const KEPT = "boothd.language";
const LANGUAGES = { zh: [ZH, "zh-CN"], en: [EN, "en"] };

function firstLanguage() {
  const kept = localStorage.getItem(KEPT);
  if (kept !== null && Object.hasOwn(LANGUAGES, kept)) return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

let current = firstLanguage();

/** `zh` or `en`. */
export const language = () => current;

/** The word in the reader's language, `{name}` filled in. A name without a word is shown as it is. */
export function t(name, values = {}) {
  // A name may come from a booth, and every object has a "constructor".
  const word = hasWord(name) ? LANGUAGES[current][0][name] : String(name);
  return word.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** Whether there is a word for it. */
export const hasWord = (name) => Object.hasOwn(LANGUAGES[current][0], name);

export function switchLanguage() {
  current = current === "zh" ? "en" : "zh";
  localStorage.setItem(KEPT, current);
}

/** Fills every element that names its word. */
export function translatePage() {
  document.documentElement.lang = LANGUAGES[current][1];
  document.title = t("page_title");
  for (const node of document.querySelectorAll("[data-word]")) {
    node.textContent = t(node.dataset.word);
  }
  for (const node of document.querySelectorAll("[data-word-label]")) {
    node.setAttribute("aria-label", t(node.dataset.wordLabel));
  }
  for (const node of document.querySelectorAll("[data-word-hint]")) {
    node.setAttribute("placeholder", t(node.dataset.wordHint));
  }
}
