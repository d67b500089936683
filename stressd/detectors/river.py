"""Any anomaly or drift model of river as a further detector of a series: a rule of type `river`.

river is an extra: a plain installation runs without it, and says what to install where a rule names a model.
"""

from __future__ import annotations

import json
import math
from functools import partial
from hashlib import sha256
from typing import Annotated, Final, Literal

from pydantic import Field, JsonValue, model_validator

from stressd.config.fields import KeyFault, written
from stressd.config.rules import DetectorConfig
from stressd.detectors.models import BadModel, Plan, plan
from stressd.engine.detector import DetectorRule
from stressd.engine.spec import SEVERITIES

LEAST_WARM_UP: Final = 2
TRIED: Final = 300
"""Inputs that a model is tried with before it is believed to work."""


class RiverConfig(DetectorConfig):
    """A model of river."""

    type: Literal["river"]
    """Its kind."""
    model: Annotated[str, Field(min_length=1)]
    """Any of `river.anomaly`, `river.drift` and `river.drift.binary`. Example: `anomaly.HalfSpaceTrees`."""
    params: dict[str, JsonValue] = written({})
    """Its own; a model inside is written `{model: ..., params: {...}}`. Example: `{n_trees: 10, window_size: 250}`."""
    lags: int = written(0, ge=0, le=20)
    """How many moves before it sees beside each move."""
    warm_up: int = written(250, ge=LEAST_WARM_UP, le=100_000)
    """Moves before it is heard."""
    memory: int = written(2_000, ge=10, le=1_000_000)
    """Moves that it is made of, at least half as many; older ones are forgotten."""

    @model_validator(mode="after")
    def _works(self) -> RiverConfig:
        if self.warm_up > self.memory // 2:
            raise KeyFault("warm_up", f"`warm_up` must be at most half of `memory`, which is {self.memory}")
        try:
            found = self._plan()
            self._try(found)
        except BadModel as bad:
            raise KeyFault(bad.path, str(bad)) from None
        if self.threshold is None and self.budget is None and not found.decides:
            text = f"`{self.model}` only scores: say from which score it is told (`threshold`), or how often (`budget`)"
            raise KeyFault("model", text)
        for key in ("threshold", "budget"):
            if getattr(self, key) is not None and found.decides:
                raise KeyFault(key, f"`{self.model}` decides by itself: its own parameters set how sensitive it is")
        return self

    def _plan(self) -> Plan:
        return plan(self.model, self.params, self.lags, self.unit == "sigma")

    def _try(self, found: Plan) -> None:
        """Raises BadModel where the model fails on plain inputs."""
        trial = RiverModel(found, 2 * TRIED, LEAST_WARM_UP)
        try:
            for k in range(TRIED):
                trial.step(math.sin(k * 1.7) * 2.0, k)
        except Exception as error:
            text = " ".join(str(error).split()) or type(error).__name__
            raise BadModel(("params",), f"`{self.model}` does not work with these parameters: {text}") from None

    def rule(self, series: tuple[str, ...]) -> DetectorRule:
        """What the engine is told."""
        found = self._plan()
        made = [self.model, self.params, self.lags, self.warm_up, self.memory, self.input, self.unit]
        return DetectorRule(
            name=self.name,
            series=series,
            model=self.model,
            make=partial(_make, found, self.memory, self.warm_up),
            input=self.input,
            bar=1.0 if self.threshold is None else self.threshold,
            severity=SEVERITIES.index(self.graveness),
            budget=self.budget_a_series(series),
            in_sigma=self.unit == "sigma",
            hold=self.hold,
            change=found.drift,
            digest=sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16],
        )

    def text(self) -> str:
        """One line for `check`."""
        bar = "" if self.threshold is None else f" from {self.threshold:g}"
        bar = bar if self.budget is None else f" at {self.budget}"
        return f"{self.model}{bar} on moves of {self.input} in {self.unit} · {self.graveness}"


class RiverModel:
    """`engine.detector.Detector` over a model that cannot be saved: what is saved is what it has learned from.

    The model is made anew from `memory` inputs at most: a successor learns beside it from half of them on, and takes
    its place when it is full. So it is a function of the inputs kept here, and a restart changes nothing; it learns
    them again, which takes as long as learning them first did.
    """

    def __init__(self, found: Plan, memory: int, warm_up: int) -> None:
        self._plan = found
        self._memory = memory
        self._half = memory // 2
        self._warm_up = warm_up
        self._begin()

    def _begin(self) -> None:
        self._inputs: list[float] = []
        self._model = self._plan.build()
        self._successor = self._plan.build()

    def step(self, x: float, time: int) -> float:
        """The model's score of x before it has learned it; nan during its warm-up."""
        age = len(self._inputs)
        score = self._model.step(x)
        if age >= self._half:
            self._successor.step(x)
        self._inputs.append(x)
        if age + 1 == self._memory:
            self._model = self._successor
            self._successor = self._plan.build()
            del self._inputs[: self._half]
            self._relearn_successor()
        return score if age >= self._warm_up else math.nan

    def _relearn_successor(self) -> None:
        """Where memory is odd, the model that takes over is one input older than half: so is its successor."""
        for x in self._inputs[self._half :]:
            self._successor.step(x)

    def state(self) -> list[float]:
        """The inputs that the model is made of."""
        return list(self._inputs)

    def load(self, state: list[float]) -> None:
        """Learn them again."""
        self._begin()
        for x in state:
            self.step(float(x), 0)


def _make(found: Plan, memory: int, warm_up: int, series: str) -> RiverModel:
    return RiverModel(found, memory, warm_up)
