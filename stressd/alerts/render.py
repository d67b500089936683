"""An event as a message for people: complete without a link, in desk words, every number with its reference.

What it says, in this order: what happened; where the yield stands and from where; how far out of the ordinary that is;
levels; curve and spreads; price; who followed, who did not and who could not; the data; why it fired and what is next;
the path in one line. An exercise, a replay or a simulation says so first.
"""

from __future__ import annotations

from typing import Final

from stressd.alerts.day_text import HEADER as DAY_HEADER
from stressd.alerts.day_text import day_facts, day_table
from stressd.alerts.digest_text import HEADER as STORM_HEADER
from stressd.alerts.digest_text import digest_lines, storm_table
from stressd.alerts.event import Event
from stressd.alerts.evidence import answer_lines, base_rate_text, source_text
from stressd.alerts.facts import Fact, move_facts
from stressd.alerts.footing import footing, path_text, sparkline_of
from stressd.alerts.headline import JOIN, LIMIT, fit
from stressd.alerts.notification import REPEAT, Notification, Row, Telling
from stressd.alerts.routing import is_one_shot
from stressd.alerts.table import HEADER, NOTHING, table
from stressd.alerts.wire import to_wire
from stressd.alerts.words import duration_text, is_spread, iso_day_text, moment_text, series_name

MARKS: Final = {"simulated": "SIMULATED", "drill": "DRILL", "replay": "REPLAY"}
"""What stands first in every message that is not about the live market."""

STATUS: Final = {
    "opened": "opened",
    "widened": "widened",
    "peaked": "new peak",
    "propagated": "answer of another market",
    "stale": "data stale",
    "resumed": "data back",
    "resolved": "resolved",
    "reopened": "reopened",
    "reminder": "still open",
    "acknowledged": "acknowledged",
    "flapping": "flapping",
    "corrected": "corrected",
    "digest": "digest",
}


def render(event: Event, telling: Telling) -> Notification:
    """The message of this event, for one delivery of it."""
    mark = MARKS.get(event.origin)
    once = is_one_shot(event) or event.type == "digest"
    over = event.ends
    facts = [*_happened(event, telling), *day_facts(event), *move_facts(event, telling.book), *_source(event)]
    answers = answer_lines(event.followers, event.market, event.direction == "up") + digest_lines(event)
    ground = footing(event, over or once)
    if event.path is not None:
        ground.append(("Path", path_text(event.path)))
    storm, day = storm_table(event), day_table(event)
    rows = storm or day or table(event)
    header = STORM_HEADER if storm else DAY_HEADER if day else HEADER if rows else ()
    remarks = _remarks(telling)
    link = f"{telling.page_url.rstrip('/')}/{_place(event)}" if telling.page_url else None
    links = [f"{action.label}: {action.url}" for action in telling.actions]
    return Notification(
        event_id=event.id,
        thread=event.episode,
        first=telling.first,
        type=event.type,
        kind=event.kind,
        origin=event.origin,
        severity=event.severity,
        time=event.time,
        subject=_subject(event, mark),
        title=_marked(event.headline, mark),
        text=_text(event.headline, mark, remarks, [*facts, *answers, *ground], rows, [link] if link else [], links),
        facts=tuple([("Note", remark) for remark in remarks] + facts),
        answers=tuple(answers),
        footing=tuple(ground),
        table_header=header,
        table=tuple(rows),
        body=to_wire(event),
        link=link,
        link_label="Open the report" if event.day is not None else "Open the episode",
        thread_root=telling.thread_root,
        thread_ref=telling.thread_ref,
        life="once" if once else "over" if over else "open",
        late_s=telling.late_s,
        merged=telling.merged,
        possible_repeat=telling.possible_repeat,
        path=event.path,
        sparkline=sparkline_of(event.path) if event.path is not None else "",
        cause_root=telling.cause_root,
        actions=telling.actions,
    )


def _place(event: Event) -> str:
    """Where on the page there is more."""
    if event.day is not None:
        return f"api/v1/days/{event.day.market}-{event.day.session}/report.html"
    return f"#{event.episode}"


