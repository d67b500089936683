// The drawer: the whole story of one episode, at /#EPISODE. It stands beside the page, which goes on.

import { fill, h, write } from "./dom.js";
import { read } from "./read.js";
import { tell } from "./story.js";
import { tools } from "./tools.js";
import { moment } from "./words.js";

const LATE = 3000; // ms between looks at messages that are still under way
const REST = 1000; // ms between two readings of one episode at the least

export function mount(element, store) {
  const drawer = new Drawer(element, store);
  const follow = () => drawer.follow();
  addEventListener("hashchange", follow);
  const end = store.subscribe("episodes", (episodes) => drawer.changed(episodes ?? {}));
  follow();
  return () => {
    removeEventListener("hashchange", follow);
    end?.();
    drawer.leave();
  };
}

// The episode that the address names; null where it names a place in the page, or nothing.
export function named(hash) {
  let id;
  try {
    id = decodeURIComponent(hash.replace(/^#/, ""));
  } catch {
    return null;
  }
  return /-\d{6}-[0-9a-z]{4}$/i.test(id) && !document.getElementById(id) ? id : null;
}

class Drawer {
  constructor(element, store) {
    this.store = store;
    this.id = null;
    this.seen = "";
    this.from = null;
    this.asked = null;
    this.timer = 0;
    this.title = h("h2", { id: "drawer-title", tabindex: "-1" });
    this.status = h("p", { class: "drawer-status", role: "status" });
    this.inside = h("div", { class: "drawer-story" });
    this.deeds = h("div", { class: "drawer-deeds" });
    const shut = h("button", { type: "button", class: "drawer-close", "aria-label": "Close (Escape)", onclick: () => this.close() }, "✕");
    const paper = h("button", { type: "button", onclick: () => print() }, "Print");
    this.tools = h("div", { class: "drawer-tools" });
    this.dialog = h("dialog", { id: "drawer", "aria-labelledby": "drawer-title", "aria-modal": "false" },
      h("div", { class: "drawer-head" }, this.title, h("div", { class: "drawer-buttons" }, paper, shut)),
      this.status, this.tools, this.deeds, this.inside);
    element.append(this.dialog);
    this.dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.close();
    });
    this.unfolded = [];
    addEventListener("beforeprint", () => this.unfold());
    addEventListener("afterprint", () => this.fold());
  }

  // Show what the address names.
  follow() {
    const id = named(location.hash);
    if (id === this.id) return;
    if (id === null) this.hide();
    else this.open(id);
  }

  open(id) {
    if (this.id === null) this.from = document.activeElement;
    this.leave();
    this.id = id;
    this.seen = this.said(this.store.state?.episodes);
    write(this.title, this.store.state?.episodes?.[id]?.headline ?? id);
    write(this.status, "Reading…");
    fill(this.inside);
    fill(this.tools);
    delete this.tools.dataset.of;
    fill(this.deeds);
    if (!this.dialog.open) this.dialog.show();
    document.body.classList.add("has-drawer");
    this.dialog.scrollTop = 0;
    this.title.focus();
    this.read();
  }

  // By the reader: the address forgets the episode too.
  close() {
    history.pushState(null, "", location.pathname + location.search);
    this.hide();
  }

  hide() {
    if (this.id === null) return;
    const id = this.id;
    this.leave();
    this.id = null;
    this.dialog.close();
    document.body.classList.remove("has-drawer");
    const row = [...document.querySelectorAll("button[data-episode]")].find((each) => each.dataset.episode === id);
    const back = this.from?.isConnected && this.from !== document.body ? this.from : row;
    this.from = null;
    back?.focus();
    document.dispatchEvent(new CustomEvent("drawer:closed", { detail: { id } }));
  }

  leave() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.asked?.abort();
    this.asked = null;
  }

  // What the stream says of the open episode has changed: read it again, not more than once a second.
  changed(episodes) {
    if (this.id === null) return;
    const now = this.said(episodes);
    if (now === this.seen) return;
    this.seen = now;
    this.again(REST);
  }

  said(episodes) {
    return JSON.stringify(episodes?.[this.id] ?? null);
  }

  again(wait) {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.read();
    }, wait);
  }

  async read() {
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    const id = this.id;
    try {
      const story = await read(`api/v1/episodes/${encodeURIComponent(id)}`, asked.signal);
      if (this.id !== id || asked.signal.aborted) return;
      this.show(story);
      if (story.sinks.some((sink) => sink.waiting > 0)) this.again(LATE);
    } catch (error) {
      if (error.name === "AbortError" || this.id !== id) return;
      if (error.status === undefined) throw error;
      write(this.status, this.inside.childElementCount ? `As of the last reading: ${error.message}.` : `${id}: ${error.message}.`);
      if (error.status === 0 || error.status >= 500) this.again(LATE);
    }
  }

  show(story) {
    const top = this.dialog.scrollTop;
    const open = new Set([...this.inside.querySelectorAll("details[open]")].map((each) => each.dataset.key));
    const focused = this.inside.contains(document.activeElement) ? keyOf(document.activeElement) : null;
    write(this.title, story.episode.headline);
    write(this.status, `Read ${moment(this.store.state?.time ?? new Date().toISOString())}`);
    fill(this.inside, ...tell(story));
    for (const each of this.inside.querySelectorAll("details")) each.open = open.has(each.dataset.key);
    if (focused !== null) [...this.inside.querySelectorAll("details > summary, a")].find((each) => keyOf(each) === focused)?.focus();
    this.dialog.scrollTop = top;
    this.offer(story);
    document.dispatchEvent(new CustomEvent("drawer:shown", { detail: { episode: story.episode, story, element: this.deeds } }));
  }

  // Made anew only where it says something else: a file may be on its way.
  offer(story) {
    const now = `${story.episode.id} ${story.episode.state} ${Boolean(story.acknowledged)}`;
    if (this.tools.dataset.of === now) return;
    this.tools.dataset.of = now;
    fill(this.tools, tools(story));
  }

  // On paper everything is unfolded.
  unfold() {
    this.unfolded = [...this.inside.querySelectorAll("details:not([open])")];
    this.unfolded.forEach((each) => { each.open = true; });
  }

  fold() {
    this.unfolded.forEach((each) => { each.open = false; });
    this.unfolded = [];
  }
}

function keyOf(element) {
  return element.parentElement?.dataset.key ?? element.getAttribute("href") ?? "";
}
