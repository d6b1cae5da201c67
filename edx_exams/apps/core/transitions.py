# SPDX-License-Identifier: AGPL-3.0-only
"""
The one way in which an attempt is changed: `act_on`, and the steps that actions are made of.

`act_on` locks the attempt and sees to it that no action meets one whose time is over. The steps work on an attempt that
is locked; `attempts` and `proctoring` put them together.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum, auto
from typing import Final

from django.utils import timezone

from edx_exams.apps.core import clock
from edx_exams.apps.core.attempt_events import announce
from edx_exams.apps.core.exceptions import (
    ExamAttemptAlreadyExists,
    ExamAttemptDoesNotExist,
    ExamAttemptOnPastDueExam,
    ExamDoesNotExist,
    ExamIllegalStatusTransition,
    ExamRetired,
)
from edx_exams.apps.core.history import save_with_history
from edx_exams.apps.core.instance_attempts import attempts_in_the_way, has_begun, is_same_instance
from edx_exams.apps.core.metrics import count_transition
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.owed_emails import owe_email
from edx_exams.apps.core.owed_time import allowance_for, exam_for_start
from edx_exams.apps.core.statuses import ExamAttemptStatus, effects_of
from edx_exams.apps.core.transactions import durable_transaction, lock_attempts, lock_users, write_transaction
from edx_exams.apps.core.transition_rules import Transition


class _OutOfTime(Enum):
    """Answer of `_act` for an attempt that must be submitted before anything else."""

    OUT_OF_TIME = auto()


_OUT_OF_TIME: Final = _OutOfTime.OUT_OF_TIME


def act_on[R](
    attempt: ExamAttempt,
    action: Callable[[ExamAttempt, datetime], R],
    *,
    by: User | None,
    now: datetime | None = None,
) -> R:
    """
    Lock an attempt and act on it, in one transaction. One whose time is over is submitted first.

    That submission is a transaction of its own, which no refusal of the action undoes. So an attempt whose time is over
    cannot be acted on within another transaction; settle it before with `check_if_exam_timed_out`.

    :param attempt: with its exam; what else it says is read again under the lock
    :param action: called with the locked attempt and the moment at which it happens; may be called again after a
        deadlock, so it changes nothing but the database. What it raises undoes it
    :returns: what the action returns
    :raises ExamAttemptDoesNotExist: it is gone
    :raises RuntimeError: the attempt's time is over, and there is an outer transaction
    """
    while isinstance(result := _act(attempt, action, by=by, now=now), _OutOfTime):
        _submit_out_of_time(attempt, now)
    return result


@write_transaction
def _act[R](
    attempt: ExamAttempt, action: Callable[[ExamAttempt, datetime], R], *, by: User | None, now: datetime | None
) -> R | _OutOfTime:
    locked = lock_attempt(attempt, by=by)
    now = now or timezone.now()  # after the wait for the lock: what follows happens now
    return _OUT_OF_TIME if clock.is_out_of_time(locked, now) else action(locked, now)


@durable_transaction
def _submit_out_of_time(attempt: ExamAttempt, now: datetime | None) -> None:
    submit_if_out_of_time(lock_attempt(attempt, by=None), now or timezone.now())


def lock_attempt(attempt: ExamAttempt, *, by: User | None) -> ExamAttempt:
    """
    Lock an attempt, after its learner and whoever acts on it, and read it as it is now.

    :raises ExamAttemptDoesNotExist: it is gone
    """
    users = lock_users([attempt.user_id, by.pk if by else None])
    locked = lock_attempts([attempt.pk]).get(attempt.pk)
    if locked is None:
        raise ExamAttemptDoesNotExist(attempt.pk)
    locked.user = users[attempt.user_id]
    locked.exam = attempt.exam
    return locked


def apply_transition(
    attempt: ExamAttempt, transition: Transition, *, by: User | None, reason: str, now: datetime | None = None
) -> int:
    """
    Take an attempt through a transition, as the table has it.

    :param attempt: with its exam
    :param reason: kept in the history
    :returns: the attempt's id
    :raises ExamIllegalStatusTransition: not from where the attempt is, or its clock may not start
    :raises ExamAttemptAlreadyExists: the clock would be the learner's second of this instance
    """
    return act_on(
        attempt, lambda locked, moment: transit(locked, transition, by=by, reason=reason, now=moment), by=by, now=now
    )


def transit(attempt: ExamAttempt, transition: Transition, *, by: User | None, reason: str, now: datetime) -> int:
    """Take a locked attempt through a transition, or refuse it."""
    if attempt.status in transition.noop_in:
        return attempt.pk
    if attempt.status not in transition.allowed_from:
        message = f"An attempt that is “{attempt.status}” cannot become “{transition.to}”."
        raise ExamIllegalStatusTransition(message)
    if transition.to == ExamAttemptStatus.started or (
        transition.to in ExamAttemptStatus.in_progress_statuses and not attempt.is_in_progress
    ):
        others = [other for other in attempts_in_the_way(attempt.exam, attempt.user) if other.pk != attempt.pk]
        if attempt.start_time is None and any(
            has_begun(other) and is_same_instance(other.exam, attempt.exam) for other in others
        ):
            raise ExamAttemptAlreadyExists(attempt.exam.exam_name)
        running = [other for other in others if other.is_in_progress]
        start_attempt(attempt, running, by=by, now=now, reason=reason, status=transition.to)
    else:
        enter_status(attempt, transition.to, by=by, reason=reason, now=now)
    return attempt.pk


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
    :raises ExamIllegalStatusTransition: another exam is in progress, or the proctor has paused this one
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

    fields = [] if attempt.start_time else _set_clock(attempt, now)
    enter_status(attempt, status, by=by, reason=reason, now=now, changed=fields)


def _set_clock(attempt: ExamAttempt, now: datetime) -> list[str]:
    """
    Let the clock of a locked attempt run for the first time, for what its learner is owed now.

    :returns: the fields that have changed
    :raises ExamRetired: the exam has been retired: what has not begun there begins on the active instance
    :raises ExamAttemptOnPastDueExam: less than a minute is left until the due date
    """
    try:
        attempt.exam = exam_for_start(attempt.exam_id)
    except ExamDoesNotExist:
        raise ExamRetired from None
    if clock.is_too_late_to_start(attempt.exam, now):
        message = (
            f"Less than a minute is left until the due date of “{attempt.exam.exam_name}”: it can no longer be started."
        )
        raise ExamAttemptOnPastDueExam(message)
    attempt.start_time = now
    minutes = clock.entitled(attempt.exam, allowance_for(attempt.exam, attempt.user_id), now)
    return ["start_time", *clock.change_clock(attempt, now, allowed_time_limit_mins=minutes)]


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
    :param mail: False where another status follows at once, of which the learner is told
    """
    effects = effects_of(status)
    attempt.status = status
    fields = ["status", *changed]
    if effects.stops_clock:
        attempt.end_time = now
        fields.append("end_time")
    elif attempt.end_time is not None and status in ExamAttemptStatus.incomplete_statuses:
        attempt.end_time = None  # opened again, by force
        fields.append("end_time")
    if status not in ExamAttemptStatus.in_progress_statuses:
        fields += clock.end_pause(attempt, now)
    save_with_history(attempt, fields, by=by, reason=reason)
    count_transition(status)
    if effects.event:
        announce(effects.event, attempt)
    if effects.email and mail:
        owe_email(attempt, effects.email)


def submit_if_out_of_time(attempt: ExamAttempt, now: datetime) -> bool:
    """Submit a locked attempt whose time is over, as of the moment at which it was. Tell whether it did."""
    expired_at = clock.expired_at(attempt, now)
    if expired_at is None:
        return False
    enter_status(attempt, ExamAttemptStatus.submitted, by=None, reason="time is over", now=expired_at)
    return True
