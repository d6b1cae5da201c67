"""Messages that could not be handled: put aside instead of being lost or stopping the rest, looked at, tried again."""

import base64
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db.models import F, QuerySet
from django.utils import timezone

from edx_exams.apps.events.incoming import Incoming, Unusable, handle
from edx_exams.apps.events.models import FailedEvent, FailedEventState
from edx_exams.apps.events.privacy import describe
from edx_exams.apps.events.registry import registry_client

log = logging.getLogger(__name__)

#: Rows read at once when payloads are searched.
_ROWS_AT_ONCE: Final = 200


def put_aside(incoming: Incoming, error: Unusable) -> FailedEvent:
    """
    Keep a message that cannot be handled.

    Delivered again, it is the same row, which fails anew unless an operator has discarded it.
    """
    why = _why(error)
    row, is_new = FailedEvent.objects.get_or_create(
        fingerprint=incoming.fingerprint,
        defaults={
            "topic": incoming.topic,
            "kafka_partition": incoming.partition,
            "kafka_offset": incoming.offset,
            "produced": incoming.produced,
            "message_key": _encoded(incoming.key),
            "value": _encoded(incoming.value),
            "headers": [[name, _readable(value)] for name, value in incoming.headers],
            "event_type": incoming.event_type,
            **why,
        },
    )
    if not is_new:
        again = FailedEvent.objects.filter(pk=row.pk).exclude(state=FailedEventState.discarded)
        again.update(state=FailedEventState.failed, tries=F("tries") + 1, last_tried=timezone.now(), **why)
    log.error(
        "Message %s [%s] at %s put aside as failed event %s: %s",
        incoming.topic, incoming.partition, incoming.offset, row.pk, error,
    )  # fmt: skip
    return row


def retry(row: FailedEvent) -> None:
    """
    Handle a message that was put aside, now.

    :raises Unusable: it still cannot be handled; the row says why
    :raises TryLater: the database or the schema registry is away; the row is as it was
    :raises ImproperlyConfigured: no schema registry is configured
    """
    try:
        handle(as_incoming(row), registry_client())
    except Unusable as error:
        _record(row, state=FailedEventState.failed, **_why(error))
        raise
    _record(row, state=FailedEventState.handled)


def discard(rows: QuerySet[FailedEvent]) -> int:
    """Decide that messages are not to be handled, not even if their topic is read again. Says how many they were."""
    return rows.exclude(state=FailedEventState.handled).update(state=FailedEventState.discarded)


def mentioning(*texts: str) -> Iterator[FailedEvent]:
    """
    The rows whose message holds one of these texts in its value, key or headers, as a person's names and addresses.

    Messages are kept in base64, and not all of them can be decoded: each row's bytes are looked at, however they came.
    """
    wanted = [text.encode() for text in texts if text]
    for row in FailedEvent.objects.order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE):
        incoming = as_incoming(row)
        parts = [incoming.value, incoming.key, *(value for _, value in incoming.headers)]
        if any(text in part for part in parts if part for text in wanted):
            yield row


def as_incoming(row: FailedEvent) -> Incoming:
    """The message as it came."""
    return Incoming(
        topic=row.topic,
        partition=row.kafka_partition,
        offset=row.kafka_offset,
        key=_decoded(row.message_key),
        value=_decoded(row.value),
        headers=_raw(row.headers),
        produced=row.produced,
    )


def _record(row: FailedEvent, **fields: Any) -> None:
    FailedEvent.objects.filter(pk=row.pk).update(tries=F("tries") + 1, last_tried=timezone.now(), **fields)


def _why(error: Unusable) -> dict[str, str]:
    """The columns that tell what went wrong: the class of what was behind it, and our words."""
    return {"error": describe(error.__cause__ or error)[:255], "error_text": str(error)}


def _encoded(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _readable(value: bytes | None) -> str | dict[str, str] | None:
    """A header's value as JSON holds it: text where it is text."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _raw(headers: Sequence[Sequence[Any]]) -> tuple[tuple[str, bytes | None], ...]:
    """The opposite of `_readable`, for all headers."""
    return tuple(
        (name, base64.b64decode(value["base64"]) if isinstance(value, dict) else value and value.encode())
        for name, value in headers
    )
