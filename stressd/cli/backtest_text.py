"""What `stressd backtest` prints for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stressd.cli.table import table
from stressd.lab.backtest import episode_lines
from stressd.lab.rates import Quarter, Rate
from stressd.lab.stress import Recall
from stressd.lab.verdict import Largest, SeriesSummary, Verdict
from stressd.market.times import day_iso

OUTSIDE: Final = "!"
FLOORED: Final = "°"
BINDS: Final = 0.1
"""Share of the sessions from which the floor explains why there were few episodes."""

LEGEND: Final = (
    f"{OUTSIDE}: outside it; {FLOORED}: below it while the floor was the bar, as it may be: a budget is a ceiling.\n"
    "floor: how often it was. spent: episodes over the budget of the rest of the time, in which the bar does not wait"
)


def report(verdict: Verdict) -> str:
    """One rule set: every episode, the rates, the stress days."""
    lines = []
    for episode in episode_lines(verdict.trial.events):
        until = "" if episode.last[:10] == episode.first[:10] else f" to {episode.last[:10]}"
        lines.append(f"{episode.first[:10]}{until:14}  {episode.severity:8}  {episode.headline}")
        if episode.followers:
            lines.append(f"{'':26}{episode.followers}")
    lines += ["", *_rates(verdict), "", *_recall(verdict)]
    return "\n".join(lines)


def _rates(verdict: Verdict) -> list[str]:
    header = ["", "values", "years", "episodes", "a year", "budget", "95 % band", "by quarter", "floor", "spent"]
    rows = [[name, *_rate(each, each["observations"]), *_floors(each)] for name, each in verdict.series.items()]
    rows += [[f"{name}, whole", *_rate(market, None), "", ""] for name, market in verdict.markets.items()]
    lines = table(header, rows)
    if verdict.rates():
        inside, of = _inside(verdict.rates())
        within, quarters = _inside([each for found in verdict.rates() for each in found["quarters"]])
        lines.append(f"{inside} of {of} rates and {within} of {quarters} quarters lie inside their band")
        lines.append(LEGEND)
        if verdict.trial.narrowed:
            lines.append("the whole budget is spent from day to day here; live the other horizons have their part")
    else:
        lines.append("no rule has a budget: the band holds the rates that so many episodes do not contradict")
    return lines


def _rate(each: Rate | SeriesSummary, observations: int | None) -> list[str]:
    band = each["band_per_year"]
    quarters = [f"{part['episodes']}{_mark(part)}" for part in each["quarters"]]
    realised = each["realised_per_year"]
    return [
        "" if observations is None else f"{observations:,}",
        f"{each['years']:.1f}",
        str(each["episodes"]),
        "-" if realised is None else f"{realised:.2f}{_whole_mark(each)}",
        "-" if each["budget_per_year"] is None else f"{each['budget_per_year']:g}",
        "-" if band is None else f"{band[0]:.2f} to {band[1]:.2f}",
        " ".join(quarters),
    ]


def _whole_mark(each: Rate) -> str:
    if each["inside"] is not False:
        return ""
    marks = {_mark(part) for part in each["quarters"]}
    return FLOORED if FLOORED in marks and OUTSIDE not in marks else OUTSIDE


def _mark(part: Quarter) -> str:
    if part["inside"] is not False or part["band"] is None:
        return ""
    floored = part["floor_share"] is not None and part["floor_share"] >= BINDS
    return FLOORED if floored and part["episodes"] < part["band"][0] else OUTSIDE


def _floors(each: SeriesSummary) -> list[str]:
    """How often the floor was the bar, and the episodes over the budget of the other time."""
    shares, free = each["floor_share"], each["without_floor"]
    if list(shares) == ["1d"]:
        rest = "" if free is None or free["spent"] is None else f"{free['spent']:.0%}"
        return [f"{shares['1d']:.0%}", rest]
    return [" ".join(f"{horizon} {share:.0%}" for horizon, share in shares.items()), ""]


def _inside(rates: Sequence[Mapping[str, object]]) -> tuple[int, int]:
    return sum(each["inside"] is True for each in rates), len(rates)


def _recall(verdict: Verdict) -> list[str]:
    found = verdict.recall
    if not found.scores:
        return ["no day of the list of stress days lies in this sample"]
    lines = [
        f"stress days: {found.caught()} of {len(found.scores)} caught, {found.on_the_day()} on the date itself; "
        f"alerts at random times would catch {found.expected():.1f} (as many or more: {_chance(found)})"
    ]
    if verdict.naive is not None and verdict.naive_recall is not None:
        lines.append(
            f"a naive EWMA rule ({verdict.naive.bar:.2f} sigma, set with hindsight to open {verdict.naive.episodes} "
            f"episodes) catches {verdict.naive_recall.caught()}"
        )
    rows = []
    for score in found.scores:
        told = "MISSED" if score.told is None else f"{score.told.how}, {score.told.severity}"
        on = "" if score.on is None or score.on == score.stress.day else day_iso(score.on)
        largest = verdict.largest.get(score.stress.day)
        where = " ".join(score.stress.markets)
        rows.append([day_iso(score.stress.day), where, told, on, _move(largest), score.stress.what])
    return [*lines, *table(["date", "markets", "told", "on", "largest move against its bar", ""], rows)]


def _move(largest: Largest | None) -> str:
    if largest is None:
        return "-"
    return (
        f"{largest['series']} {largest['move_bp']:+.1f}bp, {abs(largest['sigma']):.1f}σ, bar {largest['bar_bp']:.1f}bp"
    )


def _chance(found: Recall) -> str:
    p = found.p()
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.2g}"


def beside(verdicts: Sequence[Verdict]) -> str:
    """Several rule sets: a column each."""
    cells: list[tuple[str, Callable[[Verdict], str]]] = [
        ("episodes", lambda v: f"{v.episodes():,}"),
        ("a year", lambda v: f"{v.episodes() / v.years():.2f}" if v.years() else "-"),
        ("series inside their band", lambda v: _share(_inside(v.rates()))),
        ("quarters inside", lambda v: _share(_inside([q for r in v.rates() for q in r["quarters"]]))),
        ("stress days caught", lambda v: _share((v.recall.caught(), len(v.recall.scores)))),
        ("on the date itself", lambda v: str(v.recall.on_the_day())),
        ("by chance", lambda v: f"{v.recall.expected():.1f}"),
        ("naive EWMA, as many episodes", lambda v: str(v.naive_recall.caught()) if v.naive_recall else "-"),
        ("worst miss", lambda v: _miss(v.worst_miss())),
        ("", lambda v: _move(v.worst_miss()) if v.worst_miss() else ""),
    ]
    rows = [[name, *(cell(verdict) for verdict in verdicts)] for name, cell in cells]
    return "\n".join(table(["", *(verdict.trial.name for verdict in verdicts)], rows))


def _share(found: tuple[int, int]) -> str:
    return f"{found[0]} of {found[1]}" if found[1] else "-"


def _miss(largest: Largest | None) -> str:
    return largest["date"] if largest is not None else "none"
