"""What of a configuration is within reach of more people than those of this machine."""

from __future__ import annotations

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from stressd.config.facts import Facts
from stressd.config.fields import SecretError
from stressd.config.model import Config
from stressd.config.report import Report

SHORTEST_TOKEN: Final = 16
"""Characters below which a token can be guessed by somebody patient."""


def check_exposed(config: Config | None, facts: Facts, report: Report) -> None:
    """Warns of addresses beyond this machine on which tokens and answers pass in the clear."""
    if config is not None and config.listen is not None and not is_own(config.listen.host):
        text = "this address can be reached from beyond this machine, and what passes there is in the clear"
        report.value(("listen",), text, "listen on 127.0.0.1 with a TLS proxy before it", "warning")
    for i, feed in facts.feeds:
        listen = getattr(feed, "listen", None)
        if isinstance(listen, str) and getattr(feed, "cert_file", None) is None and not is_own(_host(listen)):
            text = "this address can be reached from beyond this machine, and the token passes there in the clear"
            report.value(("feeds", i, "listen"), text, "write `cert_file` and `key_file`", "warning")


def check_tokens(config: Config | None, facts: Facts, report: Report) -> None:
    """Warns of tokens that are there and too short."""
    found = [(("tokens", i, "token"), each.token) for i, each in enumerate(config.tokens)] if config is not None else []
    found += [
        (("feeds", i, "token"), feed.token) for i, feed in facts.feeds if feed.type == "push" and hasattr(feed, "token")
    ]
    for path, token in found:
        try:
            short = len(token.read()) < SHORTEST_TOKEN
        except SecretError:
            continue
        if short:
            hint = "`openssl rand -base64 24` makes one that cannot be guessed"
            report.value(path, f"this token has fewer than {SHORTEST_TOKEN} characters", hint, "warning")


def check_readers(config: Config | None, report: Report) -> None:
    """Warns of a page that nobody could read."""
    if config is not None and config.page.read == "token" and not config.tokens:
        text = "reading the page takes a token, and there is none"
        report.value(("page", "read"), text, "give people tokens: `tokens:`", "warning")


def reads_openly(config: Config) -> bool:
    """Whether everybody who reaches the page may read it."""
    if config.page.read is not None:
        return config.page.read == "open"
    leads = None if config.page_url is None else urlsplit(str(config.page_url)).hostname
    return (config.listen is None or is_own(config.listen.host)) and (leads is None or is_own(leads))


def is_own(host: str) -> bool:
    """Whether only this machine reaches an address of this name."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host(listen: str) -> str:
    return listen.rpartition(":")[0].removeprefix("[").removesuffix("]")
