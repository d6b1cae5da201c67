# SPDX-License-Identifier: AGPL-3.0-only
"""Spellings of paths that are accepted, and those that are refused."""

import json
from typing import Any, Final
from urllib.parse import quote

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.api.v1.urls import urlpatterns
from edx_exams.apps.core.models import Exam, StudentAllowance, User
from tests.api.conftest import Unchanged
from tests.api.contract import API, CONTENT_ID, OPERATIONS, PATHS, Operation, assert_refused, exam_item, send
from tests.conftest import ClientFor
from tests.factories import COURSE_ID, AllowanceFactory, ExamFactory, OldAttemptFactory

pytestmark = pytest.mark.django_db

OLD_COURSE_ID: Final = "Acme/BIO101/2026_T1"
I4X_ID: Final = "i4x://Acme/BIO101/sequential/midterm"
COURSES: Final = [COURSE_ID, OLD_COURSE_ID, "bio-101:autumn_26", "2026"]


@pytest.fixture
def as_global_staff(client_for: ClientFor, global_staff: User) -> APIClient:
    return client_for(global_staff)


def encoded_once(text: str) -> str:
    return quote(text, safe="")


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("encoded", [str, encoded_once], ids=["raw", "percent-encoded"])
@pytest.mark.parametrize("course_id", COURSES)
def test_a_course_is_named_in_any_spelling(
    course_id: str, encoded: Any, slash: str, as_global_staff: APIClient
) -> None:
    exam = ExamFactory.create(course_id=course_id, content_id=I4X_ID)
    allowance = AllowanceFactory.create(exam=exam)
    OldAttemptFactory.create(exam=exam)
    course, content = encoded(course_id), encoded(I4X_ID)

    exams = as_global_staff.get(f"{API}/exams/course_id/{course}{slash}").json()
    assert [found["id"] for found in exams] == [exam.pk]
    assert exams[0]["course_id"] == course_id
    allowances = as_global_staff.get(f"{API}/exams/course_id/{course}/allowances{slash}").json()
    assert [found["id"] for found in allowances] == [allowance.pk]
    attempts = as_global_staff.get(f"{API}/instructor_view/course_id/{course}/attempts{slash}").json()
    assert attempts["count"] == 1
    learners = as_global_staff.get(f"{API}/student/exam/attempt/course_id/{course}/content_id/{content}{slash}").json()
    assert learners["exam"]["id"] == exam.pk
    settings = as_global_staff.get(f"{API}/exam/provider_settings/course_id/{course}/exam_id/{exam.pk}{slash}")
    assert settings.status_code == 200
    assert as_global_staff.get(f"{API}/configs/course_id/{course}{slash}").status_code == 200
    onboarding = as_global_staff.get(f"{API}/student/course_id/{course}/onboarding{slash}").json()
    assert "onboarding" in onboarding["detail"]
    gone = as_global_staff.delete(f"{API}/exams/course_id/{course}/allowances/{allowance.pk}{slash}")
    assert gone.status_code == 204
    assert not StudentAllowance.objects.exists()


@pytest.mark.parametrize("slash", ["", "/"])
def test_paths_without_a_course_may_end_in_a_slash_too(slash: str, as_learner: APIClient) -> None:
    exam = ExamFactory.create()
    begun = as_learner.post(f"{API}/exams/attempt{slash}", {"exam_id": exam.pk, "start_clock": True}, format="json")
    attempt_id = begun.json()["exam_attempt_id"]
    assert as_learner.get(f"{API}/exams/attempt/latest{slash}").json()["attempt_id"] == attempt_id
    assert as_learner.get(f"{API}/access_tokens/exam_id/{exam.pk}{slash}").status_code == 200
    assert as_learner.get(f"{API}/providers{slash}").json() == []
    assert as_learner.get(f"{API}/provider{slash}").json() == []
    done = as_learner.put(f"{API}/exams/attempt/{attempt_id}{slash}", {"action": "submit"}, format="json")
    assert done.json() == {"exam_attempt_id": attempt_id}


