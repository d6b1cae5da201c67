# SPDX-License-Identifier: AGPL-3.0-only
"""`manage.py consume_events`: handle the platform's events. Takes the place of openedx-events' own command."""

import json
from argparse import ArgumentParser
from typing import Any, Final, override

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.utils.module_loading import import_string
from openedx_events.event_bus import EventBusConsumer
from openedx_events.tooling import load_all_signals

from edx_exams.apps.core.checks import run_settings_checks
from edx_exams.apps.core.commands import CommandWithExamples, on_termination

_EXAMPLES: Final = """
Examples:
  manage.py consume_events -t learning-course-access-role-lifecycle -g exams
  manage.py consume_events -t learning-course-access-role-lifecycle -g exams \\
      --extra '{"offset_time": "2026-11-23T08:00:00Z"}'     set the group back to then, and read nothing

Exits with 0 after SIGTERM or SIGINT, and with 1 and a line that says why after an error that retrying cannot mend.
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
        run_settings_checks()
        load_all_signals()
        extra = _extra(options["extra"])
        [topic], [group_id] = options["topic"], options["group_id"]
        try:
            consumer = _consumer(topic=topic, group_id=group_id, **extra)
            if stop := getattr(consumer, "stop", None):
                on_termination(stop)
            consumer.consume_indefinitely()
        except Exception as error:  # the process manager must see a failure
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
    Make the consumer that EVENT_BUS_CONSUMER names.

    openedx-events' own loader turns every error into a consumer that does nothing.
    """
    if not (name := getattr(settings, "EVENT_BUS_CONSUMER", None)):
        message = "EVENT_BUS_CONSUMER is not set."
        raise ImproperlyConfigured(message)
    consumer = import_string(name)(**arguments)
    if not isinstance(consumer, EventBusConsumer):
        message = f"EVENT_BUS_CONSUMER is {name!r}, which is not an EventBusConsumer."
        raise ImproperlyConfigured(message)
    return consumer
