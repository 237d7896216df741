// A platform whose users link accounts in a popup: its own server, and `page.html`. It needs Node 20, and
// `npm install`, KEYWAY_URL=http://127.0.0.1:8081 (the API), KEYWAY_TOKEN=kwa_…, KEYWAY_GATEWAY=http://127.0.0.1:8080 for calls
// with what is linked, and KEYWAY_WEBHOOK_SECRET=whsec_… for webhooks.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";

// -- Linking an account --
const keyway = async (path, body) => {
  const headers = { authorization: `Bearer ${process.env.KEYWAY_TOKEN}`, "content-type": "application/json" };
  const answer = await fetch(process.env.KEYWAY_URL + path, { headers, ...body && { method: "POST", body: JSON.stringify(body) } });
  // What is wrong stands in the body, and never a value.
  return answer.ok ? answer.json() : Promise.reject(new Error(`Keyway answers ${answer.status}: ${await answer.text()}`));
};
const link = (user) => keyway("/v1/sessions", { end_user: user, purpose: "connect", parent_origin: origin });
const linked = (user) => keyway(`/v1/connections?end_user=${encodeURIComponent(user)}`);

// -- Using an account --
// The token is shown once. Whoever has it may do so much with this one account; keep it for as long as it lasts.
const grant = async (connection) => {
  const { token } = await keyway(`/v1/connections/${connection}/grants`, { methods: ["GET"], expires_in: 3600 });
  return token;
};
// The provider's own path, and its own answer.
const call = (connection, token, path) =>
  fetch(`${process.env.KEYWAY_GATEWAY}/c/${connection}${path}`, { headers: { "keyway-grant": token } });

// -- Webhooks --
// https://www.standardwebhooks.com: nobody else could have signed it, and nobody sends an old one again.
const isFromKeyway = (headers, body) => {
  const [id, time, signatures] = ["id", "timestamp", "signature"].map((name) => headers[`webhook-${name}`] ?? "");
  const key = Buffer.from((process.env.KEYWAY_WEBHOOK_SECRET ?? "").replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${time}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${signature}`);
  const fits = (one) => one.length === expected.length && timingSafeEqual(one, expected);
  const isFresh = Math.abs(Date.now() / 1000 - Number(time)) < 300;
  return key.length > 0 && isFresh && signatures.split(" ").some((one) => fits(Buffer.from(one)));
};

// -- The platform as it was --
const user = "user-42"; // Whoever is signed in.
const script = await readFile(new URL(import.meta.resolve("@keyway/connect")));
const page = await readFile(new URL("page.html", import.meta.url));
const routes = {
  "GET /": () => ["text/html", page],
  "GET /keyway.js": () => ["text/javascript", script],
  "POST /link": async () => ["application/json", JSON.stringify(await link(user))],
  // What the page says is not to be trusted: the hub says whose a connection is.
  "GET /linked": async () => ["application/json", JSON.stringify((await linked(user)).data)],
  "GET /users/me": async () => {
    const [{ id }] = (await linked(user)).data;
    return ["application/json", await (await call(id, await grant(id), "/v1/users/me")).text()];
  },
  "POST /webhook": async (request) => {
    const body = await buffer(request);
    if (!isFromKeyway(request.headers, body)) return [];
    console.log(JSON.parse(body).type);
    return ["text/plain", "thank you"];
  },
};
const server = createServer(async (request, answer) => {
  try {
    const [type, body] = (await routes[`${request.method} ${request.url}`]?.(request)) ?? [];
    if (type) answer.setHeader("content-type", type).end(body);
    else answer.writeHead(400).end();
  } catch (error) {
    console.error(error.message);
    answer.writeHead(502).end();
  }
});
let origin;
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  origin = `http://127.0.0.1:${server.address().port}`;
  console.log(`open ${origin}`);
});
