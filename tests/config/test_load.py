"""Whole files: what the engine, the router and the feeds are told; warnings; secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stressd.config.faults import ConfigError, Fault
from stressd.config.load import Loaded, load
from stressd.config.registry import Registry
from stressd.engine.spec import DAY, MINUTE, Rung

GOOD = Path(__file__).with_name("good.yaml").read_text()

Read = Callable[..., Loaded]


def faults(read: Read, text: str, environment: bool = True) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return caught.value.faults


def test_a_good_file_has_no_warnings(read: Read) -> None:
    assert read(GOOD).warnings == []


def test_the_engine_is_told_everything(read: Read) -> None:
    spec = read(GOOD).engine
    assert [s.id for s in spec.series] == ["JP.GOV.2Y", "JP.GOV.10Y", "JP.GOV.30Y", "US.GOV.2Y", "US.GOV.5Y"]
    assert [s.sources for s in spec.series] == [("desk",)] * 3 + [("desk", "backup")] * 2
    assert [s.convention for s in spec.series] == ["simple"] * 3 + [None] * 2
    assert [(m.name, m.calendar.name, m.gauge) for m in spec.markets] == [
        ("JP", "JP", "JP.GOV.10Y"),
        ("US", "US", "US.GOV.5Y"),
    ]
    (sigma,) = spec.sigma_rules
    assert sigma.series == tuple(s.id for s in spec.series)
    assert sigma.rungs == (Rung(1, 3.0, 2.0), Rung(2, 4.0, 3.0), Rung(3, 6.0, 5.0))
    assert sigma.floor_bp == {"1m": 1.0, "5m": 1.0, "30m": 2.0, "session": 3.0, "gap": 3.0, "1d": 3.0}
    assert sigma.hold == 10 * MINUTE
    (level,) = spec.level_rules
    assert (level.above, level.round_bp, level.highest_since, level.severity) == ((4.25, 4.5), 25.0, 90 * DAY, 1)
    (silence,) = spec.silence_rules
    assert (silence.series, silence.after) == (("JP.GOV.2Y", "JP.GOV.10Y", "JP.GOV.30Y"), 15 * MINUTE)
    assert spec.propagation.window == 20 * MINUTE


def test_a_fixing_overrides_the_calendars(read: Read) -> None:
    from stressd.market.times import iso, parse_day

    us = read(GOOD).engine.markets[1].calendar
    assert iso(us.fixing_on(parse_day("2026-01-20"))) == "2026-01-20T20:00:00Z"


def test_a_route_without_kind_hears_of_the_market_only(read: Read) -> None:
    first, second = read(GOOD).desk.routes
    assert (first.kinds, first.updates, first.sinks) == (("market",), ("opened", "resolved"), ("desk-slack",))
    assert second.kinds == ("feed", "self")


def test_names_on_the_wire_are_resolved(read: Read) -> None:
    resolver = read(GOOD).resolver
    assert resolver.series("US2YT=RR") == "US.GOV.2Y"
    assert resolver.series("US.GOV.30Y") is None
    assert resolver.to_percent("BUND", 285.0, "percent") == 2.85
    assert resolver.to_percent("US2YT=RR", 0.0431, "decimal") == 4.31


def test_the_digest_is_of_the_content_alone(read: Read) -> None:
    digest = read(GOOD).digest
    assert digest.startswith("sha256:")
    assert (
        read("# a comment\n" + GOOD.replace("[opened, resolved]", "\n      - opened\n      - resolved")).digest
        == digest
    )
    assert read(GOOD.replace("20m", "21m")).digest != digest


def test_the_digest_does_not_depend_on_secrets(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read(GOOD).digest
    monkeypatch.setenv("STRESSD_TEST_URL", "https://hooks.example/another")
    assert read(GOOD).digest == before


@pytest.mark.parametrize("listen", ["none", "[::1]:8433", "0.0.0.0:0", "~"])
def test_listen(read: Read, listen: str) -> None:
    listening = read(f"listen: {listen!r}\n{GOOD}" if listen != "~" else f"listen: ~\n{GOOD}").listen
    expected = None if listen in ("none", "~") else listen
    assert (str(listening) if listening else None) == expected


def test_aliases_may_be_a_list(read: Read) -> None:
    text = GOOD.replace(
        "  US2YT=RR: US.GOV.2Y\n  BUND: {series: JP.GOV.10Y, unit: bp}\n",
        "  - {name: US2YT=RR, series: US.GOV.2Y}\n"
        "  - {name: 'JP_(?P<y>[0-9]+)', series: 'JP.GOV.{y}Y', unit: bp, pattern: true}\n",
    )
    resolver = read(text).resolver
    assert (resolver.series("US2YT=RR"), resolver.series("JP_30"), resolver.series("JP_31")) == (
        "US.GOV.2Y",
        "JP.GOV.30Y",
        None,
    )
    (twice,) = faults(read, text.replace("'JP_(?P<y>[0-9]+)'", "US2YT=RR"))[:1]
    assert twice.message == "two aliases are named `US2YT=RR`"
    (wrong,) = faults(read, text.replace("[0-9]+)", "[0-9]+"))
    assert "no regular expression" in wrong.message


WARNINGS = [
    ("sinks: [mail]", "sinks: [mail, desk-slack]", None),
    ("sinks: desk-slack", "sinks: mail", "43:12: warning: no route uses sink `desk-slack`"),
    (
        "[warn, high, critical]",
        "[warn, high]",
        "19:11: warning: rule `sigma-breach` can raise `critical`, which no route",
    ),
    (
        "{severity: [warn, high, critical]}",
        "{market: US}",
        "19:11: warning: rule `sigma-breach` can raise `warn` of JP, which no route takes",
    ),
    ("kind: [feed, self]", "kind: feed", "36:1: warning: no route takes `self` events"),
    ("kind: [feed, self]", "kind: self", "29:11: warning: rule `quiet` can raise `warn`, which no route takes"),
]


@pytest.mark.parametrize(("old", "new", "expected"), WARNINGS)
def test_what_nobody_would_hear_of_is_a_warning(read: Read, old: str, new: str, expected: str | None) -> None:
    briefs = [warning.brief.removeprefix("c.yaml:") for warning in read(GOOD.replace(old, new, 1)).warnings]
    assert any(brief.startswith(expected) for brief in briefs) if expected else briefs == []


def test_a_file_without_routes_feeds_and_rules_is_valid_but_useless(read: Read) -> None:
    briefs = [warning.message for warning in read("instance: x\nmarkets: {JP: {tenors: [2Y]}}").warnings]
    assert [text.split(":")[0] for text in briefs] == [
        "there are no feeds",
        "there are no routes",
        "there are no rules",
    ]


def test_a_world_readable_secret_is_a_warning(read: Read, tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://hooks.example/s3cr3t")
    file.chmod(0o644)
    (warning,) = read(GOOD.replace("{env: STRESSD_TEST_URL}", f"{{file: {file}}}")).warnings
    assert (warning.line, warning.level) == (43, "warning")
    assert "anybody may read" in warning.message
    file.chmod(0o600)
    assert read(GOOD.replace("{env: STRESSD_TEST_URL}", f"{{file: {file}}}")).warnings == []


def test_certificates_must_be_there(read: Read, tmp_path: Path) -> None:
    text = GOOD.replace("    topics: y\n", f"    topics: y\n    tls: {{ca_file: {tmp_path}/none.pem}}\n")
    (fault,) = faults(read, text)
    assert fault.line == 17
    assert fault.message == f"file `{tmp_path}/none.pem` does not exist"


def test_offline_use_needs_no_secrets(read: Read) -> None:
    assert read(GOOD.replace("STRESSD_TEST_URL", "STRESSD_NOT_SET"), environment=False).sinks


def test_files_that_cannot_be_read_are_faults(small: Registry, tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"instance: x\n# caf\xe9\n")
    (tmp_path / "huge").write_bytes(b"#" * (1 << 21))
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfinstance: x\nmarkets: {JP: {tenors: [2Y]}}\n")
    for name, brief in (
        ("none", ":1:1: error: cannot be read: no such file or directory"),
        (".", ":1:1: error: cannot be read: is a directory"),
        ("latin", ":2:6: error: this is not UTF-8 text"),
        ("huge", ":1:1: error: larger than 1 MiB"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(tmp_path / name, small)
        assert brief in caught.value.faults[0].brief
    assert load(tmp_path / "bom", small).instance == "x"
