# SPDX-License-Identifier: AGPL-3.0-only
"""Owed e-mails in the admin."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from edx_exams.apps.core.admin_base import ActionsOnlyAdmin
from edx_exams.apps.core.models import OwedEmail
from edx_exams.apps.core.owed_emails import send_again


@admin.register(OwedEmail)
class OwedEmailAdmin(ActionsOnlyAdmin):
    """E-mails that learners are owed. Read only; failed ones can be sent again."""

    list_display = (
        "created", "state", "kind", "attempt_id", "delivery_attempts", "next_try", "finished_at", "last_error",
    )  # fmt: skip
    list_filter = ("state", "kind", "last_error")
    search_fields = ("=attempt__id", "last_error")
    search_help_text = gettext_lazy("Number of the attempt, or part of the error")
    ordering = ("-pk",)
    raw_id_fields = ("attempt",)
    actions = ("send_again",)

    @admin.action(description=gettext_lazy("Send the selected e-mails again"), permissions=["change"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OwedEmail]) -> None:
        """Make failed and pending e-mails due now, for another day."""
        count = send_again(queryset)
        text = ngettext("%d e-mail is due now.", "%d e-mails are due now.", count) % count
        self.message_user(request, f"{text} {_('Those that were sent or cancelled are unchanged.')}")
