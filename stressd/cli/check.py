"""`stressd check`: every fault of a configuration with its line; what it would watch; on request, whether it works."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stressd.alerts.words import moment_text
from stressd.cli.cost_text import history_text
from stressd.cli.place import state_of
from stressd.cli.reload import compared, reload_lines
from stressd.config.faults import ConfigError, Fault
from stressd.config.fields import format_duration
from stressd.config.load import Loaded, load
from stressd.config.registry import Registry
from stressd.config.routes import DigestTime, RouteConfig
from stressd.config.rules import DetectorConfig, LevelConfig, SigmaConfig
from stressd.engine.agenda import NEVER, AgendaItem, next_at
from stressd.lab.cost import Cost, measure, measure_ticks
from stressd.lab.history import stored_daily
from stressd.market.times import LATEST, iso
from stressd.runtime import logs
from stressd.runtime.connect import FeedTrial, SinkTrial, try_feeds, try_sinks
from stressd.runtime.registry import registry
from stressd.runtime.statedir import state_dir
from stressd.store import Store, StoreError


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "check",
        help="check a configuration: every fault with its line",
        description="Prints every fault as file:line:column, or what the configuration would watch. Touches no network "
        "unless --connect is given. Exit status 1 if there is a fault, or something could not be reached.",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the configuration")
    parser.add_argument("--connect", action="store_true", help="show what comes from each feed, and ask each sink")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="how long to listen (default: 10)")
    parser.add_argument("--history", action="store_true", help="how often the rules would have alerted")
    parser.add_argument("--state", type=Path, metavar="DIR", help="where the store with the history is")
    parser.add_argument(
        "--against-running", action="store_true",
        help="ask the running daemon instead: what a reload to this file would change, or why it would be refused",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if args.against_running:
        found = compared(state_of(argparse.Namespace(state=args.state, config=None)), args.file)
        print(json.dumps(found, ensure_ascii=False) if args.json else "\n".join(reload_lines(found, would=True)))
        return 1 if found["outcome"] == "refused" else 0
    kinds = registry()
    try:
        loaded = load(args.file, kinds)
    except ConfigError as error:
        _tell_faults(error.faults, args)
        return 1
    document: dict[str, Any] = {"ok": True, "faults": [w.as_json() for w in loaded.warnings], **_summary(loaded)}
    if not args.json:
        for warning in loaded.warnings:
            print(warning)
        print(_summary_text(loaded))
    reached = _connect(loaded, kinds, args, document) if args.connect else True
    if args.history:
        _history(loaded, args, document)
    if args.json:
        print(json.dumps(document | {"ok": reached}, ensure_ascii=False))
    return 0 if reached else 1


def _tell_faults(faults: list[Fault], args: argparse.Namespace) -> None:
    if args.json:
        print(json.dumps({"ok": False, "faults": [fault.as_json() for fault in faults]}))
        return
    for fault in faults:
        print(fault)
    errors = sum(fault.level == "error" for fault in faults)
    print(f"{args.file}: {errors} {'error' if errors == 1 else 'errors'}", file=sys.stderr)


def _summary(loaded: Loaded) -> dict[str, Any]:
    return {
        "instance": loaded.instance,
        "config": loaded.digest,
        "markets": {
            market.name: {
                "calendar": market.calendar.name,
                "gauge": market.gauge,
                "series": [each.id for each in loaded.engine.series if each.market == market.name],
            }
            for market in loaded.engine.markets
        },
        "feeds": [{"name": feed.name, "type": feed.type} for feed in loaded.feeds],
        "rules": [{"name": rule.name, "type": rule.type, "text": _rule_text(rule)} for rule in loaded.rules],
        "events": [
            {"name": item.name, "markets": list(item.markets), "text": _event_text(item)}
            for item in loaded.engine.agenda
        ],
        "routes": [{"match": _match_text(route), "sinks": list(route.sinks)} for route in loaded.model.routes],
        "sinks": [{"name": sink.name, "type": sink.type} for sink in loaded.sinks],
    }


def _summary_text(loaded: Loaded) -> str:
    spec = loaded.engine
    lines = [f"{loaded.path}: valid", ""]
    rows = [("instance", f"{loaded.instance}, {_state_text(loaded)}, HTTP on {loaded.listen or 'nothing'}")]
    for market in spec.markets:
        tenors = " ".join(each.tenor for each in spec.series if each.market == market.name)
        rows.append(("market", f"{market.name}: {tenors} · calendar {market.calendar.name} · gauge {market.gauge}"))
    rows += [("feed", f"{feed.name}: {feed.type}") for feed in loaded.feeds]
    rows += [
        ("rule", f"{rule.name}: {len(loaded.watched[rule.name])} series · {_rule_text(rule)}") for rule in loaded.rules
    ]
    rows += [("event", f"{item.name}: {_event_text(item)}") for item in loaded.engine.agenda]
    rows += [("route", _route_text(route)) for route in loaded.model.routes]
    rows += [
        (
            "digest",
            f"{digest.name}: at {', '.join(map(_time_text, digest.at))} -> {', '.join(loaded.desk.takers(spec))}",
        )
        for digest, spec in zip(loaded.model.digests, loaded.desk.digests, strict=True)
    ]
    daily = loaded.desk.daily
    if daily.markets:
        told = ", ".join(daily.sinks) or "kept as a file"
        rows.append(("daily", f"{', '.join(daily.markets)} close -> {told}"))
    rows += [("sink", f"{sink.name}: {sink.type}") for sink in loaded.sinks]
    return "\n".join(lines + [f"{kind:9} {text}" for kind, text in rows])


def _state_text(loaded: Loaded) -> str:
    return f"state in {loaded.state_dir}" if loaded.state_dir else "state in the default place"


def _rule_text(rule: Any) -> str:
    if isinstance(rule, DetectorConfig):
        return rule.text()
    if isinstance(rule, SigmaConfig):
        bars = " ".join(f"{name} {bar:g}σ" for name, bar in rule.bars().items())
        if rule.budget is not None:
            bars = f"budget {rule.budget}"
        return f"moves over {' '.join(rule.horizons)} · {bars}"
    if isinstance(rule, LevelConfig):
        keys = ("above", "below", "round", "highest_since", "lowest_since")
        written = rule.model_dump(mode="json")
        told = [f"{key.replace('_', ' ')} {_plain(written[key])}" for key in keys if written[key] is not None]
        return f"{', '.join(told)} · {rule.severity}"
    return f"silent for {rule.model_dump(mode='json')['after']} · {rule.severity}"


def _event_text(item: AgendaItem) -> str:
    at = next_at(item, time.time_ns())
    following = f"next {moment_text(iso(at))}" if at != NEVER else "NO DATE TO COME: its list has ended"
    before, after = format_duration(item.before), format_duration(item.after)
    return f"{' '.join(item.markets)} · bars ×{item.widen:g} from {before} before to {after} after · {following}"


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _match_text(route: Any) -> str:
    given = {key: value for key, value in route.match if value is not None}
    return " · ".join(f"{key} {'|'.join(value) if isinstance(value, list) else value}" for key, value in given.items())


def _route_text(route: RouteConfig) -> str:
    how = f" in digest {route.digest}" if route.digest is not None else ""
    return f"{_match_text(route)} -> {', '.join(route.sinks)}{how}"


def _time_text(time: DigestTime) -> str:
    return f"{time.market} close" if time.market is not None else f"{time.time} {time.zone} {'|'.join(time.days)}"


def _connect(loaded: Loaded, kinds: Registry, args: argparse.Namespace, document: dict[str, Any]) -> bool:
    """Whether everything was reached."""
    logs.configure("critical", "text", sys.stderr)
    if not args.json:
        print(f"\nlistening for {args.seconds:g} s ...", file=sys.stderr)

    async def both() -> tuple[list[FeedTrial], list[SinkTrial]]:
        feeds, sinks = await asyncio.gather(try_feeds(loaded, kinds, args.seconds), try_sinks(loaded, kinds))
        return feeds, sinks

    feeds, sinks = asyncio.run(both())
    document["connect"] = {"feeds": [asdict(feed) for feed in feeds], "sinks": [asdict(sink) for sink in sinks]}
    if not args.json:
        print()
        for feed in feeds:
            print(_feed_text(feed))
        for sink in sinks:
            print(f"sink {sink.name}: {'reached' if sink.ok else 'NOT REACHED'}: {sink.text}")
    return all(feed.ok for feed in feeds) and all(sink.ok for sink in sinks)


def _feed_text(feed: FeedTrial) -> str:
    lines = [f"feed {feed.name}: {'' if feed.ok else 'NOT REACHED: '}{feed.state}"]
    if feed.ok and feed.type != "push":
        lines[0] += f"; {feed.messages:,} messages, {feed.refused:,} refused"
    for sample in feed.samples:
        lines.append(f"  {sample.topic}  {sample.raw}")
        lines += [f"      {series}  {value:g}%  {_age(age)}" for series, value, age in sample.ticks]
        if sample.refused is not None:
            lines.append(f"      refused: {sample.refused}")
        elif not sample.ticks:
            lines.append("      no tick: its series is not configured")
    if feed.mute:
        lines.append(f"  nothing came of {', '.join(feed.mute)}")
    return "\n".join(lines)


def _age(seconds: float) -> str:
    if seconds < 0:
        return f"{-seconds:.1f} s ahead of this clock"
    return f"{seconds:.1f} s old" if seconds < 120 else f"{seconds / 60:.0f} min old"


def _history(loaded: Loaded, args: argparse.Namespace, document: dict[str, Any]) -> None:
    costs = _measured(loaded, args)
    daily, ticks = costs
    document["history"] = (
        {"rules": {rule.name: None for rule in loaded.rules}, "sinks": None} if daily is None else asdict(daily)
    ) | {"ticks": None if ticks is None else asdict(ticks)}
    if args.json:
        return
    print()
    print(history_text(loaded, daily, ticks))


def _measured(loaded: Loaded, args: argparse.Namespace) -> tuple[Cost | None, Cost | None]:
    """On the stored fixings and on the stored ticks, None where there are none."""
    try:
        store = Store.open(state_dir(loaded.state_dir, args.state), create=False)
    except StoreError:
        return None, None
    try:
        daily = stored_daily(store)
        if daily and not args.json:
            print(f"\nrunning {sum(len(each.rows) for each in daily.values()):,} fixings ...", file=sys.stderr)
        from_fixings = measure(loaded, daily)
        if not args.json:
            print("running the stored ticks ...", file=sys.stderr)
        return from_fixings, measure_ticks(loaded, daily, store.history_ticks(0, LATEST))
    finally:
        store.close()
