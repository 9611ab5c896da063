// The access token: the reader enters it once, it is stored for this tab only, and it is in no address
// for longer than the load.

import { find, findDialog, findInput } from "./dom.js";
import { hasWord, t } from "./words.js";

const STORED = "boothd.token";
const STORED_SESSION = "boothd.session";

export class TokenEntry {
  /**
   * @param {(token: string, session: string | null) => void} enter called with each token and the
   * session that it is bound to, if any
   */
  constructor(enter) {
    this.enter = enter;
    /** @type {string | null} */
    this.token = null;
    /** @type {string | null} */
    this.session = null;
    this.dialog = findDialog("entry");
    // Without a token there is nothing behind the dialog to go back to.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    find("entry_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.use(findInput("token").value.trim());
    });
  }

  /** With the token of the address or of this tab, or by asking. */
  begin() {
    const { token, session } = ofAddress();
    this.session = session ?? sessionStorage.getItem(STORED_SESSION);
    if (this.session) sessionStorage.setItem(STORED_SESSION, this.session);
    const known = token ?? sessionStorage.getItem(STORED);
    if (known) this.use(known);
    else this.ask(null);
  }

  /** @param {string} token */
  use(token) {
    this.token = token;
    sessionStorage.setItem(STORED, token);
    findInput("token").value = "";
    if (this.dialog.open) this.dialog.close();
    this.enter(token, this.session);
  }

  /** @param {string | null} code why the last one was refused; null the first time */
  ask(code) {
    sessionStorage.removeItem(STORED);
    this.token = null;
    const word = hasWord(`refused_${code}`) ? `refused_${code}` : "refused_invalid_token";
    find("entry_error").textContent = code ? t(word) : "";
    const others = /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll("dialog[open]"));
    for (const other of others) other.close();
    this.dialog.showModal();
    findInput("token").focus();
  }

  forget() {
    this.ask(null);
  }
}

/** `/#token=…&session=…`: taken out of the address, so that it is not copied on with it. */
function ofAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const token = given.get("token");
  if (token) history.replaceState(null, "", location.pathname + location.search);
  return { token, session: given.get("session") };
}
