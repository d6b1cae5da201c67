# SPDX-License-Identifier: AGPL-3.0-only
"""May this person see the exam's content now, and the token that tells the LMS so."""

import json
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings as django_settings
from django.utils import timezone
from jwt.algorithms import RSAAlgorithm
from pytest_django import Settings

from edx_exams.apps.core.api import grant_access
from edx_exams.apps.core.content_access import decide
from edx_exams.apps.core.exceptions import ContentAccessDenied
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.settings import development
from tests.core.conftest import NOON
from tests.factories import (
    CourseStaffRoleFactory,
    ExamFactory,
    OldAttemptFactory,
    UserFactory,
    running_attempt,
    submitted_attempt,
)

MINUTE: Final = timedelta(minutes=1)
REFUSED: Final = 0


def seconds_granted(exam: Exam, attempt: ExamAttempt | None, now: datetime = NOON) -> int:
    """For how long the learner may see the content, 0 for not at all."""
    try:
        return decide(exam, attempt, now)
    except ContentAccessDenied:
        return REFUSED


def attempt_that(**fields: Any) -> ExamAttempt:
    """An attempt of an hour, started ten minutes ago, in memory."""
    clock = {"status": "started", "start_time": NOON - 10 * MINUTE, "allowed_time_limit_mins": 60}
    return ExamAttempt(**{**clock, **fields})


def over(status: str) -> ExamAttempt:
    """An attempt whose time was over long ago, in memory."""
    return attempt_that(status=status, start_time=NOON - timedelta(days=200))


def exam_due(due: datetime | None, **fields: Any) -> Exam:
    return ExamFactory.build(due_date=due, provider=None, **fields)


@pytest.mark.parametrize("due", [None, NOON + timedelta(seconds=1)])
class TestBeforeTheDueDate:
    """Content is for those whose attempt runs."""

    @pytest.mark.parametrize("status", ExamAttemptStatus.values)
    def test_only_a_started_attempt_opens_it(self, due: datetime | None, status: str) -> None:
        expected = 60 if status == "started" else REFUSED
        assert seconds_granted(exam_due(due), attempt_that(status=status)) == expected

    @pytest.mark.parametrize(
        ("seconds_left", "granted"), [(61.5, 60), (60.0, 60), (59.9, 59), (1.0, 1), (0.9, REFUSED), (0.0, REFUSED)]
    )
    def test_for_as_long_as_time_remains_and_a_minute_at_most(
        self, due: datetime | None, seconds_left: float, granted: int
    ) -> None:
        start = NOON - 60 * MINUTE + timedelta(seconds=seconds_left)
        assert seconds_granted(exam_due(due), attempt_that(start_time=start)) == granted

    def test_not_while_the_proctor_has_paused_it(self, due: datetime | None) -> None:
        assert seconds_granted(exam_due(due), attempt_that(paused_at=NOON - MINUTE)) == REFUSED

    @pytest.mark.parametrize("unset", ["start_time", "allowed_time_limit_mins"])
    def test_not_without_start_or_limit(self, due: datetime | None, unset: str) -> None:
        assert seconds_granted(exam_due(due), attempt_that(**{unset: None})) == REFUSED

    def test_not_without_an_attempt(self, due: datetime | None) -> None:
        assert seconds_granted(exam_due(due), None) == REFUSED

    def test_hiding_after_the_due_date_changes_nothing_before_it(self, due: datetime | None) -> None:
        assert seconds_granted(exam_due(due, hide_after_due=True), attempt_that()) == 60


@pytest.mark.parametrize("due", [NOON, NOON - timedelta(days=100)])
class TestFromTheDueDateOn:
    """Content is for those who have handed in, and for those who never began, unless it is hidden."""

    @pytest.mark.parametrize("exam_type", ["timed", "proctored"])
    @pytest.mark.parametrize("status", ExamAttemptStatus.values)
    def test_a_submitted_or_verified_attempt_opens_it(self, due: datetime, exam_type: str, status: str) -> None:
        expected = 60 if status in ("submitted", "verified") else REFUSED
        exam = exam_due(due, exam_type=exam_type)
        assert seconds_granted(exam, over(status)) == expected

    @pytest.mark.parametrize("status", ExamAttemptStatus.values)
    def test_not_if_it_is_hidden_then(self, due: datetime, status: str) -> None:
        assert seconds_granted(exam_due(due, hide_after_due=True), over(status)) == REFUSED

    @pytest.mark.parametrize("is_active", [True, False])
    def test_an_attempt_whose_clock_runs_opens_it_wherever_the_due_date_has_gone(
        self, due: datetime, is_active: bool
    ) -> None:
        exam = exam_due(due, hide_after_due=True, is_active=is_active)
        assert seconds_granted(exam, attempt_that()) == 60
        assert seconds_granted(exam, attempt_that(paused_at=NOON - MINUTE)) == REFUSED

    @pytest.mark.parametrize("status", ExamAttemptStatus.values)
    def test_the_due_date_of_a_retired_instance_opens_nothing(self, due: datetime, status: str) -> None:
        exam = exam_due(due, is_active=False)
        assert seconds_granted(exam, over(status)) == REFUSED
        assert seconds_granted(exam, None) == REFUSED

    def test_those_without_an_attempt_see_it_unless_it_is_hidden(self, due: datetime) -> None:
        assert seconds_granted(exam_due(due), None) == 60
        assert seconds_granted(exam_due(due, hide_after_due=True), None) == REFUSED

    def test_a_practice_exam_that_may_still_be_taken_can_be_seen_while_it_is(self, due: datetime) -> None:
        assert seconds_granted(exam_due(due, exam_type="practice"), attempt_that()) == 60
        assert seconds_granted(exam_due(due, exam_type="practice"), attempt_that(status="submitted")) == 60
        assert seconds_granted(exam_due(due, exam_type="practice"), attempt_that(status="created")) == REFUSED


