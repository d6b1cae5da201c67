"""`manage.py consume_events`: do what the platform tells on the event bus. Takes the place of openedx-events' own."""

import json
import signal
from argparse import ArgumentParser
from typing import Any, Final, override

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.module_loading import import_string
from openedx_events.event_bus import EventBusConsumer
from openedx_events.tooling import load_all_signals

from edx_exams.apps.core.checks import require_sound_settings
from edx_exams.apps.core.commands import CommandWithExamples

_EXAMPLES: Final = """
Examples:
  manage.py consume_events -t learning-course-access-role-lifecycle -g exams
  manage.py consume_events -t learning-course-access-role-lifecycle -g exams \\
      --extra '{"offset_time": "2026-11-23T08:00:00Z"}'     set the group back to then, and read nothing

Ends with 0 after SIGTERM or SIGINT, and with 1 and a line that says why after what it cannot mend by waiting.
"""


class Command(CommandWithExamples):
    help = "Consumes the messages of a topic of the event bus, one after the other, until SIGTERM."
    examples = _EXAMPLES

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("-t", "--topic", nargs=1, required=True, help="topic, without the environment's prefix")
        parser.add_argument("-g", "--group_id", nargs=1, required=True, help="consumer group")
        parser.add_argument("--extra", nargs="?", metavar="JSON", help="further arguments for the consumer's class")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        require_sound_settings()
        load_all_signals()
        extra = _extra(options["extra"])
        [topic], [group_id] = options["topic"], options["group_id"]
        try:
            consumer = _consumer(topic=topic, group_id=group_id, **extra)
            if stop := getattr(consumer, "stop", None):
                for ending in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(ending, lambda *_: stop())
            consumer.consume_indefinitely()
        except Exception as error:  # whatever it is, the process manager must see it end in failure
            reason = " ".join(str(error).split()) or type(error).__name__
            message = f"Consuming {topic} failed: {reason}"
            raise CommandError(message) from error


def _extra(text: str | None) -> dict[str, Any]:
    try:
        extra = json.loads(text or "{}")
    except ValueError as error:
        message = f"--extra is not JSON: {error}"
        raise CommandError(message) from error
    if not isinstance(extra, dict) or not extra.keys().isdisjoint({"topic", "group_id"}):
        message = "--extra must be a JSON object, without topic and group_id."
        raise CommandError(message)
    return extra


def _consumer(**arguments: Any) -> EventBusConsumer:
    """
    The consumer that EVENT_BUS_CONSUMER names.

    openedx-events' own loader makes one that does nothing out of every error.
    """
    if not (name := getattr(settings, "EVENT_BUS_CONSUMER", None)):
        message = "EVENT_BUS_CONSUMER is not set."
        raise ImproperlyConfigured(message)
    consumer = import_string(name)(**arguments)
    if not isinstance(consumer, EventBusConsumer):
        message = f"EVENT_BUS_CONSUMER is {name!r}, which makes no EventBusConsumer."
        raise ImproperlyConfigured(message)
    return consumer
