# SPDX-License-Identifier: AGPL-3.0-only
"""
Links that change an attempt, on pages of three origins, in Chromium: acted on, confirmed by a button, or refused.

The origins are the learning interface's, another one of the same site, and one of a foreign site. The learner's
cookies are `SameSite=None`: the browser keeps back as few as it can.
"""

import html
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, override
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Request
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import ExamAttempt, User
from tests.chromium import chromium
from tests.services.conftest import ServiceOn
from tests.services.databases import on_sqlite
from tests.services.lti_stage import exam_with_tool
from tests.services.ports import HOST, free_port
from tests.services.server import Service
from tests.tokens import Person

pytestmark = pytest.mark.services

#: Chromium takes each name below `localhost` for this machine, and a page there for a secure one.
SERVICE_HOST: Final = "exams.platform.localhost"
ORIGINS: Final = {
    "the learning interface": "learning.platform.localhost",
    "another of the site": "blog.platform.localhost",
    "a foreign site": "elsewhere.localhost",
}
#: A link's path, and the status of the attempt that it changes.
LINKS: Final = {"start_proctoring": "created", "end_assessment": "started"}
TOOL: Final = "https://tool.example.org"

ACTS, ASKS, REFUSES = "acts", "asks", "refuses"
#: Ways to lead a browser to a link: the page's body, and what must follow for each of the origins in turn.
WAYS: Final[dict[str, tuple[str, tuple[str, str, str]]]] = {
    "link": ('<a id="go" href="{url}">go</a>', (ACTS, REFUSES, REFUSES)),
    "link in a new tab": ('<a id="go" href="{url}" target="_blank">go</a>', (ACTS, REFUSES, REFUSES)),
    "form": ('<form action="{url}"><button id="go">go</button></form>', (ACTS, REFUSES, REFUSES)),
    "script": ("<script>location.href = '{url}'</script>", (ACTS, REFUSES, REFUSES)),
    "refresh": ('<meta http-equiv="refresh" content="0;url={url}">', (ACTS, REFUSES, REFUSES)),
    "frame": ('<iframe src="{url}"></iframe>', (ACTS, REFUSES, REFUSES)),
    "link without a referrer": ('<a id="go" href="{url}" rel="noreferrer">go</a>', (ASKS, ASKS, REFUSES)),
    "frame without a referrer": ('<iframe src="{url}" referrerpolicy="no-referrer"></iframe>', 3 * (REFUSES,)),
    "sandboxed frame": ('<iframe src="{url}" sandbox="allow-scripts"></iframe>', (ACTS, REFUSES, REFUSES)),
    "object": ('<object data="{url}" type="text/html"></object>', 3 * (REFUSES,)),
    "image": ('<img src="{url}">', 3 * (REFUSES,)),
    "script element": ('<script src="{url}"></script>', 3 * (REFUSES,)),
    "style sheet": ('<link rel="stylesheet" href="{url}">', 3 * (REFUSES,)),
    "video": ('<video src="{url}" autoplay></video>', 3 * (REFUSES,)),
    "fetch": ("<script>fetch('{url}', {{mode: 'no-cors', credentials: 'include'}})</script>", 3 * (REFUSES,)),
    "prefetch": ('<link rel="prefetch" href="{url}">', 3 * (REFUSES,)),
}


class Case(NamedTuple):
    """One link, on one page, and a learner of its own."""

    origin: str
    way: str
    link: str
    expected: str
    learner: Person


def cases() -> list[Case]:
    """One of the links, in turn, for each way on a page of each origin."""
    wanted = [
        (origin, way, expected[place]) for way, (_, expected) in WAYS.items() for place, origin in enumerate(ORIGINS)
    ]
    links = itertools.cycle(LINKS)
    return [
        Case(origin, way, next(links), then, Person(f"learner{number}", 1_000 + number))
        for number, (origin, way, then) in enumerate(wanted)
    ]


