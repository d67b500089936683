"""What a report comes to, in sentences: the same in the terminal, on the page and in JSON."""

from __future__ import annotations

from typing import Final

from stressd.alerts.people.commands import LABELS
from stressd.alerts.words import count_text, listing, ordinal_text
from stressd.lab.report.breadth import Breadth
from stressd.lab.report.report import KINDS, Report
from stressd.lab.report.system import System

MOST: Final = 3
"""Flows that are told of at the top."""


def findings(report: Report) -> list[str]:
    """The most important first; nothing is said of what could not be measured."""
    out = _episodes(report) + _labels(report) + _stress(report)
    out += [_system(report.systems[kind]) for kind in KINDS if report.systems[kind].table is not None]
    out += _flows(report)
    return out + _breadth(report)


def _episodes(report: Report) -> list[str]:
    if not report.rules_of:
        return []
    count = len(report.episodes)
    grave = sum(each.severity == "critical" for each in report.episodes)
    told = f"{count} episode{'s' if count != 1 else ''}, {grave} of them critical" if count else "no episode"
    outside = [f"{row.rule} in {row.market}" for row in report.rules if row.found["inside"] is False]
    budgets = f"; outside the band of its budget: {listing(outside)}" if outside else ""
    return [f"{told} in {report.until - report.since + 1} days{budgets}"]


def _labels(report: Report) -> list[str]:
    labelled = sum(row.labelled for row in report.labels)
    if not labelled:
        return []
    words = [f"{count} {label}" for label in LABELS if (count := sum(row.counts[label] for row in report.labels))]
    poor = [
        f"{row.rule} ({row.counts['useful']} of {row.labelled} useful)"
        for row in report.labels
        if row.labelled >= MOST and row.share is not None and row.share < 0.5
    ]
    seldom = f"; seldom useful: {listing(poor)}" if poor else ""
    return [
        f"people labelled {labelled} of {sum(row.episodes for row in report.labels)} alerts: {listing(words)}{seldom}"
    ]


def _stress(report: Report) -> list[str]:
    path = report.stress
    if path is None:
        return []
    parts = [f"{name} {path.last['markets'][name]:.2f}" for name in path.markets() if name in path.last["markets"]]
    high = path.highest()
    return [
        f"the stress index is {path.last['value']:.2f} of 1 on {path.last['date']}, "
        f"the {_percentile(path.percentile())} of its last {count_text(len(path.days))} days; {listing(parts)}, "
        f"less {-path.last['correlation']:.2f} since "
        f"they do not move as one; highest {high['value']:.2f} on {high['date']}"
    ]


def _system(system: System) -> str:
    assert system.table is not None
    text = f"{system.table.total:.1f} % of what becomes of {_subject(system.kind)} comes from other markets"
    if system.chance is not None:
        beyond = "more than chance shows" if system.table.total > system.chance[1] else "no more than chance shows"
        text += f", {beyond} ({system.chance[1]:.1f} % once in twenty)"
    if system.percentile is not None:
        text += f"; at the {_percentile(system.percentile)} of its last {count_text(len(system.path))} sessions"
    given = [f"{name} ({net:+.1f})" for name, net in system.transmitters()]
    significant = system.chance is None or system.table.total > system.chance[1]
    return text + (f"; net transmitters: {listing(given)}" if given and significant else "")


def _subject(kind: str) -> str:
    return "the markets' volatility" if kind == "volatility" else "the markets' moves"


def _percentile(share: float) -> str:
    return f"{ordinal_text(min(max(round(100.0 * share), 1), 100))} percentile"


def _flows(report: Report) -> list[str]:
    told = [each for each in report.directions if each.told]
    out = []
    for each in told[:MOST]:
        one, other = each.stronger, each.weaker
        out.append(
            f"{one.source} → {one.follower} is the stronger flow: {one.follower}'s next fixing, "
            f"{one.lag_h:.0f} h later, goes with {one.source}'s move by "
            f"{one.r:.2f} ({one.low:.2f} to {one.high:.2f}, "
            f"n {count_text(one.n)}; {each.by_overlap:.2f} by the hours that they share); "
            f"{other.source} → {other.follower} by {other.r:.2f} "
            f"({other.low:.2f} to {other.high:.2f}, n {count_text(other.n)})"
        )
    if len(told) > MOST:
        out.append(f"{len(told) - MOST} more pairs have a stronger direction, see the table")
    return out


def _breadth(report: Report) -> list[str]:
    rows = [each for each in report.breadth_history if len(each.counts) > 2 and each.counts[2].expected_at_least > 0.0]
    if not rows:
        return []
    most = max(rows, key=_excess)
    count = most.counts[2]
    return [
        f"two markets or more {'rose' if most.side > 0 else 'fell'} beyond their 5 % tails on "
        f"{count_text(count.at_least)} of {count_text(most.days)} days ({', then '.join(most.order)}); "
        f"independent ones would have on {count.expected_at_least:.1f}"
    ]


def _excess(each: Breadth) -> float:
    return each.counts[2].at_least / each.counts[2].expected_at_least
