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

// A page around a form. All that it asks for, says or runs is remembered.
const open = async (html, { script = true, width = 900 } = {}) => {
  const page = await browser.newPage({ viewport: { width, height: 900 } });
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
      <body><main><h1>Connect</h1>${html}</main></body></html>`;
    return route.fulfill({ contentType: "text/html", headers: { "content-security-policy": policy }, body });
  });
  await page.goto(site);
  return page;
};

const quiet = (page, name) => assert.deepEqual(page.said, [], name);

const violations = async (page) => {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), tags);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
};

const checks = {
  async accessible() {
    for (const { name, html } of input.forms) {
      for (const script of [false, true]) {
        const page = await open(html, { script });
        assert.deepEqual(await violations(page), [], name);
        if (script) await page.screenshot({ path: join(input.pictures, `${name}.png`), fullPage: true });
        await page.setViewportSize({ width: 320, height: 600 });
        assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320), `${name} at 320 px`);
        if (script) await page.screenshot({ path: join(input.pictures, `${name}_narrow.png`), fullPage: true });
        quiet(page, name);
        await page.close();
      }
    }
  },
};

try {
  await checks[input.check]();
} finally {
  await browser.close();
}
