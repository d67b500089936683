"""An event as a message for people: complete without a link, in desk words, every number with its reference."""

from __future__ import annotations

from typing import Final

from stressd.alerts.curve import curve_picture, curve_text
from stressd.alerts.episode import NOISE
from stressd.alerts.event import Event, SeriesMove, to_json
from stressd.alerts.evidence import answer_lines, base_rate_text, source_text
from stressd.alerts.headline import JOIN, LIMIT, during_clauses, fit
from stressd.alerts.notification import REPEAT, Notification, Row, Telling
from stressd.alerts.routing import LEVEL, is_one_shot
from stressd.alerts.words import (
    bp_text,
    count_text,
    curve_key,
    duration_text,
    extreme_text,
    is_spread,
    iso_day_text,
    listing,
    moment_text,
    number_text,
    ordinal_text,
    over_text,
    quotes_text,
    record_text,
    series_name,
    sigma_text,
    times_text,
    years_text,
    yield_text,
)

HEADER: Final = ("Series", "Value", "Move", "Sigma", "Over")
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
    "corrected": "corrected",
}
NOTHING: Final = "–"


def render(event: Event, telling: Telling) -> Notification:
    """The message of this event, for one delivery of it."""
    mark = MARKS.get(event.origin)
    title = fit([mark, *event.headline.split(JOIN)], LIMIT) if mark else event.headline
    facts = _facts(event, _status(event, telling.first))
    answers = answer_lines(event.followers, event.market, event.direction == "up")
    footing = _footing(event)
    table = _table(event)
    remarks = _remarks(telling)
    link = f"{telling.page_url.rstrip('/')}/#{event.episode}" if telling.page_url else None
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
        title=title,
        text=_text(event, mark, remarks, [*facts, *answers, *footing], table, link),
        facts=tuple([("Note", remark) for remark in remarks] + facts),
        answers=tuple(answers),
        footing=tuple(footing),
        table_header=HEADER if table else (),
        table=tuple(table),
        body=to_json(event),
        link=link,
        thread_root=telling.thread_root,
        thread_ref=telling.thread_ref,
        life="once" if is_one_shot(event) else "over" if event.type == "resolved" else "open",
        late_s=telling.late_s,
        merged=telling.merged,
        possible_repeat=telling.possible_repeat,
        previous_cause_root=f"{event.source.episode}.1" if event.source is not None else None,
        actions=telling.actions,
    )


def _subject(event: Event, mark: str | None) -> str:
    """The same over an episode's life: mail clients thread by it."""
    _, day, name = event.episode.rsplit("-", 2)
    if event.kind == "market":
        what = "spreads" if event.series and is_spread(event.series[0].series) else "yields"
        model = event.series and event.series[0].model
        bare = f"{series_name(event.series[0].series)} {event.rule}" if model else f"{event.market} curve"
        about = f"{event.market} {what} {event.direction}" if event.direction else bare
    else:
        about = f"{event.market or ' '.join(event.data.sources) or 'stressd'} {event.kind}: {event.rule}"
    date = iso_day_text(f"20{day[:2]}-{day[2:4]}-{day[4:]}")
    return JOIN.join([f"[stressd] {mark}: {about}" if mark else f"[stressd] {about}", date, f"#{name}"])


def _status(event: Event, first: bool) -> str:
    """What has happened, with the severity in words."""
    if event.type == "resolved" and first:
        word = "opened and resolved"
    else:
        word = STATUS.get(event.type, f"escalated to {event.severity}")
    return word if event.type == "escalated" else f"{word}, {event.severity}"


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
    return remarks


def _text(
    event: Event, mark: str | None, remarks: list[str], said: list[tuple[str, str]], table: list[Row], link: str | None
) -> str:
    lines = [mark] if mark else []
    lines += [event.headline, "", *remarks]
    lines += [f"{label}: {value}" for label, value in said]
    if table:
        lines.append("")
        lines += ["  ".join(cell for cell in row.cells if cell != NOTHING) for row in table]
    if link:
        lines += ["", link]
    return "\n".join(lines)


def _facts(event: Event, status: str) -> list[tuple[str, str]]:
    facts = [("Status", status)]
    if event.note:
        facts.append(("What", event.note))
    if event.acknowledged is not None and event.type != "acknowledged":
        said = f": {event.acknowledged.note}" if event.acknowledged.note else ""
        moment = moment_text(event.acknowledged.at)
        facts.append(("Acknowledged", f"by {event.acknowledged.by}, {moment}{said}"))
    if event.source is not None:
        facts.append(("Source", source_text(event.source)))
        if event.source.base_rate is not None:
            facts.append(("Base rate", base_rate_text(event.source.base_rate)))
    if event.series:
        facts += _lead_facts(event.series[0], event.type == "resolved", event.direction == "up")
    if event.shape:
        picture = curve_picture(event.series)
        facts.append(("Curve", f"{event.shape}  {picture}" if picture else event.shape))
    if event.data.curve is not None:
        facts.append(("Curve noise" if event.shape else "Curve", curve_text(event.data.curve)))
    if event.data.affected:
        facts.append(("Series", listing([series_name(name) for name in sorted(event.data.affected, key=curve_key)])))
    return facts


