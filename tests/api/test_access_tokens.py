# SPDX-License-Identifier: AGPL-3.0-only
"""`access_tokens`: may the caller see the exam's content now, and what the LMS gets to know of it."""

from datetime import timedelta
from typing import Any, Final

import jwt
import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.settings import development
from tests.api.conftest import Unchanged
from tests.api.contract import API, assert_refused
from tests.conftest import ClientFor
from tests.factories import ExamFactory, OldAttemptFactory, UserFactory, make_attempt, running_attempt

pytestmark = pytest.mark.django_db

HOUR: Final = timedelta(hours=1)
STATUSES: Final = list(ExamAttemptStatus.values)


def ask(client: APIClient, exam: Exam | int) -> Any:
    exam_id = exam if isinstance(exam, int) else exam.pk
    return client.get(f"{API}/access_tokens/exam_id/{exam_id}")


def granted(client: APIClient, exam: Exam) -> int:
    """The seconds for which access is granted, the answer and its token checked."""
    answer = ask(client, exam)
    assert answer.status_code == 200, answer.content
    said = answer.json()
    assert set(said) == {"exam_access_token", "exam_access_token_expiration"}
    seconds = said["exam_access_token_expiration"]
    assert type(seconds) is int
    claims = claims_of(said["exam_access_token"])
    assert claims["exp"] - claims["iat"] == seconds
    return seconds


def claims_of(token: str) -> dict[str, Any]:
    """The token's claims, verified as the LMS does: with the public key."""
    jwk = development.PUBLIC_SIGNING_JWK
    return jwt.decode(token, jwt.PyJWK(jwk).key, ["RS512"])


def due(when: timedelta, **fields: Any) -> Exam:
    return ExamFactory.create(due_date=timezone.now() + when, **fields)


# The token


def test_the_token_has_these_claims(as_learner: APIClient, learner: User, settings: Settings) -> None:
    exam = ExamFactory.create()
    running_attempt(exam, learner)
    token = ask(as_learner, exam).json()["exam_access_token"]
    claims = claims_of(token)
    now = timezone.now().timestamp()
    assert abs(claims.pop("iat") - now) < 5
    assert abs(claims.pop("exp") - now - 60) < 5
    assert claims == {
        "lms_user_id": learner.lms_user_id,
        "iss": settings.TOKEN_SIGNING["JWT_ISSUER"],
        "version": "1.2.0",
        "course_id": exam.course_id,
        "content_id": exam.content_id,
    }
    assert jwt.get_unverified_header(token)["alg"] == "RS512"


