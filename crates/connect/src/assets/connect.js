// Nothing needs it; it spares a wait here and there. A field may have any id and so hide a member of its form: none is used.
(() => {
  "use strict";
  const each = (selector, use) => document.querySelectorAll(selector).forEach(use);
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

  // Narrows a list while somebody types.
  each("[data-filter]", (input) => {
    const count = document.querySelector("[data-count]");
    const empty = document.querySelector("[data-empty]");
    const items = [...document.querySelectorAll("[data-words]")].map((item) => [item, plain(item.dataset.words)]);
    let pause;
    const filter = () => {
      const asked = plain(input.value).split(/\s+/).filter(Boolean);
      let found = 0;
      for (const [item, words] of items) {
        item.hidden = !asked.every((word) => words.includes(word));
        found += !item.hidden;
      }
      each("[data-group]", (group) => (group.hidden = !group.querySelector("li:not([hidden])")));
      empty.hidden = found > 0;
      count.hidden = !asked.length;
      clearTimeout(pause);
      // Said once somebody stops typing.
      pause = setTimeout(() => (count.textContent = asked.length ? `${found} found` : ""), 400);
    };
    input.addEventListener("input", filter);
    // A list that the server has narrowed lacks the others: it is asked again.
    if (input.defaultValue) return;
    input.form.querySelector("button").hidden = true;
    // Enter opens what is found, and goes to the first of several.
    input.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const found = items.map(([item]) => item).filter((item) => !item.hidden);
      const first = found[0]?.querySelector("a");
      if (input.value.trim()) first?.focus();
      if (found.length === 1) first.click();
    });
    filter();
  });

  // A form is sent once, and says that it is.
  const sent = new Map();
  const said = document.createElement("p");
  said.className = "unseen";
  said.role = "status";
  document.querySelector("main")?.append(said);
  const reset = () => {
    for (const { button, html } of sent.values()) {
      if (html) button.replaceChildren(...html);
      button?.removeAttribute("aria-disabled");
    }
    sent.clear();
    said.textContent = "";
  };
  addEventListener("pageshow", (event) => event.persisted && reset());
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.getAttribute("method") !== "post") return;
    const last = sent.get(form);
    // Nothing came of it for ten seconds: the answer may be lost.
    if (last && event.timeStamp < last.at + 1e4) return event.preventDefault();
    const button = event.submitter ?? form.querySelector("button[type=submit]");
    const busy = button?.dataset.busy ?? (button?.className === "keyway-submit" ? "Checking…" : "");
    const html = last ? last.html : busy && [...button.childNodes];
    sent.set(form, { at: event.timeStamp, button, html });
    button?.setAttribute("aria-disabled", "true");
    if (busy) {
      button.textContent = busy;
      said.textContent = busy;
    }
  });

  // Whoever opened this frame or popup has pressed a button already, and does not come back here by "back".
  const isInside = parent !== window || !!opener;
  const isBack = performance.getEntriesByType("navigation")[0]?.type === "back_forward";
  each("form[data-auto]", (form) => isInside && !isBack && form.querySelector("button").click());

  // What came of it is told to the registered origin, and to nobody else.
  const tell = (type, connection_id, origin) => {
    const to = parent !== window ? parent : opener;
    if (!to || !origin) return false;
    to.postMessage(connection_id ? { type, connection_id } : { type }, origin);
    return true;
  };
  tell("keyway.shown", undefined, document.body.dataset.parent);
  each("[data-tell]", ({ dataset }) => {
    const isTold = tell(dataset.tell, dataset.connection, dataset.origin);
    if (isTold && parent === window) setTimeout(() => close(), 1500);
  });

  // The cookie is blocked in this frame: the link goes on in a window of its own, and its result is asked for.
  each("[data-result]", (link) => {
    let timer;
    const ask = async () => {
      try {
        const answer = await fetch(link.dataset.result, { credentials: "omit" });
        if (answer.status === 404 || answer.status === 410) return clearInterval(timer);
        const { ended, connection_id } = await answer.json();
        if (!ended) return;
        clearInterval(timer);
        tell(connection_id ? "keyway.connected" : "keyway.cancelled", connection_id, link.dataset.origin);
      } catch {
        // Not reachable, or no JSON: it is asked again.
      }
    };
    link.addEventListener("click", () => {
      each("[data-waiting]", (note) => (note.textContent = note.dataset.waiting));
      clearInterval(timer);
      timer = setInterval(ask, 2000);
    });
  });

  // Where `autofocus` does not work: in a frame.
  requestAnimationFrame(() => document.querySelector(".notice[autofocus], #name[autofocus]")?.focus());
})();
