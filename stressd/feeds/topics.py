"""Topic templates: `yields/{market}/{tenor}` to an MQTT filter, and a topic back to the name of its series."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

PLACEHOLDERS: Final = ("market", "tenor", "series")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_CACHED: Final = 100_000
"""Topics remembered; a sender that invents topics must not grow the memory without end."""

LONGEST: Final = 512
"""Characters of a topic that can name a series. A longer one would fill the memory, and hold up everything else while
a template with two placeholders in one level is tried on it."""


class TopicTemplate:
    """One template. `{market}`, `{tenor}` and `{series}` stand for one level or a part of one; `+` and `#` as in MQTT;
    `$share/GROUP/` in front makes a shared subscription. Raises ValueError where it is no template.
    """

    __slots__ = ("_pattern", "filter", "names_series", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        path = text
        shared = ""
        if text.startswith("$share/"):
            parts = text.split("/", 2)
            if len(parts) < 3 or not parts[1] or not parts[2] or any(c in parts[1] for c in "+#{}"):
                raise ValueError(f"topic `{text}`: a shared subscription is `$share/GROUP/topic`")
            shared, path = f"$share/{parts[1]}/", parts[2]
        found = _placeholders(text, path)
        levels = path.split("/")
        if "#" in levels[:-1] or any(("#" in level and level != "#") for level in levels):
            raise ValueError(f"topic `{text}`: `#` stands alone as the last level")
        if any("+" in level and level != "+" for level in levels):
            raise ValueError(f"topic `{text}`: `+` stands alone in its level")
        self.names_series = "series" in found or "tenor" in found
        self.filter = shared + "/".join("+" if "{" in level else level for level in levels)
        self._pattern = re.compile(_expression(levels), re.DOTALL)

    def name(self, topic: str) -> str | None:
        """The series' name in `topic` ("" where the template names none); None where it does not match."""
        match = self._pattern.fullmatch(topic)
        if match is None:
            return None
        if not self.names_series:
            return ""
        groups = match.groupdict()
        if "series" in groups:
            return groups["series"]
        return f"{groups['market']}.GOV.{groups['tenor']}"


def _placeholders(text: str, path: str) -> list[str]:
    if not path or "\0" in path:
        raise ValueError("a topic is not empty")
    found: list[str] = _PLACEHOLDER.findall(path)
    for name in found:
        if name not in PLACEHOLDERS:
            raise ValueError(f"topic `{text}`: unknown placeholder `{{{name}}}`: there are market, tenor and series")
        if found.count(name) > 1:
            raise ValueError(f"topic `{text}`: `{{{name}}}` stands there twice")
    if "{" in _PLACEHOLDER.sub("", path) or "}" in _PLACEHOLDER.sub("", path):
        raise ValueError(f"topic `{text}`: a brace is not closed")
    if "series" not in found and ("market" in found) != ("tenor" in found):
        raise ValueError(f"topic `{text}`: {{market}} and {{tenor}} name a series together; or use {{series}}")
    return found


def _expression(levels: Sequence[str]) -> str:
    parts: list[str] = []
    for level in levels:
        if level == "#":
            # "a/#" matches "a" too
            return "/".join(parts) + ("(?:/.*)?" if parts else ".*")
        if level == "+":
            parts.append("[^/]*")
            continue
        pieces = _PLACEHOLDER.split(level)
        parts.append("".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>[^/]+)" for i, p in enumerate(pieces)))
    return "/".join(parts)


class TopicMap:
    """All templates of a feed; the first that matches a topic names its series."""

    __slots__ = ("_known", "templates")

    def __init__(self, templates: Sequence[str]) -> None:
        self.templates = tuple(TopicTemplate(t) for t in templates)
        self._known: dict[str, str] = {}

    @property
    def filters(self) -> tuple[str, ...]:
        """The MQTT filters to subscribe to, each once."""
        return tuple(dict.fromkeys(t.filter for t in self.templates))

    def name(self, topic: str) -> str:
        """The name of the series in `topic`; "" where none of the templates names one."""
        name = self._known.get(topic)
        if name is None and len(topic) > LONGEST:
            return ""
        if name is None:
            name = next((n for n in (t.name(topic) for t in self.templates) if n is not None), "")
            if len(self._known) >= _CACHED:
                self._known.clear()
            self._known[topic] = name
        return name
