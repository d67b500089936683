// Numbers, times and durations in the words of the desk. What is not known is "?", never 0.

export const UNKNOWN = "?";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

export const known = (value) => value !== null && value !== undefined && !Number.isNaN(value);

// Seconds as the two largest units: "14 h 30 min", "0.8 s".
export function duration(seconds) {
  if (!known(seconds)) return UNKNOWN;
  if (seconds < 0) return `-${duration(-seconds)}`;
  if (seconds < 9.95) return `${seconds.toFixed(1).replace(/\.0$/, "")} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const first = UNITS.findIndex(([, size]) => whole >= size);
  const [big, size] = UNITS[first];
  const [small, part] = UNITS[first + 1];
  const rest = Math.floor((whole % size) / part);
  return `${Math.floor(whole / size)} ${big}` + (rest ? ` ${rest} ${small}` : "");
}

// Milliseconds: "250 ms", "1.2 s", "3 min 4 s".
export function ms(value) {
  if (!known(value)) return UNKNOWN;
  if (Math.abs(value) < 10) return `${value.toFixed(1)} ms`;
  return Math.abs(value) < 999.5 ? `${Math.round(value)} ms` : duration(value / 1000);
}

const two = (n) => String(n).padStart(2, "0");

// An ISO time as "05:31:07" UTC.
export function clock(iso) {
  if (!iso) return UNKNOWN;
  const at = new Date(iso);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

// An ISO time as "20 Jan 2026 05:31:07 UTC".
export function moment(iso) {
  if (!iso) return UNKNOWN;
  const at = new Date(iso);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()} ${clock(iso)} UTC`;
}

// An ISO time on a market's own clock: "14:31 Tokyo"; "" where the zone is not known.
export function local(iso, zone) {
  if (!iso || !zone) return "";
  const time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" }).format(new Date(iso));
  return `${time} ${zone.split("/").pop().replaceAll("_", " ")}`;
}

// Seconds from one ISO time to another; null where one is not known.
export function between(from, to) {
  return from && to ? (Date.parse(to) - Date.parse(from)) / 1000 : null;
}

// A change with its sign: "+16.3 bp". What rounds to nothing has no sign.
export function bp(value) {
  if (!known(value)) return UNKNOWN;
  const text = value.toFixed(1);
  return Number(text) === 0 ? "0.0 bp" : `${value > 0 ? "+" : ""}${text} bp`;
}

// "6.9σ".
export function sigma(value) {
  if (!known(value)) return UNKNOWN;
  const text = value.toFixed(1);
  return `${text === "-0.0" ? "0.0" : text}σ`;
}

// At most two decimals, no trailing zeros.
export function number(value) {
  return known(value) ? value.toFixed(2).replace(/\.?0+$/, "") : UNKNOWN;
}

// "4,706".
export function count(value) {
  return known(value) ? Math.round(value).toLocaleString("en-US") : UNKNOWN;
}

// A share among comparable stretches: ".06", ".004", "< .001".
export function share(p) {
  if (!known(p)) return UNKNOWN;
  if (p < 0.001) return "< .001";
  return p.toFixed(p < 0.0095 ? 3 : 2).replace(/^0/, "");
}

// `JP.GOV.30Y` as "JP 30Y".
export function seriesName(id) {
  return id.split(".").filter((part) => part !== "GOV").join(" ");
}
