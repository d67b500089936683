"""The JSON Schema of a Slack message, generated from Slack's own TypeScript types when a test asks for it.

Needs npm and its registry (or a cache filled before); the versions are pinned, what is fetched and generated stays in
`build/slack-schema`, which is no part of the repository. By hand: `python tests/sinks/slack_schema.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

PACKAGES: Final = {"@slack/types": "3.2.0", "ts-json-schema-generator": "2.4.0", "typescript": "5.9.3"}
TYPES: Final = """\
import { KnownBlock, MessageMetadata } from "@slack/types";

export interface Message {
  text: string;
  blocks?: KnownBlock[];
  channel?: string;
  ts?: string;
  thread_ts?: string;
  reply_broadcast?: boolean;
  metadata?: MessageMetadata;
  unfurl_links?: boolean;
  unfurl_media?: boolean;
}
"""
"""What is sent to an incoming webhook, to chat.postMessage and to chat.update."""

INSTALL_S: Final = 120
GENERATE_S: Final = 120


class NoSchema(Exception):
    """It cannot be made here; the text says why."""


def schema(folder: Path) -> dict[str, Any]:
    """The schema, made in `folder` unless it was before. Raises NoSchema."""
    made = folder / ("-".join(PACKAGES.values()) + ".json")
    if not made.exists():
        _make(folder, made)
    loaded: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
    return loaded


def _make(folder: Path, made: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NoSchema("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}), encoding="utf-8")
    (folder / "message.ts").write_text(TYPES, encoding="utf-8")
    install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"]
    _run([*install, "--fetch-retries=1", "--fetch-timeout=20000"], folder, INSTALL_S)
    program = folder / "node_modules" / ".bin" / "ts-json-schema-generator"
    partial = made.with_suffix(f".{os.getpid()}.partial")
    command = [str(program), "--path", "message.ts", "--type", "Message", "--no-type-check", "-o", str(partial)]
    _run(command, folder, GENERATE_S)
    os.replace(partial, made)


def _run(command: list[str], folder: Path, timeout: int) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSchema(f"{Path(command[0]).name}: {error}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().split("\n")
        reason = next((line for line in said if "error" in line.lower()), said[-1])
        raise NoSchema(f"{Path(command[0]).name}: {reason[:200]}")


if __name__ == "__main__":
    try:
        found = schema(Path(__file__).resolve().parents[2] / "build" / "slack-schema")
    except NoSchema as error:
        sys.exit(str(error))
    print(f"{len(found['definitions'])} definitions")
