# SPDX-License-Identifier: AGPL-3.0-only
"""
A learner's attempts of an instance, over all of its rows.

An instance is (course, content, exam type, provider). Databases of the earlier service hold several rows of one, for it
made a new row at each change of type or provider, there and back. Whoever has finished on one of the rows has finished:
each question about "the attempt of this exam" is asked here, and answered for all rows together.
"""

from typing import Final

from django.db.models import Q, QuerySet

from edx_exams.apps.core.exam_instances import type_and_provider
from edx_exams.apps.core.models import Exam, ExamAttempt, User
from edx_exams.apps.core.prepared import Prepared, newest
from edx_exams.apps.core.statuses import ExamAttemptStatus

#: Statuses of an attempt that its learner has not begun, unless its clock has run before.
_NOT_BEGUN: Final = frozenset(ExamAttemptStatus.incomplete_statuses - ExamAttemptStatus.in_progress_statuses)

_of_content: Final = Prepared(
    ExamAttempt,
    lambda user_id, course_id, content_id: ExamAttempt.objects.filter(
        user_id=user_id, exam__course_id=course_id, exam__content_id=content_id
    ),
    int,
    str,
    str,
    related=("exam",),
)
_of_content_or_running: Final = Prepared(
    ExamAttempt,
    lambda user_id, course_id, content_id: ExamAttempt.objects.filter(
        Q(exam__course_id=course_id, exam__content_id=content_id)
        | Q(status__in=sorted(ExamAttemptStatus.in_progress_statuses)),
        user_id=user_id,
    ),
    int,
    str,
    str,
    related=("exam",),
)


def is_same_instance(one: Exam, other: Exam) -> bool:
    """Tell whether two rows are one instance."""
    return _identity(one) == _identity(other)


def _identity(exam: Exam) -> tuple[str, str, str, int | None]:
    return exam.course_id, exam.content_id, *type_and_provider(exam)


def of_instance(exam: Exam) -> Q:
    """Condition on attempts: they are of this instance, on whichever of its rows."""
    same = Q(exam__course_id=exam.course_id, exam__content_id=exam.content_id, exam__exam_type=exam.exam_type)
    # The earlier service gave every exam the course's provider; with what nobody proctors it makes no difference.
    return same & Q(exam__provider=exam.provider_id) if exam.kind.is_proctored else same


def attempts_of_instance(exam: Exam) -> QuerySet[ExamAttempt]:
    """Return everybody's attempts of the instance, newest first."""
    return ExamAttempt.objects.filter(of_instance(exam)).order_by("-created", "-pk")


def has_begun(attempt: ExamAttempt) -> bool:
    """Tell whether the attempt counts: its clock has run, or it has come to an end without."""
    return attempt.start_time is not None or attempt.status not in _NOT_BEGUN


def keeps_from_beginning(attempt: ExamAttempt, exam: Exam) -> bool:
    """
    Tell whether the attempt is the one that its learner has of this exam, so that there can be no other.

    One that has not begun on another row is none: that row is retired, and nothing begins there.
    """
    return attempt.exam_id == exam.pk or (has_begun(attempt) and is_same_instance(attempt.exam, exam))


def attempts_in_the_way(exam: Exam, learner: User) -> list[ExamAttempt]:
    """Return the learner's attempts of the instance, and those in progress of whatever exam: one statement."""
    theirs = _of_content_or_running(learner.pk, exam.course_id, exam.content_id)
    return [attempt for attempt in theirs if attempt.is_in_progress or is_same_instance(attempt.exam, exam)]


def attempt_of_instance(user_id: int, exam: Exam) -> ExamAttempt | None:
    """
    Return the learner's attempt of the exam with its row of it, None if there is none. One statement.

    The newest counts; on this row one that has not begun does where none of the other rows has one that has.
    """
    of_content = _of_content(user_id, exam.course_id, exam.content_id)
    theirs = [attempt for attempt in of_content if keeps_from_beginning(attempt, exam)]
    here = newest(attempt for attempt in theirs if attempt.exam_id == exam.pk)
    elsewhere = newest(attempt for attempt in theirs if attempt.exam_id != exam.pk)
    if here is None or (elsewhere is not None and not has_begun(here)):
        return elsewhere
    return newest(attempt for attempt in (here, elsewhere) if attempt is not None)
