# SPDX-License-Identifier: AGPL-3.0-only
"""
Everybody who may sign on, against an LMS of our own over real sockets: the page that they come to, the row that they
are, and what they may do behind each door, the admin by their session and the API by their token.
"""

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, override
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from pytest_django.plugin import DjangoDbBlocker
from social_django.models import UserSocialAuth

from edx_exams.apps.core.models import CourseStaffRole, User
from tests import tokens
from tests.services.conftest import ServiceOn
from tests.services.databases import on_sqlite
from tests.services.ports import HOST
from tests.services.server import Call, Service
from tests.tokens import Person

pytestmark = pytest.mark.services

COURSE_ID: Final = "course-v1:Test+SignOn+2026"
CLIENT: Final = {"client_id": "edx_exams-sso-key", "client_secret": "sso-secret"}
MOST_REDIRECTS: Final = 6


class Lms(ThreadingHTTPServer):
    """The LMS's side of a sign-on: whoever comes is sent back with a code, which buys the token of `says`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), _Handler)
        #: Claims of the token.
        self.says: Mapping[str, Any] = {}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Lms

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        known = address.path == "/oauth2/authorize" and query.get("client_id") == CLIENT["client_id"]
        if not known or "user_id" not in query["scope"].split():
            self.send_error(400)
            return
        self.send_response(302)
        back = urlencode({"code": "one-use", "state": query["state"]})
        going_to = query["redirect_uri"]
        self.send_header("Location", f"{going_to}{'&' if '?' in going_to else '?'}{back}")
        self.end_headers()

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        given = {name: form.get(name, [""])[0] for name in CLIENT}
        if self.path != "/oauth2/access_token" or given != CLIENT or form.get("code") != ["one-use"]:
            self.send_error(401)
            return
        token = tokens.sign(dict(self.server.says), "RS512")
        content = json.dumps({"access_token": token, "token_type": "JWT", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on each request."""


class Browser:
    """A browser, as far as sign-on needs one: it follows redirects to whatever host, and keeps our cookies."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._cookies: dict[str, str] = {}

    def get(self, url: str, *, follow: bool = True) -> tuple[int, str]:
        """Return the status and the page to which an address leads."""
        for _ in range(MOST_REDIRECTS):
            status, location, page = self._get(url)
            if not follow or location is None:
                return status, page
            url = location if "://" in location else f"{self._service.url}{location}"
        raise AssertionError(f"redirected again and again, at last to {url}")

    def _get(self, url: str) -> tuple[int, str | None, str]:
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
        headers = {}
        is_ours = address.port == self._service.port
        if is_ours:
            headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        try:
            connection.request("GET", f"{address.path}?{address.query}", headers=headers)
            answer = connection.getresponse()
            page = answer.read().decode(errors="replace")
        finally:
            connection.close()
        if is_ours:
            for header in answer.headers.get_all("Set-Cookie", []):
                self._cookies |= {name: morsel.value for name, morsel in SimpleCookie(header).items()}
        return answer.status, answer.headers["Location"], page


class Row(NamedTuple):
    """Somebody who is in the table already."""

    username: str
    lms_user_id: int | None = None
    email: str = ""
    is_staff: bool = False
    is_superuser: bool = False
    password: str = "!"
    is_active: bool = True
    #: Of the course's team, as a list has it.
    in_team: bool = False


class Case(NamedTuple):
    """Somebody who comes, and what becomes of it: their row, whether the admin lets them in, and the API's answer."""

    row: Row
    comes: Person
    is_row: bool
    admin: bool
    api: int
    is_refused: bool = False
    user_id: bool = True


ADA: Final = Person("ada", 77, "ada@example.com")
OPERATOR: Final = Row("operator1", is_staff=True, is_superuser=True, password="md5$a$b")
WORKER: Final = Row("worker", is_staff=True)
LISTED: Final = Row("ada", email="ada@example.com", in_team=True)

