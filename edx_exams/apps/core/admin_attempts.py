# SPDX-License-Identifier: AGPL-3.0-only
"""The admin of attempts: each write goes the way of every other write, with its rules, history and events."""

from datetime import timedelta
from typing import Any, Final, override

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import ValidationError
from django.forms import CharField, Form, IntegerField, ModelForm, TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from edx_exams.apps.core.admin_base import BoundedSearchAdmin, DomainErrorAdmin, ReadOnlyHistoryAdmin, user_of
from edx_exams.apps.core.api import (
    check_if_exam_timed_out,
    create_exam_attempt,
    get_review_policy_exception,
    reset_exam_attempt,
    update_attempt_status,
)
from edx_exams.apps.core.clock import is_out_of_time
from edx_exams.apps.core.corrections import CORRECTABLE, correct_attempt
from edx_exams.apps.core.exceptions import ExamBaseException, ExamIllegalStatusTransition
from edx_exams.apps.core.history import LONGEST_REASON
from edx_exams.apps.core.limits import MAX_MINUTES
from edx_exams.apps.core.models import ExamAttempt
from edx_exams.apps.core.proctored_start import start_transition
from edx_exams.apps.core.statuses import ExamAttemptStatus, effects_of
from edx_exams.apps.core.transactions import lock_attempts, lock_users
from edx_exams.apps.core.transition_rules import is_anybodys_transition


def _needs_no_force(attempt: ExamAttempt, from_status: str, to_status: str) -> bool:
    return is_anybodys_transition(from_status, to_status, start_transition(attempt.exam))


class AttemptForm(ModelForm):
    """Refuses what the rules refuse, beside the field."""

    allowed_time_limit_mins = IntegerField(
        min_value=0, max_value=MAX_MINUTES, required=False, label=_("allowed time"), help_text=_("Minutes.")
    )

    def clean_status(self) -> str:
        """Return the chosen status, if it may follow the present one."""
        before, status = str(self.initial["status"]), str(self.cleaned_data["status"])
        if status != before and not _needs_no_force(self.instance, before, status):
            message = _("An attempt that is %(before)s does not become %(status)s. A superuser may force it.")
            raise ValidationError(message, params={"before": before, "status": status})
        return status

    def corrections(self) -> dict[str, Any]:
        """Return the times that were changed; what was not sent at all stays."""
        return {
            name: self.cleaned_data[name]
            for name in CORRECTABLE
            if name in self.changed_data
            and not self.fields[name].widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))
        }


class ForceForm(Form):
    """The reason for which a superuser does what the rules refuse."""

    reason = CharField(
        label=_("Reason"), max_length=LONGEST_REASON, widget=TextInput({"class": "vTextField", "autofocus": True})
    )


#: Time that a page needs at most to be saved: within it no attempt may run out, for the page cannot submit it.
_TIME_OF_A_PAGE: Final = timedelta(seconds=5)

_READ_ONLY: Final = ("user", "exam", "attempt_number", "extra_time_mins", "paused_at", "review_policy_exception")


