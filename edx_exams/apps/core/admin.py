# SPDX-License-Identifier: AGPL-3.0-only
"""The admin of people, course teams, providers, allowances and tools' reports."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, override

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.db.models import Field, Model, URLField
from django.forms import IntegerField, ModelForm
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from edx_exams.apps.core import owed_emails_admin  # noqa: F401  (registers itself)
from edx_exams.apps.core.admin_attempts import ExamAttemptAdmin
from edx_exams.apps.core.admin_base import (
    BoundedSearchAdmin,
    DomainErrorAdmin,
    KeptRowsAdmin,
    ReadOnlyAdmin,
    user_of,
)
from edx_exams.apps.core.admin_exams import CourseExamConfigurationAdmin, ExamAdmin
from edx_exams.apps.core.allowances import grant_extra_time, revoke_extra_time
from edx_exams.apps.core.data import ExtraTime
from edx_exams.apps.core.introductions import ASIDE_MARK
from edx_exams.apps.core.limits import MAX_MINUTES
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
from edx_exams.apps.core.transactions import lock_configuration, lock_users

__all__ = ["CourseExamConfigurationAdmin", "ExamAdmin", "ExamAttemptAdmin"]


@admin.register(User)
class UserAdmin(BoundedSearchAdmin, KeptRowsAdmin, DjangoUserAdmin):
    """People."""

    list_display = ("username", "email", "full_name", "first_name", "last_name", "lms_user_id", "is_staff")
    search_fields = ("username", "email", "full_name", "first_name", "last_name")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (
            _("Personal info"),
            {"fields": ("full_name", "first_name", "last_name", "email", "lms_user_id", "anonymous_user_id")},
        ),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        (_("Important dates"), {"fields": ("last_login", "date_joined")}),
    )

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # A name that was set aside names nobody in the LMS: changing it would make it somebody's.
        return ("anonymous_user_id", "username") if obj and ASIDE_MARK in obj.username else ("anonymous_user_id",)

    @override
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # A token from before does not undo it.
        if "username" in form.changed_data:
            obj.renamed_at = timezone.now()
        if form.changed_data:
            obj.told_at = timezone.now()
        super().save_model(request, obj, form, change)

    @override
    def reasons_to_keep(self, row: User) -> Iterator[str]:
        if count := ExamAttempt.objects.filter(user=row).count():
            yield ngettext(
                "there is %d attempt. Retire the user instead (manage.py retire_user), or reset the attempt.",
                "there are %d attempts. Retire the user instead (manage.py retire_user), or reset the attempts.",
                count,
            ) % (count,)


@admin.register(CourseStaffRole)
class CourseStaffRoleAdmin(BoundedSearchAdmin):
    """Course teams."""

    list_display = ("course_id", "user", "role")
    list_filter = ("role", "course_id")
    list_select_related = ("user",)
    search_fields = ("course_id", "user__username", "user__email")
    ordering = ("course_id", "user__username")
    autocomplete_fields = ("user",)


#: An address that is typed without a scheme is https.
_HTTPS_UNLESS_SAID: Final[Mapping[type["Field[Any, Any]"], Mapping[str, Any]]] = {URLField: {"assume_scheme": "https"}}


@admin.register(ProctoringProvider)
class ProctoringProviderAdmin(BoundedSearchAdmin, KeptRowsAdmin):
    """Vendors of proctoring."""

    list_display = ("name", "verbose_name", "lti_configuration_id", "org_key")
    list_filter = ("org_key",)
    search_fields = ("name", "verbose_name", "lti_configuration_id", "org_key")
    ordering = ("name",)
    formfield_overrides = _HTTPS_UNLESS_SAID

    @override
    def reasons_to_keep(self, row: ProctoringProvider) -> Iterator[str]:
        if count := Exam.objects.filter(provider=row).count():
            yield ngettext(
                "%d exam has this provider, and would be deleted with its attempts. Leave the provider as it is.",
                "%d exams have this provider, and would be deleted with their attempts. Leave the provider as it is.",
                count,
            ) % (count,)
        if count := CourseExamConfiguration.objects.filter(provider=row).count():
            yield ngettext(
                "%d course has this provider. Choose another one for it first.",
                "%d courses have this provider. Choose another one for them first.",
                count,
            ) % (count,)


@admin.register(AssessmentControlResult)
class AssessmentControlResultAdmin(ReadOnlyAdmin):
    """Actions and reports of proctoring tools."""

    list_display = ("pk", "learner", "course", "exam", "action_type", "incident_time", "severity", "reason_code")
    list_filter = ("action_type",)
    list_select_related = ("attempt__user", "attempt__exam")
    search_fields = ("attempt__user__username", "attempt__exam__course_id", "attempt__exam__exam_name", "reason_code")
    ordering = ("-incident_time", "-pk")

    @admin.display(description=_("user"), ordering="attempt__user__username")
    def learner(self, row: AssessmentControlResult) -> str:
        """Return who takes the exam."""
        return row.attempt.user.username

    @admin.display(description=_("course"), ordering="attempt__exam__course_id")
    def course(self, row: AssessmentControlResult) -> str:
        """Return the course's id."""
        return row.attempt.exam.course_id

    @admin.display(description=_("exam"), ordering="attempt__exam__exam_name")
    def exam(self, row: AssessmentControlResult) -> str:
        """Return the exam's name."""
        return row.attempt.exam.exam_name


class AllowanceForm(ModelForm):
    """Bounds the minutes."""

    extra_time_mins = IntegerField(min_value=0, max_value=MAX_MINUTES)


@admin.register(StudentAllowance)
class StudentAllowanceAdmin(BoundedSearchAdmin, DomainErrorAdmin):
    """Extra time of learners. It reaches a running attempt as over the API."""

    form = AllowanceForm
    list_display = ("pk", "user", "course", "exam", "extra_time_mins")
    list_display_links = ("pk", "user")
    list_filter = ("exam__exam_type",)
    list_select_related = ("user", "exam")
    search_fields = ("user__username", "user__email", "exam__exam_name", "exam__course_id")
    ordering = ("-modified", "-pk")
    raw_id_fields = ("user", "exam")

    @admin.display(description=_("course"), ordering="exam__course_id")
    def course(self, row: StudentAllowance) -> str:
        """Return the course's id."""
        return row.exam.course_id

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("user", "exam") if obj else ()

    @override
    def lock(self, request: HttpRequest, row: StudentAllowance) -> None:
        lock_configuration(row.exam.course_id)
        lock_users([row.user_id, user_of(request).pk])

    @override
    def save_model(self, request: HttpRequest, obj: StudentAllowance, form: Any, change: bool) -> None:
        grant = ExtraTime(obj.exam_id, obj.extra_time_mins, username=obj.user.username)
        grant_extra_time(obj.exam.course_id, [grant], granted_by=user_of(request))
        obj.pk = StudentAllowance.objects.get(user_id=obj.user_id, exam_id=obj.exam_id).pk

    @override
    def delete_model(self, request: HttpRequest, obj: StudentAllowance) -> None:
        revoke_extra_time(obj.exam.course_id, obj.pk)
