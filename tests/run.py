"""Every test, as several processes side by side. `make test` calls it, after making .venv.

Every test runs against the installed package, its engine compiled; those of the engine's two forms run again,
interpreted. (What is told of the engine, stressd.alerts, has one form.) Many tests wait for real daemons, machines and
brokers, so there are two processes more than cores. What a process printed comes out when it has ended; the list of
tests that could not run on this machine comes last.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests"
DONE = ROOT / ".venv/.done"
COMPARED = "tests/engine/test_always.py::test_the_compiled_engine_says_what_the_interpreted_one_says"
"""Compares both forms by itself, in the compiled run."""

TOGETHER = (
    ("systemd", "container", "install"),
    ("lab",),
    ("runtime",),
    ("sinks", "feeds", "store", "security", "fuzz"),
    ("killing", "faults", "monitoring"),
    ("engine", "market"),
)
"""Folders of one process each: a release, a machine and an image are made once. Whatever is not named here shares one
more."""

TWO_FORMS = (("lab",), ("engine", "market", "feeds"))

ORDER = ("systemd", "lab", "runtime", "alerts", "engine", "sinks", "killing")
"""Processes by their first folder: those that take longest begin first, and what computes stands beside what waits."""


@dataclass(frozen=True)
class Part:
    """One process: paths below the repository, and the form of the engine that it must find."""

    paths: tuple[str, ...]
    form: str
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{' '.join(path.removeprefix('tests/') for path in self.paths)}, engine {self.form}"


def compiled(tests: Path = TESTS) -> tuple[Part, ...]:
    """Every test file of the folder in exactly one part."""
    named = {folder for folders in TOGETHER for folder in folders}
    holding = {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")}
    parts = [Part(tuple(f"tests/{folder}" for folder in folders), "compiled") for folders in TOGETHER]
    return (*parts, Part(tuple(f"tests/{name}" for name in sorted(holding - named)), "compiled"))


def interpreted() -> tuple[Part, ...]:
    options = ("-m", "not soak and not once", "--deselect", COMPARED)
    return tuple(Part(tuple(f"tests/{folder}" for folder in folders), "interpreted", options) for folders in TWO_FORMS)


def run(part: Part, number: int) -> tuple[bool, str, list[str]]:
    """Whether all passed; what it printed; what could not run here."""
    not_run = DONE / f"not-run.{number}"
    not_run.write_text("", encoding="utf-8")
    environment = {
        **os.environ,
        "PYTHONSAFEPATH": "1",
        "STRESSD_EXPECT_FORM": part.form,
        "STRESSD_NOT_RUN_FILE": str(not_run),
    }
    if part.form == "interpreted":
        environment["PYTHONPATH"] = str(ROOT)  # before the installed one
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *part.options, *part.paths],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    took = time.monotonic() - began
    passed = done.returncode == 0
    head = f"=== {part.name}: {'passed' if passed else 'FAILED'} in {took:.0f} s"
    return passed, f"{head}\n{done.stdout}", not_run.read_text(encoding="utf-8").splitlines()


def ordered(parts: tuple[Part, ...]) -> list[Part]:
    """In the order in which they begin."""
    firsts = [part.paths[0].removeprefix("tests/") for part in parts]
    return [part for _, part in sorted(zip(firsts, parts, strict=True), key=lambda each: _rank(each[0]))]


def _rank(folder: str) -> int:
    return ORDER.index(folder) if folder in ORDER else len(ORDER)


def side_by_side(parts: list[Part]) -> Iterator[tuple[bool, str, list[str]]]:
    """As they end. The first ones begin first."""
    with ThreadPoolExecutor((os.cpu_count() or 1) + 2) as pool:
        begun = [pool.submit(run, part, number) for number, part in enumerate(parts)]
        for future in as_completed(begun):
            yield future.result()


def main() -> int:
    form = (DONE / "form").read_text(encoding="utf-8").strip()
    parts = compiled()
    passed = True
    not_run: set[str] = set()
    if form == "compiled":
        parts = (*parts, *interpreted())
    else:
        print("!!! THE COMPILED ENGINE IS NOT TESTED: this machine has no C compiler or no headers of Python !!!")
        not_run.add("every test, compiled: no C compiler, or no headers of Python")
        parts = tuple(Part(part.paths, form) for part in parts)
        if os.environ.get("CI") == "true":
            print("stressd: with CI=true that is a failure", file=sys.stderr)
            passed = False
    for good, printed, left_out in side_by_side(ordered(parts)):
        print(printed, flush=True)
        passed = passed and good
        not_run.update(left_out)
    if not_run:
        print(f"=== NOT RUN HERE: {len(not_run)}", *sorted(not_run), sep="\n")
    print("=== all tests passed" if passed else "=== TESTS FAILED")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
