// Debian's Firefox over WebDriver BiDi, as much of it as the tests need: playwright-core drives only a
// Firefox of its own. A page is watched as in browser.mjs: each error in its console, and each request
// to another host, is a fault.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import WebSocket from "ws";

const PATIENCE_MS = 60_000;
const SCREENSHOTS = process.env.BOOTHD_SCREENSHOTS;

/** A made-up camera and microphone, and no permission prompt; nothing is fetched from its maker. */
const PREFERENCES = {
  "media.navigator.streams.fake": true,
  "media.navigator.permission.disabled": true,
  "media.autoplay.default": 0,
  "media.autoplay.blocking_policy": 0,
  "app.normandy.enabled": false,
  "app.update.enabled": false,
  "browser.safebrowsing.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.systemAddon.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.server": "data:,",
};

/** `promise`, or an error after a while. */
function inTime(what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Firefox never answered: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Firefox {
  /** Without a window, with a profile that is gone afterwards. `locale` is what pages are asked in. */
  static async launch({ locale = "en-GB" } = {}) {
    const firefox = Object.assign(new Firefox(), { count: 0, answers: new Map(), onEvent: () => undefined });
    firefox.profile = await mkdtemp(join(tmpdir(), "boothd-firefox-"));
    const preferences = { ...PREFERENCES, "intl.accept_languages": locale };
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    await writeFile(join(firefox.profile, "user.js"), lines.join(""));
    const program = process.env.FIREFOX ?? "/usr/bin/firefox-esr";
    const words = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", firefox.profile, "about:blank"];
    // All that it keeps lies in the profile.
    const env = { ...process.env, HOME: firefox.profile, MOZ_CRASHREPORTER_DISABLE: "1" };
    firefox.child = spawn(program, words, { env, stdio: ["ignore", "ignore", "pipe"] });
    firefox.orphan = () => firefox.child.kill("SIGKILL");
    process.once("exit", firefox.orphan);
    try {
      await firefox.connect();
    } catch (error) {
      await firefox.close();
      throw error;
    }
    return firefox;
  }

  /** It says on stderr where it listens. */
  async connect() {
    const address = await inTime("where it listens", new Promise((resolve, reject) => {
      const lines = [];
      this.child.on("error", reject);
      this.child.on("exit", () => reject(new Error(`Firefox ended: ${lines.join("\n")}`)));
      createInterface({ input: this.child.stderr }).on("line", (line) => {
        lines.push(line);
        const found = /WebDriver BiDi listening on (ws:\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    }));
    this.socket = new WebSocket(`${address}/session`);
    this.socket.on("message", (text) => this.receive(JSON.parse(text)));
    await inTime("its door", once(this.socket, "open"));
    const { capabilities } = await this.send("session.new", { capabilities: {} });
    this.version = capabilities.browserVersion;
    await this.send("session.subscribe", { events: ["log.entryAdded", "network.beforeRequestSent"] });
  }

  receive(message) {
    const answer = this.answers.get(message.id);
    if (answer === undefined) {
      this.onEvent(message);
      return;
    }
    this.answers.delete(message.id);
    if (message.type === "success") answer.resolve(message.result);
    else answer.reject(new Error(`${message.error}: ${message.message}`));
  }

  send(method, params) {
    const id = (this.count += 1);
    this.socket.send(JSON.stringify({ id, method, params }));
    return inTime(method, new Promise((resolve, reject) => this.answers.set(id, { resolve, reject })));
  }

  /** The one page that is looked at; `expected` are patterns of faults that are none. */
  async openPage({ expected = [], viewport = { width: 1280, height: 900 } } = {}) {
    const { context } = await this.send("browsingContext.create", { type: "tab" });
    const page = new Page(this, context);
    await this.send("browsingContext.setViewport", { context, viewport });
    this.onEvent = ({ method, params }) => {
      const fault = method === "log.entryAdded" ? logged(params) : requested(params);
      if (fault && !expected.some((pattern) => pattern.test(fault))) page.faults.push(fault);
    };
    return page;
  }

  async close() {
    this.socket?.terminate();
    process.removeListener("exit", this.orphan);
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const gone = once(this.child, "exit");
      this.child.kill("SIGKILL");
      await gone;
    }
    // Its own processes end a moment after it, and may still write.
    await rm(this.profile, { recursive: true, maxRetries: 20, retryDelay: 100 });
  }
}

function logged({ level, type, text }) {
  return level === "error" ? `${type}: ${text}` : null;
}

function requested({ request }) {
  const { protocol, hostname } = new URL(request.url);
  const isHere = hostname === "127.0.0.1" || ["blob:", "data:", "about:"].includes(protocol);
  return isHere ? null : `another host: ${request.url}`;
}

class Page {
  constructor(firefox, context) {
    Object.assign(this, { firefox, context, faults: [] });
  }

  /** Runs before each page's own scripts. */
  async before(run, argument) {
    const functionDeclaration = `() => { (${run})(${JSON.stringify(argument)}); }`;
    await this.firefox.send("script.addPreloadScript", { functionDeclaration, contexts: [this.context] });
  }

  async goto(url) {
    await this.firefox.send("browsingContext.navigate", { context: this.context, url, wait: "complete" });
  }

  /** `run` may be async; it takes and gives what JSON holds. A text is a script. */
  async evaluate(run, argument) {
    const script = typeof run === "string" ? `() => { ${run}\n }` : run;
    const { result, exceptionDetails } = await this.firefox.send("script.evaluate", {
      expression: `(async () => JSON.stringify(await (${script})(${JSON.stringify(argument)})))()`,
      target: { context: this.context }, awaitPromise: true, userActivation: true,
    });
    assert.equal(exceptionDetails, undefined, exceptionDetails?.text);
    return result.value === undefined ? undefined : JSON.parse(result.value);
  }

  /** Waits until `isSo` gives something true, which is given; `what` says what was waited for. */
  async until(what, isSo, argument) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const found = await this.evaluate(isSo, argument);
      if (found) return found;
      assert.ok(Date.now() < deadline, `never: ${what}; ${this.faults.join("; ")}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** A person's click on the middle of what is visible. */
  async click(selector) {
    const visible = (where) => document.querySelector(where)?.checkVisibility();
    await this.until(`${selector} is visible`, visible, selector);
    const [x, y] = await this.evaluate((where) => {
      const node = document.querySelector(where);
      node.scrollIntoView({ block: "center", behavior: "instant" });
      const box = node.getBoundingClientRect();
      return [Math.round(box.x + box.width / 2), Math.round(box.y + box.height / 2)];
    }, selector);
    const actions = [{ type: "pointerMove", x, y }, { type: "pointerDown", button: 0 }, { type: "pointerUp", button: 0 }];
    await this.firefox.send("input.performActions", {
      context: this.context, actions: [{ type: "pointer", id: "mouse", actions }],
    });
  }

  /** Kept only where the environment names a folder for it. */
  async screenshot(name) {
    if (!SCREENSHOTS) return;
    await mkdir(SCREENSHOTS, { recursive: true });
    const origin = await this.evaluate(() => (document.querySelector("dialog[open]") ? "viewport" : "document"));
    const { data } = await this.firefox.send("browsingContext.captureScreenshot", { context: this.context, origin });
    await writeFile(join(SCREENSHOTS, `${name}.png`), data, "base64");
  }

  async close() {
    await this.firefox.send("browsingContext.close", { context: this.context });
  }
}
