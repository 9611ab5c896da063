// The booth's page against the mock, in a real Chromium: every card, dialog and sign, both languages,
// both themes, two widths, and what happens when the booth goes away.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { assertAccessible, assertTidy, firstNumbersMs, LANGUAGES, launch, NARROW, openPage, screenshot, waitForText, WIDE } from "./browser.mjs";
import { Mock, TOKEN } from "./mock.mjs";
import { glasses, noFace, turned, visual } from "./mock_reports.mjs";

let browser;
let mock;
before(async () => (browser = await launch()));
after(() => browser.close());
afterEach(async () => {
  await mock?.close();
  mock = null;
});

async function open(options = {}, booth = {}) {
  mock = await new Mock(booth).listen();
  const opened = await openPage(browser, options);
  await opened.page.goto(`${mock.url}/#token=${TOKEN}`);
  await waitForText(opened.page, "#dominant", /[^—]/);
  return opened;
}

async function done({ context, faults }) {
  await context.close();
  assert.deepEqual(faults, []);
}

const sent = (type) => mock.received.filter((message) => message.type === type);
const settle = (page) => page.waitForTimeout(400);

for (const locale of LANGUAGES) {
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, viewport] of [["1280", WIDE], ["390", NARROW]]) {
      test(`live numbers, ${locale}, ${colorScheme}, ${size} px`, async () => {
        const opened = await open({ locale, colorScheme, viewport });
        const { page } = opened;
        await waitForText(page, "#voice_numbers", /Hz/);
        await page.waitForTimeout(2500);
        assert.equal(await page.getAttribute("html", "lang"), locale.startsWith("zh") ? "zh-CN" : "en");
        assert.ok(!page.url().includes(TOKEN), "the token left the address");
        await assertTidy(page, "live");
        await assertAccessible(page, "live");
        await screenshot(page, `live-${locale.slice(0, 2)}-${colorScheme}-${size}`);
        await done(opened);
      });
    }
  }
}

test("the first numbers come with the load", async () => {
  const opened = await open();
  const ms = await firstNumbersMs(opened.page, "the mock");
  // The README has the median; a busy machine may take its time.
  assert.ok(ms < 10_000, `${ms} ms`);
  await done(opened);
});

test("a session: consent, start, pause, end, summary, list", async () => {
  for (const [locale, viewport, name] of [["zh-CN", NARROW, "zh-390"], ["en-GB", WIDE, "en-1280"]]) {
    const opened = await open({ locale, viewport });
    const { page } = opened;
    await page.click("#start");
    await page.click("#consent_form button[type=submit]");
    assert.ok(await page.isVisible("#consent_missing"), "no session without a yes");
    await assertAccessible(page, "consent");
    await assertTidy(page, "consent");
    await screenshot(page, `consent-${name}`);
    assert.equal(sent("start_session").length, 0);
    await page.check("#consent_yes");
    await page.fill("#subject_ref", "A-1042");
    await page.click("#consent_form button[type=submit]");
    await page.waitForSelector("#end:not([hidden])");
    const [{ data }] = sent("start_session");
    assert.equal(data.notice_version, "2026-11");
    assert.equal(data.subject_ref, "A-1042");
    assert.ok(Math.abs(data.consent_at - Date.now()) < 10_000);
    await page.click("#pause");
    await page.waitForSelector("#session[data-state=paused]");
    await settle(page);
    await assertAccessible(page, "paused");
    await page.click("#pause");
    await page.waitForSelector("#session[data-state=running]");
    await page.click("#end");
    await assertAccessible(page, "confirm");
    await page.click("#confirm_end_yes");
    await page.waitForSelector("#summary[open]");
    await assertAccessible(page, "summary");
    await assertTidy(page, "summary");
    await screenshot(page, `summary-${name}`);
    assert.match(await page.textContent("#summary_body"), /231/);
    await page.emulateMedia({ media: "print" });
    assert.ok(!(await page.isVisible("#voice")), "paper gets the summary only");
    assert.ok(await page.isVisible("#summary_body"));
    if (process.env.BOOTHD_SCREENSHOTS) await page.pdf({ path: `${process.env.BOOTHD_SCREENSHOTS}/summary-${name}.pdf`, format: "A4" });
    await page.emulateMedia({ media: "screen" });
    await page.keyboard.press("Escape");
    await page.click("#open_sessions");
    await waitForText(page, "#session_list", /A-1042/);
    await assertAccessible(page, "sessions");
    await assertTidy(page, "sessions");
    await screenshot(page, `sessions-${name}`);
    await page.click("#session_list button");
    await page.waitForSelector("#summary[open]");
    await page.waitForSelector("#stored_voice canvas");
    await waitForText(page, "#stored_note", /^$/);
    assert.match(await page.getAttribute("#stored_motion .trend_frame", "aria-label"), /-8 … 8/);
    await assertAccessible(page, "history");
    await assertTidy(page, "history");
    await page.locator("#erase").scrollIntoViewIfNeeded();
    await settle(page);
    await screenshot(page, `history-${name}`);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("#export_csv")]);
    assert.equal(file.suggestedFilename(), "boothd-session.csv");
    await page.click("#erase");
    await assertAccessible(page, "confirm_erase");
    await screenshot(page, `erase-${name}`);
    await page.click("#confirm_erase_yes");
    await waitForText(page, "#receipt_text", /0123456789abcdef/);
    await page.click("#receipt_close");
    await page.waitForFunction(() => document.querySelector("#session_list").children.length === 0);
    await done(opened);
    await mock.close();
  }
});

