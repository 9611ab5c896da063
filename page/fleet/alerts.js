// Alerts: what a person should look at, and who has acknowledged it.

import { statusOf } from "../lib/api.js";
import { element, find, findDialog, findSelect, setText } from "../lib/dom.js";
import { duration, known, moment } from "../lib/format.js";
import { hasWord, t } from "../lib/words.js";
import { get, linkOf, post, query, save } from "./api.js";

/** @import { Token } from "./api.js" */
/** @import { AlertRecord } from "./wire.js" */

const PAGE = 50;

/**
 * The fleet server's own words in the reader's language; a booth's as they are.
 * @param {AlertRecord} alert
 */
function detailOf({ detail }) {
  const word = `detail_${detail.replaceAll(" ", "_")}`;
  return hasWord(word) ? t(word) : detail;
}

/** @param {AlertRecord} alert */
function when({ since, until }) {
  if (!known(until)) return `${moment(since)} · ${t("for_time", { time: duration(Date.now() - since) })}`;
  return `${t("until", { from: moment(since), to: moment(until) })} · ${t("for_time", { time: duration(until - since) })}`;
}

export class Alerts {
  /** @param {() => Token} token */
  constructor(token) {
    this.token = token;
    /** @type {AlertRecord[]} */
    this.alerts = [];
    /** @type {AlertRecord | null} */
    this.chosen = null;
    this.filter = findSelect("alert_open");
    this.dialog = findDialog("acknowledge");
    this.noteField = /** @type {HTMLTextAreaElement} */ (find("acknowledge_note"));
    find("alert_filter").addEventListener("submit", (event) => event.preventDefault());
    this.filter.addEventListener("change", () => this.open());
    find("alerts_more").addEventListener("click", () => this.read());
    find("alerts_csv").addEventListener("click", () => this.save());
    find("acknowledge_no").addEventListener("click", () => this.dialog.close());
    find("acknowledge_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.acknowledge();
    });
    this.fill();
  }

  fill() {
    const chosen = this.filter.value || "open";
    this.filter.replaceChildren(...["open", "all"].map((value) => element("option", { value, text: t(`alerts_${value}`) })));
    this.filter.value = chosen;
  }

  asked() {
    return { open: this.filter.value === "open" ? "true" : "" };
  }

  open() {
    this.alerts = [];
    this.read();
  }

  async read() {
    const note = find("alerts_note");
    try {
      const before = this.alerts.at(-1)?.alert_id;
      /** @type {{alerts: AlertRecord[]}} */
      const { alerts } = await get(`/alerts${query({ ...this.asked(), before, limit: PAGE })}`, this.token());
      this.alerts.push(...alerts);
      find("alerts_more").hidden = alerts.length < PAGE;
      setText(note, this.alerts.length === 0 ? t("alerts_none") : "");
    } catch {
      find("alerts_more").hidden = true;
      setText(note, t("list_failed"));
    }
    this.show();
  }

  show() {
    find("alert_list").replaceChildren(...this.alerts.map((alert) => {
      const title = element("b", {}, `${t(`alert_${alert.kind}`)} · `, element("a", { href: linkOf(alert), text: `${alert.site} / ${alert.booth}` }));
      const lines = [`${detailOf(alert)} · ${when(alert)}`];
      if (known(alert.acknowledged_by)) {
        const seen = t("acknowledged", { who: alert.acknowledged_by, time: moment(alert.acknowledged_at) });
        lines.push([seen, alert.note].filter(Boolean).join(" · "));
      }
      return element("li", { class: known(alert.until) ? "over" : known(alert.acknowledged_by) ? "open seen" : "open" }, title, ...lines.map((text) => element("small", { text })),
        known(alert.acknowledged_by) ? null : this.button(alert));
    }));
  }

  /** @param {AlertRecord} alert */
  button(alert) {
    const name = `${t("acknowledge")}: ${t(`alert_${alert.kind}`)}, ${alert.site} / ${alert.booth}`;
    const button = element("button", { type: "button", class: "operator", text: t("acknowledge"), "aria-label": name });
    button.addEventListener("click", () => {
      this.chosen = alert;
      setText(find("acknowledge_what"), `${t(`alert_${alert.kind}`)} · ${alert.site} / ${alert.booth} · ${detailOf(alert)}`);
      setText(find("acknowledge_error"), "");
      this.noteField.value = "";
      this.dialog.showModal();
    });
    return button;
  }

  async acknowledge() {
    if (!this.chosen) return;
    try {
      const note = this.noteField.value.trim() || null;
      /** @type {AlertRecord} */
      const done = await post(`/alerts/${this.chosen.alert_id}/acknowledge`, { note }, this.token());
      this.alerts = this.alerts.map((alert) => (alert.alert_id === done.alert_id ? done : alert));
      this.dialog.close();
      this.show();
    } catch (error) {
      setText(find("acknowledge_error"), t(statusOf(error) === 403 ? "ack_forbidden" : "ack_failed"));
    }
  }

  async save() {
    try {
      await save(`/alerts.csv${query({ ...this.asked(), limit: 1000 })}`, this.token(), "alerts.csv");
    } catch {
      setText(find("alerts_note"), t("csv_failed"));
    }
  }

  translate() {
    this.fill();
    this.show();
  }
}
