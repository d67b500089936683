"""A registry of small feeds and sinks, and a loader of text, for the tests of the configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, Field

from stressd.config.fields import (
    FeedConfig,
    HttpOptions,
    Model,
    OneOrMany,
    SecretRef,
    SinkConfig,
    TlsOptions,
    UrlScheme,
)
from stressd.config.load import Loaded, load_text
from stressd.config.registry import FeedType, Registry, SinkType


class Payload(Model):
    format: Literal["json", "ndjson"] = "json"
    value: str = "value"


class BrokerFeed(FeedConfig):
    url: Annotated[str, AfterValidator(UrlScheme("mqtt", "mqtts"))]
    username: str | None = None
    password: SecretRef | None = None
    tls: TlsOptions = Field(default_factory=TlsOptions)
    topics: OneOrMany[str]
    payload: Payload = Field(default_factory=Payload)


class SlackSink(SinkConfig, HttpOptions):
    webhook_url: SecretRef


class MailSink(SinkConfig):
    sender: str = Field(alias="from")
    to: OneOrMany[str]
    retries: int = 3


def never(*_: Any) -> Any:
    raise AssertionError("loading a configuration builds nothing")


@pytest.fixture(scope="session")
def small() -> Registry:
    """One feed, two sinks."""
    return Registry(
        feeds={"mqtt": FeedType(BrokerFeed, never)},
        sinks={"slack": SinkType(SlackSink, never), "email": SinkType(MailSink, never)},
    )


@pytest.fixture(scope="session")
def read(small: Registry) -> Callable[..., Loaded]:
    """Load text under the name c.yaml."""

    def load(text: str, environment: bool = True) -> Loaded:
        return load_text(text, Path("c.yaml"), small, environment=environment)

    return load


@pytest.fixture(autouse=True, scope="session")
def url() -> Iterator[None]:
    """The secret that good.yaml refers to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRESSD_TEST_URL", "https://hooks.example/s3cr3t-value")
        yield
