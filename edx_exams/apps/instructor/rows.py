# SPDX-License-Identifier: AGPL-3.0-only
"""Rows of the dashboard's lists, in the shapes that `serializers` describes. Nothing is queried here."""

from collections.abc import Iterable
from typing import Any, Final

from edx_exams.apps.core.exam_types import get_exam_type
from edx_exams.apps.core.models import Exam
from edx_exams.apps.instructor.lists import AllowanceRow

#: Columns of an attempt that `attempt_rows` reads, in its order.
ATTEMPT_COLUMNS: Final = (
    "pk",
    "user_id",
    "user__lms_user_id",
    "user__username",
    "user__email",
    "exam_id",
    "exam__exam_name",
    "exam__exam_type",
    "status",
    "start_time",
    "end_time",
    "allowed_time_limit_mins",
)


def attempt_rows(attempts: Iterable[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """
    Shape attempts.

    :param attempts: values of `ATTEMPT_COLUMNS`
    """
    return [
        {
            "id": pk,
            "user": _person(user_id, lms_user_id, username, email),
            "exam_id": exam_id,
            "exam_name": exam_name,
            "exam_type": shown_type(exam_type),
            "status": status,
            "start_time": start_time,
            "end_time": end_time,
            "allowed_time_limit_mins": minutes,
            "ready_to_resume": False,
        }
        for (
            pk, user_id, lms_user_id, username, email, exam_id, exam_name, exam_type,
            status, start_time, end_time, minutes,
        ) in attempts
    ]  # fmt: skip


def allowance_rows(rows: Iterable[AllowanceRow]) -> list[dict[str, Any]]:
    """Shape lines of the list of allowances."""
    return [
        {
            "id": row_id,
            "created": allowance.created,
            "modified": allowance.modified,
            "user": _person(
                allowance.user_id, allowance.user.lms_user_id, allowance.user.username, allowance.user.email
            ),
            "key": kind.value,
            "value": allowance.value_of(kind),
            "proctored_exam": exam_row(allowance.exam),
        }
        for row_id, allowance, kind in rows
    ]


def exam_row(exam: Exam) -> dict[str, Any]:
    """Shape an exam."""
    return {
        "id": exam.pk,
        "course_id": exam.course_id,
        "content_id": exam.content_id,
        "exam_name": exam.exam_name,
        "time_limit_mins": exam.time_limit_mins,
        "due_date": exam.due_date,
        "exam_type": shown_type(exam.exam_type),
        "is_proctored": exam.kind.is_proctored,
        "is_practice_exam": exam.kind.is_practice,
        "is_active": exam.is_active,
        "hide_after_due": exam.hide_after_due,
        "backend": exam.provider.name if exam.provider else None,
    }


def shown_type(exam_type: str) -> str:
    """Return one of the dashboard's three types: practice, else proctored, else timed."""
    kind = get_exam_type(exam_type)
    if kind and kind.is_practice:
        return "practice"
    return "proctored" if kind and kind.is_proctored else "timed"


def _person(user_id: int, lms_user_id: int | None, username: str, email: str) -> dict[str, Any]:
    return {"id": -user_id if lms_user_id is None else lms_user_id, "username": username, "email": email}