test("switches are sent, follow the daemon, and show why they are locked", async () => {
  const opened = await open({ locale: "zh-CN" }, {
    policy: { profile: "eu", require_consent: true }, allowed: { face_emotion: false, voice_emotion: false, preview: false },
  });
  const { page } = opened;
  mock.state.features.face_emotion = mock.state.features.voice_emotion = false;
  mock.sendState();
  await page.click("#open_settings");
  assert.ok(await page.isDisabled("#switch_face_emotion"));
  assert.match(await page.textContent("#switch_face_emotion_why"), /eu/);
  assert.match(await page.textContent("#switch_preview_why"), /配置/);
  await page.click("#switch_gaze");
  await waitForText(page, "#gaze_state", /已关闭/);
  assert.deepEqual(sent("configure"), [{ type: "configure", data: { features: { gaze: false } } }]);
  assert.equal(await page.isChecked("#switch_gaze"), false);
  await assertAccessible(page, "settings");
  await assertTidy(page, "settings");
  await screenshot(page, "settings-zh-1280");
  await page.keyboard.press("Escape");
  await waitForText(page, "#expression_state", /已关闭/);
  await waitForText(page, "#signs", /eu/);
  await screenshot(page, "eu-zh-1280");
  await done(opened);
});

test("an unchosen policy and a recording light are shown in both languages", async () => {
  for (const [locale, sign, why, dark, fails] of [
    ["zh-CN", /尚未选择策略.*policy\.profile/, /尚未选择策略/, /录制指示灯 *灭/, /录制指示灯 *不可用/],
    ["en-GB", /No policy is chosen.*policy\.profile/, /No policy is chosen/, /Recording light *Dark/, /Recording light *Unavailable/],
  ]) {
    const opened = await open({ locale, viewport: NARROW });
    const { page } = opened;
    assert.ok(!(await page.isVisible('#dots [data-component="light"]')), "there is none");
    const off = Object.fromEntries(Object.keys(mock.state.features).map((name) => [name, false]));
    Object.assign(mock.state, { profile: "unchosen", features: off, allowed: off, analysing: false });
    mock.components = { light: { state: "running", source: "/sys/class/leds/boothd", on: false }, policy: { profile: "unchosen", error: "no policy is chosen" } };
    mock.components.findings = [{ component: "policy", code: "policy_unchosen", severity: "unhealthy", sentence: "no policy is chosen, nothing is analysed; set policy.profile", detail: null }];
    mock.sendState();
    await waitForText(page, "#signs", sign);
    await waitForText(page, "#session_why", why);
    assert.ok(await page.isDisabled("#start"));
    await waitForText(page, "#expression_state", why);
    await waitForText(page, "#dots", dark);
    await waitForText(page, "#findings", /policy\.profile/);
    await page.click("#open_settings");
    assert.ok(await page.isDisabled("#switch_video"));
    assert.match(await page.textContent("#switch_video_why"), why);
    await page.keyboard.press("Escape");
    mock.components.light = { state: "unavailable", on: undefined, error: "brightness is not there" };
    await waitForText(page, "#dots", fails);
    await waitForText(page, "#components", /brightness is not there/);
    await assertAccessible(page, "unchosen");
    await assertTidy(page, "unchosen");
    await screenshot(page, `unchosen-${locale.slice(0, 2)}-390`);
    await done(opened);
    await mock.close();
  }
});

