// Feed health and delivery health: a table each, told apart by the section's id (feeds, sinks).

import { body, fill, h, keyed, mark, write } from "./dom.js";
import { between, count, duration, known, moment, ms, number, share } from "./words.js";

const FEEDS = ["Feed", "State", "Messages/s", "Last message", "Due within", "p", "Gaps", "Skew", "Rejects"];
const SINKS = ["Sink", "State", "Waiting", "Given up", "Median", "99 %", "Last arrival", "Last error"];
const HABITS = { learning: "learning", closed: "–" };
const GLYPHS = { good: "●", wait: "◐", bad: "✕", off: "○" };

const FEED_STATES = { live: "good", connected: "good", closed: "off", ended: "off", stopped: "off", "waiting for data": "wait", connecting: "wait" };
const SINK_STATES = { ok: "good", retrying: "wait", dead: "bad", off: "off" };

export function mount(element, store) {
  const [section, heads, make, what] = element.id === "sinks" ? ["sinks", SINKS, sinkRow, "sink"] : ["feeds", FEEDS, feedRow, "feed"];
  const rows = h("tbody", { role: "rowgroup" });
  const none = h("p", { class: "nothing" }, `No ${what} is configured.`);
  const table = h("table", { class: "health", role: "table" }, h("caption", { class: "visually-hidden" }, `Health of each ${what}`),
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads.map((head) => h("th", { scope: "col", role: "columnheader" }, head)))), rows);
  fill(body(element), none, h("div", { class: "health-wide", tabindex: "0", role: "region", "aria-label": `Health of each ${what}` }, table));
  const kept = new Map();
  return store.subscribe(section, (found, state) => {
    const all = found ?? {};
    const names = Object.keys(all).sort((a, b) => weight(section, all[b].state) - weight(section, all[a].state) || (a < b ? -1 : 1));
    keyed(rows, kept, names, make, (name) => ({ now: state?.time, ...all[name] }));
    none.hidden = names.length > 0;
    table.hidden = names.length === 0;
  });
}

// What is wrong stands first.
function weight(section, state) {
  return { bad: 3, wait: 2, good: 1, off: 0 }[kindOf(section, state)];
}

// A feed in a state that has no name here is one that people were told of.
export function kindOf(section, state) {
  return section === "sinks" ? SINK_STATES[state] ?? "wait" : FEED_STATES[state] ?? "bad";
}

function cells(name, heads) {
  const state = h("td", { class: "state", role: "cell" });
  const others = heads.slice(2).map((head) => h("td", { role: "cell", "data-head": head, class: head === "Last error" ? null : "figure" }));
  const kind = h("span", { class: "soft" });
  const root = h("tr", { role: "row" }, h("th", { scope: "row", role: "rowheader" }, h("span", { class: "figure" }, name), " ", kind), state, others);
  return { root, state, others, kind };
}

function stated(section, cell, root, state, reason) {
  const kind = kindOf(section, state);
  mark(root, "data-kind", kind);
  write(cell, `${GLYPHS[kind]} ${state ?? "?"}${reason ? `: ${reason}` : ""}`);
}

function feedRow(name) {
  const { root, state, others, kind } = cells(name, FEEDS);
  const [rate, age, expected, p, gaps, skew, rejects] = others;
  return {
    root,
    show(feed) {
      write(kind, feed.type ?? "");
      stated("feeds", state, root, feed.state, feed.reason);
      write(rate, number(feed.messages_per_s));
      write(age, known(feed.last_message_age_s) ? `${duration(feed.last_message_age_s)} ago` : "?");
      mark(age, "data-late", known(feed.p) && feed.p < 0.01 ? "" : null);
      write(expected, duration(feed.expected_age_s));
      write(p, known(feed.p) ? share(feed.p) : HABITS[feed.habits] ?? "not watched");
      mark(p, "title", known(feed.p) ? "Share of its pauses that are as long as the one now" : null);
      write(gaps, count(feed.gaps));
      write(skew, known(feed.skew_ms) ? `${feed.skew_ms > 0 ? "+" : ""}${ms(feed.skew_ms)}` : "?");
      write(rejects, count(feed.rejects));
      mark(rejects, "data-some", feed.rejects > 0 ? "" : null);
    },
  };
}

function sinkRow(name) {
  const { root, state, others, kind } = cells(name, SINKS);
  const [pending, dead, p50, p99, last, error] = others;
  return {
    root,
    show(sink) {
      write(kind, sink.type ?? "");
      stated("sinks", state, root, sink.state, sink.fallback ? `${sink.fallback} is told in its place` : null);
      write(pending, count(sink.pending));
      write(dead, count(sink.dead));
      mark(dead, "data-some", sink.dead > 0 ? "" : null);
      write(p50, ms(sink.p50_ms));
      write(p99, ms(sink.p99_ms));
      write(last, sink.last_delivery ? `${duration(between(sink.last_delivery, sink.now))} ago` : "never");
      mark(last, "title", sink.last_delivery ? moment(sink.last_delivery) : null);
      write(error, sink.last_error ?? "");
    },
  };
}
