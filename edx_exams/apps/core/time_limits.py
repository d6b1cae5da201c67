"""How long a learner may take for an exam."""

from datetime import datetime, timedelta
from typing import Final

from edx_exams.apps.core.models import Exam, StudentAllowance

_MINUTE: Final = timedelta(minutes=1)


def get_extra_time(user_id: int, exam_id: int) -> int:
    """The learner's extra minutes for the exam, 0 if there are none."""
    allowance = StudentAllowance.objects.filter(user_id=user_id, exam_id=exam_id).first()
    return allowance.extra_time_mins if allowance else 0


def minutes_allowed(exam: Exam, user_id: int, *, start: datetime) -> int:
    """Whole minutes that a learner gets who starts at `start`: limit and extra time, but not past the due date."""
    minutes = exam.time_limit_mins + get_extra_time(user_id, exam.pk)
    return minutes_until_due(exam, start, at_most=minutes)


def minutes_until_due(exam: Exam, start: datetime, *, at_most: int) -> int:
    """Whole minutes from `start` that do not reach past the exam's due date, where it has one that holds."""
    if exam.due_date is None or exam.kind.is_practice:
        return at_most
    return min(at_most, max((exam.due_date - start) // _MINUTE, 0))
