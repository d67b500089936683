"""What `stressd report` prints for people."""

from __future__ import annotations

from collections.abc import Sequence

from stressd.alerts.people.commands import LABELS
from stressd.alerts.words import count_text
from stressd.cli.table import table
from stressd.lab.connectedness import Connectedness
from stressd.lab.hawkes import Excitation
from stressd.lab.report.breadth import Breadth
from stressd.lab.report.columns import ColumnsReport
from stressd.lab.report.findings import findings
from stressd.lab.report.flows import LATELY, shown
from stressd.lab.report.links import Links
from stressd.lab.report.paths import TickLags
from stressd.lab.report.report import KINDS, Report
from stressd.lab.report.stress_path import StressPath
from stressd.lab.report.svg import lag_text
from stressd.lab.report.system import HALF_LIFE, HORIZON, LAGS, System
from stressd.market.times import day_iso

SURE = 0.05
"""Of a p-value."""


def columns_text(found: ColumnsReport) -> str:
    """The table of a file."""
    how = "least squares" if found.half_life is None else f"weights that halve every {found.half_life:g} rows"
    lines = [
        f"total connectedness {found.table.total:.4f} % over {found.horizon} rows; "
        f"VAR({found.lags}) with a constant, {how}, "
        f"{len(found.columns.days):,} rows, {day_iso(found.columns.days[0])} to {day_iso(found.columns.days[-1])}",
        f"by Cholesky in the order of the columns {found.by_order:.4f} %; largest root {found.root:.3f}",
        "",
        *_grid(found.table, 4),
    ]
    if found.path:
        low, high = min(found.path, key=lambda p: p[1]), max(found.path, key=lambda p: p[1])
        mean = sum(x for _, x in found.path) / len(found.path)
        lines += [
            "",
            f"over every {found.window} rows ({len(found.path):,} of them): mean {mean:.4f}, "
            f"least {low[1]:.4f} on {day_iso(low[0])}, most {high[1]:.4f} on {day_iso(high[0])}, "
            f"last {found.path[-1][1]:.4f}",
        ]
    return "\n".join(lines)


def _grid(found: Connectedness, digits: int) -> list[str]:
    rows = [
        [name, *(f"{x:.{digits}f}" for x in found.table[i]), f"{found.from_others[i]:.{digits}f}"]
        for i, name in enumerate(found.nodes)
    ]
    rows.append(["to others", *(f"{x:.{digits}f}" for x in found.to), f"{found.total:.{digits}f}"])
    rows.append(["net", *(f"{x:+.{digits}f}" for x in found.net), ""])
    return table(["received by", *found.nodes, "from others"], rows)


def report_text(report: Report) -> str:
    """The periodic report."""
    days = report.until - report.since + 1
    head = f"{report.instance}: {day_iso(report.since)} to {day_iso(report.until)}, {days} days, from {report.made_of}"
    lines = [head, ""]
    lines += [f"- {sentence}" for sentence in findings(report)]
    if report.stress is not None:
        lines += ["", *_stress(report.stress)]
    if report.exposure:
        lines += ["", *_exposure(report)]
        for kind in KINDS:
            lines += ["", *_system(report.systems[kind])]
        lines += ["", *_flows(report)]
    if report.tick_lags is not None:
        lines += ["", *_tick_lags(report.tick_lags)]
    if report.exposure:
        lines += ["", *_breadth("in the period", report.breadth)]
        lines += ["", *_breadth("in the history", report.breadth_history)]
    if report.links is not None:
        lines += ["", *_links(report.links)]
    if report.rules_of:
        lines += ["", *_rules(report)]
        lines += ["", *_labels(report)] if any(row.labelled for row in report.labels) else []
    if report.excited is not None:
        lines += ["", *_excited(report.excited)]
    if report.daemon is not None:
        lines += ["", f"the daemon is {report.daemon['state']}, {report.daemon['open_episodes']} episodes are open"]
        lines += [f"! {reason}" for reason in report.daemon["reasons"]]
    return "\n".join(lines)


