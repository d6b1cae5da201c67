# SPDX-License-Identifier: AGPL-3.0-only
"""The tables of the domain, and what a row knows of itself. Workflow is in `attempts`, `exams` and their siblings."""

import uuid
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Final, override

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from model_utils.models import TimeStampedModel
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords

from edx_exams.apps.core import searches  # noqa: F401  (registers its lookups)
from edx_exams.apps.core.allowance_types import AllowanceType
from edx_exams.apps.core.exam_types import EXAM_TYPE_CHOICES, PRACTICE_TYPES, ExamType, get_exam_type
from edx_exams.apps.core.prepared import PreparedRows
from edx_exams.apps.core.statuses import ExamAttemptStatus


class _HistoryManager(HistoryManager):
    """django-simple-history's, whose class is made once and not for each row that is written."""

    @classmethod
    @cache
    @override
    def from_queryset(cls, queryset_class: type[models.QuerySet[Any]], class_name: str | None = None) -> Any:
        return super().from_queryset(queryset_class, class_name)


class User(AbstractUser):
    """
    A person, as the LMS's tokens and events introduce them.

    .. pii: User name, e-mail address and full name, as the LMS sends them.
    .. pii_types: name, username, email_address
    .. pii_retirement: local_api
    """

    full_name = models.CharField(_("Full Name"), max_length=255, blank=True, default="")
    lms_user_id = models.IntegerField(null=True, db_index=True)
    anonymous_user_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    #: When the LMS issued the token that last changed this row's username; null where none did. See `core.people`.
    renamed_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: When the LMS issued the token that last changed other details of this row; null where none did.
    told_at = models.DateTimeField(null=True, blank=True, editable=False)

    @override
    def get_full_name(self) -> str:
        return self.full_name or super().get_full_name()

    def has_course_staff_permission(self, course_id: str) -> bool:
        """Tell whether this person is global staff, or staff of exactly that course in whatever role."""
        return self.is_staff or bool(_roles_of(self.pk, course_id))


class CourseStaffRole(TimeStampedModel):
    """
    A person's role in the team of a course.

    .. no_pii:
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    course_id = models.CharField(max_length=255, db_index=True)
    role = models.CharField(max_length=255, null=True)

    class Meta:
        db_table = "exams_coursestaffrole"
        verbose_name = "course staff role"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "course_id", "role"], name="unique_course_staff_role")
        ]

    def __str__(self) -> str:
        return f"{self.role or 'staff'} of {self.course_id}"


_roles_of: Final = PreparedRows(
    CourseStaffRole,
    lambda user_id, course_id: CourseStaffRole.objects.filter(user_id=user_id, course_id=course_id).values_list("pk"),
    int,
    str,
)


class ProctoringProvider(TimeStampedModel):
    """
    A vendor of proctoring, reached through the LTI tool that `lti_configuration_id` names.

    .. no_pii:
    """

    name = models.CharField(max_length=255, unique=True, db_index=True)
    verbose_name = models.CharField(max_length=255, db_index=True)
    lti_configuration_id = models.CharField(max_length=255, db_index=True)
    org_key = models.CharField(max_length=255, null=True, blank=True)
    tech_support_phone = models.CharField(max_length=255, null=True, blank=True)
    tech_support_email = models.CharField(max_length=255, null=True, blank=True)
    tech_support_url = models.URLField(max_length=255, null=True, blank=True)

    class Meta:
        db_table = "exams_proctoringprovider"
        verbose_name = "proctoring provider"

    def __str__(self) -> str:
        return self.verbose_name


class Exam(TimeStampedModel):
    """
    An instance of a special exam: a piece of a course's content, with its type, its provider and its limits.

    Another type or provider is another instance, so that attempts keep the exam that they were made for (`instances`).
    MySQL and MariaDB ignore the constraint below: the lock on the course's configuration keeps it on them.

    .. no_pii:
    """

    resource_id = models.CharField(max_length=255, db_index=True)
    course_id = models.CharField(max_length=255, db_index=True)
    provider = models.ForeignKey(ProctoringProvider, on_delete=models.CASCADE, null=True, blank=True)
    content_id = models.CharField(max_length=255, db_index=True)
    exam_name = models.TextField()
    exam_type = models.CharField(max_length=255, choices=EXAM_TYPE_CHOICES, db_index=True)
    time_limit_mins = models.PositiveIntegerField()
    due_date = models.DateTimeField(null=True, blank=True)
    hide_after_due = models.BooleanField(default=False)
    is_active = models.BooleanField(default=False)

    history = HistoricalRecords(table_name="exams_examhistory", history_manager=_HistoryManager)

    class Meta:
        db_table = "exams_exam"
        verbose_name = "exam"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["course_id", "content_id"],
                condition=Q(is_active=True),
                name="only one exam instance active",
            )
        ]

    def __str__(self) -> str:
        return self.exam_name

    @property
    def kind(self) -> ExamType:
        """Properties that follow from the exam's type. A type that nobody knows counts as timed."""
        return get_exam_type(self.exam_type) or ExamType(self.exam_type, False, True, False)

    def is_past_due(self, now: datetime) -> bool:
        """Tell whether the due date has come by `now`. For practice and onboarding exams it never does."""
        return self.exam_type not in PRACTICE_TYPES and self.due_date is not None and self.due_date <= now


