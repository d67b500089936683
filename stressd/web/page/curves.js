// Each market's curve now, solid, against the prior close, dashed; what is not live now has a hollow point.

import { axis, chart, faint, ink, tabs } from "./chart.js";
import { body, fill, h, mark, write } from "./dom.js";
import { bp, known, seriesName } from "./words.js";

const HEIGHT = (width) => Math.round(Math.min(300, Math.max(200, width * 0.45)));
const at = (years) => Math.sqrt(years); // the short end has room, the long end is not squeezed

export function mount(element, store) {
  let market = null;
  let curve = [];
  const pick = (name) => {
    market = name;
    show();
  };
  const markets = tabs("Market", pick);
  const place = h("div", { role: "img" });
  const told = h("p", { class: "chart-told" });
  fill(body(element), markets.root, place, told);
  const picture = chart(place, HEIGHT, (width, height) => options(width, height, () => curve, (each) => write(told, each === null ? summary(market, curve) : sentence(each))));
  let shape = "";

  const show = () => {
    const all = points(store.state?.series ?? {});
    const order = (name) => store.state.markets?.[name]?.order ?? 999;
    const names = [...all.keys()].sort((a, b) => order(a) - order(b));
    if (!all.has(market)) market = names[0] ?? null;
    markets.show(names, market);
    curve = all.get(market) ?? [];
    const now = curve.map((each) => each.value ?? null);
    const next = `${market} ${curve.map((each) => each.tenor).join()}`;
    picture.set([
      curve.map((each) => at(each.years)),
      now,
      curve.map((each) => each.prior_close ?? null),
      curve.map((each, k) => (each.state === "live" ? null : now[k])),
    ]);
    if (shape !== next) {
      shape = next;
      picture.again();
    }
    mark(place, "aria-label", `Curve of ${summary(market, curve)}`);
    if (!picture.plot() || picture.plot().cursor.idx === null || picture.plot().cursor.idx === undefined) write(told, summary(market, curve));
  };
  document.addEventListener("series:chosen", (event) => {
    const its = store.state?.series?.[event.detail]?.market;
    if (its) pick(its);
  });
  return store.subscribe("series", show);
}

function points(series) {
  const all = new Map();
  for (const [id, each] of Object.entries(series)) {
    if (each.spread || !known(each.years)) continue;
    if (!all.has(each.market)) all.set(each.market, []);
    all.get(each.market).push({ id, ...each });
  }
  for (const curve of all.values()) curve.sort((a, b) => a.years - b.years);
  return all;
}

const percent = (each, value) => (known(value) ? `${value.toFixed(Math.max(2, each.decimals ?? 2))} %` : "?");

function sentence(each) {
  return `${seriesName(each.id)} ${percent(each, each.value)}, ${bp(each.change_bp)} since ${percent(each, each.prior_close)}${each.state === "live" ? "" : `, ${each.state}`}`;
}

function summary(market, curve) {
  if (!curve.length) return "No market is configured.";
  const parts = curve.map((each) => `${each.tenor} ${percent(each, each.value)} (${bp(each.change_bp)})`);
  return `${market}: ${parts.join(", ")}`;
}

function options(width, height, curve, tell) {
  const [main, soft, card] = [ink("--main"), ink("--soft"), ink("--card")];
  const places = () => curve().map((each) => at(each.years));
  return {
    width,
    height,
    legend: { show: false },
    cursor: { points: { size: 9 }, drag: { x: false, y: false } },
    scales: { x: { time: false, range: (_, low, high) => [low - 0.25, high + 0.25] }, y: { range: roomy } },
    axes: [
      axis({ size: 30, splits: places, filter: apart, values: () => curve().map((each) => each.tenor) }),
      axis({ size: 64, values: (_, splits) => splits.map((value) => `${value.toFixed(2)} %`) }),
    ],
    series: [
      {},
      { stroke: main, width: 2.5, points: { show: true, size: 7, fill: main, stroke: main }, spanGaps: true },
      { stroke: soft, width: 1.5, dash: [6, 4], points: { show: false }, spanGaps: true },
      { stroke: main, paths: () => null, points: { show: true, size: 8, width: 2, fill: card, stroke: soft } },
    ],
    bands: [{ series: [1, 2], fill: () => faint(ink(way(curve()) < 0 ? "--down" : "--up")) }],
    hooks: { setCursor: [(plot) => tell(curve()[plot.cursor.idx ?? -1] ?? null)] },
  };
}

const way = (curve) => curve.reduce((sum, each) => sum + (each.change_bp ?? 0), 0);

// Tenors whose names would touch give way to their neighbours on the left.
function apart(plot, splits) {
  let last = -Infinity;
  return splits.map((value) => {
    const x = plot.valToPos(value, "x");
    if (x - last < 26) return null;
    last = x;
    return value;
  });
}

// At least 10 bp high, so that a quiet curve looks quiet.
function roomy(_, low, high) {
  if (low === null || high === null) return [0, 1];
  const rest = Math.max(0.1 - (high - low), (high - low) * 0.16) / 2;
  return [low - rest, high + rest];
}
