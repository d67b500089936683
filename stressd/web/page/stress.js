// The stress index with what adds up to it, and beside it what a glance must not miss: open episodes, feeds, deliveries, budgets.

import { body, fill, h, keyed, mark, write } from "./dom.js";
import { known } from "./words.js";

const ARROWS = { up: "▲", down: "▼", flat: "▬" };
const APART = "out of step"; // what is taken off where the markets do not move together
const change = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

export function mount(element, store) {
  const value = h("strong", { class: "index-value" });
  const trend = h("span", { class: "index-trend" });
  const meter = h("ul", { class: "parts", "aria-label": "What adds up to it, by market" });
  const facts = h("dl", { class: "facts" });
  fill(body(element), h("div", { class: "index" }, value, trend), meter, facts);
  const parts = new Map();
  const rows = new Map();
  const show = () => {
    const { stress = {}, episodes = {}, feeds = {}, sinks = {}, budget = {} } = store.state ?? {};
    write(value, known(stress.value) ? stress.value.toFixed(2) : "?");
    write(trend, known(stress.previous) && known(stress.value)
      ? `${ARROWS[stress.trend]} ${change(stress.value - stress.previous)} since the last close${stress.young ? ", little history" : ""}`
      : "of 1; no close to compare with yet");
    const contributions = stress.contributions ?? {};
    const names = Object.keys(contributions).sort((a, b) => contributions[b] - contributions[a]);
    const sum = known(stress.correlation) ? { ...contributions, [APART]: stress.correlation } : contributions;
    keyed(meter, parts, known(stress.correlation) ? [...names, APART] : names, part, (name) => ({ share: sum[name], whole: Math.max(stress.value ?? 0, 0.01) }));
    const open = Object.values(episodes).filter((each) => !each.closed);
    const listening = Object.values(feeds).filter((each) => ["live", "connected", "closed", "ended", "stopped", "waiting for data"].includes(each.state));
    const waiting = Object.values(sinks).reduce((sum, each) => sum + each.pending, 0);
    const failing = Object.values(sinks).filter((each) => each.state !== "ok").length;
    const told = [
      ["Open episodes", `${open.length}`, open.some((each) => each.severity === "critical") ? "bad" : null],
      ["Feeds well", `${listening.length} of ${Object.keys(feeds).length}`, listening.length < Object.keys(feeds).length ? "bad" : null],
      ["Deliveries waiting", failing ? `${waiting}, ${failing} sinks not well` : `${waiting}`, failing ? "bad" : null],
      ...Object.entries(budget).map(([rule, each]) => [`${rule} this month`, `${each.opened}, budget ${each.budget}`, null]),
    ];
    keyed(facts, rows, told.map(([name]) => name), fact, (name) => told.find(([each]) => each === name));
  };
  const ends = ["stress", "episodes", "feeds", "sinks", "budget"].map((section) => store.subscribe(section, show));
  return () => ends.forEach((end) => end());
}

function part(name) {
  const text = h("span", {});
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  const root = h("li", {}, text, bar);
  return {
    root,
    show({ share, whole }) {
      write(text, `${name} ${share.toFixed(2).replace("-", "−")}`);
      mark(root, "data-less", share < 0 ? "" : null);
      bar.style.setProperty("--share", String(Math.max(0, Math.min(1, Math.abs(share) / whole))));
    },
  };
}

function fact(name) {
  const value = h("dd", {});
  const root = h("div", {}, h("dt", {}, name), value);
  return {
    root,
    show([, text, kind]) {
      write(value, text);
      mark(root, "data-kind", kind);
    },
  };
}
