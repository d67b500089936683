// Two small pictures: the path of the leading series with what it had to leave, and its size against the bars.

import { h, s } from "./dom.js";
import { clock, known, local, number } from "./words.js";

const W = 640;
const LEFT = 52;
const RIGHT = 78;
const TOP = 12;

class Plane {
  constructor(height, [x0, x1], [y0, y1]) {
    this.height = height;
    this.bottom = height - 24;
    this.x0 = x0;
    this.dx = x1 > x0 ? x1 - x0 : 1;
    const room = (y1 > y0 ? y1 - y0 : Math.abs(y1) || 1) * 0.06;
    this.y0 = y0 - room;
    this.dy = y1 - y0 + 2 * room;
  }

  x(value) { return LEFT + ((value - this.x0) / this.dx) * (W - LEFT - RIGHT); }

  y(value) { return this.bottom - ((value - this.y0) / this.dy) * (this.bottom - TOP); }

  at(x, y) { return `${this.x(x).toFixed(1)},${this.y(y).toFixed(1)}`; }

  across(y, kind, label) {
    const to = this.y(y);
    return [s("line", { x1: LEFT, x2: W - RIGHT, y1: to, y2: to, class: kind }),
      s("text", { x: W - RIGHT + 4, y: to + 4, class: `label ${kind}-label` }, label)];
  }

  scale(text) {
    const values = [0, 0.5, 1].map((part) => this.y0 + this.dy * (0.06 + 0.88 * part));
    return values.map((value) => [
      s("line", { x1: LEFT, x2: W - RIGHT, y1: this.y(value), y2: this.y(value), class: "grid" }),
      s("text", { x: LEFT - 6, y: this.y(value) + 4, "text-anchor": "end", class: "label" }, text(value)),
    ]);
  }

  below(x, text, anchor) {
    return s("text", { x: this.x(x), y: this.height - 6, "text-anchor": anchor, class: "label" }, text);
  }
}

function drawing(height, title, ...shapes) {
  return h("figure", { class: "picture" }, s("svg", { viewBox: `0 0 ${W} ${height}`, role: "img", "aria-label": title }, ...shapes),
    h("figcaption", {}, title));
}

// The path (`Path` of an event) in percent: line of last values, band of extremes, what it had to leave, and each update.
export function pathPicture(path, steps) {
  const start = Date.parse(path.start);
  const time = (k) => start + (k + 1) * path.step_s * 1000;
  const end = Math.max(time(path.values.length - 1), Date.parse(path.at.time));
  const ends = [path.lower, path.upper].filter(known);
  const all = [...path.low, ...path.high, path.at.value, path.base?.value, ...ends].filter(known);
  const plane = new Plane(220, [start, end], [Math.min(...all), Math.max(...all)]);
  const runs = unbroken(path.values);
  const band = runs.map((run) => s("polygon", { class: "band", points: [
    ...run.map((k) => plane.at(time(k), path.high[k] ?? path.values[k])),
    ...[...run].reverse().map((k) => plane.at(time(k), path.low[k] ?? path.values[k]))].join(" ") }));
  const lines = runs.map((run) => s("polyline", { class: "path", points: run.map((k) => plane.at(time(k), path.values[k])).join(" ") }));
  const bars = ends.map((value) => plane.across(value, "bar", `${value.toFixed(3)}%`));
  const marks = updates(plane, steps.filter((step) => within(step.time, start, end)));
  const dots = [path.base && within(path.base.time, start, end) ? point(plane, path.base, "base") : null, point(plane, path.at, "now")];
  const zone = (iso) => local(iso, path.zone) || `${clock(iso)} UTC`;
  const left = ends.length ? `; it had to leave ${ends.map((value) => `${value.toFixed(3)}%`).join(" to ")}` : "";
  const title = `${path.series} from ${zone(path.start)} to ${zone(path.at.time)}, ${path.at.value.toFixed(3)}% at the end${left}`;
  return drawing(220, title, plane.scale((value) => `${value.toFixed(3)}%`), band, bars, marks, lines, dots,
    plane.below(start, zone(path.start), "start"), plane.below(end, zone(new Date(end).toISOString()), "end"));
}

// A line for each update; a number only where the one before is far enough away to be read.
function updates(plane, steps) {
  let labelled = -Infinity;
  return steps.map((step) => {
    const x = plane.x(Date.parse(step.time));
    const named = x - labelled > 18;
    if (named) labelled = x;
    return [s("line", { x1: x, x2: x, y1: TOP, y2: plane.bottom, class: "update" }),
      named ? s("text", { x: x - 3, y: TOP + 9, "text-anchor": "end", class: "label" }, step.seq) : null];
  });
}

function within(iso, start, end) {
  const at = Date.parse(iso);
  return at >= start && at <= end;
}

function point(plane, { time, value }, kind) {
  return s("circle", { cx: plane.x(Date.parse(time)), cy: plane.y(value), r: 4, class: kind });
}

// Stretches of indices without a gap.
function unbroken(values) {
  const runs = [];
  values.forEach((value, k) => {
    if (!known(value)) return;
    if (k > 0 && known(values[k - 1])) runs.at(-1).push(k);
    else runs.push([k]);
  });
  return runs;
}

// The size of the leading series' move in sigma at each update, against the bars of each severity.
export function trackPicture(track) {
  const sized = track.filter((each) => known(each.sigma));
  if (!sized.length) return h("p", {}, "This rule has no bar in sigma.");
  const rungs = sized.findLast((each) => each.rungs)?.rungs ?? {};
  const bars = Object.entries(rungs).length ? Object.entries(rungs) : sized.filter((each) => known(each.threshold)).slice(-1).map((each) => ["bar", each.threshold]);
  const times = sized.map((each) => Date.parse(each.time));
  const sizes = sized.map((each) => Math.abs(each.sigma));
  const plane = new Plane(180, [Math.min(...times), Math.max(...times)], [0, Math.max(...sizes, ...bars.map(([, bar]) => bar))]);
  const points = sized.map((each, k) => plane.at(times[k], sizes[k])).join(" ");
  const [first, last] = [sizes[0], sizes.at(-1)].map((size) => `${size.toFixed(1)}σ`);
  const course = sizes.length > 1 ? `${first} at first, ${Math.max(...sizes).toFixed(1)}σ at most, ${last} at update ${sized.at(-1).seq}` : first;
  const title = `Size of the move: ${course}; bars ${bars.map(([name, bar]) => `${name} ${number(bar)}σ`).join(", ") || "none"}`;
  return drawing(180, title, plane.scale((value) => `${value.toFixed(1)}σ`),
    bars.map(([name, bar]) => plane.across(bar, "bar", `${name} ${number(bar)}σ`)),
    s("polyline", { class: "path", points }),
    sized.map((each, k) => s("circle", { cx: plane.x(times[k]), cy: plane.y(sizes[k]), r: 4, class: "now" })),
    plane.below(times[0], `${clock(sized[0].time)} UTC`, "start"),
    times.at(-1) > times[0] ? plane.below(times.at(-1), `${clock(sized.at(-1).time)} UTC`, "end") : null);
}
