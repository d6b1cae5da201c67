# SPDX-License-Identifier: AGPL-3.0-only
"""Requests that go to the legacy service, and their form on arrival."""

import json
import time
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, User
from tests.api.contract import CONTENT_ID, assert_refused, exam_item
from tests.conftest import ClientFor, CountStatements
from tests.factories import (
    COURSE_ID,
    ConfigurationFactory,
    CourseStaffRoleFactory,
    ExamFactory,
    UserFactory,
    running_attempt,
)
from tests.router.legacy_lms import API, KEY, SECRET, TOKEN, LegacyLms, answers

pytestmark = pytest.mark.django_db

V1: Final = "/api/v1"
EXAMS: Final = f"{V1}/exams/course_id/{COURSE_ID}"
EXAM: Final = f"{V1}/student/exam/attempt/course_id/{COURSE_ID}/content_id/{CONTENT_ID}"
PROVIDER: Final = f"{V1}/exam/provider_settings/course_id/{COURSE_ID}/exam_id/77"
ONBOARDING: Final = f"{V1}/student/course_id/{COURSE_ID}/onboarding"
LATEST: Final = f"{V1}/exams/attempt/latest"

QUOTED_COURSE: Final = quote(COURSE_ID, safe="")
QUOTED_CONTENT: Final = quote(CONTENT_ID, safe="")


def test_pushed_exams_arrive_with_the_flags_of_their_types(lms: LegacyLms, as_course_team: APIClient) -> None:
    lms.behave = answers(200, [{"exam_id": 5}, {"exam_id": 6, "error": {"detail": "not so"}}])
    types = ["proctored", "timed", "practice", "onboarding"]
    items: list[Any] = [exam_item(exam_type=name) for name in types]
    odd: list[Any] = [
        exam_item(exam_type="oral"),
        exam_item(exam_type=["timed"]),
        {"exam_name": "Bare"},
        "no exam",
        None,
    ]

    answer = as_course_team.patch(EXAMS, [*items, *odd], format="json")

    assert (answer.status_code, answer.json()) == (200, [{"exam_id": 5}, {"exam_id": 6, "error": {"detail": "not so"}}])
    assert lms.request.method == "PATCH"
    assert lms.request.target == f"{API}proctored_exam/exam_registration/course_id/{QUOTED_COURSE}"
    assert lms.request.headers["Content-Type"] == "application/json"
    flags = [(True, False), (False, False), (True, True), (True, True)]
    assert json.loads(lms.request.body) == [
        *(
            {**item, "is_proctored": is_proctored, "is_practice_exam": is_practice}
            for item, (is_proctored, is_practice) in zip(items, flags, strict=True)
        ),
        *odd,
    ]
    assert not Exam.objects.exists()


@pytest.mark.parametrize("body", ['{"exams": []}', '"timed"', "1", "null", "[1e999]", "[NaN]", "{", ""])
def test_a_body_that_is_no_list_of_exams_is_refused_here(body: str, lms: LegacyLms, as_course_team: APIClient) -> None:
    answer = as_course_team.patch(EXAMS, body, content_type="application/json")
    assert_refused(answer, 400)
    assert not lms.asked


def test_a_legacy_course_lists_no_exams(lms: LegacyLms, as_course_team: APIClient) -> None:
    ExamFactory.create()
    answer = as_course_team.get(EXAMS)
    assert (answer.status_code, answer.json()) == (404, [])
    assert not lms.connections


def test_a_learner_meets_an_exam_of_the_legacy_service(lms: LegacyLms, learner: User, as_learner: APIClient) -> None:
    lms.behave = answers(200, {"exam": {"id": 9, "attempt": {"attempt_id": 3}}, "active_attempt": {"attempt_id": 4}})

    answer = as_learner.get(EXAM)

    assert (answer.status_code, answer.json()) == (200, {"exam": {"id": 9, "attempt": {"attempt_id": 3}}})
    assert lms.request.method == "GET"
    assert lms.request.path == f"{API}proctored_exam/attempt/course_id/{QUOTED_COURSE}"
    assert lms.request.query == f"content_id={QUOTED_CONTENT}&user_id={learner.lms_user_id}"
    assert lms.request.body == b""


