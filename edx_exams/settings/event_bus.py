"""
Adapts operators' settings of the event bus to this service.

They name the bus library's own producer and consumer. Here the producer belongs to the relay, because requests write
into the outbox; and the consumer is replaced by our subclass, which loses no message.
"""

from typing import Any, Final

OUTBOX_PRODUCER: Final = "edx_exams.apps.events.producer.OutboxProducer"
KAFKA_CONSUMER: Final = "edx_exams.apps.events.consumer.KafkaEventConsumer"

_LIBRARY_KAFKA_CONSUMERS: Final = frozenset(
    {"edx_event_bus_kafka.KafkaEventConsumer", "edx_event_bus_kafka.internal.consumer.KafkaEventConsumer"}
)


def apply_event_bus_overrides(settings: dict[str, Any]) -> None:
    """
    Move an operator's producer to the relay, install ours, and put our Kafka consumer in the place of the library's.

    A relay's producer that is configured as such stays; so does another bus's consumer.

    :param settings: a settings module's names, which are changed
    """
    producer = settings.get("EVENT_BUS_PRODUCER")
    if producer and producer != OUTBOX_PRODUCER and not settings.get("EVENT_BUS_RELAY_PRODUCER"):
        settings["EVENT_BUS_RELAY_PRODUCER"] = producer
    settings["EVENT_BUS_PRODUCER"] = OUTBOX_PRODUCER
    if settings.get("EVENT_BUS_CONSUMER") in {*_LIBRARY_KAFKA_CONSUMERS, None, ""}:
        settings["EVENT_BUS_CONSUMER"] = KAFKA_CONSUMER
