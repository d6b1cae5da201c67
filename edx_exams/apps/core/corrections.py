# SPDX-License-Identifier: AGPL-3.0-only
"""Times of an attempt corrected by hand, by an operator who knows what the service cannot."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils import timezone

from edx_exams.apps.core.exceptions import InvalidCorrection
from edx_exams.apps.core.history import save_with_history
from edx_exams.apps.core.limits import MAX_MINUTES
from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.core.transitions import lock_attempt

#: What may be corrected; the status changes by transitions alone.
CORRECTABLE: Final = ("start_time", "end_time", "allowed_time_limit_mins")
#: No exam of this service was taken before.
_EARLIEST: Final = datetime(2020, 1, 1, tzinfo=UTC)


@write_transaction
def correct_attempt(attempt: ExamAttempt, changes: Mapping[str, Any], *, by: User) -> None:
    """
    Write corrected times, with a history row. No event is owed: the status stays.

    :param attempt: with its exam
    :param changes: aware times, or minutes, by names of `CORRECTABLE`
    :raises InvalidCorrection: the times do not fit each other, or are out of bounds
    :raises ExamAttemptDoesNotExist: it is gone
    """
    locked = lock_attempt(attempt, by=by)
    fields = [name for name in CORRECTABLE if name in changes and getattr(locked, name) != changes[name]]
    for name in fields:
        setattr(locked, name, changes[name])
    _require_possible(locked, timezone.now())
    if fields:
        locked.latest_end = None  # what an operator says about the time stands above the due date
        fields.append("latest_end")
        save_with_history(locked, fields, by=by, reason="times corrected in the admin")


def _require_possible(attempt: ExamAttempt, now: datetime) -> None:
    start, end, minutes = attempt.start_time, attempt.end_time, attempt.allowed_time_limit_mins
    if any(moment is not None and not _EARLIEST <= moment <= now for moment in (start, end)):
        message = f"A time must lie between {_EARLIEST:%Y-%m-%d} and now."
    elif start is None and attempt.is_in_progress:
        message = "An attempt that is in progress has a start time."
    elif end is not None and (start is None or end < start):
        message = "The end time must not be before the start time."
    elif minutes is not None and not 0 <= minutes <= MAX_MINUTES:
        message = f"The allowed time must be from 0 to {MAX_MINUTES:,} minutes, which is a year."
    else:
        return
    raise InvalidCorrection(message)
