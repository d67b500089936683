"""What docs/ and the README say is so: nothing is undocumented, nothing that is documented is not there."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from stressd.cli.main import COMMANDS
from stressd.config.reference import anchor
from stressd.config.yaml_marks import parse
from stressd.engine.curve import CONVENTION_FLIP, DATA_BREAK
from stressd.engine.detector import DETECTOR_OFF
from stressd.engine.unitflip import RULE as UNIT_CHANGED
from stressd.runtime import notes

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
SOURCES = sorted((ROOT / "stressd").rglob("*.py"))
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error",
          "critical": "critical"}  # fmt: skip
ENGINE_RULES = {"failed-over", "clock-ahead", "silence", DATA_BREAK, CONVENTION_FLIP, DETECTOR_OFF, UNIT_CHANGED}
STATEMENT = re.compile(r"[a-z]+\.[a-z]+(_[a-z]+)*")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def page(name: str) -> str:
    return text_of(ROOT / "docs" / f"{name}.md")


def rows(name: str) -> list[list[str]]:
    """Cells of the tables of a page whose first cell is a name in backticks."""
    found = []
    for line in page(name).splitlines():
        if line.startswith("| `"):
            found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return found


# --- logs -------------------------------------------------------------------------------------------------------------


class Call:
    """One call of a log: where, level, the event's possible names, the keys of its fields."""

    def __init__(self, where: str, node: ast.Call, module: ast.Module) -> None:
        assert isinstance(node.func, ast.Attribute)
        self.where = f"{where}:{node.lineno}"
        self.level = LEVELS[node.func.attr]
        self.events = list(names(node.args[0], module)) if len(node.args) == 1 else []
        self.fields = {each.arg for each in node.keywords}


