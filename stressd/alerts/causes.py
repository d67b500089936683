"""What explains what: of all that is wrong at once the causes, each with the symptoms that follow from it.

Each symptom names the things that it breaks and those that it needs to be well, and things need other things in turn: a
series needs its feed, a feed its server, a server the network. A symptom is explained by what breaks something that it
needs. Pure, and independent of the order in which the symptoms came.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

Key = tuple[str, str]
"""(rule, source): what a symptom is known by."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """One thing that is wrong. severity: index of `engine.spec.SEVERITIES`."""

    key: Key
    severity: int = 0
    breaks: frozenset[str] = frozenset()
    needs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Cause:
    """A symptom that nothing else explains, with those that it does. severity: the highest of them all."""

    symptom: Symptom
    explains: tuple[Symptom, ...] = field(default=())

    @property
    def severity(self) -> int:
        return max(self.symptom.severity, *(each.severity for each in self.explains), 0)


def above(things: Collection[str], needs: Mapping[str, Collection[str]]) -> set[str]:
    """Everything that these things need, directly or not; themselves too."""
    found: set[str] = set()
    left = list(things)
    while left:
        thing = left.pop()
        if thing not in found:
            found.add(thing)
            left += needs.get(thing, ())
    return found


def causes(symptoms: Collection[Symptom], needs: Mapping[str, Collection[str]]) -> list[Cause]:
    """Every symptom is a cause, or is explained by exactly one; what explains several ways is given to the most severe.
    needs: by thing, the things that it needs directly. In the order of their keys."""
    ordered = sorted(symptoms, key=lambda each: each.key)
    breakers: dict[str, list[Symptom]] = {}
    for each in ordered:
        for thing in each.breaks:
            breakers.setdefault(thing, []).append(each)
    parents: dict[Key, list[Symptom]] = {}
    for each in ordered:
        wanted = above(each.needs, needs) | (above(each.breaks, needs) - each.breaks)
        why = {other.key: other for thing in wanted for other in breakers.get(thing, ()) if other.key != each.key}
        parents[each.key] = list(why.values())
    children: dict[Key, list[Symptom]] = {}
    for each in ordered:
        for parent in parents[each.key]:
            children.setdefault(parent.key, []).append(each)
    roots = [each for each in ordered if not parents[each.key]]
    taken: dict[Key, Key] = {each.key: each.key for each in roots}
    found: dict[Key, list[Symptom]] = {each.key: [] for each in roots}
    for root in sorted(roots, key=lambda each: (-each.severity, each.key)):
        _take(root, children, taken, found[root.key])
    for each in ordered:
        # things that need each other in a ring: none explains the rest better than another, but one is told
        if each.key not in taken:
            taken[each.key] = each.key
            roots.append(each)
            _take(each, children, taken, found.setdefault(each.key, []))
    return [Cause(each, tuple(found[each.key])) for each in sorted(roots, key=lambda each: each.key)]


def _take(root: Symptom, children: Mapping[Key, list[Symptom]], taken: dict[Key, Key], into: list[Symptom]) -> None:
    """All that follows from the root and belongs to no other cause yet."""
    left = list(children.get(root.key, ()))
    while left:
        each = left.pop(0)
        if each.key not in taken:
            taken[each.key] = root.key
            into.append(each)
            left += children.get(each.key, ())
