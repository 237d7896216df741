// Opens forms in Chromium and looks at them as a person, a screen reader and an attacker would.
import assert from "node:assert/strict";
import { readFileSync, existsSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, join } from "node:path";
import { chromium } from "playwright-core";

const input = JSON.parse(readFileSync(0, "utf8"));
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const executablePath = process.env.PATH.split(delimiter).map((folder) => join(folder, process.env.CHROMIUM)).find(existsSync);
const browser = await chromium.launch({
  executablePath,
  args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"],
});

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'";
const site = "https://page.example/";
const wide = { width: 900, height: 900 };

// A page around a form. All that it asks for, says or runs is remembered.
const open = async (html, { script = true, clock = false } = {}) => {
  const page = await browser.newPage({ viewport: wide, permissions: ["clipboard-read", "clipboard-write"] });
  if (clock) await page.clock.install();
  page.html = html;
  page.said = [];
  page.sent = [];
  page.on("console", (message) => page.said.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => page.said.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => page.said.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  await page.route("**/*", async (route) => {
    const request = route.request();
    const { origin, pathname } = new URL(request.url());
    if (pathname === "/form.js") {
      return route.fulfill({ contentType: "text/javascript", body: input.script });
    }
    if (request.method() === "POST" && pathname === "/sent") {
      page.sent.push({ url: request.url(), body: request.postData() });
      return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>Sent</title>" });
    }
    if (`${origin}/` !== site || pathname !== "/") {
      page.said.push(`request: ${request.url()}`);
      return route.abort();
    }
    const body = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Connect</title>
      <meta name="viewport" content="width=device-width">
      ${script ? '<script src="/form.js" defer></script>' : ""}</head>
      <body><main><h1>Connect</h1>${page.html}</main></body></html>`;
    return route.fulfill({ contentType: "text/html", headers: { "content-security-policy": policy }, body });
  });
  await page.goto(site);
  return page;
};

const quiet = (page, name) => assert.deepEqual(page.said, [], name);

const violations = async (page) => {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values }, resultTypes: ["violations"] }), tags);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
};

const within = (page, selector) => page.locator(`form.keyway-form ${selector}`);
const named = (page, name) => within(page, `[name=${name}]`);
const secret = "ev_0123abcd";
const filled = { site: "acme", region: "eu", team: "", server: "", host: "", user: "made-up", note: "two\r\nlines", project: "main" };

const fill = async (page) => {
  for (const [name, value] of Object.entries(filled)) {
    if (["region", "team"].includes(name)) await named(page, name).selectOption(value);
    else await named(page, name).fill(value);
  }
  await named(page, "api_key").fill(secret);
};

const checks = {
  async accessible() {
    for (const script of [false, true]) {
      const page = await open("", { script });
      for (const { name, html } of input.forms) {
        page.html = html;
        await page.goto(site);
        assert.deepEqual(await violations(page), [], name);
        if (script) await page.screenshot({ path: join(input.pictures, `${name}.png`), fullPage: true });
        await page.setViewportSize({ width: 320, height: 600 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} at 320 px`);
        await page.setViewportSize(wide);
        quiet(page, name);
      }
    }
  },

  async used() {
    const [empty, errors, one] = input.forms.map(({ html }) => html);

    // With the keyboard alone.
    let page = await open(empty);
    const reached = [];
    for (let steps = 0; steps < 40 && reached.at(-1) !== "Connect"; steps += 1) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(() => document.activeElement.name || document.activeElement.textContent));
    }
    assert.deepEqual(reached, [
      "keys", "documentation", "Every",
      "site", "region", "team", "server", "host", "user", "note", "project",
      "step 2 of the guide", "api_key", "Show", "pem", "Connect",
    ]);
    const button = within(page, "button.keyway-reveal");
    const key = named(page, "api_key");
    const isShown = async () => [await key.getAttribute("type"), await button.textContent(), await button.getAttribute("aria-label")];
    const shown = ["text", "Hide", "Hide API key"];
    const hidden = ["password", "Show", "Show API key"];
    assert.deepEqual(await isShown(), hidden);
    await key.fill(secret);
    await button.focus();
    for (const press of ["Space", "Enter"]) {
      await page.keyboard.press(press);
      assert.deepEqual(await isShown(), shown);
      await page.keyboard.press(press);
      assert.deepEqual(await isShown(), hidden);
    }

    // Hidden again when the page is left, covered, or sent.
    const leave = [
      () => dispatchEvent(new Event("pagehide")),
      () => {
        Object.defineProperty(document, "hidden", { value: true });
        document.dispatchEvent(new Event("visibilitychange"));
      },
      () => {
        const form = document.querySelector("form");
        form.addEventListener("submit", (event) => event.preventDefault());
        form.requestSubmit();
      },
    ];
    for (const left of leave) {
      await button.click();
      assert.deepEqual(await isShown(), shown);
      await page.evaluate(left);
      assert.deepEqual(await isShown(), hidden, left.toString());
    }

    // A value is in its input and nowhere else.
    assert.equal(await key.inputValue(), secret);
    assert.ok(!(await page.content()).includes(secret));
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
    quiet(page);
    await page.close();

    // The hints are core's.
    page = await open(empty);
    for (const { field, value, said } of input.hints) {
      await named(page, field).fill(value);
      await named(page, field).blur();
      assert.equal(await page.locator(`#keyway-field-${field}-hint`).textContent(), said.replaceAll("`", ""), value);
      assert.equal(await named(page, field).inputValue(), value);
    }
    const described = await named(page, "api_key").getAttribute("aria-describedby");
    assert.deepEqual(described.split(" "), ["keyway-field-api_key-step", "keyway-field-api_key-hint"]);
    assert.deepEqual(await violations(page), []);
    await page.screenshot({ path: join(input.pictures, "every_hints.png"), fullPage: true });
    await page.close();

    // At once after a paste; while somebody types, after a pause, and not for the first characters.
    page = await open(empty, { clock: true });
    const hint = page.locator("#keyway-field-api_key-hint");
    const paste = async (text) => {
      await page.evaluate((value) => navigator.clipboard.writeText(value), text);
      await named(page, "api_key").focus();
      await page.keyboard.press("Control+A");
      await page.keyboard.press("Control+V");
    };
    await paste("made-up");
    assert.match(await hint.textContent(), /^This does not look right: it usually/);
    await paste(secret);
    assert.equal(await hint.textContent(), "");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("madeUp0");
    await page.clock.runFor(5000);
    assert.equal(await hint.textContent(), "");
    await page.keyboard.type("1");
    assert.equal(await hint.textContent(), "");
    await page.clock.runFor(1000);
    assert.match(await hint.textContent(), /^This does not look right: it usually/);
    // Not while a button is pressed, which would move; what is dragged or left is pressed no more.
    const ends = {
      mouseup: () => document.body.dispatchEvent(new MouseEvent("mouseup", { bubbles: true })),
      dragend: () => document.body.dispatchEvent(new DragEvent("dragend", { bubbles: true })),
      blur: () => window.dispatchEvent(new FocusEvent("blur")),
    };
    for (const [name, end] of Object.entries(ends)) {
      await paste(secret);
      assert.equal(await hint.textContent(), "");
      await page.evaluate(() => document.body.dispatchEvent(new MouseEvent("mousedown", { bubbles: true })));
      await paste("made-up");
      await page.clock.runFor(1000);
      assert.equal(await hint.textContent(), "", name);
      await page.evaluate(end);
      await page.clock.runFor(1000);
      assert.match(await hint.textContent(), /^This does not look right: it usually/, name);
    }
    quiet(page);
    await page.close();

    // What is sent, with script and without.
    for (const script of [true, false]) {
      page = await open(empty, { script });
      await fill(page);
      await within(page, "button.keyway-submit").click();
      await page.waitForURL("**/sent");
      const [{ url, body }] = page.sent;
      assert.equal(url, `${site}sent`);
      const sent = { csrf: "made-up-token", ...filled, api_key: secret, pem: "" };
      assert.deepEqual([...new URLSearchParams(body)], Object.entries(sent));
      quiet(page);
      await page.close();
    }

    // It is sent once: unless the page keeps it back, or shows it again.
    page = await open(empty);
    const refusals = await page.evaluate(() => {
      const form = document.querySelector("form");
      const found = [];
      let keepsBack = true;
      form.addEventListener("submit", (event) => {
        found.push(event.defaultPrevented);
        if (keepsBack) event.preventDefault();
      });
      form.requestSubmit();
      form.requestSubmit();
      keepsBack = false;
      form.requestSubmit();
      form.requestSubmit();
      dispatchEvent(new Event("pageshow"));
      form.requestSubmit();
      return found;
    });
    assert.deepEqual(refusals, [false, false, false, true, false]);
    await page.close();

    // What was wrong has the focus, and leads to its input.
    for (const script of [true, false]) {
      page = await open(errors, { script });
      await page.waitForFunction(() => document.activeElement.matches("[role=alert]"));
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.name), "site");
      quiet(page);
      await page.close();
    }

    // The only one is told once, at its input, which has the focus.
    for (const script of [true, false]) {
      page = await open(one, { script });
      await page.waitForFunction(() => document.activeElement.name === "api_key");
      assert.equal(await page.getByText("Character 4 is a space").count(), 1);
      quiet(page);
      await page.close();
    }

    // What looks like code is drawn as code.
    page = await open(empty);
    await named(page, "api_key").fill("madeUp01");
    await named(page, "api_key").blur();
    assert.equal(await page.locator("#keyway-field-api_key-hint code").textContent(), "ev_");
    await page.close();

    // A form that comes later.
    page = await open("");
    await page.evaluate((html) => {
      document.querySelector("main").innerHTML = html;
      for (let times = 0; times < 2; times += 1) document.dispatchEvent(new Event("keyway:refresh"));
    }, errors.replace(" autofocus", ""));
    assert.equal(await within(page, "button.keyway-reveal").count(), 1);
    await page.waitForFunction(() => document.activeElement.matches("[role=alert]"));
    await page.close();
  },

  // All on one page: whatever breaks out of one changes the others.
  async inert() {
    const page = await open(input.forms.map(({ html }) => html).join(""));
    const found = await page.evaluate(() => {
      for (const control of document.querySelectorAll("[data-keyway-hints]")) {
        control.value = "made-up";
        control.dispatchEvent(new Event("change"));
      }
      const forms = [...document.querySelectorAll("main > form")];
      return {
        labels: forms.map((form) => form.querySelector("label strong").textContent),
        hints: forms.map((form) => form.querySelector(".keyway-hint").textContent),
        lines: forms.map((form) => form.querySelector("[name=lines]").value),
        elements: [...new Set([...document.querySelectorAll("main, main *")].map(({ localName }) => localName))].sort(),
        attributes: [...document.querySelectorAll("main *")].flatMap(({ attributes }) => [...attributes])
          .filter(({ name }) => /^(on|style|src|form)/.test(name)).map(({ name, value }) => `${name}=${value}`),
        links: [...document.querySelectorAll("a")].map(({ protocol }) => protocol).filter((protocol) => protocol !== "https:"),
      };
    });
    const texts = input.forms.map(({ name }) => name);
    assert.deepEqual(found.labels, texts);
    assert.deepEqual(found.lines, texts.map((text) => `x${text}`));
    found.hints.forEach((hint, index) => assert.ok(hint.includes(texts[index].slice(1)), hint));
    assert.deepEqual(found.elements, [
      "a", "button", "code", "div", "form", "h1", "h2", "h3", "input", "label", "li", "main", "ol", "option", "p",
      "section", "select", "strong", "span", "table", "tbody", "td", "textarea", "th", "thead", "tr", "ul",
    ].sort());
    assert.deepEqual(found.attributes, []);
    assert.deepEqual(found.links, []);
    quiet(page);
  },
};

try {
  await checks[input.check]();
} finally {
  await browser.close();
}
