"""Engine facts for the tests of episodes: short to write, whole."""

from __future__ import annotations

from datetime import date
from typing import Any

from stressd.alerts.episodes import EpisodesSpec
from stressd.alerts.event import Event
from stressd.engine.events import Breach, FeedNote, LevelHit, Silence, Standing
from stressd.engine.response import BaseRate, Response
from stressd.engine.spec import CRITICAL, WARN
from stressd.market.calendar import Calendar
from stressd.market.sessions import calendar
from stressd.market.times import parse_time

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3600 * SECOND
FIXING_19 = parse_time("2026-01-19T06:00:00Z")
FIXING_20 = parse_time("2026-01-20T06:00:00Z")
US_FIXING_20 = parse_time("2026-01-20T20:30:00Z")
RULE = "sigma-breach"


CALENDARS: dict[str, Calendar] = {"JP": calendar("JP"), "US": calendar("US")}
TENORS = (
    *[f"JP.GOV.{tenor}" for tenor in ("2Y", "5Y", "10Y", "20Y", "30Y", "40Y")],
    *[f"US.GOV.{tenor}" for tenor in ("2Y", "5Y", "10Y", "30Y")],
)


def spec(**changes: Any) -> EpisodesSpec:
    settings: dict[str, Any] = {
        "instance": "rates-tokyo",
        "origin": "live",
        "version": "0.1.0",
        "method": "1",
        "config": "sha256:9f2c1a2b3c4d",
        "calendars": CALENDARS,
        "watched": {"JP": 6, "US": 4},
        "tenors": TENORS,
    }
    return EpisodesSpec(**(settings | changes))


def breach(
    at: int,
    series: str = "JP.GOV.30Y",
    phase: str = "entered",
    severity: int = WARN,
    z: float = 3.4,
    bp: float = 10.0,
    horizon: str = "1d",
    value: float = 3.562,
    direction: int = 1,
    **changes: Any,
) -> Breach:
    settings: dict[str, Any] = {
        "time": at,
        "rule": RULE,
        "market": series.split(".")[0],
        "reference_value": value - direction * bp / 100.0,
        "reference_time": at - 24 * HOUR,
        "z": direction * z,
        "sigma_bp": bp / z,
        "threshold": (2.5, 3.0, 4.0, 6.0)[severity],
        "definition": "robust, 63 sessions",
        "provisional": "",
        "fixing": horizon == "1d",
        "source": "desk",
        "standing": None,
    }
    return Breach(
        at=at, direction=direction, phase=phase, series=series, horizon=horizon, severity=severity, value=value,
        **(settings | changes),
    )  # fmt: skip


def contract_breach(at: int = FIXING_20, phase: str = "entered") -> Breach:
    """The contract's illustration: JP 30Y on 20 January 2026."""
    standing = Standing(6.0, 10, 4706, 1, 1250, date(1999, 9, 1).toordinal(), True, None, False)
    return breach(
        at, phase=phase, severity=CRITICAL, z=6.9, bp=20.3, value=3.765, reference_value=3.562,
        reference_time=FIXING_19, sigma_bp=2.94, standing=standing,
    )  # fmt: skip


def response(at: int, follower: str = "US", wording: str = "followed", **changes: Any) -> Response:
    settings: dict[str, Any] = {
        "time": at,
        "rule": RULE,
        "market": "JP",
        "direction": 1,
        "series": f"{follower}.GOV.10Y",
        "breach_at": FIXING_20,
        "resolution": "1d",
        "final": True,
    }
    if wording != "could not respond":
        settings |= {
            "value": 4.295,
            "reference_value": 4.227,
            "reference_time": at - 24 * HOUR,
            "lag": 52200 * SECOND,
            "open_lag": 30600 * SECOND,
            "z": 1.4,
            "beta": 0.3,
            "usual_beta": 0.12,
            "excess": 1.1,
        }
    return Response(at=at, follower=follower, wording=wording, **(settings | changes))


JP_THEN_US = BaseRate("JP.GOV.30Y", "US.GOV.10Y", 4.0, 8, 6, 1.2, date(1999, 9, 1).toordinal())


def evidence(
    answer: Response, p: float, of: int, between: tuple[int, int] | None = None, base: BaseRate | None = None
) -> Response:
    """The same answer with its evidence. between: seconds between which its lag lies."""
    answer.p, answer.p_of, answer.base = p, of, base
    if between is not None:
        answer.lag_low, answer.lag_high = between[0] * SECOND, between[1] * SECOND
    return answer


def by_ticks(at: int, follower: str = "US", wording: str = "followed", lag: int = 41, **changes: Any) -> Response:
    """An answer within the day, `lag` seconds after the breach."""
    settings: dict[str, Any] = {"resolution": "tick", "z": 4.2, "beta": 0.42, "usual_beta": 0.2, "excess": 3.3}
    settings |= {"lag": lag * SECOND, "open_lag": lag * SECOND, "reference_value": 4.264}
    return response(at, follower, wording, **(settings | changes))


def taken_back(at: int, follower: str = "US", wording: str = "did not respond", **changes: Any) -> Response:
    """A link by ticks that does not hold. changes: also `was`, `via`."""
    was, via = changes.pop("was", "followed"), changes.pop("via", "")
    answer = by_ticks(at, follower, wording, **changes)
    answer.was, answer.via = was, via
    return answer


def closed(at: int, follower: str = "US", **changes: Any) -> Response:
    """The market is closed and will answer later."""
    settings = {"final": False, "reason": "closed (overnight)", "next_open": parse_time("2026-01-20T13:00:00Z")}
    return response(at, follower, "could not respond", **(settings | changes))


def level(at: int, series: str = "US.GOV.10Y", what: str = "above", **changes: Any) -> LevelHit:
    settings: dict[str, Any] = {
        "time": at,
        "rule": "ten-year-levels",
        "market": series.split(".")[0],
        "direction": 1,
        "severity": 0,
        "level": 4.25,
        "value": 4.262,
        "previous": 4.24,
        "since": None,
        "source": "desk",
    }
    return LevelHit(at=at, series=series, what=what, **(settings | changes))


def silence(at: int, tenor: str = "10Y", phase: str = "entered", **changes: Any) -> Silence:
    settings: dict[str, Any] = {
        "time": at,
        "rule": "blind",
        "market": "JP",
        "series": f"JP.GOV.{tenor}",
        "severity": WARN,
        "last": at - 5 * MINUTE,
        "open_age": 5 * MINUTE,
    }
    return Silence(at=at, phase=phase, **(settings | changes))


def note(at: int, phase: str = "entered", **changes: Any) -> FeedNote:
    settings: dict[str, Any] = {
        "time": at,
        "rule": "overload",
        "market": "",
        "what": "overload",
        "series": "",
        "source": "desk",
        "severity": WARN,
        "text": "Feed desk sends faster than it can be read: 1,204 messages were condensed.",
    }
    return FeedNote(at=at, phase=phase, **(settings | changes))


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]