class ExamAttempt(TimeStampedModel):
    """
    A learner's attempt of an exam.

    Written by `attempts`, `transitions`, `proctoring` and `allowances` alone, under a lock and with a history row. What
    its times mean is said by `clock`; the fields from `extra_time_mins` on are the proctoring tool's control of it.

    .. no_pii:
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE)
    attempt_number = models.PositiveIntegerField()
    status = models.CharField(max_length=64, choices=ExamAttemptStatus.choices)
    start_time = models.DateTimeField(null=True, blank=True)
    end_time = models.DateTimeField(null=True, blank=True)
    allowed_time_limit_mins = models.IntegerField(null=True, blank=True)
    extra_time_mins = models.PositiveIntegerField(default=0, db_default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    paused_seconds = models.FloatField(default=0, db_default=0)
    #: Moment past which pauses and the tool's minutes do not move the end; None where they do not come up to it.
    latest_end = models.DateTimeField(null=True, blank=True, editable=False)
    #: Moment at which the end was last moved later while the attempt ran.
    end_moved_at = models.DateTimeField(null=True, blank=True, editable=False)

    history = HistoricalRecords(table_name="exams_examattempthistory", history_manager=_HistoryManager)

    class Meta:
        db_table = "exams_examattempt"
        verbose_name = "exam attempt"
        indexes: ClassVar = [
            # Finds what the sweep must submit.
            models.Index(fields=["status", "start_time"], name="examattempt_in_progress"),
            # Finds a page of an exam's attempts, newest first, and counts them.
            models.Index(fields=["exam", "created"], name="examattempt_by_age"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}"

    @property
    def is_in_progress(self) -> bool:
        """True while the clock runs, paused or not."""
        return self.status in ExamAttemptStatus.in_progress_statuses


class AssessmentControlResult(TimeStampedModel):
    """
    Something that the proctoring tool did or reported during an attempt.

    .. no_pii: `reason_message` is the tool's own wording of an incident.
    """

    attempt = models.ForeignKey(ExamAttempt, on_delete=models.CASCADE)
    action_type = models.CharField(max_length=64)
    incident_time = models.DateTimeField()
    severity = models.DecimalField(max_digits=3, decimal_places=2, null=True, blank=True)
    reason_code = models.CharField(max_length=64, null=True, blank=True)
    reason_message = models.TextField(null=True, blank=True)
    #: Minutes; the total that an `update` granted.
    extra_time_mins = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        db_table = "exams_assessmentcontrolresult"
        verbose_name = "assessment control result"

    def __str__(self) -> str:
        return f"{self.action_type} of attempt {self.attempt_id}"


class CourseExamConfiguration(TimeStampedModel):
    """
    Settings of a course's exams. The row is also what writers of the course's exams take turns on.

    .. no_pii:
    """

    course_id = models.CharField(max_length=255, unique=True, db_index=True)
    provider = models.ForeignKey(ProctoringProvider, on_delete=models.CASCADE, null=True, blank=True)
    allow_opt_out = models.BooleanField(default=False)
    escalation_email = models.EmailField(null=True, blank=True)

    class Meta:
        db_table = "exams_courseexamconfiguration"
        verbose_name = "course exam configuration"

    def __str__(self) -> str:
        return self.course_id


class StudentAllowance(TimeStampedModel):
    """
    An allowance of a learner for an exam: extra time, by minutes or a multiplier of the limit, and a review exception.

    Where there is a multiplier, it counts; the minutes beside it are what it gave when it was written, for readers that
    know no multiplier. `clock.extra_minutes` says what an allowance gives.

    .. no_pii: `review_policy_exception` is the course team's instruction to the proctor.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    exam = models.ForeignKey(Exam, on_delete=models.CASCADE)
    extra_time_mins = models.PositiveIntegerField()
    time_multiplier = models.DecimalField(max_digits=4, decimal_places=2, null=True, blank=True)
    review_policy_exception = models.TextField(null=True, blank=True)

    class Meta:
        db_table = "exams_studentallowance"
        verbose_name = "student allowance"
        unique_together = (("user", "exam"),)

    def __str__(self) -> str:
        return ", ".join(f"{kind}: {self.value_of(kind)}" for kind in self.types)

    @property
    def gives_time(self) -> bool:
        """Tell whether this is an allowance of time; a row of no minutes may hold a review exception alone."""
        return bool(self.extra_time_mins) or self.time_multiplier is not None or self.review_policy_exception is None

    @property
    def types(self) -> tuple[AllowanceType, ...]:
        """The kinds of allowances that this row holds."""
        kinds = []
        if self.gives_time:
            has_multiplier = self.time_multiplier is not None
            kinds.append(AllowanceType.TIME_MULTIPLIER if has_multiplier else AllowanceType.ADDITIONAL_TIME)
        if self.review_policy_exception is not None:
            kinds.append(AllowanceType.REVIEW_POLICY_EXCEPTION)
        return tuple(kinds)

    def value_of(self, kind: AllowanceType) -> str:
        """Return the value of a kind as text: minutes, a multiplier, or the exception's words."""
        match kind:
            case AllowanceType.ADDITIONAL_TIME:
                return str(self.extra_time_mins)
            case AllowanceType.TIME_MULTIPLIER:
                return str(self.time_multiplier)
            case AllowanceType.REVIEW_POLICY_EXCEPTION:
                return self.review_policy_exception or ""