def test_a_learner_without_lms_id_meets_no_exam_and_nothing_is_sent(lms: LegacyLms, client_for: ClientFor) -> None:
    nameless = client_for(UserFactory.create(lms_user_id=None))
    answer = nameless.get(EXAM)
    assert (answer.status_code, answer.json()) == (200, {"exam": {}})
    assert nameless.get(LATEST).json() == {}
    assert not lms.connections


def test_provider_settings_are_asked_for_by_the_exams_id(lms: LegacyLms, as_learner: APIClient) -> None:
    lms.behave = answers(200, {"provider_name": "Old Proctors", "provider_tech_support_email": "a@example.com"})
    answer = as_learner.get(PROVIDER)
    assert answer.json() == {"provider_name": "Old Proctors", "provider_tech_support_email": "a@example.com"}
    assert (lms.request.method, lms.request.target) == ("GET", f"{API}proctored_exam/settings/exam_id/77/")


def test_onboarding_is_asked_for_in_the_callers_name(lms: LegacyLms, learner: User, as_learner: APIClient) -> None:
    lms.behave = answers(200, {"onboarding_status": "verified"})
    answer = as_learner.get(ONBOARDING)
    assert (answer.status_code, answer.json()) == (200, {"onboarding_status": "verified"})
    assert lms.request.method == "GET"
    query = f"is_learning_mfe=true&course_id={QUOTED_COURSE}&username={learner.username}"
    assert lms.request.target == f"{API}user_onboarding/status?{query}"


def test_onboarding_of_others_is_for_staff_of_the_course(
    lms: LegacyLms, learner: User, course_team: User, global_staff: User, client_for: ClientFor
) -> None:
    others_team = CourseStaffRoleFactory.create(course_id=f"{COURSE_ID}x").user
    somebody = {"username": "sömebody&user=x"}
    for refused in (learner, others_team):
        assert_refused(client_for(refused).get(ONBOARDING, somebody), 403)
    assert not lms.connections
    assert client_for(learner).get(ONBOARDING, {"username": learner.username}).status_code == 200
    for allowed in (course_team, global_staff):
        assert client_for(allowed).get(ONBOARDING, somebody).status_code == 200
    usernames = [dict(parse_qsl(asked.query))["username"] for asked in lms.asked]
    assert usernames == [learner.username, somebody["username"], somebody["username"]]


def test_requests_carry_the_workers_token_and_nothing_of_the_caller(lms: LegacyLms, as_learner: APIClient) -> None:
    as_learner.get(PROVIDER, headers={"Cookie": "edx_exams_sessionid=secret", "X-Request-ID": "trace-7"})
    headers = lms.request.headers
    assert headers["Authorization"] == f"JWT {TOKEN}"
    assert headers["Accept"] == "application/json"
    assert headers["X-Request-ID"] == "trace-7"
    assert "Cookie" not in headers
    (token_request,) = lms.token_requests
    assert token_request.method == "POST"
    assert "Authorization" not in token_request.headers
    assert dict(parse_qsl(token_request.body.decode())) == {
        "grant_type": "client_credentials", "client_id": KEY, "client_secret": SECRET, "token_type": "jwt"
    }  # fmt: skip


@pytest.mark.parametrize("odd", [" blank", "two words", "x" * 65, "\x01", "é", "学", "a\r\nX-Y: z"])
def test_an_odd_id_of_a_callers_request_stays_here(odd: str, lms: LegacyLms, as_learner: APIClient) -> None:
    for path in (PROVIDER, LATEST):
        assert as_learner.get(path, headers={"X-Request-ID": odd}).status_code == 200
    assert [asked.headers["X-Request-ID"] for asked in lms.asked] == ["-", "-"]


