// The devices and services: a dot for each at the top, and what they say of themselves below.

import { announce } from "./announce.js";
import { element, find, setText } from "./dom.js";
import { duration, fixed, known, NONE } from "./format.js";
import { hasWord, language, t } from "./words.js";

const STAGES = ["camera", "microphone", "light", "vision", "speech", "store", "mqtt"];
const COUNTS = [["dropped", "dropped_total"], ["overruns", "overruns_total"], ["restarts", "restarts_total"], ["errors", "errors_total"]];
/** Media comes at least this often while all is well; only a longer silence is worth a word. */
const QUIET_MS = 3000;

const STATE_OF_NEWS = { lost: "unavailable", back: "running", paused: "paused", off: "off" };

/** Stages whose state is taken from a `device` message until /health is read again. */
const news = new Map();

/** A device was lost or came back. */
export function takeNews({ device, state, reason }) {
  const word = STATE_OF_NEWS[state] ?? state;
  news.set(device, { state: word, error: reason });
  announce(`${t(device)}: ${t(word)}${reason ? `. ${reason}` : ""}`);
}

/** /health was read: it knows better than any news. */
export const forgetNews = () => news.clear();

/** What a stage says now, or undefined where this booth has none. */
export function stageOf(health, name) {
  const said = health?.[name];
  return news.has(name) ? { ...said, ...news.get(name) } : said;
}

/** A booth without a fleet server or a recording light has nothing to say of one. */
const isShown = (name, stage) => !["mqtt", "light"].includes(name) || (stage && stage.state !== "off");

/** A light that works is lit or dark; everything else says its state. */
function wordOf(stage) {
  if (!stage) return NONE;
  if (stage.state === "running" && typeof stage.on === "boolean") return t(stage.on ? "lit" : "dark");
  return hasWord(stage.state) ? t(stage.state) : stage.state;
}

/** Makes the dots once; a change is only a change of text. */
export function showDots(health) {
  const list = find("dots");
  if (list.children.length === 0) {
    list.append(...STAGES.map((name) => element("li", { "data-stage": name }, element("span"), element("b"))));
  }
  for (const item of list.children) {
    const stage = stageOf(health, item.dataset.stage);
    item.dataset.state = stage?.state ?? "none";
    item.hidden = !isShown(item.dataset.stage, stage);
    setText(item.firstChild, t(item.dataset.stage));
    setText(item.lastChild, wordOf(stage));
  }
}

function details(name, stage) {
  const item = element("li", { "data-state": stage.state }, element("b", { text: t(name) }), element("span", { text: wordOf(stage) }));
  const device = stage.state === "off" && stage.source ? t("clients_only") : stage.source;
  const source = [stage.demo ? t("demo_clip") : null, device].filter(Boolean).join(" · ");
  const counts = COUNTS.filter(([, field]) => stage[field] > 0).map(([word, field]) => `${t(word)} ${stage[field]}`).join(" · ");
  const age = stage.last_media_ms_ago >= QUIET_MS ? t("last_media", { time: duration(stage.last_media_ms_ago) }) : "";
  for (const text of [source, age, counts]) if (text) item.append(element("small", { text }));
  if (stage.error) item.append(element("small", { class: "bad", text: stage.error }));
  return item;
}

/** `health` is null when it could not be read, undefined before the first time. */
export function showHealth(health) {
  showDots(health);
  const note = find("health_note");
  note.classList.toggle("bad", health === null);
  if (!health) {
    setText(note, t(health === null ? "health_lost" : "no_data"));
    find("stages").replaceChildren();
    showFindings([], undefined);
    return;
  }
  const known_stages = STAGES.map((name) => [name, stageOf(health, name)]).filter(([name, stage]) => stage && isShown(name, stage));
  find("stages").replaceChildren(...known_stages.map(([name, stage]) => details(name, stage)));
  setText(find("booth"), health.booth_id);
  setText(note, [
    t(health.status), `${t("uptime")} ${duration(health.uptime_s * 1000)}`, `boothd ${health.version ?? NONE}`,
  ].join(" · "));
  setText(find("keeping"), keeping(health));
  showFindings(Array.isArray(health.findings) ? health.findings : [], health.board);
}

/** What is wrong, worst first, as the daemon judges it. */
function showFindings(findings, board) {
  const list = find("findings");
  list.hidden = findings.length === 0;
  list.replaceChildren(...findings.map((finding) => element("li", { "data-severity": finding.severity, text: sentenceOf(finding, board) })));
}

/** What is wrong and what to do, in the reader's language. */
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

const megabytes = (bytes) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** The board's heat, the disk, and what waits for the fleet server. */
function keeping({ board, disk, outbox, mqtt }) {
  const parts = [];
  if (known(board?.temperature_c)) parts.push(t("board_temperature", { temperature: `${fixed(0)(board.temperature_c)} °C` }));
  if (disk?.database_bytes) parts.push(t("database", { size: megabytes(disk.database_bytes) }));
  if (disk?.free_bytes) parts.push(t("disk_free", { size: megabytes(disk.free_bytes) }));
  if (mqtt && mqtt.state !== "off" && outbox && !known(outbox.depth)) {
    parts.push(t("outbox_unknown"));
  } else if (mqtt && mqtt.state !== "off" && outbox) {
    const waiting = outbox.depth - (outbox.set_aside ?? 0);
    parts.push(waiting <= 0 ? t("outbox_empty") : t("outbox", { count: waiting, age: duration((outbox.oldest_s ?? 0) * 1000) }));
    if (outbox.set_aside > 0) parts.push(t("outbox_set_aside", { count: outbox.set_aside }));
    if (outbox.fallen_out_total > 0) parts.push(t("outbox_lost", { count: outbox.fallen_out_total }));
  }
  return parts.join(" · ");
}
