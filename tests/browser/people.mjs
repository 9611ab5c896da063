// Who else opens the page, and what they see when the daemon dies under it: against the daemon itself,
// which this file starts and kills (see daemon.mjs).

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, assertTidy, consent, end, launch, NARROW, openPage, screenshot, waitForText } from "./browser.mjs";
import { Daemon } from "./daemon.mjs";

const { BOOTHD_TOKEN } = process.env;
assert.ok(BOOTHD_TOKEN, "run this by `cargo test --release --test browser`");

let browser;
let daemon;
before(async () => {
  daemon = await Daemon.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await daemon?.end();
});

/** The page, and the WebSockets that it opens with what goes over them. */
async function open(token, options = {}) {
  const opened = await openPage(browser, options);
  const sockets = [];
  opened.page.on("websocket", (socket) => {
    const both = { sent: [], received: [] };
    const note = (list) => ({ payload }) => typeof payload === "string" && list.push(JSON.parse(payload));
    socket.on("framesent", note(both.sent));
    socket.on("framereceived", note(both.received));
    sockets.push(both);
  });
  await opened.page.goto(`${daemon.url}/#token=${token}`);
  await waitForText(opened.page, "#link", /^Live$/);
  return { ...opened, sockets };
}

async function done({ context, faults }) {
  await context.close();
  assert.deepEqual(faults, []);
}

const errors = (sockets) => sockets.flatMap(({ received }) => received).filter(({ type }) => type === "error");

test("a viewer sees the live numbers, nothing of an operator's, and no error", async () => {
  const opened = await open(await daemon.addToken("viewer"));
  const { page, sockets } = opened;
  await waitForText(page, "#dominant", /[^—]/);
  await waitForText(page, "#voice_numbers", /Hz/);
  await waitForText(page, "#session_why", /may watch/);
  for (const id of ["start", "pause", "end", "open_sessions"]) assert.equal(await page.isVisible(`#${id}`), false, id);
  await page.click("#open_settings");
  assert.equal((await daemon.health()).preview.on, true);
  assert.equal(await page.isVisible("#preview_box"), false, "the picture is an operator's");
  const boxes = await page.$$("#switches input");
  assert.ok(boxes.length > 0);
  for (const box of boxes) assert.ok(await box.isDisabled());
  await assertAccessible(page, "a viewer's settings");
  await screenshot(page, "real-viewer-settings-en-1280");
  await page.keyboard.press("Escape");
  await screenshot(page, "real-viewer-en-1280");
  assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
  assert.deepEqual(errors(sockets), []);
  await done(opened);
});

test("a guest has an interview of their own, and none in the booth", async () => {
  const token = await daemon.addToken("guest");
  const opened = await open(token, { viewport: NARROW });
  const { page } = opened;
  await page.waitForURL(/\?mode=own$/);
  await waitForText(page, "#link", /^Live$/);
  assert.equal(await page.isVisible("#open_sessions"), false);
  assert.doesNotMatch(await page.textContent("#signs"), /Preview/, "that is the booth's camera");
  await consent(page, "G-3");
  await waitForText(page, "#dominant", /[^—]/);
  await waitForText(page, "#voice_numbers", /Hz/);
  await assertTidy(page, "a guest");
  await screenshot(page, "real-guest-en-390");
  const health = await daemon.health();
  assert.equal(health.session_active, false, "the booth's interview is not the guest's");
  assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
  const answers = await page.evaluate(startInTheBooth, { token, session: "theirs" });
  assert.deepEqual(answers, { http: 403, watch: "forbidden", stream: "client" });
  assert.equal((await daemon.health()).session_active, false);
  await end(page);
  assert.match(await page.textContent("#summary_body"), /G-3/);
  assert.match(await page.textContent("#summary_body tbody"), /\d/);
  await done({ ...opened, faults: opened.faults.filter((fault) => !fault.includes("403")) });
});

/** Runs in the page: everything that a guest could try; their `start_session` is their own stream's. */
async function startInTheBooth({ token, session }) {
  const data = { notice_version: (await (await fetch("/health")).json()).policy.notice_version, consent_at: Date.now() };
  const headers = { "authorization": `Bearer ${token}`, "content-type": "application/json" };
  const { status } = await fetch("/api/v1/sessions", { method: "POST", headers, body: JSON.stringify(data) });
  const socket = new WebSocket(`ws://${location.host}/ws/multimodal-analysis`);
  const next = (type) => new Promise((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === type) resolve(message);
    });
  });
  const ask = (type, data, answer) => {
    const answered = next(answer);
    socket.send(JSON.stringify({ type, data }));
    return answered;
  };
  await next("connected");
  await ask("auth", { session_id: session, access_token: token }, "auth_success");
  const { code } = await ask("watch", { stream: "booth" }, "error");
  const started = await ask("start_session", data, "session_started");
  await ask("end_session", undefined, "session_summary");
  socket.close();
  return { http: status, watch: code, stream: started.data.stream };
}

test("a daemon that is killed and started again: the page comes back by itself and goes on", async () => {
  const opened = await open(BOOTHD_TOKEN, { expected: [/WebSocket connection/, /ERR_CONNECTION_(REFUSED|RESET)/] });
  const { page, sockets } = opened;
  await waitForText(page, "#voice_numbers", /Hz/);
  await daemon.kill();
  await waitForText(page, "#link", /Disconnected, trying again/);
  await page.waitForSelector("#expression.stale");
  assert.ok(await page.isDisabled("#start"));
  await screenshot(page, "real-lost-en-1280");
  const before = sockets.length;
  await daemon.begin();
  await waitForText(page, "#gap_text", /Back after \d+ s away, the booth was restarted/);
  await waitForText(page, "#link", /^Live$/);
  await page.waitForSelector("#expression:not(.stale)");
  await page.waitForSelector("#dots [data-component=camera][data-state=running]");
  await assertAccessible(page, "back");
  await screenshot(page, "real-back-en-1280");
  const { sent, received } = sockets.at(-1);
  assert.ok(sockets.length > before, "a connection of its own");
  assert.equal(sent.find(({ type }) => type === "auth").data.access_token, BOOTHD_TOKEN);
  const count = () => received.filter(({ type }) => type === "visual_analysis").length;
  const seen = count();
  await page.waitForFunction(() => document.querySelector("#expression_bars").textContent.match(/\d/));
  for (let k = 0; k < 100 && count() < seen + 2; k += 1) await page.waitForTimeout(100);
  assert.ok(count() >= seen + 2, "numbers go on");
  assert.equal(await page.evaluate(() => sessionStorage.getItem("boothd.token")), BOOTHD_TOKEN);
  assert.equal(await page.isVisible("#entry"), false, "the token is not asked for again");
  await done(opened);
});
