// The grid of booths: filter, search, and what changes as it changes. In the order of site and
// name, never of a number.

import { element, find, setText } from "../lib/dom.js";
import { download, fleet, linkOf, query } from "./api.js";
import { duration, fixed, known, NONE } from "../lib/format.js";
import { hasWord, t } from "../lib/words.js";

const PAGE = 100;
const TYPING_MS = 250;

/** Several changes of a moment are one reading of the list. */
const GATHER_MS = 1500;

export const PRESENCES = ["online", "offline", "silent", "restarting"];
export const ALERTS = ["offline", "policy", "light", "camera", "microphone", "analysis", "store", "board", "outbox", "certificate", "access", "clock", "configuration", "other", "version"];

const BAD = ["unavailable", "stopped", "unhealthy", "degraded"];

export const keyOf = ({ site, booth }) => `${site}/${booth}`;
export const wordOf = (name) => (known(name) ? (hasWord(name) ? t(name) : name) : NONE);

/** "Online for 3 h 2 min". */
export function presenceText(row) {
  return t("since", { state: t(row.presence), time: duration(Date.now() - row.since) });
}

export function seenText(row) {
  return known(row.last_seen_at) ? t("last_seen", { time: duration(Date.now() - row.last_seen_at) }) : t("never_seen");
}

/** [word, text, whether it is bad] of what a tile shows. */
function facts(row) {
  const state = (name) => [wordOf(name), BAD.includes(name)];
  return [
    ["health_word", ...state(row.health)], ["camera_word", ...state(row.camera)], ["microphone_word", ...state(row.microphone)],
    ["temperature", known(row.temperature_c) ? `${fixed(0)(row.temperature_c)} °C` : NONE, row.alerts.includes("board")],
    ["version", row.version ?? NONE, row.alerts.includes("version")],
    ["outbox", known(row.outbox_depth) ? String(row.outbox_depth) : NONE, row.alerts.includes("outbox")],
  ];
}

export const chips = (alerts) => alerts.map((kind) => element("li", { text: t(`alert_${kind}`) }));

function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, text })));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
}

export class Grid {
  /** `token()` gives the token that is in use, `refused(error)` is told of a 401. */
  constructor(token, refused) {
    Object.assign(this, { token, refused, rows: new Map(), tiles: new Map(), total: 0, census: null, wanted: PAGE });
    find("filter").addEventListener("submit", (event) => event.preventDefault());
    find("filter_q").addEventListener("input", () => this.later(TYPING_MS, true));
    for (const id of ["filter_site", "filter_presence", "filter_alert"]) {
      find(id).addEventListener("change", () => this.later(0, true));
    }
    find("booths_more").addEventListener("click", () => {
      this.wanted += PAGE;
      this.read();
    });
    find("booths_csv").addEventListener("click", () => this.save());
    this.fillFilter();
  }

  filter() {
    const alert = find("filter_alert").value;
    return {
      q: find("filter_q").value.trim(), site: find("filter_site").value, presence: find("filter_presence").value,
      alert: alert === "any" ? "" : alert, alerts: alert === "any" ? "true" : "",
    };
  }

