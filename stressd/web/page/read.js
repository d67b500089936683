// Reading from the daemon's API; the session's cookie says who asks.

export class Unread extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// The JSON at a path of this server. Throws Unread with the server's own words; status 0: it did not answer.
export async function read(path, signal) {
  let answer;
  try {
    answer = await fetch(path, { signal, cache: "no-store", credentials: "same-origin" });
    if (answer.ok) return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unread(0, "the daemon does not answer");
  }
  const said = await answer.json().catch(() => null);
  throw new Unread(answer.status, said?.error ?? `the daemon answers ${answer.status}`);
}
