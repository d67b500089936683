"""What stands behind the doors in tests: it keeps every command and carries it out in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from stressd.alerts.matching import Match
from stressd.alerts.people.commands import AddSilence, Command, CommandError, Done, EndSilence, Label
from stressd.market.times import iso, parse_time
from stressd.web.caller import Caller
from stressd.web.doors import Subject, Unknown
from stressd.web.links import Signer

NOW = parse_time("2026-01-20T09:12:00Z")
HEADLINE = "JP 30Y +20.3bp to 3.765% · 6.9σ of 2.9bp"
OPEN = Subject("JP-260120-7q2f", "market", "JP", "sigma-breach", "up", "critical", HEADLINE, NOW - 3_600 * 10**9, None)
OVER = Subject(
    "JP-260119-k3mn", "market", "JP", "sigma-breach", "up", "warn", "JP 30Y +10bp", NOW - 10**14, NOW - 10**13
)
KEY = b"0123456789abcdef0123456789abcdef"


class Behind:
    """`web.doors.Doors` with two episodes and one token a right."""

    def __init__(self) -> None:
        self.given: list[Command] = []
        self.clock = NOW
        self.refuse = ""
        self.made: Path | None = None
        self.open = False
        self.tried: list[tuple[str, str | None, str]] = []
        self.revoked: set[str] = set()
        self.page: str | None = "https://stressd.bank.example/desk/"

    def now(self) -> int:
        return self.clock

    def holder(self, token: str) -> Caller | None:
        rights = {"grafana-token": {"read", "silence", "ack", "label", "test", "drill"}, "reader-token": {"read"}}
        return (
            Caller(token.partition("-")[0], "http", frozenset(rights[token]))
            if token in rights and token not in self.revoked
            else None
        )

    def read_open(self) -> bool:
        return self.open

    def page_url(self) -> str | None:
        return self.page

    def instance(self) -> str:
        return "rates-tokyo"

    def signer(self) -> Signer:
        return Signer(KEY, 24 * 3600)

    def unknown(self, match: Match) -> tuple[str, str] | None:
        wrong = [market for market in match.markets if market not in ("JP", "US")]
        return ("market", f"unknown market `{wrong[0]}`; there are JP, US") if wrong else None

    async def command(self, command: Command) -> Done:
        if self.refuse:
            raise CommandError(self.refuse)
        self.given.append(command)
        verb = type(command).__name__
        subject = command.id if isinstance(command, EndSilence) else "s1"
        if not isinstance(command, AddSilence | EndSilence):
            subject = command.episode
        detail = f"label kept: {command.label}" if isinstance(command, Label) else f"{verb} by {command.author}"
        return Done(at=command.at, author=command.author, via=command.via, verb=verb, subject=subject, detail=detail)

    async def test(self, sink: str, author: str) -> Mapping[str, Any]:
        if sink != "hook":
            raise Unknown(f"no sink is named `{sink}`; the configured ones are hook")
        self.tried.append(("test", sink, author))
        return {"sink": sink, "delivered": True, "receipt": "", "detail": "", "took_s": 0.2}

    async def drill(self, series: str | None, author: str) -> Mapping[str, Any]:
        if self.refuse:
            raise CommandError(self.refuse)
        self.tried.append(("drill", series, author))
        return {**(self.drilled() or {}), "state": "running", "deliveries": []}

    def drilled(self) -> Mapping[str, Any] | None:
        if not self.tried:
            return None
        row = {"event_id": "JP-260120-7q2f.1", "type": "opened", "sink": "hook", "state": "dead", "error": "410"}
        return {
            "state": "done", "author": "grafana", "began": iso(NOW), "exercise": "JP.GOV.30Y +25bp", "error": None,
            "took_s": 3.5, "deliveries": [row],
        }  # fmt: skip

    def steer(self, paused: bool | None, speed: float | None, to: int | None) -> Mapping[str, Any]:
        self.tried.append(("replay", json.dumps([paused, speed, to]), "grafana"))
        return {"paused": paused, "speed": speed}

    async def episode(self, name: str, *, open_only: bool = False) -> Subject:
        for each in (OPEN, OVER):
            if each.id.lower().endswith(name.lower()) and (each.closed is None or not open_only):
                return each
        raise Unknown(f"no episode is called `{name}`; open now: {OPEN.id}")

    async def story(self, name: str) -> bytes:
        return b'{"episode":{"id":"%s"}}' % (await self.episode(name)).id.encode()

    async def bundle(self, name: str) -> Path | None:
        await self.episode(name)
        return self.made

    async def report(self, name: str, ending: str) -> Path | None:
        await self.episode(name)
        return None if self.made is None else self.made.with_suffix(ending)

    async def day(self, name: str, ending: str) -> Path | None:
        if name != "JP-2026-01-20":
            raise Unknown(f"there is no summary `{name}`")
        return None if self.made is None else self.made.with_suffix(ending)

    async def days(self) -> Sequence[Mapping[str, Any]]:
        return [{"name": "JP-2026-01-20"}]

    def silences(self) -> Sequence[Mapping[str, Any]]:
        return [{"id": "s1", "match": "market JP"}]

    async def episodes(self, *, open_only: bool, limit: int) -> Sequence[Mapping[str, Any]]:
        return [{"id": each.id} for each in (OPEN, OVER) if each.closed is None or not open_only][:limit]

    async def deliveries(
        self, *, state: str | None, sink: str | None, episode: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        return [{"sink": sink or "hook", "state": state or "delivered", "episode": episode}][:limit]
