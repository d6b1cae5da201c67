# SPDX-License-Identifier: AGPL-3.0-only
"""
Publishes to Redis Streams. edx-event-bus-redis makes the entries; this module learns whether Redis added each.

The library is installed in production alone, so this module is imported only where a configuration names it.
"""

from typing import Any, Final, override

from django.conf import settings
from django.utils.module_loading import import_string

from edx_exams.apps.events.faults import redis_text
from edx_exams.apps.events.publishers.base import BlockingPublisher, Breaker, Delivery, Misconfigured, NotPublished

#: Seconds to wait for Redis, to connect and to answer.
_TIMEOUT_SECONDS: Final = 5.0
#: Seconds for which calls fail at once after Redis has failed: hundreds of courses would each wait for a time-out.
_PAUSE_SECONDS: Final = 1.0


class RedisPublisher(BlockingPublisher):
    """
    Publishes to the Redis that `EVENT_BUS_REDIS_CONNECTION_URL` names.

    :raises Misconfigured: the setting or the library is missing
    """

    def __init__(self) -> None:
        url = getattr(settings, "EVENT_BUS_REDIS_CONNECTION_URL", None)
        if not url:
            message = "Redis cannot be used without EVENT_BUS_REDIS_CONNECTION_URL."
            raise Misconfigured(message)
        try:
            library_producer = import_string("edx_event_bus_redis.internal.producer.RedisEventProducer")
            database = import_string("walrus.Database")
        except ImportError as error:
            message = "Redis cannot be used without the package edx-event-bus-redis."
            raise Misconfigured(message) from error
        try:
            client = database.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
        except ValueError as error:
            message = f"EVENT_BUS_REDIS_CONNECTION_URL is not valid: {error}"
            raise Misconfigured(message) from error
        self._breaker = Breaker(_PAUSE_SECONDS)
        self._client = _AcknowledgingClient(client)
        self._library = library_producer(self._client)
        super().__init__()

    @override
    def _send(self, delivery: Delivery) -> None:
        self._breaker.check()
        self._client.expect()
        delivery.event.send_with(self._library)
        try:
            self._client.require_added()
        except NotPublished as failure:
            raise self._breaker.trip(failure) from None
        delivery.done(None)


class _AcknowledgingClient:
    """Stands in for the walrus database of edx-event-bus-redis, and remembers whether the last entry was added."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._added = False
        self._error: Exception | None = None

    def expect(self) -> None:
        """Prepare for one entry."""
        self._added, self._error = False, None

    def require_added(self) -> None:
        """
        Require that the entry was added. The library swallows errors.

        :raises NotPublished: it was not added
        """
        if not self._added:
            raise NotPublished(
                redis_text(self._error) if self._error else "edx-event-bus-redis did not add the event to the stream"
            )

    def Stream(self, name: str) -> "_AcknowledgingStream":  # noqa: N802  (walrus' name)
        """Return the stream of this name."""
        return _AcknowledgingStream(self, self._database.Stream(name))

    def add(self, stream: Any, data: dict[bytes, bytes], **options: Any) -> Any:
        """Add an entry to a stream and remember the result."""
        try:
            entry_id = stream.add(data, **options)
        except Exception as error:
            self._error = error
            raise
        self._added = True
        return entry_id


class _AcknowledgingStream:
    def __init__(self, client: _AcknowledgingClient, stream: Any) -> None:
        self._client = client
        self._stream = stream

    def add(self, data: dict[bytes, bytes], **options: Any) -> Any:
        return self._client.add(self._stream, data, **options)
