// One series' session: its path and range, what it has to leave for an alert, closed time, halts and breaches.

import { axis, chart, faint, ink, inZone } from "./chart.js";
import { body, fill, h, mark, write } from "./dom.js";
import { Unread, read } from "./read.js";
import { bp, clock, known, local, seriesName, sigma } from "./words.js";
import { OVER, lines, overlays, view } from "./strip_marks.js";

const HEIGHT = (width) => Math.round(Math.min(300, Math.max(200, width * 0.34)));
const AGAIN = 20_000; // ms after which the path is asked for anew: bars move, episodes open
const MOST = 4000; // points

export function mount(element, store) {
  let chosen = null;
  let asking = null;
  let strip = null;
  let data = [[], [], [], []];
  const name = h("strong", {});
  const told = h("span", {});
  const place = h("div", { role: "img" });
  const marks = h("p", { class: "chart-told" });
  fill(body(element), h("p", { class: "strip-head" }, name, " ", told), place, marks);
  const zone = () => store.state?.markets?.[store.state?.series?.[chosen]?.market]?.zone ?? "UTC";
  const digits = () => Math.max(2, store.state?.series?.[chosen]?.decimals ?? 2);
  const picture = chart(place, HEIGHT, (width, height) => options(width, height));

  async function ask() {
    asking?.abort();
    const mine = (asking = new AbortController());
    try {
      const said = await read(`api/v1/series/${encodeURIComponent(chosen)}/strip`, mine.signal);
      if (mine !== asking) return;
      const first = strip?.series !== said.series;
      strip = said;
      data = columns(said);
      picture.set(data);
      if (first) picture.again();
      tell();
    } catch (error) {
      if (error instanceof Unread && mine === asking) write(marks, `The session of ${seriesName(chosen)} cannot be shown: ${error.message}.`);
    }
  }

  const choose = (id) => {
    if (id === chosen) return;
    chosen = id;
    show(store.state?.series);
    ask();
  };
  // A tick that comes is added to the path at once.
  const show = (series) => {
    const each = series?.[chosen];
    if (!each) return;
    write(name, seriesName(chosen));
    if (strip?.series === chosen && each.time && known(each.value)) {
      const seconds = Date.parse(each.time) / 1000;
      if (seconds > (data[0].at(-1) ?? 0)) {
        data = [[...data[0], seconds], [...data[1], each.value], [...data[2], null], [...data[3], null]];
        if (data[0].length > MOST) data = data.map((column) => column.slice(-MOST));
        picture.set(data);
      }
    }
    tell();
  };
  const tell = () => {
    const each = store.state?.series?.[chosen];
    if (!each) return;
    const size = known(each.sigma) ? `, ${sigma(each.sigma)}` : "";
    write(told, `${known(each.value) ? `${each.value.toFixed(digits())} %` : "no value yet"}, ${bp(each.change_bp)} since the prior close${size} · ${each.state}, ${each.time ? local(each.time, zone()) || `${clock(each.time)} UTC` : "no time"}`);
    if (strip?.series !== chosen) return;
    const spans = [...new Set(strip.bands.map((band) => band.horizon))];
    const bars = spans.map((span) => `${OVER[span] ?? span} at ${strip.bands.filter((band) => band.horizon === span).map((band) => `${band.severity} ±${band.bar_bp.toFixed(1)}`).join(", ")} bp`);
    const breaches = strip.breaches.map((breach) => `${hours(Date.parse(breach.time) / 1000, zone())} ${breach.severity}, ${sigma(breach.sigma)} ${OVER[breach.horizon] ?? `over ${breach.horizon}`}`);
    const text = [`${city(zone())} time`, breaches.length ? `crossed ${breaches.join("; ")}` : "nothing crossed in this session", bars.length ? `enters ${bars.join("; ")}` : "no bar is known yet"].join(" · ");
    write(marks, text);
    mark(place, "aria-label", `${seriesName(chosen)} in this session. ${text}`);
  };

  const options = (width, height) => {
    const main = ink("--main");
    const its = zone();
    return {
      width,
      height,
      legend: { show: false },
      cursor: { drag: { x: false, y: false }, points: { size: 8 } },
      tzDate: (seconds) => inZone(seconds, its),
      scales: { x: { time: true }, y: { range: (_, low, high) => view(strip, low, high) } },
      axes: [
        axis({ size: 30, space: 60, values: (_, splits) => splits.map((each) => hours(each, its)) }),
        axis({ size: 70, values: (_, splits) => splits.map((value) => `${value.toFixed(digits())} %`) }),
      ],
      series: [
        {},
        { stroke: main, width: 2, points: { show: false }, spanGaps: false },
        { stroke: "transparent", points: { show: false }, spanGaps: false },
        { stroke: "transparent", points: { show: false }, spanGaps: false },
      ],
      bands: [{ series: [3, 2], fill: faint(main) }],
      hooks: {
        drawClear: [(plot) => overlays(plot, strip)],
        draw: [(plot) => lines(plot, strip, digits())],
        setCursor: [(plot) => pointed(plot)],
      },
    };
  };
  const pointed = (plot) => {
    const at = plot.cursor.idx;
    if (at === null || at === undefined || !known(data[1][at])) tell();
    else write(told, `${data[1][at].toFixed(digits())} % at ${hours(data[0][at], zone(), true)} ${city(zone())}`);
  };

  document.addEventListener("series:chosen", (event) => choose(event.detail));
  setInterval(() => { if (chosen !== null && !document.hidden) ask(); }, AGAIN);
  return store.subscribe("series", show);
}

// Seconds, last, low, high: the range only where the path is in steps.
function columns(said) {
  const ranges = new Map(said.range.map(([, to, low, high]) => [to, [low, high]]));
  const pick = (side) => said.points.map(([t]) => ranges.get(t)?.[side] ?? null);
  return [said.points.map(([t]) => t / 1000), said.points.map(([, value]) => value), pick(0), pick(1)];
}

const city = (zone) => zone.split("/").pop().replaceAll("_", " ");
const formats = new Map();

function hours(seconds, zone, exact = false) {
  const key = `${zone} ${exact}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", ...(exact ? { second: "2-digit" } : {}) }));
  return formats.get(key).format(new Date(seconds * 1000));
}
