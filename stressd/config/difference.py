"""What is different between two configurations, section by section, in names and keys: never in values, of which some
are nobody's business."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stressd.config.fields import Model
from stressd.config.load import Loaded
from stressd.config.model import Config

TYPED: Final = ("feeds", "rules", "sinks")
"""Sections whose items are read by types of their own."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one section. added, removed: names of its parts, or its keys. changed: (part, keys of it that changed); the
    part is "" where the section is one. renamed: (before, after) of parts that changed in nothing else."""

    section: str
    added: tuple[str, ...] = ()
    changed: tuple[tuple[str, tuple[str, ...]], ...] = ()
    removed: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "section": self.section,
            "added": list(self.added),
            "changed": {part: list(keys) for part, keys in self.changed},
            "removed": list(self.removed),
            "renamed": [list(pair) for pair in self.renamed],
        }

    def __str__(self) -> str:
        said = [f"+{name}" for name in self.added] + [f"-{name}" for name in self.removed]
        said += [f"{before} is now {after}" for before, after in self.renamed]
        said += [
            f"{part} ({', '.join(keys)})" if part and keys else part or ", ".join(keys) for part, keys in self.changed
        ]
        return f"{self.section}: {', '.join(said)}" if any(said) else self.section


def difference(before: Loaded, after: Loaded) -> tuple[Change, ...]:
    """What changed, in the order of the file; empty where nothing did."""
    found = []
    for name, field in Config.model_fields.items():
        section = field.alias or name
        source = (before, after) if name in TYPED else (before.model, after.model)
        change = _compared(section, *(getattr(each, name) for each in source))
        if section == "events" and change is None and before.engine.agenda != after.engine.agenda:
            change = Change(section, changed=(("", ("their files",)),))
        if section == "shadow" and change is None and before.shadow is not None and after.shadow is not None:
            other = before.shadow.digest != after.shadow.digest
            change = Change(section, changed=(("", ("its file",)),)) if other else None
        found.append(change)
    found.append(_templates(before, after))
    return tuple(change for change in found if change is not None)


def named(section: str, *names: str) -> Change:
    """Parts of a section that changed in something that their keys do not show."""
    return Change(section, changed=tuple((name, ()) for name in names))


def _templates(before: Loaded, after: Loaded) -> Change | None:
    """Wordings whose text changed while the section says the same: they stand in files."""
    same = {sink.name for sink in after.sinks} & {sink.name for sink in before.sinks if sink in after.sinks}
    was, now = before.wordings, after.wordings
    names = [name for name in now if name in same and name in was and was[name].sources != now[name].sources]
    return named("templates", *names) if names else None


def _compared(section: str, before: Any, after: Any) -> Change | None:
    if before == after:
        return None
    if isinstance(before, Model) and isinstance(after, Model):
        return Change(section, changed=(("", _keys(before, after)),))
    if not isinstance(before, list | dict) and not isinstance(after, list | dict):
        return Change(section, changed=(("", ()),))
    return _parts(section, _labelled(before), _labelled(after))


def _parts(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Change:
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    renamed = []
    for old in list(removed):
        new = next((name for name in added if _but_for_name(before[old]) == _but_for_name(after[name])), None)
        if new is not None and isinstance(before[old], Model):
            renamed.append((old, new))
            removed.remove(old)
            added.remove(new)
    changed = [
        (name, _keys(before[name], after[name])) for name in after if before.get(name, after[name]) != after[name]
    ]
    if not (added or removed or renamed or changed):
        changed = [("", ("order",))]
    return Change(section, tuple(added), tuple(changed), tuple(removed), tuple(renamed))


def _labelled(section: Any) -> dict[str, Any]:
    """The parts of a section by what people call them."""
    if isinstance(section, dict):
        return {str(key): value for key, value in section.items()}
    items: Iterable[Any] = section if isinstance(section, list) else () if section is None else (section,)
    found: dict[str, Any] = {}
    for number, item in enumerate(items, 1):
        name = getattr(item, "name", None) or (str(number) if isinstance(item, Model) else str(item))
        found[name] = item
    return found


def _but_for_name(part: Any) -> Any:
    return part.model_copy(update={"name": ""}) if isinstance(part, Model) and hasattr(part, "name") else part


def _keys(before: Any, after: Any) -> tuple[str, ...]:
    """Keys of a part that differ."""
    if not isinstance(before, Model) or type(before) is not type(after):
        return ()
    fields = type(before).model_fields.items()
    return tuple(field.alias or name for name, field in fields if getattr(before, name) != getattr(after, name))
