// One booth: live numbers by the booth page's own cards, its history, health and events.

import { element, find, setText } from "../lib/dom.js";
import { ExpressionCard } from "../lib/expression.js";
import { fleet, pathOf } from "./api.js";
import { chips, presenceText, seenText } from "./grid.js";
import { History } from "./history.js";
import { fixed, known, moment, NONE } from "../lib/format.js";
import { showHealth, stageOf } from "../lib/health.js";
import { GazeCard, HeadCard } from "../lib/motion.js";
import { t } from "../lib/words.js";
import { VoiceCard } from "../lib/voice.js";

/** Live numbers come each second; older ones are shown as what they are. */
const OLD_AFTER_MS = 10_000;
const HEALTH_EVERY_MS = 10_000;
const EVENTS = 20;

export class BoothView {
  constructor(token) {
    Object.assign(this, { token, booth: null, row: null, health: undefined, info: null, events: null, refused: null });
    this.cards = { video: [new ExpressionCard(), new HeadCard(), new GazeCard()], audio: [new VoiceCard()] };
    this.newest = { video: null, audio: null };
    this.history = new History(token);
    setInterval(() => this.show(), 1000);
    setInterval(() => this.booth && this.read(), HEALTH_EVERY_MS);
    setInterval(() => this.booth && this.history.read(), 60_000);
  }

  /** Another booth, or none. */
  async open(booth) {
    Object.assign(this, { booth, row: null, health: undefined, info: null, events: null, refused: null });
    this.newest = { video: null, audio: null };
    for (const card of [...this.cards.video, ...this.cards.audio]) card.trend.clear();
    if (booth === null) return;
    setText(find("booth_note"), t("loading"));
    this.show();
    this.history.read(booth);
    await this.read();
    this.readEvents();
  }

  async read() {
    const booth = this.booth;
    try {
      const now = await fleet(pathOf(booth), this.token());
      if (this.booth !== booth) return;
      Object.assign(this, { row: now.booth, health: now.health ?? undefined, info: now.info, refused: now.refused });
      for (const kind of ["video", "audio"]) if (now[kind]) this.take(kind, now[kind].at, now[kind].report);
      showHealth(this.health);
      this.show();
    } catch (error) {
      setText(find("booth_note"), t(error.status === 404 ? "booth_unknown" : "list_failed"));
    }
  }

  live({ kind, at, report }) {
    if (this.booth === null) return;
    this.take(kind, at, report);
    this.show();
  }

  changes({ booths }) {
    const row = booths.find(({ site, booth }) => site === this.booth?.site && booth === this.booth?.booth);
    if (row) this.row = row;
  }

  take(kind, at, report) {
    if (this.newest[kind]?.at >= at) return;
    this.newest[kind] = { at, report };
    for (const card of this.cards[kind]) card.add(report);
  }

  context(kind) {
    const stage = stageOf(this.health, kind === "video" ? "camera" : "microphone");
    const isHere = this.row?.presence === "online" && (stage?.state ?? "running") === "running";
    const age = Date.now() - (this.newest[kind]?.at ?? 0);
    const features = this.newest[kind]?.report.features ?? this.info?.features ?? this.health?.features;
    return { state: null, features, isOld: !isHere || age > OLD_AFTER_MS };
  }

  show() {
    if (this.booth === null) return;
    for (const [kind, cards] of Object.entries(this.cards)) {
      for (const card of cards) card.show(this.newest[kind]?.report ?? null, this.context(kind));
    }
    setText(find("booth"), `${this.booth.site} / ${this.booth.booth}`);
    if (this.row) this.showRow(this.row);
  }

  showRow(row) {
    find("booth_presence").dataset.state = row.presence;
    setText(find("booth_presence"), `${presenceText(row)} · ${seenText(row)}`);
    const { messages_total: messages = 0, values_total: values = 0 } = this.refused ?? {};
    setText(find("booth_note"), [
      row.presence === "online" ? "" : t("booth_away"), messages + values > 0 ? t("booth_refused", { messages, values }) : "",
    ].filter(Boolean).join(" "));
    const info = this.info ?? {};
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
    const booth = this.booth;
    const note = find("events_note");
    find("event_list").replaceChildren();
    if (document.body.dataset.role === "viewer") return;
    try {
      const { events } = await fleet(`${pathOf(booth)}/events?limit=${EVENTS}`, this.token());
      if (this.booth !== booth) return;
      this.events = events;
      this.showEvents();
    } catch (error) {
      setText(note, t(error.status === 403 ? "events_forbidden" : "list_failed"));
    }
  }

  showEvents() {
    if (!this.events) return;
    setText(find("events_note"), this.events.length === 0 ? t("events_none") : "");
    find("event_list").replaceChildren(...this.events.map(({ at, kind, data }) => {
      const told = Object.entries(data ?? {}).map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(", ");
      return element("li", {}, element("b", { text: kind.replaceAll("_", " ") }), element("span", { text: moment(at) }), told ? element("small", { text: told }) : null);
    }));
  }

  translate() {
    for (const card of [...this.cards.video, ...this.cards.audio]) card.trend.redraw();
    this.history.translate();
    if (this.booth) showHealth(this.health);
    this.showEvents();
    this.show();
  }
}