def _exposure(report: Report) -> list[str]:
    rows = [
        [
            each.market,
            str(len(each.tenors)),
            count_text(each.sessions),
            count_text(each.of),
            f"{day_iso(each.first)} to {day_iso(each.last)}",
            f"{each.explained:.0%}",
        ]
        for each in report.exposure
    ]
    return table(["MARKET", "SERIES", "SESSIONS", "OF HISTORY", "", "ONE MOVE CARRIES"], rows)


SHOWN = 8
"""Closes of the stress index in the terminal."""


def _stress(path: StressPath) -> list[str]:
    names = path.markets()
    rows = [
        [
            day["date"],
            f"{day['value']:.3f}",
            *(f"{day['markets'].get(name, 0.0):.3f}" for name in names),
            f"{day['correlation']:+.3f}",
            ", ".join(f"{name} {part:.3f}" for name, part in day["dimensions"].items()),
        ]
        for day in path.days[-SHOWN:]
    ]
    head = ["STRESS INDEX", "0 TO 1", *names, "NOT AS ONE", "BY DIMENSION"]
    note = f"{len(path.days):,} days; percentile {path.percentile():.0%} of them"
    return [*table(head, rows), note]


def _system(system: System) -> list[str]:
    title = f"CONNECTEDNESS OF {system.kind.upper()}"
    if system.table is None:
        return [f"{title}: none, {system.why}"]
    how = f"VAR({LAGS}), half-life {HALF_LIFE:g} sessions, {HORIZON} ahead, {system.sessions:,} common sessions"
    chance = "" if system.chance is None else f"; chance {system.chance[0]:.1f}, once in twenty {system.chance[1]:.1f}"
    place = (
        "" if system.percentile is None else f"; percentile {system.percentile:.0%} of {len(system.path):,} sessions"
    )
    return [f"{title}: {system.table.total:.2f} % ({how}){place}{chance}", *_grid(system.table, 2)]


def _flows(report: Report) -> list[str]:
    rows = [
        [
            f"{flow.source}{' -> ' if flow.step else ', '}{flow.follower}",
            str(flow.step or "same"),
            f"{flow.lag_h:.1f} h",
            f"{flow.overlap_h:.1f} h",
            f"{flow.r:+.3f}{'' if flow.real else ' ~'}",
            f"{flow.low:+.3f} to {flow.high:+.3f}",
            f"{flow.slope:+.2f}",
            count_text(flow.n),
            "-" if flow.lately is None else f"{flow.lately.recent:+.2f} ({flow.lately.adjusted:+.2f})",
        ]
        for flow in shown(report.flows)
    ]
    if not rows:
        return ["LAGS: two markets with sixty fixings are needed"]
    header = ["LAGS", "FIXING", "LATER", "OVERLAP", "R", "95 %", "SLOPE", "N", "LATELY"]
    note = "~: does not stand at a false discovery rate of 5 % over this table. overlap: hours that both moves hold. "
    lately = f"lately: the last {LATELY} pairs, and in brackets at the usual variance of the source"
    return [*table(header, rows), note + lately]


def _tick_lags(found: TickLags) -> list[str]:
    rows = [
        [
            f"{row.first} -> {row.second}" if row.lag_s else f"{row.first}, {row.second}",
            f"{row.lag_s:g} s" if row.lag_s else "together",
            f"{row.correlation:+.3f}{'' if row.significant else ' ~'}",
            "-" if row.ratio is None else f"{row.ratio:.2f}",
            f"{row.p:.2g}",
            count_text(row.n),
        ]
        for row in found.rows
    ]
    if not rows:
        return ["LAGS WITHIN THE DAY: no two series that tick at the same hours"]
    apart = [f"{first} and {second}" for first, second in found.apart]
    note = [f"never at the same hours: {', '.join(apart)}"] if apart else []
    return [*table(["LAGS WITHIN THE DAY", "LAG", "R", "LLR", "P", "N"], rows), "~: may be chance", *note]


