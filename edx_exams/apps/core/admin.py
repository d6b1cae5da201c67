"""The admin of the domain. What is written here goes the way of every other write: with its rules and its events."""

from typing import Any, cast, override

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import CharField, Form, ModelForm, TextInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from edx_exams.apps.core import owed_emails_admin  # noqa: F401  (registers itself)
from edx_exams.apps.core.admin_base import BoundedSearchAdmin, RuledAdmin
from edx_exams.apps.core.api import check_if_exam_timed_out, reset_exam_attempt, update_attempt_status
from edx_exams.apps.core.exams import edit_exam, refuse_second_active
from edx_exams.apps.core.exceptions import ExamBaseException, ExamIsActiveAlready
from edx_exams.apps.core.history import LONGEST_REASON
from edx_exams.apps.core.models import (
    AssessmentControlResult,
    CourseExamConfiguration,
    CourseStaffRole,
    Exam,
    ExamAttempt,
    ProctoringProvider,
    StudentAllowance,
    User,
)
from edx_exams.apps.core.statuses import ExamAttemptStatus, effects_of
from edx_exams.apps.core.transactions import lock_configuration, lock_users
from edx_exams.apps.core.transition_rules import is_allowed_at_all


def _who(request: HttpRequest) -> User:
    """Who is at work: the admin lets nobody in who is not one of our users."""
    return cast(User, request.user)


@admin.register(User)
class UserAdmin(BoundedSearchAdmin, DjangoUserAdmin):
    """People."""

    list_display = ("username", "email", "full_name", "lms_user_id", "is_staff")
    search_fields = ("username", "email", "full_name")
    readonly_fields = ("anonymous_user_id",)
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Personal info"), {"fields": ("full_name", "email", "lms_user_id", "anonymous_user_id")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )


@admin.register(CourseStaffRole)
class CourseStaffRoleAdmin(BoundedSearchAdmin):
    """Course teams."""

    list_display = ("course_id", "user", "role")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("course_id", "user__username", "user__email")
    ordering = ("course_id", "user__username")
    autocomplete_fields = ("user",)


@admin.register(ProctoringProvider)
class ProctoringProviderAdmin(BoundedSearchAdmin):
    """Vendors of proctoring."""

    list_display = ("name", "verbose_name", "lti_configuration_id", "org_key")
    list_filter = ("org_key",)
    search_fields = ("name", "verbose_name", "org_key")
    ordering = ("name",)


@admin.register(CourseExamConfiguration)
class CourseExamConfigurationAdmin(BoundedSearchAdmin):
    """How courses run their exams. The provider is changed over the API, which moves the exams along."""

    list_display = ("course_id", "provider", "allow_opt_out", "escalation_email")
    list_filter = ("provider", "allow_opt_out")
    list_select_related = ("provider",)
    search_fields = ("course_id", "provider__name", "escalation_email")
    ordering = ("course_id",)
    readonly_fields = ("course_id", "provider")

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # what names it cannot be entered; the API makes one for every course that is written to


class ExamForm(ModelForm):
    """Says beside the field what will be refused."""

    def _post_clean(self) -> None:  # a step of Django's validation, which the stubs don't know
        super()._post_clean()  # type: ignore[misc]
        try:
            refuse_second_active(self.instance)
        except ExamIsActiveAlready as refusal:
            self.add_error(refusal.field, str(refusal))


@admin.register(Exam)
class ExamAdmin(BoundedSearchAdmin, RuledAdmin, SimpleHistoryAdmin):
    """Exams, active and retired."""

    form = ExamForm
    list_display = ("exam_name", "course_id", "exam_type", "time_limit_mins", "due_date", "provider", "is_active")
    list_filter = ("is_active", "exam_type", "provider")
    list_select_related = ("provider",)
    search_fields = ("exam_name", "course_id", "content_id", "resource_id")
    ordering = ("-modified", "-pk")
    readonly_fields = ("resource_id", "course_id")

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # Studio pushes them

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Exam | None = None) -> bool:
        return False  # their attempts would go with them, unheard; an exam is retired instead

    @override
    def lock(self, request: HttpRequest, row: Exam) -> None:
        lock_configuration(row.course_id)

    @override
    def save_model(self, request: HttpRequest, obj: Exam, form: Any, change: bool) -> None:
        edit_exam(obj, form.changed_data, by=_who(request))


class ForceForm(Form):
    """Why a superuser does what the rules refuse."""

    reason = CharField(
        label=_("Reason"), max_length=LONGEST_REASON, widget=TextInput({"class": "vTextField", "autofocus": True})
    )


