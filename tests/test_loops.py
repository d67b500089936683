"""Every loop that goes on by itself, read from the sources: what it is, and that nothing tries again without the one
policy of waits. A new loop or task must be entered here, and say how it waits."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent / "stressd"
PACKAGES = ("feeds", "sinks", "store", "runtime", "web")

RETRIES = {
    "feeds/mqtt.py run": "Backoff in _down",
    "feeds/push.py run": "Backoff",
    "feeds/file.py run": "Backoff",
    "sinks/mqtt.py _stay": "Backoff",
    "store/writer.py _write": "Backoff",
    "runtime/supervise.py supervise": "Backoff",
    "runtime/delivery.py _work": "retry.wait and the breaker's Backoff, in the lane",
}
"""Loops that try again what failed."""

PACED = {
    "feeds/file.py _read": "looks for more lines, at `poll`",
    "sinks/alertmanager.py _keep_on": "says again what is open, every `resend`",
    "runtime/heart.py _keep": "one beat every `every`",
    "runtime/heart.py _keep_sinks": "likewise",
    "runtime/probe.py run": "one probe every `every`; one that failed again after ten minutes at least",
    "runtime/delivery.py _rescan_for_ever": "every ten seconds",
    "runtime/daemon.py _save_regularly": "at the snapshots' own interval",
    "runtime/daemon.py _tell_systemd": "every five seconds",
    "runtime/playback.py play": "every TURN, until the recording is over",
    "web/stream.py _make": "four times a second at most, while somebody reads",
    "runtime/reports.py run": "at its own interval, by a process of its own",
    "runtime/retention.py run": "at its own interval, in slices",
    "runtime/standins.py _watch": "at the next deadline, never below LEAST_WAIT",
}
"""Loops that do something regularly; a failure changes nothing about when."""

DRIVEN = {
    "runtime/pump.py run", "runtime/reload.py run", "runtime/standins.py _hand_over_for_ever", "store/writer.py _work",
    "store/writer.py _refuse_rest", "runtime/recorder.py _run", "web/stream.py take",
}  # fmt: skip
"""Loops that wait for what is given to them."""


def endless(path: Path) -> Iterator[str]:
    """Functions with a `while` that nothing in its own condition bounds: `while True`, `while not self...`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.While) and _for_ever(node.test):
                yield f"{path.relative_to(ROOT)} {function.name}"


def _for_ever(test: ast.expr) -> bool:
    if isinstance(test, ast.Constant):
        return bool(test.value)
    inner = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else None
    return isinstance(inner, ast.Attribute) or (isinstance(inner, ast.Name) and inner.id == "last")


def calls(name: str) -> Iterator[str]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
                    yield str(path.relative_to(ROOT))


def test_every_endless_loop_is_known_for_what_it_is() -> None:
    found = {each for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) for each in endless(path)}
    assert found == {*RETRIES, *PACED, *DRIVEN}, "enter a new loop, and how it waits"


def test_what_tries_again_waits_by_the_one_policy() -> None:
    for where in RETRIES:
        file = where.split()[0]
        text = (ROOT / file).read_text(encoding="utf-8")
        assert "Backoff(" in text or "retry.wait(" in text, where
    for name in ("2.0 **", "2 **", "*= 2", "* 2.0)"):
        growing = [
            str(path.relative_to(ROOT))
            for package in PACKAGES
            for path in sorted((ROOT / package).rglob("*.py"))
            if any(name in line and ("wait" in line or "delay" in line) for line in path.read_text().splitlines())
        ]
        assert growing == [], f"a growth of its own (`{name}`): use stressd.backoff"


def test_long_lived_tasks_are_made_by_the_crew_alone() -> None:
    assert sorted(calls("create_task")) == [
        "runtime/connect.py",  # check --connect: ended after some seconds
        "runtime/daemon.py",  # the pump: its end is the process' end
        "runtime/errands.py",  # one file: ended after some minutes
        "runtime/exercises.py",  # one drill, which says how it ended, whatever happens
        "sinks/alertmanager.py",  # catches everything itself, and is begun again with the next message
        "sinks/mqtt.py",  # likewise
        "web/stream.py",  # what readers are told: ended with the last of them
    ]


def test_connections_are_made_within_a_time_limit() -> None:
    for file, limit in {
        "feeds/mqtt5_link.py": "asyncio.timeout(CONNECT_TIMEOUT)",
        "feeds/mqtt311.py": "timeout=CONNECT_TIMEOUT",
        "sinks/mqtt.py": "timeout=config.timeout",
        "sinks/http.py": "ClientTimeout(total=",
        "sinks/email.py": "timeout=self._config.timeout",
    }.items():
        assert limit in (ROOT / file).read_text(encoding="utf-8"), file
