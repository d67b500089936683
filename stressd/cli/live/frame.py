"""One frame of the live screen: what the daemon says, fitted into so many columns and rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from textwrap import wrap
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from stressd.alerts.words import series_name, yield_text
from stressd.cli.live.charset import Charset, fitted, padded, width
from stressd.cli.status_screen import stress_lines
from stressd.cli.table import age
from stressd.cli.verdict import COLOURS, counted, verdict
from stressd.market.times import parse_time
from stressd.runtime.health import WELL

NAME: Final = 10
VALUE: Final = 8
CHANGE: Final = 8
SIGMA: Final = 7
LAST: Final = 9
SPARK: Final = 24
"""Columns of each cell of a series."""

LEAST_SPARK: Final = 8
GAP: Final = 3
"""Between two columns of series."""

MOST: Final = 6
"""Rows of episodes, of feeds and of sinks that fail, at most; a low terminal has fewer."""

SEVERITY: Final = {"critical": "bad", "high": "bad", "warn": "warn", "info": "dim"}


@dataclass(frozen=True, slots=True)
class Size:
    """Of the terminal."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a line. colour: of `charset.COLOURS`, "" for none."""

    text: str
    colour: str = ""


Line = list[Cell]


class Seen(NamedTuple):
    """What the daemon says: its status, the page's state (in which what is not known is left out), the path of each
    series, the closes of the stress index."""

    status: Mapping[str, Any]
    state: Mapping[str, Any]
    paths: Mapping[str, Any]
    days: Sequence[float]


