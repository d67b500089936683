// A replay says so: a banner that stays, the title, the favicon, the frame of the page; and it is steered there.

import { h, mark, write } from "./dom.js";
import { field } from "./forms.js";
import { act, may, watch } from "./token.js";
import { moment, number } from "./words.js";

const WORDS = { replay: "Replay", simulated: "Simulation", drill: "Drill" };
const SPEEDS = [0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1200, 3000, 10000];
const HOUR = 3600e3;

// element: a place at the top of the page; empty while everything is live.
export function mount(element, store) {
  const word = h("strong", { class: "replay-word" });
  const text = h("span", {});
  const bar = h("progress", { max: "1", "aria-label": "How much of it is over" });
  const said = h("span", { class: "replay-said", role: "status" });
  const pause = button("", () => steer({ paused: !store.state.replay.paused }));
  const slower = button("Slower", () => steer({ speed: step(store.state.replay.speed, -1) }));
  const faster = button("Faster", () => steer({ speed: step(store.state.replay.speed, 1) }));
  const on = [["+10 min", HOUR / 6], ["+1 h", HOUR], ["+6 h", 6 * HOUR]].map(([name, by]) => button(name, () => steer({ to: later(store.state.replay, by) })));
  const when = h("input", { type: "datetime-local", step: "60" });
  const go = h("form", { class: "replay-to" }, field("On to, UTC", when), h("button", { type: "submit" }, "Go"));
  go.addEventListener("submit", (event) => {
    event.preventDefault();
    if (when.value) steer({ to: `${when.value}Z` });
  });
  const controls = h("div", { class: "replay-controls", role: "group", "aria-label": "Steer it" }, pause, slower, faster, on, go);
  const banner = h("div", { class: "replay", role: "region", "aria-label": "This is not live", hidden: true },
    h("p", { class: "replay-line" }, word, text), bar, controls, said);
  element.append(banner);

  async function steer(change) {
    try {
      await act("POST", "api/v1/replay", change);
      write(said, "");
    } catch (error) {
      if (error.status === undefined) throw error;
      write(said, `Not done: ${error.message}.`);
    }
  }

  const show = () => {
    const { origin = "live", replay = null, time } = store.state ?? {};
    const name = WORDS[origin] ?? (replay ? WORDS.replay : null);
    banner.hidden = name === null;
    marked(name);
    if (name === null) return;
    write(word, `${name}: this is not live`);
    write(text, replay ? `${replay.file} · ${moment(replay.at ?? time)} · ${pace(replay)}` : moment(time));
    bar.hidden = controls.hidden = replay === null;
    controls.hidden ||= !may("drill");
    if (replay === null) return;
    bar.value = part(replay);
    write(pause, replay.paused ? "Go on" : "Pause");
    for (const each of [pause, slower, faster, ...on, ...go.elements]) each.disabled = isOver(replay);
    mark(when, "min", replay.at?.slice(0, 16));
    mark(when, "max", replay.to?.slice(0, 16));
    if (!when.value && document.activeElement !== when && replay.at) when.value = replay.at.slice(0, 16);
  };
  const ends = [...["origin", "replay", "time"].map((section) => store.subscribe(section, show)), watch(show)];
  return () => {
    ends.forEach((end) => end());
    banner.remove();
  };
}

export function pace(replay) {
  if (isOver(replay)) return "over";
  return `${number(replay.speed)} times real time${replay.paused ? ", paused" : ""}`;
}

// The next speed of SPEEDS in this direction.
export function step(speed, way) {
  const there = way > 0 ? SPEEDS.find((each) => each > speed * 1.001) : SPEEDS.findLast((each) => each < speed * 0.999);
  return there ?? speed;
}

const isOver = (replay) => Boolean(replay.over) || (replay.at && replay.to && replay.at >= replay.to);

function later(replay, by) {
  return new Date(Math.min(Date.parse(replay.at) + by, Date.parse(replay.to))).toISOString();
}

function part({ from, to, at }) {
  const whole = Date.parse(to) - Date.parse(from);
  return whole > 0 ? Math.min(1, Math.max(0, (Date.parse(at) - Date.parse(from)) / whole)) : 1;
}

// The tab, its icon and the frame of the page say it too. name: null while all is live.
function marked(name) {
  mark(document.documentElement, "data-played", name === null ? null : name.toLowerCase());
  const prefix = name === null ? "" : `${name.toUpperCase()} · `;
  const plain = document.title.replace(/^(REPLAY|SIMULATION|DRILL) · /, "");
  if (document.title !== prefix + plain) document.title = prefix + plain;
  const icon = document.querySelector("link[rel~='icon']");
  if (icon === null) return;
  icon.dataset.live ??= icon.getAttribute("href");
  const href = name === null ? icon.dataset.live : icon.dataset.played ?? new URL("icon-replay.svg", import.meta.url).href;
  if (icon.getAttribute("href") !== href) icon.setAttribute("href", href);
}

function button(text, onclick) {
  return h("button", { type: "button", onclick }, text);
}
