# SPDX-License-Identifier: AGPL-3.0-only
"""Requests as they come in from the WSGI server: charsets, sizes, chunks; and headers that all answers carry."""

import io
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from django.conf import settings as configured
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.test import Client

from edx_exams.apps.core.models import User
from edx_exams.handler import Handler
from tests.conftest import ClientFor, person
from tests.url_table import paths

pytestmark = pytest.mark.django_db

LIMIT: Final = configured.DATA_UPLOAD_MAX_MEMORY_SIZE
#: The API, a tool's form, Django's forms, and a page without one.
PATHS: Final = ("/api/v1/exams/attempt", "/lti/lti_consumer/v1/launch/", "/admin/login/", "/health/")


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]
    content: bytes


Ask = Callable[..., Reply]


@pytest.fixture
def ask() -> Ask:
    """A request as a WSGI server hands it over."""
    handler = Handler()

    def run(method: str, path: str, content_type: str = "", body: bytes = b"", **environ: Any) -> Reply:
        seen: dict[str, Any] = {}
        given = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "a=%C3%A4",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(body)),
            **environ,
        }
        response: Any = handler(given, lambda status, headers: seen.update(status=status, headers=dict(headers)))  # type: ignore[arg-type]
        content = b"".join(response)
        response.close()
        return Reply(int(seen["status"].split()[0]), seen["headers"], content)

    return run


def authorized(user: User) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": person(user).authorization()["Authorization"]}


ODD_CONTENT_TYPES: Final = (
    "text/plain; charset=hex", "text/plain; charset=punycode", "text/plain; charset=idna", "text/plain; charset=utf-16",
    "text/plain; charset=undefined", "text/plain; charset=utf-7", "text/plain; charset=mbcs", "text/plain; charset=x",
    'text/plain; charset="utf-8 "', "text/plain; charset=utf-8; charset=hex", "text/plain; charset*=hex''%41",
    "text/plain; x*=undefined''%41", "text/plain; charset*0=he; charset*1=x", "text/plain; charset=", "; charset=hex",
    f"text/plain;{' ' * 8000}x", f"text/plain; charset={'x' * 8000}",
)  # fmt: skip


def says_why(reply: Reply) -> bool:
    """JSON with its reason; a tool's launch, which a learner sees, is refused with a page."""
    kind = reply.headers["Content-Type"]
    return b"<h1" in reply.content if kind.startswith("text/html") else b"detail" in reply.content


@pytest.mark.parametrize("path", PATHS)
def test_a_charset_that_is_not_supported_is_400_and_costs_nothing(path: str, ask: Ask) -> None:
    for content_type in ODD_CONTENT_TYPES:
        begun = time.thread_time()
        reply = ask("POST", path, content_type, b"x" * 1000)
        assert reply.status == 400, content_type
        assert says_why(reply), content_type
        assert time.thread_time() - begun < 0.1, content_type


@pytest.mark.parametrize("path", PATHS)
def test_a_content_type_without_a_body_changes_nothing(path: str, ask: Ask) -> None:
    expected = ask("GET", path).status
    for content_type in ODD_CONTENT_TYPES:
        assert ask("GET", path, content_type).status == expected, content_type


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "us-ascii", "ISO-8859-1", "windows-1252"])
def test_a_supported_charset_is_read(charset: str, ask: Ask, learner: User) -> None:
    reply = ask("POST", PATHS[0], f"application/json; charset={charset}", b"{}", **authorized(learner))
    assert (reply.status, b"exam_id" in reply.content) == (400, True)


@pytest.mark.parametrize("path", PATHS)
def test_a_body_above_the_limit_is_413(path: str, ask: Ask) -> None:
    for content_type in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        reply = ask("POST", path, content_type, CONTENT_LENGTH=str(LIMIT + 1))
        assert reply.status == 413
        assert says_why(reply)


CHUNKED: Final = {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_a_chunked_body_is_read_like_another(ask: Ask, learner: User) -> None:
    reply = ask("POST", PATHS[0], "application/json", b'{"exam_id": 0}', **CHUNKED, **authorized(learner))
    assert (reply.status, b"no active exam 0" in reply.content) == (400, True), reply.content


class BrokenOff(io.BytesIO):
    def read(self, size: int | None = -1) -> bytes:
        raise OSError(size)


@pytest.mark.parametrize("path", PATHS)
def test_a_chunked_body_that_is_too_large_broken_or_endless_is_refused(path: str, ask: Ask) -> None:
    assert ask("POST", path, "application/json", b"x" * (LIMIT + 2), **CHUNKED).status == 413
    assert ask("POST", path, "application/json", **CHUNKED, **{"wsgi.input": BrokenOff()}).status == 400
    without_end = CHUNKED | {"wsgi.input_terminated": False}
    assert ask("POST", path, "application/json", **without_end).status == 400


MULTIPART: Final = "multipart/form-data; boundary=x"


def part(headers: str, value: str = "v") -> bytes:
    return f"--x\r\nContent-Disposition: form-data; {headers}\r\n\r\n{value}\r\n--x--\r\n".encode()


@pytest.mark.parametrize("path", [path for path in paths() if path.startswith("/lti/")])
def test_a_multipart_form_of_a_tool_is_refused_and_not_parsed(path: str, ask: Ask) -> None:
    is_form = path.rstrip("/").endswith(("/launch", "/start_proctoring_assessment"))
    for body in (part("name=JWT"), part("name*=undefined''%41")):  # the second one would break its reader
        status = ask("POST", path, MULTIPART, body).status
        assert status == 415 if is_form else status in {401, 404, 405, 415}


@pytest.mark.parametrize(
    "body",
    [
        part("name*=undefined''%41"), part("name*=hex''%41"), part("name*=nothing''%41"),
        part("name=a; filename*=idna''%ff"),
        part("name=a; filename=f", "v" * 2_000_000), b"--x", b"", b"--x\r\n\r\n\r\n--x--", b"\xff" * 1000,
    ],
    ids=range(9),
)  # fmt: skip
def test_a_multipart_form_breaks_nothing_and_writes_nothing(
    body: bytes, ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for path in ("/admin/login/", "/login/", "/csrf/api/v1/token", "/"):
        assert ask("POST", path, MULTIPART, body).status in {400, 403, 405}
    assert not list(tmp_path.iterdir())


# Every answer


KEY_SETS: Final = "/lti/lti_consumer/v1/public_keysets/"


@pytest.mark.parametrize("path", [path for path in paths() if path.startswith(("/api/", "/lti/"))])
def test_no_answer_of_the_api_or_of_lti_is_stored(
    path: str, client_for: ClientFor, global_staff: User, client: Client
) -> None:
    for asking in (client, client_for(global_staff)):
        for method in ("GET", "POST", "OPTIONS"):
            answer: Any = asking.generic(method, path)
            is_key_set = path.startswith(KEY_SETS) and answer.status_code == 200
            assert is_key_set or "no-store" in answer.headers["Cache-Control"], method


@pytest.mark.exhaustive
def test_a_token_logs_nobody_in(client_for: ClientFor, global_staff: User) -> None:
    asking = client_for(global_staff)
    asking.raise_request_exception = False
    for path in paths():
        asking.get(path)
        asking.get(path, headers={"Sec-Fetch-Dest": "document", "Sec-Fetch-Mode": "navigate"})
        logged_in = [session for session in Session.objects.all() if SESSION_KEY in session.get_decoded()]
        assert not logged_in, path
