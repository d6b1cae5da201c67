# SPDX-License-Identifier: AGPL-3.0-only
"""Messages that could not be handled: stored instead of being lost or blocking the others, and retried on demand."""

import base64
import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

from django.db.models import F, QuerySet
from django.utils import timezone

from edx_exams.apps.core.database_clock import DatabaseNow
from edx_exams.apps.events.incoming import Incoming, PermanentError, handle
from edx_exams.apps.events.models import FailedEvent, FailedEventState
from edx_exams.apps.events.privacy import describe
from edx_exams.apps.events.registry import registry_client

log = logging.getLogger(__name__)

#: Rows read at once when payloads are searched.
_ROWS_AT_ONCE: Final = 200


def dead_letter(incoming: Incoming, error: PermanentError) -> FailedEvent:
    """
    Store a message that cannot be handled.

    A second delivery updates the same row, which is failed again unless an operator has discarded it.
    """
    error_fields = _error_fields(error)
    row, is_new = FailedEvent.objects.get_or_create(
        fingerprint=incoming.fingerprint,
        defaults={
            "topic": incoming.topic,
            "kafka_partition": incoming.partition,
            "kafka_offset": incoming.offset,
            "stream_id": incoming.stream_id,
            "received": DatabaseNow(),
            "produced": incoming.produced,
            "message_key": _encoded(incoming.key),
            "value": _encoded(incoming.value),
            "headers": [[name, _readable(value)] for name, value in incoming.headers],
            "event_type": incoming.event_type,
            **error_fields,
        },
    )
    if not is_new:
        again = FailedEvent.objects.filter(pk=row.pk).exclude(state=FailedEventState.discarded)
        again.update(
            state=FailedEventState.failed,
            delivery_attempts=F("delivery_attempts") + 1,
            last_tried=timezone.now(),
            received=DatabaseNow(),
            **error_fields,
        )
    log.error("Message %s stored as failed event %s: %s", incoming, row.pk, error)
    row.refresh_from_db()  # with the database's time in place of its expression
    return row


def retry(row: FailedEvent) -> None:
    """
    Handle a stored message now.

    :raises PermanentError: it still cannot be handled; the row says why
    :raises RetryableError: the database or the schema registry is unavailable; the row is unchanged
    :raises ImproperlyConfigured: no schema registry is configured
    """
    try:
        handle(as_incoming(row), None if row.stream_id else registry_client())
    except PermanentError as error:
        _record(row, state=FailedEventState.failed, **_error_fields(error))
        raise
    _record(row, state=FailedEventState.handled)


def discard(rows: QuerySet[FailedEvent]) -> int:
    """Decide that messages are not to be handled, not even if their topic is read again. Returns how many."""
    return rows.exclude(state=FailedEventState.handled).update(state=FailedEventState.discarded)


def find_containing(*texts: str) -> Iterator[FailedEvent]:
    """
    Yield the rows whose message holds one of these texts, such as a person's name, in its value, key or headers.

    Messages are stored in base64 and not all are valid Avro, so the bytes of every row are searched.
    """
    wanted = [text.encode() for text in texts if text]
    for row in FailedEvent.objects.order_by("pk").iterator(chunk_size=_ROWS_AT_ONCE):
        incoming = as_incoming(row)
        parts = [incoming.value, incoming.key, *(value for _, value in incoming.headers)]
        if any(text in part for part in parts if part for text in wanted):
            yield row


def as_incoming(row: FailedEvent) -> Incoming:
    """Return the message as it was received."""
    return Incoming(
        topic=row.topic,
        partition=row.kafka_partition,
        offset=row.kafka_offset,
        key=_decoded(row.message_key),
        value=_decoded(row.value),
        headers=_raw(row.headers),
        produced=row.produced,
        stream_id=row.stream_id,
        received=row.received or row.created,
    )


def _record(row: FailedEvent, **fields: Any) -> None:
    FailedEvent.objects.filter(pk=row.pk).update(
        delivery_attempts=F("delivery_attempts") + 1, last_tried=timezone.now(), **fields
    )


def _error_fields(error: PermanentError) -> dict[str, str]:
    """Return the columns of an error: the class of its cause, and its text."""
    return {"error": describe(error.__cause__ or error)[:255], "error_text": str(error)}


def _encoded(content: bytes | None) -> str | None:
    return None if content is None else base64.b64encode(content).decode()


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _readable(value: bytes | None) -> str | dict[str, str] | None:
    """Return a header's value for JSON: text where it is UTF-8."""
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _raw(headers: Sequence[Sequence[Any]]) -> tuple[tuple[str, bytes | None], ...]:
    """Return headers as bytes, undoing `_readable`."""
    return tuple(
        (name, base64.b64decode(value["base64"]) if isinstance(value, dict) else value and value.encode())
        for name, value in headers
    )
