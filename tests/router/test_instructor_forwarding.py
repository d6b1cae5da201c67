# SPDX-License-Identifier: AGPL-3.0-only
"""Calls of the instructor dashboard about courses that are not ours: answered by the LMS, once and unchanged."""

from typing import Any, Final

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import CourseExamConfiguration, User
from tests.conftest import ClientFor, person
from tests.factories import COURSE_ID, ProviderFactory
from tests.router import legacy_lms
from tests.router.legacy_lms import LegacyLms, answers, sends

pytestmark = pytest.mark.django_db

PATH: Final = f"/api/instructor/v2/courses/{COURSE_ID}/special_exams/allowances"
HOST: Final = "courses.example.org"


@pytest.fixture
def lms(lms: LegacyLms, settings: Settings) -> LegacyLms:
    """The LMS by its internal address, behind a proxy of another name."""
    settings.LEGACY_INTERNAL_URL = lms.url
    settings.LMS_ROOT_URL = f"http://{HOST}"
    return lms


@pytest.fixture
def caller(client_for: ClientFor, learner: User) -> APIClient:
    """Somebody who is nobody here: the LMS decides."""
    return client_for(learner)


def test_a_call_goes_to_the_lms_as_it_came(lms: LegacyLms, caller: APIClient) -> None:
    lms.behave = answers(201, {"results": ["as the LMS has it"]})
    headers = {
        "Host": HOST,
        "Origin": "http://apps.example.org",
        "Referer": "http://apps.example.org/page",
        "X-CSRFToken": "a" * 32,
        "USE-JWT-COOKIE": "true",
        "Accept": "application/json",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Host": "evil.example.org",
        "Connection": "X-Secret",
    }
    caller.cookies["sessionid"] = "lms-session"
    answer = caller.post(f"{PATH}?a=1&b=%2B", '{"value": 5}', content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()) == (201, {"results": ["as the LMS has it"]})
    asked = lms.request
    assert (asked.method, asked.target, asked.body) == ("POST", f"{PATH}?a=1&b=%2B", b'{"value": 5}')
    for name in ("Host", "Origin", "Referer", "X-CSRFToken", "Accept"):
        assert asked.headers[name] == headers[name]
    assert asked.headers["Authorization"].startswith("JWT ")
    assert asked.headers["Cookie"] == "sessionid=lms-session"
    assert asked.headers["X-Forwarded-Proto"] == "http"
    assert not {"X-Forwarded-For", "X-Forwarded-Host"} & set(asked.headers)


def test_cookies_of_the_lms_stay_there(lms: LegacyLms, caller: APIClient) -> None:
    lms.behave = sends(200, b"{}", "application/json", Set_Cookie="sessionid=other")
    assert not caller.get(PATH).cookies
    caller.get(PATH)
    assert "sessionid=other" not in lms.asked[1].headers.get("Cookie", "")


def test_a_refusal_of_the_lms_is_passed_back(lms: LegacyLms, caller: APIClient) -> None:
    lms.behave = sends(403, b"<h1>No</h1>", "text/html")
    answer = caller.get(PATH)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (403, b"<h1>No</h1>", "text/html")


def test_a_course_of_ours_is_answered_here(lms: LegacyLms, as_course_team: APIClient) -> None:
    CourseExamConfiguration.objects.create(course_id=COURSE_ID, provider=ProviderFactory.create())
    assert as_course_team.get(PATH).status_code == 200
    assert lms.asked == []


#: What is asked below a course: what the LMS is asked, None where the answer is ours.
BELOW: Final = {
    "special_exams/": "special_exams/",
    "special_exams/7/attempts/8/resume": "special_exams/7/attempts/8/resume",
    "special_exams_of_tomorrow": "special_exams_of_tomorrow",
    "special_exams/1/reset/j%C3%BCrgen%20%3F%252e": "special_exams/1/reset/j%C3%BCrgen%20%3F%252e",
    "special_exams/1/reset/a%2Fb": "special_exams/1/reset/a/b",
    "special_exams/1/reset/..": None,
    "special_exams/%2e%2e/%2e%2e/%2e%2e/admin/": None,
    "special_exams/../../../../../oauth2/access_token": None,
    "special_exams/./attempts": None,
}


