"""Whole files: what is read, and every fault at its place in one run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stressd.config.faults import ConfigError, Fault
from stressd.config.load import Loaded, load, load_text
from stressd.config.registry import Registry
from stressd.engine.spec import DAY, MINUTE, Rung

GOOD = """\
instance: x
markets:
  JP: {tenors: [30Y, 10Y, 2Y], convention: simple}
  US: {calendar: US, tenors: [2Y, 5Y], fixing: 15:00}
aliases:
  US2YT=RR: US.GOV.2Y
  BUND: {series: JP.GOV.10Y, unit: bp}
feeds:
  - name: desk
    type: mqtt
    url: mqtt://broker
    topics: ["yields/{market}/{tenor}"]
  - name: backup
    type: mqtt
    url: mqtt://other
    topics: y
    markets: US
rules:
  - name: sigma-breach
    type: sigma
    series: "*.GOV.*"
  - name: levels
    type: level
    series: [US.GOV.2Y]
    above: [4.25%, 4.5%]
    round: 25bp
    highest_since: 90d
    severity: warn
  - name: quiet
    type: silence
    series: JP.*
    after: 15m
propagation:
  pairs: [JP -> US]
  window: 20m
routes:
  - match: {severity: [warn, high, critical]}
    updates: [opened, resolved]
    sinks: desk-slack
  - match: {kind: [feed, self]}
    sinks: [mail]
sinks:
  - {name: desk-slack, type: slack, webhook_url: {env: STRESSD_TEST_URL}}
  - {name: mail, type: email, from: a@b, to: [c@d]}
