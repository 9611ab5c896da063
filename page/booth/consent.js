// The dialog that comes before a session: the notice, the candidate's yes, and a reference.

import { element, find, findDialog, findForm, findInput } from "../lib/dom.js";
import { language, t } from "../lib/words.js";

/** @import { StateOf } from "../lib/wire.js" */

/**
 * What `start_session` needs.
 * @typedef {object} Consent
 * @property {string} notice_version
 * @property {number} consent_at ms since 1970, by this computer's clock
 * @property {string} [subject_ref]
 */

/** The version of the notice in lang/; used where the booth names none. */
const NOTICE_VERSION = "1";

const dialog = findDialog("consent");

/** Written anew with the language. */
export function showNotice() {
  const { lead, points } = language().notice;
  find("notice").replaceChildren(
    element("p", { text: lead }),
    element("ul", {}, ...points.map((text) => element("li", { text }))),
  );
}

/**
 * Asks for consent; null where the person declines.
 * @param {StateOf | null | undefined} state
 * @returns {Promise<Consent | null>}
 */
export function askConsent(state) {
  const notice_version = state?.notice_version || NOTICE_VERSION;
  const [form, box, subject] = [findForm("consent_form"), findInput("consent_yes"), findInput("subject_ref")];
  form.reset();
  find("notice_version").textContent = t("notice_version", { version: notice_version });
  find("consent_missing").hidden = true;
  showNotice();
  dialog.showModal();
  return new Promise((resolve) => {
    /** @type {Consent | null} */
    let answer = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      find("consent_missing").hidden = box.checked;
      if (!box.checked) {
        box.focus();
        return;
      }
      answer = { notice_version, consent_at: Date.now() };
      if (subject.value.trim()) answer.subject_ref = subject.value.trim();
      dialog.close();
    };
    dialog.onclose = () => resolve(answer);
  });
}

// Escape does the same.
find("consent_no").addEventListener("click", () => dialog.close());
