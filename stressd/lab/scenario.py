"""A scenario: published levels at their times, with the source of each, and how noisy each market is between them."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BeforeValidator, Field, ValidationError, model_validator

from stressd.config.fields import Bp, Duration, Model, Slug
from stressd.lab.faults import Fault, UnreadFile
from stressd.market.series import market_of, parse_series
from stressd.market.times import iso, parse_time

DEFAULT: Final = "january-2026"


def _moment(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError('a time is written in quotes, with its zone: "2026-01-20T15:00:00+09:00"')
    return parse_time(value)


def _series(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a series is written as its canonical id, JP.GOV.30Y")
    return parse_series(value).id


Moment = Annotated[int, BeforeValidator(_moment)]
SeriesName = Annotated[str, BeforeValidator(_series)]
Level = Annotated[float, Field(ge=-5.0, le=60.0)]


class ScenarioMarket(Model):
    """How one market's ticks look. calendar: its name in the session table. gap: mean open time between two ticks of a
    series. bounce: how far a tick stands from the middle, half of them above. grid, fixing_grid: steps of a tick and of
    a fixing. sigma: of a daily change, per series. common: share of the noise variance that tenors have in common."""

    calendar: str
    gap: Duration
    bounce: Bp
    grid: Bp
    fixing_grid: Bp
    common: Annotated[float, Field(ge=0.0, le=1.0)]
    sigma: Annotated[dict[SeriesName, Bp], Field(min_length=1)]


class Anchor(Model):
    """Levels (percent) at one time. basis: whether figure and time are published, only the figure is, or neither.
    extreme: the level is the high or the low of its session."""

    time: Moment
    basis: Literal["published", "reported", "assumed"]
    source: str | None = None
    extreme: Literal["high", "low"] | None = None
    levels: Annotated[dict[SeriesName, Level], Field(min_length=1)]


class Scenario(Model):
    """A scenario as its file says it. starts, ends: of the part that is told live; what is before warms the engine.
    history: sessions of simulated daily fixings before the first anchor."""

    name: Slug
    title: str
    about: str
    seed: int
    starts: Moment
    ends: Moment
    history: Annotated[int, Field(ge=0, le=2000)]
    sources: dict[str, str]
    markets: Annotated[dict[str, ScenarioMarket], Field(min_length=1)]
    anchors: Annotated[list[Anchor], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        if self.ends <= self.starts:
            raise ValueError("`ends` is not after `starts`")
        known = self.series()
        for market, spec in self.markets.items():
            for series in spec.sigma:
                if market_of(series) != market:
                    raise ValueError(f"{series} stands under the market {market}")
        first: dict[str, int] = {}
        for anchor in self.anchors:
            at = iso(anchor.time)
            if anchor.basis != "assumed" and anchor.source not in self.sources:
                raise ValueError(f"the anchor of {at} is {anchor.basis} but names no source of `sources`")
            for series in anchor.levels:
                if series not in known:
                    raise ValueError(f"the anchor of {at} has {series}, which no market lists under `sigma`")
                first[series] = min(anchor.time, first.get(series, anchor.time))
        late = [series for series in known if first.get(series, self.ends) > self.starts]
        if late:
            raise ValueError(f"{', '.join(late)}: no anchor at or before `starts`, so the level there is unknown")
        return self

    def series(self) -> list[str]:
        """All series, in the order of the file."""
        return [series for market in self.markets.values() for series in market.sigma]

    def extremes_of(self, series: str) -> list[tuple[int, float, bool]]:
        """(time, percent, whether it is a high) of one series."""
        return [
            (a.time, a.levels[series], a.extreme == "high") for a in self.anchors if a.extreme and series in a.levels
        ]

    def anchors_of(self, series: str) -> list[tuple[int, float, str]]:
        """(time, percent, basis) of one series, by time."""
        return sorted((a.time, a.levels[series], a.basis) for a in self.anchors if series in a.levels)


def load_scenario(name: str = DEFAULT) -> Scenario:
    """A scenario of the package by its name, or of a YAML file by its path. Raises UnreadFile."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadFile([Fault(name, 0, f"cannot be read: {error}")]) from None
        return read_scenario(name, text)
    return read_scenario(f"{name}.yaml", _packaged(name))


def _packaged(name: str) -> str:
    """The text of a scenario of the package. Raises UnreadFile."""
    folder = resources.files("stressd.lab").joinpath("scenarios")
    known = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    if name not in known:
        raise UnreadFile(
            [Fault(name, 0, f"no such scenario; there is {', '.join(known)}, or give the path of a YAML file")]
        )
    return folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def read_scenario(path: str, text: str) -> Scenario:
    """The scenario in a YAML text. With `extends:` it is one of the package with what the text says otherwise, and with
    the text's markets, sources and anchors beside its own. Raises UnreadFile with every fault."""
    raw = _whole(path, text)
    try:
        return Scenario.model_validate(raw)
    except ValidationError as error:
        raise UnreadFile([Fault(path, 0, _worded(fault["loc"], fault["msg"])) for fault in error.errors()]) from None


def _whole(path: str, text: str) -> dict[str, Any]:
    """The text with what it extends, and what that extends."""
    raw = _read(path, text)
    base = raw.pop("extends", None)
    if base is None:
        return raw
    other = _whole(f"{base}.yaml", _packaged(str(base)))
    for key in ("markets", "sources"):
        raw[key] = {**other.get(key, {}), **(raw.get(key) or {})}
    raw["anchors"] = [*other.get("anchors", []), *(raw.get("anchors") or [])]
    return {**other, **raw}


def _read(path: str, text: str) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise UnreadFile([Fault(path, mark.line + 1 if mark else 0, f"not YAML: {error}")]) from None
    if not isinstance(raw, dict):
        raise UnreadFile([Fault(path, 0, "not a scenario: expected `name:`, `markets:`, `anchors:` and so on")])
    return raw


def _worded(where: tuple[int | str, ...], message: str) -> str:
    place = ".".join(str(part) for part in where if part != "[key]")
    text = message.removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
