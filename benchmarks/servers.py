# SPDX-License-Identifier: AGPL-3.0-only
"""Servers of a benchmark: gunicorn on loopback, and what its workers have cost."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.services.databases import ROOT
from tests.services.ports import HOST, free_port

WORKERS: Final = 2
_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Gunicorn:
    """
    A WSGI application under gunicorn, while a ``with`` block lasts.

    :param application: as ``package.module:name``
    :param environment: of its processes
    :param log: file for what the processes say
    :param checkout: directory that it is imported from
    :param ready: path that answers below 500 as soon as it runs
    """

    def __init__(
        self,
        application: str,
        environment: Mapping[str, str],
        log: Path,
        *,
        checkout: Path = ROOT,
        ready: str = "/health/",
        workers: int = WORKERS,
        threads: int = 1,
        backlog: int = 2048,
    ) -> None:
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._log = log
        self._ready = ready
        self._command = [
            sys.executable, "-m", "gunicorn", application, "--bind", f"{HOST}:{self.port}", "--workers", str(workers),
            "--threads", str(threads), "--timeout", "120", "--no-control-socket", "--backlog", str(backlog),
        ]  # fmt: skip
        self._environment = {**environment, "PYTHONPATH": str(checkout)}
        self._checkout = checkout
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Process id of gunicorn's master."""
        if self._process is None:
            raise RuntimeError("The server does not run.")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """
        Start the processes and wait until they answer.

        :raises RuntimeError: they did not
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, cwd=self._checkout, env=self._environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The server did not start:\n{self._log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the processes."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}{self._ready}", timeout=10).close()
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False
        return True

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def cpu_seconds(self) -> float:
        """Seconds of CPU that the workers have used, user and system."""
        return sum(_cpu_ticks(pid) for pid in self.workers()) / _TICKS

    def resident_bytes(self) -> list[int]:
        """Resident memory of each worker."""
        page = os.sysconf("SC_PAGE_SIZE")
        return [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in self.workers()]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
