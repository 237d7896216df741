const get = (url) => fetch(url, { credentials: "omit", cache: "no-store", signal: AbortSignal.timeout(5000) });

// What came of a session, by its link, which opens nothing any more; nothing where that cannot be asked.
const ask = async (link) => {
  let isAnswered;
  try {
    const answer = await get(link + "/result");
    isAnswered = true;
    if (answer.ok) return await answer.json();
    if (answer.status < 429) return { status: "expired" };
  } catch {
    // The hub answers anybody, and keeps from this page what came of the session: it was made for a page of another origin.
    try {
      if (!isAnswered && (await get(new URL("/keyway.js", link))).ok) return { status: "foreign" };
    } catch {}
  }
};

const popup = () => {
  const [left, top] = [screenX + (outerWidth - 520) / 2, screenY + (outerHeight - 760) / 2];
  const view = open("about:blank", "_blank", `popup,width=520,height=760,left=${left | 0},top=${top | 0}`);
  let isShown;
  return view && {
    window: () => view,
    go: (link) => view.location.replace(link),
    end() {
      view.close();
      // A browser may miss it while the window is on its way to the link.
      setTimeout(() => view.close(), 500);
    },
    state() {
      if (view.closed) return isShown ? "closed" : "cut";
      try {
        isShown ||= view.location.href !== "about:blank";
      } catch {
        isShown = true;
      }
    },
  };
};

const make = (name, properties) => Object.assign(document.createElement(name), properties);

const frame = (container) => {
  const before = document.activeElement;
  const title = "Connect an account";
  const view = make("iframe", { title, referrerPolicy: "no-referrer", style: "display:block;width:100%;height:100%;border:0" });
  const size = "box-sizing:border-box;width:60rem;height:50rem;max-width:100%;max-height:100%;overflow:hidden";
  const looks = "color-scheme:light dark;padding:0;border:0;border-radius:12px;box-shadow:0 0 0 100vmax #0006";
  const dialog = container ? null : make("dialog", { ariaLabel: title, style: `${size};${looks}` });
  if (dialog) {
    const style = "display:block;margin-inline-start:auto;width:44px;height:44px;border:0;background:none;color:inherit;font:inherit";
    const onclick = () => dialog.close();
    dialog.append(make("button", { textContent: "✕", ariaLabel: "Close", style, onclick }), view);
    view.style.height = "calc(100% - 44px)";
    document.body.append(dialog);
    dialog.showModal();
  } else container.append(view);
  return {
    window: () => view.contentWindow,
    go(link) {
      view.onload = () => (view.onload = view.focus());
      view.src = link;
    },
    end() {
      (dialog ?? view).remove();
      if (document.activeElement === document.body) before?.focus();
    },
    state: () => (view.isConnected && dialog?.open !== false ? "frame" : "closed"),
  };
};

export const Keyway = {
  /** Opens a session: see `keyway.d.ts`. */
  async open({ session, mode, container, signal }) {
    signal?.throwIfAborted();
    // First of all: a window that is not opened in the click itself is blocked.
    const view = mode === "frame" ? frame(container) : popup();
    if (!view) return { reason: "blocked" };
    const over = new AbortController();
    let link, timer, isAsking, isShown, isForeign, ticks = 0;
    return new Promise((resolve, reject) => {
      // A page with `Cross-Origin-Opener-Policy: same-origin` is cut off from its popup, which looks closed then, and tells nothing.
      const look = async () => {
        const state = view.state();
        const isCut = link && state === "cut" && !isShown;
        const isFrame = state === "frame";
        // A popup that has shown itself tells what comes of it.
        const isOpen = isCut || isFrame || !state;
        if (isAsking || (isOpen && (!link || (!state && isShown) || ++ticks % (isFrame && isShown ? 40 : 8)))) return;
        isAsking = true;
        const { status, ended, connection_id: connectionId, provider } = (link && (await ask(link))) ?? {};
        isAsking = false;
        const isUsed = /^(opened|connected)$/.test(status);
        const wasForeign = isForeign;
        isForeign = status === "foreign" && !isShown;
        if (isForeign) {
          // Twice, for a hub may be on its way up. It is better known before a key is entered.
          const error = `the session was not made for this page: its "parent_origin" has to be "${location.origin}"`;
          if (wasForeign || !isOpen) reject(new Error(error));
        } else if (!state) return;
        else if (connectionId && (ended || !isOpen)) resolve({ connectionId, provider });
        else if (/^(cancelled|expired)$/.test(status)) resolve({ reason: status });
        // Somebody else has opened it: a frame may not even show that.
        else if (isUsed && !isShown && !isCut) resolve({ reason: "expired" });
        // Nobody is in the popup: it was closed before it showed anything.
        else if (!isOpen || (isCut && !isUsed && document.hasFocus())) {
          resolve({ reason: !link || (status && status !== "foreign") ? "closed" : "unknown" });
        }
      };
      const hear = async ({ origin, source, data }) => {
        if (!link || origin !== new URL(link).origin || source !== view.window()) return;
        const [, type] = /^keyway\.(?:re)?(connected|cancelled|shown)$/.exec(data?.type) ?? [];
        if (type === "shown") return (isShown = true);
        if (type !== "connected") return type && resolve({ reason: type });
        isAsking = true;
        resolve({ connectionId: data.connection_id, provider: (await ask(link))?.provider });
      };
      timer = setInterval(look, 250);
      addEventListener("message", hear, { signal: over.signal });
      signal?.addEventListener("abort", () => reject(signal.reason), { signal: over.signal });
      Promise.resolve(session).then((given) => {
        // Every text has a method `link`.
        const text = typeof given === "string" ? given : given?.link;
        if (!/^https?:\/\/./.test(text)) throw new TypeError("`session` has no link: give what POST /v1/sessions answered, or its `link`");
        view.go((link = new URL(text).href));
      }).catch(reject);
    }).finally(() => {
      clearInterval(timer);
      over.abort();
      view.end();
    });
  },
};
