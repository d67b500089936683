"""What several failures have in common: a server, the names of hosts, the network, the machine's clock.

Two different parts that need one thing, and fail as they would without it, while nothing that needs it works, make it
the cause. One alone is no proof: it may be the other side.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from stressd.alerts.causes import above
from stressd.config.load import Loaded
from stressd.engine.spec import HIGH
from stressd.runtime.notes import CLOCK_DOUBTFUL, FEED, NAMES, NETWORK, SERVER, SINK, STALE, Condition

NET: Final = "network"
DNS: Final = "names"
UNRESOLVED: Final = "cannot be resolved"
"""In the words of every feed and sink whose host's name is unknown."""

ANSWERED: Final = ("HTTP ", "refused the ", "refuses", "certificate", "TLS", "token")
"""In the words of those whose other side did answer."""

LOCAL: Final = ("localhost", "127.", "::1", "[::1]")
SHOWN: Final = 6


def upstream(loaded: Loaded) -> dict[str, tuple[str, ...]]:
    """By thing, the things that it needs: feeds and sinks their servers, servers the network and names."""
    needs: dict[str, tuple[str, ...]] = {}
    for kind, configs in (("feed", loaded.feeds), ("sink", loaded.sinks)):
        for config in configs:
            place = _place(config)
            if place is not None:
                host, server = place
                needs[f"{kind} {config.name}"] = (f"server {server}",)
                local = host.startswith(LOCAL)
                numeric = all(c in "0123456789.:[]abcdef" for c in host) and any(c in ".:" for c in host)
                needs[f"server {server}"] = () if local else (NET,) if numeric else (NET, DNS)
    return needs


def _place(config: Any) -> tuple[str, str] | None:
    """(host, name of the server) that a feed or sink connects to; None where it connects to none that we know."""
    for key in ("url", "smtp", "webhook_url"):
        url = getattr(config, key, None)
        if isinstance(url, str):
            parts = urlsplit(url)
            if parts.hostname:
                return parts.hostname, f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
    return None


def outages(
    found: Sequence[Condition], needs: Mapping[str, Collection[str]], working: Collection[str]
) -> list[Condition]:
    """The causes that several of these have in common. found: those that brew too; needs: `upstream`; working: things
    that are known to work now."""
    alive = above(working, needs)
    failing = {each.breaks[0]: each for each in found if each.rule in (FEED, SINK) and each.breaks}
    answered = {thing for thing, each in failing.items() if any(words in each.text for words in ANSWERED)}
    causes: list[Condition] = []
    servers: dict[str, list[str]] = {}
    for thing in failing:
        for server in needs.get(thing, ()):
            if server not in alive:
                servers.setdefault(server, []).append(thing)
    for server, things in servers.items():
        if len(things) > 1:
            parts = [failing[thing] for thing in things]
            name = server.removeprefix("server ")
            how = "answers, but serves none of us" if answered.intersection(things) else "cannot be reached"
            text = f"the server {name} {how}: {_listed(parts)}"
            causes.append(_cause(SERVER, "server down", text, name, server, parts))
    for thing, rule, what, text in (
        (DNS, NAMES, "no names", "no host name can be resolved"),
        (NET, NETWORK, "no network", "nothing outside this machine can be reached"),
    ):
        below = [server for server in servers if thing in needs.get(server, ()) and not answered & set(servers[server])]
        if thing == DNS:
            below = [server for server in below if all(UNRESOLVED in failing[t].text for t in servers[server])]
        if thing in alive or len(below) < 2 or any(cause.rule == NAMES for cause in causes):
            continue
        parts = [failing[each] for server in below for each in servers[server]]
        causes.append(_cause(rule, what, f"{text}: {_listed(parts)}", "", thing, parts))
    return causes


def clock(found: Sequence[Condition], lags: Mapping[str, int], fed: int) -> list[Condition]:
    """Where every feed that brings ticks is late by the same, it is this machine's clock that is ahead. lags: by feed
    that brings old values, ns; fed: feeds that bring ticks at all."""
    stale = [each for each in found if each.rule == STALE and each.source in lags]
    if len(stale) < 2 or len(stale) < fed:
        return []
    least, most = min(lags.values()), max(lags.values())
    if least <= 0 or most - least > 0.1 * most:
        return []
    text = (
        f"every feed seems late by {least / 1e9:.0f} s: this machine's clock is ahead, or all publishers' clocks are "
        "behind"
    )
    step = "first step: `timedatectl`: is the clock synchronised?"
    return [Condition(CLOCK_DOUBTFUL, "clock doubtful", text, severity=HIGH, step=step, breaks=("clock",))]


def _cause(rule: str, what: str, text: str, source: str, thing: str, parts: Sequence[Condition]) -> Condition:
    kind = parts[0].kind if rule == SERVER and all(each.kind == "feed" for each in parts) else "self"
    step = {
        SERVER: "see whether the server runs, and whether this machine reaches it",
        NAMES: "`resolvectl query` one of the names; then the network of this machine",
        NETWORK: "`ip route` and `ping` the gateway: this machine has lost its network",
    }[rule]
    return Condition(
        rule, what, text, "feed" if kind == "feed" else "self", source, HIGH, f"first step: {step}", (thing,), (),
        brewing=all(each.brewing for each in parts),
    )  # fmt: skip


def _listed(parts: Sequence[Condition]) -> str:
    names = [f"{'feed' if each.rule == FEED else 'sink'} {each.source}" for each in parts]
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest + (" fails" if len(names) == 1 else " fail")
