# SPDX-License-Identifier: AGPL-3.0-only
"""Forget a retired person in the event bus's tables."""

import re
from typing import Any, Final

from edx_exams.apps.core.retirement import OldNames
from edx_exams.apps.events.failed_events import find_containing
from edx_exams.apps.events.models import FailedEvent, FailedEventState, OutboxEvent

#: Rows that are looked at in one go.
_CHUNK: Final = 500
#: Usernames of which JSON escapes no character.
_PLAIN: Final = re.compile(r"[A-Za-z0-9._@+-]+")
_RETIRED: Final = "The person that it told of was retired."


def forget_person(*, names: OldNames, **_: Any) -> None:
    """Replace a person's names in events that are not purged yet, and drop messages that tell of them."""
    _replace_in_outbox(names)
    rows = [row.pk for row in find_containing(*names.texts)]
    FailedEvent.objects.filter(pk__in=rows).update(
        value=None, message_key=None, headers=[], state=FailedEventState.discarded, error_text=_RETIRED
    )


def _replace_in_outbox(names: OldNames) -> None:
    """Replace names in the events of the person's own attempts, and in those of others that the person reset."""
    changed = []
    events = OutboxEvent.objects.only("data")
    if _PLAIN.fullmatch(names.username):  # others are written in JSON in more than one way
        events = events.filter(data__icontains=names.username)
    for event in events.iterator(chunk_size=_CHUNK):
        if _replaced(event.data, names):
            changed.append(event)
        if len(changed) == _CHUNK:
            OutboxEvent.objects.bulk_update(changed, ["data"])
            changed.clear()
    OutboxEvent.objects.bulk_update(changed, ["data"])


def _replaced(data: Any, names: OldNames) -> bool:
    """Replace a person's details wherever the data of an event has those of the person; tell if there were any."""
    if not isinstance(data, dict):
        return False
    if isinstance(pii := data.get("pii"), dict) and pii.get("username") == names.username:
        data["pii"] = {**pii, "username": names.retired_username, "email": names.retired_email, "name": ""}
        data["is_active"] = False
        return True
    found = [_replaced(inner, names) for inner in data.values()]  # all of them, so no generator
    return any(found)
