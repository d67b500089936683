// What people do on the page: hand it a token, acknowledge, silence, end a silence, label, send a test, run a drill. Read-only without one.

import { acting } from "./acting.js";
import { fill, h, write } from "./dom.js";
import { dialog, field } from "./forms.js";
import { silences } from "./silences.js";
import { enter, leave, renew, watch } from "./token.js";
import { drilling, testing } from "./tryout.js";

let entry = null; // the dialog that takes a token, made by mount
let waiting = []; // who waits until reading works again

// element: a place in the page's head.
export function mount(element, store) {
  const who = h("span", { class: "deeds-who" });
  const asking = button("Enter token", () => open(entry));
  const leaving = button("Sign out", leave);
  const quiet = silences(store);
  const drill = drilling(store);
  const drills = button("Drill…", () => open(drill.root));
  const line = h("div", { class: "deeds", role: "group", "aria-label": "What you may do" }, quiet.button, drills, who, asking, leaving);
  entry = entering();
  fill(element, line);
  document.body.append(entry, quiet.root, drill.root);
  const sinks = document.getElementById("sinks");
  const test = sinks ? testing(store) : null;
  if (test) sinks.append(test.root);
  const ends = [
    watch((holder) => {
      write(who, holder ? `Signed in as ${holder.name}` : "Read-only");
      asking.hidden = holder !== null;
      leaving.hidden = holder === null;
      drills.hidden = !holder?.may.has("drill");
    }),
    store.subscribe("replay", (replay) => { drills.disabled = Boolean(replay); }),
    acting(() => open(entry)),
    quiet.end, drill.end, ...(test ? [test.end] : []),
  ];
  const ready = renew().catch(() => null);
  ready.then(() => { document.documentElement.dataset.deeds = ""; });
  return () => {
    ends.forEach((end) => end());
    for (const each of [entry, quiet.root, drill.root]) each.remove();
  };
}

// Reading takes a token: the tab's own, else one that is asked for. Resolves when reading works again.
export async function needToken() {
  const holder = await renew();
  if (holder) return holder;
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (entry) open(entry);
  });
}

function entering() {
  const input = h("input", { type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const said = h("p", { class: "deed-said", role: "status" });
  const form = h("form", { class: "deed", method: "dialog" }, field("Token", input, true), h("button", { type: "submit" }, "Use it"), said);
  const root = dialog("token-entry", "Enter your token",
    h("p", {}, "It is one of those in ", h("code", {}, "tokens:"), " of the configuration. This tab keeps it until it is closed; what you do is kept under its name."),
    form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    write(said, "…");
    try {
      const holder = await enter(input.value.trim());
      input.value = "";
      write(said, "");
      root.close();
      waiting.splice(0).forEach((resolve) => resolve(holder));
    } catch (error) {
      if (error.status === undefined) throw error;
      write(said, `Not taken: ${error.message}.`);
      input.select();
    }
  });
  root.addEventListener("close", () => {
    input.value = "";
    write(said, "");
  });
  return root;
}

function button(text, onclick) {
  return h("button", { type: "button", onclick }, text);
}

function open(root) {
  if (!root.open) root.showModal();
}
