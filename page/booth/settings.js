// The switches. They are sent to the daemon, and shown as the daemon reports them.

import { at } from "../lib/base.js";
import { element, find, findDialog, setText } from "../lib/dom.js";
import { t } from "../lib/words.js";

/** @import { Features, StateOf } from "../lib/wire.js" */

/** @type {(keyof Features)[]} */
const SWITCHES = ["video", "audio", "face_emotion", "face_actions", "gaze", "head_pose", "voice_emotion", "preview"];
/** From one picture of the preview to the next request. */
const PREVIEW_PAUSE_MS = 300;

/** @type {(keyof Features)[]} */
const EMOTIONS = ["face_emotion", "voice_emotion"];

/**
 * What the dialog does.
 * @typedef {object} Actions
 * @property {(name: keyof Features, value: boolean) => void} change sends a switch
 * @property {() => void} forget forgets the token
 * @property {() => string | null} token gives it
 */

/**
 * @typedef {object} Rights
 * @property {boolean} canAct this token may change the switches
 * @property {boolean} canLook it may see the booth's picture
 * @property {boolean} isOwn the page shows this computer's camera, not the booth's
 * @property {boolean} isLive
 */

export class Settings {
  /** @param {Actions} on */
  constructor(on) {
    this.on = on;
    this.dialog = findDialog("settings");
    this.picture = /** @type {HTMLImageElement} */ (find("preview_picture"));
    /** @type {AbortController | null} */
    this.looking = null;
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

  /** @param {keyof Features} name */
  makeRow(name) {
    const id = `switch_${name}`;
    const box = element("input", { type: "checkbox", role: "switch", id, "aria-describedby": `${id}_why` });
    const label = element("label", { for: id });
    const why = element("small", { id: `${id}_why` });
    // The box follows the daemon's answer, so that it never shows what is not so.
    box.addEventListener("change", () => {
      // A picture that the booth no longer gives is not asked for.
      if (name === "preview" && !box.checked) this.hidePreview();
      this.on.change(name, box.checked);
    });
    const line = element("li", {}, element("div", {}, label, why), box);
    return { name, box, label, why, line };
  }

  /** @param {StateOf | null} state of the stream, where it is known @param {Rights} rights */
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

  /**
   * The picture is only fetched while it is looked at and allowed.
   * @param {boolean} isOn
   */
  showPreview(isOn) {
    find("preview_box").hidden = !isOn;
    if (!isOn) this.hidePreview();
    this.picture.alt = t("switch_preview");
    setText(find("preview_show"), t(this.picture.hidden ? "preview_open" : "preview_close"));
  }

  togglePreview() {
    if (this.looking) this.hidePreview();
    else this.look();
  }

  /**
   * One picture after the other, with the token in a header: in an address it would stand in the
   * log of each proxy, and a stream would hold one of the browser's six connections to the booth.
   */
  async look() {
    const looking = (this.looking = new AbortController());
    const { picture } = this;
    picture.hidden = false;
    while (!looking.signal.aborted) {
      const jpeg = document.hidden ? null : await nextPicture(this.on.token(), looking.signal);
      if (looking.signal.aborted) return;
      if (jpeg) {
        const before = picture.src;
        picture.src = URL.createObjectURL(jpeg);
        await picture.decode().catch(() => undefined);
        if (before) URL.revokeObjectURL(before);
      }
      await new Promise((resolve) => setTimeout(resolve, PREVIEW_PAUSE_MS));
    }
  }

  hidePreview() {
    this.looking?.abort();
    this.looking = null;
    const { picture } = this;
    if (picture.src) URL.revokeObjectURL(picture.src);
    picture.removeAttribute("src");
    picture.hidden = true;
  }
}

/**
 * The booth's next picture, or null where none comes.
 * @param {string | null} token
 * @param {AbortSignal} signal
 */
async function nextPicture(token, signal) {
  try {
    const answer = await fetch(at("preview.jpg"), { cache: "no-store", signal, headers: { Authorization: `Bearer ${token}` } });
    return answer.status === 200 ? await answer.blob() : null;
  } catch {
    return null;
  }
}

/**
 * The word for why a switch cannot be moved, or null.
 * @param {keyof Features} name
 * @param {StateOf | null} state
 * @param {boolean} canAct
 * @param {boolean} isLive
 */
function whyLocked(name, state, canAct, isLive) {
  if (!isLive || !state) return "locked_not_connected";
  if (state.allowed && !state.allowed[name]) {
    if (state.profile === "unchosen") return "locked_unchosen";
    if (state.profile === "eu" && EMOTIONS.includes(name)) return "locked_eu";
    return "locked_config";
  }
  return canAct ? null : "locked_role";
}
