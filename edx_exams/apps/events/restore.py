"""From a row of the outbox back to the event that was sent into it."""

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
    """The row can never become an event as it is. The text names the fault and repeats nothing of the data."""


class _Form(NamedTuple):
    """What the events of a type are read and written with. Making it costs more than using it."""

    deserializer: Any
    serializer: Any
    schema: Any


@cache
def _form(signal: OpenEdxPublicSignal) -> _Form:
    serializer = AvroSignalSerializer(signal)
    return _Form(AvroSignalDeserializer(signal), serializer, parse_schema(serializer.schema))


def restored(row: OutboxEvent) -> RelayedEvent:
    """
    The event of a row, with the id and time that it was made with, whatever the number of tries.

    It is serialized on trial: what fails here fails the same way tomorrow, while what fails at the bus may not.

    :raises Unsendable: type, data or metadata are not those of an event that this openedx-events knows
    """
    try:
        signal = OpenEdxPublicSignal.get_signal_by_type(row.event_type)
    except KeyError:
        message = f"openedx-events knows no event of the type {row.event_type}"
        raise Unsendable(message) from None
    try:
        form = _form(signal)
        data = form.deserializer.from_dict(row.data)
        schemaless_writer(io.BytesIO(), form.schema, form.serializer.to_dict(data))
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
