// Goes through the connect pages in Chromium, as end users, platforms and attackers do.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const line = async () => JSON.parse((await lines.next()).value);
const input = await line();
/** Asks the control plane's side of the test. */
const ask = (question) => {
  console.log(`? ${JSON.stringify(question)}`);
  return line();
};
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const opener = readFileSync(new URL("../../crates/connect/js/keyway.js", import.meta.url));
const browser = await launch();

// Made up, as the fixtures have them.
const rootly = (byte) => `rootly_${byte.repeat(64 / byte.length)}`;
const GOOD = rootly("600d");
const OTHER = rootly("7ea0");
const REVOKED = rootly("dead");
const BAD = {
  invalid: REVOKED,
  forbidden: rootly("f0bd"),
  rate_limited: rootly("0429"),
  unavailable: rootly("0502"),
  unknown: rootly("0404"),
};
const RALLY = "_madeUpGood00000000000000000000000000000000";

let users = 0;
const user = () => `user-${process.pid}-${(users += 1)}`;
const all = { purpose: "connect", providers: [] };
const only = (provider) => ({ purpose: "connect", providers: [provider] });
const session = (question = {}) => ask({ do: "session", end_user: user(), purpose: all, ...question });
const connections = (end_user) => ask({ do: "connections", end_user });
const provider = (is) => ask({ do: "provider", is });

// A person's browser. What it says and asks for is remembered.
const person = async ({ cookies, ...options } = {}) => {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1000, height: 800 }, ...options });
  if (cookies) await context.addCookies(cookies);
  context.said = [];
  context.asked = [];
  context.setDefaultTimeout(60000);
  context.on("console", (message) => {
    // A page with another status than 200 is a page all the same.
    const isPage = /^Failed to load resource: the server responded with a status of 4/.test(message.text());
    if (!isPage || /\.(js|css|svg|png)|logo/.test(message.location().url)) context.said.push(`console: ${message.text()}`);
  });
  context.on("weberror", (error) => context.said.push(`error: ${error.error().message}`));
  context.on("request", (request) => context.asked.push(request));
  const page = await context.newPage();
  page.on("dialog", (dialog) => context.said.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  return page;
};

// Nothing was said, and nobody else was asked for anything.
const quiet = (page, ...origins) => {
  const context = page.context();
  assert.deepEqual(context.said, []);
  const others = context.asked.map((request) => new URL(request.url()))
    .filter(({ protocol, origin }) => protocol !== "data:" && ![input.origin, input.secureOrigin, ...origins].includes(origin));
  assert.deepEqual(others.map(String), []);
};

const button = (page, end) => page.locator(`form[action$="${end}"] button[type=submit]`);
const key = (page) => page.locator("[name=api_key]");
const settled = (page) => page.waitForLoadState("load");
const go = async (page, act) => {
  await Promise.all([page.waitForNavigation({ waitUntil: "load" }), act()]);
};
const press = (page, end) => go(page, () => button(page, end).click());

/** Opens a link and presses its one button. */
const enter = async (page, { link }) => {
  await page.goto(link);
  if (new URL(page.url()).pathname.startsWith("/link/")) {
    await go(page, () => page.locator('form[action^="/link/"] button[type=submit]').click());
  }
  assert.match(new URL(page.url()).pathname, /^\/connect\/ses_/);
};
/** Types a key into the form and sends it; returns once there is an answer. */
const submit = async (page, value = GOOD) => {
  await key(page).fill(value);
  await go(page, () => page.locator("button.keyway-submit").click());
  // A page of before may say what was wrong then.
  await page.locator('form[action$="/confirm"], [role=alert], [aria-invalid=true]').first().waitFor();
  await settled(page);
};
/** Has a linked account checked; a page that says so may come between. */
const check = async (page) => {
  await button(page, "/check").click();
  await page.waitForURL(/[?&](checked|lately)=/);
  await settled(page);
};
const connect = async (page, made, value) => {
  await enter(page, made);
  await submit(page, value);
  await press(page, "/confirm");
};
const verdict = (page) => page.locator("[data-verdict]").getAttribute("data-verdict");
const isDone = (page) => page.locator("h1", { hasText: /is linked|is in place/ }).waitFor();

