# SPDX-License-Identifier: AGPL-3.0-only
"""The pages between platform and tool, in a vendor's frame: they show, they go on, and they have the right headers."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, override
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import FrameLocator, Page, Request, Response, Route, expect

from sandbox import registration
from tests.e2e.conftest import COURSE, Look, SignIn
from tests.e2e.sandbox import RunningSandbox
from tests.e2e.test_proctoring import EXAM, attempt_of, check_in
from tests.e2e.test_sandbox import go_to_exam, usage_key

pytestmark = pytest.mark.e2e

BAD_REQUEST: Final = 400
LAUNCH: Final = "/lti/lti_consumer/v1/launch/"
START_ASSESSMENT: Final = "/lti/lti_consumer/v1/start_proctoring_assessment"
#: What keeps a page out of frames, or a window from the one that opened it.
FORBIDDEN: Final = (
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
)


class QuietFiles(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test's output is the sandbox's."""


@dataclass
class Vendor:
    """A web server for a vendor's own pages, which frame the platform's."""

    port: int
    files: Path

    @property
    def of_another_site(self) -> str:
        """127.0.0.1 is another site than localhost, as far as a browser knows."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def of_another_origin(self) -> str:
        """Another origin, of the platform's site: cookies come along as in a window of one's own."""
        return f"http://localhost:{self.port}"

    def frame(self, page: Page, content: str, *, origin: str | None = None) -> FrameLocator:
        """Show a page with a frame and this content, whose links and forms go there by `target='inner'`."""
        file = self.files / f"{len(list(self.files.iterdir()))}.html"  # a name of its own: browsers remember
        file.write_text(f"<iframe name='inner' width='900' height='500'></iframe>{content}")
        page.goto(f"{origin or self.of_another_site}/{file.name}")
        return page.frame_locator("iframe")


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietFiles, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever).start()
    yield Vendor(server.server_port, tmp_path)
    server.shutdown()
    server.server_close()


def held_back_message(learner: Page, sandbox: RunningSandbox, name: str) -> str:
    """Go through the tool's check-in; its LtiStartAssessment, which has not reached the platform."""
    start_url = f"{sandbox.exams_url}{START_ASSESSMENT}"
    learner.route(start_url, lambda route: route.abort())
    with learner.expect_event("requestfailed") as held_back:
        check_in(learner, name)
    learner.unroute(start_url)
    (message,) = parse_qs(held_back.value.post_data)["JWT"]
    return message


def set_out(learner: Page) -> None:
    go_to_exam(learner, EXAM)
    learner.get_by_role("button", name="Set up proctoring").click()


def form(action: str, *, target: str = "inner", **fields: str) -> str:
    inputs = "".join(f"<input type='hidden' name='{name}' value='{value}'>" for name, value in fields.items())
    return f"<form method='post' action='{action}' target='{target}'>{inputs}<button>Go</button></form>"


def test_the_platforms_pages_work_in_a_vendors_frame(
    sign_in: SignIn, sandbox: RunningSandbox, vendor: Vendor, look: Look
) -> None:
    """A vendor's page on another site frames them; a cookie that the browser keeps back is told of, with a way on."""
    learner = sign_in("Bruno Keller")
    set_out(learner)
    message = held_back_message(learner, sandbox, "Bruno Keller")
    start_url = f"{sandbox.exams_url}{START_ASSESSMENT}"

    # Any page but these refuses to be framed.
    inner = vendor.frame(learner, f"<a href='{sandbox.exams_url}/admin/login/' target='inner'>Open</a>")
    with learner.expect_response(f"{sandbox.exams_url}/admin/login/") as refused:
        learner.get_by_role("link", name="Open").click()
    assert refused.value.headers["x-frame-options"] == "DENY"
    expect(inner.locator("form")).to_have_count(0)

    session = [cookie for cookie in learner.context.cookies() if cookie["name"] == "edx_exams_launch"]
    assert [(cookie["sameSite"], cookie["secure"]) for cookie in session] == [("None", True)]
    learner.context.clear_cookies(name="edx_exams_launch")
    inner = vendor.frame(learner, form(start_url, JWT=message))
    learner.get_by_role("button", name="Go").click()
    expect(inner.get_by_role("heading", name="Your browser kept a cookie back")).to_be_visible()
    look(learner, "cookie-kept-back")
    learner.context.add_cookies([{**cookie, "sameSite": "None"} for cookie in session])  # type: ignore[typeddict-item]
    with learner.expect_popup() as window:
        inner.get_by_role("button", name="Continue in a new window").click()
    expect(window.value.get_by_role("button", name="Start the exam")).to_be_visible()

    # Once more, from the vendor's site: the message has been used, and in plain words it says so.
    vendor.frame(learner, form(start_url, target="_self", JWT=message))
    with learner.expect_response(start_url) as replayed:
        learner.get_by_role("button", name="Go").click()
    assert replayed.value.status == BAD_REQUEST
    expect(learner.get_by_role("heading", name="This did not work")).to_be_visible()
    look(learner, "replayed-start")


