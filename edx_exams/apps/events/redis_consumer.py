# SPDX-License-Identifier: AGPL-3.0-only
"""
The Redis consumer that `consume_events` runs: each message is handled or stored as a failed event, then acknowledged.

edx-event-bus-redis's own acknowledges a message whose handler failed, starts a new group at the end of the stream, and
leaves the messages that were pending when it died. The library is installed in production alone, so this module is
imported only where a configuration names it.
"""

import logging
import time
from datetime import UTC, datetime
from typing import Any, Final, override

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, InterfaceError, close_old_connections, connection
from edx_django_utils.monitoring import function_trace
from edx_event_bus_kafka.internal.utils import MessageHeader as KafkaHeader
from edx_event_bus_redis.internal import consumer as stock
from edx_event_bus_redis.internal.config import get_full_topic
from edx_event_bus_redis.internal.utils import MessageHeader as RedisHeader
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from edx_exams.apps.events.consuming import Failures, pauses, process
from edx_exams.apps.events.faults import redis_text
from edx_exams.apps.events.incoming import Incoming, RetryableError
from edx_exams.apps.events.lease import STANDBY_SECONDS, Lease, LeaseLost
from edx_exams.apps.events.privacy import describe
from edx_exams.apps.events.redis_stream import Entry, RedisStream

log = logging.getLogger(__name__)

#: Seconds to wait for Redis, to connect and to answer.
_TIMEOUT_SECONDS: Final = 5.0
#: Milliseconds that one read waits for new messages; SIGTERM is answered within them.
_BLOCK_MILLISECONDS: Final = 1000
#: Seconds between two looks whether messages were trimmed before they were read.
_TRIM_CHECK_SECONDS: Final = 10.0
#: Seconds between two renewals of the lease while a message waits for its next try.
_WAIT_STEP: Final = 0.5
#: The default name in the group. One process of a group is active at a time, so all can share it.
CONSUMER_NAME: Final = "edx-exams"

_DATABASE_ERRORS: Final = (DatabaseError, InterfaceError)

#: Names of an event's headers on Kafka, by those on Redis.
_KAFKA_NAMES: Final = {
    on_redis.message_header_key.encode(): on_kafka.message_header_key
    for on_redis in RedisHeader.instances
    for on_kafka in KafkaHeader.instances
    if on_redis.event_metadata_field == on_kafka.event_metadata_field
}