def _footing(event: Event) -> list[tuple[str, str]]:
    """What all of it stands on: data, quotes, rule and configuration, the event's place in its episode."""
    facts = []
    data = _data_text(event)
    if data:
        facts.append(("Data", data))
    if event.data.quotes is not None:
        facts.append(("Quotes", quotes_text(event.data.quotes)))
    facts.append(("Why", _why(event)))
    facts.append(("Episode", f"{event.episode}, update {event.seq}, {moment_text(event.time)}"))
    return facts


def _lead_facts(move: SeriesMove, over: bool, rising: bool) -> list[tuple[str, str]]:
    """Every number behind the leading move, most important first."""
    name = series_name(move.series)
    label = "Peak" if over else "Spread" if is_spread(move.series) else "Yield"
    facts = [(label, f"{name} {yield_text(move.series, move.value)}")]
    if move.horizon == LEVEL and move.level is not None:
        facts.append(("Level", yield_text(move.series, move.level)))
    if move.change_bp is not None and move.horizon == NOISE:
        facts.append(("Off the curve", f"{bp_text(move.change_bp)} from the smooth curve through the other tenors"))
    elif move.change_bp is not None and move.horizon is not None:
        start = (
            f" from {yield_text(move.series, move.from_.value)} at {moment_text(move.from_.time)}" if move.from_ else ""
        )
        facts.append(("Move", f"{bp_text(move.change_bp)} {over_text(move.horizon)},{start}".rstrip(",")))
    if move.unconfirmed is not None:
        facts.append(("Confirmed", f"no: {move.unconfirmed}"))
    if move.during is not None:
        facts.append(("During", during_clauses(move)[0].removeprefix("during ")))
    if move.model is not None and move.score is not None and move.score_bar is not None:
        facts.append(("Model", f"{move.model}, score {number_text(move.score)}, bar {number_text(move.score_bar)}"))
    if move.sigma is not None and move.sigma_bp is not None:
        definition = f" ({move.sigma_definition})" if move.sigma_definition else ""
        facts.append(("Sigma", f"{sigma_text(abs(move.sigma))} of {number_text(move.sigma_bp)}bp{definition}"))
    facts += [(label, text) for label, text in _standing(move, rising) if text is not None]
    return facts


def _standing(move: SeriesMove, rising: bool) -> list[tuple[str, str | None]]:
    unit = "sessions"
    count = rank = period = None
    if move.exceeded is not None:
        beyond = move.exceeded.beyond if move.exceeded.beyond is not None else move.threshold
        bar = f"beyond {number_text(beyond)}σ " if beyond is not None else ""
        count = f"{bar}{times_text(move.exceeded.times)} in {count_text(move.exceeded.of)} {unit}"
    if move.rank is not None and move.rank_of is not None:
        place = "largest" if move.rank == 1 else f"{ordinal_text(move.rank)} largest"
        rank = f"{place} {'rise' if (move.change_bp or 0.0) >= 0 else 'fall'} of {count_text(move.rank_of)} {unit}"
    if move.return_period_years:
        low, middle, high = move.return_period_years
        period = f"about every {years_text(middle)} on its own history ({years_text(low)} to {years_text(high)})"
    return [
        ("Count", count),
        ("Rank", rank),
        ("Return", period),
        ("Record", record_text(move)),
        ("Level record", extreme_text(move, rising)),
    ]


def _table(event: Event) -> list[Row]:
    """One row a series, short tenors first, each by its largest move."""
    shown: dict[str, SeriesMove] = {}
    for move in event.series:
        shown.setdefault(move.series, move)
    return [_series_row(shown[name], event.series[0]) for name in sorted(shown, key=curve_key)]


def _series_row(move: SeriesMove, lead: SeriesMove) -> Row:
    over = move.horizon or NOTHING
    same_horizon = move.horizon == lead.horizon == "1d"
    if same_horizon and move.from_ and lead.from_ and move.from_.time != lead.from_.time:
        # Its last breach was on another day than the lead's
        over += f" from {iso_day_text(move.from_.time[:10])}"
    return Row(
        (
            series_name(move.series),
            yield_text(move.series, move.value),
            NOTHING if move.change_bp is None else bp_text(move.change_bp),
            NOTHING if move.sigma is None else sigma_text(move.sigma),
            over,
        )
    )


def _data_text(event: Event) -> str:
    age = f"last tick {duration_text(event.data.age_s)} old" if event.data.age_s is not None else ""
    feeds = f"from {listing(event.data.sources)}" if event.data.sources else ""
    return " ".join(part for part in (age, feeds) if part)


def _why(event: Event) -> str:
    why = f"rule {event.rule}"
    if event.series and event.series[0].threshold is not None:
        why += f", bar {number_text(event.series[0].threshold)}σ"
    return f"{why}, config {event.config.removeprefix('sha256:')[:8]}, method {event.method}, stressd {event.version}"
