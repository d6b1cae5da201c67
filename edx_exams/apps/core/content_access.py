# SPDX-License-Identifier: AGPL-3.0-only
"""May this learner see this exam's content now? A pure decision, then the token that tells the LMS so."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.conf import settings
from django.utils import timezone

from edx_exams.apps.core.clock import seconds_remaining
from edx_exams.apps.core.exceptions import ContentAccessDenied
from edx_exams.apps.core.instance_attempts import attempt_of_instance
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.roles import is_course_staff
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.token_signing import signing_key

#: Seconds for which a token is good at most: content must be refused soon after the time is over.
LONGEST_ACCESS: Final = 60


class AccessToken(NamedTuple):
    """A signed permission to see an exam's content, and the seconds for which it is good."""

    token: str
    expires_in: int


def grant_access(exam: Exam, user: User, *, now: datetime | None = None) -> AccessToken:
    """
    Permit this person to see the exam's content now.

    :raises ContentAccessDenied: they may not
    """
    now = now or timezone.now()
    if user.lms_user_id is None:
        message = "The LMS does not know you by an id yet, and could not check an access token."
        raise ContentAccessDenied(message)
    if is_course_staff(user, exam.course_id):
        seconds = LONGEST_ACCESS
    else:
        seconds = decide(exam, attempt_of_instance(user.pk, exam), now)
    return AccessToken(_sign(exam, user.lms_user_id, now, seconds), seconds)


def decide(exam: Exam, attempt: ExamAttempt | None, now: datetime) -> int:
    """
    Return for how many seconds from now a learner may see the exam's content.

    While the attempt's clock runs its content is shown, whatever has become of the exam's due date since.

    :param attempt: the learner's of this exam
    :raises ContentAccessDenied: not at all
    """
    if attempt and attempt.status == ExamAttemptStatus.started and attempt.paused_at is None:
        seconds = int(seconds_remaining(attempt, now))
        if seconds > 0:
            return min(LONGEST_ACCESS, seconds)
    if exam.due_date is None or now < exam.due_date or not exam.is_active:
        message = "The exam's content is shown while your attempt is in progress and time remains."
        raise ContentAccessDenied(message)
    handed_in = attempt is None or attempt.status in (ExamAttemptStatus.submitted, ExamAttemptStatus.verified)
    if not handed_in or exam.hide_after_due:
        message = "The exam's content is no longer shown: its due date has passed."
        raise ContentAccessDenied(message)
    return LONGEST_ACCESS


def _sign(exam: Exam, lms_user_id: int, now: datetime, seconds: int) -> str:
    signing = settings.TOKEN_SIGNING
    claims = {
        "lms_user_id": lms_user_id,
        "course_id": exam.course_id,
        "content_id": exam.content_id,
        "iss": signing["JWT_ISSUER"],
        "version": signing["JWT_SUPPORTED_VERSION"],
        "iat": int(now.timestamp()),
        "exp": int((now + timedelta(seconds=seconds)).timestamp()),
    }
    return signing_key(signing["JWT_PRIVATE_SIGNING_JWK"], signing["JWT_SIGNING_ALGORITHM"]).sign(claims)
