// The list of episodes: those that are open, the gravest first, then those of the last 24 hours.

import { body, fill, h, keyed, mark, write } from "./dom.js";
import { between, clock, duration, known, sigma } from "./words.js";

const RANK = { critical: 3, high: 2, warn: 1, info: 0 };
export const ARROW = { up: "▲", down: "▼" };
const LINKS = ["co-moved", "followed", "spilled over"];

export function mount(element, store) {
  const where = body(element);
  const list = h("ul", { class: "episodes" });
  const none = h("p", { class: "nothing" });
  const news = h("p", { class: "visually-hidden", role: "status" });
  fill(where, none, list, news);
  const rows = new Map();
  let seen = null;

  const show = (episodes, state) => {
    const ids = inOrder(episodes ?? {});
    keyed(list, rows, ids, row, (id) => ({ id, now: state?.time, ...episodes[id] }));
    write(none, ids.length ? "" : "No episode is open, and none was in the last 24 hours.");
    none.hidden = ids.length > 0;
    const open = ids.filter((id) => !episodes[id].closed);
    const fresh = seen === null ? [] : open.filter((id) => !seen.has(id));
    if (fresh.length) write(news, `New: ${fresh.map((id) => episodes[id].headline).join("; ")}`);
    seen = new Set(open);
  };
  const ends = [
    store.subscribe("episodes", show),
    store.subscribe("time", () => show(store.state?.episodes, store.state)),
  ];
  const chosen = () => {
    for (const [id, each] of rows) mark(each.button, "aria-current", location.hash === `#${id}` ? "true" : null);
  };
  addEventListener("hashchange", chosen);
  document.addEventListener("drawer:closed", chosen);
  list.addEventListener("keydown", (event) => step(event, list));
  chosen();
  return () => {
    ends.forEach((end) => end?.());
    removeEventListener("hashchange", chosen);
    document.removeEventListener("drawer:closed", chosen);
  };
}

// Ids: open before over, graver before less grave, newer before older.
export function inOrder(episodes) {
  const place = ([, each]) => [each.closed ? 1 : 0, each.closed ? 0 : -(RANK[each.severity] ?? 0), -Date.parse(each.opened)];
  return Object.entries(episodes)
    .map((entry) => [place(entry), entry[0]])
    .sort(([a, x], [b, y]) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || (x < y ? -1 : 1))
    .map(([, id]) => id);
}

function row(id) {
  const badge = h("span", { class: "badge" });
  const headline = h("span", { class: "headline" });
  const facts = h("span", { class: "facts" });
  const open = () => { location.hash = id; };
  const button = h("button", { type: "button", class: "episode", "aria-haspopup": "dialog", "data-episode": id, onclick: open },
    badge, headline, facts);
  const root = h("li", {}, button);
  return {
    root,
    button,
    show(each) {
      mark(button, "data-severity", each.severity);
      mark(button, "data-over", each.closed ? "" : null);
      write(badge, `${each.severity}${each.direction ? ` ${ARROW[each.direction]}` : ""}`);
      write(headline, each.headline);
      write(facts, factsOf(each).join(" · "));
    },
  };
}

function factsOf(each) {
  const length = duration(between(each.opened, each.closed ?? each.now));
  const said = [each.id, each.closed ? `over at ${clock(each.closed)} UTC after ${length}` : `open for ${length}`];
  if (known(each.peak_sigma)) said.push(`peak ${sigma(Math.abs(each.peak_sigma))}`);
  const linked = Object.entries(each.followers ?? {}).filter(([, how]) => LINKS.includes(how?.wording ?? how));
  if (linked.length) said.push(linked.map(([market, how]) => `${market} ${how?.wording ?? how}`).join(", "));
  const ack = each.acknowledged;
  if (ack) said.push(`acknowledged by ${ack.by}${ack.until ? ` until ${clock(ack.until)} UTC` : ""}`);
  else if (!each.closed) said.push("not acknowledged");
  if (each.silenced) said.push(each.silenced.why);
  if (each.label) said.push(`labelled ${typeof each.label === "string" ? each.label : Object.values(each.label).join(", ")}`);
  return said;
}

// Arrow keys, Home and End go through the list.
function step(event, list) {
  const buttons = [...list.querySelectorAll("button.episode")];
  const at = buttons.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
  if (at < 0 || to === undefined || !buttons[to]) return;
  event.preventDefault();
  buttons[to].focus();
}