test("the actions of the face are shown where they are switched on, in both languages", async () => {
  for (const [locale, name, smile, why] of [["zh-CN", "面部动作", /微笑/, /需要先观察此人 10 秒/], ["en-GB", "Facial actions", /Smile/, /Needs 10 s/]]) {
    const opened = await open({ locale, viewport: NARROW });
    const { page } = opened;
    await waitForText(page, "#motion_numbers", /\d/);
    assert.equal(await page.isVisible("#actions"), false, "off by default");
    await page.click("#open_settings");
    await page.click("#switch_face_actions");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#actions", { state: "visible" });
    assert.deepEqual(sent("configure"), [{ type: "configure", data: { features: { face_actions: true } } }]);
    assert.equal(await page.textContent("#actions_title"), name);
    await waitForText(page, "#actions_bars", smile);
    await waitForText(page, "#actions_bars", /\d+%/);
    assert.equal((await page.$$("#actions_bars li")).length, 10);
    await page.locator("#actions").scrollIntoViewIfNeeded();
    await assertAccessible(page, "actions");
    await assertTidy(page, "actions");
    await settle(page);
    await screenshot(page, `actions-${locale.slice(0, 2)}-390`);
    mock.seen = (k, features) => visual(k, features, { face_actions: null, reasons: { face_actions: "needs_10_s" } });
    await waitForText(page, "#actions_state", why);
    assert.doesNotMatch(await page.textContent("#actions_bars"), /\d/);
    await done(opened);
    await mock.close();
  }
});

test("a viewer sees and cannot act", async () => {
  const opened = await open({}, { role: "viewer" });
  const { page } = opened;
  await waitForText(page, "#session_why", /may watch/);
  for (const id of ["start", "pause", "end", "open_sessions"]) assert.equal(await page.isVisible(`#${id}`), false, id);
  await page.click("#open_settings");
  assert.ok(await page.isDisabled("#switch_video"));
  assert.match(await page.textContent("#switch_video_why"), /may watch/);
  await done(opened);
});

test("the gaze card shows the gaze's confidence, and one statement of eye contact, in both languages", async () => {
  for (const [locale, confidence, made, unsure, elsewhere] of [
    ["en-GB", "Confidence", /^Eye contact, probability 80%$/, /^Eye contact uncertain, probability 30%$/, /^Looks elsewhere, probability of eye contact 10%$/],
    ["zh-CN", "置信度", /^有眼神接触，概率 80%$/, /^眼神接触不确定，概率 30%$/, /^看向别处，眼神接触概率 10%$/],
  ]) {
    const opened = await open({ locale });
    const { page } = opened;
    const looks = (eye_contact, eye_contact_probability) => (k, features) => visual(k, features, { eye_contact, eye_contact_probability });
    const colour = () => page.getAttribute("#gaze_state", "data-state");
    const isInside = () => page.evaluate(() => document.querySelector("#gaze_dial svg").classList.contains("inside"));
    mock.seen = looks(true, 0.8);
    await waitForText(page, "#gaze_numbers", new RegExp(`${confidence}\\s*90%`));
    await waitForText(page, "#gaze_state", made);
    assert.deepEqual([await colour(), await isInside()], ["yes", true]);
    for (const isFlagged of [true, false]) {
      mock.seen = looks(isFlagged, isFlagged ? 0.3 : 0.7);
      await waitForText(page, "#gaze_state", isFlagged ? unsure : new RegExp(unsure.source.replace("30", "70")));
      assert.deepEqual([await colour(), await isInside()], ["none", false], "neither is certain");
    }
    mock.seen = looks(false, 0.1);
    await waitForText(page, "#gaze_state", elsewhere);
    assert.deepEqual([await colour(), await isInside()], ["none", false]);
    mock.seen = looks(null, null);
    await waitForText(page, "#gaze_state", /Gaze not known|视线未知/);
    assert.equal(await colour(), "none");
    mock.seen = noFace;
    await waitForText(page, "#gaze_numbers", new RegExp(`${confidence}\\s*—`));
    await done(opened);
    await mock.close();
    mock = null;
  }
});

test("what is not known is a dash with its reason", async () => {
  const opened = await open();
  const { page } = opened;
  mock.seen = noFace;
  await waitForText(page, "#motion_state", /No face in view/);
  assert.equal(await page.textContent("#dominant"), "—");
  assert.match(await page.textContent("#expression_bars"), /—/);
  assert.match(await page.textContent("#voice_state_numbers"), /needs 15 s of speech/);
  await assertAccessible(page, "no face");
  await screenshot(page, "no-face-en-1280");
  await done(opened);
});

