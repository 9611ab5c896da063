// The words of the page in the reader's language. A language is one file of lang/; the page has
// those whose modules its HTML links to. The language follows the browser until the reader chooses;
// the choice is stored.

const STORED = "boothd.language";

/**
 * A file of lang/.
 * @typedef {object} Language
 * @property {string} tag BCP 47, for the `lang` attribute
 * @property {string} locale BCP 47, for dates
 * @property {string} name of the language, in the language itself
 * @property {Record<string, string>} words of both pages; `{name}` in them is filled in
 * @property {Record<string, string>} fleet words of the fleet server's page only, and its own wording of some of `words`
 * @property {Record<string, [what: string, remedy: string]>} findings by code; where one is missing, the daemon's own sentence is shown
 * @property {{lead: string, points: string[]}} notice what a candidate agrees to
 */

/** "en" of "en-GB". @param {string} tag */
const primary = (tag) => tag.toLowerCase().split("-")[0];

/** @returns {Promise<Language[]>} */
async function readLanguages() {
  const links = /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll('link[rel="modulepreload"][href*="/lang/"]'));
  const modules = await Promise.all(Array.from(links, (link) => import(link.href)));
  return modules.map((module) => module.default);
}

/** In the order in which the button offers them; the first one is that of readers whose own is not there. */
const languages = await readLanguages();

/** @param {string} code */
const findLanguage = (code) => languages.find(({ tag }) => primary(tag) === primary(code));

/** The HTML names the words of its page. */
const isFleet = document.documentElement.dataset.words === "fleet";

let current = findLanguage(localStorage.getItem(STORED) ?? "") ?? findLanguage(navigator.language) ?? languages[0];

export const language = () => current;

/** The one that the button chooses. */
const next = () => languages[(languages.indexOf(current) + 1) % languages.length];

/** @param {string} name @returns {string | undefined} */
function lookUp(name) {
  // A name may come from a booth, and every object has a "constructor".
  if (isFleet && Object.hasOwn(current.fleet, name)) return current.fleet[name];
  return Object.hasOwn(current.words, name) ? current.words[name] : undefined;
}

/**
 * The word in the reader's language, `{name}` filled in. A name without a word is shown as it is.
 * @param {string} name
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function t(name, values = {}) {
  const word = lookUp(name) ?? String(name);
  return word.replace(/\{(\w+)\}/g, (_, key) => String(values[key] ?? ""));
}

/**
 * Whether there is a word for it.
 * @param {string} name
 */
export const hasWord = (name) => lookUp(name) !== undefined;

export function switchLanguage() {
  current = next();
  localStorage.setItem(STORED, primary(current.tag));
}

/** @param {string} attribute @returns {NodeListOf<HTMLElement>} */
const withAttribute = (attribute) => document.querySelectorAll(`[data-${attribute}]`);

/** Fills every element that names its word. */
export function translatePage() {
  document.documentElement.lang = current.tag;
  document.title = t("page_title");
  for (const node of withAttribute("word")) node.textContent = t(node.dataset.word ?? "");
  for (const node of withAttribute("word-label")) node.setAttribute("aria-label", t(node.dataset.wordLabel ?? ""));
  for (const node of withAttribute("word-hint")) node.setAttribute("placeholder", t(node.dataset.wordHint ?? ""));
  for (const node of withAttribute("next-language")) {
    node.textContent = next().name;
    node.lang = next().tag;
  }
}