"""

Read = Callable[..., Loaded]


@pytest.fixture(autouse=True, scope="module")
def url() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRESSD_TEST_URL", "https://hooks.example/s3cr3t-value")
        yield


def faults(read: Read, text: str, environment: bool = True) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return caught.value.faults


def told(read: Read, text: str) -> list[Fault]:
    """Errors, or warnings where there are none."""
    try:
        return read(text).warnings
    except ConfigError as error:
        return error.faults


def only(read: Read, old: str, new: str) -> Fault:
    """The one fault after a change of the good file."""
    assert old in GOOD
    found = faults(read, GOOD.replace(old, new, 1))
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


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
    assert sigma.floor_bp == {"1m": 1.0, "5m": 1.0, "30m": 2.0, "session": 3.0, "1d": 3.0}
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
    first, second = read(GOOD).routes
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


FAULTS = [
    ("instance: x\n", "instnce: x\n", "1:1: error: unknown key `instnce`", "did you mean `instance`?"),
    ("calendar: US", "calendar: USA", "4:18: error: unknown calendar `USA`", "did you mean `US`?"),
    ("tenors: [2Y, 5Y]", "tenors: [2Y, 5]", "4:35: error: a tenor needs a unit: write `5Y`", ""),
    (
        "tenors: [2Y, 5Y]",
        "gauge: 7Y, tenors: [2Y, 5Y]",
        "4:29: error: the gauge `7Y` is no tenor",
        "its tenors: 2Y, 5Y",
    ),
    ("tenors: [2Y, 5Y]", "tenors: [2Y, 5Y, 2Y]", "4:39: error: tenor `2Y` is listed twice", ""),
    ("fixing: 15:00", "spreads: [2s10s]", "4:40: error: spreads come with a later version", "remove the line"),
    ("fixing: 15:00", "fixing: 25:00", "4:48: error: a time of day is written `15:00`", ""),
    (
        "convention: simple",
        "convention: simpel",
        "3:44: error: `convention` cannot be `simpel`",
        "did you mean `simple`?",
    ),
    (
        "US.GOV.2Y\n",
        "US.GOV.3Y\n",
        "6:13: error: alias `US2YT=RR` stands for `US.GOV.3Y`, which",
        "did you mean `US.GOV.",
    ),
    ("unit: bp", "unit: price", "7:36: error: unit 'price': prices are not read yet", ""),
    ("url: mqtt://broker", "urll: mqtt://broker", "11:5: error: unknown key `urll`", "did you mean `url`?"),
    ("url: mqtt://broker", "username: u", "9:5: error: `url` is missing in feed `desk`", ""),
    ("mqtt://broker", "http://broker", "11:10: error: the URL must start with mqtt:// or mqtts://", ""),
    ("name: backup", "name: desk", "13:11: error: two feeds are named `desk`", "the first is on line 9"),
    ("markets: US", "markets: UK", "17:14: error: unknown market `UK`", "markets: JP, US"),
    ("markets: US", "series: UK.*", "17:13: error: no configured series matches `UK.*`", "there are JP.GOV.2Y|10Y|30Y"),
    ("type: sigma", "type: sigmas", "20:11: error: unknown rule type `sigmas`", "did you mean `sigma`?"),
    (
        "type: sigma",
        "type: curve",
        "20:11: error: curve rules come with a later version",
        "known: sigma, level, silence",
    ),
    (
        'series: "*.GOV.*"',
        'series: "*.GOV.*"\n    budget: 1 per month',
        "22:5: error: budgets come with a later version",
        "write `sigma: {warn: 3, high: 4, critical: 6}` instead",
    ),
    ('series: "*.GOV.*"', "series: US.GOV.10Y", "21:13: error: unknown series `US.GOV.10Y`", "there are"),
    (
        'series: "*.GOV.*"',
        'series: "*"\n    horizons: [1m, 1w]',
        "22:20: error: an entry of `horizons` cannot be `1w`",
        "known: 1m, 5m",
    ),
    ('series: "*.GOV.*"', 'series: "*"\n    floor: 2', "22:12: error: a size in bp needs a unit: write `2bp`", ""),
    (
        'series: "*.GOV.*"',
        'series: "*"\n    floor: {5m: 1bp, 7m: 1bp}',
        "22:22: error: unknown key `7m`",
        "known: 1m, 5m",
    ),
    ('series: "*.GOV.*"', 'series: "*"\n    floor: {1d: -1bp}', "22:17: error: `floor` cannot be negative", ""),
    ('series: "*.GOV.*"', 'series: "*"\n    sigma: {warn: 4, high: 3}', "22:12: error: `sigma` must rise", ""),
    (
        'series: "*.GOV.*"',
        'series: "*"\n    exit: {warn: 3}',
        "22:18: error: `exit` of `warn` must be below its bar of 3",
        "",
    ),
    (
        'series: "*.GOV.*"',
        'series: "*"\n    exit: {info: 1}',
        "22:18: error: `exit` names `info`, which `sigma` does not",
        "",
    ),
    (
        'series: "*.GOV.*"',
        'series: "*"\n    hold: 10',
        "22:11: error: a duration needs a unit: write `10s` or `10m`",
        "",
    ),
    ('series: "*.GOV.*"', 'series: "*"\n    sigma: {warn: .inf}', "22:19: error: `warn` must be at most 100", ""),
    ("above: [4.25%, 4.5%]", "above: 4.25", "25:12: error: a yield needs a unit: write `4.25%`", ""),
    ("severity: warn\n", "severity: warm\n", "28:15: error: `severity` cannot be `warm`", "did you mean `warn`?"),
    ("after: 15m", "after: 0s", "32:12: error: `after` must be longer than zero", ""),
    ("    after: 15m\n", "", "29:5: error: `after` is missing in rule `quiet`", ""),
    ("[JP -> US]", "[JP -> UK]", "34:11: error: unknown market `UK`", "known: JP, US"),
    ("[JP -> US]", "[JP to US]", "34:11: error: a pair is written `JP -> US`", ""),
    (
        "match: {severity: [warn, high, critical]}",
        "match: {severity: [warn, hihg, critical]}",
        "37:30: error: an entry of `severity` cannot be `hihg`",
        "did you mean `high`?",
    ),
    ("sinks: desk-slack", "sinks: desk-slak", "39:12: error: unknown sink `desk-slak`", "did you mean `desk-slack`?"),
    (
        "match: {severity:",
        "match: {rule: sigma, severity:",
        "37:19: error: unknown rule `sigma`",
        "did you mean `sigma-breach`?",
    ),
    (
        "type: slack",
        "type: slak",
        "43:30: error: unknown sink type `slak`",
        "did you mean `slack`? known: email, slack",
    ),
    (
        "env: STRESSD_TEST_URL",
        "env: STRESSD_NOT_SET",
        "43:56: error: secret: environment variable `STRESSD_NOT_SET`",
        "export it",
    ),
    ("{env: STRESSD_TEST_URL}", "https://x/hunter2", "43:50: error: the secret itself is never written here", ""),
    ("to: [c@d]", "too: [c@d]", "44:42: error: unknown key `too`", "did you mean `to`?"),
    ("to: [c@d]", "to: []", "44:46: error: `to` must not be empty", ""),
    ("to: [c@d]", "to: c@d, retries: 1.5", "44:60: error: `retries` must be a whole number", ""),
    ("from: a@b", "from: 3", "44:37: error: `from` must be text", "put it in quotes"),
    ("rules:\n", "rules:\n  - 7\n", "19:5: error: an entry of `rules` must be a mapping", ""),
    ("window: 20m", "window: 20m\n  window: 21m", "36:3: error: duplicate key `window`", "first written on line 35"),
]


@pytest.mark.parametrize(("old", "new", "expected", "hint"), FAULTS, ids=[f"{i}-{f[2]}" for i, f in enumerate(FAULTS)])
def test_a_fault_is_told_at_its_place_with_its_remedy(read: Read, old: str, new: str, expected: str, hint: str) -> None:
    found = [fault for fault in faults(read, GOOD.replace(old, new, 1)) if fault.level == "error"]
    assert [f.brief.removeprefix("c.yaml:")[: len(expected)] for f in found] == [expected]
    assert hint in found[0].hint


def group(fault: tuple[str, str, str, str]) -> str:
    """The part of the file that a fault is in: one feed, one rule, all markets ... A part that is wrong in one way is
    not looked at for everything else."""
    before = GOOD[: GOOD.index(fault[0]) + 1]
    section = re.findall(r"^([a-z]+):", before + ":", re.MULTILINE)[-1]
    items = before[before.rindex(section) :].count("\n  - ")
    return f"{section} {items}"


def hidden(fault: tuple[str, str, str, str], chosen: Sequence[tuple[str, str, str, str]]) -> bool:
    """While a market is wrong nobody can say which series there are."""
    markets = any(group(other).startswith("markets") for other in chosen)
    return markets and any(words in fault[2] for words in ("stands for", "configured series", "unknown series"))


@given(st.lists(st.sampled_from(FAULTS), min_size=2, max_size=12, unique_by=group))
def test_each_of_several_faults_is_told_on_its_line(read: Read, chosen: list[tuple[str, str, str, str]]) -> None:
    text, moved = GOOD, []
    for old, new, expected, _ in sorted(chosen, key=lambda fault: -GOOD.index(fault[0])):
        at = GOOD.index(old)
        text = text[:at] + new + text[at + len(old) :]
        above = [other for other in chosen if GOOD.index(other[0]) < at]
        shift = sum(other[1].count("\n") - other[0].count("\n") for other in above)
        line, _, rest = expected.partition(":")
        if not hidden((old, new, expected, ""), chosen):
            moved.append(f"c.yaml:{int(line) + shift}:{rest}")
    briefs = [fault.brief for fault in faults(read, text)]
    for expected in moved:
        assert any(brief.startswith(expected) for brief in briefs), (expected, briefs)


def test_the_line_is_shown_with_a_caret_under_the_fault(read: Read) -> None:
    assert str(only(read, "type: slack", "type: slak")) == (
        "c.yaml:43:30: error: unknown sink type `slak`\n"
        "   43 |   - {name: desk-slack, type: slak, webhook_url: {env: STRESSD_TEST_URL}}\n"
        "      |                              ^^^^  did you mean `slack`? known: email, slack"
    )


def test_faults_come_in_the_order_of_the_file(read: Read) -> None:
    text = GOOD.replace("type: slack", "type: slak").replace("type: sigma", "type: sigm").replace("JP -> US", "JP")
    positions = [(fault.line, fault.column) for fault in faults(read, text)]
    assert positions == sorted(positions)
    assert len(positions) == 3


def test_an_alias_does_not_repeat_a_fault(read: Read) -> None:
    text = GOOD.replace("horizons", "horizons").replace(
        'series: "*.GOV.*"', 'series: "*.GOV.*"\n    floor: &floor {7m: 1bp}'
    )
    text = text.replace(
        "  - name: quiet", '  - {name: again, type: sigma, series: "*", floor: *floor}\n  - name: quiet'
    )
    assert [fault.message for fault in faults(read, text)] == ["unknown key `7m`"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("- a", "the file must be a mapping"),
        ("7", "the file must be a mapping"),
        ("a: [", "not valid YAML"),
        ("markets:\n\tJP: 1", "a tab is not allowed here"),
        ("feeds: 3\ninstance: x\nmarkets: {JP: {tenors: [2Y]}}", "`feeds` must be a list"),
        ("feeds:\ninstance: x\nmarkets: {JP: {tenors: [2Y]}}", "`feeds` has no value: expected a list"),
        ("instance: x\nmarkets: {}", "`markets` must not be empty"),
        ("instance: x\nmarkets: {JP: 1}", "`JP` must be a mapping"),
        ("instance: x\nmarkets: {jp: {tenors: [2Y]}}", "a market is a code of capital letters"),
        ("instance: x\nmarkets: {NO: {tenors: [2Y]}}", "no calendar is called `NO`"),
        ("instance: x\nmarkets: {JP: {tenors: [2Y]}}\nlisten: 8433", "write host and port"),
        ("instance: x\nmarkets: {JP: {tenors: [2Y], closed: {2026-13-01: x}}}", "a date is written"),
        ("instance: x\nmarkets: {JP: {tenors: [2Y], calendar: always, fixing: 15:00}}", "never closes"),
    ],
)
def test_files_that_are_no_configuration_say_so(read: Read, text: str, message: str) -> None:
    assert any(message in fault.message for fault in faults(read, text))


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


_KEYS = [
    "instance",
    "markets",
    "JP",
    "tenors",
    "feeds",
    "name",
    "type",
    "mqtt",
    "sigma",
    "rules",
    "series",
    "floor",
    "1m",
    "routes",
    "match",
    "kind",
    "sinks",
    "webhook_url",
    "env",
    "file",
    "aliases",
    "propagation",
    "pairs",
    "exit",
    "a",
    "slack",
    "topics",
    "url",
    "calendar",
    "gauge",
    "severity",
    "level",
    "above",
    "pattern",
    "tls",
    "ca_file",
]
_SCALARS = st.sampled_from(
    [*_KEYS, "JP.GOV.2Y", "*", "2Y", "30m", "2bp", "4%", "warn", "JP -> US", "", "("]
) | st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3))
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(_KEYS) | st.text(max_size=2), inner),
    max_leaves=30,
)
_SECTIONS = [
    "instance",
    "markets",
    "feeds",
    "rules",
    "routes",
    "sinks",
    "aliases",
    "propagation",
    "listen",
    "gate",
    "log",
]


@given(st.dictionaries(st.sampled_from(_SECTIONS), _TREES))
def test_any_tree_is_a_configuration_or_a_config_error(read: Read, tree: object) -> None:
    for fault in told(read, json.dumps(tree)):
        assert fault.line >= 1
        assert fault.column >= 1
        assert str(fault).startswith("c.yaml:")


@given(st.integers(0, len(GOOD)), st.integers(0, 12), st.text("ab:-[]{},&*!|>'\"%@#? \n\t<~0.\x00\u2028", max_size=5))
def test_a_damaged_file_is_a_configuration_or_a_config_error(read: Read, at: int, cut: int, put: str) -> None:
    for fault in told(read, GOOD[:at] + put + GOOD[at + cut :]):
        assert str(fault).startswith("c.yaml:")


@given(st.text())
@example("\ud800")
def test_garbage_is_a_config_error(small: Registry, text: str) -> None:
    with pytest.raises(ConfigError):
        load_text(text, Path("c.yaml"), small)


PLACES = [
    ("{env: STRESSD_TEST_URL}", "{secret}"),
    ("{env: STRESSD_TEST_URL}", "[{secret}]"),
    ("{env: STRESSD_TEST_URL}", "{{fil: {secret}}}"),
    ("{env: STRESSD_TEST_URL}", "{{{secret}: 1}}"),
    ("type: slack, webhook_url: {env: STRESSD_TEST_URL}", "type: slak, webhook_url: {secret}"),
    ("type: slack, webhook_url: {env: STRESSD_TEST_URL}", "typ: slack, token: '{secret}'"),
    ("url: mqtt://broker", "url: mqtt://u:{secret}@broker"),
    ("url: mqtt://broker", "url: mqt://u:{secret}@broker"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: |\n      {secret}\n    bad: 1"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: '{secret}\n    topics: 1"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: {secret}\n   bad"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: {secret}: x"),
    ("url: mqtt://broker", "url: mqtt://broker\n    password: [{secret}, "),
    ("url: mqtt://broker", "url: https://broker/?key={secret}"),
    ("topics: y", "topics: y\n    key_password:\n      {secret}"),
    ("type: email, from", "type: email, wrong: https://hooks.slack.com/services/{secret}, from"),
]


@given(
    st.lists(st.sampled_from(PLACES), min_size=1, max_size=4, unique_by=lambda place: place[0]),
    st.from_regex(r"[A-Za-z0-9]{3}hunter2[A-Za-z0-9+/]{0,20}", fullmatch=True),
)
def test_a_secret_that_was_written_into_the_file_is_never_shown(
    read: Read, places: list[tuple[str, str]], secret: str
) -> None:
    text = GOOD
    for old, new in places:
        text = text.replace(old, new.format(secret=secret), 1)
    found = faults(read, text)
    assert found
    for shown in (*map(str, found), *(json.dumps(fault.as_json()) for fault in found)):
        assert secret not in shown
        assert "hunter2" not in shown


def test_the_value_of_a_secret_is_nowhere_in_what_is_loaded(read: Read) -> None:
    loaded = read(GOOD)
    assert "s3cr3t" not in repr(loaded) + str(loaded.sinks) + loaded.digest
    assert "s3cr3t" not in "".join(sink.model_dump_json() for sink in loaded.sinks)
