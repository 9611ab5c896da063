// Debian's Chromium with a clip for a camera and a recording for a microphone, and a page that is
// watched: each console error, each failed request and each request to another host fails its test.

import assert from "node:assert/strict";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const demo = (name) => fileURLToPath(new URL(`../../demo/${name}`, import.meta.url));
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SCREENSHOTS = process.env.BOOTHD_SCREENSHOTS;

/** Loads of which the median counts: a busy machine is no slow page. */
const LOADS = 5;

export const WIDE = { width: 1280, height: 900 };
export const NARROW = { width: 390, height: 844 };
export const LANGUAGES = ["zh-CN", "en-GB"];

/** Where the page comes from; a name of its own leads to this machine. */
const HOST = process.env.BOOTHD_HOST ?? "127.0.0.1";
const NAMED = ["--host-resolver-rules=MAP booth.example 127.0.0.1", "--ignore-certificate-errors"];

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      ...(HOST === "127.0.0.1" ? [] : NAMED),
      "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${demo("face_640x480.mjpeg")}`, `--use-file-for-fake-audio-capture=${demo("speech_16k.wav")}`,
    ],
  });
}

/** A page and the list of what went wrong in it. */
export async function openPage(browser, { locale = "en-GB", viewport = WIDE, colorScheme = "light", expected = [] } = {}) {
  const context = await browser.newContext({ locale, viewport, colorScheme, reducedMotion: "reduce", permissions: ["camera", "microphone"] });
  const page = await context.newPage();
  const faults = [];
  const note = (text) => {
    if (!expected.some((pattern) => pattern.test(text))) faults.push(text);
  };
  page.on("console", (message) => message.type() === "error" && note(`console: ${message.text()}`));
  page.on("pageerror", (error) => note(`exception: ${error.message}`));
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    const isHere = hostname === HOST || ["blob:", "data:"].includes(protocol);
    if (!isHere) note(`another host: ${request.url()}`);
  });
  return { context, page, faults };
}

/** Fails with the rules that are broken, where, and why. */
export async function assertAccessible(page, what) {
  await page.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].target} ${nodes[0].failureSummary}`);
  assert.deepEqual(found, [], `axe, ${what}`);
}

/** Nothing is wider than the window, and no word is without its translation. */
export async function assertTidy(page, what) {
  const found = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const isTooWide = document.documentElement.scrollWidth > width;
    const wide = [...document.querySelectorAll("body *")].filter((node) => {
      const box = node.getBoundingClientRect();
      return box.width > 0 && box.right > width + 1 && !node.closest(".hidden, .scroller, .skip");
    });
    const raw = document.body.innerText.match(/\b[a-z]+_[a-z_]+\b/g) ?? [];
    return { isTooWide, wide: wide.map((node) => node.id || node.className), raw: raw.filter((word) => !word.startsWith("face_640")) };
  });
  assert.deepEqual(found, { isTooWide: false, wide: [], raw: [] }, what);
}

/** Stored only where the environment names a folder for it. */
export async function screenshot(page, name) {
  if (!SCREENSHOTS) return;
  await mkdir(SCREENSHOTS, { recursive: true });
  const fullPage = (await page.$("dialog[open]")) === null;
  await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage });
}

/** Waits until an element's text fits; names what stood there instead. */
export async function waitForText(page, selector, pattern, timeout = 15_000) {
  try {
    await page.waitForFunction(
      ([where, source]) => new RegExp(source).test(document.querySelector(where)?.textContent ?? ""), [selector, pattern.source], { timeout },
    );
  } catch (error) {
    const texts = await Promise.all([selector, "#problem", "#entry_error"].map((where) => page.textContent(where, { timeout: 1000 }).catch(() => null)));
    throw new Error(`${selector} is ${JSON.stringify(texts[0])}, not ${pattern}; the page shows ${JSON.stringify(texts.slice(1))}`, { cause: error });
  }
}

/** Begins an interview from the page's own dialog. */
export async function consent(page, reference) {
  await page.click("#start");
  await page.check("#consent_yes");
  await page.fill("#subject_ref", reference);
  await page.click("#consent_form button[type=submit]");
  await page.waitForSelector("#end:not([hidden])", { timeout: 15_000 });
}

/** Ends it; its summary is open. */
export async function end(page) {
  await page.click("#end");
  await page.click("#confirm_end_yes");
  await page.waitForSelector("#summary[open]", { timeout: 15_000 });
}

/** From the beginning of a load to the first number on the page; the median of a few. */
export async function firstNumbersMs(page, whose) {
  const taken = [];
  for (let k = 0; k < LOADS; k += 1) {
    await page.reload();
    await page.waitForFunction(() => /\d/.test(document.getElementById("expression_bars").textContent + document.getElementById("voice_levels").textContent));
    taken.push(await page.evaluate(() => Math.round(performance.now())));
  }
  const ms = taken.sort((a, b) => a - b)[(LOADS - 1) / 2];
  process.stdout.write(`MEASURED first numbers of ${whose}: median ${ms} ms after the load began, of ${taken.join(", ")}\n`);
  return ms;
}
