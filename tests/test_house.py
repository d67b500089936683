"""The house rules, read from the sources: who may import whom, what is pure, and what a file may hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "stressd"
FILES = sorted(PACKAGE.rglob("*.py"))

# a package may import those on lower floors, never those on its own floor
FLOORS = {
    "market": 0, "engine": 1, "alerts": 2, "config": 3,
    "web": 4, "feeds": 4, "sinks": 4, "store": 4, "detectors": 4,
    "runtime": 5, "lab": 5, "testing": 5, "cli": 6,
}  # fmt: skip
BESIDE = {("lab", "testing")}  # the demo publishes to the loopback broker
NARROWER = {
    "feeds": {"config", "market", "web.guard"},  # what is pushed comes through the same guard as all of HTTP
    "detectors": {"config", "engine", "market"},
    "sinks": {"config", "market", "alerts.notification"},
}
PURE_STANDARD = {
    "__future__", "abc", "array", "bisect", "collections", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fnmatch", "functools", "hashlib", "heapq", "html", "itertools", "json", "math", "operator", "re", "statistics",
    "string", "typing", "urllib.parse", "zoneinfo",
}  # fmt: skip
PURE_OTHER = {"market": {"holidays", "mypy_extensions"}, "engine": {"mypy_extensions"}, "alerts": {"jinja2", "msgspec"}}
IMPURE_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
IMPURE_METHODS = {"now", "today", "utcnow", "read_text", "write_text"}
IMPURE_NAMES = {"FileSystemLoader", "PackageLoader", "uuid4"}
LONGEST = 400
LONGER_FILES: set[str] = set()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, dotted module) of every import in the file, also those inside functions and under TYPE_CHECKING."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            if module == "stressd" or module in {f"stressd.{p}" for p in FLOORS}:
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, module


def where(path: Path, line: int) -> str:
    return f"{path.relative_to(ROOT)}:{line}"


def package_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return "cli" if parts == ("__main__.py",) else parts[0] if len(parts) > 1 else ""


def shown_strings(path: Path) -> Iterator[tuple[int, str]]:
    """String constants that are not docstrings, and so may be seen by somebody."""
    module = tree(path)
    statements = [node for node in ast.walk(module) if isinstance(node, ast.Expr)]
    docstrings = {id(node.value) for node in statements if isinstance(node.value, ast.Constant)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def tracked() -> list[Path]:
    """The repository's own text files: those git knows, or all of them where this is no clone."""
    found = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True,
    )  # fmt: skip
    if found.returncode == 0:
        paths = [ROOT / name for name in found.stdout.split("\0") if name]
    else:
        skipped = {".venv", "build", "dist"}
        paths = [p for p in ROOT.rglob("*") if not skipped.intersection(p.relative_to(ROOT).parts)]
    return [p for p in paths if p.is_file() and p.suffix not in {".so", ".pyc", ".png", ".gz", ".sqlite"}]


def test_imports_go_down_the_house_only() -> None:
    wrong = []
    for path in FILES:
        mine = package_of(path)
        for line, name in imports(path):
            if not name.startswith("stressd."):
                continue
            theirs = name.split(".")[1]
            if theirs == mine or theirs not in FLOORS:
                continue
            allowed = not mine or FLOORS[theirs] < FLOORS[mine] or (mine, theirs) in BESIDE
            if mine in NARROWER:
                inside = name.removeprefix("stressd.")
                allowed = any(inside == a or inside.startswith(a + ".") for a in NARROWER[mine])
            if not allowed or not mine:
                wrong.append(f"{where(path, line)}: {mine or 'stressd'} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_every_package_has_its_floor() -> None:
    found = {p.parent.name for p in PACKAGE.glob("*/__init__.py")}
    assert found == set(FLOORS)


@pytest.mark.parametrize("package", ["market", "engine", "alerts"])
def test_market_engine_and_alerts_are_pure(package: str) -> None:
    wrong = []
    for path in sorted((PACKAGE / package).rglob("*.py")):
        for line, name in imports(path):
            top = name.split(".")[0]
            if top != "stressd" and not {top, name} & (PURE_STANDARD | PURE_OTHER[package]):
                wrong.append(f"{where(path, line)}: imports {name}")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                wrong.append(f"{where(path, node.lineno)}: calls {node.func.id}()")
            elif (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS
            ):
                wrong.append(f"{where(path, node.lineno)}: calls .{node.func.attr}()")
            elif isinstance(node, ast.Name) and node.id in IMPURE_NAMES:
                wrong.append(f"{where(path, node.lineno)}: uses {node.id}")
            elif isinstance(node, (ast.AsyncFunctionDef, ast.Await)):
                wrong.append(f"{where(path, node.lineno)}: is asynchronous")
    assert not wrong, "\n".join(wrong)


def test_what_is_compiled_is_plain_python() -> None:
    """mypyc compiles the market and the engine: no msgspec, and no numpy where a single tick passes."""
    wrong = [
        f"{where(path, line)}: imports {name}"
        for package in ("market", "engine")
        for path in (PACKAGE / package).rglob("*.py")
        for line, name in imports(path)
        if name.split(".")[0] in {"msgspec", "numpy", "pydantic"}
    ]
    assert not wrong, "\n".join(wrong)


def test_what_is_compiled_asks_no_protocol_at_run_time() -> None:
    """In a compiled module a protocol is no class of `typing`: the import itself would fail."""
    setup = tree(ROOT / "setup.py")
    on_the_way = next(
        ast.literal_eval(node.value)
        for node in setup.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ON_THE_WAY"
    )
    compiled = [p for package in ("market", "engine") for p in (PACKAGE / package).rglob("*.py")]
    compiled += [ROOT / name for name in on_the_way]
    assert len(compiled) > 80
    wrong = [str(path) for path in compiled if "runtime_checkable" in path.read_text(encoding="utf-8")]
    assert not wrong, "\n".join(wrong)


def test_a_file_is_one_idea_of_at_most_400_lines() -> None:
    lengths = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in FILES}
    long = {name: length for name, length in lengths.items() if length > LONGEST and name not in LONGER_FILES}
    assert not long
    assert set(LONGER_FILES) <= set(lengths)


