# SPDX-License-Identifier: AGPL-3.0-only
"""Makes the event again from its row in the outbox."""

import io
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from fastavro import parse_schema, schemaless_writer
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro.deserializer import AvroSignalDeserializer
from openedx_events.event_bus.avro.serializer import AvroSignalSerializer
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.events.models import OutboxEvent
from edx_exams.apps.events.publishers.base import RelayedEvent


class Unsendable(Exception):
    """The row cannot be made into an event. The text names the fault and repeats nothing of the data."""


class _Codec(NamedTuple):
    """Deserializer, serializer and schema of an event type, kept because they are expensive to make."""

    deserializer: Any
    serializer: Any
    schema: Any


@cache
def _codec(signal: OpenEdxPublicSignal) -> _Codec:
    serializer = AvroSignalSerializer(signal)
    return _Codec(AvroSignalDeserializer(signal), serializer, parse_schema(serializer.schema))


def deserialize(row: OutboxEvent) -> RelayedEvent:
    """
    Return the event of a row, with its original id and time.

    It is serialized once as a trial: an error here is permanent, an error of the bus may not be.

    :raises Unsendable: type, data or metadata are not those of an event that this openedx-events knows
    """
    if row.unknown_users:
        message = "A person in it has no LMS user id yet"
        raise Unsendable(message)
    try:
        signal = OpenEdxPublicSignal.get_signal_by_type(row.event_type)
    except KeyError:
        message = f"openedx-events knows no event of the type {row.event_type}"
        raise Unsendable(message) from None
    try:
        codec = _codec(signal)
        data = codec.deserializer.from_dict(row.data)
        schemaless_writer(io.BytesIO(), codec.schema, codec.serializer.to_dict(data))
    except Exception as error:  # the libraries raise what they like, and repeat the data in the text
        message = f"The data does not fit {row.event_type} ({type(error).__name__})"
        raise Unsendable(message) from error
    try:
        metadata = _metadata(row.metadata)
    except Exception as error:
        message = f"The metadata is not that of an event ({type(error).__name__})"
        raise Unsendable(message) from error
    return RelayedEvent(
        signal=signal, topic=row.topic, key_field=row.key_field, key=row.key, data=data, metadata=metadata
    )


def _metadata(stored: dict[str, Any]) -> EventsMetadata:
    # Not EventsMetadata.from_json, which loses the minor version.
    return EventsMetadata(
        **{
            **stored,
            "id": UUID(stored["id"]),
            "time": datetime.fromisoformat(stored["time"]),
            "sourcelib": tuple(stored["sourcelib"]),
        }
    )