@admin.register(ExamAttempt)
class ExamAttemptAdmin(BoundedSearchAdmin, DomainErrorAdmin, ReadOnlyHistoryAdmin):
    """
    Attempts. A status chosen here is reached by the same transition as over the API; deleting one is a reset.

    A superuser who chooses what the rules refuse is asked whether to force it, and why.
    """

    list_display = (
        "pk", "user", "exam", "status", "attempt_number", "start_time", "end_time", "allowed_time_limit_mins",
    )  # fmt: skip
    list_filter = ("status",)
    list_select_related = ("user", "exam")
    search_fields = ("user__username", "user__email", "exam__exam_name", "exam__course_id", "exam__content_id")
    ordering = ("-modified", "-pk")
    raw_id_fields = ("user", "exam")

    @override
    def get_fields(self, request: HttpRequest, obj: ExamAttempt | None = None) -> tuple[str, ...]:
        return ("user", "exam", "attempt_number", "status", *CORRECTABLE, *_READ_ONLY[3:]) if obj else ("user", "exam")

    @admin.display(description=_("review policy exception"), empty_value="-")
    def review_policy_exception(self, attempt: ExamAttempt) -> str | None:
        """Show the course team's words for the proctor of this attempt."""
        return get_review_policy_exception(attempt.exam, attempt.user_id)

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: ExamAttempt | None = None) -> tuple[str, ...]:
        return _READ_ONLY if obj else ()

    @override
    def get_form(
        self, request: HttpRequest, obj: ExamAttempt | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(request, obj, change=change, **({"form": AttemptForm} if obj else {}), **kwargs)

    @override
    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *others: Any, **named: Any) -> Any:
        if request.method == "POST" and object_id and user_of(request).is_superuser:
            attempt, wanted = self.get_object(request, unquote(object_id)), request.POST.get("status", "")
            is_another = attempt is not None and wanted in ExamAttemptStatus.values and wanted != attempt.status
            if attempt and is_another and not _needs_no_force(attempt, attempt.status, wanted):
                return self._force(request, attempt, ExamAttemptStatus(wanted))
        return super().changeform_view(request, object_id, *others, **named)

    def _force(self, request: HttpRequest, attempt: ExamAttempt, status: ExamAttemptStatus) -> HttpResponse:
        """Ask a superuser whether to force a transition, and do it once there is a reason."""
        form = ForceForm(request.POST if "force" in request.POST else None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            try:
                update_attempt_status(attempt.pk, status, by=user_of(request), reason=reason, forced=True)
            except ExamBaseException as refusal:
                return self.refused(request, refusal)
            self.log_change(request, attempt, f"Forced from {attempt.status} to {status}: {reason}")
            self.message_user(request, _("The attempt is %(status)s now.") % {"status": status}, messages.SUCCESS)
            return HttpResponseRedirect(request.get_full_path())
        event = effects_of(status).event
        context = {
            **self.admin_site.each_context(request),
            "title": _("Force a transition"),
            "opts": self.opts,
            "attempt": attempt,
            "to_status": status,
            "event_type": event.event_type if event else None,
            "runs": status in ExamAttemptStatus.in_progress_statuses,
            "form": form,
        }
        return render(request, "admin/core/examattempt/force.html", context)

    @override
    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: ExamAttempt | None = None,
    ) -> HttpResponse:
        if obj and obj.exam.provider:
            # The LTI platform's, which the domain does not know; vendors have it configured, so it stays.
            context["launch_url"] = f"/lti/start_proctoring/{obj.pk}"
        return super().render_change_form(request, context, add, change, form_url, obj)

    @override
    def settle(self, row: ExamAttempt) -> None:
        check_if_exam_timed_out(row)  # the page's own transaction would undo the submission with a refusal

    @override
    def lock(self, request: HttpRequest, row: ExamAttempt) -> None:
        lock_users([row.user_id, user_of(request).pk])
        if (locked := lock_attempts([row.pk]).get(row.pk)) is None:
            return
        locked.exam = row.exam
        if is_out_of_time(locked, timezone.now() + _TIME_OF_A_PAGE):
            message = _("The time of this attempt ends at this moment. Please try again in a few seconds.")
            raise ExamIllegalStatusTransition(message)

    @override
    def save_model(self, request: HttpRequest, obj: ExamAttempt, form: Any, change: bool) -> None:
        by = user_of(request)
        if not change:
            obj.pk = create_exam_attempt(obj.exam_id, obj.user_id)
            return
        # The status first: with corrected times the attempt may be out of time, which this page must not submit.
        if "status" in form.changed_data:
            update_attempt_status(obj.pk, form.cleaned_data["status"], by=by, reason="changed in the admin")
        if corrected := form.corrections():
            correct_attempt(obj, corrected, by=by)

    @override
    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # A reset: what else goes with an attempt is none of whoever may delete attempts.
        names = [str(attempt) for attempt in objs]
        return names, {self.opts.verbose_name_plural: len(names)}, set(), []

    @override
    def delete_model(self, request: HttpRequest, obj: ExamAttempt) -> None:
        reset_exam_attempt(obj, user_of(request))
