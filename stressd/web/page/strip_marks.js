// What is drawn around the path of a strip: closed time and halts behind it, bars and breaches over it.

import { ink, type } from "./chart.js";
import { bp } from "./words.js";

const COLOURS = { info: "--soft", warn: "--bar-warn", high: "--bar-high", critical: "--bar-critical" };
export const OVER = { session: "since the open", "1d": "over a day" };
const NARROW = 480; // CSS pixels within which words at both ends would meet
const GRAVITY = ["info", "warn", "high", "critical"];
const CLOSED_WORDS = { lunch: "lunch", overnight: "closed", weekend: "weekend", holiday: "holiday" };

// The values to be seen: all of the path, and of the bars those that are not so far that the path becomes a line.
export function view(strip, low, high) {
  if (low === null || high === null) return [0, 1];
  const [from, to] = [low, high];
  const span = Math.max(high - low, 0.02);
  const near = [strip?.prior_close?.value, ...(strip?.bands ?? []).flatMap((band) => [band.lower, band.upper])];
  for (const value of near) {
    if (value === undefined || value === null) continue;
    if (from - value <= span) low = Math.min(low, value);
    if (value - to <= span) high = Math.max(high, value);
  }
  const rest = Math.max(0.02 - (high - low), (high - low) * 0.12) / 2;
  return [low - rest, high + rest];
}

// Behind the path: time in which the market is not open, and halts.
export function overlays(plot, strip) {
  if (strip === null) return;
  const { ctx } = plot;
  ctx.save();
  for (const span of strip.sessions) {
    if (span.kind !== "open") stretch(plot, span.from, span.to, ink("--line"), 0.45, CLOSED_WORDS[span.kind] ?? span.kind);
  }
  for (const halt of strip.halts) stretch(plot, halt.from, halt.to, ink("--bar-critical"), 0.12, "halted");
  ctx.restore();
}

function stretch(plot, from, to, colour, strength, word) {
  const { ctx, bbox } = plot;
  const place = (iso, otherwise) => (iso ? plot.valToPos(Date.parse(iso) / 1000, "x", true) : otherwise);
  const left = Math.max(bbox.left, place(from, bbox.left));
  const right = Math.min(bbox.left + bbox.width, place(to, bbox.left + bbox.width));
  if (right <= left) return;
  ctx.globalAlpha = strength;
  ctx.fillStyle = colour;
  ctx.fillRect(left, bbox.top, right - left, bbox.height);
  ctx.globalAlpha = 1;
  if (right - left < 50 * devicePixelRatio) return;
  ctx.fillStyle = ink("--soft");
  ctx.font = type(11, devicePixelRatio);
  ctx.textAlign = "center";
  ctx.textBaseline = "top";
  ctx.fillText(word, (left + right) / 2, bbox.top + 4 * devicePixelRatio);
}

// Over it: the prior close, the bars since what they are measured from (over the session dotted with their names on the
// left, over a day dashed with theirs on the right), and what crossed one.
export function lines(plot, strip, digits) {
  if (strip === null) return;
  const { ctx } = plot;
  ctx.save();
  const narrow = plot.bbox.width < NARROW * devicePixelRatio;
  const left = [];
  const sides = { left, right: narrow ? left : [], words: [] };
  if (strip.prior_close) level(plot, strip.prior_close.value, ink("--soft"), null, [], "left", `prior close ${strip.prior_close.value.toFixed(digits)} %`, sides);
  const bands = [...strip.bands].sort((a, b) => GRAVITY.indexOf(b.severity) - GRAVITY.indexOf(a.severity));
  for (const band of bands) {
    const colour = ink(COLOURS[band.severity] ?? "--soft");
    const [dash, side] = band.horizon === "session" ? [[2, 4], "left"] : [[8, 4], "right"];
    const over = narrow ? "" : ` ${OVER[band.horizon] ?? band.horizon}`;
    level(plot, band.upper, colour, band.from.time, dash, side, `${band.severity} ${bp(band.bar_bp)}${over}`, sides);
    level(plot, band.lower, colour, band.from.time, dash, side, `${band.severity} ${bp(-band.bar_bp)}${over}`, sides);
  }
  for (const word of sides.words) name(plot, word);
  for (const breach of strip.breaches) flag(plot, breach);
  ctx.restore();
}

// since: ISO time from which it holds, null for all of the session; sides: by side, heights at which there is a word already (two bars that nearly meet keep the graver one's), and the words, which come over all lines.
function level(plot, value, colour, since, dash, side, word, sides) {
  const { ctx, bbox } = plot;
  const y = plot.valToPos(value, "y", true);
  if (y < bbox.top || y > bbox.top + bbox.height) return;
  const from = since === null ? bbox.left : Math.max(bbox.left, plot.valToPos(Date.parse(since) / 1000, "x", true));
  ctx.strokeStyle = colour;
  ctx.lineWidth = 1.25 * devicePixelRatio;
  ctx.setLineDash(dash.map((each) => each * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(Math.min(from, bbox.left + bbox.width), y);
  ctx.lineTo(bbox.left + bbox.width, y);
  ctx.stroke();
  ctx.setLineDash([]);
  if (sides[side].some((other) => Math.abs(other - y) < 14 * devicePixelRatio)) return;
  sides[side].push(y);
  sides.words.push({ word, side, y, colour });
}

function name(plot, { word, side, y, colour }) {
  const { ctx, bbox } = plot;
  ctx.fillStyle = colour;
  ctx.font = type(11, devicePixelRatio);
  ctx.textAlign = side;
  ctx.textBaseline = "bottom";
  const x = side === "left" ? bbox.left + 6 * devicePixelRatio : bbox.left + bbox.width - 6 * devicePixelRatio;
  ctx.strokeStyle = ink("--card");
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeText(word, x, y - 2 * devicePixelRatio);
  ctx.fillText(word, x, y - 2 * devicePixelRatio);
}

function flag(plot, breach) {
  const { ctx, bbox } = plot;
  const x = plot.valToPos(Date.parse(breach.time) / 1000, "x", true);
  const y = plot.valToPos(breach.value, "y", true);
  if (x < bbox.left || x > bbox.left + bbox.width || y < bbox.top || y > bbox.top + bbox.height) return;
  const size = 6 * devicePixelRatio;
  ctx.fillStyle = ink(COLOURS[breach.severity] ?? "--soft");
  ctx.strokeStyle = ink("--card");
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(x, y - size);
  ctx.lineTo(x + size, y);
  ctx.lineTo(x, y + size);
  ctx.lineTo(x - size, y);
  ctx.closePath();
  ctx.fill();
  ctx.stroke();
}
