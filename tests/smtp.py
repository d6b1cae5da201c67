# SPDX-License-Identifier: AGPL-3.0-only
"""A mail server on loopback: as slow, picky or dead as a test wants it."""

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Final

#: Decides on a recipient: None accepts, else the reply, as `550 No such user`.
Verdict = Callable[[str], str | None]

_OK: Final = "250 OK"


class MailServerStandIn(socketserver.ThreadingTCPServer):
    """
    Speaks as much of RFC 5321 as Django's client does, and keeps what it accepted.

    :param delay: seconds before it accepts a message
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0, *, delay: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), _Session)
        self.delay = delay
        self.verdict: Verdict = lambda _: None
        #: The reply to a log-in, as `535 No`; None offers none.
        self.log_in: str | None = None
        #: Hangs up on every client, in the middle of a session too.
        self.is_down = False
        self.messages: list[Message] = []
        self.connections = self.most_connections = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def recipients(self) -> list[str]:
        """Addresses of the accepted messages."""
        return [str(message["To"]) for message in self.messages]


class _Session(socketserver.StreamRequestHandler):
    server: MailServerStandIn

    def handle(self) -> None:
        with self.server.lock:
            self.server.connections += 1
            self.server.most_connections = max(self.server.most_connections, self.server.connections)
        try:
            self._converse()
        except OSError:  # the client is gone
            pass
        finally:
            with self.server.lock:
                self.server.connections -= 1

    def _converse(self) -> None:
        if self.server.is_down:
            return
        self._say("220 stand-in")
        while (line := self.rfile.readline()) and not self.server.is_down:
            command = line.decode().strip()
            match command[:4].upper():
                case "EHLO" | "HELO":
                    self._say("250-stand-in\r\n250 AUTH PLAIN" if self.server.log_in else _OK)
                case "AUTH":
                    self._say(self.server.log_in or _OK)
                case "RCPT":
                    self._say(self.server.verdict(command.partition("<")[2].partition(">")[0]) or _OK)
                case "DATA":
                    self._take_message()
                case "QUIT":
                    self._say("221 Bye")
                    return
                case _:
                    self._say(_OK)

    def _take_message(self) -> None:
        self._say("354 Go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        time.sleep(self.server.delay)
        with self.server.lock:
            self.server.messages.append(message_from_bytes(b"".join(lines)))
        self._say(_OK)

    def _say(self, reply: str) -> None:
        self.wfile.write(f"{reply}\r\n".encode())


@contextmanager
def mail_server(port: int = 0, *, delay: float = 0.0) -> Iterator[MailServerStandIn]:
    """A server that runs."""
    with MailServerStandIn(port, delay=delay) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()
