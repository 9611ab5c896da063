// What every live card has: a line with its state, and an old look for old numbers.

import { announce } from "./announce.js";
import { find, setText } from "./dom.js";
import { t } from "./words.js";

/** A change is announced once it has lasted: a head that turns for a moment is no news. */
const LASTS_MS = 3000;

/**
 * @typedef {object} Look
 * @property {boolean} isOld the numbers are old
 * @property {boolean} [isNeutral] the state is neither good nor a fault
 * @property {boolean} [isAnnounced] screen readers are informed of a change
 * @property {Record<string, unknown>} [values] what is filled into the word
 */

export class Card {
  /** @param {string} id */
  constructor(id) {
    this.card = find(id);
    this.line = find(`${id}_state`);
    /** @type {string | null} */
    this.announced = null;
    /** @type {string | null} */
    this.pending = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
  }

  /**
   * @param {string | null} reason the word for why there are no numbers
   * @param {string} good the word while there are some
   * @param {Look} look
   */
  update(reason, good, { isOld, isNeutral = false, isAnnounced = false, values }) {
    this.line.dataset.state = reason || isNeutral ? "none" : "yes";
    setText(this.line, t(reason ?? good, values));
    this.card.classList.toggle("stale", isOld);
    if (isAnnounced) this.announceLater(reason ?? good);
  }

  /** @param {string} word */
  announceLater(word) {
    if (word === this.pending) return;
    this.pending = word;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (this.announced !== null && this.announced !== word) announce(t(word));
      this.announced = word;
    }, LASTS_MS);
  }
}
