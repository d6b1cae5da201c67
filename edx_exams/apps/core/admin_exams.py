# SPDX-License-Identifier: AGPL-3.0-only
"""The admin of exams and of courses' configurations."""

from collections.abc import Iterator
from typing import Any, Final, override

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import IntegerField, ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from edx_exams.apps.core.admin_base import (
    BoundedSearchAdmin,
    DomainErrorAdmin,
    KeptRowsAdmin,
    ReadOnlyHistoryAdmin,
    user_of,
)
from edx_exams.apps.core.configurations import create_or_update_course_exam_configuration, edit_configuration
from edx_exams.apps.core.data import ExamDefinition
from edx_exams.apps.core.exams import add_exam, edit_exam, get_course_exams, refuse_second_active
from edx_exams.apps.core.exceptions import ExamIsActiveAlready
from edx_exams.apps.core.limits import MAX_MINUTES
from edx_exams.apps.core.models import CourseExamConfiguration, Exam
from edx_exams.apps.core.opaque_keys import belongs_to
from edx_exams.apps.core.transactions import lock_configuration


def _clean_course_id(value: str) -> str:
    if value != value.strip() or not value.isprintable():
        raise ValidationError(_("A course id has no white space around it, and only characters that can be seen."))
    return value


class ConfigurationForm(ModelForm):
    """Refuses course ids that name nothing."""

    def clean_course_id(self) -> str:
        """Return the course's id as it was typed."""
        return _clean_course_id(str(self.cleaned_data["course_id"]))


@admin.register(CourseExamConfiguration)
class CourseExamConfigurationAdmin(BoundedSearchAdmin, KeptRowsAdmin, DomainErrorAdmin):
    """Courses' settings for their exams. The provider is changed over the API, which moves the exams along."""

    form = ConfigurationForm
    list_display = ("course_id", "provider", "allow_opt_out", "escalation_email")
    list_filter = ("provider", "allow_opt_out")
    list_select_related = ("provider",)
    search_fields = ("course_id", "provider__name", "escalation_email")
    ordering = ("course_id",)
    fields = ("course_id", "provider", "allow_opt_out", "escalation_email")

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("course_id", "provider") if obj else ()

    @override
    def reasons_to_keep(self, row: CourseExamConfiguration) -> Iterator[str]:
        if count := get_course_exams(row.course_id).count():
            yield ngettext(
                "the course has %d active exam, whose learners would be sent to the older exam system. "
                "Change the provider instead.",
                "the course has %d active exams, whose learners would be sent to the older exam system. "
                "Change the provider instead.",
                count,
            ) % (count,)

    @override
    def lock(self, request: HttpRequest, row: CourseExamConfiguration) -> None:
        lock_configuration(row.course_id)

    @override
    def save_model(self, request: HttpRequest, obj: CourseExamConfiguration, form: Any, change: bool) -> None:
        if not change:
            name = obj.provider.name if obj.provider else None
            create_or_update_course_exam_configuration(obj.course_id, name, obj.escalation_email, by=user_of(request))
        edit_configuration(obj.course_id, escalation_email=obj.escalation_email, allow_opt_out=obj.allow_opt_out)
        obj.pk = CourseExamConfiguration.objects.get(course_id=obj.course_id).pk


class ExamForm(ModelForm):
    """Says beside the field what will be refused."""

    time_limit_mins = IntegerField(
        min_value=0, max_value=MAX_MINUTES, label=_("time limit"), help_text=_("Minutes; a year at most.")
    )

    def clean_course_id(self) -> str:
        """Return the course's id as it was typed."""
        return _clean_course_id(str(self.cleaned_data["course_id"]))

    def clean_content_id(self) -> str:
        """Return the content's id, if it is content of the course."""
        content_id = str(self.cleaned_data["content_id"])
        if not belongs_to(content_id, self.cleaned_data.get("course_id", "")):
            raise ValidationError(_("This is not the usage key of content of the course."))
        return content_id

    def _post_clean(self) -> None:  # a step of Django's validation, which the stubs don't know
        if self.instance._state.adding:
            self.instance.is_active = True
        super()._post_clean()  # type: ignore[misc]
        try:
            refuse_second_active(self.instance)
        except ExamIsActiveAlready as refusal:
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))


#: What an instance of an exam is (data-model.md): another value would make it another exam.
_IDENTITY: Final = ("resource_id", "course_id", "content_id", "exam_type", "provider")
_EDITABLE: Final = ("exam_name", "time_limit_mins", "due_date", "hide_after_due", "is_active")


@admin.register(Exam)
class ExamAdmin(BoundedSearchAdmin, DomainErrorAdmin, ReadOnlyHistoryAdmin):
    """Exams, active and retired."""

    form = ExamForm
    list_display = ("exam_name", "course_id", "exam_type", "time_limit_mins", "due_date", "provider", "is_active")
    list_filter = ("is_active", "exam_type", "provider")
    list_select_related = ("provider",)
    search_fields = ("exam_name", "course_id", "content_id", "resource_id", "provider__name")
    ordering = ("-modified", "-pk")

    @override
    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        if obj:
            return (*_IDENTITY, *_EDITABLE)
        # The course's provider proctors a new exam, and it is active.
        return ("course_id", "content_id", "exam_type", "exam_name", "time_limit_mins", "due_date", "hide_after_due")

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return _IDENTITY if obj else ()

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Exam | None = None) -> bool:
        return False  # their attempts would go with them, without a reset; an exam is retired instead

    @override
    def lock(self, request: HttpRequest, row: Exam) -> None:
        lock_configuration(row.course_id)

    @override
    def save_model(self, request: HttpRequest, obj: Exam, form: Any, change: bool) -> None:
        if change:
            edit_exam(obj, form.changed_data, by=user_of(request))
            return
        definition = ExamDefinition(**{name: getattr(obj, name) for name in ExamDefinition._fields})
        obj.pk = add_exam(obj.course_id, definition, by=user_of(request)).pk
