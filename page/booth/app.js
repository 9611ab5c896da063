// What the page knows, and when it shows it.

import { ActionsCard } from "./actions.js";
import { announce } from "../lib/announce.js";
import { at } from "../lib/base.js";
import { find, setText } from "../lib/dom.js";
import { showNotice } from "./consent.js";
import { ExpressionCard } from "../lib/expression.js";
import { forgetNews, showHealth, stageOf, takeNews } from "../lib/health.js";
import { GazeCard, HeadCard } from "../lib/motion.js";
import { SetAside } from "./outbox.js";
import { SessionBar } from "./session.js";
import { SessionList } from "./sessions.js";
import { Settings } from "./settings.js";
import { forgetProblem, showLink, showSigns, tellBack, tellMissed, tellProblem } from "./signs.js";
import { BoothSource, OwnSource } from "./sources.js";
import { showTheme, startTheme } from "../lib/theme.js";
import { TokenEntry } from "../lib/token.js";
import { VoiceCard } from "../lib/voice.js";
import { switchLanguage, t, translatePage } from "../lib/words.js";

const HEALTH_EVERY_MS = 2000;

/** Reports come each second or more often at every setting but the slowest. */
const OLD_AFTER_MS = 10_000;

const isOwn = new URLSearchParams(location.search).get("mode") === "own";

const known = {
  link: "connecting", linkDetail: null, lostAt: null, role: null, state: null,
  face: null, voice: null, faceAt: 0, voiceAt: 0, health: undefined, hasAskedEnd: false,
};

const isLive = () => known.link === "live";
const features = () => known.state?.features ?? known.face?.features ?? known.health?.features;

/** Numbers stay on the page when nothing new comes, but they are shown as what they are. */
function contextOf(stage, at) {
  const state = isOwn ? undefined : stageOf(known.health, stage)?.state;
  const isAway = state !== undefined && state !== "running";
  const isOld = !isLive() || isAway || performance.now() - at > OLD_AFTER_MS;
  return { state: known.state, features: features(), isOld, hasDevice: state !== "off" };
}

const cards = { face: [new ExpressionCard(), new HeadCard(), new GazeCard(), new ActionsCard()], voice: [new VoiceCard()] };

function showCards(kind) {
  const context = contextOf(kind === "face" ? "camera" : "microphone", known[`${kind}At`]);
  for (const card of cards[kind]) card.show(known[kind], context);
}

function showRest() {
  const { state, role, health } = known;
  const isDemo = !isOwn && Boolean(health?.demo || known.face?.demo_source || known.voice?.demo_source);
  showSigns({ state, isDemo, isPreviewed: !isOwn && features()?.preview });
  showLink(known.link, known.linkDetail, known.lostAt);
  const isOperator = role === "operator";
  settings.show(state, { canAct: isOperator || (isOwn && role === "guest"), canLook: isOperator && !isOwn, isOwn, isLive: isLive() });
  // Past interviews and the booth's picture are the operator's; who is not yet known may be one.
  find("open_sessions").hidden = role !== null && !isOperator;
  const isRunning = Boolean(state?.session);
  bar.show({ state, isRunning, isPaused: Boolean(state?.paused), isLive: isLive(), role, isOwn, now: () => source.now() });
  setAside.show(health?.outbox, isOperator);
  setText(find("role"), role ? t(`role_${role}`) : "");
  source.show();
}

function show() {
  showCards("face");
  showCards("voice");
  showRest();
}

function translate() {
  translatePage();
  showTheme();
  showNotice();
  for (const card of [...cards.face, ...cards.voice]) card.trend?.redraw();
  showHealth(known.health);
  show();
}

const listener = {
  link(name, detail = null) {
    if (name === "lost" && known.link === "live") known.lostAt = performance.now();
    if (name === "live") {
      known.lostAt = null;
      if (known.linkDetail?.why) forgetProblem();
    }
    if (detail?.why) tellProblem({ code: detail.why, message: detail.why });
    if (name !== known.link && name !== "connecting") announce(t(`link_${name}`));
    Object.assign(known, { link: name, linkDetail: detail });
    if (name === "locked") entry.ask(detail?.code ?? "invalid_token");
    show();
  },
  message(message) {
    receive[message.type]?.(message.data, message);
  },
  back: tellBack,
  missed: tellMissed,
  problem: tellProblem,
};

function takeReport(kind, data) {
  known[kind] = data;
  known[`${kind}At`] = performance.now();
  for (const card of cards[kind]) card.add(data);
  showCards(kind);
}

const receive = {
  auth_success(data) {
    known.role = data.role ?? "operator";
    // The booth is not a guest's to watch; what is theirs is the other mode.
    if (known.role === "guest" && !isOwn) location.replace(at("?mode=own"));
  },
  state(data) {
    known.state = data;
    show();
  },
  session_started(data) {
    forgetProblem();
    known.state = { ...known.state, session: data };
    announce(t("session_running"));
    show();
  },
  session_summary(data) {
    known.state = { ...known.state, session: null };
    announce(t("session_over"));
    if (known.hasAskedEnd || isOwn) sessions.tell(data, known.role === "operator" ? data : null);
    known.hasAskedEnd = false;
    show();
  },
  device(data) {
    takeNews(data);
    showHealth(known.health);
    show();
  },
  visual_analysis: (data) => takeReport("face", data),
  audio_analysis: (data) => takeReport("voice", data),
  error(data, { code }) {
    if (!isOwn) tellProblem({ code, message: data });
    show();
  },
};

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
for (const link of document.querySelectorAll("#modes a")) {
  if ((link.dataset.mode === "own") === isOwn) link.setAttribute("aria-current", "page");
}
startTheme(translate);
translate();
readHealth();
setInterval(showRest, 1000);
entry.begin();
