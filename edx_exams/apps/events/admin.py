"""The outbox in the admin: what is owed, what went out, what failed and why."""

from typing import override

from django.contrib import admin
from django.http import HttpRequest

from edx_exams.apps.events.models import OutboxEvent


@admin.register(OutboxEvent)
class OutboxEventAdmin(admin.ModelAdmin):
    """Events on their way. They are looked at, not edited: an event tells of something that happened."""

    list_display = ("created", "event_type", "key", "state", "attempts", "published_at", "last_error")
    list_filter = ("state", "event_type")
    search_fields = ("key", "event_type", "last_error")
    ordering = ("-pk",)

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: OutboxEvent | None = None) -> bool:
        return False
