// What the drawer and its print say of an episode, in the order in which somebody asks who was called at 3 a.m.

import { fill, h, link } from "./dom.js";
import { pathPicture, trackPicture } from "./track.js";
import { bp, clock, count, duration, known, local, moment, ms, number, sigma } from "./words.js";

// The parts of the story (`GET /api/v1/episodes/{id}`), as elements.
export function tell(story) {
  return [
    glance(story), picture(story), timeline(story), track(story), answers(story), rates(story), numbers(story),
    data(story), messages(story), people(story), origins(story),
  ].filter((part) => part !== null);
}

function part(key, title, ...inside) {
  const id = `drawer-${key}`;
  return h("section", { class: `drawer-part drawer-${key}`, "aria-labelledby": id }, h("h3", { id }, title), ...inside);
}

function fold(key, title, ...inside) {
  return h("details", { "data-key": key }, h("summary", {}, title), ...inside);
}

function table(heads, rows, caption) {
  const cells = (row) => row.map((cell, k) => (k ? h("td", {}, cell) : h("th", { scope: "row" }, cell)));
  return h("div", { class: "drawer-wide", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "visually-hidden" }, caption),
      h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))));
}

const zoneOf = (story) => story.path?.zone ?? null;

function at(iso, story) {
  const there = local(iso, zoneOf(story));
  return h("time", { datetime: iso }, moment(iso) + (there ? ` (${there})` : ""));
}

function glance(story) {
  const { episode, acknowledged } = story;
  const facts = h("dl", { class: "drawer-facts" });
  const say = (name, ...text) => text.length && text[0] !== null && facts.append(h("div", {}, h("dt", {}, name), h("dd", {}, ...text)));
  const over = episode.state !== "open";
  say("State", over ? `over since ${moment(episode.closed_at ?? episode.updated_at)}, it lasted ${duration(story.lasted_s)}`
    : `open for ${duration(story.lasted_s)} as of its newest update`);
  say("Opened", at(episode.opened_at, story));
  say("Severity", `${episode.severity} (the highest it ever had)`);
  say("Move", moveText(story));
  say("How unusual", unusualText(story));
  if (story.outcome) say("Outcome", outcomeText(story.outcome));
  say("Answers", answersText(story));
  if (story.source) say("Source", story.source);
  say("Data", story.data.length ? story.data.at(-1).text : "no word of them");
  say("Told", [...story.sinks.map(sinkText), ...story.kept.map(keptText)].join("; ") || "nobody: no message went out");
  say("Taken on", acknowledged ? `by ${acknowledged.by} at ${moment(acknowledged.at)}${acknowledged.note ? `: ${acknowledged.note}` : ""}`
    : "nobody has acknowledged it");
  const origin = episode.origin === "live" ? null : h("p", { class: "drawer-origin" }, `This is no live episode but a ${episode.origin} one.`);
  return part("glance", "At a glance", origin, facts);
}

function moveText(story) {
  const last = story.track.at(-1);
  if (!last) return null;
  const said = [`${last.series} ${last.value.toFixed(3)}% at ${clock(last.time)} UTC`];
  if (known(last.change_bp)) said.push(`${bp(last.change_bp)}${last.horizon ? ` over ${last.horizon}` : ""}`);
  if (known(last.sigma)) said.push(`${sigma(Math.abs(last.sigma))}${known(last.sigma_bp) ? ` of ${number(last.sigma_bp)} bp` : ""}`);
  if (known(last.threshold)) said.push(`bar ${number(last.threshold)}σ${known(last.reach_bp) ? ` = ${number(last.reach_bp)} bp` : ""}`);
  return said.join(", ");
}

function unusualText(story) {
  const move = story.events.map((event) => event.series[0]).findLast((each) => each && (each.exceeded || each.rank));
  if (!move) return null;
  const said = [];
  const { exceeded } = move;
  if (exceeded) said.push(`${count(exceeded.times)} of ${count(exceeded.of)} past ${exceeded.unit ?? "days"} were beyond ${known(exceeded.beyond) ? `${number(exceeded.beyond)}σ` : "the bar"}`);
  if (move.rank) said.push(`rank ${count(move.rank)} of ${count(move.rank_of)} moves in its direction`);
  if (move.return_period_years) {
    const [low, middle, high] = move.return_period_years.map(number);
    said.push(`fitted return period ${middle} years (${low} to ${high}, 80 percent)`);
  }
  return said.join("; ");
}

