// In the drawer: acknowledge, silence and label the episode that is shown.

import { fill, h } from "./dom.js";
import { choice, deed, field } from "./forms.js";
import { silencing } from "./silences.js";
import { watch, act } from "./token.js";
import { moment } from "./words.js";

const LOOK_AFTER = [["30m", "30 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["", "until it is over"]];
const LABELS = [["useful", "useful"], ["noise", "noise"], ["bad data", "bad data"]];

// ask(): opens the entry of a token. Returns a function that ends it.
export function acting(ask) {
  let end = null;
  const shown = ({ detail }) => {
    const { episode, element, story } = detail;
    if (element.dataset.episode === episode.id && element.dataset.state === episode.state && element.childElementCount) return;
    element.dataset.episode = episode.id;
    element.dataset.state = episode.state;
    end?.();
    end = watch((holder) => {
      if (!holder) fill(element, readOnly(ask));
      else if (!element.querySelector("form")) fill(element, ...forms(episode, story?.acknowledged ?? null));
    });
  };
  document.addEventListener("drawer:shown", shown);
  return () => {
    document.removeEventListener("drawer:shown", shown);
    end?.();
  };
}

function readOnly(ask) {
  return h("p", { class: "deeds-none" }, "Read-only: to acknowledge, silence or label takes a token. ", h("button", { type: "button", onclick: ask }, "Enter token"));
}

function forms(episode, acknowledged) {
  const labelled = labelling(episode);
  return episode.state === "open" ? [acknowledging(episode, acknowledged), folded("Silence what is like it", quieting(episode)), labelled] : [labelled];
}

function acknowledging(episode, acknowledged) {
  const span = choice(LOOK_AFTER, "30m");
  const note = h("input", { type: "text", maxlength: "500", placeholder: "on it", autocomplete: "off" });
  const title = acknowledged ? `Acknowledged by ${acknowledged.by}; take it over` : "Acknowledge: you look after it, no reminders meanwhile";
  return deed(title, "ack", acknowledged ? "Take over" : "Acknowledge", [field("For", span), field("Note", note, true)], async () => {
    const said = { note: note.value, ...(span.value ? { for: span.value } : {}) };
    return `${(await act("POST", `${at(episode)}/ack`, said)).detail}.`;
  });
}

function quieting(episode) {
  const kinds = episode.market ? [
    ["sort", `${episode.market} ${episode.direction ?? ""} by rule ${episode.rule}`.replace("  ", " ")],
    ["market", `all market alerts of ${episode.market}`],
    ["episode", "this episode alone"],
  ] : [["episode", "this episode alone"]];
  const what = choice(kinds, kinds[0][0]);
  return silencing("Silence", [field("What", what, true)], () => {
    if (what.value === "episode") return { episode: episode.id };
    if (what.value === "market") return { kind: episode.kind, market: episode.market };
    return { kind: episode.kind, market: episode.market, rule: episode.rule, ...(episode.direction ? { direction: episode.direction } : {}) };
  });
}

function labelling(episode) {
  const label = choice(LABELS, "useful");
  const note = h("input", { type: "text", maxlength: "500", autocomplete: "off" });
  return deed("Label this alert; the report counts labels by rule", "label", "Label", [field("This alert was", label), field("Note", note, true)], async () => {
    const done = await act("POST", `${at(episode)}/label`, { label: label.value, note: note.value });
    return `${done.detail}, ${moment(done.time)}.`;
  });
}

function folded(text, inside) {
  return h("details", { class: "deed-fold", "data-key": text }, h("summary", {}, text), inside);
}

const at = (episode) => `api/v1/episodes/${encodeURIComponent(episode.id)}`;
