// The state of the booth's page, and when it is shown.

import { announce } from "../lib/announce.js";
import { at } from "../lib/base.js";
import { find, setText } from "../lib/dom.js";
import { ExpressionCard } from "../lib/expression.js";
import { forgetNews, showHealth, componentOf, takeNews } from "../lib/health.js";
import { GazeCard, HeadCard } from "../lib/motion.js";
import { showTheme, startTheme } from "../lib/theme.js";
import { TokenEntry } from "../lib/token.js";
import { VoiceCard } from "../lib/voice.js";
import { switchLanguage, t, translatePage } from "../lib/words.js";
import { ActionsCard } from "./actions.js";
import { showNotice } from "./consent.js";
import { SetAside } from "./outbox.js";
import { SessionBar } from "./session.js";
import { SessionList } from "./sessions.js";
import { Settings } from "./settings.js";
import { forgetProblem, showBack, showLink, showMissed, showProblem, showSigns } from "./signs.js";
import { BoothSource, OwnSource } from "./sources.js";

/** @import { Context } from "../lib/reason.js" */
/** @import { AudioReport, Health, Role, ServerMessage, StateOf, VisualReport } from "../lib/wire.js" */
/** @import { Link, LinkDetail } from "./connection.js" */
/** @import { PageListener } from "./sources.js" */

const HEALTH_EVERY_MS = 2000;

/** Reports come each second or more often at every setting but the slowest. */
const OLD_AFTER_MS = 10_000;

const isOwn = new URLSearchParams(location.search).get("mode") === "own";

/**
 * @typedef {object} Known
 * @property {Link} link
 * @property {LinkDetail | null} linkDetail
 * @property {number | null} lostAt
 * @property {Role | null} role
 * @property {StateOf | null} state
 * @property {VisualReport | null} face
 * @property {AudioReport | null} voice
 * @property {number} faceAt
 * @property {number} voiceAt
 * @property {Health | null | undefined} health null: it cannot be read; undefined: not yet read
 * @property {boolean} hasAskedEnd
 */

/** @type {Known} */
const known = {
  link: "connecting", linkDetail: null, lostAt: null, role: null, state: null,
  face: null, voice: null, faceAt: 0, voiceAt: 0, health: undefined, hasAskedEnd: false,
};

const isLive = () => known.link === "live";
const features = () => known.state?.features ?? known.face?.features ?? known.health?.features;

/**
 * Numbers stay on the page when nothing new comes, but they are shown as what they are.
 * @param {"camera" | "microphone"} component
 * @param {number} at when the newest report came
 * @returns {Context}
 */
function contextOf(component, at) {
  const state = isOwn ? undefined : componentOf(known.health, component)?.state;
  const isAway = state !== undefined && state !== "running";
  const isOld = !isLive() || isAway || performance.now() - at > OLD_AFTER_MS;
  return { state: known.state, features: features(), isOld, hasDevice: state !== "off" };
}

const faceCards = [new ExpressionCard(), new HeadCard(), new GazeCard(), new ActionsCard()];
const voiceCard = new VoiceCard();

function showFace() {
  const context = contextOf("camera", known.faceAt);
  for (const card of faceCards) card.show(known.face, context);
}

function showVoice() {
  voiceCard.show(known.voice, contextOf("microphone", known.voiceAt));
}

function showRest() {
  const { state, role, health } = known;
  const isDemo = !isOwn && Boolean(health?.demo || known.face?.demo_source || known.voice?.demo_source);
  showSigns({ state, isDemo, isPreviewed: !isOwn && Boolean(features()?.preview) });
  showLink(known.link, known.linkDetail, known.lostAt);
  const isOperator = role === "operator";
  settings.show(state, { canAct: isOperator || (isOwn && role === "guest"), canLook: isOperator && !isOwn, isOwn, isLive: isLive() });
  // Past interviews and the booth's picture are for operators; a reader whose role is not yet known may be one.
  find("open_sessions").hidden = role !== null && !isOperator;
  const isRunning = Boolean(state?.session);
  bar.show({ state, isRunning, isPaused: Boolean(state?.paused), isLive: isLive(), role, isOwn, now: () => source.now() });
  setAside.show(health?.outbox, isOperator);
  setText(find("role"), role ? t(`role_${role}`) : "");
  source.show();
}

