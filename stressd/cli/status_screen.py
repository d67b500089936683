"""What `stressd status` shows below its verdict: one section a thing, each a table."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from stressd.alerts.words import tenor_name, yield_text
from stressd.cli.table import age, table


def screen(status: dict[str, Any], every: bool = False) -> list[str]:
    """The whole screen below the verdict. every: a row for each series."""
    config, snapshot, store = status["config"], status["snapshot"], status["store"]
    lines = ["", *_feeds(status["feeds"]), "", *alerting_lines(status["alerting"], every)]
    lines += ["", *_episodes(status["episodes"])]
    lines += ["", *_sinks(status["sinks"])]
    if status["silences"]:
        lines += ["", *silence_lines(status["silences"])]
    if status.get("withheld"):
        rows = [[each["sink"], str(each["episodes"]), each["why"] or "for a digest"] for each in status["withheld"]]
        lines += ["", *table(["NOT TOLD", "EPISODES", "WHY"], rows)]
    if status["maintenance"]:
        lines += ["", *_maintenance(status["maintenance"])]
    if status["agenda"]:
        lines += ["", *_agenda(status["agenda"])]
    lines += ["", *stress_lines(status["stress"])] if status.get("stress") else []
    curves = [each for each in status.get("curves", ()) if each["tenors"]]
    lines += ["", *_curves(curves)] if curves else []
    lines += ["", *_detectors(status["detectors"])] if status["detectors"] else []
    lines += _outward(status["heartbeats"], status["probe"])
    last = config.get("reload")
    saved = "not saved yet" if snapshot["age_s"] is None else f"saved {age(snapshot['age_s'])} ago"
    written = f"{store['commits']} written" + (f", {store['queued']} wait" if store["queued"] else "")
    about = [
        ["configuration", f"{config['path']}, loaded {clock(config['loaded'])}"],
        ["state", f"{status['state_dir']}: engine {saved}, {written}{_room(status['state_dir'])}"],
        ["memory", f"{status['memory']['resident_bytes'] / 1e6:.0f} MB"],
        ["program", f"stressd {status['version']}, engine {status['engine']}, process {status['pid']}, "
         f"up {age(status['uptime_s'])}"],
    ]  # fmt: skip
    if last is not None and last["outcome"] != "refused":
        about.insert(1, ["last reload", f"{clock(last['time'])}: {'; '.join(last['text']) or 'nothing had changed'}"])
    shadow = status.get("shadow")
    if shadow is not None:
        stands = {"running": f"until {clock(shadow['ends'])}", "over": "over", "off": "SWITCHED OFF"}[shadow["state"]]
        about.append(["in shadow", f"{shadow['file']}, {stands}: {shadow['text']}"])
    standby = status["standby"]
    if standby is not None and not standby["standing"]:
        about.append(["standby", f"took over at {clock(standby['since'])}, by {standby['by']}"])
    return [*lines, "", *(f"{name:<13}  {text}" for name, text in about)]


def clock(moment: str) -> str:
    """A moment in UTC, to the second."""
    return f"{moment[:19].replace('T', ' ')} UTC"


def _room(state: str) -> str:
    """What is free on the disk that holds the state."""
    try:
        disk = shutil.disk_usage(state)
    except OSError:
        return ""
    return f", {disk.free / 1e9:.1f} GB of {disk.total / 1e9:.0f} GB free"


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


def alerting_lines(alerting: dict[str, Any], every: bool) -> list[str]:
    """What can alert now, and when the rest can: a row for series of a market that stand alike. every: a row each."""
    head = f"{alerting['ready']} of {alerting['series']} series can alert"
    if every:
        return [
            head,
            *table(["SERIES", "STATE", "VALUE", "LAST", "CAN ALERT ON", "LATER", ""], _each(alerting["detail"])),
        ]
    alike: dict[tuple[str, str, str, str], list[dict[str, Any]]] = {}
    for row in alerting["detail"]:
        alike.setdefault((row["market"], row["state"], _now(row), _later(row)), []).append(row)
    rows = []
    for (market, state, now, later), members in alike.items():
        names = [row["series"].rpartition(".")[2] for row in members]
        ages = [row["age_s"] for row in members if row["age_s"] is not None]
        last = age(max(ages)) if len(ages) == len(members) else "never"
        for k, part in enumerate(wrapped(names, 24)):
            rows.append([market, part, state, last, now, later] if k == 0 else ["", part, "", "", "", ""])
    return [head, *table(["MARKET", "SERIES", "STATE", "LAST", "CAN ALERT ON", "LATER"], rows)]


def _each(detail: Sequence[dict[str, Any]]) -> list[list[str]]:
    return [
        [
            row["series"],
            row["state"],
            "-" if row["value"] is None else yield_text(row["series"], row["value"]),
            age(row["age_s"]),
            _now(row),
            ", ".join(f"{wait['horizon']} in {wait['needs']}" for wait in row["waiting"]) or "-",
            row["provisional"] or "",
        ]
        for row in detail
    ]


def _now(row: dict[str, Any]) -> str:
    return " ".join(row["ready"]) or ("other rules" if row["other_rules"] else "-")


def _later(row: dict[str, Any]) -> str:
    """The horizon that is next, and how many come after it."""
    if not row["waiting"]:
        return "-"
    first, more = row["waiting"][0], len(row["waiting"]) - 1
    return f"{first['horizon']} in {first['needs']}" + (f", {more} more" if more else "")


def wrapped(words: Sequence[str], width: int) -> list[str]:
    """Lines of words, at most so wide."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


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
            clock(each["opened"]),
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
