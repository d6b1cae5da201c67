# SPDX-License-Identifier: AGPL-3.0-only
"""System checks of the event bus."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004  (the framework's name)
from openedx_events.event_bus import get_producer
from openedx_events.learning.signals import (
    EXAM_ATTEMPT_ERRORED,
    EXAM_ATTEMPT_REJECTED,
    EXAM_ATTEMPT_RESET,
    EXAM_ATTEMPT_SUBMITTED,
    EXAM_ATTEMPT_VERIFIED,
)
from openedx_events.tooling import OpenEdxPublicSignal

from edx_exams.apps.core.checks import TAG
from edx_exams.apps.core.setting_rules import (
    ANY_TEXT,
    DOTTED_NAME,
    MAPPING,
    TEXT,
    URL,
    Rule,
    mapping_of,
    seconds,
    violations,
    whole_number,
)
from edx_exams.apps.events.producer import OutboxProducer
from edx_exams.apps.events.publishers import default_name, publisher_class
from edx_exams.apps.events.publishers.base import Misconfigured

_OUTCOMES: Final = (
    EXAM_ATTEMPT_SUBMITTED,
    EXAM_ATTEMPT_VERIFIED,
    EXAM_ATTEMPT_REJECTED,
    EXAM_ATTEMPT_ERRORED,
    EXAM_ATTEMPT_RESET,
)

_TOPIC: Final = Rule(
    lambda value: (
        isinstance(value, dict)
        and isinstance(value.get("event_key_field"), str)
        and isinstance(value.get("enabled"), bool)
    ),
    "a mapping with event_key_field and enabled",
)

RULES: Final[Mapping[str, Rule]] = {
    "EVENT_BUS_PRODUCER_CONFIG": mapping_of(mapping_of(_TOPIC)),
    "EVENT_BUS_RELAY_PRODUCER": TEXT.or_none(),
    "EVENT_BUS_RELAY_KAFKA_OPTIONS": MAPPING,
    "EVENT_BUS_RELAY_BATCH_SIZE": whole_number(1, 100_000),
    "EVENT_BUS_RELAY_INTERVAL": seconds(0.01, 60),
    "EMAIL_SENDER_THREADS": whole_number(1, 64),
    "EMAIL_TIMEOUT": seconds(1, 300),
    "EVENT_BUS_CONSUMER": DOTTED_NAME,
    "EVENT_BUS_CONSUMER_KAFKA_OPTIONS": MAPPING,
    "EVENT_BUS_SCHEMA_REGISTRY_TIMEOUT": seconds(0.1, 300),
    "EVENT_BUS_TOPIC_PREFIX": ANY_TEXT,
    "EVENT_OUTBOX_RETENTION_DAYS": whole_number(1, 3650),
    "EVENT_BUS_KAFKA_BOOTSTRAP_SERVERS": TEXT.or_none().or_absent(),
    "EVENT_BUS_KAFKA_SCHEMA_REGISTRY_URL": URL.or_none().or_absent(),
    "EVENT_BUS_REDIS_CONNECTION_URL": TEXT.or_none().or_absent(),
}


@register(TAG)
def check_values(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings are of the type and within the bounds that relay and consumer rely on."""
    return list(violations(RULES, id="edx_exams.events.E010"))


@register(TAG)
def check_producer(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Require the outbox as producer: openedx-events drops events silently if it cannot load one."""
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
    """Require a usable publisher, and warn a deployment that has no event bus."""
    try:
        publisher_class()
    except Misconfigured as error:
        return [Error(str(error), id="edx_exams.events.E002")]
    chosen = settings.EVENT_BUS_RELAY_PRODUCER or default_name() != "log"
    if chosen or not settings.REFUSE_PLACEHOLDER_SECRETS:
        return []
    return [
        Warning(
            "No event bus is configured: the relay will only log the events, and the LMS will not receive them.",
            hint="Configure Kafka (EVENT_BUS_KAFKA_*) or Redis, or set EVENT_BUS_RELAY_PRODUCER to 'log'.",
            id="edx_exams.events.W001",
        )
    ]


@register(TAG)
def check_outcomes(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of outcomes without a topic, and refuse keys that the event does not have: no attempt could reach it."""
    if not RULES["EVENT_BUS_PRODUCER_CONFIG"].accepts(settings.EVENT_BUS_PRODUCER_CONFIG):
        return []  # told by `check_values`
    return [message for signal in _OUTCOMES for message in _complaints(signal)]


def _complaints(signal: OpenEdxPublicSignal) -> Iterator[CheckMessage]:
    topics = {
        topic: config
        for topic, config in settings.EVENT_BUS_PRODUCER_CONFIG.get(signal.event_type, {}).items()
        if config["enabled"]
    }
    for topic, config in topics.items():
        if not _has(signal, config["event_key_field"]):
            yield Error(
                f"EVENT_BUS_PRODUCER_CONFIG: {signal.event_type} has no {config['event_key_field']!r} ({topic}).",
                hint="Its event_key_field is 'exam_attempt.course_key', which keeps the order of a course.",
                id="edx_exams.events.E003",
            )
    if not topics and settings.REFUSE_PLACEHOLDER_SECRETS:
        yield Warning(
            f"EVENT_BUS_PRODUCER_CONFIG has no enabled topic for {signal.event_type}: the LMS will never receive it.",
            hint="Events that happen meanwhile are not sent later. If that is intended, use SILENCED_SYSTEM_CHECKS.",
            id="edx_exams.events.W002",
        )


def _has(signal: OpenEdxPublicSignal, path: str) -> bool:
    """Return True if the signal's data has this path of names."""
    first, *others = path.split(".")
    kind = signal.init_data.get(first)
    for name in others:
        field = attrs.fields_dict(kind).get(name) if kind is not None and attrs.has(kind) else None
        kind = field.type if field else None
    return kind is not None
