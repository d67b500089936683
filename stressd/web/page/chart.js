// What the charts of the page have in common: the library, colours of the page, a size that follows the section's.

import { fill, h } from "./dom.js";

// The charting library; undefined where this build has come without it.
const Library = window.uPlot;

export const MISSING = "This build of stressd has come without its charting library (npm was not there when it was built), so there is no picture here; the figures are below.";

const dark = window.matchMedia("(prefers-color-scheme: dark)");
const print = window.matchMedia("print");

// Colours as the page has them now, for what is drawn: ink("--main").
export function ink(name) {
  return `${getComputedStyle(probe(name)).color}`;
}

// A colour of ink() as a tint.
export const faint = (colour) => colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.22)");

const probes = new Map();

// light-dark() is resolved by the browser alone, so an element that is not seen carries each colour.
function probe(name) {
  if (!probes.has(name)) {
    const element = h("span", { hidden: true, "aria-hidden": "true" });
    element.style.color = `var(${name})`;
    document.body.append(element);
    probes.set(name, element);
  }
  return probes.get(name);
}

// A chart in `place`. make(width, height) gives the library's options, without colours of their own kept anywhere:
// it is made anew where the colours change, the size alone otherwise. Returns {set(data), again(), plot()}.
export function chart(place, height, make) {
  let plot = null;
  let data = null;
  const canvas = h("div", { class: "chart" });
  fill(place, canvas);
  if (Library === undefined) {
    fill(canvas, h("p", { class: "chart-missing" }, MISSING));
    return { set() {}, again() {}, plot: () => null };
  }
  const width = () => Math.max(200, Math.floor(canvas.clientWidth));
  const tall = () => height(width());
  const again = () => {
    if (data === null || canvas.clientWidth === 0) return;
    plot?.destroy();
    canvas.style.height = "";
    plot = new Library(make(width(), tall()), data, canvas);
  };
  new ResizeObserver(() => {
    if (plot === null) again();
    else if (plot.width !== width()) plot.setSize({ width: width(), height: tall() });
  }).observe(canvas);
  dark.addEventListener("change", again);
  print.addEventListener("change", again);
  return {
    set(next) {
      data = next;
      if (plot === null) again();
      else plot.setData(data);
    },
    again,
    plot: () => plot,
  };
}

// A time of the day on a market's own clock, from seconds since 1970.
export function inZone(seconds, zone) {
  return Library.tzDate(new Date(seconds * 1000), zone);
}

// A canvas's font of so many pixels where the reader has not made type larger; more: of a device's own pixels.
export function type(size, more = 1) {
  return `${((size * parseFloat(getComputedStyle(document.documentElement).fontSize)) / 16) * more}px system-ui, sans-serif`;
}

// An axis in the page's colours; the rest of its options are the caller's.
export function axis(more) {
  const soft = ink("--soft");
  const line = ink("--line");
  return { stroke: soft, font: type(12), grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1, size: 4 }, ...more };
}

// Tabs with one stop for the tab key; the arrows go from one to the next. pick(name) is called for a choice.
export function tabs(label, pick) {
  const list = h("div", { class: "tabs", role: "tablist", "aria-label": label });
  let names = "";
  const mark = (name) => {
    for (const each of list.children) {
      const chosen = each.dataset.name === name;
      each.setAttribute("aria-selected", String(chosen));
      each.tabIndex = chosen ? 0 : -1;
    }
  };
  list.addEventListener("keydown", (event) => {
    const all = [...list.children];
    const from = all.indexOf(event.target);
    const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined || from < 0) return;
    event.preventDefault();
    const next = all[(to + all.length) % all.length];
    pick(next.dataset.name);
    next.focus();
  });
  return {
    root: list,
    show(wanted, chosen) {
      if (names !== wanted.join()) {
        names = wanted.join();
        fill(list, wanted.map((name) => h("button", { type: "button", role: "tab", "data-name": name, onclick: () => pick(name) }, name)));
      }
      mark(chosen);
    },
  };
}
