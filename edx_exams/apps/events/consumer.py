# SPDX-License-Identifier: AGPL-3.0-only
"""
The Kafka consumer that `consume_events` runs: each message is handled or stored as a failed event, then committed.

edx-event-bus-kafka's own commits a message whose handler failed, starts a new group at the end of the topic, and exits
without leaving its group.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any, Final, override

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, Message, TopicPartition
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from edx_django_utils.monitoring import function_trace
from edx_event_bus_kafka import KafkaEventConsumer as StockConsumer
from edx_event_bus_kafka.internal import consumer as stock
from edx_event_bus_kafka.internal.config import get_full_topic, load_common_settings

from edx_exams.apps.events.consuming import ConsumerFailed, Failures, pauses, process
from edx_exams.apps.events.fault_log import client_logger
from edx_exams.apps.events.faults import kafka_text
from edx_exams.apps.events.incoming import Incoming, RetryableError
from edx_exams.apps.events.kafka_faults import KafkaFaults
from edx_exams.apps.events.registry import registry_client

log = logging.getLogger(__name__)

#: Seconds to wait for the broker's answer which offsets belong to a time.
_OFFSETS_TIMEOUT: Final = 10.0
#: Seconds between two log lines of a process that has reset its group's offsets and waits for SIGTERM.
_IDLE_LINE_EVERY: Final = 30.0

#: Errors that waiting does not mend: a fatal one of the client (`poll` reports it by this code alone), or a refusal.
_FATAL_ERRORS: Final = frozenset(
    {
        KafkaError._FATAL,  # noqa: SLF001  (librdkafka's own codes begin like this)
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)
#: Not an error, though it is reported as one if the options ask for it: the end of the partition is reached.
_END_OF_PARTITION: Final = KafkaError._PARTITION_EOF  # noqa: SLF001

#: A partition by its topic and number.
Partition = tuple[str, int]


class KafkaEventConsumer(StockConsumer):
    """
    edx-event-bus-kafka's consumer with another loop.

    * A message is committed after it was handled or stored as a failed event, never before, and in order.
    * While something that it needs is unavailable, it is retried. Partitions are paused and `poll()` goes on, so that
      the broker does not drop the process from the group.
    * A new group begins with the oldest message.
    * `stop()` ends it after the current message, and it leaves the group at once.
    """

    def __init__(self, topic: str, group_id: str, offset_time: str | None = None) -> None:
        """
        Connect; nothing is read yet.

        :param topic: without the environment's prefix
        :param offset_time: ISO 8601; the group is set to the first messages from then on, and nothing is read
        :raises ImproperlyConfigured: a setting is missing
        :raises ValueError: `offset_time` is not a valid time
        """
        registry = registry_client()
        super().__init__(topic, group_id, offset_time)
        self.schema_registry_client = registry
        self._lost: set[Partition] = set()
        self._failures = Failures(topic, "EVENT_BUS_KAFKA_CONSUMER_CONSECUTIVE_ERRORS_LIMIT")

    @override
    def _create_consumer(self) -> Consumer:
        common = load_common_settings()
        if common is None:
            message = "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS is not set."
            raise ImproperlyConfigured(message)
        options = {
            **common,
            "group.id": self.group_id,
            "auto.offset.reset": "earliest",
            **settings.EVENT_BUS_CONSUMER_KAFKA_OPTIONS,
            "enable.auto.commit": False,
            "error_cb": KafkaFaults(log).note,
        }
        return Consumer(options, logger=client_logger(f"{__name__}.client"))

    def stop(self) -> None:
        """End `consume_indefinitely` after the current message. May be called by a signal handler or another thread."""
        self._shut_down_loop = True

    @override
    def consume_indefinitely(self) -> None:
        """
        Read and handle messages until `stop()`; with an offset time, set the group's offsets and wait for `stop()`.

        :raises ConsumerFailed: it cannot go on
        """
        try:
            if not stock.KAFKA_CONSUMERS_ENABLED.is_enabled():
                log.error("EVENT_BUS_KAFKA_CONSUMERS_ENABLED is off: nothing is consumed.")
            elif self.offset_time is None:
                self._consume_indefinitely()
            else:
                self.reset_offsets_and_sleep_indefinitely()
        except KafkaException as error:
            raise ConsumerFailed(_words(error.args[0])) from error
        finally:
            self.consumer.close()  # leaves the group, so that others have its partitions at once

    @override
    def _consume_indefinitely(self) -> None:
        self.consumer.subscribe([get_full_topic(self.topic)], on_revoke=self._on_loss, on_lost=self._on_loss)
        log.info("Consuming %s as group %s", get_full_topic(self.topic), self.group_id)
        while not self._shut_down_loop:
            with function_trace("consumer.consume"):
                message = self._next_message()
                if message is not None and self._process_with_retries(message):
                    self._commit(message)

    def _next_message(self) -> Message | None:
        """
        Return the next message, if there is one within the poll's time-out.

        :raises ConsumerFailed: the broker refuses access, or there were too many errors in a row
        """
        message: Message | None = self.consumer.poll(timeout=stock.CONSUMER_POLL_TIMEOUT)
        if message is None:  # and not falsy, as one without a value is
            return None
        error = message.error()
        if error is None:
            return message
        _raise_if_fatal(error)
        if error.code() != _END_OF_PARTITION:
            self._failures.add(_words(error))
            self._wait(stock.POLL_FAILURE_SLEEP)
        return None

    def _process_with_retries(self, message: Message) -> bool:
        """
        Handle a message or store it as a failed event, retrying as long as it takes.

        :returns: False if stopped, or if the partition was assigned to another: the message is delivered again
        """
        self._lost.clear()
        position = (message.topic(), message.partition())
        self._log_message_received(message)
        for pause in pauses():
            try:
                process(Incoming.of(message), self.schema_registry_client)
            except RetryableError as fault:
                where = f"{position[0]} [{position[1]}] at {message.offset()}"
                self._failures.add(str(fault), f"{where} not handled, trying again in {pause:g} s")
            else:
                self._failures.reset()
                self._add_message_monitoring(run_context={"full_topic": position[0]}, message=message)
                return True
            self._wait(pause)
            if self._shut_down_loop or position in self._lost:
                break
        return False

    def _wait(self, seconds: float) -> None:
        """
        Wait with all partitions paused, polling the broker all the while.

        Ends early when stopped. A message that comes in spite of the pause, as after a rebalance, is sought back to.
        """
        deadline = time.monotonic() + seconds
        while not self._shut_down_loop and (left := deadline - time.monotonic()) > 0:
            self.consumer.pause(self.consumer.assignment())
            message = self.consumer.poll(timeout=min(left, stock.CONSUMER_POLL_TIMEOUT))
            if message is None:
                continue
            if (error := message.error()) is not None:
                _raise_if_fatal(error)
            else:
                self.consumer.seek(TopicPartition(message.topic(), message.partition(), message.offset()))
        self.consumer.resume(self.consumer.assignment())

    def _commit(self, message: Message) -> None:
        """Commit the message's offset. If that fails it is delivered again, which handlers allow for."""
        try:
            self.consumer.commit(message=message, asynchronous=True)
        except KafkaException as error:
            log.warning("An offset was not committed: %s", _words(error.args[0]))

    def _on_loss(self, _: Consumer, partitions: Iterable[TopicPartition]) -> None:
        self._lost.update((partition.topic, partition.partition) for partition in partitions)

    @override
    def reset_offsets_and_sleep_indefinitely(self) -> None:
        """Set the offsets of all assigned partitions to the offset time, and wait for `stop()`."""
        self.consumer.subscribe([get_full_topic(self.topic)], on_assign=self._reset_offsets)
        while not self._shut_down_loop:
            self._wait(_IDLE_LINE_EVERY)
            log.info("Offsets are being reset to %s; nothing is consumed by this process.", self.offset_time)

    def _reset_offsets(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """
        Commit the offsets of the first messages from the offset time on; the end of the partition if there is none.

        :raises KafkaException: the broker did not answer or refused
        """
        milliseconds = int(self.offset_time.timestamp() * 1000)
        asked = [TopicPartition(partition.topic, partition.partition, milliseconds) for partition in partitions]
        found = consumer.offsets_for_times(asked, timeout=_OFFSETS_TIMEOUT)
        for partition in found:
            if partition.error is not None:
                raise KafkaException(partition.error)
            if partition.offset == OFFSET_END:  # not an offset that can be committed
                _, partition.offset = consumer.get_watermark_offsets(partition, timeout=_OFFSETS_TIMEOUT)
        if found:
            consumer.commit(offsets=found, asynchronous=False)
        for partition in found:
            log.info("Offset of %s [%s] is %s now", partition.topic, partition.partition, partition.offset)


def _raise_if_fatal(error: KafkaError) -> None:
    """
    Let retryable errors pass.

    :raises ConsumerFailed: the client is in a fatal state, or the broker refuses access
    """
    if error.fatal() or error.code() in _FATAL_ERRORS:
        raise ConsumerFailed(_words(error))


def _words(error: Any) -> str:
    """Return an error as one line; librdkafka's words are about brokers and hold no data of messages."""
    return kafka_text(error) if isinstance(error, KafkaError) else str(error)
