"""The JSON Schema of a Slack message, generated from Slack's own TypeScript types when a test asks for it.

By hand, from the repository: `python -m tests.sinks.slack_schema`.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from tests.sinks.npm import Unavailable, install, run

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


def schema(folder: Path) -> dict[str, Any]:
    """The schema, made in `folder` unless it was before. Raises Unavailable."""
    made = folder / ("-".join(PACKAGES.values()) + ".json")
    if not made.exists():
        install(folder, PACKAGES)
        (folder / "message.ts").write_text(TYPES, encoding="utf-8")
        program = folder / "node_modules" / ".bin" / "ts-json-schema-generator"
        partial = made.with_suffix(f".{os.getpid()}.partial")
        command = ["--path", "message.ts", "--type", "Message", "--no-type-check", "-o", str(partial)]
        run([str(program), *command], folder)
        os.replace(partial, made)
    loaded: dict[str, Any] = json.loads(made.read_text(encoding="utf-8"))
    return loaded


if __name__ == "__main__":
    try:
        found = schema(Path(__file__).resolve().parents[2] / "build" / "slack-schema")
    except Unavailable as error:
        sys.exit(str(error))
    print(f"{len(found['definitions'])} definitions")