@pytest.mark.parametrize("status", [200, 201, 400, 401, 403, 404, 409, 429, 500, 503])
@pytest.mark.parametrize("path", [EXAM, PROVIDER, ONBOARDING])
def test_status_and_json_of_the_legacy_answer_pass_through(
    path: str, status: int, lms: LegacyLms, as_learner: APIClient
) -> None:
    data = {"detail": "Äußerst 'odd' \U0001f393", "nested": [1, 2.5, None, {"a": False}]}
    lms.behave = answers(status, data)
    answer = as_learner.get(path)
    assert (answer.status_code, answer.json()) == (status, data)


@pytest.mark.parametrize("data", [[], [1], "text", 7, None, True])
def test_json_of_any_kind_passes_through(data: object, lms: LegacyLms, as_learner: APIClient) -> None:
    lms.behave = answers(200, data)
    for path in (EXAM, PROVIDER):
        answer = as_learner.get(path)
        assert (answer.status_code, json.loads(answer.content or b"null")) == (200, data)


NASTY_COURSES: Final = [
    "course-v1:Ünï+Nüm+Rün 学?a=b&c#d",
    "a%2Fb?c&d=e/#f/g#h",
    "Org/Num 1/..",
    "../../admin",
    "./x/%2e%2e",
    "Org/N\r\nHost: evil/2026",
    "Org;x/a=b/c,d@[e]~!$'()*{}|\\^`\"<>\0",
    "bio-101:autumn_26",
]
NASTY_CONTENTS: Final = [
    "block-v1:Ünï+X+2026+type@sequential+block@学 é",
    "x?content_id=y&user_id=1#z",
    "../../..",
    "a%2Fb/%3F%23&c=d",
    "i4x://Acme/BIO101/sequential/midterm",
]


@pytest.mark.parametrize("course_id", NASTY_COURSES)
def test_course_ids_reach_the_legacy_service_intact(course_id: str, lms: LegacyLms, as_global_staff: APIClient) -> None:
    course = quote(course_id, safe="")
    as_global_staff.patch(f"{V1}/exams/course_id/{course}", [], format="json")
    as_global_staff.get(f"{V1}/student/exam/attempt/course_id/{course}/content_id/{QUOTED_CONTENT}")
    as_global_staff.get(f"{V1}/student/course_id/{course}/onboarding")
    registration, attempt, onboarding = lms.asked
    for asked, path in ((registration, "exam_registration/course_id/"), (attempt, "attempt/course_id/")):
        prefix, name = asked.path.rsplit("/", 1)
        assert f"{prefix}/" == f"{API}proctored_exam/{path}"
        assert unquote(name) == course_id
    assert onboarding.path == f"{API}user_onboarding/status"
    assert dict(parse_qsl(onboarding.query))["course_id"] == course_id


@pytest.mark.parametrize("content_id", NASTY_CONTENTS)
def test_content_ids_reach_the_legacy_service_intact(
    content_id: str, lms: LegacyLms, learner: User, as_learner: APIClient
) -> None:
    content = quote(content_id, safe="")
    as_learner.get(f"{V1}/student/exam/attempt/course_id/{QUOTED_COURSE}/content_id/{content}")
    assert lms.request.path == f"{API}proctored_exam/attempt/course_id/{QUOTED_COURSE}"
    query = [("content_id", content_id), ("user_id", str(learner.lms_user_id))]
    assert parse_qsl(lms.request.query, strict_parsing=True) == query


def test_a_course_that_loses_its_provider_strands_nobody_in_the_middle_of_an_exam(
    lms: LegacyLms, as_learner: APIClient, learner: User
) -> None:
    lms.behave = answers(200, {"exam": {}})
    here = running_attempt(ExamFactory.create(content_id=CONTENT_ID), learner)
    assert as_learner.get(EXAM).json()["exam"]["attempt"]["attempt_id"] == here.pk
    assert not lms.connections

    other = EXAM.replace("midterm", "another").replace(CONTENT_ID, f"{CONTENT_ID}-2")
    assert as_learner.get(other).json() == {"exam": {}}
    assert len(lms.asked) == 1


