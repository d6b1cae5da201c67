# SPDX-License-Identifier: AGPL-3.0-only
"""
Time that learners are owed while they sit an exam: given as soon as a course's team, or the exam's authors, grant it.

How much that is says `clock.entitled`: it is computed from the exam and the allowance as they are. What an attempt has
already it keeps: nothing here shortens one.

Whoever changes an exam's time limit or due date, makes an instance active, or changes an allowance does, in their one
transaction::

    lock_configuration(course_id)
    learners = learners_running(exam_ids)  # the exams that are about to change
    lock_users([by.pk, *learners, *others])
    ...  # write the exams, the allowances
    give_what_is_owed(exam_ids, learners, by=by, reason="time limit changed")

A learner who starts in the middle of this is not missed: a start reads the exam under a shared lock (`exam_for_start`),
so it waits for the change, or the change waits for it; and after the commit it is looked once more who has started.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from edx_exams.apps.core import clock
from edx_exams.apps.core.exceptions import ExamDoesNotExist
from edx_exams.apps.core.history import update_many
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance, User
from edx_exams.apps.core.prepared import Prepared
from edx_exams.apps.core.statuses import ExamAttemptStatus
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction

_allowance_of: Final = Prepared(
    StudentAllowance,
    lambda user_id, exam_id: StudentAllowance.objects.filter(user_id=user_id, exam_id=exam_id),
    int,
    int,
)


def learners_running(exam_ids: Iterable[int]) -> set[int]:
    """Return the ids of the learners who are in the middle of one of these exams: one statement."""
    return set(_running(exam_ids).values_list("user_id", flat=True))


def give_what_is_owed(exam_ids: Iterable[int], learners: Collection[int], *, by: User | None, reason: str) -> None:
    """
    Give learners in the middle of these exams what they are owed now: seven statements for any number of them.

    Part of the caller's transaction, after its writes; see the module. Once that is committed, those who have started
    meanwhile get theirs in a transaction of its own.

    :param exam_ids: instances whose limit, due date or allowances have changed, retired ones included
    :param learners: ids of users whom the caller has locked; attempts of others are left to the second look
    :param reason: kept in the attempts' history
    """
    exam_ids = frozenset(exam_ids)
    if not exam_ids:
        return
    give_to_learners(exam_ids, learners, by=by, reason=reason)

    def look_again() -> None:  # no partial: where it fails, Django's log wants the function's name
        _look_again(exam_ids, by=by, reason=reason)

    transaction.on_commit(look_again, robust=True)


@write_transaction
def _look_again(exam_ids: Collection[int], *, by: User | None, reason: str) -> None:
    learners = learners_running(exam_ids)
    lock_users([by.pk if by else None, *learners])
    give_to_learners(exam_ids, learners, by=by, reason=reason)


def give_to_learners(exam_ids: Collection[int], learners: Collection[int], *, by: User | None, reason: str) -> None:
    """
    Give these learners, who are locked, what they are owed now in attempts of these exams.

    Enough where the exams themselves have not changed: a start waits for the lock on its learner.
    """
    if not learners:
        return
    now = timezone.now()
    ids = _running(exam_ids).filter(user_id__in=learners).values_list("pk", flat=True)
    attempts = [attempt for attempt in lock_attempts(ids).values() if attempt.is_in_progress]
    exams = Exam.objects.in_bulk({attempt.exam_id for attempt in attempts})
    for attempt in attempts:
        attempt.exam = exams[attempt.exam_id]
    allowances = _allowances_of(attempts)
    changed: list[ExamAttempt] = []
    fields: set[str] = set()
    for attempt in attempts:
        if names := clock.give_what_is_owed(attempt, allowances.get(attempt.pk), now):
            changed.append(attempt)
            fields.update(names)
    update_many(changed, sorted(fields), by=by, reason=reason)


def _running(exam_ids: Iterable[int]) -> QuerySet[ExamAttempt]:
    return ExamAttempt.objects.filter(
        exam_id__in=set(exam_ids), status__in=sorted(ExamAttemptStatus.in_progress_statuses)
    )


# Allowances follow the content


def instances_of(exams: Iterable[Exam]) -> list[Exam]:
    """Return all instances of the content of these exams, active and retired: one statement."""
    contents = {(exam.course_id, exam.content_id) for exam in exams}
    candidates = Exam.objects.filter(
        course_id__in={course_id for course_id, _ in contents},
        content_id__in={content_id for _, content_id in contents},
    )
    return [exam for exam in candidates if (exam.course_id, exam.content_id) in contents]


def allowance_for(exam: Exam, user_id: int) -> StudentAllowance | None:
    """
    Return the learner's allowance that counts for an attempt of this exam, None if there is none.

    An allowance follows the content: where another instance of it is active, that one's counts.
    """
    if not exam.is_active:
        active = Exam.objects.filter(course_id=exam.course_id, content_id=exam.content_id, is_active=True)
        exam = active.order_by("-created", "-pk").first() or exam
    return next(iter(_allowance_of(user_id, exam.pk)), None)


def _allowances_of(attempts: Collection[ExamAttempt]) -> Mapping[int, StudentAllowance]:
    """Return `allowance_for` of many attempts, by attempt: two statements."""
    if not attempts:
        return {}
    instances = instances_of(attempt.exam for attempt in attempts)
    active = {
        (exam.course_id, exam.content_id): exam.pk
        for exam in sorted(instances, key=lambda exam: (exam.created, exam.pk))
        if exam.is_active
    }
    allowances = {
        (allowance.user_id, allowance.exam_id): allowance
        for allowance in StudentAllowance.objects.filter(
            user_id__in={attempt.user_id for attempt in attempts}, exam_id__in={exam.pk for exam in instances}
        )
    }
    by_attempt = {}
    for attempt in attempts:
        exam = attempt.exam
        key = attempt.user_id, active.get((exam.course_id, exam.content_id), exam.pk)
        if key in allowances:
            by_attempt[attempt.pk] = allowances[key]
    return by_attempt


# Starting


def exam_for_start(exam_id: int) -> Exam:
    """
    Return the exam as it is committed now, its row locked against changes but not against other starts.

    Thousands start one exam in the same minute, so the lock is a shared one, which Django does not know. It is the one
    that inserting an attempt takes by its foreign key. SQLite lets one writer in at a time.

    :raises ExamDoesNotExist: it is gone or has been retired; beside a newer active row of its content, which old
        databases hold, an active one counts as retired
    """
    lock = " LOCK IN SHARE MODE" if connection.vendor == "mysql" else ""
    for exam in Exam.objects.raw(_EXAM_AND_NEWER + lock, [exam_id]):
        has_newer: bool = exam.has_newer  # type: ignore[attr-defined]  # a column of this statement alone
        if exam.is_active and not has_newer:
            return exam
    raise ExamDoesNotExist(exam_id)


_EXAM_AND_NEWER: Final = (
    "SELECT mine.*, EXISTS (SELECT 1 FROM exams_exam newer WHERE newer.course_id = mine.course_id"
    " AND newer.content_id = mine.content_id AND newer.is_active"
    " AND (newer.created > mine.created OR (newer.created = mine.created AND newer.id > mine.id))) AS has_newer"
    " FROM exams_exam mine WHERE mine.id = %s"
)
