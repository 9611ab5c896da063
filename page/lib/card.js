// What every live card has: a line that says how things are, and an old look for old numbers.

import { announce } from "./announce.js";
import { find, setText } from "./dom.js";
import { t } from "./words.js";

/** A change is only told when it has lasted: a head that turns for a moment is no news. */
const LASTS_MS = 3000;

export class Card {
  constructor(id) {
    this.card = find(id);
    this.line = find(`${id}_state`);
    this.said = null;
    this.timer = null;
  }

  /** `reason` is the word for why there are no numbers, `good` the word while there are some. */
  tell(reason, good, { isOld, tells = false }) {
    this.line.dataset.state = reason ? "none" : "yes";
    setText(this.line, t(reason ?? good));
    this.card.classList.toggle("stale", isOld);
    if (tells) this.announceLater(reason ?? good);
  }

  announceLater(word) {
    if (word === this.pending) return;
    this.pending = word;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.said !== null && this.said !== word) announce(t(word));
      this.said = word;
    }, LASTS_MS);
  }
}