def test_our_own_permissions_come_first(lms: LegacyLms, as_learner: APIClient) -> None:
    nobody = APIClient()
    for path in (EXAMS, EXAM, PROVIDER, ONBOARDING, LATEST):
        assert_refused(nobody.get(path), 401)
        assert_refused(as_learner.post(path, {}, format="json"), 405)
    assert_refused(nobody.patch(EXAMS, [], format="json"), 401)
    assert_refused(as_learner.patch(EXAMS, [], format="json"), 403)
    assert_refused(as_learner.get(EXAMS), 403)
    assert not lms.connections


def ask_everything(client: APIClient) -> list[int]:
    """Statuses of all that could be forwarded."""
    return [
        client.patch(EXAMS, [exam_item()], format="json").status_code,
        *(client.get(path).status_code for path in (EXAMS, EXAM, PROVIDER, ONBOARDING, LATEST)),
    ]


OURS: Final = [200, 200, 200, 200, 404, 200]


def test_a_course_with_a_provider_is_ours(lms: LegacyLms, as_course_team: APIClient) -> None:
    ConfigurationFactory.create()
    assert ask_everything(as_course_team) == OURS
    assert [asked.path for asked in lms.asked] == [f"{API}proctored_exam/active_attempt"]


def test_a_configuration_without_a_provider_leaves_a_course_where_it_was(
    lms: LegacyLms, as_course_team: APIClient
) -> None:
    ConfigurationFactory.create(provider=None)
    assert ask_everything(as_course_team) == [200, 404, 200, 200, 200, 200]
    assert len(lms.asked) == 5


def test_without_a_legacy_service_every_course_is_ours_and_no_request_leaves(
    lms: LegacyLms, settings: Settings, as_course_team: APIClient
) -> None:
    settings.LEGACY_EXAMS_ENABLED = False
    assert ask_everything(as_course_team) == OURS
    assert not lms.connections


def test_finding_out_whose_a_course_is_keeps_within_the_budget_of_statements(
    lms: LegacyLms, as_course_team: APIClient, as_learner: APIClient, learner: User, at_most: CountStatements
) -> None:
    ConfigurationFactory.create()
    exam = running_attempt(user=learner).exam
    as_course_team.get(PROVIDER)  # both have been met
    with at_most(4):
        assert as_course_team.get(EXAMS).status_code == 200
    with at_most(2):
        assert as_learner.get(EXAM.replace(CONTENT_ID, exam.content_id)).json()["exam"]["id"] == exam.pk
    with at_most(2):
        assert as_learner.get(LATEST).json()["exam_type"] == "timed"


def test_a_whole_courses_exams_may_take_longer_than_a_question(
    lms: LegacyLms, as_course_team: APIClient, settings: Settings
) -> None:
    settings.LEGACY_CONNECT_TIMEOUT = settings.LEGACY_READ_TIMEOUT = 0.1

    def late(handler: Any) -> None:
        time.sleep(0.4)
        answers(200, [])(handler)

    lms.behave = late
    assert as_course_team.patch(EXAMS, [exam_item()], format="json").status_code == 200
    assert as_course_team.get(PROVIDER).status_code == 504


def test_the_lms_is_asked_at_its_inner_address(lms: LegacyLms, as_course_team: APIClient, settings: Settings) -> None:
    """Behind a proxy that routes some of the LMS's paths to us, its own address would lead back here."""
    settings.LEGACY_INTERNAL_URL, settings.LMS_ROOT_URL = lms.url, "http://127.0.0.1:9"
    lms.behave = answers(200, {})
    assert as_course_team.get(PROVIDER).status_code == 200
    assert len(lms.token_requests) == 1
