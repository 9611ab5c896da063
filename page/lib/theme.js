// Light, dark, or as the system has it. The choice is stored.

import { find } from "./dom.js";
import { t } from "./words.js";

const STORED = "boothd.theme";
const THEMES = ["auto", "light", "dark"];

const current = () => document.documentElement.dataset.theme ?? "auto";

/** @param {string} theme */
function apply(theme) {
  document.documentElement.dataset.theme = theme;
}

export function showTheme() {
  find("theme").textContent = t(`theme_${current()}`);
}

/** @param {() => void} changed redraws what is painted and not styled */
export function startTheme(changed) {
  const stored = localStorage.getItem(STORED) ?? "auto";
  apply(THEMES.includes(stored) ? stored : "auto");
  find("theme").addEventListener("click", () => {
    apply(THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length]);
    localStorage.setItem(STORED, current());
    showTheme();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
