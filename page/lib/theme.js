// Light, dark, or as the system has it. The choice is kept.

import { find } from "./dom.js";
import { t } from "./words.js";

const KEPT = "boothd.theme";
const THEMES = ["auto", "light", "dark"];

const current = () => document.documentElement.dataset.theme ?? "auto";

function apply(theme) {
  document.documentElement.dataset.theme = theme;
}

export function showTheme() {
  find("theme").textContent = t(`theme_${current()}`);
}

/** `changed` redraws what is painted and not styled. */
export function startTheme(changed) {
  const kept = localStorage.getItem(KEPT);
  apply(THEMES.includes(kept) ? kept : "auto");
  find("theme").addEventListener("click", () => {
    apply(THEMES[(THEMES.indexOf(current()) + 1) % THEMES.length]);
    localStorage.setItem(KEPT, current());
    showTheme();
    changed();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
