"""
The life of an attempt: created, started, moved on, out of time, reset. The only code that writes one.

Each public write is one transaction: lock the people and the attempt, look again, decide, write, with the history row
and the event that the change owes. E-mail follows the commit.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import batched
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet, Value
from django.utils import timezone
from openedx_events.learning.signals import EXAM_ATTEMPT_RESET

from edx_exams.apps.core.exceptions import (
    ExamAttemptAlreadyExists,
    ExamAttemptDoesNotExist,
    ExamAttemptOnPastDueExam,
    ExamBaseException,
    ExamDoesNotExist,
    ExamIllegalStatusTransition,
    ExamPermissionDenied,
    LearnerDoesNotExist,
)
from edx_exams.apps.core.history import sign
from edx_exams.apps.core.models import SHORTEST_TIME_REMAINING, Exam, ExamAttempt, User
from edx_exams.apps.core.signals import announce
from edx_exams.apps.core.statuses import (
    LEARNER_MOVES,
    STAFF_MOVES,
    ExamAttemptStatus,
    LearnerAction,
    Move,
    StaffAction,
    may_follow,
)
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction
from edx_exams.apps.core.transitions import (
    carry_out,
    lock_attempt,
    no_such_attempt,
    start_attempt,
    submit_if_out_of_time,
)

log = logging.getLogger(__name__)

#: Databases count durations in microseconds, and MySQL takes no product with a duration itself.
_MICROSECONDS_A_MINUTE: Final = timedelta(minutes=1) // timedelta.resolution


# Reading


def _newest(attempts: QuerySet[ExamAttempt]) -> ExamAttempt | None:
    """Databases that grew under the earlier service hold several attempts where one belongs: the newest counts."""
    return attempts.select_related("exam", "user").order_by("-created", "-pk").first()


def get_attempt_by_id(attempt_id: int) -> ExamAttempt | None:
    """The attempt with its exam and learner, None if there is none."""
    return ExamAttempt.objects.select_related("exam", "user").filter(pk=attempt_id).first()


def get_attempt_to_change(attempt_id: int) -> ExamAttempt:
    """
    The attempt with its exam and learner.

    :raises ExamAttemptDoesNotExist: there is none
    """
    attempt = get_attempt_by_id(attempt_id)
    if attempt is None:
        raise no_such_attempt(attempt_id)
    return attempt


def get_current_exam_attempt(user_id: int, exam_id: int) -> ExamAttempt | None:
    """The learner's latest attempt of the exam, None if there is none."""
    return _newest(ExamAttempt.objects.filter(user_id=user_id, exam_id=exam_id))


def get_active_attempt_for_user(user_id: int) -> ExamAttempt | None:
    """The learner's attempt whose clock runs, of whatever exam, None if there is none."""
    return _newest(
        ExamAttempt.objects.filter(user_id=user_id, status__in=sorted(ExamAttemptStatus.in_progress_statuses))
    )


def get_attempt_for_user_with_attempt_number_and_resource_id(
    user_id: int, attempt_number: int, resource_id: str
) -> ExamAttempt | None:
    """The attempt that a proctoring tool means, by learner, number and exam's resource id; None if there is none."""
    return _newest(
        ExamAttempt.objects.filter(
            user_id=user_id, attempt_number=attempt_number, exam__resource_id__exactly=resource_id
        )
    )


def get_exam_attempts(exam_id: int) -> QuerySet[ExamAttempt]:
    """The attempts of an exam, newest first."""
    return ExamAttempt.objects.filter(exam_id=exam_id).order_by("-created", "-pk")


def get_exam_attempt_time_remaining(attempt: ExamAttempt, now: datetime | None = None) -> float:
    """What is left of the learner's time, in seconds; 0 where the attempt has no start or its time is over."""
    return attempt.seconds_remaining(now or timezone.now())


# Creating


@write_transaction
def create_exam_attempt(exam_id: int, user_id: int, *, start_clock: bool = False, now: datetime | None = None) -> int:
    """
    Create the learner's attempt of an exam, and start it at once where asked to: both or neither.

    :returns: the attempt's id
    :raises LearnerDoesNotExist: nobody has this user id
    :raises ExamDoesNotExist: no active exam has this id
    :raises ExamAttemptOnPastDueExam: its due date has passed
    :raises ExamAttemptAlreadyExists: the learner has an attempt of it
    :raises ExamIllegalStatusTransition: it may not be started now
    """
    learner = lock_users([user_id]).get(user_id)
    if learner is None:
        message = f"There is no learner {user_id}."
        raise LearnerDoesNotExist(message)
    now = now or timezone.now()  # after the wait for the lock: what follows happens now
    exam = Exam.objects.filter(pk=exam_id, is_active=True).first()
    if exam is None:
        raise _no_such_exam(exam_id)
    if exam.ends_by(now):
        message = f"The due date of “{exam.exam_name}” has passed: it can no longer be begun."
        raise ExamAttemptOnPastDueExam(message)

    theirs = ExamAttempt.objects.filter(
        Q(exam=exam) | Q(status__in=sorted(ExamAttemptStatus.in_progress_statuses)), user=learner
    )
    running = []
    for attempt in theirs.select_related("exam"):
        if attempt.exam_id == exam.pk:
            message = f"There is an attempt of “{exam.exam_name}” already."
            raise ExamAttemptAlreadyExists(message)
        running.append(attempt)

    attempt = _create(exam, learner)
    if start_clock:
        start_attempt(attempt, running, by=learner, now=now)
    return attempt.pk