def names(node: ast.expr, module: ast.Module) -> Iterator[str]:
    """The constants that an event's name may be; nothing where it is made up on the way."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from names(node.body, module)
        yield from names(node.orelse, module)
    elif isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        for each in module.body:
            if isinstance(each, ast.AnnAssign) and ast.unparse(each.target) == node.value.id:
                assert isinstance(each.value, ast.Dict)
                for value in each.value.values:
                    yield from names(value, module)


def is_log(node: ast.expr) -> bool:
    said = ast.unparse(node)
    return said.rpartition(".")[2] in ("log", "_log") or "get_logger" in said


def calls() -> list[Call]:
    found = []
    for path in SOURCES:
        module = ast.parse(text_of(path))
        for node in ast.walk(module):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and is_log(node.func.value)
            ):
                found.append(Call(str(path.relative_to(ROOT)), node, module))
    return found


def test_every_line_of_the_log_has_a_constant_name_and_fields() -> None:
    found = calls()
    assert len(found) > 50
    wrong = [c.where for c in found if not c.events or not all(STATEMENT.fullmatch(name) for name in c.events)]
    wrong += [f"{c.where}: **" for c in found if None in c.fields]
    assert wrong == [], "an event is a constant `noun.past`, and what it is about stands in fields"


def test_every_event_of_the_log_is_explained_with_its_level_and_fields() -> None:
    told = {row[0].strip("`"): row for row in rows("logs")}
    used: dict[str, set[str]] = {}
    wrong = []
    for call in calls():
        for name in call.events:
            row = told.get(name)
            if row is None:
                wrong.append(f"{call.where}: `{name}` is not in docs/logs.md")
                continue
            fields = {str(each) for each in call.fields if each != "exc_info"}
            used.setdefault(name, set()).update(fields)
            if call.level not in row[1].split(", "):
                wrong.append(f"{call.where}: `{name}` is told at {call.level}, docs/logs.md says {row[1]}")
            if missing := fields - set(re.findall(r"`(\w+)`", row[2])):
                wrong.append(f"{call.where}: `{name}` has {sorted(missing)}, which docs/logs.md does not name")
    wrong += [f"`{name}` of docs/logs.md is in no source" for name in told if name not in used]
    assert wrong == []


def test_nothing_is_printed_but_by_commands() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[1] != "cli" and path.name != "journal.py"
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert wrong == []


# --- metrics ----------------------------------------------------------------------------------------------------------

KINDS = {"CounterMetricFamily": "counter", "GaugeMetricFamily": "gauge", "SummaryMetricFamily": "summary",
         "Histogram": "histogram", "counter": "counter", "gauge": "gauge"}  # fmt: skip


def exported() -> dict[str, str]:
    """Kind by name, of every metric that the sources make; names with a part that is filled in are patterns."""
    found = {}
    for path in sorted((ROOT / "stressd/runtime/metrics").glob("*.py")):
        module = ast.parse(text_of(path))
        for node in ast.walk(module):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in KINDS):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                name = re.escape(first.value)
            elif isinstance(first, ast.JoinedStr):
                name = "".join(
                    re.escape(each.value) if isinstance(each, ast.Constant) else r"\w+" for each in first.values
                )
            else:
                continue
            kind = KINDS[node.func.id]
            found[name + ("_total" if kind == "counter" else "")] = kind
    for match in re.finditer(r'"(stressd_\w+)"', text_of(ROOT / "stressd/runtime/metrics/memory.py")):
        found.setdefault(match[1], "gauge")
    return found


def test_every_metric_is_explained_and_no_other() -> None:
    told = {row[0].strip("`"): row[1] for row in rows("metrics")}
    made = exported()
    undocumented = [name for name in made if not any(re.fullmatch(name, each) for each in told)]
    unmade = [
        name for name, kind in told.items() if not any(re.fullmatch(n, name) and k == kind for n, k in made.items())
    ]
    assert (undocumented, unmade) == ([], [])


def test_every_metric_that_a_page_names_exists() -> None:
    known = {row[0].strip("`") for row in rows("metrics")}
    parts = {name + end for name in known for end in ("_bucket", "_sum", "_count")}
    wrong = [
        f"{path.name}: {name}"
        for path in PAGES
        for name in re.findall(r"\bstressd_[a-z_]+[a-z]\b", text_of(path))
        if name not in known | parts and not any(each.startswith(name) for each in known)
    ]
    assert wrong == []


# --- alerts about itself ----------------------------------------------------------------------------------------------


def headings(path: Path) -> list[str]:
    fenced = re.sub(r"^```.*?^```", "", text_of(path), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"^#+ (.+)$", fenced, re.MULTILINE)


def test_every_alert_about_feeds_and_itself_has_its_entry_in_the_runbook() -> None:
    entries = dict(re.findall(r"^### ([a-z-]+)\n\n(.*?)(?=^##)", page("runbook"), re.DOTALL | re.MULTILINE))
    assert {*notes.RULES, notes.TAKEN_OVER, *ENGINE_RULES} - set(entries) == set()
    lacking = [
        n for n, text in entries.items() if not all(w in text for w in ("**Means**", "**Likely**", "**First step**"))
    ]
    assert lacking == []


# --- links, commands, blocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_link_leads_somewhere(path: Path) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(path)):
        name, _, fragment = target.partition("#")
        if "://" in target:
            continue
        to = path if not name else (path.parent / name).resolve()
        if not to.exists() or (fragment and fragment not in [anchor(each) for each in headings(to)]):
            dead.append(target)
    assert dead == []


def test_every_page_is_in_the_index() -> None:
    linked = set(re.findall(r"\]\(([a-z]+)\.md\)", page("README")))
    assert {path.stem for path in DOCS} - {"README"} == linked


def parser_of(name: str) -> argparse.ArgumentParser:
    subparsers = argparse.ArgumentParser().add_subparsers()
    importlib.import_module(f"stressd.cli.{COMMANDS[name][0]}").add(subparsers)
    return subparsers.choices[name]


def spoken(path: Path) -> Iterator[str]:
    """Each `stressd ...` of the page's shell blocks and of its inline code, without what the shell does with it."""
    text = text_of(path)
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE):
        joined = block.replace("\\\n", " ")
        yield from re.findall(r"(?:^|[;&|(] ?|/)stressd ([a-z-]+[^\n;&|>#)]*)", joined, re.MULTILINE)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        if match := re.match(r"(?:\S*/)?stressd ([a-z-]+[^;&|>]*)", " ".join(code.split())):
            yield match[1]


def known_option(parser: argparse.ArgumentParser, words: list[str]) -> str:
    """The first word that the command does not know, or ""."""
    for word in words:
        below = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        if below and word in below[0].choices:
            parser = below[0].choices[word]
        elif word.startswith("-") and word != "-" and word.partition("=")[0] not in parser._option_string_actions:
            return word
    return ""


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_command_that_is_shown_exists_with_its_options(path: Path) -> None:
    wrong = []
    for said in spoken(path):
        try:
            name, *words = shlex.split(said)
        except ValueError:
            name, *words = said.split()
        if name == "--version":
            continue
        if name not in COMMANDS:
            wrong.append(said)
        elif unknown := known_option(parser_of(name), words):
            wrong.append(f"{said}: {unknown}")
    assert wrong == []


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_every_block_of_yaml_is_yaml(path: Path) -> None:
    for block in re.findall(r"^```yaml\n(.*?)^```", text_of(path), re.DOTALL | re.MULTILINE):
        assert parse(block).data is not None


def test_every_make_target_that_is_named_exists() -> None:
    makefile = text_of(ROOT / "Makefile")
    wrong = [
        f"{path.name}: make {name}"
        for path in PAGES
        for name in re.findall(r"`make ([a-z]+)", text_of(path))
        if f"\n{name}:" not in makefile
    ]
    assert wrong == []
