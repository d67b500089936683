// The page's data: whole at first, then what changes (RFC 7396), for whoever asks to be told of a section.

export const STALE = 15_000; // ms without a word after which what is shown is called old
const LONGEST = 30_000; // ms between two attempts to connect

export function makeStore() {
  const heard = new Map();
  const store = {
    state: null,
    told: 0, // when something came last, ms of performance.now()
    // fn(state[section], state): at once if there is a state, and after every change. Returns what ends it.
    subscribe(section, fn) {
      if (!heard.has(section)) heard.set(section, new Set());
      heard.get(section).add(fn);
      if (store.state) fn(store.state[section], store.state);
      return () => heard.get(section).delete(fn);
    },
    replace(state) {
      const before = store.state ?? {};
      store.state = state;
      tell([...new Set([...Object.keys(before), ...Object.keys(state), ...heard.keys()])]);
    },
    patch(patch) {
      store.state = merge(store.state, patch);
      tell(Object.keys(patch));
    },
  };
  const tell = (sections) => {
    for (const section of sections) {
      for (const fn of [...(heard.get(section) ?? [])]) {
        try {
          fn(store.state[section], store.state);
        } catch (error) {
          reportError(error); // one part of the page that fails does not stand in the way of the others
        }
      }
    }
  };
  return store;
}

// MergePatch of RFC 7396; what does not change stays the object that it is.
export function merge(target, patch) {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const merged = target !== null && typeof target === "object" && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value);
  }
  return merged;
}

// Keep the store up to date for as long as the page is open. needToken: resolves once reading works; heard(state): how
// the line is: "live", "stale" or "lost".
export function connect(store, needToken, heard) {
  let source = null;
  let tries = 0;
  const came = () => {
    store.told = performance.now();
    tries = 0;
    heard("live");
  };
  const open = () => {
    store.told = performance.now();
    source = new EventSource("api/v1/stream");
    source.addEventListener("state", (event) => { came(); store.replace(JSON.parse(event.data)); });
    source.addEventListener("patch", (event) => { came(); store.patch(JSON.parse(event.data)); });
    source.addEventListener("beat", came);
    source.addEventListener("error", () => lost("lost"));
  };
  const lost = async (how) => {
    heard(how);
    source.close();
    const status = await fetch("api/v1/state", { method: "HEAD", signal: AbortSignal.timeout(5000) }).then((answer) => answer.status, () => 0);
    if (status === 401) await needToken();
    const wait = Math.min(LONGEST, 500 * 2 ** tries) * (0.5 + Math.random() / 2);
    tries += 1;
    setTimeout(open, status === 401 ? 0 : wait);
  };
  // A line over which nothing comes may be dead without anybody having said so: it is made anew.
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED || performance.now() - store.told <= STALE) return;
    lost("stale");
  }, 1000);
  open();
}