function outcomeText(outcome) {
  const said = [`lasted ${duration(outcome.lasted_s)}`, `peak ${bp(outcome.peak_bp)}${known(outcome.peak_sigma) ? `, ${sigma(Math.abs(outcome.peak_sigma))}` : ""}`];
  if (outcome.peak) said.push(`at ${outcome.peak.value.toFixed(3)}%, ${moment(outcome.peak.time)}`);
  if (known(outcome.retraced)) said.push(`${Math.round(100 * outcome.retraced)} % of the way given back`);
  if (outcome.now) said.push(`now ${outcome.now.value.toFixed(3)}%`);
  return said.join(", ");
}

function answersText(story) {
  const groups = [[story.followed, "linked"], [story.did_not, "did not respond"], [story.could_not, "could not"]];
  const said = groups.filter(([found]) => found.length).map(([found, what]) => `${what}: ${found.map((each) => each.market).join(", ")}`);
  return said.length ? said.join("; ") : "none is known yet";
}

function sinkText(sink) {
  const took = known(sink.p50_ms) ? ` (median ${ms(sink.p50_ms)}, worst ${ms(sink.worst_ms)})` : "";
  const rest = [[sink.waiting, "waiting"], [sink.dead, "given up"], [sink.covered, "covered by a newer one"], [sink.standby, "told by another daemon"]];
  const more = rest.filter(([n]) => n > 0).map(([n, what]) => `, ${n} ${what}`).join("");
  return `${sink.sink} ${sink.delivered} of ${sink.messages}${took}${more}`;
}

function keptText(each) {
  const updates = `${count(each.events)} ${each.events === 1 ? "update" : "updates"}`;
  return `${each.sink} was not told of ${updates}: ${each.why}${each.listed ? " (listed in another message)" : ""}`;
}

function picture(story) {
  if (!story.path) return null;
  return part("path", "How it got there", pathPicture(story.path, story.steps));
}

function timeline(story) {
  const steps = story.steps.map((step) => h("li", { "data-severity": step.severity },
    h("p", { class: "drawer-when" }, at(step.time, story), h("span", {}, step.after_s > 0 ? ` +${duration(step.after_s)}` : ""),
      h("strong", {}, ` ${step.type}`), `, ${step.severity}`),
    h("p", { class: "headline" }, step.headline),
    step.note ? h("p", { class: "note" }, step.note) : null,
    h("ul", { class: "drawer-told" }, step.messages.length ? step.messages.map((each) => h("li", { "data-state": each.state }, messageText(each)))
      : h("li", {}, "No message went out for this update.")),
    fold(`step-${step.seq}`, `Every number behind update ${step.seq}`, h("ul", { class: "drawer-lines" }, step.lines.map((line) => h("li", {}, line))))));
  return part("timeline", `Timeline (${count(story.steps.length)} ${story.steps.length === 1 ? "update" : "updates"})`, h("ol", {}, steps));
}

function messageText(each) {
  return each.arrived ? `${each.sink}: arrived ${clock(each.arrived)} UTC, ${ms(each.latency_ms)} after it was committed` : each.text;
}

function track(story) {
  if (!story.track.length) return null;
  const rows = story.track.map((each) => [
    `${each.seq}`, clock(each.time), each.series, `${each.value.toFixed(3)}%`, bp(each.change_bp), each.horizon ?? "",
    known(each.sigma) ? sigma(Math.abs(each.sigma)) : "?", known(each.sigma_bp) ? `${number(each.sigma_bp)} bp` : "?",
    known(each.threshold) ? `${number(each.threshold)}σ` : "none", known(each.reach_bp) ? `${number(each.reach_bp)} bp` : "?",
  ]);
  const heads = ["Update", "UTC", "Series", "Yield", "Change", "Over", "Move", "One sigma", "Bar", "Bar in bp"];
  return part("track", "Against its bars", trackPicture(story.track), table(heads, rows, "The leading series against its bar at each update"));
}

