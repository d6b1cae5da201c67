# SPDX-License-Identifier: AGPL-3.0-only
"""The interface of publishers: one takes an event and reports, once and from any thread, whether the bus has it."""

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, override

from openedx_events.data import EventsMetadata
from openedx_events.event_bus import EventBusProducer
from openedx_events.tooling import OpenEdxPublicSignal


class Misconfigured(Exception):
    """The settings do not describe a usable event bus. The text is one line for the operator."""


class NotPublished(Exception):
    """The bus has not acknowledged the event. The text holds no personal data."""


@dataclass(frozen=True, kw_only=True)
class RelayedEvent:
    """An event as it was recorded: the arguments of the bus libraries' producers."""

    signal: OpenEdxPublicSignal
    topic: str
    key_field: str
    #: The value at `key_field`, as text.
    key: str
    data: dict[str, Any]
    metadata: EventsMetadata

    def send_with(self, producer: EventBusProducer) -> None:
        """Send the event with a bus library's producer."""
        producer.send(
            signal=self.signal,
            topic=self.topic,
            event_key_field=self.key_field,
            event_data=self.data,
            event_metadata=self.metadata,
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One try to publish an event."""

    event: RelayedEvent
    #: To be called exactly once: with None if the bus has acknowledged the event, else with what went wrong.
    done: Callable[[Exception | None], None]
    #: To be asked right before the event leaves the process.
    still_ours: Callable[[], bool]


class Breaker:
    """
    Circuit breaker: after a failure, further calls fail at once for a while instead of waiting for a time-out.

    :param seconds: for which calls fail after a failure
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failure: NotPublished | None = None
        self._open_until = 0.0

    def check(self) -> None:
        """
        Refuse the call while the breaker is open.

        :raises NotPublished: the failure that opened it
        """
        if self._failure and time.monotonic() < self._open_until:
            raise self._failure

    def trip(self, failure: NotPublished) -> NotPublished:
        """Open the breaker after a failure. Returns the failure, to be raised."""
        self._failure, self._open_until = failure, time.monotonic() + self._seconds
        return failure


class Publisher(ABC):
    """A connection to an event bus. Made without arguments; raises `Misconfigured` if the settings are unusable."""

    @abstractmethod
    def publish(self, delivery: Delivery) -> None:
        """Send an event. Returns at once; `delivery.done` is called within a bounded time. Never raises."""

    def discard(self) -> None:  # noqa: B027  (most have nothing to drop)
        """Drop events that are not sent yet: another relay sends them. Nobody waits for their `done` any more."""

    def close(self) -> None:  # noqa: B027  (nor anything to close)
        """Close the connection. Events in flight may or may not arrive."""


class BlockingPublisher(Publisher):
    """
    A publisher whose bus is called through functions that block: one thread calls them, in order.

    A schema registry or broker that hangs blocks that thread and not the relay, which has a lease to renew.
    """

    #: Seconds that `close` waits for the call in progress.
    _CLOSE_SECONDS: Final = 5.0

    def __init__(self) -> None:
        self._deliveries: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name=type(self).__name__, daemon=True)
        self._thread.start()

    @abstractmethod
    def _send(self, delivery: Delivery) -> None:
        """
        Send an event, and call `delivery.done` unless this raises.

        :raises NotPublished: it could not be sent; other exceptions count as the same
        """

    @override
    def publish(self, delivery: Delivery) -> None:
        self._deliveries.put(delivery)

    @override
    def discard(self) -> None:
        while not self._deliveries.empty():
            try:
                self._deliveries.get_nowait()
            except queue.Empty:
                break

    @override
    def close(self) -> None:
        self.discard()
        self._deliveries.put(None)
        self._thread.join(self._CLOSE_SECONDS)

    def _send_all(self) -> None:
        while (delivery := self._deliveries.get()) is not None:
            if not delivery.still_ours():
                delivery.done(NotPublished("The lease expired before the event was sent"))
                continue
            try:
                self._send(delivery)
            except NotPublished as error:
                delivery.done(error)
            except Exception as error:  # noqa: BLE001  (a bus library raises anything; none of it may end this thread)
                delivery.done(NotPublished(type(error).__name__))
