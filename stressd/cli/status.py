"""`stressd status`: what the running daemon sees, what it can alert on, and what it still has to say."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stressd.alerts.words import tenor_name, yield_text
from stressd.cli.ask import NoDaemon, ask
from stressd.cli.errors import UserError
from stressd.cli.graph_text import graph_lines
from stressd.cli.place import add_state, state_of
from stressd.cli.records import open_store
from stressd.cli.table import age, table
from stressd.runtime.graph import kept


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """The command's arguments."""
    parser = subparsers.add_parser(
        "status",
        help="what the running daemon sees and can alert on",
        description="Feeds, what can alert now and when the rest can, open episodes, deliveries. "
        "Exit status 1 when the daemon is blind or stuck, or when there is none. With --graph: which markets follow "
        "which, how often, how fast and how strongly; without a daemon as it was when its state was last saved.",
    )
    add_state(parser)
    parser.add_argument("--graph", action="store_true", help="which markets follow which, instead")
    parser.add_argument("--json", action="store_true", help="one JSON object")


def run(args: argparse.Namespace) -> int:
    """Exit status."""
    if args.graph:
        return _graph(state_of(args), args.json)
    status = ask(state_of(args), "/api/v1/status")
    if not isinstance(status, dict) or "state" not in status:
        raise UserError("whatever answers there is no daemon of this version")
    print(json.dumps(status, ensure_ascii=False) if args.json else "\n".join(_lines(status)))
    return 1 if status["state"] in ("blind", "stuck") else 0


def _graph(state: Path, as_json: bool) -> int:
    try:
        found = ask(state, "/api/v1/graph")
    except NoDaemon as nobody:
        with open_store(state) as store:
            found = kept(store)
        if found is None:
            raise nobody from None
        print(f"stressd: {nobody}; this is what it saved last", file=sys.stderr)
    print(json.dumps(found, ensure_ascii=False) if as_json else "\n".join(graph_lines(found)))
    return 0


def _lines(status: dict[str, Any]) -> list[str]:
    lines = [
        f"{status['instance']}: {status['state']}",
        f"stressd {status['version']} (engine {status['engine']}), process {status['pid']}, "
        f"up {age(status['uptime_s'])}",
        f"configuration {status['config']['path']}, loaded {status['config']['loaded']}",
    ]
    standby = status["standby"]
    if standby is not None and standby["standing"]:
        lines.insert(0, f"STANDBY since {standby['since']}: it sees everything and tells NOBODY (`stressd takeover`)")
    elif standby is not None:
        lines.append(f"the standby that took over at {standby['since']}, by {standby['by']}")
    lines += [f"! {reason}" for reason in status["reasons"]]
    rejected = status["config"]["rejected"]
    if rejected is not None:
        lines.append(f"! the configuration was refused at {rejected['time']}; the one before runs on:")
        lines += [f"    {fault}" for fault in rejected["faults"]]
    last = status["config"].get("reload")
    if last is not None and last["outcome"] != "refused":
        what = "; ".join(last["text"]) or "nothing had changed"
        lines.append(f"reloaded at {last['time']}: {what}")
    lines += ["", *_feeds(status["feeds"]), "", *_alerting(status["alerting"])]
    lines += ["", *stress_lines(status["stress"])] if status.get("stress") else []
    lines += ["", *_curves(status["curves"])] if status.get("curves") else []
    if status["detectors"]:
        lines += ["", *_detectors(status["detectors"])]
    if status["agenda"]:
        lines += ["", *_agenda(status["agenda"])]
    lines += ["", *_episodes(status["episodes"])]
    if status["silences"]:
        lines += ["", *silence_lines(status["silences"])]
    if status.get("withheld"):
        rows = [[each["sink"], str(each["episodes"]), each["why"] or "for a digest"] for each in status["withheld"]]
        lines += ["", *table(["NOT TOLD", "EPISODES", "WHY"], rows)]
    if status["maintenance"]:
        lines += ["", *_maintenance(status["maintenance"])]
    lines += ["", *_sinks(status["sinks"])]
    return [*lines, *_outward(status["heartbeats"], status["probe"])]


