# SPDX-License-Identifier: AGPL-3.0-only
"""
A message from the bus, and handling it: from bytes to the receivers of its signal.

Every failure is raised as one of two errors: `RetryableError`, where something else is unavailable and the same message
may be handled later, or `PermanentError`, where the message itself is the cause. The texts of both hold no personal
data: they are logged and shown in lists.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Self, cast

import attrs
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.serialization import MessageField, SerializationContext
from django.db import InterfaceError, OperationalError, connection
from edx_event_bus_kafka.internal.consumer import get_deserializer
from edx_event_bus_kafka.internal.utils import HEADER_EVENT_TYPE, HEADER_TIME, _get_metadata_from_headers
from openedx_events.apps import general_signal_handler
from openedx_events.data import EventsMetadata
from openedx_events.event_bus.avro.deserializer import deserialize_bytes_to_event_data
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.exceptions import DatabaseBusy, ExamBaseException
from edx_exams.apps.core.unstorable_text import UnstorableText
from edx_exams.apps.events.models import position_text
from edx_exams.apps.events.privacy import describe, place
from edx_exams.apps.events.registry import BoundedRegistryClient, RegistryUnavailable

#: Errors of MySQL and MariaDB that are about the value that was to be stored, though they come as an OperationalError:
#: text that the column's character set lacks, incomparable collations, a row or packet too large.
_MYSQL_BAD_VALUE: Final = frozenset({1118, 1153, 1267, 1270, 1271, 1300, 1366, 3854, 3988})


class RetryableError(Exception):
    """Something that this message needs is unavailable. The text says what, and holds no personal data."""


class PermanentError(Exception):
    """This message cannot be handled as it is. The text says why, and holds no personal data."""


@dataclass(frozen=True)
class Incoming:
    """
    A message as it was received.

    :param partition: on Kafka, with `offset`; None for Redis
    :param produced: timestamp of the broker; None where it has none
    :param stream_id: id of its entry in a Redis stream; empty for Kafka
    :param received: for a retry: when it was delivered, by the database's clock; None while it is being delivered
    """

    topic: str
    partition: int | None
    offset: int | None
    key: bytes | None = field(repr=False)
    value: bytes | None = field(repr=False)
    headers: Sequence[tuple[str, bytes | None]] = field(repr=False)
    produced: datetime | None
    stream_id: str = ""
    received: datetime | None = field(default=None, compare=False)

    @classmethod
    def of(cls, message: Message) -> Self:
        """Copy a message of Kafka's client. Its topic, partition and offset are None only before it is produced."""
        kind, milliseconds = message.timestamp()
        return cls(
            topic=cast(str, message.topic()),
            partition=cast(int, message.partition()),
            offset=cast(int, message.offset()),
            key=message.key(),
            value=message.value(),
            headers=tuple(cast(Sequence[tuple[str, bytes | None]], message.headers() or ())),
            produced=None if kind == TIMESTAMP_NOT_AVAILABLE else datetime.fromtimestamp(milliseconds / 1000, UTC),
        )

    @property
    def fingerprint(self) -> str:
        """
        Digest that identifies a second delivery of the same message.

        Made of position and content: the offsets of a topic that was deleted and created again begin at zero.
        """
        position = (self.stream_id,) if self.stream_id else (self.partition, self.offset)
        everything = (self.topic, *position, self.produced, self.key, self.value, *self.headers)
        return hashlib.sha256(repr(everything).encode()).hexdigest()

    def __str__(self) -> str:
        return position_text(self.topic, self.partition, self.offset, self.stream_id)

    @property
    def event_type(self) -> str:
        """The type in its header, for display; empty if there is none."""
        values = [value for name, value in self.headers if name == HEADER_EVENT_TYPE.message_header_key and value]
        return values[-1].decode(errors="replace").replace("\0", "")[:255] if values else ""


#: The message that is being handled, for receivers that must know its position.
current_message: Final[ContextVar[Incoming | None]] = ContextVar("current_message", default=None)


