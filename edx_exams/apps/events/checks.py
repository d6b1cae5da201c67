"""System checks of the event bus."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  (the framework's name)
from openedx_events.event_bus import get_producer

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.events.producer import OutboxProducer
from edx_exams.apps.events.publishers import default_name, publisher_class
from edx_exams.apps.events.publishers.base import Misconfigured


@register(TAG)
def check_producer(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Events must go into the outbox: the library sends them nowhere, silently, if it cannot load the producer."""
    if isinstance(get_producer(), OutboxProducer):
        return []
    return [
        Error(
            f"EVENT_BUS_PRODUCER is {settings.EVENT_BUS_PRODUCER!r}, so events would be lost.",
            hint=f"Set it to '{OutboxProducer.__module__}.{OutboxProducer.__name__}'.",
            id="edx_exams.events.E001",
        )
    ]


@register(TAG)
def check_relay(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The relay must have a way out, and a deployment should have chosen it if that is only the log."""
    try:
        publisher_class()
    except Misconfigured as error:
        return [Error(str(error), id="edx_exams.events.E002")]
    chosen = settings.EVENT_BUS_RELAY_PRODUCER or default_name() != "log"
    if chosen or not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    return [
        Warning(
            "No event bus is configured: the relay will only log the events, and the LMS will hear of none.",
            hint="Configure Kafka (EVENT_BUS_KAFKA_*) or Redis, or set EVENT_BUS_RELAY_PRODUCER to 'log'.",
            id="edx_exams.events.W001",
        )
    ]
