"""Names on the wire: which series a vendor's symbol stands for, in which unit and convention its values come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Final

from stressd.market.series import parse_series
from stressd.market.units import check_unit, to_percent

REMEMBERED: Final = 4096
"""Names that matched a pattern are kept, this many at most: a sender may invent endless ones."""

_ATOMS: Final = re.compile(r"\\.|\[\]?[^\]]*\]|\(\?P<\w+>|\(\?[:=!]")
_ENDLESS: Final = re.compile(r"(?:[+*]|\{\d*,\d*\})[^()]*\)(?:[+*]|\{\d*,\d*\})")
"""A group that holds a repeat of its own and is repeated: the time for a name that does not fit doubles with each of
its characters."""


class Alias:
    """One row of the table.

    name: the exact symbol, or with `pattern` a regular expression that the whole symbol must match. series: canonical
    id; in a pattern's, `{group}` stands for what the named group matched. unit: of the values under this name, None for
    the feed's own. convention: of its yields, None where unknown. origin: where the row comes from, for people.
    """

    __slots__ = ("convention", "name", "origin", "pattern", "series", "unit")

    def __init__(
        self,
        name: str,
        series: str,
        unit: str | None = None,
        convention: str | None = None,
        origin: str = "config",
        pattern: bool = False,
    ) -> None:
        self.name = name
        self.series = series
        self.unit = unit
        self.convention = convention
        self.origin = origin
        self.pattern = pattern


class AliasTable:
    """Resolves canonical ids and aliases. `watched`: the only series to resolve to, None for every valid one.

    Exact names win over patterns, earlier patterns over later ones. Raises ValueError for an alias whose series, unit
    or pattern is no good, and for a name that is given twice with different meaning.
    """

    __slots__ = ("_aliases", "_exact", "_patterns", "_remembered", "_watched")

    def __init__(self, aliases: Iterable[Alias] = (), watched: Sequence[str] | None = None) -> None:
        self._watched: frozenset[str] | None = None if watched is None else frozenset(watched)
        self._exact: dict[str, Alias] = {}
        self._patterns: list[tuple[re.Pattern[str], Alias]] = []
        self._remembered: dict[str, Alias] = {}
        self._aliases: list[Alias] = []
        for alias in aliases:
            self._add(alias)

    def series(self, name: str) -> str | None:
        """Canonical id of a canonical id or alias; None where it is unknown or not watched."""
        alias = self.find(name)
        return None if alias is None else alias.series

    def to_percent(self, name: str, value: float, unit: str) -> float:
        """`value` of `name` in percent; the alias' own unit wins over `unit`. Raises ValueError as units.to_percent."""
        alias = self.find(name)
        return to_percent(value, unit if alias is None or alias.unit is None else alias.unit)

    def convention(self, name: str) -> str | None:
        """Yield convention of the values under this name, None where unknown."""
        alias = self.find(name)
        return None if alias is None else alias.convention

    def find(self, name: str) -> Alias | None:
        """The row that resolves `name`, with a pattern's series filled in; None where there is none."""
        found = self._exact.get(name)
        if found is None:
            found = self._remembered.get(name)
        if found is None:
            found = self._canonical(name) or self._matching(name)
            if found is not None:
                if len(self._remembered) >= REMEMBERED:
                    self._remembered.clear()
                self._remembered[name] = found
        return found

    def near(self, name: str, most: int = 3) -> list[str]:
        """Known names that look like `name`, best first."""
        known = {each.casefold(): each for each in (*sorted(self._watched or ()), *self._exact)}
        return [known[each] for each in get_close_matches(name.casefold(), known, n=most, cutoff=0.7)]

    def rows(self) -> tuple[Alias, ...]:
        """The table as given."""
        return tuple(self._aliases)

    def _add(self, alias: Alias) -> None:
        if alias.unit is not None:
            check_unit(alias.unit)
        self._aliases.append(alias)
        if alias.pattern:
            self._patterns.append((_compiled(alias), alias))
            return
        parse_series(alias.series)
        if self._watched is not None and alias.series not in self._watched:
            raise ValueError(f"alias {alias.name!r}: series {alias.series} is not watched")
        before = self._exact.get(alias.name)
        if before is not None and (before.series, before.unit) != (alias.series, alias.unit):
            raise ValueError(f"alias {alias.name!r} is both {before.series} and {alias.series}")
        self._exact[alias.name] = alias

    def _known(self, series: str) -> bool:
        if self._watched is not None:
            return series in self._watched
        try:
            parse_series(series)
        except ValueError:
            return False
        return True

    def _canonical(self, name: str) -> Alias | None:
        return Alias(name, name, origin="canonical id") if self._known(name) else None

    def _matching(self, name: str) -> Alias | None:
        for pattern, alias in self._patterns:
            match = pattern.fullmatch(name)
            if match is not None:
                series = alias.series.format_map(match.groupdict(""))
                if self._known(series):
                    return Alias(name, series, alias.unit, alias.convention, f"{alias.origin}, pattern {alias.name}")
        return None


def _compiled(alias: Alias) -> re.Pattern[str]:
    try:
        pattern = re.compile(alias.name)
    except re.error as error:
        raise ValueError(f"alias pattern {alias.name!r} is no regular expression: {error}") from None
    if _ENDLESS.search(_ATOMS.sub("x", alias.name)):
        raise ValueError(
            f"alias pattern {alias.name!r} repeats what repeats itself, such as `(A+)+`: on some names that takes for "
            "ever; write it with one repeat"
        )
    try:
        alias.series.format_map(dict.fromkeys(pattern.groupindex, ""))
    except (KeyError, IndexError, ValueError):
        groups = ", ".join(pattern.groupindex) or "none"
        raise ValueError(
            f"alias pattern {alias.name!r}: series {alias.series!r} names a group that it has not (it has: {groups})"
        ) from None
    return pattern