@pytest.mark.parametrize(
    "content_id",
    [
        I4X_ID,
        "block-v1:Acme+BIO101+2026_T1+type@sequential+block@d8a6",
        "block-v1:Acme+BIO101+2026_T1+type@sequential+block@with.dots-and_content_id",
    ],
)
@pytest.mark.parametrize("encoded", [str, encoded_once], ids=["raw", "percent-encoded"])
def test_content_is_found_whichever_key_it_has(content_id: str, encoded: Any, as_learner: APIClient) -> None:
    exam = ExamFactory.create(content_id=content_id)
    path = f"{API}/student/exam/attempt/course_id/{encoded(COURSE_ID)}/content_id/{encoded(content_id)}"
    assert as_learner.get(path).json()["exam"]["id"] == exam.pk


def test_an_old_key_is_found_though_a_server_on_the_way_merged_its_slashes(as_learner: APIClient) -> None:
    exam = ExamFactory.create(content_id=I4X_ID)
    merged = I4X_ID.replace("//", "/")
    path = f"{API}/student/exam/attempt/course_id/{COURSE_ID}/content_id/{merged}"
    assert as_learner.get(path).json()["exam"]["id"] == exam.pk


def test_courses_that_differ_in_case_are_different_courses(as_global_staff: APIClient) -> None:
    exam = ExamFactory.create()
    other = COURSE_ID.replace("Acme", "acme")
    assert as_global_staff.get(f"{API}/exams/course_id/{other}").json() == []
    assert as_global_staff.get(f"{API}/student/exam/attempt/course_id/{other}/content_id/{exam.content_id}").json() == {
        "exam": {}
    }
    assert_refused(as_global_staff.get(f"{API}/instructor_view/course_id/{other}/attempts?exam_id={exam.pk}"), 404)


NO_PATHS: Final = [
    ("DELETE", "/exams/course_id/{course_id}/allowances/{allowance_id}abc"),
    ("DELETE", "/exams/course_id/{course_id}/allowances/abc"),
    ("DELETE", "/exams/course_id/{course_id}/allowances/{allowance_id}/x"),
    ("DELETE", "/exams/course_id/{course_id}/allowances/-{allowance_id}"),
    ("DELETE", "/exams/course_id/{course_id}/allowances/{allowance_id}%0A"),
    ("DELETE", "/exams/course_id/{course_id}/allowances/%D9%A1"),
    ("PUT", "/exams/attempt/{attempt_id}abc"),
    ("PUT", "/exams/attempt/-{attempt_id}"),
    ("PUT", "/exams/attempt/{attempt_id}.0"),
    ("PUT", "/exams/attempt/99999999999999999999"),
    ("GET", "/exams/attempt/latestabc"),
    ("GET", "/exams/attempt/latest/x"),
    ("GET", "/access_tokens/exam_id/{exam_id}abc"),
    ("GET", "/access_tokens/exam_id/"),
    ("GET", "/providerss"),
    ("GET", "/xproviders"),
    ("GET", "/exams/course_id/"),
    ("GET", "/exams/course_id/no%20course"),
    ("GET", "/exams/course_id/course-v1:Acme+BIO101"),
    ("GET", "/exams/course_id/b%C3%BCcher"),
    ("GET", "/exams/course_id/Acme+BIO101/allowances"),
    ("GET", "/exam/provider_settings/course_id/{course_id}/exam_id/{exam_id}abc"),
    ("GET", "/exam/provider_settings/course_id/{course_id}/exam_id/"),
    ("GET", "/student/exam/attempt/course_id/{course_id}/content_id/"),
    ("GET", ""),
    ("GET", "/"),
    ("POST", "/no/such/path"),
]