class RedisEventConsumer(stock.RedisEventConsumer):
    """
    edx-event-bus-redis's consumer with another loop.

    * A message is acknowledged after it was handled or stored as a failed event, never before, and in order.
    * One process of a group is active at a time, by a lease in the database; others are on standby.
    * The messages that were pending when a process died are handled first.
    * While something that it needs is unavailable, a message is retried.
    * A new group begins with the oldest message. Messages that were trimmed before they were read are reported.
    """

    def __init__(  # noqa: PLR0917  (the library's arguments)
        self,
        topic: str,
        group_id: str,
        consumer_name: str = CONSUMER_NAME,
        last_read_msg_id: str | None = None,
        check_backlog: bool = True,
        claim_msgs_older_than: int | None = None,
        offset_time: str | None = None,
    ) -> None:
        """
        Prepare; Redis is not asked yet.

        :param topic: without the environment's prefix
        :param last_read_msg_id: the group is set to the messages after this one
        :param check_backlog: accepted for existing configurations; a group always goes on where it was
        :param claim_msgs_older_than: accepted for existing configurations; what is pending is always claimed
        :param offset_time: ISO 8601; the group is set to the first messages from then on, and nothing is read
        :raises ImproperlyConfigured: a setting is missing or not valid
        :raises ValueError: `offset_time` is not a valid time
        """
        del check_backlog, claim_msgs_older_than
        self.topic, self.group_id, self.consumer_name = topic, group_id, consumer_name
        self.full_topic = get_full_topic(topic)
        self.last_read_msg_id = last_read_msg_id
        self.offset_time = datetime.fromisoformat(offset_time) if offset_time else None
        self.db = self._create_db()
        self.stream = RedisStream(self.db, self.full_topic, group_id, consumer_name)
        self._lease = Lease(f"consumer {self.full_topic} {group_id}"[:255])
        self._failures = Failures(topic, "EVENT_BUS_REDIS_CONSUMER_CONSECUTIVE_ERRORS_LIMIT")
        self._shut_down_loop = self._on_standby = self._has_read_pending = False
        self._trim_check_at = 0.0

    @override
    def _create_db(self) -> Redis:
        url = getattr(settings, "EVENT_BUS_REDIS_CONNECTION_URL", None)
        if not url:
            message = "EVENT_BUS_REDIS_CONNECTION_URL is not set."
            raise ImproperlyConfigured(message)
        try:
            return Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
        except ValueError:
            message = "EVENT_BUS_REDIS_CONNECTION_URL is not a valid URL of Redis."
            raise ImproperlyConfigured(message) from None

    def stop(self) -> None:
        """End `consume_indefinitely` after the current message. May be called by a signal handler or another thread."""
        self._shut_down_loop = True

    @override
    def consume_indefinitely(self) -> None:
        """
        Read and handle messages until `stop()`; with an offset time, set the group's position and wait for `stop()`.

        :raises ConsumerFailed: it cannot go on
        """
        if not stock.REDIS_CONSUMERS_ENABLED.is_enabled():
            log.error("EVENT_BUS_REDIS_CONSUMERS_ENABLED is off: nothing is consumed.")
            return
        try:
            self._consume_indefinitely()
        finally:
            self._release()
            self.db.close()

    @override
    def _consume_indefinitely(self) -> None:
        while not self._shut_down_loop:
            try:
                if self._is_active():
                    self._consume()
            except LeaseLost:
                log.warning("Another process has taken over %s; this one is on standby", self.full_topic)
            except ResponseError as error:
                self._on_response_error(error)
            except RedisError as error:
                self._has_read_pending = False
                self._failures.add(redis_text(error))
                self._wait(stock.POLL_FAILURE_SLEEP)
            except _DATABASE_ERRORS as error:
                connection.close()
                self._failures.add(f"the database is unavailable ({describe(error)})")
                self._wait(stock.POLL_FAILURE_SLEEP)

    # ---- The lease

    def _is_active(self) -> bool:
        """
        Renew the lease, or ask for it and wait a moment if another process has it.

        :raises LeaseLost: another process has taken over
        """
        close_old_connections()
        if self._lease.held:
            self._renew()
            return True
        if self._lease.acquire():
            self._on_standby = self._has_read_pending = False
            self._begin()
            return True
        if not self._on_standby:
            log.info("This process is on standby: another one consumes %s", self.full_topic)
            self._on_standby = True
        time.sleep(STANDBY_SECONDS)
        return False

    def _renew(self) -> None:
        if not self._lease.renewal_due_in:
            self._lease.renew()

    def _release(self) -> None:
        try:
            self._lease.release()
        except _DATABASE_ERRORS as error:
            log.warning("Stopped without the database (%s): the lease expires by itself", describe(error))

    # ---- Reading

    def _begin(self) -> None:
        """
        Make sure of the group, set its position if that was asked for, and claim what other consumers left pending.

        :raises RedisError: Redis is unavailable, or refuses
        """
        if self.stream.create_group():
            log.info("Group %s of %s is new and begins with the oldest message", self.group_id, self.full_topic)
        if self.offset_time is not None:
            self.stream.set_position(f"{int(self.offset_time.timestamp() * 1000)}-0", inclusive=True)
        elif self.last_read_msg_id:
            self.stream.set_position(self.last_read_msg_id)
            self.last_read_msg_id = None  # once; a take-over goes on where the group is
        log.info("Consuming %s as group %s", self.full_topic, self.group_id)

    def _consume(self) -> None:
        """Handle the messages of one read. What is pending comes first: it is older."""
        if self.offset_time is not None:
            log.info("Group %s is set to %s; nothing is consumed by this process.", self.group_id, self.offset_time)
            self._wait(30.0)
            return
        with function_trace("consumer.consume"):
            if not self._has_read_pending:
                for entry_id in self.stream.claim_pending():
                    self._report_lost(entry_id)
                entries = self.stream.read_pending()
                self._has_read_pending = not entries
            else:
                self._report_trimmed()
                entries = self.stream.read_new(block=_BLOCK_MILLISECONDS)
            for entry in entries:
                if self._shut_down_loop or not self._process_with_retries(entry):
                    self._has_read_pending = False
                    return
                self.stream.acknowledge(entry)

    def _process_with_retries(self, entry: Entry) -> bool:
        """
        Handle a message or store it as a failed event, retrying as long as it takes.

        :returns: False if stopped: the message stays pending
        :raises LeaseLost: another process has taken over, and handles the message
        """
        if entry.fields is None:
            self._report_lost(entry.id)
            return True
        incoming = as_incoming(self.full_topic, entry)
        for pause in pauses():
            self._renew()
            try:
                process(incoming, None)
            except RetryableError as fault:
                self._failures.add(str(fault), f"{incoming} not handled, trying again in {pause:g} s")
            else:
                self._failures.reset()
                return True
            self._wait(pause)
            if self._shut_down_loop:
                break
        return False

    def _report_lost(self, entry_id: str) -> None:
        log.error("Message %s of %s was trimmed while it was pending: it is lost", entry_id, self.full_topic)

    def _report_trimmed(self) -> None:
        """Log an error if the stream was trimmed beyond what the group has read."""
        if time.monotonic() < self._trim_check_at:
            return
        self._trim_check_at = time.monotonic() + _TRIM_CHECK_SECONDS
        gap = self.stream.gap()
        if gap is not None:
            log.error(
                "Messages of %s were trimmed before group %s read them: %s after %s, the next is %s. Raise "
                "EVENT_BUS_REDIS_STREAM_MAX_LEN of their producer, and compare the course teams with the LMS",
                self.full_topic, self.group_id, gap.number or "some", gap.after, gap.before,
            )  # fmt: skip

    def _on_response_error(self, error: ResponseError) -> None:
        """Begin anew if stream or group are gone, as after a loss of Redis's data; other refusals are failures."""
        self._has_read_pending = False
        if str(error).startswith("NOGROUP"):
            log.error("Stream %s or group %s is gone: the group is created again", self.full_topic, self.group_id)
            self._begin()
            return
        self._failures.add(redis_text(error))
        self._wait(stock.POLL_FAILURE_SLEEP)

    def _wait(self, seconds: float) -> None:
        """
        Wait, and keep the lease meanwhile if the database is available. Ends early when stopped.

        :raises LeaseLost: another process has taken over
        """
        deadline = time.monotonic() + seconds
        while not self._shut_down_loop and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, _WAIT_STEP))
            try:
                if self._lease.held:
                    self._renew()
            except _DATABASE_ERRORS:
                connection.close()


def as_incoming(full_topic: str, entry: Entry) -> Incoming:
    """
    Return an entry of a stream as a message, its headers under the names that they have on Kafka.

    :param entry: with fields
    """
    fields: dict[bytes, Any] = entry.fields or {}
    headers = tuple(
        (_KAFKA_NAMES.get(name) or name.decode(errors="replace"), value)
        for name, value in fields.items()
        if name != b"event_data"
    )
    milliseconds = int(entry.id.split("-")[0])
    return Incoming(
        topic=full_topic,
        partition=None,
        offset=None,
        key=None,
        value=fields.get(b"event_data"),
        headers=headers,
        produced=datetime.fromtimestamp(milliseconds / 1000, UTC),
        stream_id=entry.id,
    )
