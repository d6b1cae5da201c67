# SPDX-License-Identifier: AGPL-3.0-only
"""Attempts whose time is over: submitted when somebody asks for one, and by the sweep where nobody does."""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import batched

from django.db.models import Q
from django.utils import timezone

from edx_exams.apps.core import clock
from edx_exams.apps.core.exceptions import ExamAttemptDoesNotExist, ExamBaseException
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.transactions import lock_attempts, lock_users, write_transaction
from edx_exams.apps.core.transitions import lock_attempt, submit_if_out_of_time

log = logging.getLogger(__name__)


def get_exam_attempt_time_remaining(attempt: ExamAttempt, now: datetime | None = None) -> float:
    """Return the seconds that the learner has left; 0 where the attempt has no start, or its time is over."""
    return clock.seconds_remaining(attempt, now or timezone.now())


def check_if_exam_timed_out(attempt: ExamAttempt, now: datetime | None = None) -> ExamAttempt:
    """Return the attempt, submitted if its time is over. Costs no statement while it is not."""
    now = now or timezone.now()
    if not clock.is_out_of_time(attempt, now):
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
    Submit every attempt whose time is over, batch by batch, each in one transaction: the sweep.

    Sweeps that run at once share the work; what a learner's request holds at this moment is left to the next sweep.

    :returns: after each batch, how many it submitted
    """
    now = now or timezone.now()
    # All ids at once, in no order, or the database would walk through the whole table by its primary key.
    candidates = [*_ids(clock.may_have_run_out(now)), *_ids(clock.may_be_paused_too_long(now))]
    for ids in batched(candidates, batch_size):
        batch = ExamAttempt.objects.filter(pk__in=ids).select_related("exam").order_by("pk")
        yield _submit_batch_or_each(list(batch), now)


def _ids(condition: Q) -> Iterator[int]:
    return iter(ExamAttempt.objects.filter(condition).values_list("pk", flat=True))


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
