"""Compiles `stressd.market`, `stressd.engine` and a message's way to them with mypyc when the package is built.

All are one group of extensions, which are optional: without mypyc, a C compiler or Python's headers the same files are
installed uncompiled. STRESSD_PURE=1 skips compilation; STRESSD_COMPILED=1 makes it an error if it does not succeed.

The page's charting library is fetched by npm, by name, version and hash (requirements/page), and put beside the page
with its licence; where it cannot be had, the page says that its charts are missing.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

PACKAGES = ("stressd/market", "stressd/engine")
ON_THE_WAY = (
    "stressd/feeds/base.py",
    "stressd/feeds/tally.py",
    "stressd/feeds/mqtt_link.py",
    "stressd/runtime/mailbox.py",
    "stressd/feeds/decoder.py",
    "stressd/feeds/mqtt5_protocol.py",
    "stressd/feeds/mqtt5_usual.py",
    "stressd/feeds/topics.py",
    "stressd/feeds/values.py",
    "stressd/feeds/ticklines.py",
    "stressd/runtime/recordedlines.py",
)
"""What else a message passes on its way from the socket to the engine."""
BUILDS = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}
REQUIRED = os.environ.get("STRESSD_COMPILED") == "1"

LIBRARY = "uplot"
LOCK = Path("requirements/page")
SHIPPED = {"uplot.js": "dist/uPlot.iife.min.js", "uplot.css": "dist/uPlot.min.css", "uplot.LICENSE": "LICENSE"}
"""Of the charting library, by the name that it has beside the page."""
FETCH_S = 120


def pure(why: str) -> None:
    if REQUIRED:
        sys.exit(f"stressd: the engine could not be compiled: {why}")
    print(f"stressd: WARNING: the engine is installed UNCOMPILED, about ten times slower: {why}", file=sys.stderr)


def extensions() -> list[Any]:
    if os.environ.get("STRESSD_PURE") == "1" or not BUILDS.intersection(sys.argv):
        return []
    try:
        from mypyc.build import mypycify
    except ImportError:
        pure("mypyc is not installed")
        return []
    files = [str(p) for package in PACKAGES for p in sorted(Path(package).glob("*.py")) if p.name != "__init__.py"]
    files += [name for name in ON_THE_WAY if Path(name).exists()]
    flags = [
        "--config-file=",
        "--cache-dir=build/mypy",
        "--strict",
        "--ignore-missing-imports",
        "--no-warn-unused-ignores",
        "--no-warn-return-any",
    ]
    try:
        found = mypycify([*flags, *files], opt_level="3", debug_level="0")
    except SystemExit:
        pure("mypyc refused the sources, see above")
        return []
    for extension in found:
        extension.optional = not REQUIRED
    return list(found)


def charts(to: Path) -> None:
    """The charting library into a folder, with a note of what it is, whole or not at all."""
    work = Path("build/page")
    npm = shutil.which("npm")
    try:
        if npm is None:
            raise OSError("npm is not installed")
        work.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(LOCK / name, work / name)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", "--fetch-retries=1"]
        done = subprocess.run(command, check=False, cwd=work, capture_output=True, text=True, timeout=FETCH_S)
        if done.returncode:
            raise OSError((done.stderr or done.stdout).strip()[-400:])
        locked = json.loads((work / "package-lock.json").read_bytes())["packages"][f"node_modules/{LIBRARY}"]
        note = {"name": LIBRARY, **{key: locked[key] for key in ("version", "license", "integrity")}}
        files = {name: (work / "node_modules" / LIBRARY / path).read_bytes() for name, path in SHIPPED.items()}
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"stressd: WARNING: the page is installed WITHOUT ITS CHARTS: {error}", file=sys.stderr)
        return
    to.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (to / name).write_bytes(data)
    (to / "uplot.json").write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


class BuildPython(build_py):
    """Starts from an empty build tree, but for the compiled files: a file that was deleted must not be shipped."""

    def run(self) -> None:
        library = Path(self.build_lib)
        for path in sorted(library.rglob("*")) if library.is_dir() else ():
            if path.is_file() and path.suffix != ".so":
                path.unlink()
        super().run()
        if not self.editable_mode:
            charts(library / "stressd/web/charts")


class BuildExtensions(build_ext):
    """All of the group or nothing: a part of it cannot be imported. Compiled files of former builds are dropped."""

    def run(self) -> None:
        super().run()
        wanted = {Path(p) for p in self.get_outputs()} if self.extensions else set()
        library = Path(self.build_lib)
        built = set(library.rglob("*.so")) if library.is_dir() else set()
        if not wanted <= built:
            pure("the C compiler failed or Python's headers are missing, see above")
            wanted = set()
        for path in built - wanted:
            path.unlink()


setup(ext_modules=extensions(), cmdclass={"build_py": BuildPython, "build_ext": BuildExtensions})
