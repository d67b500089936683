"""How the lives of alerts are paced, as it is written: the top-level section `episodes`, and `segments` of a market."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from stressd.config.fields import Bp, Duration, KeyFault, Model, written
from stressd.market.series import series_id

if TYPE_CHECKING:
    from stressd.config.model import Config

SHARE_PATTERN: Final = r"^[0-9]{1,3}%$"
SEGMENT_PATTERN: Final = r"^[a-z][a-z0-9-]{0,23}$"


def _share(value: Any) -> float:
    text = value if isinstance(value, str) else ""
    if not text.endswith("%") or not text[:-1].isdigit() or not 0 < int(text[:-1]) <= 100:
        raise ValueError("a share is written `50%`, more than 0 and at most 100")
    return int(text[:-1]) / 100.0


Share = Annotated[
    float, BeforeValidator(_share), WithJsonSchema({"type": "string", "pattern": SHARE_PATTERN})
]  # fmt: skip


class EpisodeConfig(Model):
    """The pace of every alert's life. Spans of time are of the market's open time, except `settle`."""

    settle: Duration = written("5s")
    """For which joiners, peaks and further answers are gathered into one update."""
    pace: Duration = written("60s")
    """A rise in severity so soon after the last told waits until that is over, but one to critical never."""
    peak_sigma: float = written(1.0, gt=0)
    """By so many sigma, or by `peak`, a peak must grow beyond the one told last to be told again."""
    peak: Bp = written("5bp")
    """By so many bp, or by `peak_sigma`, a peak must grow beyond the one told last to be told again."""
    reopen: Duration = written("30m")
    """A breach of the same kind so soon after the end opens the same episode again; `0s`: never."""
    recovery: Duration = written("10m")
    """What was opened again is over only after so long a quiet, doubled each further time."""
    recovery_max: Duration = written("2h")
    """But no longer than this."""
    retraced: Share = written("50%")
    """Part of a move that must be taken back for its end to say so."""
    retraces_within: int = Field(default=5, ge=0, le=60)
    """Sessions after which a move the other way takes nothing back any more."""
    whole_curve: int = Field(default=3, ge=2, le=12)
    """How many segments of a curve make the whole of it."""

    @model_validator(mode="after")
    def _paced(self) -> EpisodeConfig:
        for key in ("settle", "recovery", "peak"):
            if getattr(self, key) <= 0:
                raise KeyFault(key, f"`{key}` must be more than zero")
        if self.pace < 0:
            raise KeyFault("pace", "`pace` cannot be negative; `0s` tells every rise at once")
        if self.reopen < 0:
            raise KeyFault("reopen", "`reopen` cannot be negative; `0s` is never")
        if self.recovery_max < self.recovery:
            raise KeyFault("recovery_max", "`recovery_max` must not be shorter than `recovery`")
        return self


def _segment(value: str) -> str:
    letters = value.replace("-", "")
    if not (value and len(value) <= 24 and letters.isalnum() and letters == letters.lower() and value[0].isalpha()):
        raise ValueError("a segment is named in small letters such as `super-long`")
    return value


SegmentName = Annotated[
    str, AfterValidator(_segment), WithJsonSchema({"type": "string", "pattern": SEGMENT_PATTERN})
]  # fmt: skip


def check_segments(segments: dict[str, list[str]], tenors: list[str]) -> None:
    """Every tenor that `segments` names is one of the market's, and in one of them only. Raises KeyFault."""
    seen: dict[str, str] = {}
    for name, members in segments.items():
        for tenor in members:
            if tenor not in tenors:
                raise KeyFault(("segments", name), f"`segments` puts `{tenor}` into `{name}`, which is not in `tenors`")
            if tenor in seen:
                raise KeyFault(("segments", name), f"`{tenor}` is in `{seen[tenor]}` already")
            seen[tenor] = name


def episode_settings(config: Config) -> dict[str, Any]:
    """What the episode machine's specification takes of the configuration, by its own names."""
    pace = config.episodes
    return {
        "settle": pace.settle,
        "pace": pace.pace,
        "peak_sigma": pace.peak_sigma,
        "peak_bp": pace.peak,
        "reopen": pace.reopen,
        "recovery": pace.recovery,
        "recovery_max": pace.recovery_max,
        "retraced": pace.retraced,
        "retraces_within": pace.retraces_within,
        "whole_curve": pace.whole_curve,
        "segments": {
            series_id(market, tenor): name
            for market, each in config.markets.items()
            for name, tenors in each.segments.items()
            for tenor in tenors
        },
    }
