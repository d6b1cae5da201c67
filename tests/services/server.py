# SPDX-License-Identifier: AGPL-3.0-only
"""The service behind a real HTTP server, and requests to it: one by one, or many at once."""

import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.services.databases import ROOT, Database
from tests.services.ports import HOST, free_port
from tests.tokens import Person

WORKERS: Final = 8
WORKERS_ON_SQLITE: Final = 4
#: Twenty learners who each start and submit, while somebody changes their exam six times.
AT_ONCE: Final = 46

START_SECONDS: Final = 60
STOP_SECONDS: Final = 30
REQUEST_SECONDS: Final = 120


@dataclass(frozen=True)
class Call:
    """
    A request to be made.

    :param path: what follows ``/api/v1/``, or all of it if it begins with a slash; goes out as it is, encoded or not
    :param person: whose token goes with it
    :param body: sent as JSON; bytes go out as they are
    :param headers: added to, or put in place of, what is sent by itself
    """

    method: str
    path: str
    person: Person | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return self.path if self.path.startswith("/") else f"/api/v1/{self.path}"

    @property
    def content(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()

    @property
    def all_headers(self) -> dict[str, str]:
        headers = {"Accept": "application/json"}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.person is not None:
            headers |= self.person.authorization()
        return headers | dict(self.headers)

    def __str__(self) -> str:
        body = "" if self.content is None else f" {self.content[:200]!r}{'…' if len(self.content) > 200 else ''}"
        return f"{self.person.username if self.person else 'nobody'}: {self.method} {self.target[:200]}{body}"


@dataclass(frozen=True)
class Answer:
    """The response to a call: status, headers by lower-case name, and the body as it was sent."""

    call: Call
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """
        The body.

        :raises ValueError: it is no JSON
        """
        return json.loads(self.content)

    @property
    def detail(self) -> str | None:
        """The reason of a refusal, if the body gives it as the contract asks."""
        try:
            detail = self.json["detail"]
        except (ValueError, TypeError, KeyError):
            return None
        return detail if isinstance(detail, str) else None

    def __str__(self) -> str:
        return f"{self.call} -> {self.status} {self.content[:600].decode(errors='replace')}"


class Service:
    """
    The service under gunicorn with several single-threaded worker processes.

    :param database: migrated already
    :param log: file for everything that the processes say
    :param workers: by default 8, on SQLite 4
    """

    def __init__(self, database: Database, log: Path, workers: int | None = None) -> None:
        self.database = database
        self.log = log
        self.port = free_port()
        self.workers = workers or (WORKERS_ON_SQLITE if database.is_sqlite else WORKERS)
        self._process: subprocess.Popen[bytes] | None = None
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="client")

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start the processes and wait until they answer."""
        command = [
            sys.executable, "-m", "gunicorn", "edx_exams.wsgi:application",
            "--bind", f"{HOST}:{self.port}",
            "--workers", str(self.workers),
            "--worker-class", "sync",
            "--timeout", str(REQUEST_SECONDS),
            "--graceful-timeout", "5",
            "--preload",  # one import for all workers: seconds less on two cores
            "--limit-request-line", "0",  # how long a path may be is for the service to say
            "--no-control-socket",
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=self.database.process_environment, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.call(Call("GET", "/health/"))
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"The service did not start:\n{self.log_tail()}") from None
                time.sleep(0.1)

    def stop(self) -> None:
        """End the server by its pid; its workers go with it."""
        self._threads.shutdown()
        if self._process is None:
            return
        os.kill(self._process.pid, signal.SIGTERM)
        self._process.wait(STOP_SECONDS)
        self._process = None

    def log_tail(self, characters: int = 6000) -> str:
        """The end of what the server said, for the message of a failing assertion."""
        return self.log.read_text(errors="replace")[-characters:]

    def call(self, call: Call) -> Answer:
        """Make a request."""
        connection = self._connection()
        try:
            return _exchange(connection, call)
        finally:
            connection.close()

    def get(self, path: str, person: Person | None = None) -> Answer:
        """Make a GET request."""
        return self.call(Call("GET", path, person))

    def expect(self, call: Call, status: int) -> Answer:
        """Make a request that sets the stage: any other status ends the test."""
        answer = self.call(call)
        assert answer.status == status, f"{answer}\n{self.log_tail()}"
        return answer

    def at_once(self, calls: Sequence[Call]) -> list[Answer]:
        """
        Make all requests at the same moment, each by a thread and a connection of its own.

        Every connection is open before the first byte goes out, so that all workers stand ready to read. Which of them
        is served first is left to chance, and not to the order in which a test names them.

        :returns: the answers in the order of the calls
        """
        assert len(calls) <= AT_ONCE, f"at most {AT_ONCE} requests at once"
        barrier = threading.Barrier(len(calls))
        shuffled = random.sample(range(len(calls)), len(calls))
        answers = dict(
            zip(
                shuffled,
                self._threads.map(lambda place: self._call_together(calls[place], barrier), shuffled),
                strict=True,
            )
        )
        return [answers[place] for place in range(len(calls))]

    def _call_together(self, call: Call, barrier: threading.Barrier) -> Answer:
        connection = self._connection()
        try:
            connection.connect()
            barrier.wait(REQUEST_SECONDS)
            return _exchange(connection, call)
        except OSError as error:  # the server hung up: counted like any other failure of it
            return Answer(call, 599, {}, repr(error).encode())
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, self.port, timeout=REQUEST_SECONDS)


def _exchange(connection: http.client.HTTPConnection, call: Call) -> Answer:
    content = call.content
    # By hand, for a path is sent exactly as a test wrote it, bytes that no client would send included.
    connection.putrequest(call.method, call.target, skip_accept_encoding=True)
    if content is not None:
        connection.putheader("Content-Length", str(len(content)))
    for name, value in call.all_headers.items():
        connection.putheader(name, value)
    connection.endheaders(content)
    response = connection.getresponse()
    return Answer(
        call, response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    )
