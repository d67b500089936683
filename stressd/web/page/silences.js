// What is silenced now or will be, by whom and why; ending one, and making one for a market.

import { fill, h, keyed, write } from "./dom.js";
import { choice, deed, dialog, field } from "./forms.js";
import { act, may, watch } from "./token.js";
import { count, moment } from "./words.js";

export const SPANS = [["30m", "30 minutes"], ["1h", "1 hour"], ["2h", "2 hours"], ["8h", "8 hours"], ["24h", "24 hours"], ["3d", "3 days"]];

export function silences(store) {
  const button = h("button", { type: "button" }, "Silences");
  const rows = new Map();
  const list = h("ul", { class: "silences" });
  const none = h("p", {}, "Nothing is silenced.");
  const said = h("p", { class: "deed-said", role: "status" });
  const market = choice([]);
  const form = silencing("Silence a market", [field("Market", market)], () => ({ market: market.value, kind: "market" }));
  const root = dialog("silences", "Silences", none, list, said, h("h3", {}, "Silence all alerts of a market"), form);
  button.addEventListener("click", () => root.showModal());

  const show = (found) => {
    const ids = Object.keys(found ?? {}).sort((a, b) => (found[a].until < found[b].until ? -1 : 1));
    keyed(list, rows, ids, (id) => row(id, said), (id) => found[id]);
    none.hidden = ids.length > 0;
    write(button, ids.length ? `${count(ids.length)} silenced` : "Silences");
    button.toggleAttribute("data-some", ids.length > 0);
  };
  const ends = [
    store.subscribe("silences", show),
    store.subscribe("markets", (markets) => {
      const names = Object.keys(markets ?? {}).sort((a, b) => (markets[a].order ?? 0) - (markets[b].order ?? 0));
      if (names.join() === [...market.options].map((each) => each.value).join()) return;
      fill(market, names.map((name) => h("option", { value: name }, name)));
    }),
    watch(() => rows.forEach((each) => each.allow())),
  ];
  return { button, root, end: () => ends.forEach((end) => end()) };
}

// A form that silences what `match()` says, for a while and for a reason.
export function silencing(title, fields, match) {
  const span = choice(SPANS, "2h");
  const reason = h("input", { type: "text", required: true, maxlength: "500", placeholder: "BoJ operation", autocomplete: "off" });
  const loud = h("input", { type: "checkbox", checked: true });
  return deed(title, "silence", "Silence", [
    ...fields, field("For", span), field("Reason", reason, true), field("Still tell of critical ones", loud),
  ], async () => {
    const done = await act("POST", "api/v1/silences", {
      match: match(), for: span.value, reason: reason.value, break_through: loud.checked ? "critical" : null,
    });
    reason.value = "";
    return `Silenced until ${moment(done.until)}: ${done.match}.`;
  });
}

function row(id, said) {
  const what = h("strong", {});
  const how = h("p", { class: "soft" });
  const end = h("button", { type: "button" }, "End");
  const root = h("li", {}, h("div", {}, what, how), end);
  const allow = () => { end.disabled = !may("silence"); };
  end.addEventListener("click", async () => {
    end.disabled = true;
    try {
      write(said, `${(await act("DELETE", `api/v1/silences/${encodeURIComponent(id)}`)).detail}.`);
    } catch (error) {
      if (error.status === undefined) throw error;
      write(said, `Not done: ${error.message}.`);
    } finally {
      allow();
    }
  });
  allow();
  return {
    root,
    allow,
    show(silence) {
      write(what, silence.match);
      end.setAttribute("aria-label", `End the silence of ${silence.match}`);
      const but = silence.break_through ? `, but for ${silence.break_through} ones` : "";
      const held = silence.withheld ? `; ${count(silence.withheld)} withheld` : "";
      const from = silence.state === "waiting" || silence.state === "pending" ? `from ${moment(silence.from)} ` : "";
      write(how, `${from}until ${moment(silence.until)}${but}, by ${silence.author}: ${silence.reason}${held}`);
    },
  };
}