def test_names_say_what_a_thing_is() -> None:
    wrong = [
        where(p, 1) for p in FILES if p.stem in {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    ]
    for path in FILES:
        wrong += [
            f"{where(path, node.lineno)}: class {node.name}"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.ClassDef) and re.search(r"(Manager|Helper|Util|Utils)$", node.name)
        ]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_left_for_later() -> None:
    later = re.compile("TO" + "DO|FIX" + "ME|XX" + "X|Not" + "ImplementedError")
    wrong = [
        f"{where(path, number)}: {line.strip()}"
        for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py"))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if later.search(line)
    ]
    assert not wrong, "\n".join(wrong)


def test_no_text_claims_a_cause_gives_gaussian_odds_or_advice() -> None:
    claim = re.compile(
        r"\bcaused\b|\bcauses\b|\bcausal|\bone in \d|\b1 in \d|\b1-in-\d|\bonce in \d+ (?:thousand|million|billion)"
        r"|billion years|\bGaussian\b|\bwe recommend\b|\b(?:buy|sell) (?:the|now|bonds|futures)\b",
        re.IGNORECASE,
    )
    wrong = [
        f"{where(path, line)}: {text.strip()[:100]!r}"
        for path in FILES
        for line, text in shown_strings(path)
        if claim.search(text)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_repository_names_no_machine_and_no_package_index() -> None:
    hosts = (
        "py"
        + r"pi\.org|python"
        + r"hosted|extra-"
        + "index|(?<!no-emit-)index"
        + "-url|(?<!no-emit-)find"
        + r"-links(?! \.)"
    )
    folders = r"(?<![\w.$}])/(?:wo" + r"rk|ro" + r"ot|ho" + r"me)/\w"
    found = re.compile(f"{hosts}|{folders}")
    wrong = []
    for path in tracked():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if found.search(line):
                wrong.append(f"{where(path, number)}: {line.strip()[:120]}")
    assert not wrong, "\n".join(wrong)


LOCKS = sorted(p for p in (ROOT / "requirements").glob("*.txt") if p.name != "debian.txt")


def locked(path: Path) -> dict[str, tuple[str, int]]:
    """name -> (version, number of hashes)"""
    found: dict[str, tuple[str, int]] = {}
    for block in re.split(r"\n(?=\S)", path.read_text(encoding="utf-8")):
        match = re.match(r"([a-z0-9-]+)==(\S+)", block)
        assert match, f"{path.name}: not name==version: {block[:60]!r}"
        found[match[1]] = (match[2], len(re.findall(r"--hash=sha256:[0-9a-f]{64}", block)))
    return found


@pytest.mark.parametrize("path", LOCKS, ids=lambda p: p.stem)
def test_locks_hold_names_versions_and_hashes_and_nothing_else(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"://|file:|\s@\s|#|^-", text, re.MULTILINE)
    assert all(hashes for _, hashes in locked(path).values())


def test_locks_agree_and_hold_all_that_the_package_asks_for() -> None:
    versions: dict[str, str] = {}
    for path in LOCKS:
        for name, (version, _) in locked(path).items():
            assert versions.setdefault(name, version) == version, f"{name} in {path.name}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime, test = locked(ROOT / "requirements/runtime.txt"), locked(ROOT / "requirements/test.txt")

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[<>=;\[ ]", r)[0].lower().replace(".", "-").replace("_", "-") for r in requirements}

    assert names(project["dependencies"]) <= set(runtime)
    assert set(runtime) | names(project["optional-dependencies"]["test"]) <= set(test)


def test_tests_need_only_what_is_locked() -> None:
    """An import that the lock does not know works on one machine and nowhere else."""
    known = set(sys.stdlib_module_names) | {"stressd", "tests", "release", "conftest", "mypyc"}
    alias = {
        "yaml": "pyyaml",
        "proxy": "proxy-py",
        "paho": "paho-mqtt",
        "google": "protobuf",
        "cyclonedx": "cyclonedx-python-lib",
    }
    lock = {name.replace("-", "_") for name in locked(ROOT / "requirements/test.txt")}
    lock |= {name for name, package in alias.items() if package.replace("-", "_") in lock}
    wrong = [
        f"{where(path, line)}: {name}"
        for path in [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]
        for line, name in imports(path)
        if name.split(".")[0] not in known | lock | {p.stem for p in (ROOT / "benchmarks").glob("*.py")}
        and not name.startswith("matplotlib")
    ]
    assert not wrong, "\n".join(wrong)
