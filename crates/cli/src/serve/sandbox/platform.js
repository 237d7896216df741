import { Keyway } from "/keyway.js";

const said = document.querySelector("[role=status]");
const show = (what) => (said.textContent = JSON.stringify(what, null, 2));

// The backend makes a session for whoever is signed in; only its link comes here.
const start = async (mode) => {
  const answer = await fetch("/sessions", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mode }),
  });
  if (!answer.ok) throw new Error(`no session was made: ${answer.status}`);
  return answer.json();
};

for (const button of document.querySelectorAll("button")) {
  button.addEventListener("click", async () => {
    const mode = button.value;
    try {
      const session = start(mode);
      if (mode === "page") location.assign((await session).link);
      else show(await Keyway.open({ session, mode }));
    } catch (error) {
      show({ error: error.message });
    }
  });
}

// Where a page comes back to, it says what came of it.
const back = Object.fromEntries(new URLSearchParams(location.search));
if (Object.keys(back).length) show(back);
