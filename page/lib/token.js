// The access token: asked for once, kept for this tab only, and in no address for longer than the load.

import { find } from "./dom.js";
import { hasWord, t } from "./words.js";

const KEPT = "boothd.token";
const KEPT_SESSION = "boothd.session";

export class TokenEntry {
  /** `enter(token, session)` is called with each token; `session` is the one it is bound to, if any. */
  constructor(enter) {
    this.enter = enter;
    this.token = null;
    this.dialog = find("entry");
    // Without a token there is nothing behind the dialog to go back to.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    find("entry_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.use(find("token").value.trim());
    });
  }

  /** With the token of the address or of this tab, or by asking. */
  begin() {
    const { token, session } = ofAddress();
    this.session = session ?? sessionStorage.getItem(KEPT_SESSION);
    if (this.session) sessionStorage.setItem(KEPT_SESSION, this.session);
    const known = token ?? sessionStorage.getItem(KEPT);
    if (known) this.use(known);
    else this.ask(null);
  }

  use(token) {
    this.token = token;
    sessionStorage.setItem(KEPT, token);
    find("token").value = "";
    if (this.dialog.open) this.dialog.close();
    this.enter(token, this.session);
  }

  /** `code` is why the last one was refused; null the first time. */
  ask(code) {
    sessionStorage.removeItem(KEPT);
    this.token = null;
    const word = hasWord(`refused_${code}`) ? `refused_${code}` : "refused_invalid_token";
    find("entry_error").textContent = code ? t(word) : "";
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    this.dialog.showModal();
    find("token").focus();
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