class EmailKind(models.TextChoices):
    """The outcome that an e-mail reports; part of its template's name."""

    submitted = "submitted", "submitted"
    verified = "verified", "verified"
    rejected = "rejected", "rejected"


class OwedEmailState(models.TextChoices):
    """State of an owed e-mail."""

    pending = "pending", "pending"
    sent = "sent", "sent"
    #: The mail server refused it for good, or it could not be sent for a day; an operator may send it again.
    failed = "failed", "failed"
    #: Nobody is to get it: the attempt was deleted, or the learner was retired or has no address.
    cancelled = "cancelled", "cancelled"


class OwedEmail(models.Model):
    """
    An e-mail that a learner is owed for an outcome, stored in the transaction of the change.

    It holds neither address nor text: both are made from the attempt when the e-mail is sent.

    .. no_pii:
    """

    id = models.BigAutoField(primary_key=True)
    #: No constraint of the database: an attempt may be deleted while its e-mail is owed.
    attempt = models.ForeignKey(ExamAttempt, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    kind = models.CharField(max_length=16, choices=EmailKind.choices)
    state = models.CharField(max_length=16, choices=OwedEmailState.choices, default=OwedEmailState.pending)
    created = models.DateTimeField(default=timezone.now, editable=False)
    #: `created`, or the time at which an operator chose to send it again. It is tried for a day from then on.
    due_since = models.DateTimeField(default=timezone.now, editable=False)
    delivery_attempts = models.PositiveIntegerField(default=0)
    #: Not sent before this, by the database's clock; null for at once.
    next_try = models.DateTimeField(null=True, blank=True)
    #: When it was sent or cancelled.
    finished_at = models.DateTimeField(null=True, blank=True)
    #: Class of the error and code of the mail server, without its words, which may quote the address.
    last_error = models.CharField(max_length=255, blank=True, default="")

    class Meta:
        db_table = "exams_owedemail"
        verbose_name = "owed e-mail"
        indexes: ClassVar = [
            models.Index(fields=["state", "next_try", "id"], name="owedemail_due"),
            models.Index(fields=["state", "finished_at"], name="owedemail_finished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} e-mail of attempt {self.attempt_id}"
