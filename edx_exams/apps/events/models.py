# SPDX-License-Identifier: AGPL-3.0-only
"""Tables of the event bus: the outbox with its relay's lease, and messages that could not be handled."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class OutboxState(models.TextChoices):
    """State of an event in the outbox."""

    pending = "pending", "pending"
    #: A person in it has no LMS user id yet, which the schema demands.
    waiting = "waiting", "waiting"
    published = "published", "published"
    #: It can never be sent as it is, or was given up; an operator decides.
    failed = "failed", "failed"


class OutboxEvent(models.Model):
    """
    One event, stored in the transaction of the change that it tells of.

    .. pii: `data` holds the username, e-mail address and full name of the people in the event.
    .. pii_types: name, username, email_address
    .. pii_retirement: local_api
    """

    event_id = models.UUIDField(editable=False)
    event_type = models.CharField(max_length=255)
    topic = models.CharField(max_length=255)
    #: Path of the key in `data`, an argument of the bus libraries' producers.
    key_field = models.CharField(max_length=255)
    #: The course: events of one key are sent in order.
    key = models.CharField(max_length=255)
    data = models.JSONField()
    metadata = models.JSONField()
    #: Local ids of people whose LMS user id was unknown, by their path in `data`.
    unknown_users = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=OutboxState.choices, default=OutboxState.pending)
    created = models.DateTimeField(default=timezone.now, editable=False)
    delivery_attempts = models.PositiveIntegerField(default=0)
    #: Not sent before this, by the database's clock; null for at once.
    next_try = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "outbox event"
        constraints: ClassVar = [
            # One row for each topic that the configuration sends it to.
            models.UniqueConstraint(fields=["event_id", "topic"], name="unique_event_in_topic"),
        ]
        indexes: ClassVar = [
            # The relay's poll: the oldest of each course.
            models.Index(fields=["state", "key", "id"], name="outbox_next"),
            # Events to be purged; and, where `published_at` is null, the oldest unsent one.
            models.Index(fields=["state", "published_at"], name="outbox_published"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"


class FailedEventState(models.TextChoices):
    """State of a message that could not be handled."""

    failed = "failed", "failed"
    #: It was tried again, with success.
    handled = "handled", "handled"
    #: An operator decided that it is not to be handled.
    discarded = "discarded", "discarded"


def position_text(topic: str, partition: int | None, offset: int | None, stream_id: str) -> str:
    """Return the position of a message, as logs and errors name it."""
    return f"{topic} at {stream_id}" if stream_id else f"{topic} [{partition}] at {offset}"


class FailedEvent(models.Model):
    """
    A message from the bus that could not be handled: kept as received, so that it can be looked at and retried.

    .. pii: `value` holds, as the message did, the username, e-mail address and full name of the person it tells of.
    .. pii_types: name, username, email_address
    .. pii_retirement: local_api
    """

    #: Digest of the message and its position, which identifies a second delivery.
    fingerprint = models.CharField(max_length=64, unique=True, editable=False)
    topic = models.CharField(max_length=255)
    #: Position on Kafka; null for Redis.
    kafka_partition = models.IntegerField(null=True, blank=True)
    kafka_offset = models.BigIntegerField(null=True, blank=True)
    #: Id of its entry in a Redis stream; empty for Kafka.
    stream_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    #: Timestamp of the broker.
    produced = models.DateTimeField(null=True, blank=True)
    #: Key and value in base64; None is a message without one.
    message_key = models.TextField(null=True, blank=True)
    value = models.TextField(null=True, blank=True)
    #: Pairs of a name and its value, which is text, null, or `{"base64": …}` where it is not UTF-8.
    headers = models.JSONField(default=list)
    #: The type in its header; empty if there is none.
    event_type = models.CharField(max_length=255, blank=True, default="")
    #: Class of the error, and a text without personal data.
    error = models.CharField(max_length=255)
    error_text = models.TextField(blank=True, default="")
    state = models.CharField(max_length=16, choices=FailedEventState.choices, default=FailedEventState.failed)
    delivery_attempts = models.PositiveIntegerField(default=1)
    created = models.DateTimeField(default=timezone.now, editable=False)
    #: When it was last delivered, by the database's clock; a retry compares it with what was applied since.
    received = models.DateTimeField(null=True, blank=True)
    last_tried = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "failed event"
        indexes: ClassVar = [models.Index(fields=["state", "id"], name="failedevent_state")]

    def __str__(self) -> str:
        return position_text(self.topic, self.kafka_partition, self.kafka_offset, self.stream_id)


class RoleChange(models.Model):
    """
    The latest change of a person's role in a course's team that was applied. It decides which changes come too late.

    .. no_pii:
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    course_id = models.CharField(max_length=255)
    role = models.CharField(max_length=64)
    #: When it was applied here, by the database's clock.
    applied = models.DateTimeField()
    #: Id of its entry in a Redis stream; empty for Kafka.
    stream_id = models.CharField(max_length=64, blank=True, default="", db_default="")

    class Meta:
        verbose_name = "role change"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "course_id", "role"], name="unique_role_change"),
        ]

    def __str__(self) -> str:
        return f"{self.role} in {self.course_id}"


class RelayLease(models.Model):
    """
    The right to send what is in the outbox, or to consume a topic for a group on Redis, and its expiry.

    It keeps the order: of two active processes one could overtake the other. Times are the database's.

    .. no_pii:
    """

    name = models.CharField(max_length=255, primary_key=True)
    #: The fencing token: one higher whenever the lease goes to another.
    term = models.PositiveBigIntegerField(default=0)
    #: Host and process, for display.
    holder = models.CharField(max_length=255, blank=True, default="")
    expires = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "lease"

    def __str__(self) -> str:
        return f"{self.name}, term {self.term}"
