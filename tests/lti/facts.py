# SPDX-License-Identifier: AGPL-3.0-only
"""Queries for tests: an attempt as it is now, and its pending events."""

from edx_exams.apps.core.api import get_attempt_to_change
from edx_exams.apps.core.models import ExamAttempt, OwedEmail
from edx_exams.apps.events.models import OutboxEvent


def row(attempt: ExamAttempt) -> ExamAttempt:
    return get_attempt_to_change(attempt.pk)


def status(attempt: ExamAttempt) -> str:
    return row(attempt).status


def events() -> list[str]:
    return [event.split(".")[-2] for event in OutboxEvent.objects.order_by("pk").values_list("event_type", flat=True)]


def owed_emails() -> list[str]:
    """Kinds of the e-mails that learners are owed, in their order."""
    return list(OwedEmail.objects.order_by("pk").values_list("kind", flat=True))
