# SPDX-License-Identifier: AGPL-3.0-only
"""Kafka's client as a consumer sees it, without a broker: a log, offsets, and whatever a broker may come up with."""

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, Message, TopicPartition

from tests.events.role_events import NOON, TOPIC, RoleEvent

#: Seconds that a poll takes which finds nothing.
_POLL = 0.002


def message(event: RoleEvent, offset: int, partition: int = 0, **instead: Any) -> Message:
    content = {"key": event.course_id.encode(), "headers": event.headers, **instead}
    if "value" not in content:
        content["value"] = event.value()
    produced = (1, int(NOON.timestamp() * 1000))
    return Message(topic=TOPIC, partition=partition, offset=offset, timestamp=produced, **content)


class KafkaClient:
    """
    A client that does what `confluent_kafka.Consumer` does for one member of a group.

    :param log: messages by partition
    """

    def __init__(self, log: dict[int, list[Message]]) -> None:
        self.log = log
        self.position = dict.fromkeys(log, 0)
        self.committed = dict.fromkeys(log, 0)
        self.mine = set(log)
        self.paused: set[int] = set()
        self.polls_in_pause = 0
        self.is_closed = False
        #: Errors that polls hand out before anything else.
        self.errors: list[KafkaError] = []
        #: Called at each poll while paused.
        self.in_pause: Callable[[], None] = lambda: None
        #: Called when all was read and nothing is paused.
        self.idle: Callable[[], None] = lambda: None
        self._on_revoke: Callable[[Any, list[TopicPartition]], None] = lambda *_: None

    def subscribe(self, topics: list[str], on_revoke: Callable[[Any, list[TopicPartition]], None], **_: Any) -> None:
        assert topics == [TOPIC]
        self._on_revoke = on_revoke

    def poll(self, timeout: float) -> Message | None:
        assert timeout > 0
        if self.errors:
            return Message(topic=TOPIC, error=self.errors.pop(0))
        if self.paused:
            self.polls_in_pause += 1
            self.in_pause()
        for partition in sorted(self.mine - self.paused):
            if self.position[partition] < len(self.log[partition]):
                self.position[partition] += 1
                return self.log[partition][self.position[partition] - 1]
        if not self.paused:
            self.idle()
        time.sleep(_POLL)
        return None

    def commit(self, message: Message, asynchronous: bool) -> None:
        assert asynchronous
        assert message.partition() in self.mine
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        self.committed[partition] = offset + 1

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(TOPIC, partition) for partition in self.mine]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused |= {partition.partition for partition in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {partition.partition for partition in partitions}

    def seek(self, partition: TopicPartition) -> None:
        self.position[partition.partition] = partition.offset

    def close(self) -> None:
        self.is_closed = True

    def lose(self, partition: int) -> None:
        """The group gives a partition to another member."""
        self._on_revoke(self, [TopicPartition(TOPIC, partition)])
        self.mine.discard(partition)
        self.paused.discard(partition)

    def gain(self, partition: int) -> None:
        """The group gives a partition to this member, which goes on at what the group has committed."""
        self.mine.add(partition)
        self.position[partition] = self.committed[partition]