def _create(exam: Exam, learner: User) -> ExamAttempt:
    """Insert an attempt of an exam whose learner is locked."""
    attempt = ExamAttempt(
        exam=exam,
        user=learner,
        attempt_number=_next_attempt_number(exam, learner),
        status=ExamAttemptStatus.created,
    )
    sign(attempt, by=learner, reason="created by the learner")
    attempt.save(force_insert=True)
    if not _is_active_still(exam):
        raise _no_such_exam(exam.pk)
    return attempt


def _no_such_exam(exam_id: int) -> ExamDoesNotExist:
    return ExamDoesNotExist(f"There is no active exam {exam_id}.")


def _next_attempt_number(exam: Exam, learner: User) -> int:
    """One more than the learner ever had of this exam. The history knows those that were reset."""
    past = ExamAttempt.history.filter(exam_id=exam.pk, user_id=learner.pk)
    known = past.aggregate(attempts=Count("id", distinct=True), highest=Max("attempt_number"))
    return 1 + max(int(known["attempts"]), int(known["highest"] or 0))


def _is_active_still(exam: Exam) -> bool:
    """
    Whether nobody has retired the exam while we waited to insert an attempt of it.

    The insert has taken a shared lock on the exam's row (its foreign key), so from here on the answer stays true. Only
    a read that takes that same lock sees past the transaction's snapshot; Django knows no shared locks.
    """
    if connection.vendor != "mysql":
        return True  # SQLite lets one writer in at a time
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_active FROM exams_exam WHERE id = %s LOCK IN SHARE MODE", [exam.pk])
        row = cursor.fetchone()
    return bool(row and row[0])


# Moving on


def act_as_learner(
    attempt: ExamAttempt, action: LearnerAction, *, learner: User, detail: str = "", now: datetime | None = None
) -> int:
    """
    Do what learners may do with their own attempt.

    :param attempt: with its exam; what else it says is looked up again under the lock
    :param detail: what went wrong, which the history keeps as the reason
    :raises ExamIllegalStatusTransition: not from where the attempt is
    """
    return carry_out(attempt, LEARNER_MOVES[action], by=learner, reason=detail or f"learner: {action}", now=now)


def act_as_staff(attempt: ExamAttempt, action: StaffAction, *, staff: User, now: datetime | None = None) -> int:
    """
    Judge an attempt.

    :param attempt: with its exam
    """
    return carry_out(attempt, STAFF_MOVES[action], by=staff, reason=f"course staff: {action}", now=now)


def update_attempt_status(
    attempt_id: int, to_status: str, *, by: User | None = None, reason: str = "", forced: bool = False
) -> int:
    """
    Move an attempt to a status by the general rules: what is finished stays finished, a start needs a free learner.

    :param forced: even what is finished may become unfinished again
    :returns: the attempt's id
    :raises ExamAttemptDoesNotExist: there is none
    :raises ExamIllegalStatusTransition: the rules refuse it, or there is no such status
    """
    attempt = get_attempt_to_change(attempt_id)
    if to_status not in ExamAttemptStatus.values:
        message = f"There is no status {to_status!r}. There are: {', '.join(ExamAttemptStatus.values)}."
        raise ExamIllegalStatusTransition(message)
    allowed_from = frozenset(status for status in ExamAttemptStatus.values if forced or may_follow(status, to_status))
    move = Move(ExamAttemptStatus(to_status), allowed_from)
    return carry_out(attempt, move, by=by, reason=reason or f"moved to {to_status}", now=None)


# Running out of time


def check_if_exam_timed_out(attempt: ExamAttempt, now: datetime | None = None) -> ExamAttempt:
    """The attempt, submitted if its time is over. Costs nothing while it is not."""
    now = now or timezone.now()
    if not attempt.is_out_of_time(now):
        return attempt
    return _submit_unless_others_did(attempt, now)


@write_transaction
def _submit_unless_others_did(attempt: ExamAttempt, now: datetime) -> ExamAttempt:
    try:
        locked = lock_attempt(attempt, by=None)
    except ExamAttemptDoesNotExist:
        return attempt  # reset at this very moment; the caller's answer is from just before
    submit_if_out_of_time(locked, now)
    return locked


def submit_timed_out_attempts(*, batch_size: int, now: datetime | None = None) -> Iterator[int]:
    """
    The sweep: submit every attempt whose time is over, batch by batch, each in one transaction.

    Sweeps that run at once share the work; what a learner's request holds at this moment is left to the next sweep.

    :returns: after each batch, how many it submitted
    """
    now = now or timezone.now()
    # All ids at once, in no order, or the database would walk through the whole table by its primary key.
    for ids in batched([*_running_out(now), *_paused_for_too_long(now)], batch_size):
        batch = ExamAttempt.objects.filter(pk__in=ids).select_related("exam").order_by("pk")
        yield _submit_batch_or_each(list(batch), now)


