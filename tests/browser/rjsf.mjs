// Draws forms with react-jsonschema-form as it comes from npm, fills them in as a person would, and writes what was submitted.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const { forms, out } = JSON.parse(readFileSync(0, "utf8"));

const PAGE = `
  import { createElement } from "react";
  import { createRoot } from "react-dom/client";
  import Form from "@rjsf/core";
  import { customizeValidator } from "@rjsf/validator-ajv8";
  import Ajv2020 from "ajv/dist/2020";

  const validator = customizeValidator({ AjvClass: Ajv2020 });
  const transformErrors = (errors) =>
    errors.map((error) =>
      ["pattern", "not"].includes(error.name) ? { ...error, message: "is not what is asked for; copy it again" } : error,
    );
  let root;
  window.draw = (props) => {
    root?.unmount();
    window.submitted = [];
    root = createRoot(document.getElementById("form"));
    const onSubmit = ({ formData }) => window.submitted.push(formData);
    // Without it, what is wrong is written to the console.
    const onError = () => {};
    root.render(createElement(Form, { ...props, validator, transformErrors, onSubmit, onError }));
  };
`;
const bundle = await build({
  stdin: { contents: PAGE, resolveDir: import.meta.dirname },
  bundle: true,
  write: false,
  format: "iife",
  define: { "process.env.NODE_ENV": '"production"' },
});

const browser = await chromium.launch({
  executablePath: execFileSync("which", [process.env.CHROMIUM], { encoding: "utf8" }).trim(),
  args: ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"],
});
const page = await browser.newPage();
const complaints = [];
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
page.on("dialog", (dialog) => complaints.push(dialog.message()) && dialog.dismiss());
await page.setContent('<!doctype html><title>Forms</title><div id="form"></div>');
await page.addScriptTag({ content: bundle.outputFiles[0].text });

const input = (id) => page.locator(`#root_${id}`);
const text = async (selector) => (await page.locator(selector).allTextContents()).join("\n");
const submit = () => page.click("button[type=submit]");
const submitted = () => page.evaluate(() => window.submitted);
const draw = async ({ schema, uiSchema, formData, extraErrors }) => {
  await page.evaluate((props) => window.draw(props), { schema, uiSchema, formData, extraErrors });
  await page.waitForSelector("button[type=submit]");
};

const all = {};
for (const { name, empty, refused, inputs, good, bad } of forms) {
  await draw(empty);
  assert.equal(await text("#root__title"), empty.schema.title, name);
  assert.equal(await text("#root__description"), empty.schema.description, name);
  const drawn = await page.locator("#root input, #root select, #root textarea").evaluateAll((all) => all.map(({ id }) => id));
  assert.deepEqual(drawn, inputs.map(({ id }) => `root_${id}`), `${name}: the order`);
  for (const { id, label, required, type, placeholder, help, description, choices, chosen } of inputs) {
    const about = `${name}: ${id}`;
    const found = await input(id).evaluate((it) => ({ type: it.type, placeholder: it.placeholder ?? "" }));
    assert.deepEqual(found, { type, placeholder: placeholder ?? "" }, about);
    assert.equal((await text(`label[for=root_${id}]`)).trim(), required ? `${label}*` : label, about);
    assert.equal(await text(`#root_${id}__help`), help ?? "", about);
    assert.equal(await text(`#root_${id}__description`), description ?? "", about);
    if (choices) {
      const options = await input(id).locator("option").allTextContents();
      assert.deepEqual(options.filter(Boolean), choices, about);
      const selected = await input(id).evaluate((it) => it.selectedOptions[0]?.textContent ?? "");
      assert.equal(selected, chosen ?? "", about);
    } else {
      // Its text areas know no `autocomplete`.
      if (type !== "textarea") assert.equal(await input(id).getAttribute("autocomplete"), "off", about);
      assert.equal(await input(id).inputValue(), empty.formData[id] ?? "", about);
    }
  }

  const fill = async (values) => {
    for (const { id, choices } of inputs) {
      if (!(id in values)) continue;
      await (choices ? input(id).selectOption({ label: values[id] }) : input(id).fill(values[id]));
    }
  };
  await fill({ ...good, [bad.id]: bad.value });
  await submit();
  await page.waitForSelector(`#root_${bad.id}__error`);
  assert.match(await text(`#root_${bad.id}__error`), /copy it again/, name);
  assert.deepEqual(await submitted(), [], `${name}: what is refused is not submitted`);

  await fill(good);
  await submit();
  await page.waitForFunction(() => window.submitted.length > 0);
  [all[name]] = await submitted();
  assert.equal(await page.locator("[id$=__error]").count(), 0, name);

  await draw(refused);
  for (const [id, { __errors }] of Object.entries(refused.extraErrors).filter(([id]) => id !== "__errors")) {
    assert.equal(await text(`#root_${id}__error`), __errors.join("\n"), name);
  }
  for (const error of refused.extraErrors.__errors ?? []) assert.ok((await text("#form")).includes(error), name);
  for (const { id } of inputs.filter(({ secret }) => secret)) assert.equal(await input(id).inputValue(), "", name);
  assert.ok(!(await page.content()).includes(bad.value), `${name}: nothing of a secret is drawn`);
}
assert.deepEqual(complaints, []);
await browser.close();
writeFileSync(out, JSON.stringify(all));
