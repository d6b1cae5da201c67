# SPDX-License-Identifier: AGPL-3.0-only
"""The details of the outbox and of the owed e-mails in `/health/`."""

import logging
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, Min, Model, QuerySet
from django.utils import timezone

from edx_exams.apps.core.models import OwedEmail, OwedEmailState
from edx_exams.apps.core.prepared import PreparedForIds, PreparedRows
from edx_exams.apps.events.fault_log import FaultLog
from edx_exams.apps.events.faults import known_fault
from edx_exams.apps.events.models import OutboxEvent, OutboxState

log = logging.getLogger(__name__)

#: Age from which the oldest pending event or e-mail counts as late: the relay, or what it sends to, is not working.
LATE_AFTER: Final = timedelta(minutes=5)
#: Age from which an event that waits for a person's LMS user id needs attention.
WAITING_TOO_LONG: Final = timedelta(days=1)

type Detail = dict[str, Any]


class OutboxHealth:
    """
    Reports the outbox: numbers and oldest ages of the events that are not published.

    Its status is `LATE` if the oldest pending event is; else `ATTENTION` if an event has failed, waits for too long, or
    is held up by a known fault; else `OK`. A late outbox is logged once a minute.
    """

    def __init__(self) -> None:
        self._faults = FaultLog(log)

    def __call__(self) -> Detail:
        """Return status, numbers, ages in seconds, and the fault that holds events up if it is known."""
        found = _oldest_events()
        oldest = found.get(OutboxState.pending)
        fault = known_fault(oldest.last_error) if oldest else None
        pending, waiting, failed = (_count_and_age(found.get(state)) for state in _EVENT_STATES)
        late = _is_older(pending, LATE_AFTER)
        if late:
            self._faults.report(
                "Events are not being sent: is `manage.py relay_events` running?",
                detail=f" The oldest pending event is {pending['oldest_seconds']} s old",
            )
        attention = failed["count"] > 0 or fault is not None or _is_older(waiting, WAITING_TOO_LONG)
        return {
            "status": _status(late=late, attention=attention),
            "oldest_unsent_seconds": pending["oldest_seconds"],
            "pending": pending,
            "waiting": waiting,
            "failed": failed,
            "fault": fault,
        }


class EmailHealth:
    """Reports the owed e-mails, as `OutboxHealth` does the events."""

    def __init__(self) -> None:
        self._faults = FaultLog(log)

    def __call__(self) -> Detail:
        """Return status, numbers, and ages in seconds."""
        found = _oldest_emails()
        pending, failed = (_count_and_age(found.get(state)) for state in _EMAIL_STATES)
        late = _is_older(pending, LATE_AFTER)
        if late:
            self._faults.report(
                "E-mails are not being sent: are `manage.py relay_events` and the mail server running?",
                detail=f" The oldest pending e-mail is {pending['oldest_seconds']} s old",
            )
        return {"status": _status(late=late, attention=failed["count"] > 0), "pending": pending, "failed": failed}


class _Oldest(NamedTuple):
    """Number of the rows of a state, and time and last error of the oldest."""

    number: int
    since: datetime
    last_error: str


class _OldestByState:
    """
    Finds the number of rows of each state, and the oldest of them. Probes ask every few seconds.

    One statement, which reads an index, and one more where there are such rows.

    :param time: name of the column that says since when a row is there
    """

    def __init__(self, model: type[Model], states: Collection[str], time: str) -> None:
        rows: QuerySet[Any, Any] = model._default_manager.filter(state__in=states).order_by()
        numbers = rows.values("state").annotate(number=Count("pk"), oldest=Min("pk"))
        self._numbers = PreparedRows(model, lambda: numbers.values_list("state", "number", "oldest"))
        self._rows = PreparedForIds(
            model, lambda ids: model._default_manager.filter(pk__in=ids).values_list("pk", time, "last_error")
        )

    def __call__(self) -> dict[str, _Oldest]:
        found = self._numbers()
        rows = {pk: details for pk, *details in self._rows(oldest for _, _, oldest in found)}
        # A row that has gone in the meantime is nobody's oldest any more.
        return {state: _Oldest(number, *rows[oldest]) for state, number, oldest in found if oldest in rows}


_EVENT_STATES: Final = (OutboxState.pending, OutboxState.waiting, OutboxState.failed)
_EMAIL_STATES: Final = (OwedEmailState.pending, OwedEmailState.failed)
_oldest_events: Final = _OldestByState(OutboxEvent, _EVENT_STATES, "created")
_oldest_emails: Final = _OldestByState(OwedEmail, _EMAIL_STATES, "due_since")


def _count_and_age(found: _Oldest | None) -> Detail:
    if found is None:
        return {"count": 0, "oldest_seconds": None}
    age = (timezone.now() - found.since).total_seconds()
    return {"count": found.number, "oldest_seconds": max(0, round(age))}


def _is_older(detail: Detail, age: timedelta) -> bool:
    return detail["oldest_seconds"] is not None and detail["oldest_seconds"] > age.total_seconds()


def _status(*, late: bool, attention: bool) -> str:
    return "LATE" if late else "ATTENTION" if attention else "OK"