test("covered eyes and a turned camera are shown, and what is known beside them stays", async () => {
  const opened = await open();
  const { page } = opened;
  mock.seen = glasses;
  await waitForText(page, "#gaze_state", /^The eyes are covered$/);
  await waitForText(page, "#gaze_numbers", /Mouth opening\s*\d/);
  await waitForText(page, "#expression_state", /^The eyes are covered$/);
  await waitForText(page, "#motion_state", /^Face in view$/);
  await screenshot(page, "covered-en-1280");
  mock.seen = turned;
  for (const card of ["gaze", "expression", "motion"]) {
    await waitForText(page, `#${card}_state`, /^The camera seems to be turned$/);
  }
  await done(opened);
});

test("a lost booth is shown, comes back by itself, and what was missed is counted", async () => {
  const opened = await open({ viewport: NARROW, expected: [/WebSocket connection/, /ERR_CONNECTION_(REFUSED|RESET)/] });
  const { page } = opened;
  await waitForText(page, "#voice_numbers", /Hz/);
  const port = mock.port;
  const [frame, segment] = [mock.frame, mock.segment];
  await mock.close();
  await waitForText(page, "#link", /Disconnected, trying again · \d/);
  assert.ok(await page.isDisabled("#start"));
  await assertAccessible(page, "lost");
  await page.waitForTimeout(1500);
  await screenshot(page, "lost-en-390");
  mock = new Mock();
  Object.assign(mock, { frame: frame + 9, segment: segment + 4 });
  await mock.listen(port);
  await waitForText(page, "#gap_text", /Back after \d+ s away, \d+ picture reports missed, \d+ voice reports missed/);
  await waitForText(page, "#link", /^Live$/);
  await assertAccessible(page, "back");
  await screenshot(page, "back-en-390");
  assert.ok(sent("auth").length > 0 && sent("watch").length > 0, "in again and watching again");
  await done(opened);
});

test("a booth that was restarted is shown as restarted, though its counts are further than before", async () => {
  const opened = await open({ expected: [/WebSocket connection/, /ERR_CONNECTION_(REFUSED|RESET)/] });
  const { page } = opened;
  await waitForText(page, "#voice_numbers", /Hz/);
  const { port, frame, segment } = mock;
  await mock.close();
  mock = new Mock();
  Object.assign(mock, { bootId: "boot-2", frame: frame + 900, segment: segment + 400 });
  await mock.listen(port);
  await waitForText(page, "#gap_text", /Back after \d+ s away, the booth was restarted$/);
  await done(opened);
});

for (const [locale, warning, heat] of [["en-GB", /too little voltage.*keeps the clock right/, "Board 61 °C"], ["zh-CN", /电源电压不足.*校准时钟/, "主板 61 °C"]]) {
  test(`a weak supply and a clock that is not set, ${locale}`, async () => {
    const opened = await open({ locale, viewport: NARROW });
    const { page } = opened;
    assert.equal(await page.isVisible("#findings"), false, "all is well");
    mock.components.board = { temperature_c: 61.3, trouble: "under_voltage", error: "the supply is weak" };
    mock.components.clock = { set: false, error: "the clock is not set" };
    mock.components.findings = [
      { component: "board", code: "board_slowed", severity: "degraded", sentence: "the supply is weak", detail: "the supply is weak" },
      { component: "clock", code: "clock_unset", severity: "notice", sentence: "no time server keeps the clock right, so times may be wrong; connect the booth to one", detail: null },
    ];
    await waitForText(page, "#findings", warning);
    await waitForText(page, "#storage", new RegExp(heat));
    await assertAccessible(page, "a weak supply");
    await assertTidy(page, "a weak supply");
    mock.components.board = { temperature_c: null, trouble: null, error: null };
    mock.components.clock = { set: true, error: null };
    mock.components.findings = [];
    await page.waitForSelector("#findings", { state: "hidden" });
    assert.doesNotMatch(await page.textContent("#storage"), /°C/);
    await done(opened);
  });
}