  later(ms, isNew = false) {
    if (isNew) this.wanted = PAGE;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), ms);
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.token() === null) return;
    try {
      const answer = await fleet(`/booths${query({ ...this.filter(), limit: Math.min(1000, this.wanted) })}`, this.token());
      this.rows = new Map(answer.booths.map((row) => [keyOf(row), row]));
      this.total = answer.total;
      this.takeCensus(answer.census);
      this.show();
    } catch (error) {
      if (error.status === 401) this.refused(error);
      else setText(find("booths_note"), t("list_failed"));
    }
  }

  takeCensus(census) {
    const sites = (each) => JSON.stringify(each?.sites);
    const isNew = sites(census) !== sites(this.census);
    this.census = census;
    if (isNew) this.fillFilter();
    this.showCensus();
  }

  /** Rows that have changed. What may no longer fit the filter is read anew. */
  changes({ booths, census }) {
    let mustRead = false;
    for (const row of booths) {
      const before = this.rows.get(keyOf(row));
      const isSame = before && before.presence === row.presence && String(before.alerts) === String(row.alerts);
      mustRead ||= !isSame;
      if (before) this.rows.set(keyOf(row), row);
    }
    this.takeCensus(census);
    if (mustRead && !this.timer) this.later(GATHER_MS);
    this.show();
  }

  fillFilter() {
    const all = ["", t("all")];
    fill(find("filter_site"), [all, ...(this.census?.sites ?? []).map((site) => [site, site])]);
    fill(find("filter_presence"), [all, ...PRESENCES.map((name) => [name, t(name)])]);
    fill(find("filter_alert"), [all, ["any", t("any_alert")], ...ALERTS.map((kind) => [kind, t(`alert_${kind}`)])]);
  }

  showCensus() {
    if (!this.census) return;
    const { booths, online, with_alerts } = this.census;
    const entry = (word, number, isBad = false) => element("div", { class: isBad && "bad" }, element("dt", { text: t(word) }), element("dd", { text: String(number) }));
    find("census").replaceChildren(entry("total", booths), entry("online", online), entry("with_alerts", with_alerts, with_alerts > 0));
  }

  show() {
    const list = find("booth_list");
    const keys = [...this.rows.keys()];
    for (const [key, tile] of this.tiles) {
      if (!this.rows.has(key)) {
        tile.line.remove();
        this.tiles.delete(key);
      }
    }
    keys.forEach((key, k) => {
      const tile = this.tiles.get(key) ?? new Tile();
      this.tiles.set(key, tile);
      tile.show(this.rows.get(key));
      if (list.children[k] !== tile.line) list.insertBefore(tile.line, list.children[k] ?? null);
    });
    const isFiltered = Object.values(this.filter()).some(Boolean);
    const shown = this.rows.size;
    const none = t(isFiltered ? "booths_no_match" : "booths_none");
    setText(find("booths_note"), shown > 0 ? t("booths_shown", { shown, total: this.total }) : this.census ? none : t("loading"));
    find("booths_more").hidden = shown >= this.total || shown === 0;
  }

  async save() {
    try {
      await download(`/booths.csv${query(this.filter())}`, this.token(), "booths.csv");
    } catch {
      setText(find("booths_note"), t("csv_failed"));
    }
  }

  translate() {
    this.fillFilter();
    this.showCensus();
    this.show();
  }
}

/** One booth of the grid. Made once; a change is only a change of text. */
class Tile {
  constructor() {
    this.link = element("a");
    this.site = element("small");
    this.presence = element("p", { class: "state" });
    this.seen = element("p", { class: "since" });
    this.facts = element("dl");
    this.alerts = element("ul", { class: "chips" });
    this.line = element("li", { class: "card tile" }, element("h3", {}, this.link, this.site), this.presence, this.facts, this.seen, this.alerts);
  }

  show(row) {
    this.line.dataset.presence = row.presence;
    this.link.href = linkOf(row);
    setText(this.link, row.booth);
    setText(this.site, row.site);
    this.presence.dataset.state = row.presence;
    setText(this.presence, presenceText(row));
    setText(this.seen, [seenText(row), row.session_active && row.presence === "online" ? t("interview_runs") : null].filter(Boolean).join(" · "));
    const all = facts(row);
    const print = JSON.stringify([all, row.alerts, all.map(([word]) => t(word))]);
    if (print === this.print) return;
    this.print = print;
    this.facts.replaceChildren(...all.map(([word, text, isBad]) => element("div", {},
      element("dt", { text: t(word) }), element("dd", { class: isBad && "bad", text }))));
    this.alerts.replaceChildren(...chips(row.alerts));
  }
}
