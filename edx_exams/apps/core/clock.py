"""
The clock of an attempt: how long it may take, when it ends, what a pause does to it, when its time is over.

Pure functions of rows and a moment. Each rule of time stands here, once; whoever acts on an answer is elsewhere.
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import DurationField, ExpressionWrapper, F, Q, Value

from edx_exams.apps.core.models import Exam, ExamAttempt
from edx_exams.apps.core.statuses import ExamAttemptStatus

#: Seconds. Less time remaining than this counts as none.
MIN_TIME_REMAINING: Final = 1.0

_MINUTE: Final = timedelta(minutes=1)
#: Databases count durations in microseconds, and MySQL cannot multiply a duration.
_MICROSECONDS_PER_MINUTE: Final = _MINUTE // timedelta.resolution


# How long


def minutes_until_due(exam: Exam, start: datetime, *, at_most: int) -> int:
    """Whole minutes from `start` that do not reach past the exam's due date, where it has one that applies."""
    if exam.due_date is None or exam.kind.is_practice:
        return at_most
    return min(at_most, max((exam.due_date - start) // _MINUTE, 0))


# When it ends


def deadline(attempt: ExamAttempt, now: datetime) -> datetime | None:
    """
    Moment at which the learner's time ends; None for an attempt without start or limit.

    :param now: aware; a running pause moves the deadline on with it
    """
    if attempt.start_time is None or attempt.allowed_time_limit_mins is None:
        return None
    paused = attempt.paused_seconds
    if attempt.paused_at is not None:
        paused += max((now - attempt.paused_at).total_seconds(), 0)
    minutes = attempt.allowed_time_limit_mins + attempt.extra_time_mins
    return attempt.start_time + timedelta(minutes=minutes, seconds=paused)


def seconds_remaining(attempt: ExamAttempt, now: datetime) -> float:
    """Seconds that the learner has left; 0 where the time is over, or there is no start or limit."""
    end = deadline(attempt, now)
    return max((end - now).total_seconds(), 0.0) if end else 0.0


# Pauses


def pause_due_date(attempt: ExamAttempt) -> datetime | None:
    """Moment past which no pause moves the attempt's deadline; None where there is none."""
    if settings.LTI_PAUSE_EXTENDS_DUE_DATE or attempt.exam.kind.is_practice:
        return None
    return attempt.exam.due_date


def seconds_given_back(attempt: ExamAttempt, now: datetime) -> float:
    """
    Seconds by which the deadline moves if the attempt's pause ends now: what the pause has lasted.

    Not past the exam's due date, unless the settings say that pauses extend it. 0 for an attempt that is not paused.
    """
    if attempt.paused_at is None:
        return 0.0
    seconds = max((now - attempt.paused_at).total_seconds(), 0.0)
    due_date, end = pause_due_date(attempt), deadline(attempt, attempt.paused_at)
    if due_date and end:
        seconds = min(seconds, max((due_date - end).total_seconds(), 0.0))
    return seconds


def pause_deadline(attempt: ExamAttempt, paused_at: datetime) -> datetime:
    """
    Moment at which a pause ends by itself, and the attempt with it: a tool that never resumes blocks nobody for ever.

    After `LTI_MAX_PAUSE_MINUTES`, or at the due date; past that only for the minutes that the attempt had anyway.

    :param paused_at: when the pause began
    """
    end = paused_at + timedelta(minutes=settings.LTI_MAX_PAUSE_MINUTES)
    due_date = pause_due_date(attempt)
    if due_date is None:
        return end
    return min(end, max(due_date, deadline(attempt, paused_at) or due_date))


# When time is over


def expired_at(attempt: ExamAttempt, now: datetime) -> datetime | None:
    """Moment by which an attempt in progress should have been submitted; None while it has time, or is not running."""
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

    It leaves finished pauses out of account: no attempt ends before its time without them.
    """
    limit = ExpressionWrapper(
        (F("allowed_time_limit_mins") + F("extra_time_mins")) * Value(_MICROSECONDS_PER_MINUTE),
        output_field=DurationField(),
    )
    return Q(
        Q(start_time=None)
        | Q(allowed_time_limit_mins=None)
        | Q(start_time__lte=now + timedelta(seconds=MIN_TIME_REMAINING) - limit),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at=None,
    )


def may_be_paused_too_long(now: datetime) -> Q:
    """Condition on attempts that finds each paused one that `is_out_of_time` may be true of."""
    return Q(
        Q(paused_at__lte=now - timedelta(minutes=settings.LTI_MAX_PAUSE_MINUTES)) | Q(exam__due_date__lte=now),
        status__in=sorted(ExamAttemptStatus.in_progress_statuses),
        paused_at__isnull=False,
    )
