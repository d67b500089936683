"""Every command with its arguments, as Markdown or as data, read from the parsers themselves."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from typing import Any, Final

from stressd.cli.main import COMMANDS

HEAD: Final = """# Commands

Made by `stressd schema commands --markdown` from the program's own parsers. `stressd COMMAND --help` says the same.

Every command ends with 0 when it did what was asked, with 1 when it could not (one line on standard error says why),
with 2 when its options are wrong, and with 130 when it was interrupted; what is special is said below. Those about a
running daemon find it by `--state DIR`, else by the `state_dir:` of `-c FILE`, else by `$STATE_DIRECTORY`, else in the
user's state folder or in `/var/lib/stressd`. `stressd --version` prints the version and whether the engine is compiled.
"""


def command_rows() -> list[dict[str, Any]]:
    """`command`, `help`, `about` and `arguments` (`name`, `value`, `help`) of each command and subcommand."""
    subparsers = argparse.ArgumentParser(prog="stressd").add_subparsers()
    for module, _ in COMMANDS.values():
        importlib.import_module(f"stressd.cli.{module}").add(subparsers)
    rows = []
    for name, parser in subparsers.choices.items():
        rows += list(_rows(name, COMMANDS[name][1], parser))
    return rows


def _rows(name: str, text: str, parser: argparse.ArgumentParser) -> Iterator[dict[str, Any]]:
    actions = [each for each in parser._actions if not isinstance(each, argparse._HelpAction)]
    below = [each for each in actions if isinstance(each, argparse._SubParsersAction)]
    yield {
        "command": name,
        "help": text,
        "about": parser.description or "",
        "arguments": [_argument(each) for each in actions if each not in below],
    }
    for action in below:
        helps = {each.dest: each.help or "" for each in action._choices_actions}
        for sub, inner in action.choices.items():
            yield from _rows(f"{name} {sub}", helps.get(sub, ""), inner)


def _argument(action: argparse.Action) -> dict[str, str]:
    choices = "" if action.choices is None else ", ".join(str(each) for each in action.choices)
    metavar = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    name = ", ".join(action.option_strings) or metavar
    takes = action.nargs != 0 and bool(action.option_strings)
    return {
        "name": name,
        "value": choices or (metavar if takes else ""),
        "help": (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%"),
    }


def commands_markdown() -> str:
    """docs/commands.md."""
    lines = [HEAD]
    for row in command_rows():
        about = f"{row['help'][:1].upper()}{row['help'][1:]}. {row['about']}".strip()
        lines += [f"## stressd {row['command']}", "", about, ""]
        if row["arguments"]:
            lines += ["| argument | value | meaning |", "|---|---|---|"]
            for each in row["arguments"]:
                cells = (f"`{each['name']}`", f"`{each['value']}`" if each["value"] else "", each["help"])
                lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"
