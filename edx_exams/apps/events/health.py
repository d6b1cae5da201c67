# SPDX-License-Identifier: AGPL-3.0-only
"""The details of the outbox and of the owed e-mails in `/health/`."""

import logging
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.utils import timezone

from edx_exams.apps.core.models import OwedEmail, OwedEmailState
from edx_exams.apps.core.prepared import PreparedRows
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
        """Return status, numbers, ages in seconds, and the fault that holds events up if it is known. One statement."""
        found = _found(_oldest_events)
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
        """Return status, numbers, and ages in seconds. One statement."""
        found = _found(_oldest_emails)
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


def _oldest_by_state(rows: QuerySet[Any], time: str) -> Any:
    """Describe these rows by state, as `_Oldest` has it after the state. One statement, which reads an index."""
    rows = rows.order_by()
    counts = rows.filter(state=OuterRef("state")).values("state").annotate(number=Count("pk")).values("number")
    oldest = rows.filter(pk__in=rows.values("state").annotate(oldest=Min("pk")).values("oldest"))
    return oldest.annotate(number=Subquery(counts)).values_list("state", "number", time, "last_error")


# Probes ask every few seconds.
_EVENT_STATES: Final = (OutboxState.pending, OutboxState.waiting, OutboxState.failed)
_EMAIL_STATES: Final = (OwedEmailState.pending, OwedEmailState.failed)
_oldest_events: Final = PreparedRows(
    OutboxEvent, lambda: _oldest_by_state(OutboxEvent.objects.filter(state__in=_EVENT_STATES), "created")
)
_oldest_emails: Final = PreparedRows(
    OwedEmail, lambda: _oldest_by_state(OwedEmail.objects.filter(state__in=_EMAIL_STATES), "due_since")
)


def _found(look_up: PreparedRows) -> dict[str, _Oldest]:
    return {state: _Oldest(*described) for state, *described in look_up()}


def _count_and_age(found: _Oldest | None) -> Detail:
    if found is None:
        return {"count": 0, "oldest_seconds": None}
    age = (timezone.now() - found.since).total_seconds()
    return {"count": found.number, "oldest_seconds": max(0, round(age))}


def _is_older(detail: Detail, age: timedelta) -> bool:
    return detail["oldest_seconds"] is not None and detail["oldest_seconds"] > age.total_seconds()


def _status(*, late: bool, attention: bool) -> str:
    return "LATE" if late else "ATTENTION" if attention else "OK"
