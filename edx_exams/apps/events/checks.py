"""System checks of the event bus."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from openedx_events.event_bus import get_producer

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.events.producer import OutboxProducer


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