@admin.register(ExamAttempt)
class ExamAttemptAdmin(BoundedSearchAdmin, RuledAdmin, SimpleHistoryAdmin):
    """
    Attempts. A status chosen here is reached by the same transition as over the API; deleting one is a reset.

    A superuser who chooses what the rules refuse is asked whether to force it, and why.
    """

    list_display = ("pk", "user", "exam", "status", "attempt_number", "start_time", "end_time")
    list_filter = ("status",)
    list_select_related = ("user", "exam")
    search_fields = ("user__username", "user__email", "exam__exam_name", "exam__course_id", "exam__content_id")
    ordering = ("-modified", "-pk")
    fields = (
        "user",
        "exam",
        "attempt_number",
        "status",
        "start_time",
        "end_time",
        "allowed_time_limit_mins",
        "extra_time_mins",
        "paused_at",
    )
    readonly_fields = tuple(name for name in fields if name != "status")

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # learners begin their attempts themselves

    @override
    def get_form(
        self, request: HttpRequest, obj: ExamAttempt | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: type[ModelForm[ExamAttempt]] = super().get_form(request, obj, change=change, **kwargs)

        class AttemptForm(form):  # type: ignore[misc, valid-type]  # a base that is only known now
            """Refuses what the rules refuse, beside the field."""

            def clean_status(self) -> str:
                """The chosen status, if it may follow the present one."""
                status = str(self.cleaned_data["status"])
                if obj and status != obj.status and not is_allowed_at_all(obj.status, status):
                    message = f"An attempt that is {obj.status} does not become {status} again."
                    raise ValidationError(message)
                return status

        return AttemptForm

    @override
    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *others: Any, **named: Any) -> Any:
        if request.method == "POST" and object_id and _who(request).is_superuser:
            attempt, wanted = self.get_object(request, unquote(object_id)), request.POST.get("status")
            if attempt and wanted in ExamAttemptStatus.values and not is_allowed_at_all(attempt.status, wanted):
                return self._force(request, attempt, ExamAttemptStatus(wanted))
        return super().changeform_view(request, object_id, *others, **named)

    def _force(self, request: HttpRequest, attempt: ExamAttempt, status: ExamAttemptStatus) -> HttpResponse:
        """Ask a superuser whether to force a transition, and do it once there is a reason."""
        form = ForceForm(request.POST if "force" in request.POST else None)
        if form.is_valid():
            reason = form.cleaned_data["reason"]
            try:
                update_attempt_status(attempt.pk, status, by=_who(request), reason=reason, forced=True)
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
    def revert_disabled(self, request: HttpRequest, obj: ExamAttempt | None = None) -> bool:
        return True  # a past state is looked at; back to a status one gets by choosing it

    @override
    def settle(self, row: ExamAttempt) -> None:
        check_if_exam_timed_out(row)  # the page's own transaction would undo the submission with a refusal

    @override
    def lock(self, request: HttpRequest, row: ExamAttempt) -> None:
        lock_users([row.user_id, _who(request).pk])

    @override
    def save_model(self, request: HttpRequest, obj: ExamAttempt, form: Any, change: bool) -> None:
        if "status" in form.changed_data:
            update_attempt_status(obj.pk, form.cleaned_data["status"], by=_who(request), reason="changed in the admin")

    @override
    def delete_model(self, request: HttpRequest, obj: ExamAttempt) -> None:
        reset_exam_attempt(obj, _who(request))

    @override
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        for attempt in ExamAttempt.objects.filter(pk__in=queryset.values("pk")).select_related("exam", "user"):
            try:
                reset_exam_attempt(attempt, _who(request))
            except ExamBaseException as refusal:
                self.message_user(request, str(refusal), messages.ERROR)


@admin.register(AssessmentControlResult)
class AssessmentControlResultAdmin(BoundedSearchAdmin):
    """What proctoring tools did and reported."""

    list_display = ("pk", "attempt", "action_type", "incident_time", "severity", "reason_code")
    list_filter = ("action_type",)
    list_select_related = ("attempt",)
    search_fields = ("attempt__user__username", "attempt__exam__course_id", "reason_code")
    ordering = ("-incident_time", "-pk")
    raw_id_fields = ("attempt",)


@admin.register(StudentAllowance)
class StudentAllowanceAdmin(BoundedSearchAdmin):
    """Extra time of learners."""

    list_display = ("pk", "user", "exam", "extra_time_mins")
    list_filter = ("exam__exam_type",)
    list_select_related = ("user", "exam")
    search_fields = ("user__username", "user__email", "exam__exam_name", "exam__course_id")
    ordering = ("-modified", "-pk")
    raw_id_fields = ("user", "exam")

    list_display_links = ("pk", "user")