def handle(incoming: Incoming, registry: BoundedRegistryClient | None) -> None:
    """
    Send a message's event to the receivers of its signal.

    :param registry: has the schemas of Kafka's messages; None for those of Redis, which need none

    :raises RetryableError: the database or the registry is unavailable
    :raises PermanentError: the message cannot be read, nobody handles its event, or its handler refuses it
    """
    signal = _signal(incoming)
    metadata = _metadata(incoming)
    data = _data(incoming, signal, registry)
    token = current_message.set(incoming)
    try:
        _send(signal, metadata, data)
    finally:
        current_message.reset(token)


def _signal(incoming: Incoming) -> OpenEdxPublicSignal:
    """Return the signal that the message's type names."""
    types = [value for name, value in incoming.headers if name == HEADER_EVENT_TYPE.message_header_key]
    if len(types) != 1:
        message = f"It has {len(types)} headers ce_type instead of one."
        raise PermanentError(message)
    try:
        return OpenEdxPublicSignal.get_signal_by_type((types[0] or b"").decode())
    except (KeyError, UnicodeDecodeError):
        message = "Its ce_type is not an event type that this version of openedx-events knows."
        raise PermanentError(message) from None


def _metadata(incoming: Incoming) -> EventsMetadata:
    """Return the metadata in the headers. An event without a time gets that of its message."""
    try:
        metadata = _get_metadata_from_headers(incoming.headers)
    except Exception as error:
        message = "Its headers are not valid: ce_id is missing, or a header is malformed or repeated."
        raise PermanentError(message) from error
    has_time = any(name == HEADER_TIME.message_header_key for name, _ in incoming.headers)
    return metadata if has_time or not incoming.produced else attrs.evolve(metadata, time=incoming.produced)


def _data(incoming: Incoming, signal: OpenEdxPublicSignal, registry: BoundedRegistryClient | None) -> Mapping[str, Any]:
    """Return the event's data: Avro, on Kafka by the schema that the registry has under the id in the message."""
    if incoming.value is None:
        message = "It has no value."
        raise PermanentError(message)
    try:
        if registry is None:
            data: Mapping[str, Any] = deserialize_bytes_to_event_data(incoming.value, signal)
            return data
        context = SerializationContext(incoming.topic, MessageField.VALUE, list(incoming.headers))
        data = get_deserializer(signal, registry)(incoming.value, context)
    except RegistryUnavailable as unavailable:
        raise RetryableError(str(unavailable)) from unavailable
    except SchemaRegistryError as error:
        message = "The schema registry does not have the schema that it was written with."
        raise PermanentError(message) from error
    except Exception as error:  # bytes that anybody may have put there: no list of what they do to a parser is complete
        message = f"Its value cannot be read as the data of {signal.event_type}."
        raise PermanentError(message) from error
    return data


def _send(signal: OpenEdxPublicSignal, metadata: EventsMetadata, data: Mapping[str, Any]) -> None:
    """
    Call the signal's receivers. The first failure is the message's.

    Not by `send_robust`: that logs whatever a receiver raised, and a database's error quotes its row.
    """
    try:
        responses = signal.send_event_with_custom_metadata(metadata, send_robust=False, **data)
    except DatabaseBusy as busy:
        raise RetryableError(type(busy).__name__) from busy
    except ExamBaseException as refusal:
        raise PermanentError(str(refusal)) from refusal
    except UnstorableText as refusal:
        raise PermanentError(str(refusal)) from None
    except (OperationalError, InterfaceError) as error:
        if _is_about_the_value(error):
            message = f"The database cannot store its data ({describe(error)})."
            raise PermanentError(message) from error
        message = f"the database is unavailable ({describe(error)})"
        raise RetryableError(message) from error
    except Exception as error:  # a mistake in a handler must cost this message alone, and be seen
        message = f"Its handler failed ({describe(error)}, {place(error)})."
        raise PermanentError(message) from error
    if not any(receiver is not general_signal_handler for receiver, _ in responses):
        message = "Nothing here handles events of its type."
        raise PermanentError(message)


def _is_about_the_value(error: OperationalError | InterfaceError) -> bool:
    return connection.vendor == "mysql" and bool(error.args) and error.args[0] in _MYSQL_BAD_VALUE
