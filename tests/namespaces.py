"""Processes in namespaces of their own: nothing of them outlives their first one, nor that one this process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class Namespaces(ABC):
    """Begun and ended by `with`; subclasses say what runs there, and how to get in."""

    def __init__(self) -> None:
        self._holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def start(self) -> None:
        """Calls `hold`, and returns once scripts can be run."""

    @abstractmethod
    def enter(self) -> list[str]:
        """The beginning of a command that runs there."""

    @abstractmethod
    def environment(self, variables: Mapping[str, str]) -> Mapping[str, str]:
        """Of a command that runs there: nothing of this machine's settings."""

    @abstractmethod
    def seen(self) -> str:
        """What tells people why something did not come about."""

    def hold(
        self,
        command: Sequence[str],
        *unshared: str,
        output: IO[bytes] | int = subprocess.DEVNULL,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Begins the first process, with mounts and processes of its own. unshared: what else is, as options."""
        self._holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private", *unshared,
             "--pid", "--fork", "--kill-child", "--mount-proc", *command],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, env=environment,
        )  # fmt: skip

    def ended(self) -> bool:
        """Whether the first process is gone."""
        return self._holder is None or self._holder.poll() is not None

    def first(self) -> list[int]:
        """The first process of the namespace, by its number out here; none before it is there."""
        return [] if self._holder is None else children(self._holder.pid)

    def close(self) -> None:
        """Switches it off as by its plug."""
        if self._holder is not None:
            for child in self.first():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._holder.wait(5)
            self._holder.kill()
            self._holder.wait()

    def run(
        self, script: str, *, check: bool = True, timeout: float = 170.0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """A shell script there, as root. check: it must end with 0."""
        done = subprocess.run(
            [*self.enter(), "bash", "-euo", "pipefail", "-c", script],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout,
            env=self.environment(variables),
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{script}\nended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def said(self, script: str) -> str:
        """What a script prints."""
        return self.run(script).stdout.strip()

    def until(self, condition: Callable[[], object], seconds: float, what: str) -> None:
        """Looks again and again; fails with `what` in its text."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds:.0f} s: {what}\n{self.seen()}")
            time.sleep(0.05)


def children(pid: int) -> list[int]:
    """Numbers of the processes that it has begun."""
    with contextlib.suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
