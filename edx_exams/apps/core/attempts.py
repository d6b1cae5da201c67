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

from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Q, QuerySet
from django.utils import timezone
from openedx_events.learning.signals import EXAM_ATTEMPT_RESET

from edx_exams.apps.core.emails import email_after_commit
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
from edx_exams.apps.core.history import save_with_history, sign
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
    outcome_of,
)
from edx_exams.apps.core.time_limits import minutes_allowed
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction

log = logging.getLogger(__name__)

_MINUTE: Final = timedelta(minutes=1)


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


def no_such_attempt(attempt_id: int) -> ExamAttemptDoesNotExist:
    """The refusal of an attempt that is not there, or not for the one who asks: in the same words."""
    return ExamAttemptDoesNotExist(f"There is no attempt {attempt_id} that is yours to change.")


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
        _start(attempt, running, by=learner, now=now)
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
    :param detail: what went wrong, kept with an error
    :raises ExamIllegalStatusTransition: not from where the attempt is
    """
    reason = f"learner: {action}: {detail}" if detail else f"learner: {action}"
    return _carry_out(attempt, LEARNER_MOVES[action], by=learner, reason=reason, now=now)


def act_as_staff(attempt: ExamAttempt, action: StaffAction, *, staff: User, now: datetime | None = None) -> int:
    """
    Judge an attempt.

    :param attempt: with its exam
    """
    return _carry_out(attempt, STAFF_MOVES[action], by=staff, reason=f"course staff: {action}", now=now)


def update_attempt_status(attempt_id: int, to_status: str, *, by: User | None = None, reason: str = "") -> int:
    """
    Move an attempt to a status by the general rules: what is finished stays finished, a start needs a free learner.

    :returns: the attempt's id
    :raises ExamAttemptDoesNotExist: there is none
    :raises ExamIllegalStatusTransition: the rules refuse it, or there is no such status
    """
    attempt = get_attempt_to_change(attempt_id)
    if to_status not in ExamAttemptStatus.values:
        message = f"There is no status {to_status!r}. There are: {', '.join(ExamAttemptStatus.values)}."
        raise ExamIllegalStatusTransition(message)
    allowed_from = frozenset(status for status in ExamAttemptStatus.values if may_follow(status, to_status))
    move = Move(ExamAttemptStatus(to_status), allowed_from)
    return _carry_out(attempt, move, by=by, reason=reason or f"moved to {to_status}", now=None)


def _carry_out(attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime | None) -> int:
    """Make a move; where time had run out, that is committed even if the move is then refused."""
    refusal = _carry_out_locked(attempt, move, by=by, reason=reason, now=now)
    if refusal:
        raise refusal
    return attempt.pk


@write_transaction
def _carry_out_locked(
    attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime | None
) -> ExamBaseException | None:
    attempt = _locked(attempt, by=by)
    now = now or timezone.now()
    was_out_of_time = _submit_if_out_of_time(attempt, now)
    try:
        _move(attempt, move, by=by, reason=reason, now=now)
    except ExamIllegalStatusTransition as refusal:
        if was_out_of_time:
            return refusal
        raise
    return None


def _locked(attempt: ExamAttempt, *, by: User | None) -> ExamAttempt:
    """The attempt as it is now, locked after its learner and whoever acts on it."""
    users = lock_users([attempt.user_id, by.pk if by else None])
    locked = lock_attempts([attempt.pk]).get(attempt.pk)
    if locked is None:
        raise no_such_attempt(attempt.pk)
    locked.user = users[attempt.user_id]
    locked.exam = attempt.exam
    return locked


def _move(attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime) -> None:
    """Make a move with a locked attempt, or refuse it."""
    status = attempt.status
    starts = move.to == ExamAttemptStatus.started
    if (status == move.to and not starts) or status in move.done_already_in:
        return
    if status not in move.allowed_from or (starts and status == move.to):
        message = f"An attempt that is {status!r} cannot become {move.to.value!r}."
        raise ExamIllegalStatusTransition(message)
    if starts:
        attempt.exam.refresh_from_db()  # its time limit and due date may have just changed
        running = ExamAttempt.objects.filter(
            user_id=attempt.user_id, status__in=sorted(ExamAttemptStatus.in_progress_statuses)
        )
        _start(attempt, list(running.exclude(pk=attempt.pk).select_related("exam")), by=by, now=now, reason=reason)
    else:
        _enter(attempt, move.to, by=by, reason=reason, now=now)


def _start(
    attempt: ExamAttempt, running: list[ExamAttempt], *, by: User | None, now: datetime, reason: str = "started"
) -> None:
    """
    Start the clock of a locked attempt, or let it go on.

    :param running: the learner's other attempts in progress; those whose time is over are submitted, any other is an
        obstacle
    """
    if attempt.paused_at is not None:
        message = "The proctor has paused this exam. It goes on when the proctor resumes it."
        raise ExamIllegalStatusTransition(message)
    over = lock_attempts(other.pk for other in running)
    for other in running:
        if other.pk not in over:
            continue  # gone meanwhile
        over[other.pk].exam, over[other.pk].user = other.exam, attempt.user
        if not _submit_if_out_of_time(over[other.pk], now) and over[other.pk].is_in_progress:
            message = (
                f"“{other.exam.exam_name}” is in progress. It must be submitted before another exam can be started."
            )
            raise ExamIllegalStatusTransition(message)

    fields = []
    if attempt.start_time is None:
        attempt.start_time = now
        attempt.allowed_time_limit_mins = minutes_allowed(attempt.exam, attempt.user_id, start=now)
        fields = ["start_time", "allowed_time_limit_mins"]
    _enter(attempt, ExamAttemptStatus.started, by=by, reason=reason, now=now, changed=fields)


def _enter(
    attempt: ExamAttempt,
    status: ExamAttemptStatus,
    *,
    by: User | None,
    reason: str,
    now: datetime,
    changed: list[str] | None = None,
) -> None:
    """
    Put a locked attempt into a status, with all that entering it does.

    :param now: when; a submission's `end_time`
    :param changed: further fields that the caller has set
    """
    outcome = outcome_of(status)
    attempt.status = status
    fields = ["status", *(changed or [])]
    if outcome.stops_clock:
        attempt.end_time = now
        fields.append("end_time")
    if attempt.paused_at is not None:
        attempt.paused_seconds += max((now - attempt.paused_at).total_seconds(), 0)
        attempt.paused_at = None
        fields += ["paused_seconds", "paused_at"]
    save_with_history(attempt, fields, by=by, reason=reason)
    if outcome.event:
        announce(outcome.event, attempt)
    if outcome.email:
        email_after_commit(attempt, outcome.email)


# Running out of time


def _submit_if_out_of_time(attempt: ExamAttempt, now: datetime) -> bool:
    """Submit a locked attempt whose time is over, as of the moment at which it was. Says whether it did."""
    if not attempt.is_out_of_time(now):
        return False
    _enter(attempt, ExamAttemptStatus.submitted, by=None, reason="time is over", now=attempt.runs_out_at(now) or now)
    return True


def check_if_exam_timed_out(attempt: ExamAttempt, now: datetime | None = None) -> ExamAttempt:
    """The attempt, submitted if its time is over. Costs nothing while it is not."""
    now = now or timezone.now()
    if not attempt.is_out_of_time(now):
        return attempt
    return _submit_unless_others_did(attempt, now)


@write_transaction
def _submit_unless_others_did(attempt: ExamAttempt, now: datetime) -> ExamAttempt:
    try:
        locked = _locked(attempt, by=None)
    except ExamAttemptDoesNotExist:
        return attempt  # reset at this very moment; the caller's answer is from just before
    _submit_if_out_of_time(locked, now)
    return locked


def submit_timed_out_attempts(*, batch_size: int, now: datetime | None = None) -> Iterator[int]:
    """
    The sweep: submit every attempt whose time is over, batch by batch, each in one transaction.

    Sweeps that run at once share the work; what a learner's request holds at this moment is left to the next sweep.

    :returns: after each batch, how many it submitted
    """
    now = now or timezone.now()
    # What the clock says without pauses: no attempt ends before that. The rest is judged by the row itself.
    limit = ExpressionWrapper(
        (F("allowed_time_limit_mins") + F("extra_time_mins")) * _MINUTE, output_field=DurationField()
    )
    candidates = ExamAttempt.objects.filter(
        Q(start_time=None)
        | Q(allowed_time_limit_mins=None)
        | Q(start_time__lte=now + timedelta(seconds=SHORTEST_TIME_REMAINING) - limit),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at=None,
    )
    # All ids at once, in no order, or the database would walk through the whole table by its primary key.
    for ids in batched(list(candidates.values_list("pk", flat=True)), batch_size):
        batch = ExamAttempt.objects.filter(pk__in=ids).select_related("exam").order_by("pk")
        yield _submit_batch_or_each(list(batch), now)


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
            submitted += _submit_if_out_of_time(attempt, now)
    return submitted


# Beginning again


@write_transaction
def reset_exam_attempt(attempt: ExamAttempt, requesting_user: User) -> None:
    """
    Delete an attempt, so that the learner can begin again. Its history stays.

    :raises ExamAttemptDoesNotExist: there is none (any more)
    """
    _reset(_locked(attempt, by=requesting_user), by=requesting_user)


@write_transaction
def reset_own_attempt(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> None:
    """
    Reset one's own attempt of a practice or onboarding exam.

    :raises ExamPermissionDenied: the exam counts, or the attempt is in progress
    """
    locked = _locked(attempt, by=learner)
    if obstacle := _obstacle_to_own_reset(locked, now or timezone.now()):
        raise ExamPermissionDenied(obstacle)
    _reset(locked, by=learner)


@write_transaction
def begin_again(attempt: ExamAttempt, learner: User, *, now: datetime | None = None) -> int:
    """
    Reset one's own attempt of a practice or onboarding exam and create a fresh one in its place.

    :returns: the fresh attempt's id
    :raises ExamIllegalStatusTransition: the exam counts, or the attempt is in progress
    """
    locked = _locked(attempt, by=learner)
    if obstacle := _obstacle_to_own_reset(locked, now or timezone.now()):
        raise ExamIllegalStatusTransition(obstacle)
    _reset(locked, by=learner)
    return _create(attempt.exam, learner).pk


def _obstacle_to_own_reset(attempt: ExamAttempt, now: datetime) -> str | None:
    """Why learners may not reset this locked attempt themselves."""
    if not attempt.exam.kind.is_practice:
        return "Only practice exams can be begun again; this one counts. Its course team can reset the attempt."
    if attempt.is_in_progress and not attempt.is_out_of_time(now):
        return "This attempt is in progress. It can be reset once it has been submitted."
    return None


def _reset(attempt: ExamAttempt, *, by: User) -> None:
    announce(EXAM_ATTEMPT_RESET, attempt, requesting_user=by)
    sign(attempt, by=by, reason="reset")
    attempt.delete()
