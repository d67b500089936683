"""A machine with a real systemd as its process 1: namespaces of its own on an overlay of this one's root."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.namespaces import Namespaces, children

PYTHON = "/usr/bin/python3"
"""The system's, as users have it: one in a home folder is hidden by ProtectHome=."""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb",
    "LANG": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "",
}  # fmt: skip

# in namespaces of its own, so that nothing of it outlives its first process, nor that one this one
BOOT = """
for group in $CGROUPS; do mkdir -p "$group" && echo $$ > "$group/cgroup.procs" || exit 1; done
mount -t tmpfs -o size=2g tmpfs "$1" && mkdir "$1/upper" "$1/work" "$1/root" || exit 1
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root" || exit 1
root="$1/root"; shift
exec systemd-nspawn --quiet -D "$root" --register=no --keep-unit --private-network "$@" \
    --boot -- systemd.unit=basic.target
"""


def missing() -> str:
    """Why no such machine can be booted here, "" where it can."""
    if os.geteuid() != 0:
        return "a real systemd needs root"
    for program in ("systemd-nspawn", "nsenter", "unshare", "setpriv", "/sbin/init", "dbus-daemon"):
        if shutil.which(program) is None:
            return f"a real systemd needs {program} (Debian: systemd-container systemd-sysv dbus util-linux)"
    done = subprocess.run([PYTHON, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"])
    if done.returncode:
        return f"no {PYTHON} of version 3.11 or later with venv (Debian: python3-venv)"
    trial = (
        'mount -t tmpfs tmpfs "$1" && mkdir "$1/u" "$1/w" "$1/m" && '
        'mount -t overlay overlay -o "lowerdir=/,upperdir=$1/u,workdir=$1/w" "$1/m"'
    )
    probe = ["unshare", "--mount", "--propagation", "private", "sh", "-c", trial, "sh", "/mnt"]
    done = subprocess.run(probe, capture_output=True)
    return "" if done.returncode == 0 else f"a real systemd needs overlays: {done.stderr.decode().strip()[:200]}"


class Machine(Namespaces):
    """Booted by `with`. Its loopback, /tmp and state are its own; its programs are this machine's.

    folder: an empty one, where it is mounted. shown: folders of this machine, read-only at other places in it.
    """

    def __init__(self, folder: Path, shown: Mapping[Path, str] | None = None) -> None:
        super().__init__()
        self._folder = folder
        self._shown = shown or {}
        self._groups = [each / f"stressd-test-{os.getpid()}-{folder.name}" for each in _own_cgroups()]
        self._log = folder.with_name(f"{folder.name}.boot")
        self._leader = 0

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        binds = [f"--bind-ro={here}:{there}" for here, there in self._shown.items()]
        name = f"--machine=stressd-{os.getpid()}-{self._folder.name}"
        with self._log.open("wb") as log:
            self.hold(
                ["sh", "-c", BOOT, "sh", str(self._folder), name, *binds], output=log,
                environment={**os.environ, "CGROUPS": " ".join(map(str, self._groups))},
            )  # fmt: skip
        self.until(self._booted, 60, "the machine has booted")

    def close(self) -> None:
        super().close()
        for group in self._groups:
            _remove(group)

    def write(self, path: str, text: str, mode: str = "0644") -> None:
        """A file in it, with the folders above it."""
        command = ["install", "-D", "-m", mode, "/dev/stdin", path]
        subprocess.run([*self.enter(), *command], input=text, text=True, check=True, env=ENVIRONMENT)

    def enter(self) -> list[str]:
        return ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"]

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {**ENVIRONMENT, **variables}

    def seen(self) -> str:
        told = self.run("journalctl -n 40 -o short-precise", check=False).stdout if self._leader else ""
        return told or self._log.read_text()[-2000:]

    def _booted(self) -> bool:
        assert not self.ended(), f"systemd did not boot:\n{self._log.read_text()[-2000:]}"
        if not self._leader:
            below = [child for each in self.first() for child in children(each)]
            self._leader = next((child for child in below if _name(child) == "systemd"), 0)
        return bool(self._leader) and self.run("systemctl is-system-running", check=False).stdout in (
            "running\n",
            "degraded\n",
        )


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def _own_cgroups() -> list[Path]:
    """Where this process is in systemd's hierarchies: two machines in one cgroup would kill each other's services."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mounts = {"": ("unified", "."), "name=systemd": ("systemd",)}.get(controllers, ())
        for mount in (Path("/sys/fs/cgroup") / each for each in mounts):
            if (mount / "cgroup.procs").exists():
                found.append(mount / path.lstrip("/"))
                break
    return found


def _remove(group: Path) -> None:
    end = time.monotonic() + 5
    for folder, _, _ in os.walk(group, topdown=False):
        while True:
            try:
                os.rmdir(folder)
                break
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > end:
                    break
                time.sleep(0.02)
