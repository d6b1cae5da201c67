"""
The building blocks of every change of an attempt: lock it, judge a move, enter a status with all that it does.

Each works on an attempt that the caller's transaction has locked; `attempts` and `proctoring` put them together.
"""

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone

from edx_exams.apps.core.emails import email_after_commit
from edx_exams.apps.core.exceptions import (
    ExamAttemptDoesNotExist,
    ExamBaseException,
    ExamIllegalStatusTransition,
)
from edx_exams.apps.core.history import save_with_history
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.signals import announce
from edx_exams.apps.core.statuses import ExamAttemptStatus, Move, outcome_of
from edx_exams.apps.core.time_limits import minutes_allowed
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction


def no_such_attempt(attempt_id: int) -> ExamAttemptDoesNotExist:
    """The refusal of an attempt that is not there, or not for the one who asks: in the same words."""
    return ExamAttemptDoesNotExist(f"There is no attempt {attempt_id} that is yours to change.")


def lock_attempt(attempt: ExamAttempt, *, by: User | None) -> ExamAttempt:
    """The attempt as it is now, locked after its learner and whoever acts on it."""
    users = lock_users([attempt.user_id, by.pk if by else None])
    locked = lock_attempts([attempt.pk]).get(attempt.pk)
    if locked is None:
        raise no_such_attempt(attempt.pk)
    locked.user = users[attempt.user_id]
    locked.exam = attempt.exam
    return locked


def carry_out(attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime | None) -> int:
    """Make a move; where time had run out, that is committed even if the move is then refused."""
    refusal = _carry_out_locked(attempt, move, by=by, reason=reason, now=now)
    if refusal:
        raise refusal
    return attempt.pk


@write_transaction
def _carry_out_locked(
    attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime | None
) -> ExamBaseException | None:
    attempt = lock_attempt(attempt, by=by)
    now = now or timezone.now()
    was_out_of_time = submit_if_out_of_time(attempt, now)
    try:
        _make_move(attempt, move, by=by, reason=reason, now=now)
    except ExamIllegalStatusTransition as refusal:
        if was_out_of_time:
            return refusal
        raise
    return None


def _make_move(attempt: ExamAttempt, move: Move, *, by: User | None, reason: str, now: datetime) -> None:
    """Make a move with a locked attempt, or refuse it."""
    status = attempt.status
    is_start = move.to == ExamAttemptStatus.started
    if (status == move.to and not is_start) or status in move.done_already_in:
        return
    if status not in move.allowed_from or (is_start and status == move.to):
        message = f"An attempt that is {status!r} cannot become {move.to.value!r}."
        raise ExamIllegalStatusTransition(message)
    if is_start or (move.to in ExamAttemptStatus.in_progress_statuses and not attempt.is_in_progress):
        attempt.exam.refresh_from_db()  # its time limit and due date may have just changed
        others = ExamAttempt.objects.filter(
            user_id=attempt.user_id, status__in=sorted(ExamAttemptStatus.in_progress_statuses)
        ).exclude(pk=attempt.pk)
        start_attempt(attempt, list(others.select_related("exam")), by=by, now=now, reason=reason, status=move.to)
    else:
        enter_status(attempt, move.to, by=by, reason=reason, now=now)


def start_attempt(
    attempt: ExamAttempt,
    running: list[ExamAttempt],
    *,
    by: User | None,
    now: datetime,
    reason: str = "started",
    status: ExamAttemptStatus = ExamAttemptStatus.started,
) -> None:
    """
    Start the clock of a locked attempt, or let it go on.

    :param running: the learner's other attempts in progress; those whose time is over are submitted, any other is an
        obstacle
    :param status: one in which the clock runs
    """
    if attempt.paused_at is not None:
        message = "The proctor has paused this exam. It goes on when the proctor resumes it."
        raise ExamIllegalStatusTransition(message)
    over = lock_attempts(other.pk for other in running)
    for other in running:
        if other.pk not in over:
            continue  # gone meanwhile
        over[other.pk].exam, over[other.pk].user = other.exam, attempt.user
        if not submit_if_out_of_time(over[other.pk], now) and over[other.pk].is_in_progress:
            message = (
                f"“{other.exam.exam_name}” is in progress. It must be submitted before another exam can be started."
            )
            raise ExamIllegalStatusTransition(message)

    fields = []
    if attempt.start_time is None:
        attempt.start_time = now
        attempt.allowed_time_limit_mins = minutes_allowed(attempt.exam, attempt.user_id, start=now)
        fields = ["start_time", "allowed_time_limit_mins"]
    enter_status(attempt, status, by=by, reason=reason, now=now, changed=fields)


def enter_status(
    attempt: ExamAttempt,
    status: ExamAttemptStatus,
    *,
    by: User | None,
    reason: str,
    now: datetime,
    changed: Sequence[str] = (),
    mail: bool = True,
) -> None:
    """
    Put a locked attempt into a status, with all that entering it does.

    :param now: when; a submission's `end_time`
    :param changed: further fields that the caller has set
    :param mail: False where another status follows at once, of which the learner hears
    """
    outcome = outcome_of(status)
    attempt.status = status
    fields = ["status", *changed]
    if outcome.stops_clock:
        attempt.end_time = now
        fields.append("end_time")
    elif attempt.end_time is not None and status in ExamAttemptStatus.incomplete_statuses:
        attempt.end_time = None  # opened again, by force
        fields.append("end_time")
    fields += end_pause(attempt, now)
    save_with_history(attempt, fields, by=by, reason=reason)
    if outcome.event:
        announce(outcome.event, attempt)
    if outcome.email and mail:
        email_after_commit(attempt, outcome.email)


def end_pause(attempt: ExamAttempt, now: datetime) -> list[str]:
    """
    Let the clock of a locked attempt go on, if it is paused: it gets back what the pause has lasted.

    Not past the exam's due date, unless the settings say that pauses extend it; what the attempt had, it keeps.

    :returns: the fields that have changed
    """
    if attempt.paused_at is None:
        return []
    due_date, runs_out = attempt.due_date, attempt.runs_out_at(attempt.paused_at)
    seconds = max((now - attempt.paused_at).total_seconds(), 0.0)
    if due_date and runs_out:
        seconds = min(seconds, max((due_date - runs_out).total_seconds(), 0.0))
    attempt.paused_seconds += seconds
    attempt.paused_at = None
    return ["paused_seconds", "paused_at"]


def submit_if_out_of_time(attempt: ExamAttempt, now: datetime) -> bool:
    """Submit a locked attempt whose time is over, as of the moment at which it was. Says whether it did."""
    over_since = attempt.over_since(now)
    if over_since is None:
        return False
    enter_status(attempt, ExamAttemptStatus.submitted, by=None, reason="time is over", now=over_since)
    return True
