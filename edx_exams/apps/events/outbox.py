# SPDX-License-Identifier: AGPL-3.0-only
"""
Reads and writes of the outbox for the relay and the admin: each function is one short statement or transaction.

None stays open while something is sent. Those that record a result are conditional on the relay's lease, so that a
relay which has lost it cannot undo what its successor did.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import batched
from typing import Final, NamedTuple

from django.db.models import Exists, F, Min, Q, QuerySet
from django.utils import timezone

from edx_exams.apps.core.database_clock import DatabaseNow
from edx_exams.apps.core.models import User
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.events.models import OutboxEvent, OutboxState

#: Rows that are read or deleted at once.
_CHUNK: Final = 500


def due_courses(*, at_most: int, excluding: Collection[str]) -> dict[str, int]:
    """
    Return the courses whose oldest pending event is due, with that event's id; oldest first.

    This is the relay's poll: one statement that reads an index, and the oldest row of each course. A course whose
    oldest event waits for its next try is not due, whatever has come after it.

    :param excluding: keys of courses that are in the batch
    """
    oldest = OutboxEvent.objects.filter(state=OutboxState.pending).order_by().values("key").annotate(oldest=Min("pk"))
    due = OutboxEvent.objects.filter(Q(next_try=None) | Q(next_try__lte=DatabaseNow()), pk__in=oldest.values("oldest"))
    return dict(due.exclude(key__in=excluding).order_by("pk").values_list("key", "pk")[:at_most])


class NextEvents(NamedTuple):
    """Pending events of some courses, from the oldest on, and the keys of courses that may have more of them."""

    events: list[OutboxEvent]
    truncated_keys: set[str]


def next_events(oldest: Mapping[str, int], *, at_most: int, max_per_course: int) -> NextEvents:
    """
    Return the oldest event of each of these courses and, as far as there is room, those that follow; oldest first.

    :param oldest: id of the oldest pending event, by course
    :param max_per_course: events of one course at most
    """
    chosen: dict[str, list[int]] = {key: [pk] for key, pk in oldest.items()}
    truncated_keys = set(oldest)
    if (room := at_most - len(oldest)) > 0:
        # In the order of an index, so that it reads no further than needed, however many are pending.
        behind = OutboxEvent.objects.filter(
            state=OutboxState.pending, published_at=None, key__in=oldest, pk__gt=min(oldest.values())
        ).order_by("pk")
        page = list(behind.values_list("key", "pk")[:room])
        # To MySQL's collations a course that differs in case alone is the same: its turn comes when it has the oldest.
        ours = [(key, pk) for key, pk in page if key in oldest]
        for key, pk in ours:
            if pk > oldest[key] and len(chosen[key]) < max_per_course:
                chosen[key].append(pk)
        if len(page) < room and len(ours) == len(page):
            truncated_keys = {key for key, ids in chosen.items() if len(ids) == max_per_course}
    ids = [pk for ids in chosen.values() for pk in ids]
    rows = OutboxEvent.objects.filter(pk__in=ids, state=OutboxState.pending).order_by("pk")
    return NextEvents(list(rows), truncated_keys)


def mark_published(ids: Collection[int], *, condition: Exists) -> int:
    """Mark events that the bus has acknowledged, whatever their state became meanwhile. Returns how many."""
    return OutboxEvent.objects.filter(condition, pk__in=ids).update(
        state=OutboxState.published,
        published_at=DatabaseNow(),
        delivery_attempts=F("delivery_attempts") + 1,
        next_try=None,
        last_error="",
    )


def schedule_retry(ids: Collection[int], *, seconds: float, error: str, condition: Exists) -> int:
    """Have events that could not be sent tried again after some seconds. Returns how many were changed."""
    return OutboxEvent.objects.filter(condition, pk__in=ids, state=OutboxState.pending).update(
        delivery_attempts=F("delivery_attempts") + 1,
        next_try=DatabaseNow() + timedelta(seconds=seconds),
        last_error=error,
    )


def mark_failed(ids: Collection[int], *, error: str, condition: Exists) -> int:
    """Mark events that can never be sent as they are. Returns how many were marked."""
    return OutboxEvent.objects.filter(condition, pk__in=ids, state=OutboxState.pending).update(
        state=OutboxState.failed, delivery_attempts=F("delivery_attempts") + 1, next_try=None, last_error=error
    )


def release_waiting(keys: Collection[str] | None = None) -> int:
    """
    Make pending those waiting events whose people's LMS user ids have become known. Returns how many.

    They keep their place. Events recorded after the id was known are pending already, so a course's waiting events are
    released before any of it is sent: or an attempt's reset could leave before its submission.

    :param keys: only those of these courses; None for all
    """
    waiting = OutboxEvent.objects.filter(state=OutboxState.waiting).order_by("pk").values_list("pk", "unknown_users")
    if keys is not None:
        waiting = waiting.filter(key__in=keys)
    return sum(_release(dict(chunk)) for chunk in batched(waiting.iterator(_CHUNK), _CHUNK))


def _release(unknown_users: dict[int, dict[str, int]]) -> int:
    """Release those of these rows (local user ids by path, by row id) whose people are all known."""
    wanted = {local_id for places in unknown_users.values() for local_id in places.values()}
    people = User.objects.filter(pk__in=wanted).values_list("pk", "lms_user_id")
    known = {local_id: lms_user_id for local_id, lms_user_id in people if lms_user_id is not None}
    ready = [pk for pk, places in unknown_users.items() if known.keys() >= set(places.values())]
    return _make_due(ready, known) if ready else 0


@write_transaction
def _make_due(ids: Collection[int], lms_user_ids: dict[int, int]) -> int:
    """Write the LMS user ids into the rows' data. Locks the rows: a retirement rewrites the same data."""
    rows = list(OutboxEvent.objects.select_for_update().filter(pk__in=ids, state=OutboxState.waiting).order_by("pk"))
    for row in rows:
        for place, local_id in row.unknown_users.items():
            name, attribute = place.split(".")
            row.data[name][attribute]["id"] = lms_user_ids[local_id]
        row.state, row.unknown_users = OutboxState.pending, {}
    OutboxEvent.objects.bulk_update(rows, ["data", "state", "unknown_users"])
    return len(rows)


