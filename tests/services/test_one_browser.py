# SPDX-License-Identifier: AGPL-3.0-only
"""
Two learners and a superuser in one browser, in every order: who is whom behind each door, in Chromium.

A log-in to the admin, a sign-on by the LMS that is begun in one tab and completed later, launches by two learners, a
log-out. Of the 360 orders CI has a few; `EXAMS_TEST_ORDERS=360` has all.
"""

import itertools
import os
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.lti.launch_sessions import COOKIE_NAME, digest
from edx_exams.apps.lti.models import LaunchSession
from tests.chromium import chromium
from tests.services.conftest import ServiceOn
from tests.services.databases import on_sqlite
from tests.services.lti_stage import exam_with_tool
from tests.services.server import Service
from tests.services.test_sso import Lms
from tests.tokens import Person

pytestmark = pytest.mark.services

ORDERS: Final = int(os.environ.get("EXAMS_TEST_ORDERS", "6"))
PASSWORD: Final = "correct-horse-battery"
ADA: Final = Person("ada", lms_user_id=77)
GRACE: Final = Person("grace", lms_user_id=78)
ELLEN: Final = Person("ellen", lms_user_id=79)
TOOL: Final = "https://tool.example.org"

LOG_IN, LOG_OUT, BEGIN, COMPLETE = "root logs in", "logs out", "sign-on begins", "it is completed by ellen"
LAUNCHES: Final = {"ada launches": ADA, "grace launches": GRACE}


class Seen(NamedTuple):
    """The people behind each door; None is nobody."""

    session: str | None
    admin: bool
    launch: str | None
    api: int
    roster: int