CASES: Final[Mapping[str, Case]] = {
    "an operator's own account": Case(OPERATOR, Person("operator1", 77), False, False, 401, is_refused=True),
    "the same, by an administrator": Case(OPERATOR, Person("operator1", 77, administrator=True), True, True, 200),
    "a worker's": Case(WORKER, Person("worker", 77), False, False, 401, is_refused=True),
    "the same, by the worker": Case(WORKER, Person("worker", 77, administrator=True), True, True, 200),
    "a listed row": Case(LISTED, ADA, True, False, 200),
    "a listed row of another address": Case(LISTED._replace(email="b@example.com"), ADA, False, False, 403),
    "a freed name": Case(Row("ada", 5, is_staff=True, in_team=True), ADA, False, False, 403),
    "a freed name, by an administrator": Case(
        Row("ada", 5, in_team=True), replace(ADA, administrator=True), False, True, 200
    ),
    "a renamed person": Case(Row("ada-byron", 77, in_team=True), ADA, True, False, 200),
    "an administrator who is none any more": Case(Row("ada", 77, is_staff=True), ADA, True, False, 403),
    "no user id": Case(Row("ada", 77, in_team=True), ADA, False, False, 401, is_refused=True, user_id=False),
    "no user id, of a row without one": Case(LISTED, ADA, False, False, 401, is_refused=True, user_id=False),
    "a deactivated person": Case(
        Row("ada", 77, in_team=True, is_active=False), ADA, False, False, 403, is_refused=True
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def lms() -> Iterator[Lms]:
    with Lms() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def service(
    lms: Lms, service_on: ServiceOn, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Service]:
    """The service, which signs people on with that LMS, its tables read by this process too."""
    database = on_sqlite(tmp_path_factory.mktemp("sso") / "exams.sqlite3")
    database.set_up()
    database = replace(database, environment={**database.environment, "EXAMS_TEST_SSO": lms.url})
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        yield service
    service.stop()


@pytest.mark.parametrize("what", CASES)
def test_each_who_signs_on_is_who_they_are(what: str, lms: Lms, service: Service) -> None:
    case, alias = CASES[what], service.database.alias
    for model in (UserSocialAuth, CourseStaffRole, User):
        model.objects.using(alias).all().delete()
    fields = case.row._asdict()
    in_team = fields.pop("in_team")
    user = User.objects.using(alias).create(**fields)
    if in_team:
        CourseStaffRole.objects.using(alias).create(user=user, course_id=COURSE_ID, role="staff")
    UserSocialAuth.objects.using(alias).create(user=user, provider="edx-oauth2", uid=case.comes.username)
    before = _people(alias)

    changes = {} if case.user_id else {"user_id": None}
    lms.says = case.comes.claims(**changes)
    browser = Browser(service)
    _, page = browser.get(f"{service.url}/login/edx-oauth2/")

    assert browser.get(f"{service.url}/admin/", follow=False)[0] == (200 if case.admin else 302)
    headers = {"Authorization": f"JWT {tokens.sign(dict(lms.says), 'RS512')}"}
    answer = service.call(Call("GET", f"exams/course_id/{COURSE_ID}", headers=headers))
    assert answer.status == case.api, answer
    if case.is_refused:
        assert 'role="alert"' in page or "deactivated" in page
        assert _people(alias) == before
        return
    (association,) = UserSocialAuth.objects.using(alias).filter(uid=case.comes.username)
    assert (association.user_id == user.pk) == case.is_row
    signed_on = User.objects.using(alias).get(pk=association.user_id)
    assert (signed_on.username, signed_on.lms_user_id) == (case.comes.username, 77)
    assert signed_on.is_superuser == (case.is_row and case.row.is_superuser)
    assert CourseStaffRole.objects.using(alias).filter(user=user).count() == in_team  # rights stay where they are


def _people(alias: str) -> Sequence[Any]:
    return list(User.objects.using(alias).order_by("pk").values())
