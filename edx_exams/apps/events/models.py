"""The outbox: events that committed changes owe to the platform."""

from typing import ClassVar

from django.db import models
from django.utils import timezone


class OutboxState(models.TextChoices):
    """Where an event is on its way."""

    pending = "pending", "pending"
    #: A person in it has no LMS user id yet, without which the platform cannot read the event.
    waiting = "waiting", "waiting"
    published = "published", "published"
    #: It can never be sent as it is; an operator must look.
    failed = "failed", "failed"


class OutboxEvent(models.Model):
    """
    One event, stored in the transaction of the change that it tells of.

    .. pii: `data` holds the username, e-mail address and full name of the people in the event.
    .. pii_types: name, username, email_address
    .. pii_retirement: local_api
    """

    event_id = models.UUIDField(unique=True, editable=False)
    event_type = models.CharField(max_length=255)
    topic = models.CharField(max_length=255)
    #: What keeps the order: the course.
    key = models.CharField(max_length=255)
    data = models.JSONField()
    metadata = models.JSONField()
    #: Local ids of people whose LMS user id was unknown, by their place in `data`.
    unknown_users = models.JSONField(default=dict)
    state = models.CharField(max_length=16, choices=OutboxState.choices, default=OutboxState.pending)
    created = models.DateTimeField(default=timezone.now, editable=False)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "outbox event"
        indexes: ClassVar = [
            # What the relay asks for at each turn: the oldest that are due, and what is to be purged.
            models.Index(fields=["state", "next_try", "id"], name="outbox_due"),
            models.Index(fields=["state", "published_at"], name="outbox_published"),
            models.Index(fields=["key", "id"], name="outbox_key"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.event_id}"
