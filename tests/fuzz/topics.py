"""Templates of topics, and the topics that a broker may send: template, a line break, topic."""

from __future__ import annotations

from stressd.feeds.topics import TopicMap, TopicTemplate
from tests.fuzz.harness import Cut, quick

FIXED = TopicMap(["yields/{market}/{tenor}", "q/{market}-{tenor}.x", "all/{series}/#", "$share/desk/+/{series}"])
SEEDS = [
    b"yields/{market}/{tenor}\nyields/JP/30Y",
    b"{market}-{tenor}x\n" + b"-" * 300,
    b"$share/a/{series}\na",
    b"+/#\n/////",
    b"{series}{series}\n\x00",
    b"\xf0\x9f\x92\xa9/{series}\n\xed\xa0\x80",
    b"\nyields/JP/" + b"x" * 1_000,
    b"\nq/" + b"-" * 60_000,
]


def one(data: bytes) -> None:
    text = Cut(data).text()
    template, _, topic = text.partition("\n")
    with quick():
        try:
            TopicTemplate(template)
            known = TopicMap([template])
        except ValueError:
            known = FIXED
        assert all(isinstance(each, str) for each in known.filters)
        assert isinstance(known.name(topic), str)
        assert isinstance(FIXED.name(topic), str)
        assert FIXED.name("yields/JP/30Y") == "JP.GOV.30Y"
