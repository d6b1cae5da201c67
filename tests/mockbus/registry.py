# SPDX-License-Identifier: AGPL-3.0-only
"""A schema registry that knows what edx-event-bus-kafka asks for, and can be made to fail."""

import json
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

_VERSIONS = re.compile(r"^/subjects/(?P<subject>[^/?]+)/versions")
_SCHEMA = re.compile(r"^/schemas/ids/(?P<id>\d+)")


class SchemaRegistry:
    """Listens on loopback from the start; ends with its `with` block."""

    def __init__(self) -> None:
        self.schemas: list[str] = []
        self.subjects: dict[str, int] = {}
        #: Requests that were answered, or were to be.
        self.requests = 0
        self._answering = threading.Event()
        self._answering.set()
        self._is_down = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def hang(self) -> None:
        """Take requests and answer none, until `recover`."""
        self._answering.clear()

    def down(self) -> None:
        """Answer everything with 503, until `recover`."""
        self._is_down = True

    def recover(self) -> None:
        self._is_down = False
        self._answering.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.recover()
        self._server.shutdown()
        self._server.server_close()

    def _register(self, subject: str, schema: str) -> int:
        if schema not in self.schemas:
            self.schemas.append(schema)
        self.subjects[subject] = self.schemas.index(schema) + 1
        return self.subjects[subject]

    def _answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any]]:
        if self._is_down:
            return HTTPStatus.SERVICE_UNAVAILABLE, {"error_code": 50301, "message": "Down"}
        if method == "POST" and (found := _VERSIONS.match(path)):
            return HTTPStatus.OK, {"id": self._register(found["subject"], body["schema"])}
        if method == "GET" and (found := _SCHEMA.match(path)) and int(found["id"]) <= len(self.schemas):
            return HTTPStatus.OK, {"schema": self.schemas[int(found["id"]) - 1]}
        return HTTPStatus.NOT_FOUND, {"error_code": 40403, "message": "Not found"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                registry.requests += 1
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
                registry._answering.wait()
                status, answer = registry._answer(self.command, self.path, body)
                payload = json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                    self.send_header("Content-Length", str(len(payload)))
                    self.end_headers()
                    self.wfile.write(payload)
                except (BrokenPipeError, ConnectionResetError):
                    pass  # whoever asked has not waited

            do_GET = do_POST = _serve  # noqa: N815  (http.server's names)

            def log_message(self, *args: Any) -> None:
                """Nothing: a test says what it saw."""

        return Handler
