"""Merge patches (RFC 7396) between documents."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stressd.web.patch import difference, known

NAMES = st.sampled_from(["a", "b", "JP.GOV.30Y", "JP>US", "rule|source"])
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.lists(st.integers(0, 3), max_size=3)
DOCUMENTS = st.dictionaries(NAMES, st.recursive(LEAVES, lambda inner: st.dictionaries(NAMES, inner, max_size=4)))


def merge(target: Any, patch: Any) -> Any:
    """MergePatch of the RFC, section 2."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


@given(DOCUMENTS, DOCUMENTS)
def test_whoever_applies_the_patch_has_the_new_document(before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = known(before), known(after)
    patch = difference(old, new)
    assert merge(old, patch) == new
    assert (patch == {}) == (json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True))


@given(DOCUMENTS)
def test_what_is_not_known_is_absent_and_nothing_else_is(document: dict[str, Any]) -> None:
    def pruned(value: Any) -> Any:
        return {k: pruned(v) for k, v in value.items() if v is not None} if isinstance(value, dict) else value

    assert known(document) == pruned(document)


def test_an_unchanged_part_is_not_told() -> None:
    before = {"series": {"JP.GOV.30Y": {"value": 3.562, "state": "live"}, "US.GOV.10Y": {"value": 4.23}}}
    after = {"series": {"JP.GOV.30Y": {"value": 3.765, "state": "live"}, "US.GOV.10Y": {"value": 4.23}}}
    assert difference(before, after) == {"series": {"JP.GOV.30Y": {"value": 3.765}}}


def test_one_that_is_false_and_one_that_is_zero_are_different() -> None:
    assert difference({"on": False}, {"on": 0}) == {"on": 0}
