// The token of this tab, and what it may do. It is kept for the tab alone (sessionStorage) and sent in `Authorization` where something is
// done; for reading it is exchanged for a session's cookie, which the event stream needs.

import { Unread } from "./read.js";

const KEY = "stressd-token";
const RENEW = 30 * 60 * 1000; // ms: half of how long a session lasts

// An address such as /#token=... hands it over; it leaves the address, and so the history, at once.
const given = /^#token=([\w.~+/=-]+)$/.exec(location.hash);
if (given) {
  sessionStorage.setItem(KEY, given[1]);
  history.replaceState(null, "", location.pathname + location.search);
}

const heard = new Set();
let holder = null; // {name, may: Set}, null without a token that is good
let timer = 0;

// fn(holder) now and whenever it changes; returns a function that ends it.
export function watch(fn) {
  heard.add(fn);
  fn(holder);
  return () => heard.delete(fn);
}

// Whether the token may do this: "ack", "silence", "label", "test" or "drill".
export const may = (right) => holder?.may.has(right) ?? false;

// Begin a session with this token, and keep it for the tab. Throws Unread with the server's own words.
export async function enter(token) {
  const said = await send("POST", "api/v1/session", undefined, token);
  sessionStorage.setItem(KEY, token);
  tell({ name: said.name, may: new Set(said.may) });
  clearInterval(timer);
  timer = setInterval(renew, RENEW);
  return holder;
}

// Forget the token, here and on the server.
export async function leave() {
  const token = sessionStorage.getItem(KEY);
  forget();
  if (token) await send("DELETE", "api/v1/session", undefined, token).catch(() => null);
}

// Begin a session by the token that the tab has; null where it has none that is good. Throws Unread where the server does not answer.
export async function renew() {
  const token = sessionStorage.getItem(KEY);
  if (!token) return null;
  try {
    return await enter(token);
  } catch (error) {
    if (error.status === 401) forget();
    if (error.status === 0 || error.status === 429) throw error;
    return null;
  }
}

// Do something: the JSON that the server answers. Throws Unread with its own words; status 0: it did not answer.
export async function act(method, path, said) {
  const token = sessionStorage.getItem(KEY);
  if (!token) throw new Unread(401, "this takes a token");
  try {
    return await send(method, path, said, token);
  } catch (error) {
    if (error.status === 401) forget();
    throw error;
  }
}

async function send(method, path, said, token) {
  const headers = { Authorization: `Bearer ${token}` };
  if (said !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: said === undefined ? undefined : JSON.stringify(said), credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new Unread(0, "the daemon does not answer: nothing is known of whether it was done");
  }
  const told = await answer.json().catch(() => null);
  if (!answer.ok) throw new Unread(answer.status, told?.error ?? `the daemon answers ${answer.status}`);
  return told;
}

function forget() {
  sessionStorage.removeItem(KEY);
  clearInterval(timer);
  tell(null);
}

function tell(now) {
  holder = now;
  for (const fn of heard) fn(holder);
}
