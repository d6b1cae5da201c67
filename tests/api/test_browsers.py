# SPDX-License-Identifier: AGPL-3.0-only
"""The needs of a page on another origin: cookies, a CSRF token and CORS, as the MFEs use them."""

from typing import Any, Final

import pytest
from rest_framework.test import APIClient

from edx_exams.apps.core.models import ExamAttempt, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.conftest import person
from tests.factories import COURSE_ID, ExamFactory, running_attempt

pytestmark = pytest.mark.django_db

MFE: Final = "http://localhost:2000"
ELSEWHERE: Final = "https://evil.example.com"


@pytest.fixture
def browser(learner: User) -> APIClient:
    """A browser at the learning MFE, signed in at the LMS, which checks CSRF tokens as servers do."""
    client = APIClient(enforce_csrf_checks=True, headers={"Origin": MFE, "USE-JWT-COOKIE": "true"})
    client.cookies.load(person(learner).cookies())
    return client


def csrf_token(browser: APIClient) -> str:
    return str(browser.get("/csrf/api/v1/token").json()["csrfToken"])


def test_the_csrf_token_is_for_everybody_and_comes_with_its_cookie(as_nobody: APIClient) -> None:
    answer = as_nobody.get("/csrf/api/v1/token", headers={"Origin": MFE})
    assert (answer.status_code, list(answer.json())) == (200, ["csrfToken"])
    assert "edx_exams_csrftoken" in answer.cookies
    assert answer.headers["Access-Control-Allow-Origin"] == MFE


def test_reading_needs_no_csrf_token(browser: APIClient) -> None:
    assert browser.get(f"{API}/exams/attempt/latest").status_code == 200


def assert_writes_are_refused(
    browser: APIClient, attempt: ExamAttempt, token: str | None, unchanged: Unchanged
) -> None:
    headers = {} if token is None else {"X-CSRFToken": token}
    with unchanged():
        for method, path, body in (
            ("post", "exams/attempt", {"exam_id": attempt.exam_id}),
            ("put", f"exams/attempt/{attempt.pk}", {"action": "submit"}),
            ("delete", f"exams/attempt/{attempt.pk}", None),
            ("patch", f"exams/course_id/{COURSE_ID}", []),
        ):
            assert_refused(getattr(browser, method)(f"{API}/{path}", body, format="json", headers=headers), 401)


@pytest.mark.parametrize("token", [None, "", "x" * 64, "short"])
def test_writing_by_cookie_without_a_valid_csrf_token_is_401(
    token: str | None, browser: APIClient, learner: User, unchanged: Unchanged
) -> None:
    attempt = running_attempt(user=learner)
    assert_writes_are_refused(browser, attempt, token, unchanged)
    csrf_token(browser)
    assert_writes_are_refused(browser, attempt, token, unchanged)


def test_so_it_is_beside_a_session_of_someone_else(
    browser: APIClient, global_staff: User, learner: User, unchanged: Unchanged
) -> None:
    attempt = running_attempt(user=learner)
    browser.force_login(global_staff)
    assert_writes_are_refused(browser, attempt, None, unchanged)


@pytest.mark.parametrize("use_jwt_cookie", [True, False])
def test_writing_by_cookie_with_the_csrf_token_works(browser: APIClient, learner: User, use_jwt_cookie: bool) -> None:
    exam = ExamFactory.create()
    headers = {"X-CSRFToken": csrf_token(browser)}
    if not use_jwt_cookie:
        browser.defaults.pop("HTTP_USE_JWT_COOKIE", None)
    begun = browser.post(f"{API}/exams/attempt", {"exam_id": exam.pk}, format="json", headers=headers)
    assert begun.status_code == 200
    path = f"{API}/exams/attempt/{begun.json()['exam_attempt_id']}"
    assert browser.put(path, {"action": "start"}, format="json", headers=headers).status_code == 200
    assert ExamAttempt.objects.get().user == learner


def test_a_csrf_token_is_worth_nothing_on_an_origin_that_is_not_trusted(browser: APIClient) -> None:
    exam = ExamFactory.create()
    headers = {"X-CSRFToken": csrf_token(browser), "Origin": ELSEWHERE}
    assert_refused(browser.post(f"{API}/exams/attempt", {"exam_id": exam.pk}, format="json", headers=headers), 401)
    assert not ExamAttempt.objects.exists()


def test_writing_by_header_needs_no_csrf_token(learner: User) -> None:
    exam = ExamFactory.create()
    client = APIClient(enforce_csrf_checks=True, headers=person(learner).authorization())
    assert client.post(f"{API}/exams/attempt", {"exam_id": exam.pk}, format="json").status_code == 200


# CORS


def preflight(origin: str, method: str, headers: str, path: str = "exams/attempt") -> Any:
    """The request that a browser makes by itself: without credentials."""
    return APIClient().options(
        f"{API}/{path}",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )


@pytest.mark.parametrize("origin", [MFE, "http://localhost:2020"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_of_an_mfe_is_answered_yes(origin: str, method: str) -> None:
    asked = "authorization,content-type,use-jwt-cookie,x-csrftoken,x-requested-with"
    answer = preflight(origin, method, asked)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = {name.strip() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert set(asked.split(",")) <= allowed
    assert "origin" in answer.headers["Vary"].lower()


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, "null", "http://localhost:20000", "https://localhost:2000", f"{MFE}.evil.example.com"]
)
def test_other_origins_are_told_nothing(origin: str, learner: User) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(origin, "POST", "content-type").headers
    client = APIClient(headers={"Origin": origin})
    client.cookies.load(person(learner).cookies())
    answer = client.get(f"{API}/exams/attempt/latest")
    assert not [name for name in answer.headers if name.startswith("Access-Control-")]


def test_refusals_can_be_read_across_origins_too(as_nobody: APIClient) -> None:
    for path in ("exams/attempt/latest", "no/such/path"):
        answer = as_nobody.get(f"{API}/{path}", headers={"Origin": MFE})
        assert answer.status_code in {401, 404}
        assert answer.headers["Access-Control-Allow-Origin"] == MFE
        assert answer.headers["Access-Control-Allow-Credentials"] == "true"
