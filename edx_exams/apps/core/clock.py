# SPDX-License-Identifier: AGPL-3.0-only
"""
The clock of an attempt: how long it may take, when it ends, what a pause does to it, when its time is over.

Pure functions of rows and a moment. Each rule of time stands here, once; whoever acts on an answer is elsewhere.
"""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value
from django.db.models.functions import Least

from edx_exams.apps.core.limits import MAX_MINUTES
from edx_exams.apps.core.models import Exam, ExamAttempt, StudentAllowance
from edx_exams.apps.core.statuses import ExamAttemptStatus

#: Seconds. Less time remaining than this counts as none.
MIN_TIME_REMAINING: Final = 1.0

_MINUTE: Final = timedelta(minutes=1)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)
#: Minutes that count of any attempt: limit, allowance and the tool's minutes at their largest. Old rows may hold more,
#: and with those a computed date would be none that Python or a database knows.
_MAX_ATTEMPT_MINUTES: Final = 3 * MAX_MINUTES
#: Time after which the learning interface has surely asked for the time again, and what it may be wrong by.
_CLIENT_POLL: Final = timedelta(seconds=75)
_CLIENT_TOLERANCE_SECONDS: Final = 5
#: Databases count durations in microseconds, and MySQL cannot multiply a duration.
_MICROSECONDS_PER_MINUTE: Final = _MINUTE // timedelta.resolution


# How long


def extra_minutes(allowance: StudentAllowance | None, time_limit_mins: int) -> int:
    """
    Return the whole minutes that an allowance gives beyond an exam's time limit; 0 for none.

    :param time_limit_mins: of the exam, minutes
    """
    return minutes_given(allowance.extra_time_mins, allowance.time_multiplier, time_limit_mins) if allowance else 0


def minutes_given(extra_time_mins: int, multiplier: Decimal | None, time_limit_mins: int) -> int:
    """
    Return the whole minutes that an allowance of these minutes and this multiplier gives.

    A multiplier follows the limit as it is now: limit x (multiplier - 1), exact, rounded up.

    :param time_limit_mins: of the exam
    """
    minutes = extra_time_mins if multiplier is None else math.ceil(time_limit_mins * (multiplier - 1))
    return min(minutes, MAX_MINUTES)


