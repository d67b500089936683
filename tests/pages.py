"""The commands that docs/ tell people to run, so that tests run them as written."""

from __future__ import annotations

import re
from pathlib import Path


def commands(page: Path, heading: str, language: str = "sh") -> list[str]:
    """The fenced blocks of a language under a heading of a page, in their order. At least one."""
    sections = re.split(r"^#+ ", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    [section] = [each for each in sections if each.split("\n", 1)[0] == heading]
    found = re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    assert found, f"{page.name}: {heading}: no commands"
    return found
