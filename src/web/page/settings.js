// The switches. They are sent to the daemon, and shown as the daemon says they are.

import { element, find, setText } from "./dom.js";
import { t } from "./words.js";

const SWITCHES = ["video", "audio", "face_emotion", "gaze", "head_pose", "voice_emotion", "preview"];
const EMOTIONS = ["face_emotion", "voice_emotion"];

export class Settings {
  /** `on.change(name, value)` sends a switch; `on.forget()` forgets the token, `on.token()` gives it. */
  constructor(on) {
    this.on = on;
    this.dialog = find("settings");
    this.rows = SWITCHES.map((name) => this.makeRow(name));
    find("switches").replaceChildren(...this.rows.map((row) => row.line));
    find("open_settings").addEventListener("click", () => this.dialog.showModal());
    find("preview_show").addEventListener("click", () => this.togglePreview());
    this.dialog.addEventListener("close", () => this.hidePreview());
    find("forget_token").addEventListener("click", () => {
      this.dialog.close();
      this.on.forget();
    });
  }

  makeRow(name) {
    const id = `switch_${name}`;
    const box = element("input", { type: "checkbox", role: "switch", id, "aria-describedby": `${id}_why` });
    const label = element("label", { for: id });
    const why = element("small", { id: `${id}_why` });
    // The box follows the daemon's answer, so that it never shows what is not so.
    box.addEventListener("change", () => this.on.change(name, box.checked));
    const line = element("li", {}, element("div", {}, label, why), box);
    return { name, box, label, why, line };
  }

  /** `state` is the stream's (null: not known); whether this token may change it, and see the booth's picture. */
  show(state, { canAct, canLook, isOwn, isLive }) {
    for (const { name, line, box, label, why } of this.rows) {
      // Only the booth's camera can be previewed; one's own picture is on the page anyway.
      line.hidden = isOwn && name === "preview";
      setText(label, t(`switch_${name}`));
      const reason = whyLocked(name, state, canAct, isLive);
      box.checked = Boolean(state?.features?.[name]);
      box.disabled = reason !== null;
      setText(why, t(reason ?? `switch_${name}_hint`));
    }
    this.showPreview(canLook && Boolean(state?.features?.preview));
  }

  /** The picture is only fetched while it is looked at and allowed. */
  showPreview(isOn) {
    find("preview_box").hidden = !isOn;
    if (!isOn) this.hidePreview();
    find("preview_picture").alt = t("switch_preview");
    setText(find("preview_show"), t(find("preview_picture").hidden ? "preview_open" : "preview_close"));
  }

  /** An <img> can send no header: this one address carries the token, and is never the page's own. */
  togglePreview() {
    const picture = find("preview_picture");
    if (!picture.hidden) {
      this.hidePreview();
      return;
    }
    picture.src = `/preview.mjpeg?token=${encodeURIComponent(this.on.token())}`;
    picture.hidden = false;
  }

  hidePreview() {
    const picture = find("preview_picture");
    picture.removeAttribute("src");
    picture.hidden = true;
  }
}

/** The word for why a switch cannot be moved, or null. */
function whyLocked(name, state, canAct, isLive) {
  if (!isLive || !state) return "locked_not_connected";
  if (state.allowed && !state.allowed[name]) {
    if (state.profile === "unchosen") return "locked_unchosen";
    if (state.profile === "eu" && EMOTIONS.includes(name)) return "locked_eu";
    return "locked_config";
  }
  return canAct ? null : "locked_role";
}
