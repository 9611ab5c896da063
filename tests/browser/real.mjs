// The page against the daemon itself: tests/browser.rs starts one and runs this with
// BOOTHD_URL and BOOTHD_TOKEN. The mock's tests go into the corners; this one goes the whole way.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, assertTidy, consent, end, firstNumbersMs, LANGUAGES, launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";

const { BOOTHD_URL, BOOTHD_TOKEN } = process.env;
assert.ok(BOOTHD_URL && BOOTHD_TOKEN, "run this by `cargo test --release --test browser`");

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function open(options = {}, path = "/") {
  const opened = await openPage(browser, options);
  await opened.page.goto(`${BOOTHD_URL}${path}#token=${BOOTHD_TOKEN}`);
  await waitForText(opened.page, "#link", /^(Live|实时)$/);
  return opened;
}

async function done({ context, faults }) {
  await context.close();
  assert.deepEqual(faults, []);
}

test("the first numbers come with the load", async () => {
  const opened = await open();
  const { page } = opened;
  const ms = await firstNumbersMs(page, "the daemon");
  // The README has the median; a busy machine may take its time.
  assert.ok(ms < 10_000, `${ms} ms`);
  await done(opened);
});

for (const locale of LANGUAGES) {
  for (const [size, viewport] of [["1280", WIDE], ["390", NARROW]]) {
    test(`live numbers of the booth, ${locale}, ${size} px`, async () => {
      const opened = await open({ locale, viewport });
      const { page } = opened;
      await waitForText(page, "#dominant", /[^—]/);
      await waitForText(page, "#voice_numbers", /Hz/);
      await page.waitForSelector("#dots [data-component=camera][data-state=running]");
      await waitForText(page, "#signs", /Demo source|演示数据/);
      await assertAccessible(page, "booth");
      await assertTidy(page, "booth");
      await screenshot(page, `real-${locale.slice(0, 2)}-${size}`);
      await done(opened);
    });
  }
}

test("a switch is obeyed by the daemon", async () => {
  const opened = await open();
  const { page } = opened;
  await waitForText(page, "#gaze_state", /contact|elsewhere|Gaze not known/);
  await page.click("#open_settings");
  await page.click("#switch_gaze");
  await waitForText(page, "#gaze_state", /Switched off/);
  const health = await page.evaluate(() => fetch("/health").then((answer) => answer.json()));
  assert.equal(health.features.gaze, false);
  await page.click("#switch_gaze");
  await waitForText(page, "#gaze_state", /contact|elsewhere|Gaze not known|No face/);
  await done(opened);
});

test("seven tabs with a preview each are all live, and the eighth loads", async () => {
  const { page, context, faults } = await open();
  const pages = [page];
  for (let k = 0; k < 7; k += 1) {
    const each = pages.at(-1);
    await waitForText(each, "#link", /^Live$/);
    await each.click("#open_settings");
    await each.click("#preview_show");
    await each.waitForFunction(() => document.getElementById("preview_picture").naturalWidth > 0, null, { timeout: 15_000 });
    const next = await context.newPage();
    await next.goto(`${page.url().split("#")[0]}#token=${BOOTHD_TOKEN}`, { timeout: 10_000 });
    pages.push(next);
  }
  await waitForText(pages.at(-1), "#expression_bars", /\d/);
  await context.close();
  assert.deepEqual(faults, []);
});

test("the preview: a picture and a sign while it is on, and neither when it is off", async () => {
  const opened = await open();
  const { page } = opened;
  await waitForText(page, "#signs", /Preview is on/);
  await page.click("#open_settings");
  await page.click("#switch_preview");
  await waitForText(page, "#signs", /^(?!.*Preview is on)/);
  assert.equal(await page.isVisible("#preview_box"), false);
  await page.click("#switch_preview");
  await waitForText(page, "#signs", /Preview is on/);
  await page.click("#preview_show");
  await page.waitForFunction(() => document.getElementById("preview_picture").naturalWidth > 0, null, { timeout: 15_000 });
  const look = () => page.evaluate(() => {
    const picture = document.getElementById("preview_picture");
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth, height: picture.naturalHeight });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
    const greys = new Set(data.filter((_, k) => k % 4 === 1));
    return { size: [canvas.width, canvas.height], greys: greys.size };
  });
  // A picture has its size before all of it has come.
  let shown = await look();
  for (let tries = 0; shown.greys <= 100 && tries < 50; tries += 1) {
    await page.waitForTimeout(100);
    shown = await look();
  }
  assert.deepEqual(shown.size, [640, 480]);
  assert.ok(shown.greys > 100, `${shown.greys} different pixels: it is not blank`);
  const viewers = () => page.evaluate(() => fetch("/health").then((answer) => answer.json()).then(({ preview }) => preview));
  // Who looked before is counted for 2 s more: the tabs of the test above.
  let now = await viewers();
  for (let tries = 0; now.viewers > 1 && tries < 100; tries += 1) {
    await page.waitForTimeout(100);
    now = await viewers();
  }
  assert.deepEqual(now, { on: true, viewers: 1 });
  await assertAccessible(page, "preview");
  await screenshot(page, "real-preview-en-1280");
  await page.click("#switch_preview");
  await page.waitForSelector("#preview_picture", { state: "hidden" });
  await waitForText(page, "#signs", /^(?!.*Preview is on)/);
  assert.deepEqual(await viewers(), { on: false, viewers: 0 });
  await page.click("#switch_preview");
  await waitForText(page, "#signs", /Preview is on/);
  await done(opened);
});

test("an interview in the booth, from consent to the stored summary", async () => {
  const opened = await open();
  const { page } = opened;
  await consent(page, "A-1042");
  await page.waitForTimeout(4000);
  await page.click("#pause");
  await page.waitForSelector("#session[data-state=paused]");
  await page.click("#pause");
  await page.waitForSelector("#session[data-state=running]");
  await end(page);
  await assertAccessible(page, "summary");
  await screenshot(page, "real-summary-en-1280");
  assert.match(await page.textContent("#summary_body"), /A-1042/);
  assert.match(await page.textContent("#summary_body tbody"), /\d/);
  await page.keyboard.press("Escape");
  await page.click("#open_sessions");
  await waitForText(page, "#session_list", /A-1042/);
  await page.click("#session_list button");
  await page.waitForSelector("#summary[open]");
  assert.match(await page.textContent("#summary_body tbody"), /\d/);
  await done(opened);
});

for (const [locale, viewport, name] of [["zh-CN", NARROW, "zh-390"], ["en-GB", WIDE, "en-1280"]]) {
  test(`an interview with this computer's own devices, ${name}`, async () => {
    const opened = await open({ locale, viewport }, "/frontend/interview-simulation.html");
    const { page } = opened;
    assert.match(page.url(), /\?mode=own$/);
    await consent(page, "B-7");
    await waitForText(page, "#motion_words", /\d|Straight|正前方/);
    await waitForText(page, "#dominant", /[^—]/);
    await waitForText(page, "#voice_numbers", /Hz/);
    assert.equal(await page.isVisible("#problem"), false, await page.textContent("#problem"));
    await assertAccessible(page, "own");
    await assertTidy(page, "own");
    await screenshot(page, `real-own-${name}`);
    await end(page);
    assert.match(await page.textContent("#summary_body tbody"), /\d/);
    await done(opened);
  });
}
