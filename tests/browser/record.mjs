// Records tests/data/recorders anew: what real browsers make of the bundled speech, slice by slice.
// `node record.mjs FOLDER` writes {browser}{version}_{kind}_{n}.bin there.

import { createServer } from "node:http";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { launch, openPage } from "./browser.mjs";
import { Firefox } from "./firefox.mjs";

const KINDS = {
  "audio/webm;codecs=opus": "webm", "audio/ogg;codecs=opus": "ogg", "audio/mp4;codecs=opus": "mp4_opus",
  "audio/mp4;codecs=mp4a.40.2": "mp4_aac", "audio/mp4": null,
};

/**
 * Runs in the page: 3 s of the speech through a recorder; each slice as base64, and what it says it made.
 * From an element and not from an AudioContext, which in Firefox waits for a loudspeaker for ever.
 */
async function record(mimeType) {
  const speech = new Audio("/speech.wav");
  speech.currentTime = 1;
  await speech.play();
  const stream = speech.captureStream?.() ?? speech.mozCaptureStream();
  const recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: 28_000 });
  const slices = [];
  const ended = new Promise((resolve) => recorder.addEventListener("stop", resolve));
  recorder.addEventListener("dataavailable", ({ data }) => data.size > 0 && slices.push(data));
  recorder.start(1000);
  await new Promise((resolve) => setTimeout(resolve, 3100));
  recorder.stop();
  await ended;
  speech.pause();
  const as_base64 = async (blob) => btoa(String.fromCharCode(...new Uint8Array(await blob.arrayBuffer())));
  return { mimeType: recorder.mimeType, slices: await Promise.all(slices.map(as_base64)) };
}

async function all(page, name, url, folder) {
  await page.goto(url);
  const types = await page.evaluate((types) => types.filter((type) => MediaRecorder.isTypeSupported(type)), Object.keys(KINDS));
  process.stdout.write(`${name}: ${types.join(" ")}\n`);
  for (const type of types) {
    const { mimeType, slices } = await page.evaluate(record, type);
    const kind = KINDS[type] ?? KINDS[mimeType];
    // Without a codec it is one of those that are recorded already, or new and to be looked at.
    if (KINDS[type] === null && types.includes(mimeType)) continue;
    const bytes = slices.map((slice) => Buffer.from(slice, "base64"));
    for (const [n, slice] of bytes.entries()) await writeFile(join(folder, `${name}_${kind}_${n}.bin`), slice);
    process.stdout.write(`${name} ${type} ${mimeType} ${bytes.map(({ length }) => length)}\n`);
  }
}

const folder = process.argv[2];
await mkdir(folder, { recursive: true });
const speech = await readFile(new URL("../../demo/speech_16k.wav", import.meta.url));
const server = createServer(({ url }, response) => {
  response.writeHead(200, { "content-type": url === "/speech.wav" ? "audio/wav" : "text/html" });
  response.end(url === "/speech.wav" ? speech : "<!doctype html><title>Recorder</title>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${server.address().port}/`;
const chromium = await launch();
await all((await openPage(chromium)).page, `chromium${chromium.version().split(".")[0]}`, url, folder);
await chromium.close();
const firefox = await Firefox.launch();
await all(await firefox.openPage(), `firefox${firefox.version.split(".")[0]}`, url, folder);
await firefox.close();
server.close();
