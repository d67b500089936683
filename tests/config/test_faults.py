"""Every fault at its place, with its remedy, alone and among others."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.config.faults import ConfigError, Fault
from stressd.config.load import Loaded

GOOD = Path(__file__).with_name("good.yaml").read_text()

Read = Callable[..., Loaded]


def faults(read: Read, text: str, environment: bool = True) -> list[Fault]:
    with pytest.raises(ConfigError) as caught:
        read(text, environment)
    return caught.value.faults


def only(read: Read, old: str, new: str) -> Fault:
    """The one fault after a change of the good file."""
    assert old in GOOD
    found = faults(read, GOOD.replace(old, new, 1))
    assert len(found) == 1, "\n".join(map(str, found))
    return found[0]


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
    ("fixing: 15:00", "spreads: [2s10s]", "4:50: error: spread `US.GOV.2s10s` needs US.GOV.10Y", "there are JP"),
    ("fixing: 15:00", "spreads: [5s2s]", "4:50: error: a spread within a market is a slope such as `2s10s`", ""),
    ("fixing: 15:00", "spreads: [2s5s, 2s5s]", "4:56: error: spread `US.GOV.2s5s` is listed twice", ""),
    ("aliases:", "spreads: [US-UK.GOV.2Y]\naliases:", "5:11: error: spread `US-UK.GOV.2Y` needs UK.GOV.2Y", "there"),
    ("aliases:", "spreads: [US.GOV.2Y]\naliases:", "5:11: error: a spread between markets is written `IT-DE", ""),
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
        "type: level\n    series: [US.GOV.2Y]\n    above: [4.25%, 4.5%]\n    round: 25bp\n    highest_since: 90d\n",
        "type: curve\n    market: US\n    tenors: [2Y, 10Y]\n",
        "25:13: error: US has not both of 2Y and 10Y",
        "its tenors: 2Y, 5Y",
    ),
    (
        "type: level\n    series: [US.GOV.2Y]\n    above: [4.25%, 4.5%]\n    round: 25bp\n    highest_since: 90d\n",
        "type: curve\n    noise: {warn: 4}\n",
        "24:5: error: JP and US: a smooth curve needs 5 tenors",
        "leave `noise` out",
    ),
    (
        "type: level\n    series: [US.GOV.2Y]\n    above: [4.25%, 4.5%]\n    round: 25bp\n    highest_since: 90d\n",
        "type: curve\n    tenors: [2Y, 10Y]\n    noise: {warn: 4, high: 3bp}\n",
        "25:12: error: `noise` is in sigma or in bp, not in both",
        "",
    ),
    (
        "type: level\n    series: [US.GOV.2Y]\n    above: [4.25%, 4.5%]\n    round: 25bp\n    highest_since: 90d\n",
        "type: curve\n",
        "22:5: error: a curve rule needs `tenors`",
        "",
    ),
    (
        'series: "*.GOV.*"',
        'series: "*.GOV.*"\n    budget: 1 per month',
        "22:13: error: '1 per month' is no budget: write how often and of what",
        "",
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
    (
        "after: 15m",
        "after: 15m\n    floor: 5m",
        "33:12: error: `floor` and `after` exclude each other: `after` is a fixed time",
        "",
    ),
    (
        "after: 15m",
        "budget: 1 a month",
        "32:13: error: a budget of silences is for example `1 per month per series` (day, week, month or year)",
        "",
    ),
    ("after: 15m", "ceiling: 30s", "32:14: error: `ceiling` must be longer than `floor`", ""),
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


@pytest.mark.parametrize(
    ("more", "expected", "hint"),
    [
        ("fallback: mial", "43:47: error: unknown sink `mial`", "did you mean `mail`?"),
        ("fallback: desk-slack", "43:47: error: a sink cannot be its own fallback", ""),
        ("fallback_after: 30s", "43:53: error: `fallback_after` goes with `fallback`, the sink that is told", ""),
        ("fallback: mail, fallback_after: 30", "43:69: error: a duration needs a unit", ""),
        ("fallback: mail, fallback_after: -3s", "43:69: error: ", ""),
    ],
)
def test_a_fallback_is_another_sink_and_its_time_a_duration(read: Read, more: str, expected: str, hint: str) -> None:
    fault = only(read, "type: slack,", f"type: slack, {more},")
    assert fault.brief.startswith(f"c.yaml:{expected}")
    assert hint in str(fault)


def test_a_fallback_has_none_of_its_own(read: Read) -> None:
    text = GOOD.replace("type: slack,", "type: slack, fallback: mail,").replace(
        "type: email,", "type: email, fallback: desk-slack,"
    )
    told = [str(fault) for fault in faults(read, text)]
    assert ["has a fallback itself, and cannot be one" in line for line in told] == [True, True]


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
    return markets and any(
        words in fault[2]
        for words in (
            "stands for",
            "configured series",
            "unknown series",
            "spread `US",
            "has not both",
            "a smooth curve",
        )
    )


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