def _feeds(feeds: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            feed["name"],
            feed.get("does", feed["state"]) + (f" ({feed['detail']})" if feed["detail"] else ""),
            age(feed["last_message_age_s"]),
            str(feed["messages"]),
            str(feed["ticks"]),
            str(feed["malformed"] + feed["unknown_series"] + feed["dropped"]),
        ]
        for feed in feeds
    ]
    return table(["FEED", "STATE", "LAST", "MESSAGES", "TICKS", "REFUSED"], rows) if rows else ["no feeds"]


def _alerting(alerting: dict[str, Any]) -> list[str]:
    rows = [
        [
            row["series"],
            row["state"],
            "-" if row["value"] is None else yield_text(row["series"], row["value"]),
            age(row["age_s"]),
            " ".join(row["ready"]) or ("other rules" if row["other_rules"] else "-"),
            ", ".join(f"{wait['horizon']} in {wait['needs']}" for wait in row["waiting"]) or "-",
            row["provisional"] or "",
        ]
        for row in alerting["detail"]
    ]
    head = f"{alerting['ready']} of {alerting['series']} series can alert"
    return [head, *table(["SERIES", "STATE", "VALUE", "LAST", "CAN ALERT ON", "LATER", ""], rows)]


def _detectors(rows: Sequence[dict[str, Any]]) -> list[str]:
    keys = ("rule", "model", "on", "warming", "off", "inputs", "hits")
    cells = [[str(row[key]) for key in keys] for row in rows]
    return table(["DETECTOR", "MODEL", "ON", "WARMING", "OFF", "INPUTS", "FOUND"], cells)


def _agenda(windows: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            each["name"],
            each["market"],
            "now" if each["on"] else "next",
            f"{each['from'][:16].replace('T', ' ')} to {each['until'][11:16]} UTC",
            f"bars ×{each['widen']:g}",
        ]
        for each in windows
    ]
    return table(["EVENT", "MARKET", "", "WINDOW", "WIDENS"], rows)


def _curves(curves: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            each["market"],
            _in_bp(each["noise_bp"]),
            _in_bp(each["usual_bp"]),
            str(len(each["tenors"])),
            f"{tenor_name(each['cheapest'])} {each['cheapest_bp']:+.1f}bp" if each["cheapest"] else "-",
            f"{tenor_name(each['richest'])} {each['richest_bp']:+.1f}bp" if each["richest"] else "-",
        ]
        for each in curves
    ]
    return table(["CURVE", "NOISE", "USUALLY", "TENORS", "CHEAPEST", "RICHEST"], rows)


def stress_lines(reading: dict[str, Any]) -> list[str]:
    """The stress index in a line, with what is not in it in those below."""
    if reading["value"] is None:
        return ["no stress index yet: 20 sessions of a market's inputs have to be known"]
    missing: dict[tuple[str, str], list[str]] = {}
    for each in reading["left_out"]:
        missing.setdefault((each["dimension"], each["reason"]), []).append(each["market"])
    without = [f"  without {what} of {', '.join(names)} ({why})" for (what, why), names in missing.items()]
    parts = [f"{market} {_part(part)}" for market, part in reading["markets"].items()]
    young = f" (young: ranks of {reading['sessions']} sessions)" if reading["young"] else ""
    when = f"{reading['time'][:16].replace('T', ' ')} UTC"
    line = f"stress {reading['value']:.2f}: {' '.join(parts)} correlation {_part(reading['correlation'])}"
    return [f"{line}, {when}{young}", *without]


def _part(size: float) -> str:
    """Two places, without the nought that they always begin with: .41, -.12."""
    text = f"{size:.2f}".replace("0.", ".", 1)
    return ".00" if text == "-.00" else text


