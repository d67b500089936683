"""Whether an MQTT filter takes a topic."""

from __future__ import annotations


def matches(pattern: str, topic: str) -> bool:
    """By MQTT 5, 4.7: `+` is one level, `#` the rest with its parent, and neither starts with a `$` of the server's."""
    if topic.startswith("$") and pattern[:1] in ("+", "#"):
        return False
    wanted = pattern.split("/")
    levels = topic.split("/")
    for i, level in enumerate(wanted):
        if level == "#":
            return True
        if i >= len(levels) or level not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
