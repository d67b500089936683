// The head: whether stressd is well, what time it is there, and whether what is shown is still true.

import { mark, write } from "./dom.js";
import { between, duration, moment } from "./words.js";

const WORDS = { live: "", stale: "nothing has come for a while: what is shown is old", lost: "no connection to stressd: what is shown is old" };

// Returns what is to be told how the line is.
export function mount(element, store) {
  const verdict = element.querySelector("#verdict");
  const now = element.querySelector("#now");
  const strong = document.createElement("strong");
  const why = document.createElement("span");
  let line = null; // nothing is known of it yet: what the server wrote stands
  const show = () => {
    const state = store.state;
    if (line === null || (line === "live" && !state)) return;
    if (!strong.isConnected) verdict.replaceChildren(strong, " ", why);
    mark(strong, "data-state", line === "live" ? state.state : "stale");
    write(strong, line === "live" ? state.state : "old");
    write(why, line === "live" ? (state.reasons ?? []).join("; ") : WORDS[line]);
    if (state) write(now, moment(state.time));
    mark(document.documentElement, "data-stale", line === "live" ? null : "");
  };
  for (const section of ["state", "reasons", "time"]) store.subscribe(section, show);
  return (next) => {
    if (next === line) return;
    line = next;
    show();
  };
}

// How long until an ISO time, from the state's own time: "2 h 13 min".
export const until = (state, iso) => duration(Math.max(0, between(state.time, iso)));
