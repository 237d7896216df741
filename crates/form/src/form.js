// A field may have any id and so hide a lower-case member of its form, such as `form.action`: none is used.
(() => {
  "use strict";
  const known = new WeakSet();
  const revealed = new Set();
  // A line that comes while a button is pressed moves the button away from under the pointer, and nothing is clicked.
  let isPressed = false;
  addEventListener("mousedown", () => (isPressed = true), true);
  // What is dragged away is let go of without a word of the button; so is what is let go of outside of the window.
  ["mouseup", "dragend", "blur"].forEach((type) => addEventListener(type, ({ target }) => {
    if (type !== "blur" || target === window) isPressed = false;
  }, true));
  const hideAll = () => revealed.forEach((hide) => hide());

  // As core does: white space, a pair of quotes, each prefix once.
  const trim = (text) => text.replace(/^\p{White_Space}+|\p{White_Space}+$/gu, "");
  const unquote = (text) =>
    /^(".*"|'.*'|`.*`|“.*”|‘.*’|<.*>)$/s.test(text) ? trim(text.slice(1, -1)) : text;
  const bare = (value, strip) => strip.reduce((value, prefix) => {
    const lower = value.toLowerCase();
    if (lower.startsWith(prefix.toLowerCase())) return unquote(trim(value.slice(prefix.length)));
    return lower === trim(prefix).toLowerCase() ? "" : value;
  }, unquote(trim(value)));

  const fits = (value, { prefix, charset, length }) =>
    value.startsWith(prefix) && value !== prefix && (!length || [...value].length === length) &&
    (!charset || new RegExp(`^[${charset}]+$`).test(value.slice(prefix.length)));

  // What is refused of every secret, in core's words; behind the usual prefix, or without it.
  const unfit = (value, { spaces, shape }) => {
    const prefix = shape?.prefix ?? "";
    const rest = value.startsWith(prefix) ? value.slice(prefix.length) : value;
    if (/^\[redacted\]$|[•●∙⬤⚫]|^[*·….]+$|^\*{4,}(?!\*).{0,4}$/su.test(value))
      return "This is the mask that hides the value; paste the value itself.";
    if (/^…|^[*.…]{3,}(?![*.…]).{0,4}$|^your[_\-. ](.*[_\-. ])?(key|token|secret|password|here)$/isu.test(rest))
      return "This only stands in the place of the value; paste the value itself.";
    if (/^[$>#]?\s*(curl(\.exe)?|https?|wget|export|set|-H|--header)\s/i.test(value))
      return "This is a whole command; paste the value alone.";
    if (spaces) return "";
    if (/^[a-z][a-z0-9-]*: /i.test(value)) return "This is a whole header line; paste the value alone.";
    const at = [...value].findIndex((c) => /\p{White_Space}/u.test(c)) + 1;
    return at && `Character ${at} is a space, which does not belong there; copy it again, and nothing else.`;
  };

  const hint = (text, hints, isSecret) => {
    const { strip, mistakes, shape } = hints;
    const value = bare(text, strip);
    const said = [];
    if (!value) return "";
    const refusal = isSecret && unfit(value, hints);
    if (refusal) return refusal;
    for (const { prefix = "", suffix = "", contains = "", refuse, say } of mistakes) {
      if (!value.startsWith(prefix) || !value.endsWith(suffix) || !value.includes(contains)) continue;
      said.push(say);
      if (refuse) return said.join(" ");
    }
    if (shape && !fits(value, shape)) said.push(shape.say);
    return said.join(" ");
  };

  // What stands between backticks is code.
  const drawn = (text) => text.split(/`([^`]+)`/).map((part, index) =>
    index % 2 ? Object.assign(document.createElement("code"), { dir: "ltr", textContent: part }) : part);

  const add = (input, name, kind) => {
    const element = document.createElement(name);
    element.className = `keyway-${kind}`;
    element.id = `${input.id}-${kind}`;
    input.after(" ", element);
    return element;
  };

  const addHint = (input) => {
    const hints = JSON.parse(input.dataset.keywayHints);
    const note = add(input, "p", "hint");
    note.role = "status";
    input.setAttribute("aria-describedby", `${input.getAttribute("aria-describedby") ?? ""} ${note.id}`);
    let pause;
    const show = () => {
      clearTimeout(pause);
      if (isPressed) pause = setTimeout(show, 100);
      else note.replaceChildren(...drawn(hint(input.value, hints, input.matches(".keyway-secret"))));
    };
    input.addEventListener("change", show);
    input.addEventListener("input", (event) => {
      clearTimeout(pause);
      if (note.textContent || /^insertFrom/.test(event.inputType)) show();
      else pause = setTimeout(() => input.value.length > 7 && show(), 1000);
    });
  };

  const addReveal = (input) => {
    const button = add(input, "button", "reveal");
    button.type = "button";
    button.setAttribute("aria-controls", input.id);
    const set = (shown) => {
      input.type = shown ? "text" : "password";
      button.textContent = shown ? "Hide" : "Show";
      button.ariaLabel = `${button.textContent} ${input.labels[0].firstChild.textContent}`;
      revealed[shown ? "add" : "delete"](hide);
    };
    const hide = () => set(false);
    hide();
    button.addEventListener("click", () => set(input.type === "password"));
  };

  const addForm = (form) => {
    if (known.has(form)) return;
    known.add(form);
    form.querySelectorAll("[data-keyway-hints]").forEach(addHint);
    form.querySelectorAll("input[type=password]").forEach(addReveal);
    let sent;
    addEventListener("pageshow", () => (sent = null));
    form.addEventListener("submit", (event) => {
      hideAll();
      // Once, unless the page kept it back, or nothing came of it for ten seconds.
      if (sent && !sent.defaultPrevented && event.timeStamp < sent.timeStamp + 1e4) event.preventDefault();
      else sent = event;
    });
    // After `autofocus`, which frames and later forms lack.
    requestAnimationFrame(() => form.querySelector(".keyway-problems, [aria-invalid=true]")?.focus());
  };

  const start = () => document.querySelectorAll("form.keyway-form").forEach(addForm);
  addEventListener("pagehide", hideAll);
  document.addEventListener("visibilitychange", () => document.hidden && hideAll());
  document.addEventListener("keyway:refresh", start);
  document.addEventListener("DOMContentLoaded", start);
  start();
})();
