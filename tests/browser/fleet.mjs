// The fleet server's page: tests/fleet starts a fleet server with booths and runs this with BOOTHD_URL and
// BOOTHD_TOKEN.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { assertAccessible, assertTidy, LANGUAGES, launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";

const { BOOTHD_URL, BOOTHD_TOKEN, BOOTHD_VIEWER_TOKEN } = process.env;
assert.ok(BOOTHD_URL && BOOTHD_TOKEN && BOOTHD_VIEWER_TOKEN, "run this by `cargo test --release --test fleet`");

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

async function look(page, what, name) {
  await assertTidy(page, what);
  await assertAccessible(page, what);
  await screenshot(page, `fleet-${what}-${name}`);
}

for (const locale of LANGUAGES) {
  for (const [size, viewport] of [["1280", WIDE], ["390", NARROW]]) {
    const colorScheme = size === "390" ? "dark" : "light";
    test(`the fleet server's views, ${locale}, ${size} px, ${colorScheme}`, async () => {
      const { page, context, faults } = await openPage(browser, { locale, viewport, colorScheme });
      const name = `${locale.slice(0, 2)}-${size}`;
      await page.goto(`${BOOTHD_URL}/#token=${BOOTHD_TOKEN}`);
      await waitForText(page, "#booth_list", /room-8/);
      assert.ok(!page.url().includes(BOOTHD_TOKEN), "the token left the address");
      assert.equal(await page.locator("#booth_list > li").count(), 10);
      await waitForText(page, "#link", /^(Live|实时)$/);
      await look(page, "booths", name);

      await page.selectOption("#filter_alert", "camera");
      await page.waitForFunction(() => document.querySelectorAll("#booth_list > li").length === 1);
      await page.selectOption("#filter_alert", "");
      await page.fill("#filter_q", "ROOM-0");
      await page.waitForFunction(() => document.querySelectorAll("#booth_list > li").length === 1);
      await page.click("#booth_list a");
      await waitForText(page, "#dominant", /[^—]/);
      await waitForText(page, "#voice_numbers", /\d/);
      await waitForText(page, "#event_list", /camera lost/);
      await waitForText(page, "#storage", /\d/);
      await page.waitForFunction(() => /\d … \d/.test(document.querySelector("#history_video .trend_frame").getAttribute("aria-label")));
      await page.waitForTimeout(1500);
      assert.equal(await page.evaluate(() => document.activeElement.id), "booth", "focus goes to the booth's name");
      await look(page, "booth", name);

      await page.click("#views [data-view=sessions]");
      await waitForText(page, "#interview_list", /ref of interview-1/);
      await look(page, "sessions", name);
      await page.click("#interview_list button");
      await page.waitForSelector("#summary[open]");
      await look(page, "summary", name);
      await page.click("#summary .bar_top button:last-child");

      await page.click("#views [data-view=alerts]");
      await waitForText(page, "#alert_list", /room-8/);
      await page.waitForTimeout(300);
      await look(page, "alerts", name);
      const button = page.locator("#alert_list button").first();
      if (await button.count()) {
        await button.click();
        await page.fill("#acknowledge_note", "seen");
        await look(page, "acknowledge", name);
        await page.click("#acknowledge button[type=submit]");
        await waitForText(page, "#alert_list", /operator/);
      }
      await context.close();
      assert.deepEqual(faults, []);
    });
  }
}

test("eight tabs of one browser are all live", async () => {
  const { page, context, faults } = await openPage(browser, { viewport: WIDE });
  const pages = [page];
  while (pages.length < 8) pages.push(await context.newPage());
  // Each looks at a booth, so each would hold a stream of its own.
  for (const each of pages) {
    await each.goto(`${BOOTHD_URL}/#token=${BOOTHD_TOKEN}`, { timeout: 10_000 });
    await waitForText(each, "#link", /^Live$/);
    await each.goto(`${BOOTHD_URL}/#/booth/hq/room-0`);
  }
  for (const each of pages) {
    const numbers = () => each.evaluate(() => document.getElementById("motion_numbers").textContent);
    await waitForText(each, "#motion_numbers", /\d/);
    const before = await numbers();
    await each.waitForFunction((was) => document.getElementById("motion_numbers").textContent !== was, before, { timeout: 15_000 });
    assert.match(await each.textContent("#link"), /^Live$/);
  }
  await context.close();
  assert.deepEqual(faults, []);
});

test("a booth that sends text for numbers has a view of its own all the same", async () => {
  const { page, context, faults } = await openPage(browser, { viewport: WIDE });
  await page.goto(`${BOOTHD_URL}/#token=${BOOTHD_TOKEN}`);
  await waitForText(page, "#booth_list", /evil/);
  await page.goto(`${BOOTHD_URL}/#/booth/hq/evil`);
  await waitForText(page, "#booth", /evil/);
  await waitForText(page, "#booth_note", /implausible/);
  await waitForText(page, "#motion_numbers", /1/);
  await waitForText(page, "#link", /^Live$/);
  assert.equal(await page.evaluate(() => document.querySelectorAll("img[src=x]").length), 0);
  await context.close();
  assert.deepEqual(faults, []);
});

for (const [locale, viewport, id] of [["en-GB", WIDE, "interview-2"], ["zh-CN", NARROW, "interview-3"]]) {
  test(`an operator erases an interview, ${locale}`, async () => {
    const { page, context, faults } = await openPage(browser, { locale, viewport });
    const name = `${locale.slice(0, 2)}-${viewport.width}`;
    await page.goto(`${BOOTHD_URL}/#token=${BOOTHD_TOKEN}`);
    await waitForText(page, "#booth_list", /room-8/);
    await page.goto(`${BOOTHD_URL}/#/sessions`);
    await waitForText(page, "#interview_list", new RegExp(`ref of ${id}`));
    await page.locator("#interview_list li", { hasText: id }).locator("button.danger").click();
    await look(page, "erase", name);
    await page.click("#erase button[type=submit]");
    await waitForText(page, "#receipt_text", /\d/);
    await look(page, "receipt", name);
    await page.click("#receipt_close");
    await page.waitForFunction((gone) => !document.getElementById("interview_list").textContent.includes(gone), id);
    await waitForText(page, "#order_list", new RegExp(id));
    await look(page, "orders", name);
    await page.locator("#order_list li", { hasText: id }).locator("button").click();
    await page.fill("#close_order_note", "card destroyed");
    await look(page, "close-order", name);
    await page.click("#close_order button[type=submit]");
    await page.waitForFunction((gone) => !document.getElementById("order_list").textContent.includes(gone), id);
    await page.check("#orders_all");
    await waitForText(page, "#order_list", /card destroyed/);
    await context.close();
    assert.deepEqual(faults, []);
  });
}

test("a viewer is offered what a viewer may do, and nothing else", async () => {
  const { page, context, faults } = await openPage(browser, { locale: LANGUAGES[0], viewport: WIDE });
  await page.goto(`${BOOTHD_URL}/#token=${BOOTHD_VIEWER_TOKEN}`);
  await waitForText(page, "#booth_list", /room-8/);
  assert.ok(!(await page.isVisible("#views [data-view=sessions]")));
  await page.click("#views [data-view=alerts]");
  await waitForText(page, "#alert_list", /room-8/);
  assert.equal(await page.locator("#alert_list button:visible").count(), 0);
  await page.goto(`${BOOTHD_URL}/#/booth/hq/room-0`);
  await waitForText(page, "#dominant", /[^—]/);
  assert.ok(!(await page.isVisible("#event_list")));
  await look(page, "viewer", "booth");
  await context.close();
  assert.deepEqual(faults, []);
});
