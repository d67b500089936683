// Puts the page together.

import { mount as deeds, needToken } from "./deeds.js";
import { mount as clocks } from "./clocks.js";
import { mount as curves } from "./curves.js";
import { mount as drawer } from "./drawer.js";
import { mount as episodes } from "./episodes.js";
import { mount as graph } from "./graph.js";
import { mount as head } from "./head.js";
import { mount as health } from "./health.js";
import { mount as heatmap } from "./heatmap.js";
import { mount as replay } from "./replay.js";
import { connect, makeStore } from "./state.js";
import { mount as strip } from "./strip.js";
import { mount as stress } from "./stress.js";

const store = makeStore();
const at = (id) => document.getElementById(id);
const line = head(at("head"), store);
replay(at("replay"), store);
deeds(at("deeds"), store);

// What the server wrote stays until there is something newer.
const begun = store.subscribe("time", () => {
  begin();
  queueMicrotask(() => begun());
});
let there = false;

// The address stays that of an open drawer.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("episodes").focus();
});

function begin() {
  if (there) return;
  there = true;
  for (const each of document.querySelectorAll("main.closed, .not-live")) each.remove();
  at("main").hidden = false;
  stress(at("stress"), store);
  curves(at("curves"), store);
  strip(at("strip"), store);
  heatmap(at("heat"), store);
  episodes(at("episodes"), store);
  graph(at("graph"), store);
  health(at("feeds"), store);
  health(at("sinks"), store);
  clocks(at("clocks"), store);
  drawer(document.body, store);
  document.documentElement.dataset.ready = "";
}

connect(store, needToken, line);