def entitled(exam: Exam, allowance: StudentAllowance | None, start: datetime) -> int:
    """
    Return the whole minutes that a learner is owed who starts, or has started, the exam at `start`.

    Time limit and allowance as they are now, not past the due date as it is now. What the tool grants and gives back
    comes on top of it, see `change_clock`. It is computed, never added up: so it does not matter how often or in
    which order a course's team changes its mind.

    :param exam: as it is now
    :param allowance: the learner's for this content, as it is now
    """
    limit = min(exam.time_limit_mins, MAX_MINUTES)
    minutes = limit + extra_minutes(allowance, limit)
    if exam.due_date is None or exam.kind.is_practice:
        return minutes
    return min(minutes, max((exam.due_date - start) // _MINUTE, 0))


def is_too_late_to_start(exam: Exam, now: datetime) -> bool:
    """Tell whether less than one whole minute is left until the due date: a start would use the attempt up."""
    return exam.due_date is not None and not exam.kind.is_practice and exam.due_date - now < _MINUTE


def give_what_is_owed(attempt: ExamAttempt, allowance: StudentAllowance | None, now: datetime) -> list[str]:
    """
    Give a running attempt in memory what its learner is owed, where that is more than it has.

    :param attempt: with its exam as it is now
    :param allowance: the learner's for this content, as it is now
    :returns: names of the fields whose values have changed
    """
    if attempt.start_time is None or attempt.allowed_time_limit_mins is None or is_out_of_time(attempt, now):
        return []  # it is over, and left to whoever submits it
    minutes = max(attempt.allowed_time_limit_mins, entitled(attempt.exam, allowance, attempt.start_time))
    return change_clock(attempt, now, allowed_time_limit_mins=minutes)


# When it ends


def deadline(attempt: ExamAttempt, now: datetime) -> datetime | None:
    """
    Return the moment at which the learner's time ends; None for an attempt without start or limit.

    :param now: aware; a running pause moves the deadline on with it, as far as the pause will be given back
    """
    end = _unbounded_end(attempt)
    if end and attempt.paused_at is not None:
        end = _later(end, max(now - attempt.paused_at, timedelta(0)))
    return _bounded(attempt, end)


def seconds_remaining(attempt: ExamAttempt, now: datetime) -> float:
    """Return the seconds that the learner has left; 0 where the time is over, or there is no start or limit."""
    end = deadline(attempt, now)
    return max((end - now).total_seconds(), 0.0) if end else 0.0


def _bounded(attempt: ExamAttempt, end: datetime | None) -> datetime | None:
    return min(end, attempt.latest_end) if end and attempt.latest_end else end


def _unbounded_end(attempt: ExamAttempt) -> datetime | None:
    """Return the end without a running pause, whatever bounds it."""
    if attempt.start_time is None or attempt.allowed_time_limit_mins is None:
        return None
    minutes = min(attempt.allowed_time_limit_mins + attempt.extra_time_mins, _MAX_ATTEMPT_MINUTES)
    return _later(attempt.start_time, timedelta(minutes=minutes, seconds=attempt.paused_seconds))


def _later(moment: datetime, by: timedelta) -> datetime:
    """Return a later moment; the last one there is where an old row's date is so far ahead that there is none."""
    try:
        return moment + by
    except OverflowError:
        return _LAST_MOMENT


# What moves it


def change_clock(attempt: ExamAttempt, now: datetime, **fields: Any) -> list[str]:
    """
    Set fields that an attempt's end is computed from, in memory, and what follows from them.

    The end is moved past the due date by none of them, unless the settings say that pauses and the tool's minutes
    extend it. Where it was later already, because the due date has been moved forward, it stays. How far a pause
    moves the end is settled when it begins: a due date that is moved forward meanwhile takes nothing away.

    :param now: moment of the change
    :param fields: new values of `allowed_time_limit_mins`, `extra_time_mins`, `paused_at`, `paused_seconds`
    :returns: names of the fields whose values have changed
    """
    before = {name: getattr(attempt, name) for name in (*fields, "latest_end", "end_moved_at")}
    was_paused = attempt.paused_at is not None
    was = deadline(attempt, now)
    as_clients_know_it = _bounded(attempt, _unbounded_end(attempt))
    for name, value in fields.items():
        setattr(attempt, name, value)
    if not (was_paused and attempt.paused_at is not None):
        attempt.latest_end = _latest_end(attempt, was)
    elif attempt.latest_end is not None:
        attempt.latest_end = _later_bound(attempt, attempt.latest_end)
    end = _bounded(attempt, _unbounded_end(attempt))
    if attempt.is_in_progress and end and as_clients_know_it and end > as_clients_know_it:
        attempt.end_moved_at = now
    return [name for name, value in before.items() if getattr(attempt, name) != value]


def _latest_end(attempt: ExamAttempt, was: datetime | None) -> datetime | None:
    """
    Return the moment past which the attempt's end does not go: the due date, or its end until now if that is later.

    :returns: None where nothing bounds it, or its end does not come up to it and no pause moves it there
    """
    due_date, end = _bounding_due_date(attempt), _unbounded_end(attempt)
    if due_date is None or end is None:
        return None
    bound = max(due_date, was) if was else due_date
    return bound if end > bound or attempt.paused_at is not None else None


def _later_bound(attempt: ExamAttempt, bound: datetime) -> datetime | None:
    """Return the bound of a pause that is running, moved to a due date that is later than it; None for no bound."""
    due_date = _bounding_due_date(attempt)
    return max(bound, due_date) if due_date else None


def _bounding_due_date(attempt: ExamAttempt) -> datetime | None:
    """Return the moment past which no pause and no minutes of the tool move the attempt's end; None for none."""
    if settings.LTI_PAUSE_EXTENDS_DUE_DATE or attempt.exam.kind.is_practice:
        return None
    return attempt.exam.due_date


def end_pause(attempt: ExamAttempt, now: datetime) -> list[str]:
    """
    Let the clock of an attempt go on in memory, if it is paused: its end moves by the length of the pause.

    :returns: names of the fields whose values have changed
    """
    if attempt.paused_at is None:
        return []
    seconds = max((now - attempt.paused_at).total_seconds(), 0.0)
    return change_clock(attempt, now, paused_at=None, paused_seconds=attempt.paused_seconds + seconds)


def pause_deadline(attempt: ExamAttempt, paused_at: datetime) -> datetime:
    """
    Return the moment at which a pause ends by itself, and the attempt with it: no tool may block a learner for ever.

    After `LTI_MAX_PAUSE_MINUTES`, or at the due date that it had when it was paused; past that only for the minutes
    that the attempt had anyway.

    :param paused_at: when the pause began
    """
    end = _later(paused_at, timedelta(minutes=settings.LTI_MAX_PAUSE_MINUTES))
    return min(end, attempt.latest_end) if attempt.latest_end else end


def has_outdated_client(attempt: ExamAttempt, now: datetime) -> bool:
    """
    Tell whether the learner's client counts down to an end that is no longer the attempt's.

    The learning interface asks for the time once a minute, knows no pause, and submits at its own zero: while the
    attempt is paused, and for a while after its end has been moved later, that zero comes too early.
    """
    if attempt.status != ExamAttemptStatus.started:
        return False
    if attempt.paused_at is not None:
        return True
    is_recent = attempt.end_moved_at is not None and now - attempt.end_moved_at <= _CLIENT_POLL
    return is_recent and seconds_remaining(attempt, now) > _CLIENT_TOLERANCE_SECONDS


# When time is over


def expired_at(attempt: ExamAttempt, now: datetime) -> datetime | None:
    """Return the moment by which a running attempt should have been submitted; None while it has time."""
    if not attempt.is_in_progress:
        return None
    if attempt.paused_at is not None:
        end = pause_deadline(attempt, attempt.paused_at)
        return end if end <= now else None
    if seconds_remaining(attempt, now) >= MIN_TIME_REMAINING:
        return None
    return deadline(attempt, now) or now


def is_out_of_time(attempt: ExamAttempt, now: datetime) -> bool:
    """Tell whether the attempt is in progress although its time is over: it must be submitted."""
    return expired_at(attempt, now) is not None


def may_have_run_out(now: datetime) -> Q:
    """
    Condition on attempts that finds each running one that `is_out_of_time` may be true of.

    It leaves finished pauses out of account: they only move the end on.
    """
    minutes = Least(F("allowed_time_limit_mins") + F("extra_time_mins"), Value(_MAX_ATTEMPT_MINUTES))
    limit = ExpressionWrapper(minutes * Value(_MICROSECONDS_PER_MINUTE), output_field=DurationField())
    soon = now + timedelta(seconds=MIN_TIME_REMAINING)
    return Q(
        Q(start_time=None)
        | Q(allowed_time_limit_mins=None)
        | Q(start_time__lte=soon - limit)
        | Q(latest_end__lte=soon),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at=None,
    )


def may_be_paused_too_long(now: datetime) -> Q:
    """Condition on attempts that finds each paused one that `is_out_of_time` may be true of."""
    return Q(
        Q(paused_at__lte=now - timedelta(minutes=settings.LTI_MAX_PAUSE_MINUTES)) | Q(latest_end__lte=now),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at__isnull=False,
    )