@pytest.mark.django_db
class TestWho:
    """Course staff always, learners by their latest attempt, nobody whom the LMS does not know."""

    def test_course_staff_see_everything_for_a_minute(self, course_team: User, global_staff: User) -> None:
        exam = ExamFactory.create(due_date=timezone.now() - MINUTE, hide_after_due=True)
        for person in (course_team, global_staff):
            assert grant_access(exam, person).expires_in == 60

    def test_staff_of_another_course_are_learners_here(self) -> None:
        other_team = CourseStaffRoleFactory.create(course_id="course-v1:Acme+BIO102+2026").user
        with pytest.raises(ContentAccessDenied):
            grant_access(ExamFactory.create(), other_team)

    def test_staff_are_asked_for_their_role_before_their_attempt(self, course_team: User) -> None:
        attempt = submitted_attempt(user=course_team)
        assert grant_access(attempt.exam, course_team).expires_in == 60

    def test_a_learners_latest_attempt_counts(self, learner: User) -> None:
        attempt = running_attempt(user=learner)
        assert grant_access(attempt.exam, learner).expires_in == 60
        OldAttemptFactory.create(user=learner, exam=attempt.exam, status="submitted")
        with pytest.raises(ContentAccessDenied):
            grant_access(attempt.exam, learner)

    def test_someone_elses_attempt_opens_nothing(self, learner: User) -> None:
        with pytest.raises(ContentAccessDenied, match="in progress"):
            grant_access(running_attempt().exam, learner)

    def test_whom_the_lms_does_not_know_by_an_id_is_refused_staff_included(self) -> None:
        nobody = UserFactory.create(lms_user_id=None, is_staff=True)
        with pytest.raises(ContentAccessDenied, match="LMS"):
            grant_access(ExamFactory.create(), nobody)


@pytest.mark.django_db
class TestToken:
    """Check what the LMS checks: signature, person, expiry, content."""

    def claims(self, token: str) -> dict[str, Any]:
        """The token's claims, its signature checked with our public key."""
        jwk = development.PUBLIC_SIGNING_JWK
        key = jwt.PyJWK(jwk, algorithm="RS512")
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS512"], options={"verify_exp": False})
        return claims

    def test_it_says_who_may_see_what_and_until_when(self, global_staff: User) -> None:
        exam = ExamFactory.create()
        access = grant_access(exam, global_staff, now=NOON + timedelta(seconds=0.7))
        assert self.claims(access.token) == {
            "lms_user_id": global_staff.lms_user_id,
            "course_id": exam.course_id,
            "content_id": exam.content_id,
            "iss": django_settings.TOKEN_SIGNING["JWT_ISSUER"],
            "version": "1.2.0",
            "iat": int(NOON.timestamp()),
            "exp": int(NOON.timestamp()) + 60,
        }

    def test_its_numbers_are_integers(self, learner: User) -> None:
        attempt = running_attempt(user=learner, time_limit_mins=60, at=NOON)
        access = grant_access(attempt.exam, learner, now=NOON + 60 * MINUTE - timedelta(seconds=30.25))
        claims = self.claims(access.token)
        assert access.expires_in == 30
        assert [type(claims[name]) for name in ("lms_user_id", "exp", "iat")] == [int] * 3
        assert type(access.expires_in) is int
        assert NOON.timestamp() + 3599 <= claims["exp"] <= NOON.timestamp() + 3600

    def test_it_expires(self, global_staff: User) -> None:
        token = grant_access(ExamFactory.create(), global_staff, now=timezone.now() - timedelta(seconds=61)).token
        jwk = development.PUBLIC_SIGNING_JWK
        with pytest.raises(jwt.ExpiredSignatureError):
            jwt.decode(token, jwt.PyJWK(jwk, algorithm="RS512"), algorithms=["RS512"])

    def test_it_names_its_algorithm_and_key(self, global_staff: User) -> None:
        header = jwt.get_unverified_header(grant_access(ExamFactory.create(), global_staff).token)
        assert (header["alg"], header["kid"]) == ("RS512", development.SIGNING_JWK["kid"])

    def test_the_deployments_key_signs_with_or_without_a_name(self, global_staff: User, settings: Settings) -> None:
        own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        jwk = RSAAlgorithm.to_jwk(own, as_dict=True)
        signing = {**settings.TOKEN_SIGNING, "JWT_PRIVATE_SIGNING_JWK": json.dumps(jwk), "JWT_ISSUER": "https://exams"}
        settings.TOKEN_SIGNING = signing
        token = grant_access(ExamFactory.create(), global_staff).token
        assert jwt.decode(token, own.public_key(), algorithms=["RS512"])["iss"] == "https://exams"
        assert "kid" not in jwt.get_unverified_header(token)
