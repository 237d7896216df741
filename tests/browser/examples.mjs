// Links an account from a platform's own page, and sends the platform webhooks.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";
import { launch } from "./chromium.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const line = async () => JSON.parse((await lines.next()).value);
const input = await line();
const ask = (question) => {
  console.log(`? ${JSON.stringify(question)}`);
  return line();
};

const browser = await launch();
const page = await browser.newPage();
page.setDefaultTimeout(60000);
await page.goto(input.platform);

const linked = async (page) => {
  await page.getByRole("link", { name: /Rootly/ }).click();
  await page.locator("[name=api_key]").fill(`rootly_${"600d".repeat(16)}`);
  await page.locator("button.keyway-submit").click();
  await page.locator('form[action$="/confirm"] button[type=submit]').first().click();
};

try {
  const start = page.getByRole("button", { name: "Link an account" });
  if (input.how === "popup") {
    const [popup] = await Promise.all([page.waitForEvent("popup"), start.click()]);
    await linked(popup);
  } else {
    await start.click();
    await page.locator('form[action^="/link/"] button').click();
    await linked(page);
    // On the hub's page, one more press leads back.
    await page.locator(`a[href^="${input.platform}"]`).click();
    await page.waitForURL(`${input.platform}/**`);
  }
  const [connection, ...more] = await ask({ do: "connections", end_user: "user-42" });
  assert.deepEqual(more, []);
  await page.getByText(connection.id).waitFor();

  // What is linked is used: the provider's own answer comes through the gateway.
  const me = await (await fetch(`${input.platform}/users/me`)).json();
  assert.equal(me.data.attributes.full_name, "Ada Lovelace");

  // https://www.standardwebhooks.com
  const key = Buffer.from(input.secret.slice("whsec_".length), "base64");
  const now = Math.floor(Date.now() / 1000);
  const sign = (id, time, body, with_ = key) => `v1,${createHmac("sha256", with_).update(`${id}.${time}.${body}`).digest("base64")}`;
  const body = JSON.stringify({ type: "connection.created", data: { name: "Zoë" } });
  const good = sign("evt_1", now, body);
  const other = sign("evt_1", now, body, Buffer.from("another"));
  const send = async (id, time, signature, text = body) => {
    const named = { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature };
    const headers = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined).map(([name, value]) => [name, String(value)]));
    return (await fetch(`${input.platform}/webhook`, { method: "POST", headers, body: text })).status;
  };
  const refused = [
    ["evt_1", now, other],
    ["evt_2", now, good],
    ["evt_1", now + 1, good],
    ["evt_1", now, good, `${body} `],
    ["evt_1", now, undefined],
    [undefined, now, good],
    ["evt_1", undefined, good],
    ["evt_1", now, ""],
    ["evt_1", now, "v1,"],
    ["evt_1", now, good.slice(0, -4)],
    ["evt_1", now, good.replace("v1,", "v2,")],
    ["evt_1", now, `v1,${"é".repeat(44)}`],
    ["evt_1", "soon", sign("evt_1", "soon", body)],
    ["evt_1", now - 400, sign("evt_1", now - 400, body)],
    ["evt_1", now + 400, sign("evt_1", now + 400, body)],
  ];
  for (const each of refused) assert.equal(await send(...each), 400, JSON.stringify(each));
  // While a secret is changed there are two signatures.
  assert.equal(await send("evt_1", now, `${other} ${good}`), 200);

  // The first mistake of all: a session for no page, or for another one.
  for (const parent_origin of input.how === "popup" ? [undefined, input.platform.replace("127.0.0.1", "localhost")] : []) {
    const { link } = await ask({ do: "session", end_user: "user-42", purpose: { purpose: "connect" }, parent_origin });
    const open = async (session) => (await import("/keyway.js")).Keyway.open({ session, mode: "frame" }).catch((error) => error.message);
    const expected = `the session was not made for this page: its "parent_origin" has to be "${input.platform}"`;
    assert.equal(await page.evaluate(open, link), expected);
  }

  await ask({ do: "revoke", token: input.token });
  const refusedLink = await fetch(`${input.platform}/link`, { method: "POST", redirect: "manual" }).catch(() => ({ status: 502 }));
  assert.equal(refusedLink.status, 502);
} finally {
  await browser.close();
  process.stdin.destroy();
}
