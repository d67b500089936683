"""A sink's own wording at work: what its sink gets, and what happens when it fails on a real event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from stressd.alerts.canned import canned
from stressd.alerts.notification import Telling
from stressd.alerts.render import render
from stressd.config.faults import ConfigError
from stressd.config.load import Loaded, load_text
from stressd.runtime.registry import registry
from stressd.runtime.rendering import Renderer

BASE = """\
instance: rates-tokyo
markets:
  JP: {calendar: JP, tenors: [10Y, 30Y]}
feeds: []
rules: []
routes:
  - {match: {kind: [market, feed, self]}, sinks: [mail]}
sinks:
  - name: mail
    type: email
    smtp: smtp://mail.bank.example
    from: stressd@bank.example
    to: rates@bank.example
    template:
"""
EVENT = canned()[0]


def loaded(template: str, folder: Path = Path()) -> Loaded:
    return load_text(BASE + template, folder / "stressd.yaml", registry(), environment=False)


def faults(template: str, folder: Path = Path()) -> list[tuple[int, int, str]]:
    with pytest.raises(ConfigError) as caught:
        loaded(template, folder)
    return [(fault.line, fault.column, fault.message) for fault in caught.value.faults if fault.level == "error"]


def test_only_the_sink_that_has_a_template_gets_its_words() -> None:
    renderer = Renderer(loaded('      title: "{{ event.market }} {{ event.severity }}"\n'))
    assert renderer(EVENT, Telling(first=True, sink="mail")).title == "JP critical"
    assert renderer(EVENT, Telling(first=True, sink="other")) == render(EVENT, Telling(first=True, sink="other"))


def test_one_that_fails_on_a_real_event_falls_back_says_so_and_raises_an_alarm_for_an_hour() -> None:
    now = [0.0]
    renderer = Renderer(loaded('      text: "{{ 1 // (event.headline|length - 7) }}"\n'), lambda: now[0])
    broken = replace(EVENT, headline="seven !")
    made = renderer(broken, Telling(first=True, sink="mail"))
    assert made.title == "seven !"
    assert not made.own_text
    note = "in the built-in words: this sink's template failed at text, line 1: ZeroDivisionError"
    assert dict(made.facts)["Note"].startswith(note)
    assert note in made.text
    assert renderer.failed("mail") == 1
    (told,) = renderer.failing(3_600.0)
    assert told[0] == "mail"
    now[0] = 3_601.0
    assert renderer.failing(3_600.0) == []
    assert renderer(EVENT, Telling(first=True, sink="mail")).own_text


def test_a_broken_template_is_a_fault_on_its_line(tmp_path: Path) -> None:
    assert faults('      title: "{{ event.hedline }}"\n') == [
        (15, 14, "template: there is no 'hedline' (on a made-up event: market opened, 30m)")
    ]
    ((line, column, text),) = faults("      text: |\n        one\n        two {{ x }}\n")
    assert (line, column) == (17, 9)
    assert "'x' is undefined" in text
    (tmp_path / "words.j2").write_text("one\n{% for %}\n")
    ((line, _, text),) = faults("      text: {file: words.j2}\n", tmp_path)
    assert line == 15
    assert text.startswith("words.j2:2: template: ")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("      {}\n", "a template has one of `title`, `text`, `subject`, `html`"),
        ("      text: {file: none.j2}\n", "cannot be read"),
        ("      text: {}\n", "write the template itself, or `{file: NAME}`"),
        ("      body: x\n", "body"),
    ],
)
def test_other_mistakes_are_told(template: str, words: str, tmp_path: Path) -> None:
    assert any(words in text for _, _, text in faults(template, tmp_path))


def test_the_digest_of_the_configuration_knows_the_files(tmp_path: Path) -> None:
    file: Any = tmp_path / "words.j2"
    file.write_text("one")
    before = loaded("      text: {file: words.j2}\n", tmp_path).digest
    file.write_text("two")
    assert loaded("      text: {file: words.j2}\n", tmp_path).digest != before
