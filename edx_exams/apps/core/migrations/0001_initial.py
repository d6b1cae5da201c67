# SPDX-License-Identifier: AGPL-3.0-only
"""The whole schema of the earlier service: an existing database has this migration recorded, and is left alone."""

import uuid
from typing import Any

import django.contrib.auth.models
import django.contrib.auth.validators
import django.db.models.deletion
import django.utils.timezone
import model_utils.fields
import simple_history.models
from django.conf import settings
from django.db import migrations, models

type AnyField = models.Field[Any, Any]
type Fields = list[tuple[str, AnyField]]

_HISTORY = (simple_history.models.HistoricalChanges, models.Model)
_ORDER_OF_HISTORY = {
    "ordering": ("-history_date", "-history_id"),
    "get_latest_by": ("history_date", "history_id"),
}


def _own_key() -> Fields:
    return [("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))]


def _past_key() -> Fields:
    return [("id", models.IntegerField(auto_created=True, blank=True, db_index=True, verbose_name="ID"))]


def _times() -> Fields:
    return [
        (
            "created",
            model_utils.fields.AutoCreatedField(
                default=django.utils.timezone.now, editable=False, verbose_name="created"
            ),
        ),
        (
            "modified",
            model_utils.fields.AutoLastModifiedField(
                default=django.utils.timezone.now, editable=False, verbose_name="modified"
            ),
        ),
    ]


def _what_an_exam_says() -> Fields:
    return [
        ("resource_id", models.CharField(db_index=True, max_length=255)),
        ("course_id", models.CharField(db_index=True, max_length=255)),
        ("content_id", models.CharField(db_index=True, max_length=255)),
        ("exam_name", models.TextField()),
        (
            "exam_type",
            models.CharField(
                choices=[
                    ("proctored", "proctored"),
                    ("timed", "timed"),
                    ("practice", "practice"),
                    ("onboarding", "onboarding"),
                ],
                db_index=True,
                max_length=255,
            ),
        ),
        ("time_limit_mins", models.PositiveIntegerField()),
        ("due_date", models.DateTimeField(blank=True, null=True)),
        ("hide_after_due", models.BooleanField(default=False)),
        ("is_active", models.BooleanField(default=False)),
    ]


def _what_an_attempt_says() -> Fields:
    return [
        ("attempt_number", models.PositiveIntegerField()),
        (
            "status",
            models.CharField(
                choices=[
                    ("created", "created"),
                    ("download_software_clicked", "download_software_clicked"),
                    ("ready_to_start", "ready_to_start"),
                    ("started", "started"),
                    ("ready_to_submit", "ready_to_submit"),
                    ("timed_out", "timed_out"),
                    ("submitted", "submitted"),
                    ("second_review_required", "second_review_required"),
                    ("verified", "verified"),
                    ("rejected", "rejected"),
                    ("error", "error"),
                    ("expired", "expired"),
                ],
                max_length=64,
            ),
        ),
        ("start_time", models.DateTimeField(blank=True, null=True)),
        ("end_time", models.DateTimeField(blank=True, null=True)),
        ("allowed_time_limit_mins", models.IntegerField(blank=True, null=True)),
    ]


def _what_a_history_row_says() -> Fields:
    return [
        ("history_id", models.AutoField(primary_key=True, serialize=False)),
        ("history_date", models.DateTimeField()),
        ("history_change_reason", models.CharField(max_length=100, null=True)),
        (
            "history_type",
            models.CharField(choices=[("+", "Created"), ("~", "Changed"), ("-", "Deleted")], max_length=1),
        ),
    ]


def _author() -> AnyField:
    return models.ForeignKey(
        null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
    )


def _past_reference(model: str) -> AnyField:
    """Rows that a history row points at may have gone since."""
    return models.ForeignKey(
        blank=True,
        db_constraint=False,
        null=True,
        on_delete=django.db.models.deletion.DO_NOTHING,
        related_name="+",
        to=model,
    )


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Exam",
            fields=[
                *_own_key(),
                *_times(),
                *_what_an_exam_says(),
            ],
            options={"verbose_name": "exam", "db_table": "exams_exam"},
        ),
        migrations.CreateModel(
            name="ProctoringProvider",
            fields=[
                *_own_key(),
                *_times(),
                ("name", models.CharField(db_index=True, max_length=255, unique=True)),
                ("verbose_name", models.CharField(db_index=True, max_length=255)),
                ("lti_configuration_id", models.CharField(db_index=True, max_length=255)),
                ("org_key", models.CharField(blank=True, max_length=255, null=True)),
                ("tech_support_phone", models.CharField(blank=True, max_length=255, null=True)),
                ("tech_support_email", models.CharField(blank=True, max_length=255, null=True)),
                ("tech_support_url", models.URLField(blank=True, max_length=255, null=True)),
            ],
            options={"verbose_name": "proctoring provider", "db_table": "exams_proctoringprovider"},
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                ("full_name", models.CharField(blank=True, default="", max_length=255, verbose_name="Full Name")),
                ("lms_user_id", models.IntegerField(db_index=True, null=True)),
                ("anonymous_user_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={"verbose_name": "user", "verbose_name_plural": "users", "abstract": False},
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="ExamAttempt",
            fields=[
                *_own_key(),
                *_times(),
                *_what_an_attempt_says(),
                ("exam", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="core.exam")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={"verbose_name": "exam attempt", "db_table": "exams_examattempt"},
        ),
        migrations.CreateModel(
            name="AssessmentControlResult",
            fields=[
                *_own_key(),
                *_times(),
                ("action_type", models.CharField(max_length=64)),
                ("incident_time", models.DateTimeField()),
                ("severity", models.DecimalField(decimal_places=2, max_digits=3)),
                ("reason_code", models.CharField(max_length=64)),
                ("attempt", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="core.examattempt")),
            ],
            options={"verbose_name": "assessment control result", "db_table": "exams_assessmentcontrolresult"},
        ),
        migrations.CreateModel(
            name="HistoricalExamAttempt",
            fields=[
                *_past_key(),
                *_times(),
                *_what_an_attempt_says(),
                *_what_a_history_row_says(),
                ("exam", _past_reference("core.exam")),
                ("history_user", _author()),
                ("user", _past_reference(settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name": "historical exam attempt",
                "verbose_name_plural": "historical exam attempts",
                "db_table": "exams_examattempthistory",
                **_ORDER_OF_HISTORY,
            },
            bases=_HISTORY,
        ),
        migrations.CreateModel(
            name="HistoricalExam",
            fields=[
                *_past_key(),
                *_times(),
                *_what_an_exam_says(),
                *_what_a_history_row_says(),
                ("history_user", _author()),
                ("provider", _past_reference("core.proctoringprovider")),
            ],
            options={
                "verbose_name": "historical exam",
                "verbose_name_plural": "historical exams",
                "db_table": "exams_examhistory",
                **_ORDER_OF_HISTORY,
            },
            bases=_HISTORY,
        ),
        migrations.AddField(
            model_name="exam",
            name="provider",
            field=models.ForeignKey(
                blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="core.proctoringprovider"
            ),
        ),
        migrations.CreateModel(
            name="CourseExamConfiguration",
            fields=[
                *_own_key(),
                *_times(),
                ("course_id", models.CharField(db_index=True, max_length=255, unique=True)),
                ("allow_opt_out", models.BooleanField(default=False)),
                ("escalation_email", models.EmailField(blank=True, max_length=254, null=True)),
                (
                    "provider",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="core.proctoringprovider"
                    ),
                ),
            ],
            options={"verbose_name": "course exam configuration", "db_table": "exams_courseexamconfiguration"},
        ),
        migrations.CreateModel(
            name="StudentAllowance",
            fields=[
                *_own_key(),
                *_times(),
                ("extra_time_mins", models.PositiveIntegerField()),
                ("exam", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="core.exam")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={"verbose_name": "student allowance", "db_table": "exams_studentallowance"},
        ),
        migrations.CreateModel(
            name="CourseStaffRole",
            fields=[
                *_own_key(),
                *_times(),
                ("course_id", models.CharField(db_index=True, max_length=255)),
                ("role", models.CharField(max_length=255, null=True)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name": "course staff role",
                "db_table": "exams_coursestaffrole",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "course_id", "role"), name="unique_course_staff_role")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="exam",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_active", True)),
                fields=("course_id", "content_id"),
                name="only one exam instance active",
            ),
        ),
        migrations.AlterUniqueTogether(
            name="studentallowance",
            unique_together={("user", "exam")},
        ),
    ]
