"""The graph of who follows whom, as tables: a row a market, then a row a directed pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from stressd.alerts.evidence import lag_text, p_text
from stressd.alerts.words import moment_text, number_text, series_name
from stressd.cli.table import table

SPILLS: Final = "⇒"
FOLLOWS: Final = "→"
LEGEND: Final = (
    f"{SPILLS} spills over: its moves come after the other's more often than before, by more than chance. {FOLLOWS} is "
    "watched, and may follow. * is named under `pairs`.",
    "FOLLOWED: large moves of the first, and how many of the second's are put down to them; by ticks older ones count "
    "less.",
    "LAG: in the follower's open time. PER BP: its answer in bp for each bp. P: by ticks, that there is no direction; "
    "by fixings, that large moves carry over no more than others.",
)


def graph_lines(graph: Mapping[str, Any]) -> list[str]:
    """All of it. Pairs of which nothing was seen yet are counted, not shown."""
    markets = [
        [each["market"], series_name(each["gauge"]), "open" if each["open"] else _closed(each)]
        for each in graph["markets"]
    ]
    lines = [f"as of {moment_text(graph['time'])}", "", *table(["MARKET", "ANSWERS BY", "NOW"], markets), ""]
    seen = sorted((edge for edge in graph["edges"] if edge["sources"] or edge["hinted"]), key=_order)
    if seen:
        header = ["PAIR", "FROM", "FOLLOWED", "RATE", "LAG", "PER BP", "P", "AFTER / BEFORE", "LAST MOVE OF SOURCE"]
        lines += [*table(header, [_row(edge) for edge in seen]), "", *LEGEND]
    rest = len(graph["edges"]) - len(seen)
    if rest:
        many = f"{rest} pairs are" if rest > 1 else "1 pair is"
        lines.append(f"{many} watched and had no move of the source to answer yet.")
    return lines


def _closed(market: Mapping[str, Any]) -> str:
    local = f" ({market['next_open_local']})" if market["next_open_local"] else ""
    return f"closed ({market['reason']}), opens {moment_text(market['next_open'])}{local}"


def _row(edge: Mapping[str, Any]) -> Sequence[str]:
    arrow = SPILLS if edge["spilled_over"] else FOLLOWS
    rate = "-" if edge["rate"] is None else f"{edge['rate']:.0%}".replace("%", " %")
    counts = [edge.get("forward"), edge.get("backward")]
    return [
        f"{edge['source']} {arrow} {edge['follower']}{' *' if edge['hinted'] else ''}",
        edge["layer"],
        f"{_count(edge['followed'])} of {_count(edge['sources'])}",
        rate,
        _lag(edge),
        _beta(edge),
        "-" if edge["p"] is None else p_text(edge["p"]).removeprefix("= "),
        "-" if None in counts else f"{counts[0]} / {counts[1]}",
        moment_text(edge["last"]) if edge["last"] else "never",
    ]


def _count(counted: float) -> str:
    """Counts of ticks fade, and need not be whole."""
    return f"{counted:,.1f}".removesuffix(".0")


def _lag(edge: Mapping[str, Any]) -> str:
    if edge["lag_s"] is None:
        return "-"
    return lag_text(edge["lag_s"], None, (edge["lag_low_s"], edge["lag_high_s"]))


def _beta(edge: Mapping[str, Any]) -> str:
    if edge["beta"] is None:
        return "-"
    usual = edge["usual_beta"]
    return number_text(edge["beta"]) + (f", usually {number_text(usual)}" if usual is not None else "")


def _order(edge: Mapping[str, Any]) -> tuple[Any, ...]:
    """What spills over first, then what is least by chance."""
    p = edge["p"]
    return not edge["spilled_over"], p is None, p or 0.0, -(edge["rate"] or 0.0), edge["source"], edge["follower"]
