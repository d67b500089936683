"""river's models by name: which there are, what they take, and one way to feed them all."""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from stressd.config.faults import did_you_mean, shown, suggest

MODULES: Final = ("anomaly", "drift", "drift.binary")
"""The modules of river whose models may be named. Nothing else of it is reachable from a configuration."""

INSTALL: Final = "river is not installed: pip install 'stressd[river]'"
SEED: Final = 1
"""Where a model draws random numbers and no seed is given: every start must draw the same."""

LIMIT_SIGMA: Final = 8.0
LIMIT_BP: Final = 20.0
"""Range of a move that half-space trees divide where no `limits` are given."""


class BadModel(ValueError):
    """A model that is not there or cannot be made. path: the key of the rule that is at fault."""

    def __init__(self, path: tuple[str | int, ...], text: str) -> None:
        super().__init__(text)
        self.path = path


class Fed(Protocol):
    """A model that can be fed one move after the other."""

    def step(self, x: float) -> float:
        """The score of x before it has been learned, which it then is."""
        ...


class Plan:
    """A model that can be made any number of times, always the same. drift: it finds changes of behaviour; decides: it
    says yes or no (1 or 0) instead of scoring."""

    __slots__ = ("build", "decides", "drift")

    def __init__(self, build: Callable[[], Fed], decides: bool, drift: bool) -> None:
        self.build = build
        self.decides = decides
        self.drift = drift


def names() -> list[str]:
    """Every model that may be named. Raises BadModel where river is not installed."""
    return sorted(_known())


def plan(name: str, params: Mapping[str, Any], lags: int, in_sigma: bool) -> Plan:
    """How to make a model. Raises BadModel, which says what is wrong with the name or a parameter."""
    limit = LIMIT_SIGMA if in_sigma else LIMIT_BP
    features = ["move", *(f"move_{k}" for k in range(1, lags + 1))]
    limits = dict.fromkeys(features, (-limit, limit))

    def build() -> Any:
        return _made(name, params, (), limits)

    sample = build()
    base = import_module("river.base")
    if isinstance(sample, base.DriftDetector):
        return Plan(lambda: _Drift(build(), binary=False), decides=True, drift=True)
    if isinstance(sample, base.BinaryDriftDetector):
        return Plan(lambda: _Drift(build(), binary=True), decides=True, drift=True)
    decides = isinstance(sample, base.AnomalyFilter)
    inner = sample
    while isinstance(inner, base.AnomalyFilter):
        inner = inner.anomaly_detector
    supervised = isinstance(inner, base.SupervisedAnomalyDetector)
    return Plan(lambda: _Anomaly(build(), lags, supervised, decides), decides=decides, drift=False)


class _Drift:
    """A drift detector: 1 at the move with which it finds a change, else 0. A binary one is told whether the move was
    larger than one sigma (or 1 bp)."""

    def __init__(self, model: Any, binary: bool) -> None:
        self._model = model
        self._binary = binary

    def step(self, x: float) -> float:
        self._model.update(abs(x) > 1.0 if self._binary else x)
        return 1.0 if self._model.drift_detected else 0.0


class _Anomaly:
    """An anomaly detector. It is given the move and `lags` moves before; a supervised one the moves before as features
    and the move as target. The first two moves are only learned: some models divide by what they have seen."""

    def __init__(self, model: Any, lags: int, supervised: bool, decides: bool) -> None:
        self._model = model
        self._supervised = supervised
        self._decides = decides
        self._before: deque[float] = deque([0.0] * max(lags, int(supervised)), maxlen=max(lags, int(supervised)))
        self._seen = 0

    def step(self, x: float) -> float:
        features = {f"move_{k}": past for k, past in enumerate(self._before, 1)}
        given: tuple[Any, ...] = (features, x) if self._supervised else ({"move": x, **features},)
        score = 0.0
        if self._seen >= 2:
            score = self._model.score_one(*given)
            if self._decides:
                score = 1.0 if self._model.classify(score) else 0.0
        self._model.learn_one(*given)
        self._before.appendleft(x)
        self._seen += 1
        return score


def _known() -> dict[str, Any]:
    """The models by name: all of the whitelisted modules that detect anomalies or drift."""
    found: dict[str, Any] = {}
    try:
        base = import_module("river.base")
        modules = {name: import_module(f"river.{name}") for name in MODULES}
    except ImportError:
        raise BadModel(("model",), INSTALL) from None
    kinds = (
        base.AnomalyDetector,
        base.SupervisedAnomalyDetector,
        base.AnomalyFilter,
        base.DriftDetector,
        base.BinaryDriftDetector,
    )
    for name, module in modules.items():
        for each in module.__all__:
            candidate = getattr(module, each, None)
            if isinstance(candidate, type) and issubclass(candidate, kinds):
                found[f"{name}.{each}"] = candidate
    return found


def _made(
    name: str, params: Mapping[str, Any], inside: tuple[str | int, ...], limits: Mapping[str, tuple[float, float]]
) -> Any:
    """The model itself. inside: where it stands in the parameters of another one."""
    known = _known()
    made = known.get(name)
    if made is None:
        short = {each.rpartition(".")[2]: each for each in known}
        meant = f"did you mean `{short[name]}`?" if name in short else suggest(name, sorted(known), "models")
        raise BadModel((*inside, "model"), f"river has no model {shown(name)}; {meant}".rstrip("; "))
    accepted = inspect.signature(made).parameters
    given = {}
    for key, value in params.items():
        if key not in accepted:
            meant = did_you_mean(key, accepted) or f"it has {', '.join(accepted) or 'none'}"
            raise BadModel((*inside, "params", key), f"`{name}` has no parameter {shown(key)}; {meant}")
        if isinstance(value, Mapping) and "model" in value:
            given[key] = _inner(value, (*inside, "params", key), limits)
        else:
            given[key] = value
    missing = [key for key, each in accepted.items() if each.default is each.empty and key not in given]
    if missing:
        raise BadModel((*inside, "model"), f"`{name}` needs {' and '.join(f'`{key}`' for key in missing)} in `params`")
    if "seed" in accepted and given.get("seed") is None:
        given["seed"] = SEED
    if "limits" in accepted and given.get("limits") is None:
        given["limits"] = dict(limits)
    try:
        return made(**given)
    except Exception as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise BadModel((*inside, "params"), f"`{name}` does not take these parameters: {text}") from None


def _inner(value: Mapping[str, Any], inside: tuple[str | int, ...], limits: Mapping[str, tuple[float, float]]) -> Any:
    """A model that is a parameter of another one, written as `{model: ..., params: {...}}`."""
    for key in value:
        if key not in ("model", "params"):
            raise BadModel(
                (*inside, key), f"unknown key {shown(key)}; a model is written `{{model: ..., params: ...}}`"
            )
    params = value.get("params", {})
    if not isinstance(value["model"], str) or not isinstance(params, Mapping):
        raise BadModel(inside, "a model is written `{model: anomaly.HalfSpaceTrees, params: {...}}`")
    return _made(value["model"], params, inside, limits)