def _running_out(now: datetime) -> QuerySet[ExamAttempt, int]:
    """Ids of attempts whose clock runs and may be over; the rows themselves know."""
    # What the clock says without pauses: no attempt ends before that.
    limit = ExpressionWrapper(
        (F("allowed_time_limit_mins") + F("extra_time_mins")) * Value(_MICROSECONDS_A_MINUTE),
        output_field=DurationField(),
    )
    attempts = ExamAttempt.objects.filter(
        Q(start_time=None)
        | Q(allowed_time_limit_mins=None)
        | Q(start_time__lte=now + timedelta(seconds=SHORTEST_TIME_REMAINING) - limit),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at=None,
    )
    return attempts.values_list("pk", flat=True)


def _paused_for_too_long(now: datetime) -> QuerySet[ExamAttempt, int]:
    """Ids of attempts whose pause may have reached its end; the rows themselves know."""
    attempts = ExamAttempt.objects.filter(
        Q(paused_at__lte=now - timedelta(minutes=settings.LTI_MAX_PAUSE_MINUTES)) | Q(exam__due_date__lte=now),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at__isnull=False,
    )
    return attempts.values_list("pk", flat=True)


def _submit_batch_or_each(batch: Sequence[ExamAttempt], now: datetime) -> int:
    """Submit a batch; where that is refused, one by one, so that one attempt does not hold up the others."""
    try:
        return _submit_batch(batch, now)
    except ExamBaseException as refusal:
        if len(batch) == 1:
            log.error("Attempt %d is out of time and was not submitted: %s", batch[0].pk, type(refusal).__name__)
            return 0
    return sum(_submit_batch_or_each([attempt], now) for attempt in batch)


@write_transaction
def _submit_batch(batch: Sequence[ExamAttempt], now: datetime) -> int:
    learners = lock_users((attempt.user_id for attempt in batch), skip_locked=True)
    attempts = lock_attempts(attempt.pk for attempt in batch if attempt.user_id in learners)
    submitted = 0
    for seen in batch:
        if attempt := attempts.get(seen.pk):
            attempt.exam, attempt.user = seen.exam, learners[seen.user_id]
            submitted += submit_if_out_of_time(attempt, now)
    return submitted


# Beginning again


@write_transaction
def reset_exam_attempt(attempt: ExamAttempt, requesting_user: User) -> None:
    """
    Delete an attempt, so that the learner can begin again. Its history stays.

    :raises ExamAttemptDoesNotExist: there is none (any more)
    """
    _reset(lock_attempt(attempt, by=requesting_user), by=requesting_user)


@write_transaction
def reset_own_attempt(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> None:
    """
    Reset one's own attempt of a practice or onboarding exam.

    :raises ExamPermissionDenied: the exam counts, or the attempt is in progress
    """
    locked = lock_attempt(attempt, by=learner)
    submit_if_out_of_time(locked, now or timezone.now())
    if obstacle := _obstacle_to_own_reset(locked):
        raise ExamPermissionDenied(obstacle)
    _reset(locked, by=learner)


def begin_again(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> int:
    """
    Reset one's own attempt of a practice or onboarding exam and create a fresh one in its place.

    Where time had run out, the submission is committed even if this is then refused.

    :returns: the fresh attempt's id
    :raises ExamIllegalStatusTransition: the exam counts, or the attempt is in progress
    :raises ExamDoesNotExist: the exam has been retired
    """
    outcome = _begin_again_locked(attempt, learner, now)
    if isinstance(outcome, ExamBaseException):
        raise outcome
    return outcome


@write_transaction
def _begin_again_locked(attempt: ExamAttempt, learner: User, now: datetime | None) -> int | ExamBaseException:
    locked = lock_attempt(attempt, by=learner)
    submit_if_out_of_time(locked, now or timezone.now())
    if obstacle := _obstacle_to_own_reset(locked):
        return ExamIllegalStatusTransition(obstacle)
    if not Exam.objects.filter(pk=locked.exam_id, is_active=True).exists():
        return _no_such_exam(locked.exam_id)
    _reset(locked, by=learner)
    return _create(attempt.exam, learner).pk


def _obstacle_to_own_reset(attempt: ExamAttempt) -> str | None:
    """Why learners may not reset this locked attempt themselves, which is submitted if its time is over."""
    if not attempt.exam.kind.is_practice:
        return "Only practice exams can be begun again; this one counts. Its course team can reset the attempt."
    if attempt.is_in_progress:
        return "This attempt is in progress. It can be reset once it has been submitted."
    return None


def _reset(attempt: ExamAttempt, *, by: User) -> None:
    announce(EXAM_ATTEMPT_RESET, attempt, requesting_user=by)
    sign(attempt, by=by, reason="reset")
    attempt.delete()