function show() {
  showFace();
  showVoice();
  showRest();
}

function translate() {
  translatePage();
  showTheme();
  showNotice();
  for (const card of [...faceCards, voiceCard]) card.trend?.redraw();
  showHealth(known.health);
  show();
}

/** @type {PageListener} */
const listener = {
  link(name, detail) {
    if (name === "lost" && known.link === "live") known.lostAt = performance.now();
    if (name === "live") {
      known.lostAt = null;
      if (known.linkDetail?.why) forgetProblem();
    }
    if (detail?.why) showProblem({ code: detail.why, message: detail.why });
    if (name !== known.link && name !== "connecting") announce(t(`link_${name}`));
    Object.assign(known, { link: name, linkDetail: detail ?? null });
    if (name === "locked") entry.ask(detail?.code ?? "invalid_token");
    show();
  },
  message: receive,
  back: showBack,
  missed: showMissed,
  problem: showProblem,
};

/** @param {ServerMessage} message */
function receive(message) {
  switch (message.type) {
    case "auth_success":
      known.role = message.data.role ?? "operator";
      // A guest may not watch the booth, but may use the other mode.
      if (known.role === "guest" && !isOwn) location.replace(at("?mode=own"));
      break;
    case "state":
      known.state = message.data;
      show();
      break;
    case "session_started":
      forgetProblem();
      if (known.state) known.state = { ...known.state, session: message.data };
      announce(t("session_running"));
      show();
      break;
    case "session_summary":
      if (known.state) known.state = { ...known.state, session: null };
      announce(t("session_over"));
      if (known.hasAskedEnd || isOwn) sessions.showOne(message.data, known.role === "operator" ? message.data : null);
      known.hasAskedEnd = false;
      show();
      break;
    case "device":
      takeNews(message.data);
      showHealth(known.health);
      show();
      break;
    case "visual_analysis":
      Object.assign(known, { face: message.data, faceAt: performance.now() });
      for (const card of faceCards) card.add(message.data);
      showFace();
      break;
    case "audio_analysis":
      Object.assign(known, { voice: message.data, voiceAt: performance.now() });
      voiceCard.add(message.data);
      showVoice();
      break;
    case "error":
      if (!isOwn) showProblem({ code: message.code, message: message.data });
      show();
      break;
  }
}

async function readHealth() {
  try {
    const answer = await fetch(at("health"), { cache: "no-store" });
    known.health = await answer.json();
    forgetNews();
  } catch {
    known.health = null;
  }
  showHealth(known.health);
  show();
  setTimeout(readHealth, HEALTH_EVERY_MS);
}

const source = isOwn ? new OwnSource(listener) : new BoothSource(listener);
const entry = new TokenEntry((token, session) => source.open(token, session));
const settings = new Settings({
  change: (name, value) => {
    source.configure({ [name]: value });
    show();
  },
  forget: () => {
    source.close();
    entry.forget();
  },
  token: () => entry.token,
});
const bar = new SessionBar({
  start: (consent) => source.start(consent),
  pause: (isPaused) => source.pause(isPaused),
  end: () => {
    known.hasAskedEnd = true;
    source.end();
  },
});
const sessions = new SessionList(() => entry.token);
const setAside = new SetAside(() => entry.token);

find("language").addEventListener("click", () => {
  switchLanguage();
  translate();
  sessions.show();
});
document.body.dataset.mode = isOwn ? "own" : "booth";
const modes = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#modes a"));
for (const link of modes) {
  if ((link.dataset.mode === "own") === isOwn) link.setAttribute("aria-current", "page");
}
startTheme(translate);
translate();
readHealth();
setInterval(showRest, 1000);
entry.begin();
