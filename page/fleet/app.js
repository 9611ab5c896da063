// The state of the fleet server's page, and which of its views is shown. The view is in the address
// (#/booths, #/booth/SITE/NAME, #/sessions, #/alerts), so that it can be bookmarked and gone back to.

import { announce } from "../lib/announce.js";
import { find, setText } from "../lib/dom.js";
import { showTheme, startTheme } from "../lib/theme.js";
import { TokenEntry } from "../lib/token.js";
import { switchLanguage, t, translatePage } from "../lib/words.js";
import { Alerts } from "./alerts.js";
import { BoothView } from "./booth.js";
import { Grid } from "./grid.js";
import { Sessions } from "./sessions.js";
import { Stream } from "./stream.js";

/** @import { Link } from "./stream.js" */

/** @typedef {"booths" | "booth" | "sessions" | "alerts"} View */

/**
 * The views, each with the element that gets the focus.
 * @type {Record<View, string>}
 */
const TITLES = { booths: "booths_title", booth: "booth", sessions: "sessions_title", alerts: "alerts_title" };
const VIEWS = /** @type {View[]} */ (Object.keys(TITLES));

const token = () => entry.token;
/** @type {{link: Link, view: View | null, withAlerts: number}} */
const known = { link: "connecting", view: null, withAlerts: 0 };

/** @param {string | null | undefined} code */
const lock = (code) => entry.ask(code ?? "invalid_token");
const grid = new Grid(token, () => lock(null));
const booth = new BoothView(token);
const sessions = new Sessions(token);
const alerts = new Alerts(token);

const stream = new Stream({
  link(name, code) {
    // A moment without a connection, as another booth is looked at, is no news.
    if (name === "connecting" && known.link === "live") return;
    if (name !== known.link && name !== "connecting") announce(t(`link_${name}`));
    known.link = name;
    showLink();
    if (name === "locked") lock(code);
  },
  // What only an operator may see or do is not offered to others (style.css).
  role: (role) => (document.body.dataset.role = role),
  changes(data) {
    grid.changes(data);
    booth.changes(data);
    showAlertCount(data.census.with_alerts);
  },
  live: (report) => booth.live(report),
});

const entry = new TokenEntry((given) => {
  stream.open(given);
  showView(false);
});

function showLink() {
  find("link").dataset.state = known.link;
  setText(find("link"), t(`link_${known.link}`));
}

/** @param {number} count */
function showAlertCount(count) {
  const badge = find("alert_count");
  badge.hidden = count === 0;
  setText(badge, String(count));
  if (count > known.withAlerts) announce(t("alerts_now", { count }));
  if (count !== known.withAlerts && known.view === "alerts") alerts.open();
  known.withAlerts = count;
}

/** `#/booth/hq/one`: its name and parts. */
function ofAddress() {
  const [name, ...parts] = location.hash.replace(/^#\//, "").split("/");
  const view = VIEWS.find((each) => each === name) ?? "booths";
  return { view, parts: parts.map(decodeURIComponent) };
}

/** @param {boolean} mustFocus */
function showView(mustFocus) {
  if (token() === null) return;
  const { view, parts: [site, name] } = ofAddress();
  known.view = view;
  for (const each of VIEWS) find(`view_${each}`).hidden = each !== view;
  const links = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("#views a"));
  for (const link of links) {
    const isHere = link.dataset.view === view || (view === "booth" && link.dataset.view === "booths");
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const chosen = view === "booth" ? { site, booth: name } : null;
  if (JSON.stringify(chosen) !== JSON.stringify(stream.booth)) stream.look(chosen);
  booth.open(chosen);
  if (view === "booths") grid.read();
  if (view === "sessions") sessions.open();
  if (view === "alerts") alerts.open();
  if (mustFocus) find(TITLES[view]).focus();
}

function translate() {
  translatePage();
  showTheme();
  showLink();
  grid.translate();
  booth.translate();
  sessions.show();
  alerts.translate();
}

find("language").addEventListener("click", () => {
  switchLanguage();
  translate();
});
find("forget_token").addEventListener("click", () => {
  stream.close();
  entry.forget();
});
addEventListener("hashchange", () => showView(true));
startTheme(translate);
translate();
document.body.dataset.mode = "fleet";
setInterval(() => known.view === "booths" && grid.show(), 5000);
entry.begin();
