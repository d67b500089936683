// Small forms: labelled fields, one button, and what came of it in words that are read aloud.

import { fill, h, write } from "./dom.js";
import { may, watch } from "./token.js";

let numbered = 0;

// A field with its label: `field("Reason", h("input", {...}))`.
export function field(text, control, wide = false) {
  control.id ||= `field-${(numbered += 1)}`;
  return h("div", { class: wide ? "field wide" : "field" }, h("label", { for: control.id }, text), control);
}

// choices: [[value, text], ...]
export function choice(choices, chosen) {
  return h("select", {}, choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

// A form whose button takes `right`: shown as it is without it, but not to be used. work(form) does it and returns what is to be said.
export function deed(title, right, button, fields, work) {
  const said = h("p", { class: "deed-said", role: "status" });
  const press = h("button", { type: "submit" }, button);
  const form = h("form", { class: "deed", "aria-label": title }, fields, press, said);
  let busy = false;
  const allow = () => {
    const allowed = may(right);
    for (const each of form.querySelectorAll("input, select, button, textarea")) each.disabled = !allowed || busy;
    press.title = allowed ? "" : `takes a token with the right “${right}”`;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !form.reportValidity()) return;
    busy = true;
    allow();
    fill(said, "…");
    form.dataset.outcome = "";
    try {
      fill(said, await work(form));
      form.dataset.outcome = "done";
    } catch (error) {
      if (error.status === undefined) throw error;
      write(said, `Not done: ${error.message}.`);
      form.dataset.outcome = "refused";
    } finally {
      busy = false;
      allow();
    }
  });
  const end = watch(() => (form.isConnected || !form.dataset.shown ? allow() : end()));
  form.dataset.shown = "";
  return form;
}

// A dialog over the page with a heading and a way out; Escape ends it too.
export function dialog(id, title, ...inside) {
  const shut = h("button", { type: "button", class: "dialog-close", "aria-label": "Close (Escape)", onclick: () => root.close() }, "✕");
  const root = h("dialog", { id, class: "deeds-dialog", "aria-labelledby": `${id}-title` },
    h("div", { class: "dialog-head" }, h("h2", { id: `${id}-title` }, title), shut), inside);
  return root;
}
