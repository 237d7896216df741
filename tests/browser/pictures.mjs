// Takes the pictures that the documents show, of a running `keyway serve --sandbox`: `just pictures`.
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const out = fileURLToPath(new URL("../../crates/connect/pictures/", import.meta.url));
const kept = ["link-light-320", "choose-light", "key-rally-light", "confirm-light", "accounts-dark"];
const [url, token] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
const session = async (body) => {
  const answer = await fetch(`${url}/v1/sessions`, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.json();
};
const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="16" fill="#7c2bd9"/>' +
  '<path d="M16 5l7 18-7-4-7 4z" fill="#fff"/></svg>';
const logo = `data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}`;
const look = { name: "Acme Rockets", accent: "#7c2bd9", logo };
for (const [theme, width] of [["light", 1000], ["dark", 1000], ["light", 320]]) {
  const context = await browser.newContext({ colorScheme: theme, viewport: { width, height: 700 } });
  const page = await context.newPage();
  const made = await session({ end_user: "grace-" + theme + width, purpose: "connect", look });
  const shot = async (what) => {
    const name = `${what}-${theme}${width === 320 ? "-320" : ""}`;
    if (kept.includes(name)) await page.screenshot({ path: `${out}${name}.png`, fullPage: true });
  };
  await page.goto(made.link);
  await shot("link");
  await page.click("button[type=submit]");
  await page.waitForURL(/connect/);
  await shot("choose");
  await page.click("a[href*='providers/rally']");
  await page.waitForSelector("input[type=password]");
  await shot("key-rally");
  await page.fill("input[type=password]", "_madeUpRevoked00000000000000000000000000000");
  await page.click("button.keyway-submit");
  await page.waitForLoadState("networkidle");
  await shot("wrong");
  await page.fill("input[type=password]", "_madeUpGood00000000000000000000000000000000");
  await page.click("button.keyway-submit");
  await page.waitForSelector("input[name=name]");
  await shot("confirm");
  await page.click("button[type=submit]");
  await page.waitForLoadState("networkidle");
  await shot("done");
  const list = await session({ end_user: "grace-" + theme + width, purpose: "manage", look });
  await page.goto(list.link);
  await page.click("button[type=submit]");
  await page.waitForLoadState("networkidle");
  await shot("accounts");
  await context.close();
}
await browser.close();
