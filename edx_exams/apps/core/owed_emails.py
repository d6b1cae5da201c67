# SPDX-License-Identifier: AGPL-3.0-only
"""
The table of owed e-mails: recording that one is owed, and what its sender and the operators do with the rows.

A row is written in the transaction of the change that it reports, so an e-mail is owed exactly when the change is
committed. The relay's process sends it (`edx_exams.apps.events.email_sender`). Each function is one short statement or
transaction; those that record a result take the relay's lease as a condition.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from edx_exams.apps.core.database_clock import DatabaseNow
from edx_exams.apps.core.models import EmailKind, ExamAttempt, OwedEmail, OwedEmailState, User

#: For so long an e-mail that cannot be sent is tried again; then it has failed.
TRIED_FOR: Final = timedelta(hours=24)
#: Seconds until the second try, doubled for each further one up to the longest pause.
FIRST_PAUSE: Final = 5.0
#: The longest pause in seconds while the e-mail is younger than `FREQUENT_RETRY_PERIOD`, and later.
LONGEST_PAUSE_WHILE_FRESH: Final = 60.0
LONGEST_PAUSE: Final = 900.0
FREQUENT_RETRY_PERIOD: Final = timedelta(minutes=10)

#: Rows that are read or deleted at once.
_CHUNK: Final = 500


def owe_email(attempt: ExamAttempt, kind: str) -> None:
    """
    Record that the attempt's learner is owed an e-mail, in the caller's transaction.

    Only for exams that are proctored and not practice.

    :param kind: a value of `EmailKind`
    """
    exam_type = attempt.exam.kind
    if exam_type.is_proctored and not exam_type.is_practice:
        OwedEmail.objects.create(attempt=attempt, kind=EmailKind(kind))


def due_emails(*, at_most: int, excluding: Collection[int] = ()) -> list[OwedEmail]:
    """
    Return the e-mails to be sent now. Of one attempt only the oldest is: a verdict must not overtake the submission.

    :param excluding: ids of those that are being sent
    """
    pending = OwedEmail.objects.filter(state=OwedEmailState.pending)
    earlier = pending.filter(attempt_id=OuterRef("attempt_id"), pk__lt=OuterRef("pk"))
    due = pending.filter(Q(next_try=None) | Q(next_try__lte=DatabaseNow()), ~Exists(earlier))
    return list(due.exclude(pk__in=excluding).order_by("next_try", "pk")[:at_most])


def mark_sent(email: OwedEmail, *, condition: Exists) -> None:
    """Record that the mail server has accepted an e-mail, whatever its state became meanwhile."""
    OwedEmail.objects.filter(condition, pk=email.pk).update(
        state=OwedEmailState.sent,
        finished_at=DatabaseNow(),
        delivery_attempts=F("delivery_attempts") + 1,
        next_try=None,
        last_error="",
    )


def mark_failed(email: OwedEmail, error: str, *, condition: Exists) -> None:
    """Record that an e-mail was refused for good."""
    _pending([email.pk], condition).update(
        state=OwedEmailState.failed, delivery_attempts=F("delivery_attempts") + 1, next_try=None, last_error=error
    )


def mark_cancelled(email: OwedEmail, reason: str, *, condition: Exists) -> None:
    """Record that nobody is to get an e-mail."""
    _pending([email.pk], condition).update(
        state=OwedEmailState.cancelled, finished_at=DatabaseNow(), next_try=None, last_error=reason
    )


class Retries(NamedTuple):
    """Numbers of e-mails that are tried again later, and of those that have failed."""

    rescheduled: int
    failed: int


def schedule_retry(
    emails: Iterable[OwedEmail], error: str, *, condition: Exists, now: datetime | None = None
) -> Retries:
    """Have e-mails that could not be sent tried again later; those that were tried for `TRIED_FOR` have failed."""
    now = now or timezone.now()
    ids_by_pause: defaultdict[float | None, list[int]] = defaultdict(list)
    for email in emails:
        ids_by_pause[pause_after(email.delivery_attempts, age=now - email.due_since)].append(email.pk)
    rescheduled = failed = 0
    for pause, ids in ids_by_pause.items():
        updated = _pending(ids, condition).update(
            state=OwedEmailState.failed if pause is None else OwedEmailState.pending,
            delivery_attempts=F("delivery_attempts") + 1,
            next_try=None if pause is None else DatabaseNow() + timedelta(seconds=pause),
            last_error=error,
        )
        rescheduled, failed = (rescheduled, failed + updated) if pause is None else (rescheduled + updated, failed)
    return Retries(rescheduled, failed)


def pause_after(failures: int, *, age: timedelta) -> float | None:
    """
    Return the seconds until the next try of an e-mail; None if it is not to be tried any more.

    :param failures: those before the one that has just happened
    :param age: for which it has been tried
    """
    if age >= TRIED_FOR:
        return None
    longest = LONGEST_PAUSE_WHILE_FRESH if age < FREQUENT_RETRY_PERIOD else LONGEST_PAUSE
    return min(longest, FIRST_PAUSE * float(1 << min(failures, 16)))


def purge_finished(*, older_than: timedelta) -> bool:
    """
    Delete some of the e-mails that were sent or cancelled that long ago.

    :returns: True if there may be more of them
    """
    finished = (OwedEmailState.sent, OwedEmailState.cancelled)
    old = OwedEmail.objects.filter(state__in=finished, finished_at__lt=DatabaseNow() - older_than)
    ids = list(old.order_by("finished_at").values_list("pk", flat=True)[:_CHUNK])
    OwedEmail.objects.filter(pk__in=ids, state__in=finished).delete()
    return len(ids) == _CHUNK


def send_again(emails: QuerySet[OwedEmail]) -> int:
    """Make failed e-mails due, and pending ones due at once, for another day. Returns how many."""
    unsent = emails.filter(state__in=(OwedEmailState.failed, OwedEmailState.pending))
    return unsent.update(state=OwedEmailState.pending, due_since=timezone.now(), delivery_attempts=0, next_try=None)


def cancel_emails_of(user: User) -> int:
    """Cancel the e-mails that a person is still owed, as on retirement. Returns how many."""
    attempts = ExamAttempt.objects.filter(user=user).values("pk")
    unsent = OwedEmail.objects.filter(
        attempt_id__in=attempts, state__in=(OwedEmailState.pending, OwedEmailState.failed)
    )
    return unsent.update(
        state=OwedEmailState.cancelled, finished_at=timezone.now(), next_try=None, last_error="retired"
    )


def _pending(ids: Collection[int], condition: Exists) -> QuerySet[OwedEmail]:
    return OwedEmail.objects.filter(condition, pk__in=ids, state=OwedEmailState.pending)
