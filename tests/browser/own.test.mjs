// The second mode against the mock: this computer's camera and microphone, and the class behind it.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { assertAccessible, assertTidy, launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";
import { Mock, TOKEN } from "./mock.mjs";

let browser;
let mock;
before(async () => (browser = await launch()));
after(() => browser.close());
afterEach(() => mock.close());

const JPEG_START = [0xff, 0xd8, 0xff];
const WEBM_START = [0x1a, 0x45, 0xdf, 0xa3];
const begins = (bytes, start) => start.every((byte, k) => bytes[k] === byte);

async function open(options) {
  mock = await new Mock({ role: "guest" }).listen();
  const opened = await openPage(browser, options);
  await opened.page.goto(`${mock.url}/?mode=own#token=${TOKEN}`);
  await waitForText(opened.page, "#link", /^(Live|实时)$/);
  return opened;
}

async function consent(page) {
  await page.click("#start");
  await page.check("#consent_yes");
  await page.click("#consent_form button[type=submit]");
}

async function until(what, isSo) {
  for (let k = 0; k < 200 && !isSo(); k += 1) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isSo(), what);
}

for (const [locale, viewport, name] of [["zh-CN", NARROW, "zh-390"], ["en-GB", WIDE, "en-1280"]]) {
  test(`an interview with this computer's devices, ${name}`, async () => {
    const { page, context, faults } = await open({ locale, viewport });
    await assertAccessible(page, "own, idle");
    await screenshot(page, `own-idle-${name}`);
    await page.waitForTimeout(700);
    assert.equal(mock.media[1].length + mock.media[2].length, 0, "nothing before consent");
    await consent(page);
    await until("pictures come", () => mock.media[1].length >= 3);
    await until("sound comes", () => mock.media[2].length >= 2);
    assert.ok(begins(mock.media[1][0], JPEG_START));
    assert.ok(begins(mock.media[2][0], WEBM_START) && !begins(mock.media[2][1], WEBM_START), "slices of one file");
    await waitForText(page, "#dominant", /[^—]/);
    await waitForText(page, "#voice_numbers", /Hz/);
    await assertAccessible(page, "own, running");
    await assertTidy(page, "own, running");
    await screenshot(page, `own-running-${name}`);
    await page.click("#end");
    await page.click("#confirm_end_yes");
    await page.waitForSelector("#summary[open]");
    const frames = mock.media[1].length;
    await page.waitForTimeout(1200);
    assert.ok(mock.media[1].length <= frames + 1, "nothing after the end");
    assert.equal(await page.evaluate(() => document.getElementById("own_video").srcObject), null);
    await page.keyboard.press("Escape");
    await waitForText(page, "#link", /^(Live|实时)$/);
    const names = new Set(mock.received.filter(({ type }) => type === "auth").map(({ data }) => data.session_id));
    assert.equal(names.size, 2, "the next interview has a name of its own");
    await context.close();
    assert.deepEqual(faults, []);
  });
}

test("after a loss the recording begins anew, with its header", async () => {
  const { page, context } = await open({ expected: [/WebSocket/] });
  await consent(page);
  await until("sound comes", () => mock.media[2].length >= 1);
  mock.media[2].length = 0;
  mock.kick();
  await until("sound comes again", () => mock.media[2].length >= 1);
  assert.ok(begins(mock.media[2][0], WEBM_START));
  await context.close();
});

test("the class: consent first, base64 where asked, pictures dropped while the network is behind", async () => {
  const { page, context, faults } = await open({});
  const seen = await page.evaluate(async (token) => {
    const { RealtimeMultimodalAnalyzer } = await import("/page/booth/analyzer.js");
    const { withHeader } = await import("/page/booth/media.js");
    const header = Array.from(await withHeader(1, 0x0102030405, new Blob([new Uint8Array([9])])));
    const analyzer = new RealtimeMultimodalAnalyzer({ token, isBinary: false, audio: false, maxBufferedBytes: -1 });
    const states = [];
    analyzer.addEventListener("state", ({ detail }) => states.push(detail.state));
    const refused = await analyzer.start(null).then(() => "", (error) => error.message);
    await analyzer.start({ notice_version: "1", consent_at: Date.now() });
    const wait = (isSo) => new Promise((resolve) => {
      const timer = setInterval(() => isSo() && resolve(clearInterval(timer)), 20);
    });
    await wait(() => analyzer.counts.frames_dropped >= 2);
    const dropped = { ...analyzer.counts };
    analyzer.options.maxBufferedBytes = 1e6;
    await wait(() => analyzer.counts.frames_sent >= 1);
    const { stream } = analyzer;
    analyzer.stop();
    const ended = stream.getTracks().map((track) => track.readyState);
    analyzer.close();
    return { header, refused, states, dropped, ended };
  }, TOKEN);
  assert.deepEqual(seen.header, [1, 5, 4, 3, 2, 1, 0, 0, 0, 9]);
  assert.match(seen.refused, /consent/);
  assert.equal(seen.dropped.frames_sent, 0);
  assert.deepEqual(seen.ended, ["ended"]);
  assert.deepEqual(seen.states, ["connecting", "running", "stopped"]);
  const [frame] = mock.received.filter(({ type }) => type === "video_frame");
  assert.match(frame.data.frame, /^data:image\/jpeg;base64,/);
  assert.deepEqual([frame.data.width, frame.data.height, typeof frame.data.timestamp], [640, 480, "number"]);
  await context.close();
  assert.deepEqual(faults, []);
});
