// Market by tenor: how far each yield has come since the prior close, in bp, coloured by how many daily sigma that is.
// Orange is up, blue is down, and the sign says so too; hatched is closed, grey is stale, "?" is not known.

import { body, fill, h, keyed, mark, write } from "./dom.js";
import { bp, known, local, moment, seriesName, sigma } from "./words.js";

const DEEPEST = 6; // sigma at which the colour is full
const NOTES = { closed: "closed", stale: "stale", halted: "halted", warming: "warming up", unknown: "not known" };

export function mount(element, store) {
  const head = h("tr", {});
  const rows = h("tbody", {});
  const table = h("table", { class: "heat" }, h("caption", { class: "visually-hidden" }, "Change since the prior close in bp, and in daily sigma"), h("thead", {}, head), rows);
  const detail = h("p", { class: "heat-detail" });
  const said = h("p", { class: "visually-hidden", role: "status" }); // what was chosen; not every tick of it
  fill(body(element), h("div", { class: "heat-wide", tabindex: "0", role: "region", "aria-label": "Moves by market and tenor" }, table), legend(), detail, said);
  const kept = new Map();
  let chosen = null;
  let byHand = false;
  let shape = "";

  const show = (series, state) => {
    const plain = Object.entries(series ?? {}).filter(([, each]) => !each.spread && known(each.years));
    const tenors = [...new Map(plain.map(([, each]) => [each.tenor, each.years])).entries()].sort((a, b) => a[1] - b[1]).map(([tenor]) => tenor);
    const grid = new Map();
    for (const [id, each] of plain) {
      if (!grid.has(each.market)) grid.set(each.market, new Map());
      grid.get(each.market).set(each.tenor, id);
    }
    const place = (name) => state.markets?.[name]?.order ?? 999;
    const markets = [...grid.keys()].sort((a, b) => place(a) - place(b));
    if (shape !== tenors.join()) {
      shape = tenors.join();
      fill(head, h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "Market")), tenors.map((tenor) => h("th", { scope: "col" }, tenor)));
      fill(rows);
      kept.clear();
    }
    keyed(rows, kept, markets, (market) => row(market, tenors, choose), (market) => ({ ids: grid.get(market), series }));
    tabStop(rows);
    // Until somebody has chosen, a breach that begins takes the place of what is not in one.
    const best = strongest(plain);
    if (best !== null && (!series[chosen] || (!byHand && series[best].breach && !series[chosen].breach))) turn(best);
    tell();
  };
  const choose = (id) => {
    byHand = true;
    turn(id);
    tell();
    write(said, detail.textContent);
  };
  const turn = (id) => {
    chosen = id;
    document.dispatchEvent(new CustomEvent("series:chosen", { detail: id }));
  };
  const tell = () => {
    const each = store.state.series?.[chosen];
    write(detail, each ? sentence(chosen, each, store.state.markets?.[each.market]?.zone) : "No series is configured.");
    for (const button of rows.querySelectorAll("button")) mark(button, "aria-pressed", String(button.dataset.series === chosen));
  };
  rows.addEventListener("keydown", (event) => step(event, rows));
  return store.subscribe("series", show);
}

function row(market, tenors, choose) {
  const cells = tenors.map(() => {
    const change = h("span", { class: "change" });
    const size = h("small", {});
    const button = h("button", { type: "button", tabindex: "-1", onclick: (event) => choose(event.currentTarget.dataset.series) }, change, size);
    return { root: h("td", {}), button, change, size };
  });
  return {
    root: h("tr", {}, h("th", { scope: "row" }, market), cells.map((cell) => cell.root)),
    show({ ids, series }) {
      tenors.forEach((tenor, k) => {
        const id = ids.get(tenor);
        cell(cells[k], id, id === undefined ? null : series[id]);
      });
    },
  };
}