def test_paths_and_methods_that_only_the_lms_knows_go_there(lms: LegacyLms, caller: APIClient) -> None:
    base = f"/api/instructor/v2/courses/{COURSE_ID}/"
    for asked, passed_on in BELOW.items():
        lms.asked.clear()
        answer = caller.put(f"{base}{asked}", "{}", content_type="application/json")
        if passed_on is None:
            assert (answer.status_code, lms.asked) == (404, []), asked
        else:
            assert (lms.request.method, lms.request.target) == ("PUT", f"{base}{passed_on}")


def test_a_form_goes_there_whole(lms: LegacyLms, learner: User) -> None:
    """The CSRF check does not read it: neither a token in a field nor a form that cannot be read concerns it."""
    client = APIClient(enforce_csrf_checks=True)
    for name, value in (*person(learner).cookies().items(), ("csrftoken", "a" * 32)):
        client.cookies[name] = value
    headers = {"Host": HOST, "Origin": f"http://{HOST}"}
    form = {"csrfmiddlewaretoken": "a" * 32}
    assert client.post(PATH, form, format="multipart", headers=headers).status_code == 401
    assert lms.asked == []
    kind = "multipart/form-data; boundary=b"
    body = b"--b\r\nContent-Disposition: form-data; name=a; filename*=nonsense'x'y\r\nContent-Type: x\r\n\r\n--"
    headers["X-CSRFToken"] = "a" * 32
    assert client.post(PATH, body, content_type=kind, headers=headers).status_code == 200
    assert (lms.request.body, lms.request.headers["Content-Type"]) == (body, kind)


def test_the_review_dashboard_of_such_a_course_is_the_lms_own(lms: LegacyLms, caller: APIClient) -> None:
    page = f"/api/edx_proctoring/v1/instructor/{COURSE_ID}"
    lms.behave = sends(302, b"", Location="https://proctor.example.org/reviews", Set_Cookie="sessionid=other")
    answer = caller.get(page)
    assert (answer.status_code, answer["Location"]) == (302, "https://proctor.example.org/reviews")
    assert not answer.cookies
    assert lms.request.target == page


def test_nobody_is_not_forwarded(lms: LegacyLms) -> None:
    assert APIClient().get(PATH).status_code == 401
    assert APIClient().post(PATH).status_code == 401
    assert lms.asked == []


def test_a_loop_is_refused(lms: LegacyLms, caller: APIClient) -> None:
    answer = caller.get(PATH, headers={"X-Edx-Exams-Forwarded": "1"})
    assert answer.status_code == 508
    assert answer.json()["error"]
    assert lms.asked == []


@pytest.mark.parametrize(
    ("behaviour", "status"),
    [
        (sends(302, b"", Location="http://evil.example.org/"), 502),
        (legacy_lms.sends_half, 502),
        (legacy_lms.speaks_no_http, 504),
        (legacy_lms.cuts, 504),
        (legacy_lms.hangs, 504),
        (legacy_lms.drips_its_body, 504),
    ],
)
def test_an_lms_that_misbehaves_is_a_bounded_refusal(
    lms: LegacyLms, caller: APIClient, impatient: None, behaviour: Any, status: int
) -> None:
    lms.behave = behaviour
    answer = caller.get(PATH)
    assert answer.status_code == status, answer.content
    assert answer.json()["error"] == answer.json()["detail"]


def test_without_an_older_system_every_course_is_ours(
    lms: LegacyLms, as_course_team: APIClient, settings: Settings
) -> None:
    settings.LEGACY_EXAMS_ENABLED = False
    assert as_course_team.get(PATH).status_code == 200
    assert lms.asked == []
