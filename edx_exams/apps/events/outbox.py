"""
The outbox as the relay sees it: each function is one short statement or transaction.

None of them stays open while something is sent. Those that tell what became of an event are conditional on the relay's
lease, so that a relay which was taken for dead cannot undo what its successor did.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from itertools import batched
from typing import Final, NamedTuple

from django.db.models import Exists, F, Min, Q, QuerySet
from django.utils import timezone

from edx_exams.apps.core.models import User
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.events.database_clock import DatabaseNow
from edx_exams.apps.events.models import OutboxEvent, OutboxState

#: Rows that are looked at or deleted in one go.
_CHUNK: Final = 500


def due_courses(*, at_most: int, besides: Collection[str]) -> dict[str, int]:
    """
    Courses whose oldest pending event may be sent now, with that event's id; those that wait longest first.

    This is the relay's poll: one statement that reads an index, and the oldest row of each course. A course whose
    oldest event is being put off is not due, whatever has come after it.

    :param besides: keys that are in hand already
    """
    oldest = OutboxEvent.objects.filter(state=OutboxState.pending).order_by().values("key").annotate(oldest=Min("pk"))
    due = OutboxEvent.objects.filter(Q(next_try=None) | Q(next_try__lte=DatabaseNow()), pk__in=oldest.values("oldest"))
    return dict(due.exclude(key__in=besides).order_by("pk").values_list("key", "pk")[:at_most])


class Taken(NamedTuple):
    """Events of some courses, of each its oldest, and the keys of those that may owe more."""

    events: list[OutboxEvent]
    cut: set[str]


def next_events(oldest: Mapping[str, int], *, at_most: int, share: int) -> Taken:
    """
    The oldest event of each of these courses, and as many of those behind them as there is room for, oldest first.

    :param oldest: id of the oldest pending event, by course
    :param share: events of one course at most
    """
    chosen: dict[str, list[int]] = {key: [pk] for key, pk in oldest.items()}
    cut = set(oldest)
    if (room := at_most - len(oldest)) > 0:
        # In the order of an index, so that it reads as far as it takes, however much is owed.
        behind = OutboxEvent.objects.filter(
            state=OutboxState.pending, published_at=None, key__in=oldest, pk__gt=min(oldest.values())
        ).order_by("pk")
        page = list(behind.values_list("key", "pk")[:room])
        # To MySQL's collations a course that differs in case alone is the same: its turn comes when it has the oldest.
        ours = [(key, pk) for key, pk in page if key in oldest]
        for key, pk in ours:
            if pk > oldest[key] and len(chosen[key]) < share:
                chosen[key].append(pk)
        if len(page) < room and len(ours) == len(page):
            cut = {key for key, ids in chosen.items() if len(ids) == share}
    ids = [pk for ids in chosen.values() for pk in ids]
    return Taken(list(OutboxEvent.objects.filter(pk__in=ids, state=OutboxState.pending).order_by("pk")), cut)


def mark_published(ids: Collection[int], *, condition: Exists) -> int:
    """The bus has these. Whatever was said of them meanwhile, they are out. Returns how many were marked."""
    return OutboxEvent.objects.filter(condition, pk__in=ids).update(
        state=OutboxState.published,
        published_at=DatabaseNow(),
        attempts=F("attempts") + 1,
        next_try=None,
        last_error="",
    )


def put_off(ids: Collection[int], *, seconds: float, error: str, condition: Exists) -> int:
    """These could not be sent and are to be tried again after a while. Returns how many were put off."""
    return OutboxEvent.objects.filter(condition, pk__in=ids, state=OutboxState.pending).update(
        attempts=F("attempts") + 1, next_try=DatabaseNow() + timedelta(seconds=seconds), last_error=error
    )


def mark_failed(ids: Collection[int], *, error: str, condition: Exists) -> int:
    """These can never be sent as they are: an operator must look. Returns how many were marked."""
    return OutboxEvent.objects.filter(condition, pk__in=ids, state=OutboxState.pending).update(
        state=OutboxState.failed, attempts=F("attempts") + 1, next_try=None, last_error=error
    )


def release_waiting(keys: Collection[str] | None = None) -> int:
    """
    Make those events due whose people's LMS user ids have become known. Returns how many.

    They keep their place. What a person did after the id was known is due already, so before anything of a course is
    sent, its waiting events are looked through: or an attempt's reset could leave before its submission.

    :param keys: only these courses'; None for all
    """
    waiting = OutboxEvent.objects.filter(state=OutboxState.waiting).order_by("pk").values_list("pk", "unknown_users")
    if keys is not None:
        waiting = waiting.filter(key__in=keys)
    return sum(_release(dict(chunk)) for chunk in batched(waiting.iterator(_CHUNK), _CHUNK))


def _release(unknown_users: dict[int, dict[str, int]]) -> int:
    """Release those of these rows, named by id with local user ids by place, that need not wait any more."""
    wanted = {local_id for places in unknown_users.values() for local_id in places.values()}
    people = User.objects.filter(pk__in=wanted).values_list("pk", "lms_user_id")
    known = {local_id: lms_user_id for local_id, lms_user_id in people if lms_user_id is not None}
    ready = [pk for pk, places in unknown_users.items() if known.keys() >= set(places.values())]
    return _make_due(ready, known) if ready else 0


@write_transaction
def _make_due(ids: Collection[int], lms_user_ids: dict[int, int]) -> int:
    """Put the ids into the rows' data. The rows are locked, for the retirement of a person rewrites the same data."""
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

    :returns: whether there may be more of them
    """
    old = OutboxEvent.objects.filter(state=OutboxState.published, published_at__lt=DatabaseNow() - older_than).order_by(
        "published_at"
    )
    ids = list(old.values_list("pk", flat=True)[:_CHUNK])
    OutboxEvent.objects.filter(pk__in=ids, state=OutboxState.published).delete()
    return len(ids) == _CHUNK


def try_again(events: QuerySet[OutboxEvent]) -> int:
    """
    An operator's wish: these are due at once, those that failed for good or were given up included. Returns how many.

    Each goes out when it gets its turn, so what was given up leaves after what its course has sent since.
    """
    unsent = events.filter(state__in=(OutboxState.pending, OutboxState.failed))
    return unsent.update(state=OutboxState.pending, next_try=None)


def give_up(events: QuerySet[OutboxEvent], *, reason: str) -> int:
    """
    An operator's decision: these are not to be sent, and their courses go on without them. Returns how many.

    One that is under way at this moment may still arrive, and is then noted as published: the outbox tells the truth.
    """
    unsent = events.filter(state__in=(OutboxState.pending, OutboxState.waiting, OutboxState.failed))
    return unsent.update(state=OutboxState.failed, next_try=None, last_error=f"Given up: {reason}")


def oldest_unsent(now: datetime | None = None) -> timedelta | None:
    """How long the oldest event that could be sent has been owed; None if none is. One statement."""
    oldest = OutboxEvent.objects.filter(state=OutboxState.pending, published_at=None).order_by("pk")
    created = oldest.values_list("created", flat=True).first()
    return None if created is None else (now or timezone.now()) - created
