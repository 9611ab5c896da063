// The pages behind a reverse proxy: tests/proxy.rs starts boothd and the proxy, and runs this with
// BOOTHD_URL, BOOTHD_TOKEN and BOOTHD_WHAT.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";

const { BOOTHD_URL, BOOTHD_TOKEN, BOOTHD_WHAT } = process.env;
assert.ok(BOOTHD_URL && BOOTHD_TOKEN && BOOTHD_WHAT, "run this by `cargo test --release --test proxy`");

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

const only = (what) => ({ skip: what !== BOOTHD_WHAT });

test("the booth's page, its numbers, its picture and its list of interviews", only("booth"), async () => {
  const { page, context, faults } = await openPage(browser, { viewport: WIDE });
  await page.goto(`${BOOTHD_URL}#token=${BOOTHD_TOKEN}`);
  await waitForText(page, "#link", /^Live$/);
  await waitForText(page, "#expression_bars", /\d/);
  const reach = await page.evaluate(() => fetch("api/v1/reach", { method: "POST" }).then((answer) => answer.json()));
  assert.equal(reach.is_proxied, true);
  assert.equal(reach.host, new URL(BOOTHD_URL).host);
  await page.click("#open_settings");
  await page.click("#preview_show");
  await page.waitForFunction(() => document.getElementById("preview_picture").naturalWidth > 0);
  await page.click("#settings .bar_top button");
  await page.click("#open_sessions");
  await waitForText(page, "#sessions_note", /No interview/);
  await page.click("#sessions .bar_top button");
  await page.click("#modes [data-mode=own]");
  await waitForText(page, "#own_title", /\w/);
  assert.ok(page.url().startsWith(BOOTHD_URL), page.url());
  await page.goto(`${BOOTHD_URL}frontend/interview-simulation.html`);
  await waitForText(page, "#link", /^Live$/);
  assert.ok(page.url().startsWith(`${BOOTHD_URL}?mode=own`), page.url());
  await context.close();
  assert.deepEqual(faults, []);
});

test("the fleet server's page, and its stream without a wait", only("fleet"), async () => {
  const { page, context, faults } = await openPage(browser, { viewport: WIDE });
  await page.goto(`${BOOTHD_URL}#token=${BOOTHD_TOKEN}`);
  await waitForText(page, "#link", /^Live$/);
  await waitForText(page, "#booth_list", /one/);
  const first = await page.evaluate(async (token) => {
    const answer = await fetch("api/v1/fleet/events", { headers: { Authorization: `Bearer ${token}` } });
    const reader = answer.body.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return { control: answer.headers.get("cache-control"), text: new TextDecoder().decode(value) };
  }, BOOTHD_TOKEN);
  assert.match(first.text, /^event: hello/);
  assert.equal(first.control, "no-store, no-transform");
  await context.close();
  assert.deepEqual(faults, []);
});

for (const [what, pattern] of [["foreign_origin", /web\.proxies/], ["no_websocket", /Upgrade/]]) {
  for (const locale of ["en-GB", "zh-CN"]) {
    test(`the page shows why it cannot connect: ${what}, ${locale}`, only(what), async () => {
      const { page, context } = await openPage(browser, { locale, viewport: locale === "en-GB" ? WIDE : NARROW });
      await page.goto(`${BOOTHD_URL}#token=${BOOTHD_TOKEN}`);
      await waitForText(page, "#problem_text", pattern);
      assert.ok(await page.isVisible("#problem"));
      // The names of keys and of the guide are the same in every language.
      await screenshot(page, `proxy-${what}-${locale.slice(0, 2)}`);
      await context.close();
    });
  }
}
