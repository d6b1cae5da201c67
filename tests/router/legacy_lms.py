# SPDX-License-Identifier: AGPL-3.0-only
"""An LMS with edx-proctoring, as this service sees it: real sockets, requests recorded, faults on demand."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, override

API: Final = "/api/edx_proctoring/v1/"
TOKENS: Final = "/oauth2/access_token"
TOKEN: Final = "legacy-worker-token-9f2c"
KEY: Final = "exams-worker"
SECRET: Final = "exams-worker-secret-71ab"

Behaviour = Callable[["_Handler"], None]


class Asked(NamedTuple):
    """A request as it came over the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """Without the query, as it was encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """As it was encoded."""
        return self.target.partition("?")[2]


class LegacyLms:
    """Recorded requests, and the behaviour that a test wants."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.token_requests: list[Asked] = []
        self.connections = 0
        self.behave: Behaviour = answers(200, {})
        self.issue: Behaviour = issues_token()
        #: Set when it closes, for behaviours that wait.
        self.closing = threading.Event()

    @property
    def request(self) -> Asked:
        """The only request to its API."""
        (only,) = self.asked
        return only


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    lms: LegacyLms

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        target = self.path.removeprefix(f"http://{self.headers['Host']}")  # whole where we are a proxy
        asked = Asked(self.command, target, dict(self.headers.items()), body)
        is_for_token = asked.path == TOKENS
        (self.lms.token_requests if is_for_token else self.lms.asked).append(asked)
        try:
            (self.lms.issue if is_for_token else self.lms.behave)(self)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = _handle  # noqa: N815  (http.server's own names)

    @override
    def setup(self) -> None:
        self.lms.connections += 1
        super().setup()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        return


class _Server(ThreadingHTTPServer):
    request_queue_size = 128
    block_on_close = False

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that gives up is what is tested


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[LegacyLms]:
    """A stand-in on a port of its own, for a block."""
    handler: type[_Handler] = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    handler.lms = lms = LegacyLms(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield lms
    finally:
        lms.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


# Behaviours


def sends(status: int, body: bytes, content_type: str = "text/html", **headers: str) -> Behaviour:
    """An answer of these bytes."""

    def behave(handler: _Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Type", content_type)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return behave


def answers(status: int, data: Any) -> Behaviour:
    """An answer in JSON."""
    return sends(status, json.dumps(data).encode(), "application/json")


def issues_token(lifetime: float = 3600) -> Behaviour:
    """A token that is good for so many seconds."""
    return answers(200, {"access_token": TOKEN, "expires_in": lifetime, "token_type": "JWT", "scope": "read"})


def hangs(handler: _Handler) -> None:
    """No answer at all."""
    handler.lms.closing.wait()
    handler.close_connection = True


def cuts(handler: _Handler) -> None:
    """The connection ends before an answer."""
    handler.close_connection = True


def _writes(*pieces: bytes, pause: float = 0.0, for_ever: bytes = b"") -> Behaviour:
    def behave(handler: _Handler) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)
        while for_ever and not handler.lms.closing.wait(pause):
            handler.wfile.write(for_ever)

    return behave


_HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
sends_half: Final = _writes(_HEAD, b'Content-Length: 100\r\n\r\n{"exam": {')
sends_half_then_hangs: Final = _writes(_HEAD, b'Content-Length: 100\r\n\r\n{"exam": {', pause=60, for_ever=b" ")
drips_its_head: Final = _writes(_HEAD, b"X-Long: ", pause=0.02, for_ever=b"x")
drips_its_body: Final = _writes(_HEAD, b"Content-Length: 1000000\r\n\r\n", pause=0.02, for_ever=b" ")
sends_without_end: Final = _writes(_HEAD, b'Content-Length: 104857600\r\n\r\n"', for_ever=b"x" * 65_536)
speaks_no_http: Final = _writes(b"220 mail.example.org ESMTP\r\n")
sends_bad_headers: Final = _writes(_HEAD, b"no header at all\r\nContent-Length: 2\r\n\r\nno")