def _excited(found: Excitation) -> list[str]:
    rows = []
    for name, count, branching, ps in zip(found.markets, found.counts, found.branching, found.p, strict=True):
        cells = ["-"] * len(found.markets)
        if branching is not None and ps is not None:
            cells = [f"{x:.2f}{'' if p < SURE else ' ~'}" for x, p in zip(branching, ps, strict=True)]
        rows.append([name, count_text(count), *cells])
    return [*table(["BREACHES THAT FOLLOW ONE OF", "N", *found.markets], rows), "within an hour; ~: may be chance"]


def _breadth(when: str, found: Sequence[Breadth]) -> list[str]:
    rows = []
    for each in found:
        for count in each.shown():
            rows.append(
                [
                    ", ".join(each.order),
                    "rises" if each.side > 0 else "falls",
                    str(count.k),
                    count_text(count.days),
                    f"{count.low:.1f} to {count.high:.1f}",
                    f"{count.expected:.2f}",
                    count_text(each.days),
                ]
            )
    if not rows:
        return [f"CO-EXCEEDANCES {when}: two markets are needed"]
    header = [f"BEYOND 5 % TAILS {when}", "", "MARKETS", "DAYS", "95 %", "BY CHANCE", "OF DAYS"]
    return table(header, rows)


def _links(links: Links) -> list[str]:
    rows = [
        [
            f"{edge['source']} -> {edge['follower']}",
            edge["layer"],
            f"{edge['followed']} of {edge['sources']}",
            f"{edge['rate_low']:.0%} to {edge['rate_high']:.0%}",
            "-" if edge["beta"] is None else f"{edge['beta']:+.2f}",
            "-" if edge["usual_beta"] is None else f"{edge['usual_beta']:+.2f}",
            "-" if edge["lag_s"] is None else lag_text(edge["lag_s"]),
            "-" if edge["p"] is None else f"{edge['p']:.2g}",
            "spilled over" if edge["spilled_over"] else "hinted" if edge["hinted"] else "",
        ]
        for edge in links.plain()["edges"]
    ]
    title = f"LINKS from {links.made_of}"
    if not rows:
        return [f"{title}: none was judged"]
    header = [title, "", "FOLLOWED", "95 %", "BETA", "USUALLY", "LAG", "P", ""]
    closed = [f"{a} -> {b} {n}" for (a, b), n in sorted(links.closed.items())]
    return [*table(header, rows), *([f"could not respond, closed: {', '.join(closed)}"] if closed else [])]


def _labels(report: Report) -> list[str]:
    rows = [
        [
            row.rule,
            *(str(row.counts[label]) for label in LABELS),
            str(row.episodes - row.labelled),
            "-" if row.share is None else f"{100.0 * row.share:.0f} %",
            f"{row.disputed} disputed" if row.disputed else "",
        ]
        for row in report.labels
    ]
    header = ["LABELS by rule", *(label.upper() for label in LABELS), "UNLABELLED", "USEFUL OF LABELLED", ""]
    return table(header, rows)


def _rules(report: Report) -> list[str]:
    rows = []
    for row in report.rules:
        found, band = row.found, row.found["band_per_year"]
        rows.append(
            [
                row.rule,
                row.market,
                str(found["episodes"]),
                " ".join(f"{count} {name}" for name, count in row.severities.items() if count),
                "-" if found["realised_per_year"] is None else f"{found['realised_per_year']:.1f}",
                "-" if found["budget_per_year"] is None else f"{found['budget_per_year']:g}",
                "-" if band is None else f"{band[0]:.1f} to {band[1]:.1f}{' !' if found['inside'] is False else ''}",
                count_text(row.sessions),
            ]
        )
    if not rows:
        return [f"EPISODES by {report.rules_of}: none, and no rule has a budget"]
    header = [f"EPISODES by {report.rules_of}", "", "OPENED", "", "A YEAR", "BUDGET", "95 % BAND", "SESSIONS"]
    return table(header, rows)
