# SPDX-License-Identifier: AGPL-3.0-only
"""librdkafka's mock cluster: Kafka's real protocol on a real port, within this process."""

import time
import uuid
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition

from tests.mockbus.registry import SchemaRegistry

PARTITIONS = 4
_READ_SECONDS = 10.0


@dataclass(frozen=True)
class Received:
    """A message as it was on the wire."""

    key: bytes
    value: bytes
    headers: dict[str, str]
    partition: int

    @property
    def event_id(self) -> str:
        return self.headers["ce_id"]


def _received(message: Any) -> Received:
    headers = {name: value.decode() for name, value in message.headers() or []}
    return Received(message.key(), message.value(), headers, message.partition())


class MockBus:
    """One broker and a registry. `settings` are what edx-event-bus-kafka wants to know."""

    def __init__(self) -> None:
        self.registry = SchemaRegistry()
        # The cluster lives as long as this client.
        self._cluster = Producer(
            {
                "test.mock.num.brokers": 1,
                "bootstrap.servers": "mock:1",
                "log_level": 0,
                "topic.metadata.refresh.interval.ms": -1,
            }
        )
        brokers = self._cluster.list_topics(timeout=10).brokers.values()
        self.bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": self.registry.url,
        }

    def messages(self, topic: str, *, at_least: int) -> list[Received]:
        """All messages of a topic, those of a partition in order, once there are so many."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
            received: list[Received] = []
            deadline = time.monotonic() + _READ_SECONDS
            while len(received) < at_least and time.monotonic() < deadline:
                for message in consumer.consume(num_messages=1000, timeout=0.2):
                    assert not message.error(), message.error()
                    received.append(_received(message))
            return received
        finally:
            consumer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.registry.__exit__(kind, error, traceback)
        self._cluster.flush(1)
