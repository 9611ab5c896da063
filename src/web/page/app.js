// What the page knows, and when it shows it.

import { Connection } from "./connection.js";
import { showDemo, showEntry, showFace, showHealth, showLink, showVoice } from "./view.js";
import { switchLanguage, translatePage } from "./words.js";

const KEPT = "boothd.token";
const HEALTH_EVERY_MS = 2000;

/** Reports come each second or more often at every setting but the slowest. */
const OLD_AFTER_MS = 10_000;

const known = {
  link: "connecting", face: null, voice: null, faceAt: 0, voiceAt: 0,
  health: undefined, asks: false, wrong: false,
};

/** Numbers stay on the page when nothing new comes, but they are shown as what they are. */
function isOld(stage, at) {
  const state = known.health?.[stage]?.state;
  const isAway = state !== undefined && state !== "running";
  return known.link !== "live" || isAway || performance.now() - at > OLD_AFTER_MS;
}

function showLive() {
  showFace(known.face, known.health?.features, isOld("camera", known.faceAt));
  showVoice(known.voice, isOld("microphone", known.voiceAt));
  showDemo(known.health?.demo || known.face?.demo_source || known.voice?.demo_source);
}

function show() {
  translatePage();
  showLink(known.link);
  showEntry(known.asks, known.wrong);
  if (known.health !== undefined) showHealth(known.health);
  showLive();
}

function ask(isWrong) {
  Object.assign(known, { link: "locked", asks: true, wrong: isWrong });
  show();
}

const connection = new Connection({
  state(name) {
    known.link = name;
    showLink(name);
    showLive();
  },
  report(type, data) {
    const name = type === "visual_analysis" ? "face" : "voice";
    known[name] = data;
    known[`${name}At`] = performance.now();
    showLive();
  },
  refused() {
    sessionStorage.removeItem(KEPT);
    ask(true);
  },
});

function enter(token) {
  sessionStorage.setItem(KEPT, token);
  Object.assign(known, { asks: false, wrong: false });
  showEntry(false, false);
  connection.open(token);
}

async function readHealth() {
  try {
    const answer = await fetch("/health", { cache: "no-store" });
    known.health = await answer.json();
  } catch {
    known.health = null;
  }
  showHealth(known.health);
  showLive();
  setTimeout(readHealth, HEALTH_EVERY_MS);
}

/** `/#token=…`: taken out of the address, so that it is not copied on with it. */
function tokenOfAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) history.replaceState(null, "", location.pathname);
  return token;
}

document.getElementById("language").addEventListener("click", () => {
  switchLanguage();
  show();
});
document.getElementById("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(document.getElementById("token").value.trim());
});

show();
readHealth();
const token = tokenOfAddress() ?? sessionStorage.getItem(KEPT);
if (token) enter(token);
else ask(false);
