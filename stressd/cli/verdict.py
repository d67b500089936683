"""Whether all is well, in one sentence, and if not what to do first: what somebody reads at three in the morning."""

from __future__ import annotations

import re
from typing import Any, Final

from stressd.runtime.health import WELL

STEPS: Final = (
    (r"pump has not passed", "the-pump-has-not-passed", "journalctl -u stressd -e; systemd restarts it after 30 s"),
    (r"^feed (?P<name>\S+) is refused", "feed-refused", "mend its account or certificate, then stressd reload"),
    (r"^feed (?P<name>\S+) is (?:silent|connected, but)", "feed-mute", "stressd check {config} --connect"),
    (r"^feed (?P<name>\S+) is ", "feed-down", "see that its server runs; stressd check {config} --connect"),
    (r"^ticks wait|^ticks come faster", "overload", "top: what takes the CPU?"),
    (r"^no series can alert yet", "no-series-can-alert-yet", "wait for ticks, or stressd history import FILE..."),
    (r"^sink (?P<name>\S+?):? ", "sink-failing", "stressd send-test {name} -c {config}"),
    (r"state was last saved|disk|store|database", "store-failing", "df -h {state}; dmesg | tail"),
    (r"clock", "clock-set-back", "chronyc tracking"),
    (r"probe through (?P<name>\S+)", "probe-failed", "stressd send-test {name} -c {config}"),
    (r"^rule (?P<name>\S+): ", "detector-off", "look at the error, change params: and stressd reload"),
    (r"dead letter|was given up", "delivery-lost", "stressd deliveries list --state dead"),
)  # fmt: skip
"""What a reason is about, its entry in the runbook, and the first step; the first that fits."""

ELSE: Final = ("what-readyz-says", "journalctl -u stressd -e")
COLOURS: Final = {"ok": "32", "degraded": "33", "blind": "31", "stuck": "31", "standby": "36"}


def verdict(status: dict[str, Any], colour: bool = False) -> list[str]:
    """The first lines: a word and a sentence; where something is wrong, all of it, and the first step of each."""
    word = status["state"]
    standby = status["standby"]
    standing = standby is not None and standby["standing"]
    sentence = _sentence(status)
    lines = [f"{word.upper()}: {sentence}"]
    if standing:
        about = f"STANDBY since {standby['since']}: it sees everything and tells NOBODY (`stressd takeover`)"
        lines.insert(0, about)
    for number, (reason, step, entry) in enumerate(steps(status), 1):
        lines += [f"  {number}. {reason}", f"     first: {step}   (runbook: {entry})"]
    rejected = status["config"]["rejected"]
    if rejected is not None:
        lines.append(f"  ! a reload was refused at {rejected['time'][:19]}Z; the former configuration runs on:")
        lines += [f"      {fault}" for fault in rejected["faults"]]
    if colour:
        lines[0] = f"\x1b[1;{COLOURS['standby' if standing else word]}m{lines[0]}\x1b[0m"
    return lines


def steps(status: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Each reason with its first step and its entry in the runbook."""
    names = {"config": status["config"]["path"], "state": status["state_dir"]}
    told = {each["text"]: each for each in status["conditions"]}
    found = []
    for reason in (*_deaf(status), *status["reasons"]):
        condition = told.get(reason)
        entry, step = _known(reason, names)
        if condition is not None:
            entry, step = condition["rule"], condition.get("step") or step
        found.append((reason, step, entry))
    return found


def _deaf(status: dict[str, Any]) -> list[str]:
    """Feeds without a connection that are no reason yet, as their markets are closed, but are why it is blind."""
    if status["state"] != "blind":
        return []
    return [
        f"feed {feed['name']} is {feed['state']}" + (f": {feed['detail']}" if feed["detail"] else "")
        for feed in status["feeds"]
        if feed["state"] not in WELL and not any(each.startswith(f"feed {feed['name']} ") for each in status["reasons"])
    ]


def _known(reason: str, names: dict[str, str]) -> tuple[str, str]:
    for pattern, entry, step in STEPS:
        if match := re.search(pattern, reason):
            return entry, step.format_map(names | match.groupdict())
    return ELSE


def _sentence(status: dict[str, Any]) -> str:
    who, wrong = status["instance"], status["reasons"]
    if status["state"] == "stuck":
        return f"{who} judges nothing: {wrong[0]}"
    if status["state"] == "blind":
        deaf = [feed["name"] for feed in status["feeds"] if feed["state"] not in WELL]
        why = (
            "no feed is connected"
            if status["feeds"] and len(deaf) == len(status["feeds"])
            else "no series can alert yet"
        )
        return f"{who} can tell nothing: {why}"
    if wrong:
        return f"{who} works, but could miss or not tell something: {counted(len(wrong), 'reason')}"
    return f"{who}: all is well: {_doing(status)}"


def _doing(status: dict[str, Any]) -> str:
    alerting = status["alerting"]
    waiting = sum(sink["pending"] for sink in status["sinks"])
    return ", ".join(
        [
            f"{counted(len(status['feeds']), 'feed')}",
            f"{alerting['ready']} of {alerting['series']} series can alert",
            counted(len(status["episodes"]), "open episode"),
            f"{counted(waiting, 'message')} waiting" if waiting else "nothing waits",
        ]
    )


def counted(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"
