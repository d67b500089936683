"""The kept summary of a market's session as a document: for the page and for Markdown alike."""

from __future__ import annotations

from typing import Final

from stressd import __version__
from stressd.alerts.day_text import HEADER, day_facts, day_table
from stressd.alerts.words import iso_day_text, moment_text, series_name, took_text
from stressd.lab.day.summary import Summary
from stressd.lab.incident.document import MARKS
from stressd.lab.incident.moves import moves
from stressd.lab.report.document import Document, Figure, Section, Table
from stressd.market.times import iso, parse_time

SECOND: Final = 1_000_000_000
NOTHING: Final = "–"
STATES: Final = {"open": "goes on", "over": "over", "once": "told once"}


def document(summary: Summary) -> Document:
    """All of it: how the market stands, how it came there, its episodes, its data, what was told, its budgets."""
    event, day = summary.event, summary.day
    figure = _figure(summary)
    numbers = frozenset(range(1, 6))
    rows = [row.cells for row in day_table(event)]
    quiet = [row for row in day.series if row.state != "live"]
    sections = [
        Section("The session", points=[f"{name}: {text}" for name, text in day_facts(event)]),
        Section(
            "The curve",
            text=["Sigma: the change in sigma of the series' daily moves, as of before this session."],
            figures=[figure] if figure is not None else [],
            tables=[Table(HEADER, rows, numbers)] if rows else [],
        ),
        _episodes(summary),
        Section(
            "Data",
            text=[] if quiet else ["Every series was live up to the close."],
            points=[f"{series_name(row.series)}: {row.state}, last value {row.time or 'never'}" for row in quiet]
            + [f"{item.headline} ({item.episode})" for item in event.digest if item.kind != "market"],
        ),
        _told(summary),
        _budgets(summary),
    ]
    return Document(
        title=event.headline,
        about=f"{day.market}, session of {iso_day_text(day.session)}.",
        sections=[each for each in sections if each is not None],
        mark=MARKS.get(event.origin, ""),
        severity=max((item.severity for item in event.digest), key=_grave, default="info"),
        foot=[
            f"{event.instance}, method {event.method}, configuration {event.config[:15]}.",
            f"Told {moment_text(event.time)}, made {moment_text(iso(summary.made // SECOND * SECOND))} by stressd "
            f"{__version__}.",
        ],
    )


def _grave(severity: str) -> int:
    return ("info", "warn", "high", "critical").index(severity)


def _episodes(summary: Summary) -> Section:
    items = [item for item in summary.event.digest if item.kind == "market"]
    if not items:
        return Section("Episodes", text=["None was on in this session."])
    said: dict[str, list[str]] = {}
    for row in summary.labels:
        said.setdefault(row.episode, []).append(f"{row.label} ({row.author})")
    rows = [
        (
            item.episode,
            item.severity,
            STATES[item.state],
            item.headline,
            ", ".join(said.get(item.episode, [])) or NOTHING,
        )
        for item in items
    ]
    return Section("Episodes", tables=[Table(("Episode", "Severity", "State", "What", "Labels"), rows)])


def _told(summary: Summary) -> Section:
    rows = [
        (
            each.sink,
            str(each.messages),
            str(each.arrived),
            NOTHING if each.p50_ms is None else took_text(each.p50_ms),
            NOTHING if each.worst_ms is None else took_text(each.worst_ms),
            str(each.dead),
        )
        for each in summary.told
    ]
    header = ("Sink", "Messages", "Arrived", "Typical", "Slowest", "Given up")
    if not rows:
        return Section("Messages", text=["None about these episodes since the open."])
    return Section(
        "Messages",
        text=["About these episodes, from the open on; from the update on disk to the other side's answer."],
        tables=[Table(header, rows, frozenset({1, 2, 3, 4, 5}))],
    )


def _budgets(summary: Summary) -> Section | None:
    if not summary.used:
        return None
    rows = [
        (
            each.rule,
            str(each.month),
            str(each.year),
            NOTHING if each.budget is None else f"{each.budget:g} a year",
            NOTHING if each.held is None else f"{each.held[0]} to {each.held[1]}",
        )
        for each in summary.used
    ]
    years = summary.used[0].years
    since = "In twelve months" if years > 0.99 else "Since the store begins"
    header = ("Rule", "This month", since, "Budget", "Would be no surprise")
    return Section("Budgets", tables=[Table(header, rows, frozenset({1, 2, 3, 4}), "Episodes that each rule opened.")])


def _figure(summary: Summary) -> Figure | None:
    """Changes since the prior close through the session; None where no values are known."""
    day = summary.day
    close = {row.series: row.close for row in day.series}
    first, last = parse_time(day.opened), parse_time(day.closed)
    moved = {}
    for name, track in summary.values.tracks.items():
        base = close.get(name)
        if base is not None:
            points = [(at, (value - base) * 100.0) for at, value in track if first <= at <= last]
            if len(points) >= 3:
                moved[name] = points
    moved = dict(list(moved.items())[:6])
    if not moved:
        return None
    place = day.zone.rpartition("/")[2].replace("_", " ")
    caption = f"Change in bp since the prior close, {place} time; the tenors that moved furthest."
    picture = moves(f"{day.market} through the session", moved, (first, last), summary.zone, day.market)
    return Figure(picture, caption)
