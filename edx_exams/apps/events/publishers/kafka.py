# SPDX-License-Identifier: AGPL-3.0-only
"""
Publishes to Kafka. edx-event-bus-kafka makes the messages; this module learns whether the broker has each.

The library's own loader builds a producer that reports nothing to its caller and swallows errors. It accepts any object
with the methods of a confluent producer, and is given one that records acknowledgements.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any, Final, override

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.serialization import MessageField, SerializationContext
from django.conf import settings
from edx_event_bus_kafka import KafkaEventProducer
from edx_event_bus_kafka.internal.config import get_full_topic, get_schema_registry_client, load_common_settings
from edx_event_bus_kafka.internal.producer import extract_event_key, get_serializers
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.events.fault_log import client_logger
from edx_exams.apps.events.faults import kafka_text, text_of
from edx_exams.apps.events.kafka_faults import KafkaFaults
from edx_exams.apps.events.publishers.base import (
    BlockingPublisher,
    Breaker,
    Delivery,
    Misconfigured,
    NotPublished,
    RelayedEvent,
)

log = logging.getLogger(__name__)

#: Without these an acknowledged message could be lost or overtaken, so no setting changes them.
_RELIABLE: Final = {"acks": "all", "enable.idempotence": True}
#: Defaults that `EVENT_BUS_RELAY_KAFKA_OPTIONS` may replace. Milliseconds.
_DEFAULTS: Final = {
    "delivery.timeout.ms": 10_000,  # then the relay counts a failed try, and an operator sees why
    "linger.ms": 2,
    "reconnect.backoff.max.ms": 2_000,  # a broker that comes back is found soon
}
#: Seconds between two looks for acknowledgements where none comes; one that comes is seen at once.
_POLL_SECONDS: Final = 0.5
#: Seconds for which calls fail at once after the registry has failed.
_REGISTRY_PAUSE_SECONDS: Final = 5.0
#: Errors of a message that do not tell why it was not sent: a fault that the client reported does.
_WITHOUT_REASON: Final = frozenset(
    {KafkaError._MSG_TIMED_OUT, KafkaError._PURGE_QUEUE, KafkaError._FATAL}  # noqa: SLF001  (its public names)
)
#: Seconds to wait for messages in flight when the connection is closed or replaced.
_FLUSH_SECONDS: Final = 2.0


class KafkaPublisher(BlockingPublisher):
    """
    Publishes to Kafka as `EVENT_BUS_KAFKA_*` and `EVENT_BUS_RELAY_KAFKA_OPTIONS` say.

    :raises Misconfigured: these settings are missing or not valid
    """

    def __init__(self) -> None:
        self._options = _options()
        self._faults = KafkaFaults(log)
        self._producer = _AcknowledgingProducer(self._options, self._faults)
        self._library = KafkaEventProducer(self._producer)
        self._schemas = _Schemas()
        super().__init__()

    @override
    def _send(self, delivery: Delivery) -> None:
        if self._producer.is_broken:
            self._reconnect()
        self._schemas.register(delivery.event)
        self._producer.expect(delivery.done)
        delivery.event.send_with(self._library)
        self._producer.require_produced()

    @override
    def discard(self) -> None:
        super().discard()
        self._producer.purge()

    @override
    def close(self) -> None:
        super().close()
        self._producer.close()

    def _reconnect(self) -> None:
        """Replace the producer after an error from which an idempotent producer cannot recover."""
        self._faults.note_fatal()
        self._producer.close()
        self._producer = _AcknowledgingProducer(self._options, self._faults)
        self._library = KafkaEventProducer(self._producer)


class _AcknowledgingProducer:
    """
    Stands in for the confluent producer of edx-event-bus-kafka, and reports the acknowledgement of each message.

    `expect`, the library's call of `produce` and `require_produced` happen in one thread, one message after another.

    :param faults: receives the faults that the client reports
    """

    def __init__(self, options: dict[str, Any], faults: KafkaFaults) -> None:
        self._faults = faults
        try:
            self._producer = Producer({**options, "error_cb": self._note}, logger=client_logger(f"{__name__}.client"))
        except (KafkaException, TypeError, ValueError) as error:
            message = f"Kafka's options are not valid: {_words(error)}. See EVENT_BUS_RELAY_KAFKA_OPTIONS."
            raise Misconfigured(message) from error
        self._expected: Callable[[Exception | None], None] | None = None
        self._refused = ""
        self.is_broken = False
        self._closing = threading.Event()
        self._poller = threading.Thread(target=self._poll_until_closed, name="kafka-acknowledgements", daemon=True)
        self._poller.start()

    def expect(self, done: Callable[[Exception | None], None]) -> None:
        """Call `done` with the acknowledgement of the next message."""
        self._expected, self._refused = done, ""

    def produce(self, topic: str, *, on_delivery: Callable[[KafkaError | None, Message], None], **message: Any) -> None:
        """Queue a message. The library calls this, and would log and swallow an error, so that is kept instead."""
        done, self._expected = self._expected, None
        if done is None:
            error = "The library sent a message that was not expected"
            raise RuntimeError(error)

        def delivered(error: KafkaError | None, sent: Message) -> None:
            if error is None:
                done(None)
                on_delivery(error, sent)  # the library's audit log; of a failure it would log the whole event
            else:
                self._note(error)
                done(NotPublished(self._reason(error)))

        try:
            self._producer.produce(topic, on_delivery=delivered, **message)
        except (BufferError, KafkaException) as error:
            if isinstance(error, KafkaException):
                self._note(error.args[0])
                self._refused = self._reason(error.args[0])
            else:
                self._refused = _words(error)
            self._expected = done

    def require_produced(self) -> None:
        """
        Require that the expected message was queued.

        :raises NotPublished: it was not
        """
        if self._expected is not None:
            self._expected = None
            raise NotPublished(self._refused or "edx-event-bus-kafka did not send the event")

    def poll(self, timeout: float) -> int:
        """Run the callbacks of acknowledged messages."""
        return self._serve(self._producer.poll, timeout)

    def flush(self, timeout: float) -> int:
        """Wait for messages in flight. Returns how many still are."""
        return self._serve(self._producer.flush, timeout)

    def purge(self) -> None:
        """Drop messages that are not sent yet."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=False)

    def close(self) -> None:
        """Drop messages that are not sent yet, and stop."""
        self.purge()
        self.flush(_FLUSH_SECONDS)
        self._closing.set()
        self._poller.join(_POLL_SECONDS * 2)

    def _serve(self, call: Callable[[float], int], timeout: float) -> int:
        """Let the client run callbacks. A fatal error it raises from there, and from there alone."""
        try:
            return call(timeout)
        except KafkaException as error:
            self._note(error.args[0])
            return 0

    def _reason(self, error: KafkaError) -> str:
        """Return why a message was not delivered: the fault behind a time-out, where the client reported one."""
        if error.code() in _WITHOUT_REASON and (fault := self._faults.recent):
            return f"{fault} ({error.str()})"
        return kafka_text(error)

    def _note(self, error: KafkaError) -> None:
        self._faults.note(error)
        if error.fatal() or error.code() == KafkaError._FATAL:  # noqa: SLF001
            self.is_broken = True

    def _poll_until_closed(self) -> None:
        while not self._closing.is_set():
            self.poll(_POLL_SECONDS)


