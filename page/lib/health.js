// The devices and services: a dot for each at the top, and their details below.

import { announce } from "./announce.js";
import { element, find, setText } from "./dom.js";
import { duration, fixed, known, NONE } from "./format.js";
import { hasWord, language, t } from "./words.js";

/** @import { BoardHealth, DeviceNews, FindingHealth, Health, ComponentHealth } from "./wire.js" */

/**
 * A component as the page knows it: from /health, or from a `device` message since.
 * @typedef {Partial<ComponentHealth> & {state: string}} Component
 */

/** @type {(keyof Health)[]} */
const COMPONENTS = ["camera", "microphone", "light", "vision", "speech", "store", "mqtt"];
/** @type {[word: string, field: "dropped_total" | "overruns_total" | "restarts_total" | "errors_total"][]} */
const COUNTS = [["dropped", "dropped_total"], ["overruns", "overruns_total"], ["restarts", "restarts_total"], ["errors", "errors_total"]];
/** Media comes at least this often while all is well; only a longer silence is worth a word. */
const QUIET_MS = 3000;

/** @type {Record<string, string>} */
const STATE_OF_NEWS = { lost: "unavailable", back: "running", paused: "paused", off: "off" };

/**
 * Stages whose state is taken from a `device` message until /health is read again.
 * @type {Map<string, Component>}
 */
const news = new Map();

/**
 * A device was lost or came back.
 * @param {DeviceNews} data
 */
export function takeNews({ device, state, reason }) {
  const word = STATE_OF_NEWS[state] ?? state;
  news.set(device, { state: word, error: reason });
  announce(`${t(device)}: ${t(word)}${reason ? `. ${reason}` : ""}`);
}

/** /health was read: it is newer than any news. */
export const forgetNews = () => news.clear();

/**
 * The state of a component now, or undefined where this booth has none.
 * @param {Health | null | undefined} health
 * @param {keyof Health} name
 * @returns {Component | undefined}
 */
export function componentOf(health, name) {
  const component = /** @type {Component | null | undefined} */ (health?.[name]) ?? undefined;
  const newer = news.get(name);
  return newer ? { ...component, ...newer } : component;
}

/**
 * A booth without a fleet server or a recording light shows none.
 * @param {string} name
 * @param {Component | undefined} component
 */
const isShown = (name, component) => !["mqtt", "light"].includes(name) || (component && component.state !== "off");

/**
 * A light that works is lit or dark; everything else shows its state.
 * @param {Component | undefined} component
 */
function wordOf(component) {
  if (!component) return NONE;
  if (component.state === "running" && typeof component.on === "boolean") return t(component.on ? "lit" : "dark");
  return t(component.state);
}

/** @type {{name: keyof Health, item: HTMLElement, label: HTMLElement, state: HTMLElement}[]} */
let dots = [];

/**
 * Makes the dots once; a change is only a change of text.
 * @param {Health | null | undefined} health
 */
function showDots(health) {
  if (dots.length === 0) {
    dots = COMPONENTS.map((name) => {
      const [label, state] = [element("span"), element("b")];
      return { name, label, state, item: element("li", { "data-component": name }, label, state) };
    });
    find("dots").append(...dots.map(({ item }) => item));
  }
  for (const { name, item, label, state } of dots) {
    const component = componentOf(health, name);
    item.dataset.state = component?.state ?? "none";
    item.hidden = !isShown(name, component);
    setText(label, t(name));
    setText(state, wordOf(component));
  }
}

/** @param {string} name @param {Component} component */
function details(name, component) {
  const item = element("li", { "data-state": component.state }, element("b", { text: t(name) }), element("span", { text: wordOf(component) }));
  const device = component.state === "off" && component.source ? t("clients_only") : component.source;
  const source = [component.demo ? t("demo_clip") : null, device].filter(Boolean).join(" · ");
  const counts = COUNTS.filter(([, field]) => (component[field] ?? 0) > 0).map(([word, field]) => `${t(word)} ${component[field]}`).join(" · ");
  const silence_ms = component.last_media_ms_ago ?? 0;
  const age = silence_ms >= QUIET_MS ? t("last_media", { time: duration(silence_ms) }) : "";
  for (const text of [source, age, counts]) if (text) item.append(element("small", { text }));
  if (component.error) item.append(element("small", { class: "bad", text: component.error }));
  return item;
}

/** @param {Health | null | undefined} health null: it could not be read; undefined: not yet read */
export function showHealth(health) {
  showDots(health);
  const note = find("health_note");
  note.classList.toggle("bad", health === null);
  if (!health) {
    setText(note, t(health === null ? "health_lost" : "no_data"));
    find("components").replaceChildren();
    showFindings([], undefined);
    return;
  }
  const items = COMPONENTS.flatMap((name) => {
    const component = componentOf(health, name);
    return component && isShown(name, component) ? [details(name, component)] : [];
  });
  find("components").replaceChildren(...items);
  setText(find("booth"), health.booth_id);
  setText(note, [
    t(health.status), `${t("uptime")} ${duration(health.uptime_s * 1000)}`, `boothd ${health.version ?? NONE}`,
  ].join(" · "));
  setText(find("storage"), storage(health));
  showFindings(Array.isArray(health.findings) ? health.findings : [], health.board);
}

/**
 * What is wrong, worst first, as the daemon judges it.
 * @param {FindingHealth[]} findings
 * @param {BoardHealth | undefined} board
 */
function showFindings(findings, board) {
  const list = find("findings");
  list.hidden = findings.length === 0;
  list.replaceChildren(...findings.map((finding) => element("li", { "data-severity": finding.severity, text: sentenceOf(finding, board) })));
}

/**
 * What is wrong and what to do, in the reader's language.
 * @param {FindingHealth} finding
 * @param {BoardHealth | undefined} board
 */
function sentenceOf({ code, sentence, detail }, board) {
  const word = `board_${board?.trouble}`;
  if (code === "board_slowed" && hasWord(word)) return t(word);
  const { findings } = language();
  if (Object.hasOwn(findings, code)) {
    const [what, remedy] = findings[code];
    return t(detail ? "finding_detail" : "finding", { what, remedy, detail });
  }
  const english = String(sentence ?? "");
  return english.charAt(0).toUpperCase() + english.slice(1);
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

/**
 * The board's heat, the disk, and what waits for the fleet server.
 * @param {Health} health
 */
function storage({ board, disk, outbox, mqtt }) {
  const parts = [];
  if (known(board?.temperature_c)) parts.push(t("board_temperature", { temperature: `${fixed(0)(board.temperature_c)} °C` }));
  if (disk?.database_bytes) parts.push(t("database", { size: megabytes(disk.database_bytes) }));
  if (disk?.free_bytes) parts.push(t("disk_free", { size: megabytes(disk.free_bytes) }));
  if (mqtt && mqtt.state !== "off" && outbox && !known(outbox.depth)) {
    parts.push(t("outbox_unknown"));
  } else if (mqtt && mqtt.state !== "off" && outbox) {
    const setAside = outbox.set_aside ?? 0;
    const waiting = (outbox.depth ?? 0) - setAside;
    parts.push(waiting <= 0 ? t("outbox_empty") : t("outbox", { count: waiting, age: duration((outbox.oldest_s ?? 0) * 1000) }));
    if (setAside > 0) parts.push(t("outbox_set_aside", { count: setAside }));
    if ((outbox.fallen_out_total ?? 0) > 0) parts.push(t("outbox_lost", { count: outbox.fallen_out_total }));
  }
  return parts.join(" · ");
}
