# SPDX-License-Identifier: AGPL-3.0-only
"""
The publishers: one for each kind of event bus.

`EVENT_BUS_RELAY_PRODUCER` names the one that the relay uses.
"""

from typing import Final

from django.conf import settings
from django.utils.module_loading import import_string

from edx_exams.apps.events.publishers.base import Misconfigured, Publisher

_KAFKA: Final = f"{__name__}.kafka.KafkaPublisher"
_REDIS: Final = f"{__name__}.redis.RedisPublisher"
_LOG: Final = f"{__name__}.log.LogPublisher"

#: Short names, and what operators' configurations of `EVENT_BUS_PRODUCER` say: the bus libraries' own producers.
ALIASES: Final = {
    "kafka": _KAFKA,
    "redis": _REDIS,
    "log": _LOG,
    "edx_event_bus_kafka.create_producer": _KAFKA,
    "edx_event_bus_kafka.KafkaEventProducer": _KAFKA,
    "edx_event_bus_kafka.internal.producer.create_producer": _KAFKA,
    "edx_event_bus_redis.create_producer": _REDIS,
    "edx_event_bus_redis.RedisEventProducer": _REDIS,
    "edx_event_bus_redis.internal.producer.create_producer": _REDIS,
}


def publisher_class() -> type[Publisher]:
    """
    Return the class that `EVENT_BUS_RELAY_PRODUCER` names; if unset, Kafka's where Kafka is configured, else the log's.

    :raises Misconfigured: it does not name a publisher
    """
    name = settings.EVENT_BUS_RELAY_PRODUCER or default_name()
    try:
        found = import_string(ALIASES.get(name, name))
    except ImportError as error:
        message = f"EVENT_BUS_RELAY_PRODUCER is {name!r}, which cannot be imported: {error}"
        raise Misconfigured(message) from error
    if not (isinstance(found, type) and issubclass(found, Publisher)):
        message = (
            f"EVENT_BUS_RELAY_PRODUCER is {name!r}, which is not a publisher: name 'kafka', 'redis', 'log' or a class."
        )
        raise Misconfigured(message)
    return found


def default_name() -> str:
    """Return the publisher of a deployment that names none."""
    return "kafka" if getattr(settings, "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS", None) else "log"
