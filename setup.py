"""Compiles `stressd.market`, `stressd.engine` and a message's way to them with mypyc when the package is built.

All are one group of extensions, which are optional: without mypyc, a C compiler or Python's headers the same files are
installed uncompiled. STRESSD_PURE=1 skips compilation; STRESSD_COMPILED=1 makes it an error if it does not succeed.
"""

from __future__ import annotations

import os
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
    "stressd/feeds/topics.py",
    "stressd/feeds/values.py",
    "stressd/feeds/ticklines.py",
)
"""What else a message passes on its way from the socket to the engine."""
BUILDS = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}
REQUIRED = os.environ.get("STRESSD_COMPILED") == "1"


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


class BuildPython(build_py):
    """Starts from an empty build tree, but for the compiled files: a file that was deleted must not be shipped."""

    def run(self) -> None:
        library = Path(self.build_lib)
        for path in sorted(library.rglob("*")) if library.is_dir() else ():
            if path.is_file() and path.suffix != ".so":
                path.unlink()
        super().run()


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
