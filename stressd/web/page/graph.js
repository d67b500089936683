// Who followed whom: a fixed ring of markets. Width is beta, opacity 1 - p, the label is the lag; dotted could not respond.

import { body, fill, h, s } from "./dom.js";
import { clock, duration, known, number, share } from "./words.js";

const SIZE = 360;
const MIDDLE = SIZE / 2;
const RING = 128;
const NODE = 24;
const LINKS = ["co-moved", "followed", "spilled over"];
const COULD_NOT = "could not respond";

export function mount(element, store) {
  const where = body(element);
  const holder = h("div", { class: "ring" });
  const rows = h("tbody");
  const table = h("table", {}, h("caption", { class: "visually-hidden" }, "Who followed whom"),
    h("thead", {}, h("tr", {}, ["From", "To", "What", "After", "bp per bp", "p", "At, UTC"].map((head) => h("th", { scope: "col" }, head)))), rows);
  const none = h("p", { class: "nothing" }, "No market is known to have answered another one yet.");
  const links = h("ul", { class: "links" });
  fill(where, holder, none, links, h("p", { class: "soft key" }, "Width: bp per bp. Opacity: 1 − p. Label: lag in open time. Dotted: could not respond."), h("details", {}, h("summary", {}, "As a table"), table));
  let drawn = "";
  const show = (_, state) => {
    const said = graphOf(state ?? {});
    const now = JSON.stringify(said);
    if (now === drawn) return;
    drawn = now;
    const held = document.activeElement?.closest?.("[data-edge]")?.dataset.edge;
    fill(holder, picture(said));
    fill(rows, said.edges.map(line));
    fill(links, said.edges.filter((edge) => edge.wording).map(told));
    none.hidden = said.edges.length > 0;
    if (held) [...holder.querySelectorAll("[data-edge]")].find((each) => each.dataset.edge === held)?.focus();
  };
  const ends = [store.subscribe("graph", show), store.subscribe("markets", (markets) => show(markets, store.state))];
  return () => ends.forEach((end) => end?.());
}

