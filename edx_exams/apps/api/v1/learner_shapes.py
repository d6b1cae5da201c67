# SPDX-License-Identifier: AGPL-3.0-only
"""
The shapes that a learner's page polls for, made by plain functions.

A serializer of REST framework costs several times as much. The OpenAPI document describes the same shapes by
`StudentAttemptSerializer` and `LearnersExamSerializer`; every answer in the tests is held against it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone

from edx_exams.apps.core.clock import seconds_remaining
from edx_exams.apps.core.exams import get_exam_url_path
from edx_exams.apps.core.learner_attempts import LearnersExam
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.statuses import ExamAttemptStatus

#: The learning interface has no page for these: an empty box, or "a system error".
_SHOWN_AS_SUBMITTED: Final = frozenset({ExamAttemptStatus.timed_out, ExamAttemptStatus.expired})
#: Of an exam without review a learner sees no verdict.
_SHOWN_AS_SUBMITTED_IF_TIMED: Final = ExamAttemptStatus.completed_statuses | _SHOWN_AS_SUBMITTED


def student_attempt(attempt: ExamAttempt, now: datetime | None = None) -> Mapping[str, Any]:
    """Return an attempt as its learner sees it. Reads the attempt's exam."""
    exam = attempt.exam
    return {
        "attempt_id": attempt.pk,
        "attempt_status": _shown_status(attempt),
        "course_id": exam.course_id,
        "exam_type": exam.exam_type,
        "exam_display_name": exam.exam_name,
        "exam_url_path": get_exam_url_path(exam.course_id, exam.content_id),
        "time_remaining_seconds": seconds_remaining(attempt, now or timezone.now()) if attempt.is_in_progress else 0,
    }


def learners_exam(seen: LearnersExam) -> Mapping[str, Any]:
    """Return an exam as a learner sees it. Reads the exam's provider."""
    exam, kind = seen.exam, seen.exam.kind
    return {
        "id": exam.pk,
        "exam_name": exam.exam_name,
        "course_id": exam.course_id,
        "content_id": exam.content_id,
        "time_limit_mins": exam.time_limit_mins,
        "due_date": exam.due_date and exam.due_date.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "exam_type": exam.exam_type,
        "hide_after_due": exam.hide_after_due,
        "is_active": exam.is_active,
        "type": exam.exam_type,
        "is_proctored": kind.is_proctored,
        "is_practice_exam": kind.is_practice,
        "backend": exam.provider.verbose_name if exam.provider else None,
        "passed_due_date": seen.is_past_due,
        "total_time": seen.total_minutes,
        "attempt": student_attempt(seen.attempt) if seen.attempt else {},
    }


def _shown_status(attempt: ExamAttempt) -> str:
    hidden = _SHOWN_AS_SUBMITTED_IF_TIMED if attempt.exam.exam_type == "timed" else _SHOWN_AS_SUBMITTED
    return ExamAttemptStatus.submitted.value if attempt.status in hidden else attempt.status