function cell({ root, button, change, size }, id, each) {
  if (each === null) {
    root.replaceChildren();
    mark(root, "data-state", null);
    return;
  }
  if (!button.isConnected || button.parentElement !== root) root.append(button);
  mark(root, "data-state", each.state);
  mark(root, "data-breach", each.breach ? "" : null);
  mark(button, "data-series", id);
  write(change, known(each.change_bp) ? signed(each.change_bp) : "?");
  write(size, each.state === "live" || each.state === "closed" ? (known(each.sigma) ? sigma(each.sigma) : "?σ") : NOTES[each.state] ?? each.state);
  mark(button, "aria-label", `${seriesName(id)}: ${known(each.change_bp) ? bp(each.change_bp) : "change not known"}, ${known(each.sigma) ? sigma(each.sigma) : "sigma not known"}, ${NOTES[each.state] ?? each.state}${each.breach ? ", in a breach" : ""}`);
  const depth = known(each.sigma) ? Math.min(1, Math.abs(each.sigma) / DEEPEST) : 0;
  root.style.setProperty("--depth", `${Math.round(depth * 100)}%`);
  mark(root, "data-way", each.sigma > 0 ? "up" : each.sigma < 0 ? "down" : null);
}

const signed = (value) => bp(value).replace(" bp", "");

function sentence(id, each, zone) {
  const digits = each.decimals ?? 2;
  const pct = (value) => `${value.toFixed(Math.max(digits, 2))} %`;
  const parts = [known(each.value) ? `${seriesName(id)} ${pct(each.value)}` : `${seriesName(id)}: no value yet`];
  if (known(each.change_bp) && known(each.prior_close)) parts.push(`${bp(each.change_bp)} since ${pct(each.prior_close)}${each.prior_close_time ? ` (${moment(each.prior_close_time).slice(0, 11).trim()}, ${local(each.prior_close_time, zone)})` : ""}`);
  if (known(each.sigma) && known(each.sigma_bp)) parts.push(`${sigma(each.sigma)} of ${each.sigma_bp.toFixed(1)} bp`);
  const bars = Object.entries(each.bars ?? {}).map(([name, bar]) => `${name} ${sigma(bar)}`);
  if (bars.length) parts.push(`bars ${bars.join(", ")}`);
  if (known(each.day_low)) parts.push(`day ${pct(each.day_low)} to ${pct(each.day_high)}`);
  parts.push(`${NOTES[each.state] ?? each.state}${each.time ? `, last ${moment(each.time)}` : ""}`);
  return parts.join(" · ");
}

// What is in a breach before what is live before the rest, and of those the most unusual.
function strongest(plain) {
  const rank = (each) => (each.breach ? 200 : 0) + (each.state === "live" ? 100 : 0) + Math.min(99, Math.abs(each.sigma ?? 0));
  return plain.reduce((best, next) => (best === null || rank(next[1]) > rank(best[1]) ? next : best), null)?.[0] ?? null;
}

function legend() {
  const steps = [-6, -3, 0, 3, 6].map((value) => {
    const step = h("span", { class: "step", "data-way": value > 0 ? "up" : value < 0 ? "down" : null }, `${value > 0 ? "+" : ""}${value}σ`);
    step.style.setProperty("--depth", `${Math.round((Math.abs(value) / DEEPEST) * 100)}%`);
    return step;
  });
  return h("p", { class: "legend", "aria-hidden": "true" }, steps, h("span", { class: "step", "data-state": "closed" }, "closed"), h("span", { class: "step", "data-state": "stale" }, "stale"), h("span", {}, "? not known"), h("span", { class: "step", "data-breach": "" }, "in a breach"));
}

// One stop for the tab key, arrows within.
function tabStop(rows) {
  const all = [...rows.querySelectorAll("button")];
  if (!all.some((each) => each.tabIndex === 0) && all.length) all[0].tabIndex = 0;
}

function step(event, rows) {
  const way = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  const from = event.target.closest("td");
  if (!way || !from) return;
  event.preventDefault();
  let [y, x] = [from.parentElement.rowIndex, from.cellIndex];
  const table = from.closest("table");
  for (;;) {
    y += way[0];
    x += way[1];
    const next = table.rows[y]?.cells[x];
    if (!next || !rows.contains(next)) return;
    const button = next.querySelector("button");
    if (!button) continue;
    for (const each of rows.querySelectorAll("button")) each.tabIndex = -1;
    button.tabIndex = 0;
    button.focus();
    return;
  }
}
