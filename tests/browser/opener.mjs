// Calls `Keyway.open` in Chromium as a platform's page does, with a hub that is made up.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { readFileSync } from "node:fs";
import { transform } from "esbuild";
import { text } from "node:stream/consumers";
import { launch } from "./chromium.mjs";

const script = readFileSync(new URL("../../crates/connect/js/keyway.js", import.meta.url));
const { check } = JSON.parse(await text(process.stdin));

const listen = (answer) =>
  new Promise((resolve) => {
    const server = createServer(answer).listen(0, "127.0.0.1", () => resolve(server));
  });
const port = (server) => server.address().port;

// The hub: what its link shows, and what it says of the session.
let said;
let asked;
const hubServer = await listen((request, answer) => {
  const cors = { "access-control-allow-origin": "*", "content-type": "application/json" };
  if (request.url === "/keyway.js") answer.writeHead(200, { ...cors, "content-type": "text/javascript" }).end(script);
  else if (!request.url.endsWith("/result")) {
    // As the hub's pages do, but for those of a link that somebody else has opened.
    const isSilent = /(Elsewhere|Foreign)$/.test(request.url);
    const shown = isSilent ? "" : "<script>(opener ?? parent).postMessage({ type: 'keyway.shown' }, '*')</script>";
    answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>Hub</title><button>Go on</button>${shown}`);
  } else {
    asked.push(request.headers);
    answer.writeHead(said.code ?? 200, said.cors === false ? {} : cors).end(JSON.stringify(said));
  }
});
// Another origin, whose messages count for nothing.
const stranger = await listen((request, answer) => answer.end("<!doctype html><title>Stranger</title>"));
let headers = {};
const platform = await listen((request, answer) => {
  if (request.url === "/keyway.js") return answer.writeHead(200, { "content-type": "text/javascript" }).end(script);
  answer.writeHead(200, { "content-type": "text/html", ...headers }).end(`<!doctype html><title>Platform</title>
    <script type="module" src="/page.js"></script><button id="go">Link</button><div id="here"></div>`);
});
const origin = `http://localhost:${port(platform)}`;
const hubOrigin = `http://127.0.0.1:${port(hubServer)}`;
const link = `${hubOrigin}/link/kwl_madeUp`;
const id = "con_madeUp";

const browser = await launch();
const context = await browser.newContext();
await context.route("**/page.js", (route) => route.fulfill({
  contentType: "text/javascript",
  body: `import { Keyway } from "/keyway.js"; window.Keyway = Keyway;`,
}));

// A platform's page, and what a click on its button opens.
const start = async ({ options = {}, session = link, said: answer = { status: "opened" }, headers: more = {} } = {}) => {
  [said, asked, headers] = [answer, [], more];
  const page = await context.newPage();
  page.said = [];
  page.on("pageerror", (error) => page.said.push(error.message));
  await page.goto(origin);
  await page.waitForFunction(() => window.Keyway);
  await page.evaluate(([options, session]) => {
    const { open } = window;
    // What it opens, as the page itself sees it: a driver may miss that a window is closed while it is on its way to the link.
    window.open = (...all) => (window.view = open(...all));
    document.querySelector("#go").addEventListener("click", () => {
      if (options.inside) options.container = document.querySelector("#here");
      window.stop = new AbortController();
      window.given = { session, signal: stop.signal, ...options };
      if (options.later) given.session = new Promise((resolve) => (window.later = () => resolve({ link: session })));
      window.result = Keyway.open(given).catch((error) => ({ error: error.name, message: error.message }));
    });
  }, [options, session]);
  const opened = options.mode === "frame" ? undefined : page.waitForEvent("popup", { timeout: 30000 }).catch(() => undefined);
  await page.click("#go");
  page.opened = await opened;
  return page;
};
const result = (page) =>
  page.evaluate(() => Promise.race([window.result, new Promise((_, no) => setTimeout(no, 60000, new Error("nothing came of it")))]));
const say = (target, data, to = origin) =>
  target.evaluate(([data, to]) => (window.opener ?? window.parent).postMessage(data, to), [data, to]);
const connected = (more) => ({ type: "keyway.connected", connection_id: id, ...more });
const inFrame = async (page) => {
  await page.waitForFunction(() => document.querySelector("iframe")?.src);
  const frame = await (await page.$("iframe")).contentFrame();
  await frame.waitForSelector("button");
  return frame;
};
const isPending = (page, time = 700) =>
  page.evaluate((time) => Promise.race([result.then(() => false), new Promise((resolve) => setTimeout(resolve, time, true))]), time);

const checks = {
  async popup() {
    // Connected, and connected anew: the provider is asked for without a cookie, and the window is closed.
    for (const type of ["keyway.connected", "keyway.reconnected"]) {
      const page = await start({ session: { link } });
      await page.opened.waitForURL(link);
      said = { status: "connected", connection_id: id, provider: "rally" };
      const closed = page.opened.waitForEvent("close");
      await say(page.opened, connected({ type }));
      assert.deepEqual(await result(page), { connectionId: id, provider: "rally" });
      await closed;
      assert.equal(asked.length, 1);
      assert.equal(asked[0].cookie, undefined);
      assert.deepEqual(page.said, []);
    }
    // The hub cannot be asked: a policy, another origin's session, the hub is down. The connection is known all the same.
    const policy = { "content-security-policy": `connect-src 'none'` };
    for (const [answer, headers] of [[{}, policy], [{ cors: false }, {}], [{ code: 503 }, {}]]) {
      const page = await start({ said: answer, headers });
      await page.opened.waitForURL(link);
      await say(page.opened, connected());
      assert.deepEqual(await result(page), { connectionId: id, provider: undefined });
    }
    const cancelled = await start();
    await cancelled.opened.waitForURL(link);
    await say(cancelled.opened, { type: "keyway.cancelled" });
    assert.deepEqual(await result(cancelled), { reason: "cancelled" });
    // Closed by hand: what came of it counts.
    for (const [answer, expected, session] of [
      [{ status: "opened" }, { reason: "expired" }, `${link}Elsewhere`],
      [{ status: "created" }, { reason: "closed" }],
      [{ status: "opened" }, { reason: "closed" }],
      [{ status: "cancelled" }, { reason: "cancelled" }],
      [{ code: 410 }, { reason: "expired" }],
      [{ code: 503 }, { reason: "unknown" }],
      [{ cors: false }, { reason: "unknown" }],
      [{ status: "connected", connection_id: id, provider: "rally" }, { connectionId: id, provider: "rally" }],
      [{ status: "opened", connection_id: id, provider: "rally" }, { connectionId: id, provider: "rally" }],
    ]) {
      const page = await start({ said: answer, session });
      await page.opened.waitForURL(session ?? link);
      assert.ok(await isPending(page));
      await page.opened.close();
      assert.deepEqual(await result(page), expected, JSON.stringify(answer));
    }
  },

  async popup_later() {
    // Opened in the click, and led on once the backend has answered.
    let page = await start({ options: { later: true } });
    assert.equal(page.opened.url(), "about:blank");
    await page.evaluate(() => later());
    await page.opened.waitForURL(link);
    await say(page.opened, { type: "keyway.cancelled" });
    assert.deepEqual(await result(page), { reason: "cancelled" });

    // Closed before that.
    page = await start({ options: { later: true } });
    await page.opened.close();
    assert.deepEqual(await result(page), { reason: "closed" });
    assert.deepEqual(asked, []);

    // What is no link is not opened; it runs nothing here, and is not repeated.
    const problem = { type: "urn:keyway:problem:scope", status: 403 };
    for (const session of ["javascript:alert(1)//s3cret", "data:text/html,s3cret", "s3cret", "", {}, { s3cret: 1 }, { link: {} }, problem, [], 7, null]) {
      page = await start({ session });
      const { error, message } = await result(page);
      assert.equal(error, "TypeError");
      assert.equal(message, "`session` has no link: give what POST /v1/sessions answered, or its `link`");
      await page.waitForFunction(() => view.closed);
    }
  },

  // A session without `parent_origin`, or with another one: the first mistake of all.
  async foreign() {
    const made = { session: `${link}Foreign`, said: { cors: false } };
    const coop = { "cross-origin-opener-policy": "same-origin" };
    const expected = { error: "Error", message: `the session was not made for this page: its "parent_origin" has to be "${origin}"` };
    for (const more of [{}, { headers: coop }, { options: { mode: "frame" } }, { options: { mode: "frame", inside: true } }]) {
      const page = await start({ ...made, ...more });
      assert.deepEqual(await result(page), expected, JSON.stringify(more));
      assert.equal(await page.locator("iframe, dialog").count(), 0);
      if (!more.options && !more.headers) await page.waitForFunction(() => view.closed);
    }
    // Closed before that was known.
    let page = await start(made);
    await page.opened.waitForURL(made.session);
    assert.ok(await isPending(page));
    await page.opened.close();
    assert.deepEqual(await result(page), expected);
    page = await start({ ...made, options: { mode: "frame" } });
    await page.getByRole("button", { name: "Close" }).click();
    assert.deepEqual(await result(page), expected);

    // This page's policy says nothing of the session.
    const policy = { "content-security-policy": "connect-src 'none'" };
    page = await start({ ...made, headers: policy });
    await page.opened.waitForURL(made.session);
    assert.ok(await isPending(page, 5000));
    await page.opened.close();
    assert.deepEqual(await result(page), { reason: "unknown" });
    // A hub that is being started anew has not shown itself yet, and does.
    page = await start({ ...made, session: `${link}Foreign` });
    await page.opened.waitForURL(made.session);
    await page.waitForTimeout(2500);
    said = { status: "created" };
    assert.ok(await isPending(page, 4500));
  },

  async blocked() {
    const page = await start({ options: { mode: "frame" } });
    const outcome = await page.evaluate((session) => {
      window.open = () => null;
      return Keyway.open({ session });
    }, link);
    assert.deepEqual(outcome, { reason: "blocked" });
  },

  async aborted() {
    for (const options of [{}, { mode: "frame" }, { mode: "frame", inside: true }]) {
      const page = await start({ options });
      await page.evaluate(() => stop.abort());
      assert.equal((await result(page)).error, "AbortError");
      assert.equal(await page.locator("iframe, dialog").count(), 0);
      if (!options.mode) await page.waitForFunction(() => view.closed);
      const before = await page.evaluate(() => Keyway.open({ ...given, mode: "frame" }).catch((error) => error.name));
      assert.equal(before, "AbortError");
      assert.equal(await page.locator("iframe").count(), 0);
    }
  },

  // A page that its own policy cuts off from its popup.
  async cut_off() {
    const coop = { headers: { "cross-origin-opener-policy": "same-origin" } };
    let page = await start(coop);
    await page.opened.waitForURL(link);
    assert.equal(await page.opened.evaluate(() => window.opener), null);
    assert.ok(await isPending(page));
    // Of several accounts the first is linked.
    said = { status: "connected", connection_id: id, provider: "rally", ended: false };
    assert.ok(await isPending(page, 3000));
    said.ended = true;
    assert.deepEqual(await result(page), { connectionId: id, provider: "rally" });

    page = await start(coop);
    await page.opened.waitForURL(link);
    said = { code: 410 };
    assert.deepEqual(await result(page), { reason: "expired" });

    // Nobody opens the link, and the person is back.
    page = await start({ ...coop, said: { status: "created" } });
    assert.deepEqual(await result(page), { reason: "closed" });
  },

  async frame() {
    for (const inside of [false, true]) {
      const page = await start({ options: { mode: "frame", inside } });
      const frame = await inFrame(page);
      // The focus is in the frame, and comes back.
      assert.equal(await page.evaluate(() => document.activeElement.localName), "iframe");
      assert.equal(await page.locator("iframe").getAttribute("referrerpolicy"), "no-referrer");
      assert.equal(await page.locator("iframe").getAttribute("sandbox"), null);
      assert.equal(await page.locator("#here > iframe").count(), inside ? 1 : 0);
      assert.equal(await page.locator("dialog[open]").count(), inside ? 0 : 1);
      said = { status: "opened", connection_id: id, provider: "rootly" };
      await say(frame, connected());
      assert.deepEqual(await result(page), { connectionId: id, provider: "rootly" });
      assert.equal(await page.locator("iframe, dialog").count(), 0);
      assert.equal(await page.evaluate(() => document.activeElement.id), "go");
      assert.deepEqual(page.said, []);
    }
    // Closed by its button, by Escape, by the page.
    const closes = [
      (page) => page.getByRole("button", { name: "Close" }).click(),
      async (page) => {
        await page.getByRole("button", { name: "Close" }).focus();
        await page.keyboard.press("Escape");
      },
      (page) => page.evaluate(() => document.querySelector("dialog").remove()),
    ];
    for (const close of closes) {
      const page = await start({ options: { mode: "frame" } });
      await inFrame(page);
      await close(page);
      assert.deepEqual(await result(page), { reason: "closed" });
      assert.equal(await page.evaluate(() => document.activeElement.id), "go");
    }
    let page = await start({ options: { mode: "frame", inside: true } });
    await inFrame(page);
    await page.evaluate(() => document.querySelector("#here").replaceChildren());
    assert.deepEqual(await result(page), { reason: "closed" });

    // What no page in the frame tells: the session is over, or somebody else has opened its link.
    const used = `${hubOrigin}/link/kwl_madeUpElsewhere`;
    const linked = { connection_id: id, provider: "rally" };
    for (const [session, answer, expected] of [
      [used, { status: "opened" }, { reason: "expired" }],
      [used, { status: "connected", ended: false }, { reason: "expired" }],
      [used, { code: 404 }, { reason: "expired" }],
      [link, { code: 404 }, { reason: "expired" }],
      [link, { status: "cancelled", ended: true }, { reason: "cancelled" }],
      [link, { status: "connected", ended: true, ...linked }, { connectionId: id, provider: "rally" }],
      // A link that waits, a person who is at it, a hub that cannot be asked.
      [used, { status: "created" }],
      [used, { code: 503 }],
      [link, { status: "opened" }],
      [link, { status: "connected", ended: false, ...linked }],
    ]) {
      const page = await start({ options: { mode: "frame", inside: true }, session, said: answer });
      await inFrame(page);
      if (expected) assert.deepEqual(await result(page), expected, JSON.stringify(answer));
      else assert.ok(await isPending(page, 3000), JSON.stringify(answer));
      await page.close();
    }

    // Narrow screens.
    page = await start({ options: { mode: "frame" } });
    await inFrame(page);
    await page.setViewportSize({ width: 320, height: 500 });
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
    const box = await page.locator("dialog").boundingBox();
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 320 && box.y + box.height <= 500, JSON.stringify(box));
  },

  // N65.
  async messages() {
    const strange = `http://localhost:${port(stranger)}`;
    for (const mode of ["popup", "frame"]) {
      const page = await start({ options: { mode } });
      const target = mode === "popup" ? page.opened : await inFrame(page);
      if (mode === "popup") await target.waitForURL(link);
      // From this page, from a frame of a stranger, and from another frame of the hub.
      await page.evaluate((message) => window.postMessage(message, "*"), connected());
      for (const src of [strange, link]) {
        await page.evaluate((src) => new Promise((resolve) => {
          const frame = document.body.appendChild(Object.assign(document.createElement("iframe"), { src, id: "other" }));
          frame.onload = resolve;
        }), src);
        const other = await (await page.$("#other")).contentFrame();
        await other.evaluate((message) => window.parent.postMessage(message, "*"), connected());
        await page.evaluate(() => document.querySelector("#other").remove());
      }
      // The right window, led elsewhere.
      const lead = async (to) => {
        await target.evaluate((to) => void setTimeout(() => (location.href = to)), to);
        await target.waitForURL((url) => url.href.startsWith(to));
      };
      await lead(strange);
      await say(target, connected(), "*");
      await lead(link);
      // The right window, and words that are not ours.
      for (const data of [null, 1, "keyway.connected", {}, { type: "connected" }, { type: "keyway.failed2" }, { type: "xkeyway.connected" }, [], { type: ["keyway.x"] }]) {
        await say(target, data);
      }
      assert.ok(await isPending(page), mode);
      await say(target, connected());
      assert.equal((await result(page)).connectionId, id);
      assert.deepEqual(page.said, []);
    }
    // It says nothing to anybody.
    assert.ok(!String(script).includes("postMessage"));
  },

  async size() {
    const { code } = await transform(String(script), { minify: true });
    assert.ok(code.length < 3800, `${code.length} bytes`);
    assert.ok(!code.includes("import"), code);
  },
};

try {
  await checks[check]();
} finally {
  await browser.close();
  for (const server of [hubServer, stranger, platform]) {
    server.close();
    server.closeAllConnections();
  }
}
