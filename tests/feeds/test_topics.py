"""Topic templates: what is subscribed to, and which series a topic names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressd.feeds.topics import TopicMap, TopicTemplate
from stressd.testing.topic_match import matches

_LEVEL = st.text(st.characters(codec="utf-8", exclude_characters="/+#{}$\0"), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("template", "filter_", "topic", "name"),
    [
        ("yields/{market}/{tenor}", "yields/+/+", "yields/JP/30Y", "JP.GOV.30Y"),
        ("y/{series}", "y/+", "y/JGB30", "JGB30"),
        ("y/{market}-{tenor}/mid", "y/+/mid", "y/US-10Y/mid", "US.GOV.10Y"),
        ("all/#", "all/#", "all/what/ever", ""),
        ("+/{series}/+", "+/+/+", "a/JP.GOV.30Y/b", "JP.GOV.30Y"),
        ("$share/desk/y/{series}", "$share/desk/y/+", "y/X", "X"),
        ("{series}/#", "+/#", "JP.GOV.30Y", "JP.GOV.30Y"),
    ],
)
def test_a_template_subscribes_and_names(template: str, filter_: str, topic: str, name: str) -> None:
    parsed = TopicTemplate(template)
    assert (parsed.filter, parsed.name(topic)) == (filter_, name)


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("y/{tenr}", "unknown placeholder `{tenr}`"),
        ("y/{tenor}", "{market} and {tenor} name a series together"),
        ("y/{series}/{series}", "stands there twice"),
        ("y/#/a", "`#` stands alone as the last level"),
        ("y/a+", "`+` stands alone in its level"),
        ("y/{series", "a brace is not closed"),
        ("$share/desk", "a shared subscription is"),
        ("", "a topic is not empty"),
    ],
)
def test_what_is_no_template_says_why(template: str, says: str) -> None:
    with pytest.raises(ValueError) as error:
        TopicTemplate(template)
    assert says in str(error.value)


@given(_LEVEL, _LEVEL, st.lists(_LEVEL, max_size=3))
def test_a_topic_made_from_a_template_matches_its_filter_and_gives_its_parts_back(
    market: str, tenor: str, before: list[str]
) -> None:
    path = "/".join([*before, "{market}", "{tenor}"])
    topic = "/".join([*before, market, tenor])
    template = TopicTemplate(path)
    assert matches(template.filter, topic)
    assert template.name(topic) == f"{market}.GOV.{tenor}"


def test_the_first_matching_template_names_the_series_and_filters_are_asked_for_once() -> None:
    topics = TopicMap(["a/{series}", "{market}/{tenor}", "a/{series}", "b/#"])
    assert topics.filters == ("a/+", "+/+", "b/#")
    assert [topics.name(t) for t in ("a/X", "JP/30Y", "b/c/d", "no/match/at/all")] == ["X", "JP.GOV.30Y", "", ""]
