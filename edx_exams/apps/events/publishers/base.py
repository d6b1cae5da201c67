"""What a publisher is: it takes an event and says, once and from whatever thread, whether the bus has it."""

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
    """The settings name no bus that could be used. Its text is one line for the operator."""


class NotPublished(Exception):
    """The bus does not have the event, or did not say so. Its text holds no data of a person."""


@dataclass(frozen=True, kw_only=True)
class RelayedEvent:
    """An event as it was when it was owed: what the bus libraries' producers are called with."""

    signal: OpenEdxPublicSignal
    topic: str
    key_field: str
    #: The value at `key_field`, as text.
    key: str
    data: dict[str, Any]
    metadata: EventsMetadata

    def send_with(self, producer: EventBusProducer) -> None:
        """Call a bus library's producer."""
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
    Spares those who come next the wait for something that has just failed to answer.

    :param seconds: for which it is left alone after a failure
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failure: NotPublished | None = None
        self._closed_from = 0.0

    def check(self) -> None:
        """
        Ask whether a try makes sense.

        :raises NotPublished: it failed just now; the same error again
        """
        if self._failure and time.monotonic() < self._closed_from:
            raise self._failure

    def trip(self, failure: NotPublished) -> NotPublished:
        """It has failed. Returns the failure, to be raised."""
        self._failure, self._closed_from = failure, time.monotonic() + self._seconds
        return failure


class Publisher(ABC):
    """A connection to an event bus. Made without arguments; raises `Misconfigured` if the settings are no good."""

    @abstractmethod
    def publish(self, delivery: Delivery) -> None:
        """Send an event. Returns at once; `delivery.done` is called within a bounded time. Never raises."""

    def discard(self) -> None:  # noqa: B027  (most have nothing to forget)
        """Forget what was not sent yet: another relay sends it. Nobody waits for its `done` any more."""

    def close(self) -> None:  # noqa: B027  (nor anything to let go of)
        """Let go of the bus. What is under way may or may not arrive."""


class BlockingPublisher(Publisher):
    """
    A publisher whose bus is called through functions that block: one thread calls them, in order.

    So a schema registry or a broker that hangs holds up that thread and not the relay, which has a lease to renew.
    """

    #: Seconds that `close` waits for the call under way.
    _CLOSE_SECONDS: Final = 5.0

    def __init__(self) -> None:
        self._deliveries: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._send_all, name=type(self).__name__, daemon=True)
        self._thread.start()

    @abstractmethod
    def _send(self, delivery: Delivery) -> None:
        """
        Send an event, and see to it that `delivery.done` is called unless this raises.

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
                delivery.done(NotPublished("The lease ran out before this was sent"))
                continue
            try:
                self._send(delivery)
            except NotPublished as error:
                delivery.done(error)
            except Exception as error:  # noqa: BLE001  (a bus library raises anything; none of it may end this thread)
                delivery.done(NotPublished(type(error).__name__))