for (const [locale, unknown, empty] of [["en-GB", /number of messages for the fleet server is not known/, /no messages wait for the fleet server/], ["zh-CN", /数据库未打开，无法得知/, /没有待发送到机群服务器的消息/]]) {
  test(`an unknown outbox is not called empty, ${locale}`, async () => {
    const opened = await open({ locale, viewport: NARROW });
    const { page } = opened;
    mock.components.mqtt = { state: "unavailable", error: "no broker" };
    mock.components.outbox = { depth: null, bytes: null, oldest_s: null, set_aside: null, fallen_out_total: null, error: "the database is not open" };
    await waitForText(page, "#storage", unknown);
    assert.doesNotMatch(await page.textContent("#storage"), empty);
    mock.components.outbox = { depth: 0, bytes: 0, oldest_s: null, set_aside: 0, fallen_out_total: 0, error: null };
    await waitForText(page, "#storage", empty);
    delete mock.components.mqtt;
    delete mock.components.outbox;
    await done(opened);
  });
}

for (const [locale, frozen, unread] of [["en-GB", /Camera not analysed: arithmetic coding.*boothd devices/, /digital silence; it is muted/], ["zh-CN", /摄像头画面无法分析：arithmetic coding/, /数字静音。/]]) {
  for (const viewport of [NARROW, { width: 1280, height: 900 }]) {
    test(`what is wrong and what to do, ${locale}, ${viewport.width} px`, async () => {
      const opened = await open({ locale, viewport });
      const { page } = opened;
      const detail = "arithmetic coding is not supported (20 in a row)";
      mock.components.findings = [
        { component: "vision", code: "frames_unreadable", severity: "unhealthy", detail, sentence: `camera not analysed: ${detail}; choose another camera or format: boothd devices lists what there is` },
        { component: "microphone", code: "microphone_constant", severity: "degraded", detail: null, sentence: "microphone gives digital silence; it is muted or switched off: look at its switch and at alsamixer" },
      ];
      await waitForText(page, "#findings", frozen);
      await waitForText(page, "#findings", unread);
      await assertAccessible(page, "findings");
      await assertTidy(page, "findings");
      await page.locator("#health").scrollIntoViewIfNeeded();
      await screenshot(page, `findings-${locale.slice(0, 2)}-${viewport.width}`);
      await done(opened);
    });
  }
}

test("a lost camera is shown at once", async () => {
  const opened = await open();
  const { page } = opened;
  const reason = "the camera /dev/video0 is gone";
  mock.components.camera = { state: "unavailable", error: reason, restarts_total: 1, dropped_total: 0, errors_total: 0 };
  mock.everyone("device", { device: "camera", state: "lost", reason });
  await page.waitForSelector("#dots [data-component=camera][data-state=unavailable]");
  await waitForText(page, "#components", /is gone/);
  await assertAccessible(page, "camera lost");
  await done(opened);
});

test("the token is asked for, refused, and stored for this tab only", async () => {
  mock = await new Mock().listen();
  const opened = await openPage(browser, { locale: "zh-CN", viewport: NARROW });
  const { page } = opened;
  await page.goto(mock.url);
  await page.waitForSelector("#entry[open]");
  await assertAccessible(page, "entry");
  await screenshot(page, "entry-zh-390");
  await page.keyboard.press("Escape");
  assert.ok(await page.isVisible("#entry"), "there is nothing behind it");
  await page.fill("#token", "wrong-token");
  await page.keyboard.press("Enter");
  await waitForText(page, "#entry_error", /令牌无效/);
  await page.fill("#token", TOKEN);
  await page.keyboard.press("Enter");
  await waitForText(page, "#dominant", /[^—]/);
  const stored = await page.evaluate(() => [JSON.stringify(localStorage), sessionStorage.getItem("boothd.token"), document.cookie]);
  assert.ok(!stored[0].includes(TOKEN) && stored[1] === TOKEN && stored[2] === "");
  mock.kick(4401);
  await page.waitForSelector("#entry[open]");
  await waitForText(page, "#entry_error", /撤销/);
  await done(opened);
});

test("all of it by keyboard", async () => {
  const opened = await open();
  const { page } = opened;
  const reached = new Set();
  for (let k = 0; k < 12; k += 1) {
    await page.keyboard.press("Tab");
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.mode || document.activeElement.className));
  }
  for (const name of ["skip", "own", "open_sessions", "open_settings", "theme", "language", "start"]) assert.ok(reached.has(name), name);
  await page.focus("#language");
  await page.keyboard.press("Enter");
  await waitForText(page, "#expression_title", /表情/);
  assert.equal(await page.getAttribute("html", "lang"), "zh-CN");
  await page.focus("#start");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#consent[open]");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "start", "focus goes back");
  await done(opened);
});
