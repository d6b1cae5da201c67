# SPDX-License-Identifier: AGPL-3.0-only
"""A vendor's web server, over a real socket: it serves a key set, or misbehaves."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class KeyServer:
    """The served key set may change while it runs; requests are counted."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.key_set: dict[str, Any] = {"keys": []}
        self.answer: Callable[[BaseHTTPRequestHandler], None] | None = None
        self.asked = 0

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        self.asked += 1
        if self.answer:
            self.answer(request)
            return
        send(request, 200, json.dumps(self.key_set).encode())


def send(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def redirect_to(url: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda request: send(request, 302, b"", Location=url)


def hang(request: BaseHTTPRequestHandler) -> None:
    time.sleep(1.0)


def drip(request: BaseHTTPRequestHandler) -> None:
    """A byte at a time: each read is in time, the whole never."""
    try:
        for _ in range(60):
            request.wfile.write(b"H")
            request.wfile.flush()
            time.sleep(0.05)
    except OSError:
        return


def flood(request: BaseHTTPRequestHandler) -> None:
    """A hundred megabytes."""
    try:
        request.send_response(200)
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b"x" * 1_000_000)
    except OSError:
        return


@contextmanager
def key_server(tls: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    """Runs while the block does, with TLS where it is given a certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.serve(self)

        def handle(self) -> None:
            with suppress(ssl.SSLError, ConnectionError):  # the other side may not like our certificate
                super().handle()

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    http.block_on_close = False
    if tls:
        http.socket = tls.wrap_socket(http.socket, server_side=True, do_handshake_on_connect=False)
    server = KeyServer(f"{'https' if tls else 'http'}://127.0.0.1:{http.server_port}/jwks")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()


def dead_url() -> str:
    """An address of this machine at which nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/jwks"
