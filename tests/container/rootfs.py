"""A small Debian, made of the packages of this machine: a base image without any registry or mirror."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

PACKAGES = ("base-files", "base-passwd", "coreutils", "dash", "findutils", "grep", "sed", "libc-bin", "python3",
            "python3-venv", "ca-certificates")  # fmt: skip
"""What the Dockerfile and Python ask of a base; with all that they depend on."""

LEFT_OUT = ("perl", "perl-base", "debconf", "openssl", "dpkg", "tar")
"""What installing needs, and running does not."""

LEAN = ("usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/lintian/")
MERGED = ("bin", "lib", "lib64", "sbin")
CERTIFICATES = "usr/share/ca-certificates/mozilla"


def missing() -> str:
    """Why none can be made here, "" where it can."""
    if shutil.which("dpkg-query") is None:
        return "the base image is made of Debian's packages, and this is no Debian"
    absent = [name for name in PACKAGES if not _files([name])]
    return f"packages for the base image are not installed: {', '.join(absent)}" if absent else ""


def write(to: Path) -> None:
    """The file system as a tar file."""
    names = _closure(PACKAGES)
    with tarfile.open(to, "w") as archive:
        for each in MERGED:
            if (Path("/") / each).is_symlink():
                archive.add(f"/{each}", each, recursive=False)
        for path in dict.fromkeys(map(_real, _files(sorted(names)))):
            inside = str(path).lstrip("/")
            if not inside.startswith(LEAN) and path.parts[1:] not in [(each,) for each in MERGED]:
                archive.add(path, inside, recursive=False)
        for name in ("passwd", "group"):
            _text(archive, f"etc/{name}", Path(f"/usr/share/base-passwd/{name}.master").read_bytes())
        bundle = b"".join(path.read_bytes() for path in sorted((Path("/") / CERTIFICATES).glob("*.crt")))
        _text(archive, "etc/ssl/certs/ca-certificates.crt", bundle)


def _closure(names: Iterable[str]) -> set[str]:
    """With what they depend on, as far as it is installed."""
    out = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package}\t${Provides}\t${Pre-Depends}, ${Depends}\n"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    needs: dict[str, list[str]] = {}
    provided: dict[str, str] = {}
    for line in out.splitlines():
        name, provides, depends = line.split("\t")
        needs[name] = [re.split(r"[\s(:]", each.strip())[0] for each in re.split(r"[,|]", depends) if each.strip()]
        for each in provides.split(","):
            provided.setdefault(re.split(r"[\s(]", each.strip())[0], name)
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        name = name if name in needs else provided.get(name, "")
        if name and name not in found and name not in LEFT_OUT:
            found.add(name)
            waiting += needs[name]
    return found


def _files(packages: list[str]) -> list[Path]:
    out = subprocess.run(["dpkg-query", "-L", *packages], capture_output=True, text=True).stdout
    return [Path(line) for line in out.splitlines() if line.startswith("/") and line != "/." and _there(Path(line))]


def _there(path: Path) -> bool:
    return path.is_symlink() or path.exists()


def _real(path: Path) -> Path:
    """/bin/sh of a package is /usr/bin/sh where the folders are merged."""
    merged = path.parts[1] in MERGED and len(path.parts) > 2 and Path("/", path.parts[1]).is_symlink()
    return Path("/usr", *path.parts[1:]) if merged else path


def _text(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)
    about.size = len(content)
    about.mode = 0o644
    archive.addfile(about, BytesIO(content))
