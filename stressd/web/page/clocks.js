// The markets' clocks: local time, open or not and why, and what comes next.

import { body, fill, h, keyed, mark, write } from "./dom.js";
import { until } from "./head.js";
import { local } from "./words.js";

const GLYPHS = { open: "●", "half-day": "◐", lunch: "○", closed: "○", halted: "✕" };

export function mount(element, store) {
  const list = h("ul", { class: "clocks" });
  fill(body(element), list);
  const rows = new Map();
  const show = () => {
    const state = store.state;
    const names = Object.keys(state?.markets ?? {}).sort((a, b) => state.markets[a].order - state.markets[b].order);
    keyed(list, rows, names, row, (name) => ({ market: state.markets[name], state }));
  };
  const ends = [store.subscribe("markets", show), store.subscribe("time", show)];
  return () => ends.forEach((end) => end());
}

function row(name) {
  const time = h("span", { class: "clock-time" });
  const phase = h("span", { class: "clock-phase" });
  const next = h("span", { class: "clock-next" });
  const day = h("a", { class: "clock-day", target: "_blank", rel: "noopener", hidden: true });
  const root = h("li", {}, h("strong", {}, name), time, phase, next, day);
  return {
    root,
    show({ market, state }) {
      mark(root, "data-phase", market.phase);
      write(time, local(state.time, market.zone));
      write(phase, `${GLYPHS[market.phase] ?? "?"} ${market.phase}${market.reason ? `: ${market.reason}` : ""}`);
      write(next, `${market.next}, in ${until(state, market.until)}`);
      if (market.summary && day.dataset.of !== market.summary) {
        day.dataset.of = market.summary;
        day.href = `api/v1/days/${encodeURIComponent(`${name}-${market.summary}`)}/report.html`;
        write(day, `Summary of ${market.summary}`);
        day.hidden = false;
      }
    },
  };
}
