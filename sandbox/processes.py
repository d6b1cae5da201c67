# SPDX-License-Identifier: AGPL-3.0-only
"""Child processes that live and die together: started as a table says, their output prefixed by name, ended by pid."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

# How long a child may take to end after SIGTERM before it is killed.
END_SECONDS: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Child:
    """
    One process of the group.

    :param name: what its lines of output begin with
    :param command: program and arguments
    :param ready_url: answers 200 once the process is of use; None for one that serves nobody
    """

    name: str
    command: Sequence[str]
    ready_url: str | None = None


def spawn(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a program that reads nothing, its output and errors as one text, out of reach of the terminal's Ctrl-C."""
    # The commands come from this package's own tables; no shell is involved.
    return subprocess.Popen(  # noqa: S603
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


class Group:
    """Processes that are started one by one and ended all together."""

    def __init__(self, environ: Mapping[str, str], *, name_width: int) -> None:
        self._environ = dict(environ)
        self._name_width = name_width
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._output_lock = threading.Lock()

    def start(self, child: Child) -> None:
        """Start a child in a process group of its own, so that the terminal's Ctrl-C reaches it only through us."""
        process = spawn(child.command, self._environ)
        self._running[child.name] = process
        if process.stdout is not None:
            threading.Thread(target=self._copy_output, args=(child.name, process.stdout), daemon=True).start()

    def dead(self) -> tuple[str, int] | None:
        """Name and exit code of a child that has ended by itself; None while all of them live."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                return name, code
        return None

    def end(self) -> None:
        """End all children and what they started: SIGTERM, and SIGKILL to what is still there after a while."""
        deadline = time.monotonic() + END_SECONDS
        for process in self._running.values():
            _signal_group(process, signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait()
        self._running.clear()

    def _copy_output(self, name: str, lines: IO[str]) -> None:
        for line in lines:
            with self._output_lock:
                sys.stdout.write(f"{name:>{self._name_width}} | {line.rstrip()}\n")
                sys.stdout.flush()


def _signal_group(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # A child that was not waited for keeps its pid, so this can reach no stranger.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