function answers(story) {
  const groups = [["Followed", story.followed], ["Did not respond", story.did_not], ["Could not respond", story.could_not]];
  const bodies = groups.filter(([, found]) => found.length).map(([title, found]) => h("tbody", {},
    h("tr", {}, h("th", { scope: "rowgroup", colspan: "2", class: "drawer-group" }, `${title} (${found.length})`)),
    found.map((each) => h("tr", {}, h("th", { scope: "row" }, each.label), h("td", {}, each.text, ownEpisode(each.follower))))));
  const none = h("p", {}, "No other market has been judged against it.");
  return part("answers", "Who followed, who did not, who could not", bodies.length
    ? h("table", {}, h("caption", { class: "visually-hidden" }, "How other markets answered"), bodies) : none);
}

function ownEpisode(follower) {
  return follower.episode ? [" ", h("a", { href: `#${follower.episode}` }, "open its episode")] : null;
}

function rates(story) {
  if (!story.base_rates.length) return null;
  return part("rates", "Base rates", h("ul", {}, story.base_rates.map((each) => h("li", {}, each.text))),
    h("p", { class: "soft" }, "Counts of the past, and few of them: no forecast."));
}

function numbers(story) {
  if (!story.numbers.length) return null;
  return part("numbers", "Every number", story.numbers.map((each, place) => {
    const inside = h("ul", { class: "drawer-lines" }, each.lines.map((line) => h("li", {}, line)));
    const folded = fold(`series-${each.series}`, `${each.label}, as of update ${each.seq}, ${clock(each.time)} UTC`, inside);
    if (place === 0) folded.dataset.first = "";
    return folded;
  }));
}

function data(story) {
  if (!story.data.length) return null;
  return part("data", "Quality of the data", h("ul", {}, story.data.map((each) => h("li", { "data-incident": each.incident ? "" : null },
    `${clock(each.time)} UTC, update ${each.seq}: `, each.incident ? h("strong", {}, "not as it should be: ") : "", each.text))));
}

function messages(story) {
  const kept = story.kept.length ? h("ul", {}, story.kept.map((each) => h("li", {}, keptText(each)))) : null;
  if (!story.sinks.length) return part("messages", "Messages", h("p", {}, "No message went out."), kept);
  const sums = story.sinks.map((each) => [each.sink, `${each.delivered} of ${each.messages}`, ms(each.p50_ms), ms(each.worst_ms),
    `${each.waiting}`, `${each.dead}`, each.last_error ?? ""]);
  const all = story.steps.flatMap((step) => step.messages).map((each) => [each.sink, `${each.seq} ${each.type}`, clock(each.committed),
    each.arrived ? clock(each.arrived) : "has not", each.arrived ? ms(each.latency_ms) : "?", `${each.attempts}`, each.state, each.error ?? ""]);
  return part("messages", "Messages", kept,
    table(["Sink", "Arrived", "Median", "Worst", "Waiting", "Given up", "Last error"], sums, "What each sink was told"),
    fold("messages", `Each of the ${count(all.length)} messages`,
      table(["Sink", "Update", "Committed, UTC", "Arrived, UTC", "Took", "Attempts", "State", "Error"], all, "Every message")));
}

function people(story) {
  const rows = story.people.map((each) => h("li", {}, at(each.at, story), ` ${each.author} (${each.via}) `, h("strong", {}, each.verb),
    each.detail ? `: ${each.detail}` : ""));
  const labels = story.labels.map((each) => h("li", {}, `${each.author} calls it “${each.label}”${each.note ? `: ${each.note}` : ""}`));
  return part("people", "What people did", rows.length || labels.length ? h("ul", {}, rows, labels) : h("p", {}, "Nothing yet."));
}

function origins(story) {
  const { episode } = story;
  const last = story.events.at(-1);
  const facts = h("p", { class: "soft" });
  fill(facts, `${episode.id} · rule ${episode.rule} · ${last.instance} · stressd ${last.version} · method ${last.method} · configuration ${last.config}`);
  return part("origins", "Where this comes from", facts, last.runbook ? h("p", {}, "Runbook: ", link(last.runbook)) : null);
}