class _Schemas:
    """
    The schemas that were registered.

    The library registers them within `send`, where a failure would only be logged, so this asks its serializers first.
    They are cached: the registry is asked once in a process' life for each kind of event. After a failure it is not
    asked for a while, so that events whose schemas are registered don't wait behind those whose are not.
    """

    def __init__(self) -> None:
        self._known: set[tuple[OpenEdxPublicSignal, str, str]] = set()
        self._breaker = Breaker(_REGISTRY_PAUSE_SECONDS)

    def register(self, event: RelayedEvent) -> None:
        """
        Register the event's schemas, unless they are.

        :raises NotPublished: the registry does not answer, or refuses
        """
        kind = (event.signal, event.topic, event.key_field)
        if kind in self._known:
            return
        self._breaker.check()
        try:
            _bound_registry_calls()
            _serialize(event)
        except Exception as error:
            raise self._breaker.trip(NotPublished(text_of(error))) from error
        self._known.add(kind)


def _serialize(event: RelayedEvent) -> None:
    """Serialize key and value as the library will, which registers their schemas."""
    topic = get_full_topic(event.topic)
    key_serializer, value_serializer = get_serializers(event.signal, event.key_field)
    key_serializer(extract_event_key(event.data, event.key_field), SerializationContext(topic, MessageField.KEY, {}))
    value_serializer(event.data, SerializationContext(topic, MessageField.VALUE, {}))


def _bound_registry_calls() -> None:
    """Give the library's client of the registry a time-out, which it lacks, and no retries: the relay has its own."""
    client = get_schema_registry_client()._rest_client  # noqa: SLF001  (the library leaves no other way in)
    client.session.timeout = settings.EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT
    client.max_retries = 0


def _options() -> dict[str, Any]:
    missing = [
        name
        for name in ("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL")
        if not getattr(settings, name, None)
    ]
    if missing:
        message = f"Kafka cannot be used without {' and '.join(missing)}."
        raise Misconfigured(message)
    return {**_DEFAULTS, **load_common_settings(), **settings.EVENT_BUS_RELAY_KAFKA_OPTIONS, **_RELIABLE}


def _words(error: Exception) -> str:
    """Return a refusal of the client itself as text; it names options and topics, and no person."""
    if isinstance(error, KafkaException) and error.args and isinstance(error.args[0], KafkaError):
        return kafka_text(error.args[0])
    return f"{type(error).__name__}: {error}"
