// What goes on from an episode: the same in a terminal, its data, and everything about it in one file.

import { h, write } from "./dom.js";

const PATIENCE = 120; // s for a bundle to be made

// Of a story, as elements.
export function tools({ episode, acknowledged }) {
  const at = `api/v1/episodes/${encodeURIComponent(episode.id)}`;
  const waits = episode.state === "open" && episode.origin === "live" && !acknowledged;
  return [
    h("code", {}, `stressd explain ${episode.id}`),
    waits ? h("code", {}, `stressd ack ${episode.id}`) : null,
    h("a", { href: `${at}/report.html`, target: "_blank", rel: "noopener" }, "Report"),
    h("a", { href: `${at}/report.md` }, "Markdown"),
    h("a", { href: at }, "JSON"),
    bundle(`${at}/bundle`),
  ];
}

// An incident bundle takes a while to be made: the server says when to ask again, and then sends it.
function bundle(at) {
  const said = h("span", { role: "status" });
  const button = h("button", { type: "button", class: "drawer-bundle", onclick: async () => {
    button.disabled = true;
    write(said, " being made…");
    write(said, ` ${await made(at)}`);
    button.disabled = false;
  } }, "Bundle");
  return h("span", {}, button, said);
}

async function made(at) {
  const end = Date.now() + PATIENCE * 1000;
  try {
    while (Date.now() < end) {
      const answer = await fetch(at, { cache: "no-store", credentials: "same-origin" });
      if (answer.status !== 202) {
        if (!answer.ok) return (await answer.json().catch(() => null))?.error ?? `the daemon answers ${answer.status}`;
        await answer.body?.cancel();
        location.assign(at);
        return "";
      }
      const { again_s: wait } = await answer.json();
      await new Promise((done) => { setTimeout(done, wait * 1000); });
    }
    return `not made within ${PATIENCE} s: stressd bundle does it in a terminal`;
  } catch {
    return "the daemon does not answer";
  }
}
