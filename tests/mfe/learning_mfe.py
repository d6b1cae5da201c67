# SPDX-License-Identifier: AGPL-3.0-only
"""The learning interface on an origin of its own: static files, as a web server in front of an MFE serves them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.e2e.sandbox import CHECKOUT, RunningSandbox

BUILT: Final = CHECKOUT / "var" / "mfe"
CONTENT_TYPES: Final = {".css": "text/css", ".html": "text/html; charset=utf-8", ".js": "text/javascript"}


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """
    A sequence of a course, as the LMS tells the learning interface of it.

    :param block: last part of its usage key
    :param is_exam: the LMS's `is_time_limited`
    """

    course_id: str
    block: str
    title: str
    is_exam: bool = True

    @property
    def content_id(self) -> str:
        """Its usage key."""
        return f"{self.course_id.replace('course-v1', 'block-v1')}+type@sequential+block@{self.block}"

    @property
    def path(self) -> str:
        """Its page in the learning interface."""
        return f"/learning/course/{self.course_id}/{self.content_id}"

    def as_json(self) -> dict[str, Any]:
        """As the library wants it."""
        return {"id": self.content_id, "title": self.title, "isTimeLimited": self.is_exam}


def environment(sandbox: RunningSandbox, origin: str) -> dict[str, str]:
    """The configuration of the learning MFE, with the sandbox as its platform."""
    return {
        "BASE_URL": origin,
        "LMS_BASE_URL": sandbox.lms_url,
        "LOGIN_URL": f"{sandbox.lms_url}/login",
        "LOGOUT_URL": f"{sandbox.lms_url}/logout",
        "REFRESH_ACCESS_TOKEN_ENDPOINT": f"{sandbox.lms_url}/login_refresh",
        "ACCESS_TOKEN_COOKIE_NAME": "edx-jwt-cookie-header-payload",
        "CSRF_TOKEN_API_PATH": "/csrf/api/v1/token",
        "LANGUAGE_PREFERENCE_COOKIE_NAME": "openedx-language-preference",
        "USER_INFO_COOKIE_NAME": "edx-user-info",
        "SITE_NAME": "Sandbox Campus",
        "SUPPORT_URL": f"{sandbox.lms_url}/support/contact_us",
        "CONTACT_URL": f"{sandbox.lms_url}/support/contact_us",
        "PROCTORED_EXAM_RULES_URL": f"{sandbox.lms_url}/support/contact_us",
        "EXAMS_BASE_URL": sandbox.exams_url,
    }


class LearningInterface:
    """
    A running server of the built host page.

    :param port: where it listens, on loopback only
    """

    def __init__(self, port: int) -> None:
        self.origin = f"http://localhost:{port}"
        self.globals: Mapping[str, Any] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Close it."""
        self._server.shutdown()
        self._server.server_close()

    def _script(self) -> bytes:
        lines = (f"globalThis.{name} = {json.dumps(value)};" for name, value in self.globals.items())
        return "\n".join(lines).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        interface = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                # All other addresses are the pages' own: one document serves them.
                file = BUILT / (path.removeprefix("/") if path in {"/app.js", "/app.css"} else "index.html")
                body = interface._script() if path == "/env.js" else file.read_bytes()
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", CONTENT_TYPES[".js" if path == "/env.js" else file.suffix])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Say nothing: the browser's own complaints are looked at."""

        return Handler
