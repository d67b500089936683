"""What people thought of alerts, by rule: nothing is counted twice, and nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stressd.alerts.people.commands import LABELS
from stressd.lab.report.told import labels_by_rule

words = st.lists(st.sampled_from(LABELS), max_size=4)
rules = st.dictionaries(st.from_regex(r"JP-[0-9]{4}", fullmatch=True), st.sampled_from(["sigma", "levels", "quiet"]))


@given(rules=rules, data=st.data())
def test_every_episode_counts_once_under_its_rule_by_the_latest_word_on_it(
    rules: dict[str, str], data: st.DataObject
) -> None:
    said = {episode: data.draw(words) for episode in rules}
    rows = labels_by_rule(rules, {**said, "JP-of-another-period": ["noise"]})
    assert [row.rule for row in rows] == sorted(set(rules.values()))
    for row in rows:
        own = [said[episode] for episode, rule in rules.items() if rule == row.rule]
        plain = row.plain()
        assert plain["episodes"] == len(own)
        assert plain["useful"] + plain["noise"] + plain["bad_data"] + plain["unlabelled"] == len(own)
        assert plain["unlabelled"] == sum(not each for each in own)
        assert plain["noise"] == sum(each[-1:] == ["noise"] for each in own)
        assert plain["disputed"] == sum(len(set(each)) > 1 for each in own)
        labelled = len(own) - plain["unlabelled"]
        assert (plain["useful_share"] is None) == (labelled == 0)
        if labelled:
            assert abs(plain["useful_share"] - plain["useful"] / labelled) < 1e-4
