# SPDX-License-Identifier: AGPL-3.0-only
"""An event bus in memory, which fails when it is told to."""

from collections.abc import Callable
from typing import override

from edx_exams.apps.events.publishers.base import Delivery, NotPublished, Publisher, RelayedEvent


class Crash(BaseException):
    """The relay's process is gone, between the bus' acknowledgement and the relay's bookkeeping."""


class MemoryPublisher(Publisher):
    """
    Keeps what it is given. By default it has each event at once.

    :param fails: whether the bus refuses this event now
    :param holds: keep the acknowledgements until `acknowledge`
    """

    def __init__(self, *, fails: Callable[[RelayedEvent], bool] = lambda _: False, holds: bool = False) -> None:
        self.fails = fails
        self.holds = holds
        #: What the bus has, in the order of its arrival.
        self.events: list[RelayedEvent] = []
        self.tries = 0
        self._held: list[Delivery] = []

    @override
    def publish(self, delivery: Delivery) -> None:
        self.tries += 1
        if self.holds:
            self._held.append(delivery)
        elif self.fails(delivery.event):
            delivery.done(NotPublished("The bus is away"))
        else:
            self._accept(delivery)

    def acknowledge(self) -> None:
        """Have what was held."""
        held, self._held = self._held, []
        for delivery in held:
            self._accept(delivery)

    def ids(self, course: str) -> list[str]:
        """List the messages of a course."""
        return [str(event.metadata.id) for event in self.events if event.key == course]

    def _accept(self, delivery: Delivery) -> None:
        if not delivery.still_ours():
            delivery.done(NotPublished("Too late"))
            return
        self.events.append(delivery.event)
        delivery.done(None)


class CrashingPublisher(MemoryPublisher):
    """Has the event, and takes the relay down before it can hear so, when it is told to."""

    def __init__(self, *, crashes: Callable[[RelayedEvent], bool], fails: Callable[[RelayedEvent], bool]) -> None:
        super().__init__(fails=fails)
        self.crashes = crashes

    @override
    def publish(self, delivery: Delivery) -> None:
        if self.crashes(delivery.event):
            self.events.append(delivery.event)
            raise Crash
        super().publish(delivery)
