# SPDX-License-Identifier: AGPL-3.0-only
"""The e-mails that learners are owed, without address or text."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0006_ours_identity_columns")]

    operations = [
        migrations.CreateModel(
            name="OwedEmail",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[("submitted", "submitted"), ("verified", "verified"), ("rejected", "rejected")],
                        max_length=16,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("sent", "sent"),
                            ("failed", "failed"),
                            ("cancelled", "cancelled"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("due_since", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("delivery_attempts", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.CharField(blank=True, default="", max_length=255)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="core.examattempt",
                    ),
                ),
            ],
            options={
                "verbose_name": "owed e-mail",
                "db_table": "exams_owedemail",
                "indexes": [
                    models.Index(fields=["state", "next_try", "id"], name="owedemail_due"),
                    models.Index(fields=["state", "finished_at"], name="owedemail_finished"),
                ],
            },
        ),
    ]