class Pages(ThreadingHTTPServer):
    """Web server of all three origins: answers with the page that the query names."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, free_port()), _Page)


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        body = ""
        if "way" in query:
            way, _ = WAYS[query["way"][0]]
            body = way.format(url=html.escape(query["url"][0]))
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        # As the learning interface has it: its origin goes along, its path does not.
        self.send_header("Referrer-Policy", "strict-origin-when-cross-origin")
        self.end_headers()
        self.wfile.write(f"<!doctype html><title>A page</title>{body}".encode())

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def service(
    pages: Pages, service_on: ServiceOn, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Service]:
    database = on_sqlite(tmp_path_factory.mktemp("links") / "exams.sqlite3")
    database.set_up()
    learning = f"http://{ORIGINS['the learning interface']}:{pages.server_port}"
    database = replace(database, environment={**database.environment, "EXAMS_TEST_LEARNING": learning})
    service = service_on(database)
    with django_db_blocker.unblock(), database.connected():
        yield service
    service.stop()


@pytest.fixture
def attempts(service: Service) -> dict[Case, int]:
    """An attempt for each case, by an exam that has a tool."""
    alias = service.database.alias
    exam = exam_with_tool(alias, TOOL)
    numbers: dict[Case, int] = {}
    for case in cases():
        user = User.objects.using(alias).create(username=case.learner.username, lms_user_id=case.learner.lms_user_id)
        attempt = ExamAttempt(exam=exam, user=user, attempt_number=1, status=LINKS[case.link])
        if attempt.status == "started":
            attempt.start_time, attempt.allowed_time_limit_mins = timezone.now() - timedelta(minutes=1), 60
        ExamAttempt.objects.using(alias).bulk_create([attempt])
        numbers[case] = ExamAttempt.objects.using(alias).get(user=user).pk
    return numbers


def follow(chromium: Browser, service: Service, pages: Pages, case: Case, attempt_id: int) -> tuple[int | None, bool]:
    """Lead a browser to the link, and press the button if there is one; return the first answer, and whether it was."""
    host = f"http://{SERVICE_HOST}:{service.port}"
    url = f"{host}/lti/{case.link}/{attempt_id}"
    context = chromium.new_context()
    context.set_default_timeout(8_000)
    context.add_cookies(
        [
            # For Chromium a page of this host is as good as one by https, for who sets its cookies it is not.
            {"name": name, "value": value, "url": f"https://{SERVICE_HOST}", "secure": True, "sameSite": "None"}
            for name, value in case.learner.cookies().items()
        ]
    )
    page = context.new_page()

    answers: list[int | None] = []

    def hear(request: Request, status: int | None = None) -> None:
        if request.url.rstrip("?") == url:  # a form adds its mark
            answers.append(status)

    context.on("response", lambda response: hear(response.request, response.status))
    context.on("requestfailed", hear)  # the browser keeps some answers from the page: an image that is none
    address = f"http://{ORIGINS[case.origin]}:{pages.server_port}/?{urlencode({'way': case.way, 'url': url})}"
    page.goto(address, wait_until="commit")
    if 'id="go"' in WAYS[case.way][0]:
        page.click("#go", no_wait_after=True)
    _wait_for(page, lambda: len(answers) > 0)
    asks = case.expected == ASKS and answers[0] == 200
    if asks:
        page.click("form[method=post] button", no_wait_after=True)
        _wait_for(page, lambda: len(answers) > 1)
    context.close()
    return answers[0], asks


def _wait_for(page: Page, is_so: Callable[[], bool]) -> None:
    for _ in range(400):
        if is_so():
            return
        page.wait_for_timeout(20)
    message = "The browser did not ask for the link."
    raise AssertionError(message)


def test_links_act_ask_or_refuse(service: Service, pages: Pages, attempts: dict[Case, int]) -> None:
    answers: dict[Case, tuple[int | None, bool]] = {}
    with chromium() as browser:
        for case, attempt_id in attempts.items():
            answers[case] = follow(browser, service, pages, case, attempt_id)
    now = dict(ExamAttempt.objects.using(service.database.alias).values_list("pk", "status"))
    wrong: list[str] = []
    for case, (status, asked) in answers.items():
        has_changed = now[attempts[case]] != LINKS[case.link]
        did = ASKS if asked and has_changed else ACTS if has_changed else REFUSES
        line = f"{case.link:17}{case.origin:24}{case.way:26}{status} {did}"
        print(line)
        if did != case.expected or (status in (403, 503, None)) != (did == REFUSES):
            wrong.append(f"{line}, and not {case.expected}")
    assert not wrong, "\n".join([*wrong, service.log_tail(3000)])
