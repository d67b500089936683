"""Makes the list of decisions anew, once the method has been raised, and writes down what has changed.

usage: decisions.py     by `make decisions`, in a checkout
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from stressd import METHOD
from stressd.cli.decisions import now
from stressd.lab.decisions.decide import LIST, differences, recorded

ROOT: Final = Path(__file__).resolve().parent.parent
TOLD: Final = ROOT / "docs" / "methods.md"


def main() -> int:
    listed = ROOT / "stressd" / "lab" / "decisions" / LIST
    method, before = recorded() if listed.exists() else ("", [])
    after = now()
    found = differences(before, after)
    if not found:
        print(f"method {METHOD}: all {len(after)} decisions as listed")
        return 0
    if method == METHOD:
        print(*found, sep="\n")
        print(f"{len(found)} lines differ: raise METHOD in stressd/__init__.py, then run this again", file=sys.stderr)
        return 1
    listed.write_text("\n".join([f"method {METHOD}", *after]) + "\n", encoding="utf-8")
    if before:
        lines = [
            "",
            f"## Method {METHOD}",
            "",
            f"Against method {method}, on the bundled history:",
            "",
            "```diff",
            *found,
            "```",
        ]
        with TOLD.open("a", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        print(f"{len(found)} lines differ: they are in {TOLD.relative_to(ROOT)}, please say there why")
    print(f"{len(after)} decisions listed for method {METHOD}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