const violations = async (page) => {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate(
    (values) => window.axe.run({ runOnly: { type: "tag", values }, resultTypes: ["violations"] }), tags);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join(" | ")}`);
};

/** Looks at a page: in both themes, wide and narrow. */
const look = async (page, name) => {
  const before = page.viewportSize();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    assert.deepEqual(await violations(page), [], `${name}, ${colorScheme}`);
    await page.screenshot({ path: join(input.pictures, `${name}.${colorScheme}.png`), fullPage: true });
  }
  await page.setViewportSize({ width: 320, height: 640 });
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} at 320 px`);
  await page.emulateMedia({ colorScheme: "light" });
  await page.screenshot({ path: join(input.pictures, `${name}.narrow.png`), fullPage: true });
  await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  assert.equal(await page.locator("h1").count(), 1, name);
  assert.notEqual(await page.title(), "", name);
};

const platform = {
  look: {
    name: "Acme Rockets",
    logo: `data:image/svg+xml;base64,${Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#7a2bd6"/></svg>').toString("base64")}`,
    accent: "#7a2bd6",
    accent_dark: "#b98cf0",
  },
};

// A platform's own site. `html` is its page; it is served at an origin of each name.
const site = async (html, { secure = false, host = "127.0.0.1", headers = {} } = {}) => {
  const answer = (request, answer) => {
    const isScript = request.url === "/keyway.js";
    const kind = isScript ? "text/javascript" : "text/html";
    answer.writeHead(200, { "content-type": kind, ...headers }).end(isScript ? opener : html);
  };
  const server = secure ? createSecureServer({ cert: input.certificate[0], key: input.certificate[1] }, answer) : createServer(answer);
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  sites.push(server);
  return `${secure ? "https" : "http"}://${host}:${server.address().port}`;
};
const sites = [];
const opening = `<!doctype html><html lang="en"><title>Platform</title><h1>Platform</h1><button id="go">Link</button><div id="here" style="height: 40rem"></div>
  <script type="module">
    import { Keyway } from "/keyway.js";
    document.querySelector("#go").onclick = () => {
      const { inside, ...options } = window.options;
      if (inside) options.container = document.querySelector("#here");
      window.result = Keyway.open(options);
    };
    window.isReady = true;
  </script>`;
const start = async (origin, options, more) => {
  const page = await person(more);
  await page.goto(origin);
  await page.waitForFunction(() => window.isReady);
  await page.evaluate((options) => (window.options = options), options);
  const popup = options.mode === "frame" ? undefined : page.waitForEvent("popup");
  await page.click("#go");
  page.opened = await popup;
  return page;
};
const result = (page) => page.evaluate(() => window.result);
/** The frame, once it shows something of the hub. */
const framed = async (page) => {
  const frame = await (await page.waitForSelector("iframe[src]")).contentFrame();
  await frame.waitForSelector("h1");
  return frame;
};
/** Goes on in a popup or a frame whose link's button is pressed by itself. */
const through = async (target, value = GOOD) => {
  await target.waitForURL(/\/connect\/ses_/);
  await target.waitForSelector("[name=api_key]");
  await target.locator("[name=api_key]").fill(value);
  await target.locator("button.keyway-submit").click();
  await target.waitForSelector('form[action$="/confirm"]');
  await target.locator('form[action$="/confirm"] button[type=submit]').first().click();
};