@pytest.mark.parametrize("debug", [False, True])
def test_what_is_no_path_is_404_in_json(
    debug: bool, settings: Settings, as_global_staff: APIClient, unchanged: Unchanged
) -> None:
    settings.DEBUG = debug
    allowance = AllowanceFactory.create()
    attempt = OldAttemptFactory.create()
    ids = {
        "course_id": COURSE_ID,
        "allowance_id": allowance.pk,
        "attempt_id": attempt.pk,
        "exam_id": allowance.exam_id,
    }
    with unchanged():
        for method, path in NO_PATHS:
            assert_refused(send(as_global_staff, method, API + path.format(**ids)), 404)


def test_an_operators_transaction_around_each_request_does_not_hold_ours() -> None:
    for pattern in urlpatterns:
        if pattern.name:
            assert vars(pattern.callback)["_non_atomic_requests"] == {"default"}


def test_a_path_below_allowances_is_no_course(as_global_staff: APIClient) -> None:
    assert_refused(as_global_staff.patch(f"{API}/exams/course_id/{COURSE_ID}/allowances/12abc", [], format="json"), 404)
    assert_refused(as_global_staff.get(f"{API}/exams/course_id/X/allowances/12abc"), 404)
    assert not Exam.objects.exists()


@pytest.mark.parametrize(
    "course_id",
    ["x" * 256, f"Acme/BIO101/{'x' * 250}", "Acme/BIO101/2026%00", "Acme/BIO101/2026%0A", "course-v1:A+B+C%E2%80%A8"],
)
def test_nothing_is_kept_of_a_course_that_no_table_can_name(
    course_id: str, as_global_staff: APIClient, learner: User, unchanged: Unchanged
) -> None:
    nothing = {"provider": None, "escalation_email": None}
    grants = [{"username": learner.username, "exam_id": 1, "extra_time_mins": 5}]
    with unchanged():
        assert_refused(as_global_staff.patch(f"{API}/configs/course_id/{course_id}", nothing, format="json"), 400)
        assert_refused(as_global_staff.patch(f"{API}/exams/course_id/{course_id}", [], format="json"), 400)
        path = f"{API}/exams/course_id/{course_id}/allowances"
        assert_refused(as_global_staff.post(path, grants, format="json"), 400)
        read = as_global_staff.get(path)
        assert read.status_code == 400 or read.json() == []


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.method == "GET"], ids=str)
def test_what_a_client_says_it_accepts_makes_no_difference(operation: Operation, as_global_staff: APIClient) -> None:
    exam = ExamFactory.create()
    path = operation.path({"course_id": COURSE_ID, "exam_id": exam.pk, "content_id": exam.content_id})
    for accepted in ("text/html", "application/xml", "text/html;q=0.9,*/*;q=0.8", "nonsense", ""):
        answer = as_global_staff.get(path, headers={"Accept": accepted})
        assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u3000"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_white_space_around_what_identifies_is_refused(
    operation: Operation, blank: str, as_course_team: APIClient, unchanged: Unchanged
) -> None:
    ids = {"course_id": COURSE_ID, "content_id": CONTENT_ID, "exam_id": 1, "attempt_id": 1, "allowance_id": 1}
    with unchanged():
        for name in ("course_id", "content_id"):
            if name in PATHS[operation.name]:
                path = operation.path({**ids, name: quote(f"{ids[name]}{blank}")})
                assert as_course_team.generic(operation.method, path).status_code in (400, 403, 404)
        for body in (
            [exam_item(content_id=f"{CONTENT_ID}{blank}")],
            {"provider": f"acme{blank}", "escalation_email": None},
            [{"username": f"{blank}ada", "exam_id": 1, "extra_time_mins": 1}],
        ):
            path = operation.path(ids)
            answer = as_course_team.generic(operation.method, path, json.dumps(body), "application/json")
            assert operation.method in ("GET", "DELETE") or answer.status_code in (400, 403)
