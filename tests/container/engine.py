"""podman and buildah in namespaces of their own, with `docker` as a name for both.

Without systemd, controllers of cgroups or a network, so: a private cgroup2, the host's limits, the overlay driver, and
health checks by hand. What that does not show: limits of memory and processes, the engine's own timer of health checks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.namespaces import Namespaces

HOLD = """
ip link set lo up 2>/dev/null
umount -l /sys/fs/cgroup 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -t tmpfs tmpfs /run || exit 1
touch "$1/ready"
# the first process of its namespace: it buries the processes of containers, which podman waits for
while :; do sleep 3600 & wait $!; done
"""

STORAGE = '[storage]\ndriver = "overlay"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/storage"\n'

CONTAINERS = """
[containers]
cgroups = "disabled"
netns = "host"
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
runtime = "crun"
events_logger = "file"
tmp_dir = "{folder}/tmp"
"""

# as docker, which mounts nothing on /tmp and /run by itself; without controllers no limits
DOCKER = """#!/bin/bash
case $1 in
build) shift; exec buildah bud --isolation chroot --format docker --build-arg BASE="$BASE" "$@" ;;
run) shift; set -- run --read-only-tmpfs=false "$@" ;;
esac
words=()
while [ $# -gt 0 ]; do
    case $1 in --memory | --pids-limit) shift ;; *) words+=("$1") ;; esac
    shift
done
exec podman "${words[@]}"
"""


def missing() -> str:
    """Why no container can be made here, "" where it can."""
    if os.geteuid() != 0:
        return "containers without an engine of the machine's need root"
    for program in ("buildah", "podman", "crun", "unshare", "setpriv", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: buildah podman crun util-linux)"
    probe = "umount -l /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup"
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", probe], capture_output=True)
    return "" if done.returncode == 0 else f"no private cgroup2 here: {done.stderr.decode().strip()[:200]}"


class Engine(Namespaces):
    """Begun by `with`; at its end its containers, images and mounts are gone. folder: an empty one
    with a short path, not on a tmpfs."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def start(self) -> None:
        for name in ("bin", "run", "storage", "tmp"):
            (self.folder / name).mkdir(parents=True)
        for name, text in (("storage.conf", STORAGE), ("containers.conf", CONTAINERS)):
            (self.folder / name).write_text(text.format(folder=self.folder))
        (self.folder / "bin/docker").write_text(DOCKER)
        (self.folder / "bin/docker").chmod(0o755)
        self.hold(["bash", "-c", HOLD, "bash", str(self.folder)], "--net")
        self.until((self.folder / "ready").exists, 20, "the namespaces are there")

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def enter(self) -> list[str]:
        """The beginning of a command with `docker` at hand."""
        return ["nsenter", "-t", str(self.first()[0]), "-m", "-n", "-p", f"--wd={self.folder}", "--"]

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "PATH": f"{self.folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder / "tmp"),
            "CONTAINERS_STORAGE_CONF": str(self.folder / "storage.conf"),
            "CONTAINERS_CONF": str(self.folder / "containers.conf"),
            "DISABLE_HC_SYSTEMD": "true",
            "BUILDAH_ISOLATION": "chroot",
            **variables,
        }

    def seen(self) -> str:
        return self.run("docker logs stressd 2>&1 | tail -20", check=False).stdout if self.first() else ""