// Markets in their fixed order, and the edges between them that say something.
export function graphOf({ graph, markets }) {
  const hours = { ...(markets ?? {}) };
  const names = Object.keys(graph?.nodes && Object.keys(graph.nodes).length ? graph.nodes : hours);
  const place = (name) => hours[name]?.order ?? graph?.nodes?.[name]?.order ?? 0;
  names.sort((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  const nodes = names.map((name) => ({ name, phase: hours[name]?.phase ?? null }));
  const edges = Object.entries(graph?.edges ?? {}).filter(([, edge]) => edge && names.includes(edge.from) && names.includes(edge.to))
    .map(([id, edge]) => ({ id, ...edge })).sort((a, b) => (a.id < b.id ? -1 : 1));
  return { nodes, edges };
}

function picture({ nodes, edges }) {
  const spots = new Map(nodes.map(({ name }, k) => {
    const turn = (2 * Math.PI * k) / nodes.length - Math.PI / 2;
    return [name, [MIDDLE + RING * Math.cos(turn), MIDDLE + RING * Math.sin(turn)]];
  }));
  const drawn = edges.filter((edge) => LINKS.includes(edge.wording) || edge.wording === COULD_NOT || (known(edge.beta) && !edge.wording));
  return s("svg", { viewBox: `0 0 ${SIZE} ${SIZE}`, role: "group", "aria-label": `Propagation between ${nodes.length} markets, ${drawn.length} links` },
    s("defs", {}, drawn.map(arrow)),
    drawn.map((edge, k) => shape(edge, k, spots.get(edge.from), spots.get(edge.to))), nodes.map((node) => circle(node, spots.get(node.name))));
}

// The tip of one edge, larger than its line is wide.
function arrow(edge, k) {
  const lost = edge.wording === COULD_NOT;
  const size = lost ? 9 : 8 + 1.5 * widthOf(edge.beta);
  return s("marker", { id: `tip-${k}`, viewBox: "0 0 10 10", refX: 9, refY: 5, markerWidth: size, markerHeight: size, markerUnits: "userSpaceOnUse", orient: "auto" },
    s("path", { d: "M0 0 10 5 0 10z", class: lost ? "tip lost" : "tip", "fill-opacity": lost ? 1 : opacityOf(edge.p) }));
}

function circle({ name, phase }, [x, y]) {
  const open = phase === "open" || phase === "half-day";
  const title = `${name}${phase ? `, ${phase}` : ""}`;
  return s("g", { class: open ? "node open" : "node shut", role: "img", "aria-label": title },
    s("title", {}, title), s("circle", { cx: x, cy: y, r: NODE }), s("text", { x, y: y + 5, "text-anchor": "middle" }, name));
}

// A bow to the right of its direction, so that both directions of a pair are seen.
function shape(edge, k, from, to) {
  const lost = edge.wording === COULD_NOT;
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const far = Math.hypot(dx, dy) || 1;
  const [ux, uy] = [dx / far, dy / far];
  const bend = 22;
  const middle = [(from[0] + to[0]) / 2 - uy * bend, (from[1] + to[1]) / 2 + ux * bend];
  const start = outside(from, middle);
  const end = outside(to, middle);
  const spot = [0, 1].map((k) => (start[k] + 2 * middle[k] + end[k]) / 4);
  const label = lost ? "" : lagText(edge);
  const said = sentence(edge);
  const line = s("path", {
    d: `M${fixed(start)} Q${fixed(middle)} ${fixed(end)}`, class: lost ? "edge lost" : "edge", "marker-end": `url(#tip-${k})`,
    "stroke-width": lost ? 1.5 : widthOf(edge.beta), "stroke-opacity": lost ? 1 : opacityOf(edge.p),
  });
  const inside = [s("title", {}, said), line, label ? s("text", { x: spot[0], y: spot[1] + 4, "text-anchor": "middle", class: "lag" }, label) : null];
  return edge.episode ? s("a", { href: `#${edge.episode}`, "aria-label": `${said}; open its episode`, "data-edge": edge.id }, inside)
    : s("g", { role: "img", "aria-label": said, "data-edge": edge.id }, inside);
}

const fixed = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

function outside([x, y], [toX, toY]) {
  const far = Math.hypot(toX - x, toY - y) || 1;
  return [x + ((toX - x) / far) * (NODE + 3), y + ((toY - y) / far) * (NODE + 3)];
}

// 1 to 9 units for 0 to 1 bp per bp and beyond; the least where it is not known.
export const widthOf = (beta) => (known(beta) ? Math.min(1 + 8 * Math.abs(beta), 9) : 1);

// What is not known is drawn faintly, not left out.
export const opacityOf = (p) => (known(p) ? Math.min(Math.max(1 - p, 0.15), 1) : 0.3);

function lagText(edge) {
  const lag = known(edge.open_lag_s) ? edge.open_lag_s : edge.lag_s;
  if (known(lag) && lag < 60 && edge.lag_s - lag > 600) return "at its open";
  return known(lag) ? duration(lag) : "";
}

// What an episode says of a pair, to be read from afar.
function told(edge) {
  return h("li", {}, edge.episode ? h("a", { href: `#${edge.episode}` }, claim(edge)) : claim(edge), h("span", { class: "soft" }, sentence(edge).slice(claim(edge).length)));
}

function sentence(edge) {
  const said = [claim(edge)];
  const open = lagText(edge) === "at its open" ? "at its open" : known(edge.open_lag_s) ? `after ${duration(edge.open_lag_s)} of open time` : "";
  const wall = known(edge.lag_s) ? `${open ? "" : "after "}${duration(edge.lag_s)} by the clock` : "";
  said.push(...[open, wall].filter(Boolean));
  if (edge.wording === COULD_NOT) return [...said, edge.reason].filter(Boolean).join(", ");
  if (known(edge.beta)) said.push(`${number(edge.beta)} bp per bp`);
  if (known(edge.p)) said.push(`p\u00a0${share(edge.p)}`);
  if (edge.reason) said.push(edge.reason);
  return said.join(", ");
}

// What is claimed of a pair: by an episode, or counted over all events of the source.
function claim({ from, to, wording, followed, sources }) {
  if (wording === "spilled over") return `${from} spilled over into ${to}`;
  if (wording === "co-moved") return `${to} moved together with ${from}`;
  if (wording === "followed") return `${to} followed ${from}`;
  if (wording) return `${to} ${wording} (${from})`;
  return known(sources) ? `${to} followed ${from} after ${followed} of ${sources} events` : `${to} has answered ${from}`;
}

const what = (edge) => edge.wording ?? (known(edge.sources) ? `followed ${edge.followed} of ${edge.sources}` : "?");

function line(edge) {
  return h("tr", {}, h("th", { scope: "row" }, edge.from), h("td", {}, edge.to),
    h("td", {}, edge.episode ? h("a", { href: `#${edge.episode}` }, what(edge)) : what(edge)),
    h("td", {}, lagText(edge) || "?"), h("td", {}, number(edge.beta)), h("td", {}, share(edge.p)), h("td", {}, edge.time ? clock(edge.time) : "?"));
}
