# SPDX-License-Identifier: AGPL-3.0-only
"""A Redis server of the tests' own, on loopback and without files."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Final

from tests.services.ports import HOST, free_port

_START_SECONDS: Final = 20.0


class Redis:
    """
    A server that keeps its data in memory; AOF keeps it through a restart if the options say so.

    :param options: further arguments of `redis-server`
    """

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self._directory, self._options = directory, options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}/0"

    @property
    def client(self) -> Any:
        """A client of the server."""
        from redis import Redis as Client  # noqa: PLC0415  (production's requirement)

        return Client.from_url(self.url)

    def start(self) -> None:
        port = str(self.port)
        self._process = subprocess.Popen(
            [
                "redis-server",
                "--bind",
                HOST,
                "--port",
                port,
                "--save",
                "",
                "--dir",
                str(self._directory),
                *self._options,
            ],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server did not start"
            time.sleep(0.05)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """End the server. One that was not started needs nothing."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def entries(self, stream: str) -> list[dict[bytes, bytes]]:
        """Return the fields of a stream's entries, oldest first."""
        return [fields for _, fields in self.client.xrange(stream)]

    def _answers(self) -> bool:
        ping = ["redis-cli", "-h", HOST, "-p", str(self.port), "ping"]
        return subprocess.run(ping, capture_output=True).stdout.strip() in {b"PONG", b"NOAUTH Authentication required."}
