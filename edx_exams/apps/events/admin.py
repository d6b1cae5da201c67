# SPDX-License-Identifier: AGPL-3.0-only
"""The event bus in the admin: events of the outbox, failed events, the relay's lease and role changes."""

from typing import Final, cast, override

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ImproperlyConfigured
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.timesince import timesince

from edx_exams.apps.core.admin_base import ActionsOnlyAdmin, ReadOnlyAdmin
from edx_exams.apps.core.models import User
from edx_exams.apps.events import failed_events, outbox
from edx_exams.apps.events.incoming import PermanentError, RetryableError
from edx_exams.apps.events.models import FailedEvent, FailedEventState, OutboxEvent, OutboxState, RelayLease, RoleChange

#: Failed events that one request tries again: a request must end.
RETRIES_AT_ONCE: Final = 100


class OutboxActionForm(ActionForm):
    """The list of actions, and room for the reason that one of them asks for."""

    reason = forms.CharField(required=False, max_length=200, label="Reason (to give up)")


@admin.register(OutboxEvent)
class OutboxEventAdmin(ActionsOnlyAdmin):
    """Events of the outbox. Read only: an event tells of something that happened."""

    list_display = ("created", "state", "event_type", "course", "age", "delivery_attempts", "next_try", "last_error")
    list_filter = ("state", "event_type")
    search_fields = ("key", "event_type", "last_error")
    ordering = ("-pk",)
    actions = ("try_again", "give_up")
    action_form = OutboxActionForm

    @admin.display(description="course", ordering="key")
    def course(self, event: OutboxEvent) -> str:
        """Return the key."""
        return event.key

    @admin.display(description="age")
    def age(self, event: OutboxEvent) -> str:
        """Return the time until the event was published, or until now."""
        return timesince(event.created, event.published_at)

    @admin.action(description="Try to send the selected events now", permissions=["change"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> None:
        """Make pending and failed events due now."""
        due, waiting = outbox.try_again(queryset)
        wait = f" {waiting} wait until the LMS user id of their people is known." if waiting else ""
        self.message_user(request, f"{due} events are due now.{wait} Published and waiting ones are unchanged.")

    @admin.action(description="Give up the selected events, for a reason", permissions=["change"])
    def give_up(self, request: HttpRequest, queryset: QuerySet[OutboxEvent]) -> None:
        """Never send them. Who decided so is in the admin's own log."""
        reason = request.POST.get("reason", "").strip()[:200]
        if not reason:
            self.message_user(request, "Giving up needs a reason: type it beside the action.", messages.ERROR)
            return
        LogEntry.objects.log_actions(
            cast(User, request.user).pk,
            queryset.exclude(state=OutboxState.published),
            CHANGE,
            change_message=f"Given up: {reason}",
        )
        count = outbox.give_up(queryset, reason=reason)
        self.message_user(request, f"{count} events are given up. Published ones stay as they are.")


@admin.register(RelayLease)
class RelayLeaseAdmin(ReadOnlyAdmin):
    """The active relay."""

    list_display = ("name", "holder", "term", "expires")


@admin.register(RoleChange)
class RoleChangeAdmin(ReadOnlyAdmin):
    """The latest change of each course role that was applied. Without it an older one can be applied."""

    list_display = ("user", "course_id", "role", "applied")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "course_id")
    ordering = ("-applied",)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: RoleChange | None = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(FailedEvent)
class FailedEventAdmin(ActionsOnlyAdmin):
    """Messages that could not be handled. The list holds no personal data; the message itself is on its own page."""

    list_display = (
        "created", "topic", "kafka_partition", "kafka_offset", "stream_id", "event_type", "state", "error",
        "error_text", "delivery_attempts",
    )  # fmt: skip
    list_filter = ("state", "topic", "event_type", "error")
    search_fields = ("topic", "event_type", "error", "error_text")
    ordering = ("-pk",)
    actions = ("retry", "discard")

    @admin.action(description="Try the selected messages again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[FailedEvent]) -> None:
        """Handle the selected messages, oldest first, until something that they need is unavailable."""
        handled = failed = 0
        for row in queryset.exclude(state=FailedEventState.handled).order_by("pk")[:RETRIES_AT_ONCE]:
            try:
                failed_events.retry(row)
            except PermanentError:
                failed += 1
            except (RetryableError, ImproperlyConfigured) as fault:
                self.message_user(request, f"Stopped: {fault}. Try again later.", messages.ERROR)
                break
            else:
                handled += 1
        level = messages.WARNING if failed else messages.SUCCESS
        self.message_user(request, f"{handled} handled, {failed} failed again.", level)

    @admin.action(description="Discard the selected messages", permissions=["change"])
    def discard(self, request: HttpRequest, queryset: QuerySet[FailedEvent]) -> None:
        """Decide that they are not to be handled. They stay in the list and can be tried again."""
        discarded = failed_events.discard(queryset)
        self.message_user(request, f"{discarded} discarded.")
