"""What the README shows works: its configuration loads, and its commands and files are there."""

from __future__ import annotations

import re
from pathlib import Path

from stressd.cli.main import COMMANDS
from stressd.config.load import load_text
from stressd.runtime.registry import registry


def test_the_readmes_configuration_is_one_that_check_accepts(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    whole: list[str] = re.findall(r"```yaml\n(instance:.*?)```", text, re.DOTALL)
    (block,) = whole
    loaded = load_text(block, Path("README.md"), registry(), environment=False)
    assert [fault.message for fault in loaded.warnings] == []
    assert len(loaded.engine.series) == 13


def test_the_readmes_commands_and_files_exist(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    shell = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    named = set(re.findall(r"^stressd ([a-z-]+)", shell, re.MULTILINE))
    assert {"check", "run", "status", "backtest", "replay"} <= named <= set(COMMANDS)
    targets = set(re.findall(r"`make ([a-z]+)`", text)) | set(re.findall(r"^make ([a-z]+)", shell, re.MULTILINE))
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert targets
    assert not [name for name in targets if f"\n{name}:" not in makefile]
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    assert not [name for name in links if not (root / name).exists()]
