// The grid of booths: filter, search, and what changes as it changes. In the order of site and
// name, never of a number.

import { statusOf } from "../lib/api.js";
import { element, find, findInput, findSelect, setText } from "../lib/dom.js";
import { duration, fixed, known, NONE } from "../lib/format.js";
import { t } from "../lib/words.js";
import { get, linkOf, query, save } from "./api.js";

/** @import { BoothKey, Token } from "./api.js" */
/** @import { AlertKind, BoothRow, Booths, Changes, FleetSummary, Presence } from "./wire.js" */

const PAGE = 100;
const TYPING_MS = 250;

/** Several changes of a moment are one reading of the list. */
const GATHER_MS = 1500;

/** @type {Presence[]} */
const PRESENCES = ["online", "offline", "silent", "restarting"];
/** @type {AlertKind[]} */
const ALERTS = ["offline", "policy", "light", "camera", "microphone", "analysis", "store", "board", "outbox", "certificate", "access", "clock", "configuration", "other", "version"];

const BAD = ["unavailable", "stopped", "unhealthy", "degraded"];

/** @param {BoothKey} key */
const keyOf = ({ site, booth }) => `${site}/${booth}`;
/** @param {string | null} name */
const wordOf = (name) => (known(name) ? t(name) : NONE);

/** "Online for 3 h 2 min". @param {BoothRow} row */
export function presenceText(row) {
  return t("since", { state: t(row.presence), time: duration(Date.now() - row.since) });
}

/** @param {BoothRow} row */
export function seenText(row) {
  return known(row.last_seen_at) ? t("last_seen", { time: duration(Date.now() - row.last_seen_at) }) : t("never_seen");
}

/**
 * What a tile shows.
 * @param {BoothRow} row
 * @returns {[word: string, text: string, isBad: boolean][]}
 */
function facts(row) {
  /** @param {string | null} name @returns {[string, boolean]} */
  const state = (name) => [wordOf(name), BAD.includes(name ?? "")];
  return [
    ["health_word", ...state(row.health)], ["camera_word", ...state(row.camera)], ["microphone_word", ...state(row.microphone)],
    ["temperature", known(row.temperature_c) ? `${fixed(0)(row.temperature_c)} °C` : NONE, row.alerts.includes("board")],
    ["version", row.version ?? NONE, row.alerts.includes("version")],
    ["outbox", known(row.outbox_depth) ? String(row.outbox_depth) : NONE, row.alerts.includes("outbox")],
  ];
}

/** @param {AlertKind[]} alerts */
export const chips = (alerts) => alerts.map((kind) => element("li", { text: t(`alert_${kind}`) }));

/** @param {HTMLSelectElement} select @param {string[][]} options value and text of each */
function fill(select, options) {
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => element("option", { value, text })));
  select.value = options.some(([value]) => value === chosen) ? chosen : "";
}

export class Grid {
  /**
   * @param {() => Token} token gives the token that is in use
   * @param {() => void} refused called where the token is refused
   */
  constructor(token, refused) {
    this.token = token;
    this.refused = refused;
    /** @type {Map<string, BoothRow>} */
    this.rows = new Map();
    /** @type {Map<string, Tile>} */
    this.tiles = new Map();
    this.total = 0;
    /** @type {FleetSummary | null} */
    this.census = null;
    this.wanted = PAGE;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
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
    const alert = findSelect("filter_alert").value;
    return {
      q: findInput("filter_q").value.trim(), site: findSelect("filter_site").value, presence: findSelect("filter_presence").value,
      alert: alert === "any" ? "" : alert, alerts: alert === "any" ? "true" : "",
    };
  }

  /** @param {number} ms @param {boolean} [isNew] another filter: the list begins anew */
  later(ms, isNew = false) {
    if (isNew) this.wanted = PAGE;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), ms);
  }

  async read() {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.token() === null) return;
    try {
      /** @type {Booths} */
      const answer = await get(`/booths${query({ ...this.filter(), limit: Math.min(1000, this.wanted) })}`, this.token());
      this.rows = new Map(answer.booths.map((row) => [keyOf(row), row]));
      this.total = answer.total;
      this.takeCensus(answer.census);
      this.show();
    } catch (error) {
      if (statusOf(error) === 401) this.refused();
      else setText(find("booths_note"), t("list_failed"));
    }
  }

  /** @param {FleetSummary} census */
  takeCensus(census) {
    /** @param {FleetSummary | null} each */
    const sites = (each) => JSON.stringify(each?.sites);
    const isNew = sites(census) !== sites(this.census);
    this.census = census;
    if (isNew) this.fillFilter();
    this.showCensus();
  }

  /**
   * Rows that have changed. What may no longer fit the filter is read anew.
   * @param {Pick<Changes, "booths" | "census">} changes
   */
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
    fill(findSelect("filter_site"), [all, ...(this.census?.sites ?? []).map((site) => [site, site])]);
    fill(findSelect("filter_presence"), [all, ...PRESENCES.map((name) => [name, t(name)])]);
    fill(findSelect("filter_alert"), [all, ["any", t("any_alert")], ...ALERTS.map((kind) => [kind, t(`alert_${kind}`)])]);
  }

  showCensus() {
    if (!this.census) return;
    const { booths, online, with_alerts } = this.census;
    /** @param {string} word @param {number} number @param {boolean} [isBad] */
    const entry = (word, number, isBad = false) => element("div", { class: isBad && "bad" }, element("dt", { text: t(word) }), element("dd", { text: String(number) }));
    find("census").replaceChildren(entry("total", booths), entry("online", online), entry("with_alerts", with_alerts, with_alerts > 0));
  }

  show() {
    const list = find("booth_list");
    for (const [key, tile] of this.tiles) {
      if (!this.rows.has(key)) {
        tile.line.remove();
        this.tiles.delete(key);
      }
    }
    [...this.rows].forEach(([key, row], k) => {
      const tile = this.tiles.get(key) ?? new Tile();
      this.tiles.set(key, tile);
      tile.show(row);
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
      await save(`/booths.csv${query(this.filter())}`, this.token(), "booths.csv");
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
    this.print = "";
    this.line = element("li", { class: "card tile" }, element("h3", {}, this.link, this.site), this.presence, this.facts, this.seen, this.alerts);
  }

  /** @param {BoothRow} row */
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
