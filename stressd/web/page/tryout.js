// Trying out: a test message through one sink, and a drill, of which everybody is told.

import { fill, h } from "./dom.js";
import { choice, deed, dialog, field } from "./forms.js";
import { read } from "./read.js";
import { act, may, watch } from "./token.js";
import { duration, moment } from "./words.js";

const PLAIN = /^[A-Z0-9]+\.[A-Z0-9]+\.\d+[YM]$/; // a yield: spreads follow from them
const LOOK = 1000; // ms between two looks at a drill that is under way

// Below the health of the sinks.
export function testing(store) {
  const sink = choice([]);
  const root = deed("Send a test message", "test", "Send a test", [field("Sink", sink)], async () => {
    const done = await act("POST", `api/v1/sinks/${encodeURIComponent(sink.value)}/test`);
    const told = [done.receipt, done.detail].filter(Boolean).join(", ");
    if (done.delivered) return `${done.sink} took it after ${duration(done.took_s)}${told ? ` (${told})` : ""}.`;
    return h("strong", {}, `${done.sink} did not take it (${done.fault}): ${done.error}`);
  });
  root.classList.add("deeds-test");
  const ends = [
    store.subscribe("sinks", (sinks) => offer(sink, Object.keys(sinks ?? {}).sort())),
    watch(() => { root.hidden = !may("test"); }),
  ];
  return { root, end: () => ends.forEach((end) => end()) };
}

export function drilling(store) {
  const series = choice([["", "the longest of JP, else the first"]]);
  const outcome = h("div", { class: "drill-outcome", role: "status" });
  let timer = 0;
  const form = deed("Run a drill", "drill", "Begin the drill", [field("The series that moves", series, true)], async () => {
    const { drill } = await act("POST", "api/v1/drill", series.value ? { series: series.value } : {});
    show(outcome, drill);
    follow();
    return "It has begun.";
  });
  const root = dialog("drill", "Run a drill",
    h("p", {}, "A made-up shock runs through the configured rules and routes. ", h("strong", {}, "Everybody whom they name gets real messages, each marked DRILL."),
      " The daemon itself is not touched, and no episode of it appears on this page."),
    form, outcome);
  const look = async () => {
    try {
      const { drill } = await read("api/v1/drill");
      show(outcome, drill);
      if (drill?.state === "running") follow();
    } catch (error) {
      if (error.status === undefined) throw error;
      follow();
    }
  };
  const follow = () => {
    clearTimeout(timer);
    timer = setTimeout(look, LOOK);
  };
  const ends = [
    store.subscribe("series", (all) => {
      const plain = Object.keys(all ?? {}).sort((a, b) => (all[a].order ?? 0) - (all[b].order ?? 0)).filter((id) => PLAIN.test(id));
      offer(series, ["", ...plain], { "": "the longest of JP, else the first" });
    }),
    watch(() => { if (may("drill")) look(); }),
  ];
  return { root, end: () => { clearTimeout(timer); ends.forEach((end) => end()); } };
}

const WORDS = { running: "under way", done: "done: everybody was reached", failed: "failed" };

function show(outcome, drill) {
  if (!drill) return fill(outcome);
  const head = h("p", {}, h("strong", {}, `Last drill: ${WORDS[drill.state]}`), drill.error ? `: ${drill.error}` : "",
    `. ${drill.exercise ?? "Exercise"}, begun by ${drill.author} ${moment(drill.began)}, ${duration(drill.took_s)}.`);
  const rows = drill.deliveries.map((each) => h("tr", {}, h("th", { scope: "row" }, each.event_id), h("td", {}, each.type), h("td", {}, each.sink),
    h("td", { "data-state": each.state }, each.state), h("td", {}, each.error ?? "")));
  const table = h("div", { class: "drill-rows", tabindex: "0", role: "region", "aria-label": "Messages of the drill" }, h("table", {},
    h("thead", {}, h("tr", {}, ["Event", "Type", "Sink", "State", "Last error"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows)));
  return fill(outcome, head, rows.length ? table : null);
}

function offer(select, values, words = {}) {
  if (values.join() === [...select.options].map((each) => each.value).join()) return;
  const chosen = select.value;
  fill(select, values.map((value) => h("option", { value }, words[value] ?? value)));
  if (values.includes(chosen)) select.value = chosen;
}
