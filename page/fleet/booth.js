// One booth: live numbers by the booth page's own cards, its history, health and events.

import { statusOf } from "../lib/api.js";
import { element, find, setText } from "../lib/dom.js";
import { ExpressionCard } from "../lib/expression.js";
import { fixed, known, moment, NONE } from "../lib/format.js";
import { showHealth, componentOf } from "../lib/health.js";
import { GazeCard, HeadCard } from "../lib/motion.js";
import { VoiceCard } from "../lib/voice.js";
import { t } from "../lib/words.js";
import { get, pathOf } from "./api.js";
import { chips, presenceText, seenText } from "./grid.js";
import { History } from "./history.js";

/** @import { Context } from "../lib/reason.js" */
/** @import { AudioReport, Health, VisualReport } from "../lib/wire.js" */
/** @import { BoothKey, Token } from "./api.js" */
/** @import { BoothNow, BoothRow, Changes, EventRow, LiveReport, Modality, Refused } from "./wire.js" */

/** @typedef {{at: number, report: any}} Newest */

/** Live numbers come each second; older ones are shown as what they are. */
const OLD_AFTER_MS = 10_000;
const HEALTH_EVERY_MS = 10_000;
const EVENTS = 20;

export class BoothView {
  /** @param {() => Token} token */
  constructor(token) {
    this.token = token;
    /** @type {BoothKey | null} */
    this.booth = null;
    /** @type {BoothRow | null} */
    this.row = null;
    /** @type {Health | undefined} */
    this.health = undefined;
    /** @type {any} what the booth is made of, as it reports */
    this.info = null;
    /** @type {EventRow[] | null} */
    this.events = null;
    /** @type {Refused | null} */
    this.refused = null;
    this.faceCards = [new ExpressionCard(), new HeadCard(), new GazeCard()];
    this.voiceCard = new VoiceCard();
    /** @type {Record<Modality, Newest | null>} */
    this.newest = { video: null, audio: null };
    this.history = new History(token);
    setInterval(() => this.show(), 1000);
    setInterval(() => this.booth && this.read(), HEALTH_EVERY_MS);
    setInterval(() => this.booth && this.history.read(), 60_000);
  }

  get cards() {
    return [...this.faceCards, this.voiceCard];
  }

  /**
   * Another booth, or none.
   * @param {BoothKey | null} booth
   */
  async open(booth) {
    Object.assign(this, { booth, row: null, health: undefined, info: null, events: null, refused: null });
    this.newest = { video: null, audio: null };
    for (const card of this.cards) card.trend.clear();
    if (booth === null) return;
    setText(find("booth_note"), t("loading"));
    this.show();
    this.history.read(booth);
    await this.read();
    this.readEvents();
  }

  async read() {
    const { booth } = this;
    if (booth === null) return;
    try {
      /** @type {BoothNow} */
      const now = await get(pathOf(booth), this.token());
      if (this.booth !== booth) return;
      Object.assign(this, { row: now.booth, health: now.health ?? undefined, info: now.info, refused: now.refused });
      if (now.video) this.take("video", now.video);
      if (now.audio) this.take("audio", now.audio);
      showHealth(this.health);
      this.show();
    } catch (error) {
      setText(find("booth_note"), t(statusOf(error) === 404 ? "booth_unknown" : "list_failed"));
    }
  }

  /** @param {LiveReport} report */
  live({ kind, at, report }) {
    if (this.booth === null) return;
    this.take(kind, { at, report });
    this.show();
  }

  /** @param {Pick<Changes, "booths">} changes */
  changes({ booths }) {
    const row = booths.find(({ site, booth }) => site === this.booth?.site && booth === this.booth?.booth);
    if (row) this.row = row;
  }

  /** @param {Modality} kind @param {Newest} newest */
  take(kind, newest) {
    if ((this.newest[kind]?.at ?? -Infinity) >= newest.at) return;
    this.newest[kind] = newest;
    /** @type {{add(report: any): void}[]} */
    const cards = kind === "video" ? this.faceCards : [this.voiceCard];
    for (const card of cards) card.add(newest.report);
  }

  /** @param {Modality} kind @returns {Context} */
  context(kind) {
    const component = componentOf(this.health, kind === "video" ? "camera" : "microphone");
    const isHere = this.row?.presence === "online" && (component?.state ?? "running") === "running";
    const age = Date.now() - (this.newest[kind]?.at ?? 0);
    const features = this.newest[kind]?.report.features ?? this.info?.features ?? this.health?.features;
    return { state: null, features, isOld: !isHere || age > OLD_AFTER_MS };
  }

  show() {
    if (this.booth === null) return;
    /** @type {VisualReport | null} */
    const face = this.newest.video?.report ?? null;
    /** @type {AudioReport | null} */
    const voice = this.newest.audio?.report ?? null;
    for (const card of this.faceCards) card.show(face, this.context("video"));
    this.voiceCard.show(voice, this.context("audio"));
    setText(find("booth"), `${this.booth.site} / ${this.booth.booth}`);
    if (this.row) this.showRow(this.row);
  }

  /** @param {BoothRow} row */
  showRow(row) {
    find("booth_presence").dataset.state = row.presence;
    setText(find("booth_presence"), `${presenceText(row)} · ${seenText(row)}`);
    const { messages_total: messages = 0, values_total: values = 0 } = this.refused ?? {};
    setText(find("booth_note"), [
      row.presence === "online" ? "" : t("booth_away"), messages + values > 0 ? t("booth_refused", { messages, values }) : "",
    ].filter(Boolean).join(" "));
    /** @type {Record<string, any>} */
    const info = this.info ?? {};
    /** @type {[word: string, value: unknown][]} */
    const facts = [
      ["version", row.version], ["board", info.board], ["addresses", Array.isArray(info.addresses) ? info.addresses.join(", ") : null], ["profile", info.profile],
      ["temperature", known(row.temperature_c) ? `${fixed(0)(row.temperature_c)} °C` : null],
      ["outbox", row.outbox_depth], ["first_seen", moment(row.first_seen_at)],
    ];
    find("booth_facts").replaceChildren(...facts.map(([word, value]) => element("div", {},
      element("dt", { text: t(word) }), element("dd", { text: known(value) && value !== "" ? String(value) : NONE }))));
    find("booth_alerts").replaceChildren(...chips(row.alerts));
  }

  async readEvents() {
    const { booth } = this;
    find("event_list").replaceChildren();
    if (booth === null || document.body.dataset.role === "viewer") return;
    try {
      /** @type {{events: EventRow[]}} */
      const { events } = await get(`${pathOf(booth)}/events?limit=${EVENTS}`, this.token());
      if (this.booth !== booth) return;
      this.events = events;
      this.showEvents();
    } catch (error) {
      setText(find("events_note"), t(statusOf(error) === 403 ? "events_forbidden" : "list_failed"));
    }
  }

  showEvents() {
    if (!this.events) return;
    setText(find("events_note"), this.events.length === 0 ? t("events_none") : "");
    find("event_list").replaceChildren(...this.events.map(({ at, kind, data }) => {
      const details = Object.entries(data ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ");
      return element("li", {}, element("b", { text: kind.replaceAll("_", " ") }), element("span", { text: moment(at) }), details ? element("small", { text: details }) : null);
    }));
  }

  translate() {
    for (const card of this.cards) card.trend.redraw();
    this.history.translate();
    if (this.booth) showHealth(this.health);
    this.showEvents();
    this.show();
  }
}
