# SPDX-License-Identifier: AGPL-3.0-only
"""
Adapts operators' settings of the event bus to this service.

They name the bus library's own producer and consumer. Here the producer belongs to the relay, because requests write
into the outbox; and the consumer is replaced by our subclass, which loses no message.
"""

from typing import Any, Final

OUTBOX_PRODUCER: Final = "edx_exams.apps.events.producer.OutboxProducer"
KAFKA_CONSUMER: Final = "edx_exams.apps.events.consumer.KafkaEventConsumer"
REDIS_CONSUMER: Final = "edx_exams.apps.events.redis_consumer.RedisEventConsumer"

#: The consumer that takes the place of each of the bus libraries' own.
_OUR_CONSUMERS: Final = {
    "edx_event_bus_kafka.KafkaEventConsumer": KAFKA_CONSUMER,
    "edx_event_bus_kafka.internal.consumer.KafkaEventConsumer": KAFKA_CONSUMER,
    "edx_event_bus_redis.RedisEventConsumer": REDIS_CONSUMER,
    "edx_event_bus_redis.internal.consumer.RedisEventConsumer": REDIS_CONSUMER,
}


def apply_event_bus_overrides(settings: dict[str, Any]) -> None:
    """
    Move an operator's producer to the relay, install ours, and replace the libraries' consumers by ours.

    A relay's producer that is configured as such stays; so does a consumer of another bus. A deployment that names no
    consumer gets that of its bus: Redis where the relay publishes there and Kafka is not configured, else Kafka.

    :param settings: a settings module's names, which are changed
    """
    producer = settings.get("EVENT_BUS_PRODUCER")
    if producer and producer != OUTBOX_PRODUCER and not settings.get("EVENT_BUS_RELAY_PRODUCER"):
        settings["EVENT_BUS_RELAY_PRODUCER"] = producer
    settings["EVENT_BUS_PRODUCER"] = OUTBOX_PRODUCER
    consumer = settings.get("EVENT_BUS_CONSUMER") or KAFKA_CONSUMER
    consumer = _OUR_CONSUMERS.get(consumer, consumer)
    is_on_redis = "redis" in (settings.get("EVENT_BUS_RELAY_PRODUCER") or "")
    if consumer == KAFKA_CONSUMER and is_on_redis and not settings.get("EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS"):
        consumer = REDIS_CONSUMER
    settings["EVENT_BUS_CONSUMER"] = consumer