def purge_published(*, older_than: timedelta) -> bool:
    """
    Delete some of the events that were published that long ago.

    :returns: True if there may be more of them
    """
    old = OutboxEvent.objects.filter(state=OutboxState.published, published_at__lt=DatabaseNow() - older_than).order_by(
        "published_at"
    )
    ids = list(old.values_list("pk", flat=True)[:_CHUNK])
    OutboxEvent.objects.filter(pk__in=ids, state=OutboxState.published).delete()
    return len(ids) == _CHUNK


class TriedAgain(NamedTuple):
    """Numbers of events that are due now, and of those that wait for a person's LMS user id."""

    due: int
    waiting: int


def try_again(events: QuerySet[OutboxEvent]) -> TriedAgain:
    """
    Make pending and failed events due at once. Those whose people are unknown wait: a local id is not an LMS user id.

    One that was given up leaves after what its course has sent since.
    """
    ids = list(events.filter(state__in=(OutboxState.pending, OutboxState.failed)).values_list("pk", flat=True))
    # In Python, for databases compare JSON in ways of their own.
    unknown = [pk for pk, users in OutboxEvent.objects.filter(pk__in=ids).values_list("pk", "unknown_users") if users]
    unsent = OutboxEvent.objects.filter(state__in=(OutboxState.pending, OutboxState.failed))
    waiting = unsent.filter(pk__in=unknown).update(state=OutboxState.waiting, next_try=None, last_error="")
    due = unsent.filter(pk__in=ids).exclude(pk__in=unknown).update(state=OutboxState.pending, next_try=None)
    released = _release(dict(OutboxEvent.objects.filter(pk__in=unknown).values_list("pk", "unknown_users")))
    return TriedAgain(due + released, waiting - released)


def give_up(events: QuerySet[OutboxEvent], *, reason: str) -> int:
    """
    Mark events as failed, so that their courses go on without them. Returns how many.

    One that is in flight at this moment may still arrive, and is then marked as published.
    """
    unsent = events.filter(state__in=(OutboxState.pending, OutboxState.waiting, OutboxState.failed))
    return unsent.update(state=OutboxState.failed, next_try=None, last_error=f"Given up: {reason}")


def oldest_unsent(now: datetime | None = None) -> timedelta | None:
    """Return the age of the oldest pending event; None if there is none. One statement."""
    oldest = OutboxEvent.objects.filter(state=OutboxState.pending, published_at=None).order_by("pk")
    created = oldest.values_list("created", flat=True).first()
    return None if created is None else (now or timezone.now()) - created