def _in_bp(size: float | None) -> str:
    return "-" if size is None else f"{size:.2f}bp"


def _episodes(episodes: Sequence[dict[str, Any]]) -> list[str]:
    if not episodes:
        return ["no open episodes"]
    rows = [
        [
            each["episode"],
            each["severity"],
            each["rule"],
            each["market"],
            each["direction"] or "",
            each["opened"],
            _looked_after(each["acknowledged"]),
            "; ".join(each["links"]),
        ]
        for each in episodes
    ]
    return table(["OPEN EPISODE", "SEVERITY", "RULE", "MARKET", "", "OPENED", "ACKNOWLEDGED", "LINKS"], rows)


def _looked_after(ack: dict[str, Any] | None) -> str:
    if ack is None:
        return "-"
    return f"by {ack['by']}" + (f" until {ack['until'][:16].replace('T', ' ')} UTC" if ack["until"] else "")


def _maintenance(windows: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            each["name"],
            each["match"],
            "now" if each["on"] else "next",
            f"{each['from'][:16].replace('T', ' ')} to {each['until'][11:16]} UTC",
            each["reason"],
        ]
        for each in windows
    ]
    return table(["MAINTENANCE", "WHAT", "", "WINDOW", "REASON"], rows)


def silence_lines(silences: Sequence[dict[str, Any]]) -> list[str]:
    """A table of silences."""
    rows = [
        [
            each["id"],
            each["match"] + (", but critical" if each["break_through"] else ""),
            each["state"],
            f"{each['from'][:16].replace('T', ' ')} to {each['until'][:16].replace('T', ' ')} UTC",
            each["author"],
            str(each["withheld"]),
            each["reason"],
        ]
        for each in silences
    ]
    return table(["SILENCE", "WHAT", "", "FROM TO", "BY", "WITHHELD", "REASON"], rows)


def _sinks(sinks: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        [
            sink["name"],
            _sink_state(sink),
            str(sink["pending"]),
            age(sink["oldest_age_s"]),
            str(sink["outcomes"].get("delivered", 0)),
            str(sink["outcomes"].get("dead", 0)),
        ]
        for sink in sinks
    ]
    return table(["SINK", "STATE", "PENDING", "OLDEST", "DELIVERED", "DEAD"], rows) if rows else ["no sinks"]


def _outward(heartbeats: Sequence[dict[str, Any]], probe: dict[str, Any] | None) -> list[str]:
    """Who outside is told that all is well, and whether messages come through."""
    lines = []
    for each in heartbeats:
        last = f"last beat {age(each['age_s'])} ago" if each["age_s"] is not None else "no beat yet"
        why = f", withheld: {'; '.join(each['withheld'])}" if each["withheld"] else ""
        failing = f", failing: {each['error']}" if each["error"] else ""
        lines.append(f"heartbeat to {each['watcher']} every {age(each['every_s'])}: {last}{why}{failing}")
    for each in probe["sinks"] if probe is not None else ():
        when = "not yet" if each["time"] is None else f"{each['time'][:16].replace('T', ' ')} UTC"
        took = f", {each['seconds']:.1f} s" if each["seconds"] is not None else ""
        lines.append(
            f"probe through {each['sink']}: {when}{took}" + (f", failed: {each['error']}" if each["error"] else "")
        )
    return ["", *lines] if lines else []


def _sink_state(sink: dict[str, Any]) -> str:
    instead = f"; {sink['fallback']} stands in" if sink["fallback"] else ""
    if sink["disabled"]:
        return f"disabled: {sink['disabled']}{instead}"
    if sink["breaker"] != "closed":
        return f"down for {age(sink['failing_s'])}: {sink['last_error']}{instead}"
    if sink["failing_s"] is not None:
        return f"failing for {age(sink['failing_s'])}: {sink['last_error']}"
    return "ok"