def frame(seen: Seen, size: Size, chars: Charset, foot: str, down: str = "") -> list[str]:
    """The lines, none wider than the terminal, no more than it has rows. foot: the last line. down: why what is shown
    is old, "" where it is not."""
    few = max(1, min(MOST, size.rows // 8))
    status = seen.status
    head = _head(status, down, size.columns, 3 * few)
    about = _stress(seen, chars, size.columns) + _clocks(seen.state["markets"], status["time"])
    episodes = _episodes(status["episodes"], status["time"], few)
    below = _parts("feed", status["feeds"], _feed, few) + _parts("sink", status["sinks"], _sink, few)
    fixed = len(head) + len(about) + len(episodes) + len(below) + 2
    room = max(3, size.rows - fixed - 3)
    series = _series(seen, size.columns, room, chars)
    lines: list[Line] = [*head, *about, [], *series, [], *episodes, *below]
    kept = [_drawn(line, size.columns, chars) for line in lines[: max(0, size.rows - 1)]]
    return [*kept, chars.paint(chars.fit(foot, size.columns), "dim")][-max(1, size.rows) :]


def _drawn(line: Line, columns: int, chars: Charset) -> str:
    """One line, cut where the terminal ends."""
    told, left = "", columns
    for cell in line:
        text = chars.fit(cell.text, left)
        told += chars.paint(text, cell.colour)
        left -= width(text)
        if left <= 0:
            break
    return told


def _head(status: Mapping[str, Any], down: str, columns: int, most: int) -> list[Line]:
    first, *more = verdict(dict(status))
    more = [part for line in more for part in wrap(line, max(20, columns), subsequent_indent=" " * 5)]
    word = "standby" if first.startswith("STANDBY") else status["state"]
    colour = {"32": "good", "33": "warn", "31": "bad", "36": "cyan"}[COLOURS[word]]
    lines: list[Line] = [[Cell(down, "bad")]] if down else []
    lines += [[Cell(part, "dim" if down else colour)] for part in wrap(first, max(20, columns))]
    lines += [[Cell(each)] for each in more[:most]]
    if len(more) > most:
        lines.append([Cell(f"  and {counted(len(more) - most, 'more line')}: stressd status", "dim")])
    return lines


def _stress(seen: Seen, chars: Charset, columns: int) -> list[Line]:
    reading = seen.status.get("stress")
    if not reading:
        return []
    text = stress_lines(reading)[0]
    spark = chars.spark(seen.days, max(0, min(30, columns - width(text) - 2))) if len(seen.days) > 1 else ""
    return [[Cell(text, "head"), Cell(f"  {spark}" if spark else "")]]


def _clocks(markets: Mapping[str, Any], time: str) -> list[Line]:
    """The markets in one line, each on its own clock."""
    now = parse_time(time)
    told: Line = []
    for name, each in sorted(markets.items(), key=lambda pair: int(pair[1]["order"])):
        local = datetime.fromtimestamp(now // 1_000_000_000, UTC).astimezone(ZoneInfo(each["zone"]))
        left = age(max(0.0, (parse_time(each["until"]) - now) / 1e9))
        ticks = each.get("reason") is None
        what = f"{each['phase']}, closes" if ticks else f"{each['reason']}, opens"
        told.append(Cell(" · " if told else ""))
        told.append(Cell(f"{name} {local:%H:%M} {what} in {left}", "" if ticks else "dim"))
    return [told] if told else []


def _episodes(episodes: Sequence[Mapping[str, Any]], time: str, most: int) -> list[Line]:
    """The most severe first, and before others those that nobody looks after."""
    if not episodes:
        return [[Cell("no open episodes", "dim")]]
    order = ("critical", "high", "warn", "info")
    ranked = sorted(
        episodes, key=lambda each: (order.index(each["severity"]), bool(each["acknowledged"]), each["opened"])
    )
    now = parse_time(time)
    lines: list[Line] = []
    for each in ranked[:most]:
        ack = each["acknowledged"]
        since = age(max(0.0, (now - parse_time(each["opened"])) / 1e9))
        lines.append(
            [
                Cell(padded(each["severity"].upper(), 9), SEVERITY[each["severity"]]),
                Cell(f"{each['market']} {each['direction'] or ''}".strip(), "head"),
                Cell(f"  {each['rule']}, open for {since}, "),
                Cell(f"{ack['by']} has it" if ack else "nobody has it", "" if ack else "warn"),
                Cell(f"  {each['episode']}", "dim"),
            ]
        )
    if len(ranked) > most:
        lines.append([Cell(f"and {counted(len(ranked) - most, 'more open episode')}", "dim")])
    return lines


def _parts(
    what: str, rows: Sequence[Mapping[str, Any]], told: Callable[[Mapping[str, Any]], tuple[str, bool]], most: int
) -> list[Line]:
    """Feeds or sinks: those that are not well each on a line, the others together."""
    well, lines = [], []
    for row in rows:
        text, good = told(row)
        if good:
            well.append(text)
        else:
            lines.append([Cell(f"{what} {text}", "bad")])
    hidden = lines[most:]
    more: list[Line] = [[Cell(f"and {counted(len(hidden), f'more {what}')} that fail", "bad")]] if hidden else []
    fine: list[Line] = [[Cell(f"{what}s: {' · '.join(well)}", "dim")]] if well else []
    return [*lines[:most], *more, *fine]


def _feed(feed: Mapping[str, Any]) -> tuple[str, bool]:
    detail = f" ({feed['detail']})" if feed["detail"] else ""
    return f"{feed['name']} {feed.get('does', feed['state'])}{detail} {age(feed['last_message_age_s'])}", (
        feed["state"] in WELL
    )


def _sink(sink: Mapping[str, Any]) -> tuple[str, bool]:
    waits = f", {sink['pending']} wait" if sink["pending"] else ""
    if sink["disabled"]:
        return f"{sink['name']} disabled: {sink['disabled']}", False
    if sink["failing_s"] is not None or sink["breaker"] != "closed":
        since = f" for {age(sink['failing_s'])}" if sink["failing_s"] is not None else ""
        return f"{sink['name']} failing{since}{waits}: {sink['last_error']}", False
    return f"{sink['name']} ok{waits}", True


# --- series -----------------------------------------------------------------------------------------------------------


class _Series(NamedTuple):
    """One series as the status and the state have it, and its path."""

    status: Mapping[str, Any]
    state: Mapping[str, Any]
    path: Sequence[float | None]


def _series(seen: Seen, columns: int, room: int, chars: Charset) -> list[Line]:
    """As many as there is room for, in one column or several. Where not all fit: those that moved farthest."""
    known: Mapping[str, Any] = seen.state["series"]
    none: Mapping[str, Any] = {}
    rows = [_Series(row, known.get(row["series"], none), seen.paths.get(row["series"], {}).get("values", []))
            for row in seen.status["alerting"]["detail"]]  # fmt: skip
    bare = NAME + VALUE + CHANGE + 3
    full = bare + SIGMA + LEAST_SPARK + LAST + 3
    wide = full + SPARK - LEAST_SPARK
    side = max(1, min((columns + GAP) // (wide + GAP), -(-len(rows) // max(1, room - 1))))
    each = (columns - GAP * (side - 1)) // side
    spark = max(0, min(SPARK, each - full + LEAST_SPARK)) if each >= full else 0
    last = each >= bare + SIGMA + 1 + LAST + 1
    sigma = each >= bare + SIGMA + 1
    head = _head_of_series(sigma, spark, last)
    most = (room - 1) * side
    left = ""
    if len(rows) > most:
        rows.sort(key=lambda row: (not row.status["active"], -abs(row.state.get("sigma") or 0.0)))
        rest = rows[max(1, most - side) :]
        rows = rows[: max(1, most - side)]
        sizes = [abs(row.state["sigma"]) for row in rest if "sigma" in row.state]
        far = max(sizes, default=None)
        left = f"and {len(rest)} more series" + (f", none beyond {far:.1f}σ of its day" if far is not None else "")
    cells = [_row(row, sigma, spark, last, chars) for row in rows]
    height = -(-len(cells) // side) if cells else 0
    lines: list[Line] = [_beside([head] * min(side, len(cells) or 1))]
    lines += [_beside([cells[k] for k in range(line, len(cells), height)]) for line in range(height)]
    return [*lines, [Cell(left, "dim")]] if left else lines


def _beside(parts: Sequence[Line]) -> Line:
    told: Line = []
    for k, part in enumerate(parts):
        told += [Cell(" " * GAP)] if k else []
        told += part
    return told


def _head_of_series(sigma: bool, spark: int, last: bool) -> Line:
    text = f"{padded('SERIES', NAME)} {padded('NOW', VALUE, right=True)} {padded('ON CLOSE', CHANGE, right=True)} "
    text += f"{padded('OF 1d σ', SIGMA, right=True)} " if sigma else ""
    text += f"{padded('SESSION', spark)} " if spark else ""
    return [Cell(text + (padded("LAST", LAST) if last else ""), "dim")]


def _row(of: _Series, sigma: bool, spark: int, last: bool, chars: Charset) -> Line:
    row, change, size = of.status, of.state.get("change_bp"), of.state.get("sigma")
    quiet = row["state"] != "live"
    moved = "" if quiet or not change or (size is not None and abs(size) < 1.0) else "up" if change > 0 else "down"
    plain = "dim" if quiet else ""
    value = "-" if row["value"] is None else yield_text(row["series"], row["value"])
    cells = [
        Cell(padded(fitted(("!" if row["active"] else " ") + series_name(row["series"]), NAME), NAME),
             "head" if row["active"] else plain),
        Cell(f" {padded(value, VALUE, right=True)}", plain),
        Cell(f" {padded('-' if change is None else f'{change:+.1f}bp', CHANGE, right=True)}", moved or plain),
    ]  # fmt: skip
    if sigma:
        cells.append(Cell(f" {padded('-' if size is None else f'{size:+.1f}σ', SIGMA, right=True)}", moved or plain))
    if spark:
        cells.append(Cell(f" {padded(chars.spark(of.path, spark), spark)}", plain))
    if last:
        cells.append(Cell(f" {padded(fitted(row['state'] if quiet else age(row['age_s']), LAST), LAST)}", plain))
    return cells