const checks = {
  // Every page, as people see it.
  async pages() {
    const page = await person();
    const end_user = user();
    const made = await session({ end_user, ...platform });
    await page.goto(made.link);
    await look(page, "link");
    await enter(page, made);
    await look(page, "choose");
    await page.goto(`${page.url()}/providers?q=nothing-like-it`);
    await look(page, "choose_nothing");
    await page.goto(page.url().replace(/\?.*/, ""));
    await go(page, () => page.getByRole("link", { name: /Rally/ }).click());
    await look(page, "key_rally");
    await page.goBack();
    await go(page, () => page.getByRole("link", { name: /Rootly/ }).click());
    await look(page, "key_rootly");
    await submit(page, "rec_madeUp");
    await look(page, "key_refused");
    for (const [kind, value] of Object.entries(BAD)) {
      await submit(page, value);
      assert.equal(await verdict(page), kind);
      await look(page, `verdict_${kind}`);
    }
    await submit(page);
    await look(page, "confirm");
    await press(page, "/confirm");
    await isDone(page);
    await look(page, "done");

    // The same account once more.
    await enter(page, await session({ end_user, purpose: only("rootly"), ...platform }));
    await submit(page);
    await look(page, "confirm_same");
    await press(page, "/cancel");
    await look(page, "cancelled");

    const [linked] = await connections(end_user);
    const reconnect = (more) => session({ end_user, purpose: { purpose: "reconnect", connection: linked.id, ...more }, ...platform });
    await page.goto((await reconnect()).link);
    await look(page, "link_reconnect");
    await enter(page, await reconnect());
    await look(page, "key_reconnect");
    await submit(page, OTHER);
    assert.equal(await verdict(page), "other_account");
    await look(page, "verdict_other_account");
    await enter(page, await reconnect({ other_account: true }));
    await submit(page, OTHER);
    await look(page, "confirm_other_account");

    const manage = () => session({ end_user, purpose: { purpose: "manage", providers: [] }, ...platform });
    const managed = await manage();
    await page.goto(managed.link);
    await look(page, "link_manage");
    await enter(page, managed);
    await look(page, "accounts");
    await check(page);
    await look(page, "accounts_checked");
    await go(page, () => page.getByRole("link", { name: /Remove/ }).click());
    await look(page, "remove");
    await press(page, "/remove");
    await look(page, "accounts_none");

    await page.goto(`${input.origin}/link/kwl_madeUp`);
    await look(page, "unusable");
    await page.goto(`${input.origin}/nothing-here`);
    await look(page, "missing");
    quiet(page);
  },

  // The pages run the other way, without a look of the platform's.
  async right_to_left() {
    const page = await person();
    const made = await session({ direction: "rtl" });
    await page.goto(made.link);
    await look(page, "rtl_link");
    await enter(page, made);
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).direction), "rtl");
    await look(page, "rtl_choose");
    await go(page, () => page.getByRole("link", { name: /Rootly/ }).click());
    assert.equal(await key(page).evaluate((input) => getComputedStyle(input).direction), "ltr");
    await submit(page, REVOKED);
    await look(page, "rtl_key");
    await submit(page);
    await look(page, "rtl_confirm");
    quiet(page);
  },

  // Twice as large, and without movement.
  async large_and_still() {
    const page = await person({ viewport: { width: 640, height: 400 }, reducedMotion: "reduce" });
    const made = await session({ purpose: only("rally"), ...platform });
    await enter(page, made);
    await page.evaluate(() => (document.documentElement.style.fontSize = "200%"));
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 640));
    await provider("held");
    await key(page).fill(RALLY);
    await page.locator("button.keyway-submit").click({ noWaitAfter: true });
    await page.waitForSelector("[role=progressbar], [aria-busy=true]");
    // What fades does not move.
    const moving = await page.evaluate(() => document.getAnimations().flatMap((one) => one.effect.getKeyframes())
      .flatMap((frame) => Object.keys(frame)).filter((name) => !["offset", "computedOffset", "easing", "composite", "opacity", "visibility"].includes(name)));
    assert.deepEqual(moving, []);
    await provider("well");
    await page.waitForSelector('form[action$="/confirm"]');
    quiet(page);
  },

  async slow_provider() {
    for (const javaScriptEnabled of [true, false]) {
      const page = await person({ javaScriptEnabled });
      await enter(page, await session({ purpose: only("rootly"), ...platform }));
      await provider("held");
      await key(page).fill(GOOD);
      await page.locator("button.keyway-submit").click({ noWaitAfter: true });
      // Something is seen to go on while the provider thinks, and it leads on by itself.
      await page.getByRole("status").filter({ hasText: /Rootly|Checking|One moment/ }).first().waitFor();
      await page.waitForSelector("[role=progressbar]");
      if (javaScriptEnabled) await page.screenshot({ path: join(input.pictures, "checking.light.png") });
      await provider("well");
      await page.waitForSelector('form[action$="/confirm"]');
      await press(page, "/confirm");
      await isDone(page);
      quiet(page);
    }
  },

  async provider_down() {
    const page = await person();
    await enter(page, await session({ purpose: only("rootly") }));
    await provider("down");
    await key(page).fill(GOOD);
    await page.locator("button.keyway-submit").click();
    await page.waitForSelector("[data-verdict]", { timeout: 60000 });
    assert.equal(await verdict(page), "unavailable");
    // It is told at once, to whoever cannot see it too, and the same form goes on when the provider is back.
    assert.equal(await page.locator("[data-verdict][role=alert]").count(), 1);
    await provider("well");
    await submit(page);
    await press(page, "/confirm");
    await isDone(page);
    quiet(page);
  },

  async each_verdict_leads_on() {
    const page = await person();
    const end_user = user();
    await enter(page, await session({ end_user, purpose: only("rootly") }));
    const told = new Set();
    for (const [kind, value] of Object.entries(BAD)) {
      await submit(page, value);
      assert.equal(await verdict(page), kind);
      told.add(await page.locator("[data-verdict]").innerText());
      assert.equal(await page.evaluate(() => document.activeElement.closest("[role=alert]") !== null), true, `${kind} has the focus`);
      assert.equal(await key(page).inputValue(), "");
    }
    assert.equal(told.size, Object.keys(BAD).length);
    assert.deepEqual(await connections(end_user), []);
    await submit(page);
    await press(page, "/confirm");
    await isDone(page);
    assert.equal((await connections(end_user)).length, 1);
    quiet(page);
  },

  async rally() {
    const page = await person();
    const end_user = user();
    await enter(page, await session({ end_user }));
    // The search narrows as one types.
    await page.locator("[name=q]").fill("rall");
    await page.getByRole("link", { name: /Rootly/ }).waitFor({ state: "hidden" });
    // Enter opens the only one that is left, and goes to the first of several.
    await page.locator("[name=q]").fill("r");
    await page.locator("[name=q]").press("Enter");
    await page.waitForFunction(() => document.activeElement.matches("a.tile"));
    await page.locator("[name=q]").fill("rall");
    await go(page, () => page.locator("[name=q]").press("Enter"));
    await submit(page, RALLY);
    assert.match(await page.locator("main").innerText(), /Ada Lovelace @ Acme Rockets/);
    await page.locator("[name=name]").fill("Our rockets");
    await press(page, "/confirm");
    await isDone(page);
    const [linked] = await connections(end_user);
    assert.equal(linked.provider, "rally");
    assert.equal(linked.name, "Our rockets");
    quiet(page);
  },

  // N66: expired, used, unknown, somebody else's: one answer.
  async n66_links_that_cannot_be_used() {
    const texts = new Set();
    const seen = async (page) => texts.add(await page.locator("main").innerText());
    const owner = await person();
    const used = await session();
    await enter(owner, used);
    const stranger = await person();
    await stranger.goto(used.link);
    await seen(stranger);
    await stranger.goto(owner.url());
    await seen(stranger);
    const late = await session();
    const slow = await person();
    await slow.goto(late.link);
    const here = await session({ purpose: only("rootly") });
    await enter(owner, here);
    for (const { id } of [late, here]) await ask({ do: "end", id });
    await go(slow, () => slow.locator('form[action^="/link/"] button[type=submit]').click());
    await seen(slow);
    await key(owner).fill(GOOD);
    await go(owner, () => owner.locator("button.keyway-submit").click());
    await seen(owner);
    await slow.goto(`${input.origin}/link/kwl_madeUp`);
    await seen(slow);
    assert.equal(texts.size, 1, [...texts].join("\n---\n"));
    for (const page of [owner, stranger, slow]) quiet(page);
  },

  async reconnect() {
    const page = await person();
    const end_user = user();
    await connect(page, await session({ end_user, purpose: only("rootly") }));
    await isDone(page);
    const [linked] = await connections(end_user);
    const reconnect = (more) => session({ end_user, purpose: { purpose: "reconnect", connection: linked.id, ...more } });

    await connect(page, await reconnect());
    await isDone(page);
    let [now] = await connections(end_user);
    assert.equal(now.id, linked.id);
    assert.ok(now.version > linked.version);

    // Another account is refused, and may be allowed by the platform alone.
    await enter(page, await reconnect());
    await submit(page, OTHER);
    assert.equal(await verdict(page), "other_account");
    assert.equal((await connections(end_user))[0].account, linked.account);
    await enter(page, await reconnect({ other_account: true }));
    await submit(page, OTHER);
    assert.match(await page.locator("main").innerText(), /svc-team-42@acme\.example/);
    await press(page, "/confirm");
    await isDone(page);
    [now] = await connections(end_user);
    assert.equal(now.id, linked.id);
    assert.equal(now.account, "svc-team-42@acme.example");
    assert.equal((await connections(end_user)).length, 1);
    quiet(page);
  },

  async manage() {
    const page = await person();
    const end_user = user();
    await connect(page, await session({ end_user, purpose: only("rootly") }));
    const other = user();
    await connect(page, await session({ end_user: other, purpose: only("rootly") }));
    const [theirs] = await connections(other);
    const [linked] = await connections(end_user);
    await enter(page, await session({ end_user, purpose: { purpose: "manage", providers: [] } }));
    const base = `${page.url()}/accounts`;
    assert.equal(await page.locator('form[action$="/check"]').count(), 1);
    await check(page);
    assert.match(await page.getByRole("status").first().innerText(), /the key works/);

    await press(page, "/reconnect");
    await submit(page);
    await press(page, "/confirm");
    await page.goto(base);
    assert.equal((await connections(end_user))[0].id, linked.id);

    // Another is linked, and then removed.
    await go(page, () => page.getByRole("button", { name: /Link another/ }).click());
    await go(page, () => page.getByRole("link", { name: /Rally/ }).click());
    await submit(page, RALLY);
    await press(page, "/confirm");
    await page.goto(base);
    assert.equal(await page.locator('form[action$="/check"]').count(), 2);
    const rally = (await connections(end_user)).find((one) => one.provider === "rally");
    await page.locator(`a[href$="/accounts/${rally.id}/remove"]`).click();
    await press(page, "/remove");
    assert.deepEqual((await connections(end_user)).map((one) => one.id), [linked.id]);
    // Somebody else's cannot be reached.
    await page.goto(`${base}/${theirs.id}/remove`);
    assert.equal(await page.locator('form[action$="/remove"]').count(), 0);
    assert.equal((await connections(other)).length, 1);
    // Begun, and not gone on with: back at the list, and out.
    await page.goto(base);
    await go(page, () => page.getByRole("button", { name: /Link another/ }).click());
    await go(page, () => page.getByRole("link", { name: /Rally/ }).click());
    await press(page, "/cancel");
    assert.equal(await page.locator("h1").innerText(), "Linked accounts");
    await press(page, "/leave");
    await look(page, "left");
    quiet(page);
  },

  async without_script() {
    const page = await person({ javaScriptEnabled: false });
    const end_user = user();
    await enter(page, await session({ end_user, return_url: `${input.origin}/returned`, ...platform }));
    await page.locator("[name=q]").fill("rootly");
    await go(page, () => page.keyboard.press("Enter"));
    assert.equal(await page.getByRole("link", { name: /Rally/ }).count(), 0);
    await go(page, () => page.getByRole("link", { name: /Rootly/ }).click());
    await submit(page, REVOKED);
    assert.equal(await verdict(page), "invalid");
    await submit(page);
    await press(page, "/again");
    await submit(page);
    await press(page, "/confirm");
    const [linked] = await connections(end_user);
    const back = page.locator('a[href*="/returned"]');
    const url = new URL(await back.first().getAttribute("href"), input.origin);
    assert.equal(url.searchParams.get("connection_id"), linked.id);
    assert.match(url.searchParams.get("session_id"), /^ses_/);
    quiet(page);
  },

  async keyboard_alone() {
    const page = await person();
    const end_user = user();
    const { link } = await session({ end_user, ...platform });
    await page.goto(link);
    // Presses Tab until something has the focus; whatever has it is seen to have it.
    const reach = async (name) => {
      for (let steps = 0; steps < 60; steps += 1) {
        await page.keyboard.press("Tab");
        const [text, isSeen] = await page.evaluate(() => {
          const element = document.activeElement;
          const style = getComputedStyle(element);
          const box = element.getBoundingClientRect();
          const isMarked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
          const isThere = box.width > 0 && box.bottom > 0 && box.top < innerHeight;
          return [`${element.name ?? ""} ${element.getAttribute("aria-label") ?? ""} ${element.innerText ?? ""}`, element === document.body || (isMarked && isThere)];
        });
        assert.ok(isSeen, `the focus is not seen on ${text}`);
        if (name.test(text)) return;
      }
      assert.fail(`${name} is not reached on ${await page.locator("h1").innerText()}`);
    };
    const enter = () => go(page, () => page.keyboard.press("Enter"));
    await reach(/Continue/);
    await enter();
    await reach(/Rootly/);
    await enter();
    await reach(/api_key/);
    await page.keyboard.type(REVOKED);
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-verdict]");
    await settled(page);
    await reach(/api_key/);
    await page.keyboard.type(GOOD);
    await reach(/Check/);
    await page.keyboard.press("Space");
    await page.waitForSelector('form[action$="/confirm"]');
    await settled(page);
    await reach(/^name /);
    await page.keyboard.type("By keyboard");
    await enter();
    await isDone(page);
    assert.equal((await connections(end_user))[0].name, "By keyboard");
    quiet(page);
  },

  // N67: pressed twice, sent twice, gone back, loaded again.
  async n67_twice_is_once() {
    const page = await person();
    const end_user = user();
    const { link } = await session({ end_user, purpose: only("rootly") });
    await page.goto(link);
    await go(page, () => page.locator('form[action^="/link/"] button[type=submit]').dblclick());
    await key(page).waitFor();
    await page.reload();
    await key(page).fill(GOOD);
    await page.locator("button.keyway-submit").dblclick();
    await page.waitForSelector('form[action$="/confirm"]');
    await page.reload();
    await page.goBack();
    await page.goForward();
    await page.waitForSelector('form[action$="/confirm"]');
    const address = page.url();
    await button(page, "/confirm").first().dblclick();
    await isDone(page);
    await page.reload();
    await isDone(page);
    const before = await connections(end_user);
    assert.equal(before.length, 1);
    // The pages from before lead to the same end.
    await page.goBack();
    await settled(page);
    if (await button(page, "/confirm").count()) await press(page, "/confirm");
    await page.goto(address);
    await isDone(page);
    await page.goto(link);
    assert.deepEqual(await connections(end_user), before);
    quiet(page);

    // Without script nothing holds the second press back.
    const still = await person({ javaScriptEnabled: false });
    const another = user();
    await enter(still, await session({ end_user: another, purpose: only("rootly") }));
    await key(still).fill(GOOD);
    await still.locator("button.keyway-submit").dblclick();
    await still.waitForSelector('form[action$="/confirm"]');
    await button(still, "/confirm").first().dblclick();
    await isDone(still);
    assert.equal((await connections(another)).length, 1);
    quiet(still);
  },

  // N69: a value that was sent is in no page, no storage, no address.
  async n69_a_value_is_gone_once_it_is_sent() {
    const page = await person();
    await enter(page, await session({ purpose: only("rootly") }));
    const gone = async (value, where) => {
      const found = await page.evaluate(async (value) => {
        const fields = [...document.querySelectorAll("input, textarea")].map((field) => field.value);
        const kept = [...Object.values({ ...localStorage }), ...Object.values({ ...sessionStorage }), JSON.stringify(history.state)];
        const stores = [...(await indexedDB.databases()).map(({ name }) => name), ...(await caches.keys())];
        const texts = [document.documentElement.outerHTML, location.href, document.referrer, document.cookie, window.name];
        return [...texts, ...fields, ...kept, ...stores].filter((text) => text?.includes(value));
      }, value);
      assert.deepEqual(found, [], where);
      assert.ok(!(await (await page.request.get(page.url())).text()).includes(value), where);
    };
    await submit(page, "rec_madeUpButLong");
    await gone("rec_madeUpButLong", "refused offline");
    await enter(page, await session({ purpose: only("rootly") }));
    await submit(page, REVOKED);
    await gone(REVOKED, "refused by the provider");
    await submit(page);
    await gone(GOOD, "confirm");
    await page.goBack();
    await settled(page);
    await gone(GOOD, "back");
    await gone(REVOKED, "back");
    await page.goForward();
    await page.waitForSelector('form[action$="/confirm"]');
    await press(page, "/confirm");
    await isDone(page);
    await gone(GOOD, "done");
    for (const request of page.context().asked) {
      assert.ok(![GOOD, REVOKED].some((value) => request.url().includes(value)), request.url());
      assert.equal((await request.allHeaders()).referer ?? "", "", request.url());
    }
    quiet(page);
  },

  async popup() {
    const origin = await site(opening);
    const end_user = user();
    const made = await session({ end_user, purpose: only("rootly"), parent_origin: origin, ...platform });
    let page = await start(origin, { session: made.link });
    await through(page.opened);
    const [{ id }, ...more] = await (await result(page), connections(end_user));
    assert.deepEqual(more, []);
    assert.deepEqual(await result(page), { connectionId: id, provider: "rootly" });
    if (!page.opened.isClosed()) await page.opened.waitForEvent("close");
    quiet(page, origin);

    // A new key for it; nothing came of it; it was too late.
    const reconnect = await session({ end_user, purpose: { purpose: "reconnect", connection: id }, parent_origin: origin });
    page = await start(origin, { session: { link: reconnect.link } });
    await through(page.opened);
    assert.deepEqual(await result(page), { connectionId: id, provider: "rootly" });

    page = await start(origin, { session: (await session({ parent_origin: origin })).link });
    await page.opened.waitForURL(/\/connect\/ses_/);
    await page.opened.close();
    assert.deepEqual(await result(page), { reason: "closed" });

    page = await start(origin, { session: (await session({ purpose: only("rootly"), parent_origin: origin })).link });
    await page.opened.waitForURL(/\/connect\/ses_/);
    await page.opened.locator('form[action$="/cancel"] button').click();
    assert.deepEqual(await result(page), { reason: "cancelled" });

    page = await start(origin, { session: `${input.origin}/link/kwl_madeUp` });
    await page.opened.waitForSelector("h1");
    await page.opened.close();
    assert.deepEqual(await result(page), { reason: "expired" });

    // Cut off from its popup.
    const alone = await site(opening, { headers: { "cross-origin-opener-policy": "same-origin" } });
    page = await start(alone, { session: (await session({ purpose: only("rootly"), parent_origin: alone })).link });
    // The driver has every page believe that it has the focus.
    await page.evaluate(() => (document.hasFocus = () => false));
    await go(page.opened, () => page.opened.locator('form[action^="/link/"] button').click());
    await through(page.opened);
    assert.equal((await result(page)).provider, "rootly");
  },

  async frame_of_the_platform() {
    // In the same site over HTTP, in a dialog and in the page.
    const origin = await site(opening);
    for (const inside of [false, true]) {
      const end_user = user();
      const made = await session({ end_user, purpose: only("rootly"), parent_origin: origin, ...platform });
      const page = await start(origin, { session: made.link, mode: "frame", inside });
      const frame = await framed(page);
      await key(frame).waitFor();
      await page.screenshot({ path: join(input.pictures, `frame${inside ? "_inside" : ""}.light.png`) });
      await through(frame);
      const outcome = await result(page);
      assert.deepEqual(outcome, { connectionId: (await connections(end_user))[0].id, provider: "rootly" });
      quiet(page, origin);
    }
  },

  // A frame that goes on after the first account, until the person is done; and one whose link is used already.
  async frame_of_a_list() {
    const origin = await site(opening);
    const end_user = user();
    const made = await session({ end_user, purpose: { purpose: "manage", providers: [] }, parent_origin: origin });
    let page = await start(origin, { session: made.link, mode: "frame", inside: true });
    let frame = await framed(page);
    await frame.waitForURL(/\/connect\/ses_/);
    await frame.getByRole("button", { name: /Link an account/ }).click();
    await frame.getByRole("link", { name: /Rootly/ }).click();
    await through(frame);
    await frame.getByRole("link", { name: /Show linked accounts/ }).click();
    await frame.locator('form[action$="/leave"] button').click();
    assert.deepEqual(await result(page), { connectionId: (await connections(end_user))[0].id, provider: "rootly" });
    quiet(page, origin);

    const used = await session({ parent_origin: origin });
    await enter(await person(), used);
    page = await start(origin, { session: used.link, mode: "frame" });
    assert.deepEqual(await result(page), { reason: "expired" });
  },

  // The cookie is blocked, and there is a list: it ends with the person, not with the first account.
  async list_without_cookies() {
    const origin = await site(opening, { host: "localhost" });
    const end_user = user();
    const made = await session({ end_user, purpose: { purpose: "manage", providers: ["rootly"] }, parent_origin: origin });
    const page = await start(origin, { session: made.link, mode: "frame" });
    const offer = (await framed(page)).locator('a[target="_blank"]');
    await offer.waitFor();
    const [opened] = await Promise.all([page.context().waitForEvent("page"), offer.click()]);
    await opened.waitForSelector("h1");
    if (new URL(opened.url()).pathname.startsWith("/link/")) await opened.locator('form[action^="/link/"] button').click();
    await opened.getByRole("button", { name: /Link an account/ }).click();
    await through(opened);
    await isDone(opened);
    // Asked every two seconds.
    const goesOn = page.evaluate(() => Promise.race([result.then(() => false), new Promise((resolve) => setTimeout(resolve, 5000, true))]));
    assert.ok(await goesOn);
    await opened.getByRole("link", { name: /Show linked accounts/ }).click();
    await opened.locator('form[action$="/leave"] button').click();
    assert.equal((await result(page)).connectionId, (await connections(end_user))[0].id);
  },

  // Another site, over TLS: the cookie is of that site's frames alone.
  async frame_of_another_site() {
    const origin = await site(opening, { secure: true });
    const made = () => session({ secure: true, purpose: only("rootly"), parent_origin: origin });
    const page = await start(origin, { session: (await made()).link, mode: "frame" });
    await through(await framed(page));
    assert.equal((await result(page)).provider, "rootly");
    const cookies = await page.context().cookies();
    assert.deepEqual(cookies.map(({ name, secure, httpOnly, sameSite }) => [name, secure, httpOnly, sameSite]), [["__Host-keyway", true, true, "None"]]);
    assert.ok(cookies[0].partitionKey, JSON.stringify(cookies));
    quiet(page, origin);
  },

  // The browser keeps no cookie in a frame of another site: a window of its own is offered, and the page gets to know.
  async cookies_blocked_in_a_frame() {
    const origin = await site(opening, { host: "localhost" });
    const end_user = user();
    const made = await session({ end_user, purpose: only("rootly"), parent_origin: origin, ...platform });
    const page = await start(origin, { session: made.link, mode: "frame" });
    const frame = await framed(page);
    const offer = frame.locator('a[target="_blank"]');
    await offer.waitFor();
    await page.screenshot({ path: join(input.pictures, "blocked.light.png") });
    const [opened] = await Promise.all([page.context().waitForEvent("page"), offer.click()]);
    await opened.waitForSelector("h1");
    if (new URL(opened.url()).pathname.startsWith("/link/")) await opened.locator('form[action^="/link/"] button').click();
    await through(opened);
    assert.deepEqual(await result(page), { connectionId: (await connections(end_user))[0].id, provider: "rootly" });
    quiet(page, origin);
  },

  // N65: no other origin has the pages in a frame, and none is told anything.
  async n65_frames_of_others() {
    const origin = await site(opening);
    const foreign = await site(opening);
    for (const parent_origin of [origin, undefined]) {
      const { link } = await session({ parent_origin });
      const page = await start(foreign, { session: link, mode: "frame" });
      const until = Date.now() + 60000;
      while (!page.context().said.some((said) => said.includes("frame-ancestors")) && Date.now() < until) {
        await page.waitForTimeout(50);
      }
      const frame = await (await page.waitForSelector("iframe[src]")).contentFrame();
      assert.equal(await frame.locator('form[action^="/link/"]').count(), 0);
      assert.ok(page.context().said.some((said) => said.includes("frame-ancestors")), page.context().said.join());
      // Nothing was used up: its own page can still open it.
      await enter(await person(), { link });
    }
    // A popup that another origin opened, and what an end does say, to whom.
    const made = await session({ purpose: only("rootly"), parent_origin: origin });
    const page = await start(foreign, { session: made.link });
    await page.evaluate(() => {
      window.heard = [];
      addEventListener("message", ({ data }) => heard.push(data));
    });
    await through(page.opened);
    await isDone(page.opened);
    await page.opened.waitForTimeout(500);
    assert.deepEqual(await page.evaluate(() => window.heard), []);
  },
};

try {
  await checks[input.check]();
} finally {
  await browser.close();
  for (const server of sites) {
    server.close();
    server.closeAllConnections();
  }
  process.stdin.destroy();
}
