"""The admin of the domain. What is written here goes the way of every other write: with its rules and its events."""

from typing import Any, cast, override

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin

from edx_exams.apps.core.api import reset_exam_attempt, update_attempt_status
from edx_exams.apps.core.exceptions import ExamBaseException
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
from edx_exams.apps.core.statuses import may_follow


def _who(request: HttpRequest) -> User:
    """Who is at work: the admin lets nobody in who is not one of our users."""
    return cast(User, request.user)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
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
class CourseStaffRoleAdmin(admin.ModelAdmin):
    """Course teams."""

    list_display = ("course_id", "user", "role")
    list_filter = ("role",)
    list_select_related = ("user",)
    search_fields = ("course_id", "user__username", "user__email")
    ordering = ("course_id", "user__username")
    autocomplete_fields = ("user",)


@admin.register(ProctoringProvider)
class ProctoringProviderAdmin(admin.ModelAdmin):
    """Vendors of proctoring."""

    list_display = ("name", "verbose_name", "lti_configuration_id", "org_key")
    search_fields = ("name", "verbose_name", "org_key")
    ordering = ("name",)


@admin.register(CourseExamConfiguration)
class CourseExamConfigurationAdmin(admin.ModelAdmin):
    """How courses run their exams. The provider is changed over the API, which moves the exams along."""

    list_display = ("course_id", "provider", "allow_opt_out", "escalation_email")
    list_filter = ("provider", "allow_opt_out")
    list_select_related = ("provider",)
    search_fields = ("course_id", "provider__name", "escalation_email")
    ordering = ("course_id",)
    readonly_fields = ("course_id", "provider")


class ExamForm(ModelForm):
    """Keeps to one active exam of a content: the constraint that says so holds on some databases only."""

    @override
    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        others = Exam.objects.filter(
            course_id__exactly=self.instance.course_id,
            content_id__exactly=cleaned.get("content_id", ""),
            is_active=True,
        ).exclude(pk=self.instance.pk)
        if cleaned.get("is_active") and others.exists():
            message = "This content has another active exam, which must be retired first."
            raise ValidationError({"is_active": message})
        return cleaned


@admin.register(Exam)
class ExamAdmin(SimpleHistoryAdmin):
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


@admin.register(ExamAttempt)
class ExamAttemptAdmin(SimpleHistoryAdmin):
    """Attempts. A status chosen here is reached by the same transition as over the API; deleting one is a reset."""

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
    delete_confirmation_template = None

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
                if obj and status != obj.status and not may_follow(obj.status, status):
                    message = f"An attempt that is {obj.status} does not become {status} again."
                    raise ValidationError(message)
                return status

        return AttemptForm

    @override
    def save_model(self, request: HttpRequest, obj: ExamAttempt, form: Any, change: bool) -> None:
        if "status" not in form.changed_data:
            return
        try:
            update_attempt_status(obj.pk, form.cleaned_data["status"], by=_who(request), reason="changed in the admin")
        except ExamBaseException as refusal:
            self.message_user(request, str(refusal), messages.ERROR)

    @override
    def delete_model(self, request: HttpRequest, obj: ExamAttempt) -> None:
        reset_exam_attempt(obj, _who(request))

    @override
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        for attempt in ExamAttempt.objects.filter(pk__in=queryset.values("pk")).select_related("exam", "user"):
            reset_exam_attempt(attempt, _who(request))


@admin.register(AssessmentControlResult)
class AssessmentControlResultAdmin(admin.ModelAdmin):
    """What proctoring tools did and reported."""

    list_display = ("pk", "attempt", "action_type", "incident_time", "severity", "reason_code")
    list_filter = ("action_type",)
    list_select_related = ("attempt",)
    search_fields = ("attempt__user__username", "attempt__exam__course_id", "reason_code")
    ordering = ("-incident_time", "-pk")
    raw_id_fields = ("attempt",)


@admin.register(StudentAllowance)
class StudentAllowanceAdmin(admin.ModelAdmin):
    """Extra time of learners."""

    list_display = ("pk", "user", "exam", "extra_time_mins")
    list_select_related = ("user", "exam")
    search_fields = ("user__username", "user__email", "exam__exam_name", "exam__course_id")
    ordering = ("-modified", "-pk")
    raw_id_fields = ("user", "exam")

    list_display_links = ("pk", "user")