def _marked(headline: str, mark: str | None) -> str:
    """The headline with what stands first, which never takes its place."""
    if mark is None:
        return headline
    first, *others = headline.split(JOIN)
    return fit([f"{mark}{JOIN}{first}", *others], LIMIT)


def _subject(event: Event, mark: str | None) -> str:
    """The same over an episode's life: mail clients thread by it."""
    _, day, name = event.episode.rsplit("-", 2)
    if event.kind == "market":
        what = "spreads" if event.series and is_spread(event.series[0].series) else "yields"
        model = event.series and event.series[0].model
        bare = f"{series_name(event.series[0].series)} {event.rule}" if model else f"{event.market} curve"
        if not event.series:
            bare = " ".join(part for part in (event.market, event.rule) if part)
        about = f"{event.market} {what} {event.direction}" if event.direction else bare
    else:
        about = f"{event.market or ' '.join(event.data.sources) or 'stressd'} {event.kind}: {event.rule}"
    date = iso_day_text(f"20{day[:2]}-{day[2:4]}-{day[4:]}")
    return JOIN.join([f"[stressd] {mark}: {about}" if mark else f"[stressd] {about}", date, f"#{name}"])


def _status(event: Event, first: bool) -> str:
    """What has happened, with the severity in words, and how the episode stands where that is not plain."""
    if event.day is not None:
        return "summary of the day"
    if event.withdrawn is not None:
        word = "withdrawn"
    elif event.type == "resolved" and first:
        word = "opened and resolved"
    else:
        word = STATUS.get(event.type, f"escalated to {event.severity}")
    parts = [word if event.type == "escalated" else f"{word}, {event.severity}"]
    standing = event.standing
    if standing is not None and not event.ends:
        if standing.rung is not None and standing.rung != event.severity:
            parts.append(f"now {standing.rung}")
        if standing.state == "recovering":
            parts.append("recovering")
        if standing.state == "suspended":
            until = f" until {moment_text(standing.suspended_until)}" if standing.suspended_until is not None else ""
            parts.append(f"its market is closed{until}")
        if standing.flapping is not None and event.type != "flapping":
            parts.append(f"flapping, {standing.flapping} changes")
    return ", ".join(parts)


def _remarks(telling: Telling) -> list[str]:
    remarks = []
    if telling.fallback_for is not None:
        remarks.append(f"fallback for {telling.fallback_for}")
    if telling.late_s is not None:
        remarks.append(f"late by {duration_text(max(telling.late_s, 0.0))}")
    if telling.merged:
        remarks.append(f"{telling.merged + 1} updates merged into this one")
    if telling.possible_repeat:
        remarks.append(REPEAT)
    if telling.template_fault is not None:
        remarks.append(f"in the built-in words: this sink's template failed at {telling.template_fault}")
    return remarks


def _text(
    headline: str,
    mark: str | None,
    remarks: list[str],
    said: list[Fact],
    rows: list[Row],
    link: list[str],
    actions: list[str],
) -> str:
    lines = [mark] if mark else []
    lines += [headline, "", *remarks]
    lines += [f"{label}: {value}" for label, value in said]
    if rows:
        lines.append("")
        lines += ["  ".join(cell for cell in row.cells if cell != NOTHING) for row in rows]
    if link or actions:
        lines += ["", *link, *actions]
    return "\n".join(lines)


def _happened(event: Event, telling: Telling) -> list[Fact]:
    """What has happened to the episode."""
    facts = [("Status", _status(event, telling.first))]
    if event.note:
        facts.append(("What", event.note))
    if event.acknowledged is not None and event.type != "acknowledged":
        said = f": {event.acknowledged.note}" if event.acknowledged.note else ""
        facts.append(("Acknowledged", f"by {event.acknowledged.by}, {moment_text(event.acknowledged.at)}{said}"))
    if telling.withheld:
        facts.append(("Withheld", "; ".join(telling.withheld)))
    return facts


def _source(event: Event) -> list[Fact]:
    """On a follower's own episode: whom it followed."""
    if event.source is None:
        return []
    facts = [("Source", source_text(event.source))]
    if event.source.base_rate is not None:
        facts.append(("Base rate", base_rate_text(event.source.base_rate)))
    return facts
