# SPDX-License-Identifier: AGPL-3.0-only
"""Servers written in Java: programs from Maven Central, brought once for a checkout; processes that we end."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

#: Programs are kept here between runs.
PROGRAMS: Final = Path(__file__).resolve().parents[2] / "var" / "java"

START_SECONDS: Final = 120
STOP_SECONDS: Final = 30
#: For servers that live for a minute on a small machine: little memory, and nothing compiled for the long run.
FLAGS: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

MISSING: Final = "{} is not installed: apt-get install -y default-jre-headless maven"


class JavaMissing(Exception):
    """Java or Maven is not on this machine; the message names the packages that bring them."""


class JavaFailed(Exception):
    """A download failed, or a server did not start or end; the message holds what the program said."""


def run(command: Sequence[str]) -> str:
    """
    Run a program to its end.

    :returns: what it printed
    :raises JavaMissing: it is not installed
    :raises JavaFailed: it failed
    """
    if shutil.which(command[0]) is None:
        raise JavaMissing(MISSING.format(command[0]))
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise JavaFailed(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


@contextmanager
def program(name: str) -> Iterator[tuple[Path, bool]]:
    """
    The directory of a program that may still have to be brought; one process at a time brings it.

    :returns: the directory, and whether the program is in it; if not, the block puts it there
    """
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    directory, complete = PROGRAMS / name, PROGRAMS / f"{name}.complete"
    with (PROGRAMS / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory, complete.exists()
        complete.touch()


class JavaServer:
    """
    One server process: started, ended by its pid, stopped and continued.

    :param directory: where its data, log and pid file are; made where missing
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pid_file = directory / "pid"
        self.log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def launch(self, command: Sequence[str], environment: Mapping[str, str], answers: Callable[[], bool]) -> None:
        """
        Start the process and wait until the server answers.

        :raises JavaFailed: it ended, or stayed silent for two minutes
        """
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [*command],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid_file.write_text(str(process.pid))
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise JavaFailed(f"{command[0]} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    @property
    def pid(self) -> int | None:
        """The process's id, from its file where another process of ours started it; None if there is none."""
        if self._process is not None:
            return self._process.pid
        try:
            pid = int(self.pid_file.read_text())
            # After a restart of the machine, the number may be anybody's.
            return pid if str(PROGRAMS).encode() in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        except FileNotFoundError:
            return None

    @property
    def is_running(self) -> bool:
        """Check whether its process is there, whoever started it."""
        return self.pid is not None

    def stop(self) -> None:
        """
        End the server as a service manager does, and wait until it has gone. No server: nothing to do.

        :raises JavaFailed: it is still there after half a minute
        """
        pid = self.pid
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGCONT)
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        else:
            self._wait_until_gone(pid)
        self._process = None
        self.pid_file.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it hang: it keeps its connections and says nothing."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self.pid is not None:
            os.kill(self.pid, signal.SIGCONT)

    def _wait_until_gone(self, pid: int) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while self._is_there(pid):
            if time.monotonic() > deadline:
                raise JavaFailed(f"process {pid} does not end:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.05)

    def _is_there(self, pid: int) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return Path(f"/proc/{pid}").exists()