def test_all_numbers_in_the_token_are_integers(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    running_attempt(exam, learner)
    claims = claims_of(ask(as_learner, exam).json()["exam_access_token"])
    assert {name: type(claims[name]) for name in ("lms_user_id", "exp", "iat")} == dict.fromkeys(
        ("lms_user_id", "exp", "iat"), int
    )


# The decision, in its order


@pytest.mark.parametrize("who", ["course_team", "global_staff"])
@pytest.mark.parametrize("hide_after_due", [True, False])
@pytest.mark.parametrize("when", [-HOUR, HOUR])
def test_staff_are_let_in_at_any_time(
    when: timedelta, hide_after_due: bool, who: str, request: pytest.FixtureRequest, client_for: ClientFor
) -> None:
    exam = due(when, hide_after_due=hide_after_due)
    assert granted(client_for(request.getfixturevalue(who)), exam) == 60


def test_staff_are_let_in_whatever_their_own_attempt_is(as_course_team: APIClient, course_team: User) -> None:
    exam = ExamFactory.create()
    make_attempt(exam, course_team)
    assert granted(as_course_team, exam) == 60


def test_staff_of_another_course_are_learners_here(as_course_team: APIClient) -> None:
    exam = ExamFactory.create(course_id="course-v1:Acme+BIO101+2027")
    assert_refused(ask(as_course_team, exam), 403)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("when", [None, HOUR])
def test_before_the_due_date_only_a_started_attempt_opens_the_exam(
    when: timedelta | None, status: str, as_learner: APIClient, learner: User
) -> None:
    exam = ExamFactory.create() if when is None else due(when)
    OldAttemptFactory.create(
        exam=exam, user=learner, status=status, start_time=timezone.now(), allowed_time_limit_mins=30
    )
    if status == "started":
        assert granted(as_learner, exam) == 60
    else:
        assert_refused(ask(as_learner, exam), 403)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("hide_after_due", [True, False])
def test_after_the_due_date_a_running_clock_opens_the_exam_and_what_was_handed_in_unless_it_is_hidden(
    hide_after_due: bool, status: str, as_learner: APIClient, learner: User
) -> None:
    exam = due(-timedelta(minutes=1), hide_after_due=hide_after_due)
    OldAttemptFactory.create(
        exam=exam, user=learner, status=status, start_time=timezone.now(), allowed_time_limit_mins=30
    )
    if status == "started" or (status in {"submitted", "verified"} and not hide_after_due):
        assert granted(as_learner, exam) == 60
    else:
        assert_refused(ask(as_learner, exam), 403)


@pytest.mark.parametrize(
    ("when", "hide_after_due", "is_open"),
    [
        (None, False, False),
        (None, True, False),
        (HOUR, False, False),
        (HOUR, True, False),
        (-HOUR, False, True),
        (-HOUR, True, False),
    ],
)
def test_without_an_attempt_an_exam_opens_once_it_is_due_unless_it_is_hidden(
    when: timedelta | None, hide_after_due: bool, is_open: bool, as_learner: APIClient
) -> None:
    exam = due(when, hide_after_due=hide_after_due) if when else ExamFactory.create(hide_after_due=hide_after_due)
    if is_open:
        assert granted(as_learner, exam) == 60
    else:
        assert_refused(ask(as_learner, exam), 403)


@pytest.mark.parametrize(("seconds_left", "at_least", "at_most"), [(3000, 60, 60), (45.9, 40, 45), (5, 1, 5)])
def test_access_does_not_outlive_the_time_remaining(
    seconds_left: float, at_least: int, at_most: int, as_learner: APIClient, learner: User
) -> None:
    exam = ExamFactory.create()
    started = timezone.now() - HOUR + timedelta(seconds=seconds_left)
    running_attempt(exam, learner, at=started)
    assert at_least <= granted(as_learner, exam) <= at_most


@pytest.mark.parametrize("seconds_left", [0.9, 0, -100])
def test_no_time_remaining_is_no_access(seconds_left: float, as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    running_attempt(exam, learner, at=timezone.now() - HOUR + timedelta(seconds=seconds_left))
    assert_refused(ask(as_learner, exam), 403)


def test_a_pause_by_the_proctoring_tool_is_no_access(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create(exam_type="proctored")
    attempt = running_attempt(exam, learner)
    ExamAttempt.objects.filter(pk=attempt.pk).update(paused_at=timezone.now())
    assert_refused(ask(as_learner, exam), 403)


def test_the_latest_attempt_counts(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    OldAttemptFactory.create(
        exam=exam, user=learner, status="started", start_time=timezone.now(), allowed_time_limit_mins=30
    )
    OldAttemptFactory.create(exam=exam, user=learner, status="created", attempt_number=2)
    assert_refused(ask(as_learner, exam), 403)


def test_the_attempt_of_another_learner_opens_nothing(as_learner: APIClient) -> None:
    exam = ExamFactory.create()
    running_attempt(exam)
    assert_refused(ask(as_learner, exam), 403)


def test_an_exam_that_was_replaced_still_opens_for_its_running_attempt(as_learner: APIClient, learner: User) -> None:
    exam = ExamFactory.create()
    running_attempt(exam, learner)
    Exam.objects.update(is_active=False)
    assert granted(as_learner, exam) == 60


@pytest.mark.parametrize("exam_id", [0, 2**31 - 1, 2**31, 2**62, 9999999999999999999])
def test_an_exam_that_is_not_there_is_404(exam_id: int, as_learner: APIClient, unchanged: Unchanged) -> None:
    with unchanged():
        assert_refused(ask(as_learner, exam_id), 404)


@pytest.mark.parametrize("is_staff", [True, False])
def test_a_caller_whom_the_lms_names_by_no_id_gets_no_token(is_staff: bool, client_for: ClientFor) -> None:
    exam = due(-HOUR)
    user = UserFactory.create(lms_user_id=None, is_staff=is_staff)
    assert_refused(ask(client_for(user), exam), 403)


def test_asking_changes_nothing(as_learner: APIClient, learner: User, unchanged: Unchanged) -> None:
    exam = ExamFactory.create()
    running_attempt(exam, learner, at=timezone.now() - 2 * HOUR)
    with unchanged():
        ask(as_learner, exam)
