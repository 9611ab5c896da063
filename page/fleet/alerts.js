// Alerts: what a person should look at, and who has.

import { element, find, setText } from "../lib/dom.js";
import { download, fleet, linkOf, post, query } from "./api.js";
import { duration, known, moment } from "../lib/format.js";
import { hasWord, t } from "../lib/words.js";

const PAGE = 50;

/** The centre's own words in the reader's language; a booth's as they are. */
function detailOf({ detail }) {
  const word = `detail_${detail.replaceAll(" ", "_")}`;
  return hasWord(word) ? t(word) : detail;
}

function when({ since, until }) {
  if (!known(until)) return `${moment(since)} · ${t("for_time", { time: duration(Date.now() - since) })}`;
  return `${t("until", { from: moment(since), to: moment(until) })} · ${t("for_time", { time: duration(until - since) })}`;
}

export class Alerts {
  constructor(token) {
    Object.assign(this, { token, alerts: [], chosen: null });
    find("alert_filter").addEventListener("submit", (event) => event.preventDefault());
    find("alert_open").addEventListener("change", () => this.open());
    find("alerts_more").addEventListener("click", () => this.read());
    find("alerts_csv").addEventListener("click", () => this.save());
    find("acknowledge_no").addEventListener("click", () => find("acknowledge").close());
    find("acknowledge_form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.acknowledge();
    });
    this.fill();
  }

  fill() {
    const chosen = find("alert_open").value || "open";
    find("alert_open").replaceChildren(...["open", "all"].map((value) => element("option", { value, text: t(`alerts_${value}`) })));
    find("alert_open").value = chosen;
  }

  asked() {
    return { open: find("alert_open").value === "open" ? "true" : "" };
  }

  open() {
    this.alerts = [];
    this.read();
  }

  async read() {
    const note = find("alerts_note");
    try {
      const before = this.alerts.at(-1)?.alert_id;
      const { alerts } = await fleet(`/alerts${query({ ...this.asked(), before, limit: PAGE })}`, this.token());
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

  button(alert) {
    const name = `${t("acknowledge")}: ${t(`alert_${alert.kind}`)}, ${alert.site} / ${alert.booth}`;
    const button = element("button", { type: "button", class: "operator", text: t("acknowledge"), "aria-label": name });
    button.addEventListener("click", () => {
      this.chosen = alert;
      setText(find("acknowledge_what"), `${t(`alert_${alert.kind}`)} · ${alert.site} / ${alert.booth} · ${detailOf(alert)}`);
      setText(find("acknowledge_error"), "");
      find("acknowledge_note").value = "";
      find("acknowledge").showModal();
    });
    return button;
  }

  async acknowledge() {
    try {
      const note = find("acknowledge_note").value.trim() || null;
      const done = await post(`/alerts/${this.chosen.alert_id}/acknowledge`, this.token(), { note });
      this.alerts = this.alerts.map((alert) => (alert.alert_id === done.alert_id ? done : alert));
      find("acknowledge").close();
      this.show();
    } catch (error) {
      setText(find("acknowledge_error"), t(error.status === 403 ? "ack_forbidden" : "ack_failed"));
    }
  }

  async save() {
    try {
      await download(`/alerts.csv${query({ ...this.asked(), limit: 1000 })}`, this.token(), "alerts.csv");
    } catch {
      setText(find("alerts_note"), t("csv_failed"));
    }
  }

  translate() {
    this.fill();
    this.show();
  }
}
