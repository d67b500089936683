"""`stressd symbols resolve NAME`: the series a name stands for, its unit, convention and trading hours, and why."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from stressd.cli.errors import UserError
from stressd.cli.place import read_config
from stressd.config.load import Loaded
from stressd.market.aliases import Alias, AliasTable
from stressd.market.calendar import Calendar
from stressd.market.conventions import CONVENTIONS
from stressd.market.hours import MARKETS, clock
from stressd.market.series import parse_series
from stressd.market.sessions import TableCalendar, calendar, local, names
from stressd.market.times import day_iso, iso, parse_time
from stressd.market.vendors import vendor_aliases


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "symbols",
        help="what a series name resolves to, and why",
        description="Names of series: canonical ids, the configuration's aliases, and well-known vendors' names.",
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    resolve = actions.add_parser(
        "resolve",
        help="what one name resolves to",
        description="Prints series, unit, convention, market, calendar, session and fixing of a name, and why. With a "
        "configuration only what that knows counts. Exit status 1 where the name is unknown.",
    )
    resolve.add_argument("name", metavar="NAME", help="for example JP.GOV.30Y, US10YT=RR, DGS10")
    resolve.add_argument("-c", "--config", type=Path, metavar="FILE", help="series and aliases; default: built in")
    resolve.add_argument("--at", metavar="TIME", help="the session at this time (ISO 8601 with zone); default: now")
    resolve.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    at = _at(args.at)
    loaded = read_config(args.config, environment=False) if args.config else None
    known = loaded.resolver if loaded else AliasTable(vendor_aliases())
    alias = known.find(args.name)
    if alias is None:
        raise UserError(_unknown(args.name, known, args.config))
    facts = _facts(args.name, alias, loaded, at)
    print(json.dumps(facts, ensure_ascii=False) if args.json else _text(facts))
    return 0


def _at(given: str | None) -> int:
    if given is None:
        return time.time_ns()
    try:
        return parse_time(given)
    except ValueError as error:
        raise UserError(f"--at: {error}") from None


def _unknown(name: str, known: AliasTable, config: Path | None) -> str:
    said = f"{name!r} is unknown" + (f" to {config}" if config else "")
    vendor = AliasTable(vendor_aliases()).find(name) if config else None
    if vendor is not None:
        row = f"{name}: {{series: {vendor.series}, unit: percent, convention: {vendor.convention}}}"
        return f"{said}; {vendor.origin} would be `aliases: {{{row}}}`" if vendor.convention else said
    near = known.near(name)
    return f"{said}: did you mean {' or '.join(near)}?" if near else said


def _facts(name: str, alias: Alias, loaded: Loaded | None, at: int) -> dict[str, Any]:
    market = parse_series(alias.series).market
    convention = alias.convention
    trades, why_calendar = _calendar(market, loaded)
    if loaded is not None and convention is None:
        convention = next((each.convention for each in loaded.engine.series if each.id == alias.series), None)
    return {
        "name": name,
        "series": alias.series,
        "unit": alias.unit,
        "convention": convention,
        "why": alias.origin,
        "market": market,
        "calendar": trades.name if trades else None,
        "calendar_why": why_calendar,
        "zone": trades.zone if trades else None,
        "session": _session(trades, at) if trades else None,
        "fixing": _fixing(trades, at) if trades else None,
    }


def _calendar(market: str, loaded: Loaded | None) -> tuple[Calendar | None, str]:
    if loaded is not None:
        for each in loaded.engine.markets:
            if each.name == market:
                return each.calendar, _source(each.calendar)
    if market in names():
        trades = calendar(market)
        return trades, _source(trades)
    return None, f"no calendar of the name {market}; a configuration names one, or `always`"


def _source(trades: Calendar) -> str:
    table = MARKETS.get(trades.name)
    if table is None:
        return "never closes; sessions are UTC days"
    return f"{table.what}: {table.hours[-1].source}"


def _session(trades: Calendar, at: int) -> dict[str, Any]:
    span = trades.span_at(at)
    session = trades.session_at(at)
    return {
        "at": iso(at),
        "open": span.is_open,
        "reason": span.reason,
        "until": iso(span.end if span.is_open else trades.next_open(at)),
        "until_local": _local(span.end if span.is_open else trades.next_open(at), trades),
        "day": day_iso(session.day),
        "opens": iso(session.open),
        "closes": iso(session.close),
        "early_close": session.early,
    }


def _fixing(trades: Calendar, at: int) -> dict[str, Any]:
    table = MARKETS.get(trades.name)
    time_of_day, why = "24:00", "the end of the UTC day"
    if isinstance(trades, TableCalendar) and table is not None:
        time_of_day = clock(trades.fixing)
        why = table.fixing_source if trades.fixing == table.fixing else "from the configuration"
    return {"local": time_of_day, "next": iso(trades.next_fixing(at)), "why": why}


def _local(at: int, trades: Calendar) -> str:
    return f"{local(at, trades.zone):%a %d %b %H:%M} {_city(trades.zone)}"


def _city(zone: str) -> str:
    return zone.rpartition("/")[2].replace("_", " ")


def _text(facts: dict[str, Any]) -> str:
    rows = [
        ("series", facts["series"]),
        ("unit", facts["unit"] or "as the feed's payload says"),
        ("convention", _convention(facts["convention"])),
        ("why", _why(facts["why"])),
        ("market", facts["market"]),
        ("calendar", f"{facts['calendar']}, {facts['calendar_why']}" if facts["calendar"] else facts["calendar_why"]),
    ]  # fmt: skip
    session, fixing = facts["session"], facts["fixing"]
    if session is not None:
        until = f"{session['until_local']} ({session['until']})"
        state = f"open, until {until}" if session["open"] else f"closed ({session['reason']}), opens {until}"
        early = ", an early close" if session["early_close"] else ""
        rows.append(("session", state))
        rows.append(("", f"of {session['day']}: {session['opens']} to {session['closes']}{early}"))
        rows.append(("fixing", f"{fixing['local']} {_city(facts['zone'])}, next {fixing['next']}"))
        rows.append(("", fixing["why"]))
    return "\n".join([facts["name"], *(f"  {label:<11} {value}" for label, value in rows)])


def _convention(name: str | None) -> str:
    if name is None:
        return "not stated"
    return f"{name}: {CONVENTIONS[name]}" if name in CONVENTIONS else name


def _why(origin: str) -> str:
    return f"{origin}; a feed uses it only if the configuration lists it" if origin.startswith("built in") else origin
