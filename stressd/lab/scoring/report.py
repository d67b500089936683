"""The score as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def report(figures: Mapping[str, Any], budget: float) -> str:
    """Tables of everything, for the terminal. budget: false alarms per market-month to compare with."""
    parts = [
        _heading(figures),
        _recall("moves found, by size in sigmas of five minutes", figures["recall"]),
        _recall("of these, moves that the feed showed when they began", figures["recall_shown"]),
        _opening(figures["recall_at_open"]),
        _delay(figures),
        _alarms(figures["false_alarms"], budget),
        _links(figures["links"]),
        _periods(figures["return_periods"]),
        "An alert is an `opened` or `reopened` event. What an open episode tells later is none: a move that was told\n"
        "only so stands under `inside`, and nothing told so is a false alarm. Intervals are exact, 95%.",
    ]
    return "\n\n".join(part for part in parts if part)


def _heading(figures: Mapping[str, Any]) -> str:
    count = figures["runs"]
    return (
        f"{count} run{'s' if count != 1 else ''}, {figures['market_months']:.1f} market-months; "
        f"precision {_share(figures['precision'])}; {figures['excused']} alerts on retraces and bursts left out"
    )


def _share(row: Mapping[str, Any]) -> str:
    if row["share"] is None:
        return "- (0 of 0)"
    return f"{row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}] ({row['k']} of {row['n']})"


def _recall(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    if not any(row["n"] for row in rows):
        return ""
    lines = [
        title,
        f"  {'size':<9}{'moves':>7}{'found':>7}{'inside':>8}  {'recall':<24}{'with inside':>11}{'median delay':>14}",
    ]
    for row in rows:
        size = f"{row['from']:g}-{row['to']:g}" if row["to"] is not None else f">= {row['from']:g}"
        share = f"{row['share']:.3f} [{row['low']:.3f}, {row['high']:.3f}]" if row["n"] else "-"
        told = f"{row['told']['share']:.3f}" if row["n"] else "-"
        delay = f"{row['median_delay_s']:.1f} s" if row["median_delay_s"] is not None else "-"
        lines.append(f"  {size:<9}{row['n']:>7}{row['k']:>7}{row['inside']:>8}  {share:<24}{told:>11}{delay:>14}")
    return "\n".join(lines)


def _opening(row: Mapping[str, Any]) -> str:
    return f"of these, answers given just after an opening: {_share(row)}" if row["n"] else ""


def _delay(figures: Mapping[str, Any]) -> str:
    lines = []
    for name, row in (("moves of 6 sigma and more", figures["delay"]), ("all moves found", figures["delay_all"])):
        if row["n"]:
            lines.append(
                f"  {name:<27}{row['n']:>5}  median {row['median_s']:.1f} s, {row['median_of_ramp']:.2f} of the ramp; "
                f"90% within {row['p90_s']:.1f} s, {row['p90_of_ramp']:.2f} of the ramp"
            )
    return "\n".join(["delay from onset to alert", *lines]) if lines else ""


def _rate(row: Mapping[str, Any]) -> str:
    if row["per_month"] is None:
        return "- (no exposure)"
    return (
        f"{row['per_month']:.2f} [{row['low']:.2f}, {row['high']:.2f}] a market-month "
        f"({row['count']} in {row['market_months']:.1f})"
    )


def _alarms(row: Mapping[str, Any], budget: float) -> str:
    lines = [f"false alarms: {_rate(row)}, budget {budget:g}"]
    lines += [f"  {market:<9}{_rate(each)}" for market, each in row["by_market"].items()]
    for name, key in (
        ("horizon", "by_horizon"),
        ("severity", "by_severity"),
        ("hour UTC", "by_hour_utc"),
        ("beside dirt", "beside_dirt"),
    ):
        if row[key]:
            lines.append(f"  by {name}: " + ", ".join(f"{what or '-'} {count}" for what, count in row[key].items()))
    if row["within_an_hour_of_a_move"]:
        lines.append(f"  {row['within_an_hour_of_a_move']} of them within an hour after a true move of their market")
    return "\n".join(lines)


def _links(row: Mapping[str, Any]) -> str:
    if not row["recall"]["n"] and not row["precision"]["n"] and not row["precision_co_moved"]["n"]:
        return ""
    lines = [
        "links from market to market",
        f"  precision  {_share(row['precision'])}; of co-moved {_share(row['precision_co_moved'])}",
        f"  spilled    {_share(row['spilled_over'])} of what is said to have spilled over is true",
        f"  recall     {_share(row['recall'])}; where both ends were found {_share(row['recall_both_found'])}",
    ]
    if row["median_lag_error_s"] is not None:
        lines.append(f"  lag        median error {row['median_lag_error_s']:.1f} s")
    if row["median_beta_error"] is not None:
        lines.append(f"  beta       median error {100 * row['median_beta_error']:+.0f}%")
    for resolution, each in row["unlinked_p"].items():
        lines.append(f"  p < .05    {_share(each)} of answers ({resolution}) that are no link")
    for each in row["pairs"]:
        lags = f"median lag {each['lag_s']:.1f} s, true {each['true_lag_s']:.1f} s" if each["lag_s"] is not None else ""
        beta = f"beta {each['beta_ratio']:.3f} of the true one" if each["beta_ratio"] is not None else ""
        lines.append(f"  {each['pair']:<11}{each['n']:>4} links  {'; '.join(part for part in (lags, beta) if part)}")
    return "\n".join(lines)


def _periods(row: Mapping[str, Any]) -> str:
    if not row["printed"]:
        return "return periods: none was printed"
    lines = [
        f"return periods printed, over {row['series_years']:.1f} years of series and horizons",
        f"  {'years':>6}{'expected':>10}{'realised':>10}  {'ratio':<22}",
    ]
    for each in row["rows"]:
        ratio = f"{each['ratio']:.2f} [{each['low']:.2f}, {each['high']:.2f}]"
        lines.append(f"  {each['years']:>6g}{each['expected']:>10.1f}{each['count']:>10}  {ratio:<22}")
    if row["error"] is not None:
        lines.append(f"  error: {100 * row['error']:.0f}% of what was expected")
    return "\n".join(lines)
