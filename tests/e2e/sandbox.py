# SPDX-License-Identifier: AGPL-3.0-only
"""One run of ``python -m sandbox.run`` in a directory and on ports of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

import requests

from tests.tokens import Person

CHECKOUT: Final = Path(__file__).resolve().parent.parent.parent
WORKER: Final = Person("sandbox_worker", administrator=True)
START_SECONDS: Final = 120
END_SECONDS: Final = 20


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class RunningSandbox:
    """
    A sandbox and what it has printed.

    :param var: where it keeps everything
    :param learning_mfe_url: of a learning interface beside it, which takes the place of its own exam pages
    """

    var: Path
    exams_port: int = field(default_factory=free_port)
    lms_port: int = field(default_factory=free_port)
    tool_port: int = field(default_factory=free_port)
    learning_mfe_url: str = ""
    output: list[str] = field(default_factory=list)

    @property
    def lms_url(self) -> str:
        """Addresses of the pages."""
        return f"http://localhost:{self.lms_port}"

    @property
    def exams_url(self) -> str:
        """The exam service."""
        return f"http://localhost:{self.exams_port}"

    @property
    def tool_url(self) -> str:
        """The proctoring tool."""
        return f"http://localhost:{self.tool_port}"

    @property
    def text(self) -> str:
        """All output so far."""
        return "".join(self.output)

    @property
    def pid(self) -> int:
        """Process id of the sandbox's first process, which is also its group."""
        return self._process.pid

    def start(self) -> Self:
        """Start it, without waiting for it to be of use."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.run"],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "EXAMS_PORT": str(self.exams_port),
                "SANDBOX_LMS_PORT": str(self.lms_port),
                "SANDBOX_TOOL_PORT": str(self.tool_port),
                "SANDBOX_LEARNING_MFE_URL": self.learning_mfe_url,
                "SANDBOX_VAR_DIR": str(self.var),
                "EXAMS_SQLITE_PATH": str(self.var / "edx_exams.sqlite3"),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def wait_until_ready(self) -> Self:
        """Wait for the words that say so."""
        self.wait_for(lambda: "The sandbox is ready" in self.text)
        return self

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until the output fulfils a condition; an end of the process before that is a failure."""
        with self._changed:
            fulfilled = self._changed.wait_for(lambda: condition() or self._process.poll() is not None, START_SECONDS)
        assert fulfilled, f"Nothing of the kind within {START_SECONDS} seconds. The sandbox printed:\n{self.text}"
        assert condition(), f"It ended before. The sandbox printed:\n{self.text}"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it as a person or a supervisor would; returns its exit code."""
        self._process.send_signal(how)
        return self.end()

    def end(self) -> int:
        """Wait for its end; returns its exit code."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def change_exam(self, course_id: str, name: str, **changes: object) -> None:
        """Change fields of one of a course's exams, as a worker of the platform may."""
        exams = f"{self.exams_url}/api/v1/exams/course_id/{quote(course_id)}"
        headers = WORKER.authorization()
        items = requests.get(exams, headers=headers, timeout=END_SECONDS).json()
        wanted = [{**item, **(changes if item["exam_name"] == name else {})} for item in items]
        answer = requests.patch(exams, json=wanted, headers=headers, timeout=END_SECONDS)
        assert answer.ok, answer.text

    def forget_attempts(self, *course_ids: str) -> None:
        """Reset all attempts and delete all extra time of courses, as a worker of the platform may."""
        session = requests.Session()
        session.headers.update(WORKER.authorization())
        session.hooks["response"].append(lambda response, **_: response.raise_for_status())
        for course in map(quote, course_ids):
            attempts = f"{self.exams_url}/api/v1/instructor_view/course_id/{course}/attempts?limit=1000"
            allowances = f"{self.exams_url}/api/v1/exams/course_id/{course}/allowances"
            for attempt in session.get(attempts).json()["results"]:
                session.delete(f"{self.exams_url}/api/v1/exams/attempt/{attempt['attempt_id']}")
            for allowance in session.get(allowances).json():
                session.delete(f"{allowances}/{allowance['id']}")

    def children(self) -> list[int]:
        """Process ids of the processes that it has started."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.output.append(line)
                self._changed.notify_all()
        self._process.wait()
        with self._changed:
            self._changed.notify_all()
