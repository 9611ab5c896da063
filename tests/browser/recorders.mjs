// Each kind of recording that a browser makes, from the page to the daemon and back: real Chromium and
// real Firefox. tests/browser.rs starts the daemon and runs this with BOOTHD_URL and BOOTHD_TOKEN.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { assertAccessible, assertTidy, consent, end, launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";
import { Firefox } from "./firefox.mjs";

const { BOOTHD_URL, BOOTHD_TOKEN } = process.env;
assert.ok(BOOTHD_URL && BOOTHD_TOKEN, "run this by `cargo test --release --test browser`");
const OWN = `${BOOTHD_URL}/?mode=own#token=${BOOTHD_TOKEN}`;

/** Three slices of 3 s, on a machine that has other things to do. */
const PATIENCE_MS = 60_000;
/** A pitch in the voice's card. */
const HERTZ = /\dHz/;
/** The first slice has the header, and the next ones lean on it: both went, and are answered for by then. */
const SLICES_SENT = /(sound sent|声音：已发送) ([3-9]|\d\d)/;

/** What the page asks for, and the browser has. */
async function supported() {
  const { SOUND_TYPES } = await import("/page/booth/media.js");
  return SOUND_TYPES.filter((type) => MediaRecorder.isTypeSupported(type));
}

/** Runs before the page's own scripts: the browser knows this one type, and what it recorded is noted. */
function knowsOnly(type) {
  MediaRecorder.isTypeSupported = (asked) => asked === type;
  const { start } = MediaRecorder.prototype;
  globalThis.recorded = [];
  MediaRecorder.prototype.start = function (...words) {
    globalThis.recorded.push(this.mimeType);
    return start.apply(this, words);
  };
}

/** Runs before the page's own scripts: the bundled speech for a microphone; Firefox has only a tone. */
function speaks(speech) {
  // The empty page before it is no secure one, and has no devices.
  if (!globalThis.isSecureContext || !globalThis.MediaDevices) return;
  const wav = Uint8Array.from(atob(speech), (letter) => letter.charCodeAt(0));
  const address = URL.createObjectURL(new Blob([wav], { type: "audio/wav" }));
  const open = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    const stream = await open.call(this, { ...wanted, audio: false });
    const speech = Object.assign(new Audio(address), { loop: true });
    await speech.play();
    // Not over an AudioContext: Firefox's waits for a loudspeaker, and there may be none.
    return new MediaStream([...stream.getVideoTracks(), ...speech.mozCaptureStream().getAudioTracks()]);
  };
}

/** `recorded` without the spaces that browsers write. */
const recorded = () => globalThis.recorded.map((type) => type.replaceAll(" ", ""));

function isRecordedAs(types, type) {
  assert.equal(types.length, 1, `${types}`);
  assert.ok(types[0].startsWith(type), `${types[0]} instead of ${type}`);
}

test("what Chromium records is analysed", async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const first = await openPage(browser);
  await first.page.goto(OWN);
  const types = await first.page.evaluate(supported);
  await first.context.close();
  assert.ok(types.includes("audio/webm;codecs=opus"), `${types}`);
  for (const type of types) {
    await t.test(type, async () => {
      const { page, context, faults } = await openPage(browser);
      await page.addInitScript(knowsOnly, type);
      await page.goto(OWN);
      await waitForText(page, "#link", /^Live$/);
      await consent(page, "R-1");
      await waitForText(page, "#own_counts", SLICES_SENT, PATIENCE_MS);
      await waitForText(page, "#voice_numbers", HERTZ, PATIENCE_MS);
      isRecordedAs(await page.evaluate(recorded), type);
      assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
      await screenshot(page, `recorders-chromium-${type.replaceAll(/\W/g, "-")}`);
      await end(page);
      await context.close();
      assert.deepEqual(faults, []);
    });
  }
});

test("what Firefox records is analysed, and its page is whole", async (t) => {
  const speech = await readFile(new URL("../../demo/speech_16k.wav", import.meta.url), "base64");
  const first = await Firefox.launch();
  let types;
  try {
    const page = await first.openPage();
    await page.goto(OWN);
    types = await page.evaluate(supported);
  } finally {
    await first.close();
  }
  assert.ok(types.includes("audio/webm;codecs=opus") && types.includes("audio/ogg;codecs=opus"), `${types}`);
  const looks = [{ locale: "en-GB", viewport: WIDE }, { locale: "zh-CN", viewport: NARROW }];
  for (const [n, type] of types.entries()) {
    await t.test(type, async () => {
      const look = looks[n % looks.length];
      const firefox = await Firefox.launch(look);
      try {
        await inFirefox(await firefox.openPage(look), type, speech);
      } finally {
        await firefox.close();
      }
    });
  }
});

async function inFirefox(page, type, speech) {
  await page.before(knowsOnly, type);
  await page.before(speaks, speech);
  await page.goto(OWN);
  const says = ([where, pattern]) => new RegExp(pattern).test(document.querySelector(where)?.textContent ?? "");
  const waitFor = (where, pattern) => page.until(`${where} says ${pattern}`, says, [where, pattern]);
  await waitFor("#link", "^(Live|实时)$");
  await page.click("#start");
  await page.click("#consent_yes");
  await page.click("#consent_form button[type=submit]");
  // Its camera shows colours without a face.
  await waitFor("#expression_state", "^(No face in view|没有人脸)$");
  await waitFor("#own_counts", SLICES_SENT.source);
  await waitFor("#voice_numbers", HERTZ.source);
  isRecordedAs(await page.evaluate(recorded), type);
  const problem = await page.evaluate(() => {
    const node = document.querySelector("#problem");
    return node.checkVisibility() ? node.textContent : "";
  });
  assert.equal(problem, "");
  const what = `Firefox, ${type}`;
  await page.screenshot(`recorders-firefox-${type.replaceAll(/\W/g, "-")}`);
  await assertTidy(page, what);
  await assertAccessible(page, what);
  await page.click("#end");
  await page.click("#confirm_end_yes");
  await page.until("the summary is open", () => document.querySelector("#summary")?.open);
  await page.screenshot(`recorders-firefox-summary-${type.replaceAll(/\W/g, "-")}`);
  await assertTidy(page, `${what}, summary`);
  assert.deepEqual(page.faults, []);
}