@dataclass
class Watch:
    """The platform's answers to a browser below `/lti/`, and what the browser brings to the tool."""

    sandbox: RunningSandbox
    answers: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    brought: list[Request] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watch a page; in the tool's place stands a page that may be framed."""
        page.on("response", self._note)
        page.route(f"{self.sandbox.tool_url}{registration.LAUNCH_PATH}", self._stand_in)

    def _note(self, response: Response) -> None:
        parts = urlsplit(response.url)
        if response.url.startswith(f"{self.sandbox.exams_url}/") and parts.path.startswith(("/lti/", "/browser_lock")):
            self.answers[parts.path, response.status] = response.headers

    def _stand_in(self, route: Route) -> None:
        self.brought.append(route.request)
        route.fulfill(body="<h1>The tool</h1>", content_type="text/html")


def test_every_page_of_a_launch_has_its_headers_in_a_frame_of_another_origin(
    sign_in: SignIn, sandbox: RunningSandbox, vendor: Vendor
) -> None:
    learner, staff, watch = sign_in("Chiyo Tanaka"), sign_in("Frida Lindqvist"), Watch(sandbox)
    set_out(learner)
    message = held_back_message(learner, sandbox, "Chiyo Tanaka")
    attempt, exam = attempt_of(learner, sandbox), exam_of(learner, sandbox)
    for page in (learner, staff):
        watch.over(page)

    def follow(page: Page, path: str, heading: str) -> None:
        link = f"<a href='{sandbox.exams_url}{path}' target='inner'>Open</a>"
        inner = vendor.frame(page, link, origin=vendor.of_another_origin)
        page.get_by_role("link", name="Open").click()
        expect(inner.get_by_role("heading", name=heading)).to_be_visible()

    def post(path: str, heading: str, **fields: str) -> None:
        content = form(f"{sandbox.exams_url}{path}", **fields)
        inner = vendor.frame(learner, content, origin=vendor.of_another_origin)
        learner.get_by_role("button", name="Go").click()
        expect(inner.get_by_role("heading", name=heading)).to_be_visible()

    # The framed page is none of the platform's: its links change nothing.
    follow(learner, f"/lti/start_proctoring/{attempt}", "This did not work")
    follow(learner, "/lti/start_proctoring/987654", "This did not work")
    follow(learner, f"{LAUNCH}?{urlencode({'client_id': 'unknown'})}", "This did not work")
    post(START_ASSESSMENT, "This did not work", JWT="no message")
    learner.route(lambda url: "/learning/course/" in url, lambda route: route.fulfill(body="<h1>The exam</h1>"))
    post(START_ASSESSMENT, "The exam", JWT=message)
    follow(learner, f"/lti/end_assessment/{attempt}", "This did not work")
    follow(learner, "/browser_lock/", "Your browser lacks the proctoring extension")
    follow(staff, f"/lti/exam/{exam}/instructor_tool", "The tool")
    roster = f"/lti/exam/{exam}/instructor_tool/roster"
    content = f"<a href='{sandbox.exams_url}{roster}' target='inner'>Open</a>"
    vendor.frame(staff, content, origin=vendor.of_another_origin)
    with staff.expect_response(f"{sandbox.exams_url}{roster}"):
        staff.get_by_role("link", name="Open").click()

    assert set(watch.answers) == {
        (f"/lti/start_proctoring/{attempt}", 403),
        ("/lti/start_proctoring/987654", 403),
        (LAUNCH, 200),
        (LAUNCH, 400),
        (START_ASSESSMENT, 200),
        (START_ASSESSMENT, 400),
        (f"/lti/end_assessment/{attempt}", 403),
        (f"/lti/exam/{exam}/instructor_tool", 302),
        (roster, 200),
        ("/browser_lock/", 200),
    }
    for answer, headers in watch.answers.items():
        assert headers["referrer-policy"] == "strict-origin-when-cross-origin", answer
        assert not [name for name in FORBIDDEN if name in headers], answer
        policy = headers.get("content-security-policy", "")
        assert "form-action" not in policy, answer
        assert "frame-ancestors" not in policy, answer
        has_policy = answer[1] in (200, 400, 403) and answer[0] not in (roster, "/browser_lock/")
        assert ("script-src 'nonce-" in policy) == has_policy, answer
    # And what the browser makes of them: the tool is told where its visitors come from, and no more.
    assert {request.headers["referer"] for request in watch.brought} == {f"{sandbox.exams_url}/"}
    assert all("id_token" in parse_qs(request.post_data or "") for request in watch.brought)
    assert len(watch.brought) == 1


def exam_of(learner: Page, sandbox: RunningSandbox) -> int:
    """The id of the proctored exam."""
    path = f"/api/v1/student/exam/attempt/course_id/{COURSE}/content_id/{usage_key('proctored')}"
    return int(learner.request.get(f"{sandbox.exams_url}{path}").json()["exam"]["id"])
