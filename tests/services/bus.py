# SPDX-License-Identifier: AGPL-3.0-only
"""The event bus in these tests: broker, registry, the LMS's side of it, and our consumers as processes of their own."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, cast

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.services.databases import ROOT, Database
from tests.services.kafka import PARTITIONS, Kafka
from tests.services.registry import Registry
from tests.services.waiting import PATIENCE_SECONDS

BROKER_SECONDS: Final = 20


@dataclass(frozen=True)
class Bus:
    """A broker and a schema registry."""

    kafka: Kafka
    registry: Registry

    def start(self) -> None:
        """Start both."""
        self.kafka.start()
        self.registry.start()

    def stop(self) -> None:
        """End both."""
        self.registry.stop()
        self.kafka.stop()

    @property
    def settings(self) -> dict[str, str]:
        """Django's settings for whoever uses the bus."""
        return {
            "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": self.kafka.address,
            "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": self.registry.url,
        }

    @property
    def environment(self) -> dict[str, str]:
        """The same for processes with `tests.services.settings`."""
        return {"EXAMS_TEST_KAFKA": self.kafka.address, "EXAMS_TEST_REGISTRY": self.registry.url}

    @cached_property
    def admin(self) -> AdminClient:
        """Asks the broker. Its answers need it to live."""
        return AdminClient({"bootstrap.servers": self.kafka.address})

    def create_topic(self, name: str, partitions: int = PARTITIONS) -> None:
        """Make a topic and wait until it is there."""
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(BROKER_SECONDS)

    def put(self, topic: str, messages: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
        """
        Produce raw messages, one after the other.

        :param messages: keyword arguments of the client's `produce`
        :returns: partition and offset of each
        """
        places: list[tuple[int, int]] = []
        producer = Producer({"bootstrap.servers": self.kafka.address})

        def note(error: Any, message: Message) -> None:
            assert error is None, error
            places.append((cast(int, message.partition()), cast(int, message.offset())))

        for message in messages:
            producer.produce(topic, on_delivery=note, **message)
            assert producer.flush(BROKER_SECONDS) == 0
        return places

    def assigned(self, group: str) -> list[int]:
        """Count the partitions of each member of the group, fewest first; none while the group finds itself."""
        try:
            described = self.admin.describe_consumer_groups([group])[group].result(BROKER_SECONDS)
        except KafkaException:  # a new broker's coordinator is still being made
            return []
        if described.state.name != "STABLE":
            return []
        return sorted(len(member.assignment.topic_partitions) for member in described.members)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The group's offsets by partition; -1 where it has committed none."""
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        asked = ConsumerGroupTopicPartitions(group, partitions)
        found = self.admin.list_consumer_group_offsets([asked])[group].result(BROKER_SECONDS)
        return {partition.partition: max(partition.offset, -1) for partition in found.topic_partitions}


class ConsumerProcess:
    """
    `manage.py consume_events`, as an operator runs it.

    :param log: file for all that it says
    :param extra: for `--extra`
    :param options: further environment
    """

    def __init__(
        self,
        bus: Bus,
        database: Database,
        log: Path,
        *,
        topic: str,
        group: str,
        extra: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self.log = log
        command = [sys.executable, str(ROOT / "manage.py"), "consume_events", "-t", topic, "-g", group]
        if extra:
            command += ["--extra", json.dumps(extra)]
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**database.process_environment, **bus.environment, **(options or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def terminate(self) -> int:
        """Send SIGTERM, and wait for its end. The exit code is what it returns."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_SECONDS)

    def wait(self) -> int:
        """Wait for it to end by itself."""
        return self.process.wait(PATIENCE_SECONDS)

    def kill(self) -> None:
        """Let nothing of it stay."""
        if self.is_running:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