def orders() -> list[tuple[str, ...]]:
    """Every order in which a sign-on is begun before it is completed; where fewer are wanted, some from all of them."""
    everything = [
        order
        for order in itertools.permutations((LOG_IN, LOG_OUT, BEGIN, COMPLETE, *LAUNCHES))
        if order.index(BEGIN) < order.index(COMPLETE)
    ]
    step = max(1, len(everything) // ORDERS)
    return everything[:: step - (step % 2 == 0)][:ORDERS] if step > 1 else everything


def expected(order: Sequence[str]) -> Seen:
    """Say who must be whom after these."""
    session: str | None = None
    launch: str | None = None
    is_under_way = False
    for step in order:
        if step == LOG_IN:
            session, is_under_way = "root", False
        elif step == LOG_OUT:
            session, is_under_way = None, False
        elif step == BEGIN:
            is_under_way = True
        elif step == COMPLETE:
            session, is_under_way = ("ellen" if is_under_way else session), False
        else:
            launch = LAUNCHES[step].username
    return Seen(session, session == "root", launch, 200 if launch else 401, 403 if launch else 401)


class Scene:
    """One browser of its own, with a tab for each kind of step."""

    def __init__(self, chromium: Browser, service: Service, attempts: dict[str, int]) -> None:
        self._url = service.url.replace("127.0.0.1", "localhost")  # where browsers keep Secure cookies without TLS
        self._attempts = attempts
        self._context: BrowserContext = chromium.new_context()
        self._context.set_default_timeout(60_000)
        self._context.route(f"{TOOL}/**", lambda route: route.fulfill(body="the tool"))
        self._admin, self._sign_on, self._exam = (self._context.new_page() for _ in range(3))
        self._back = ""

    def close(self) -> None:
        self._context.close()

    def take(self, step: str) -> None:
        match step:
            case "root logs in":
                self._log_in(self._admin)
            case "logs out":
                self._sign_on.goto(f"{self._url}/logout/")
            case "sign-on begins":
                began = self._context.request.get(f"{self._url}/login/edx-oauth2/", max_redirects=0)
                (state,) = parse_qs(urlsplit(began.headers["location"]).query)["state"]
                self._back = urlencode({"code": "one-use", "state": state, "redirect_state": state})
            case "it is completed by ellen":
                self._sign_on.goto(f"{self._url}/complete/edx-oauth2/?{self._back}")
            case _:
                self._launch(LAUNCHES[step])

    def _log_in(self, page: Page) -> None:
        page.goto(f"{self._url}/admin/login/?next=/admin/")
        if page.locator("#id_username").count() == 0:
            return
        page.fill("#id_username", "root")
        page.fill("#id_password", PASSWORD)
        page.click("input[type=submit]")
        page.wait_for_url(f"{self._url}/admin/")

    def _launch(self, learner: Person) -> None:
        self._context.add_cookies(
            [{"name": name, "value": value, "url": self._url} for name, value in learner.cookies().items()]
        )
        self._exam.goto(f"{self._url}/lti/start_proctoring/{self._attempts[learner.username]}")
        self._exam.click("button")
        self._exam.wait_for_url(re.compile(re.escape(TOOL)))

    def look(self) -> "Look":
        cookies: dict[str, str] = {
            str(cookie["name"]): str(cookie["value"])
            for cookie in self._context.cookies([self._url, f"{self._url}/lti/"])
        }
        page = self._context.new_page()
        page.goto(f"{self._url}/admin/")
        is_in = page.url == f"{self._url}/admin/"
        get = "path => fetch(path, {headers: {'USE-JWT-COOKIE': 'true'}}).then(answer => answer.status)"
        api = page.evaluate(get, "/api/v1/exams/attempt/latest")
        roster = page.evaluate(get, f"/lti/exam/{self._attempts['exam']}/instructor_tool/roster")
        return Look(cookies, is_in, api, roster)


class Look(NamedTuple):
    """The browser's cookies and answers. Django's ORM is asked later: not while Playwright's event loop runs."""

    cookies: dict[str, str]
    admin: bool
    api: int
    roster: int

    def seen(self, alias: str) -> Seen:
        return Seen(self._of_session(alias), self.admin, self._of_launch(alias), self.api, self.roster)

    def _of_session(self, alias: str) -> str | None:
        key = self.cookies.get("edx_exams_sessionid", "")
        row = Session.objects.using(alias).filter(session_key=key).first()
        user_id = row.get_decoded().get("_auth_user_id") if row else None
        return User.objects.using(alias).get(pk=user_id).username if user_id else None

    def _of_launch(self, alias: str) -> str | None:
        digested = digest(self.cookies.get(COOKIE_NAME, ""))
        row = LaunchSession.objects.using(alias).select_related("user").filter(secret_hash=digested).first()
        return row.user.username if row else None


@pytest.fixture(scope="module")
def lms() -> Iterator[Lms]:
    with Lms() as server:
        server.says = ELLEN.claims()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def service(
    lms: Lms, service_on: ServiceOn, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Service]:
    database = on_sqlite(tmp_path_factory.mktemp("one_browser") / "exams.sqlite3")
    database.set_up()
    database = replace(database, environment={**database.environment, "EXAMS_TEST_SSO": lms.url})
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        yield service
    service.stop()


@pytest.fixture
def attempts(service: Service) -> dict[str, int]:
    """A superuser, and an exam with a tool; each learner's attempt, by name."""
    alias = service.database.alias
    User.objects.using(alias).create(
        username="root", is_staff=True, is_superuser=True, password=make_password(PASSWORD, hasher="md5")
    )
    exam = exam_with_tool(alias, TOOL)
    people = [
        User.objects.using(alias).create(username=person.username, lms_user_id=person.lms_user_id)
        for person in LAUNCHES.values()
    ]
    ExamAttempt.objects.using(alias).bulk_create(
        [ExamAttempt(exam=exam, user=user, attempt_number=1, status="created") for user in people]
    )
    rows = ExamAttempt.objects.using(alias).filter(exam=exam)
    return {"exam": exam.pk, **{attempt.user.username: attempt.pk for attempt in rows.select_related("user")}}


def test_who_is_whom_in_one_browser(service: Service, attempts: dict[str, int]) -> None:
    looks: list[tuple[tuple[str, ...], Look]] = []
    with chromium() as browser:
        for order in orders():
            scene = Scene(browser, service, attempts)
            for step in order:
                scene.take(step)
            looks.append((order, scene.look()))
            scene.close()
    matrix = [(order, expected(order), look.seen(service.database.alias)) for order, look in looks]
    for order, _, seen in matrix:
        print(" · ".join(order), seen)
    wrong = [f"{' · '.join(order)}: {seen}, and not {wanted}" for order, wanted, seen in matrix if seen != wanted]
    assert not wrong, "\n".join([*wrong, service.log_tail(3000)])
    assert len(matrix) >= min(ORDERS, 6)
