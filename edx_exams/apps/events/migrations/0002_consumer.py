# SPDX-License-Identifier: AGPL-3.0-only
"""Messages that could not be handled, and the latest change of each course role."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="FailedEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(editable=False, max_length=64, unique=True)),
                ("topic", models.CharField(max_length=255)),
                ("kafka_partition", models.IntegerField()),
                ("kafka_offset", models.BigIntegerField()),
                ("produced", models.DateTimeField(blank=True, null=True)),
                ("message_key", models.TextField(blank=True, null=True)),
                ("value", models.TextField(blank=True, null=True)),
                ("headers", models.JSONField(default=list)),
                ("event_type", models.CharField(blank=True, default="", max_length=255)),
                ("error", models.CharField(max_length=255)),
                ("error_text", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[("failed", "failed"), ("handled", "handled"), ("discarded", "discarded")],
                        default="failed",
                        max_length=16,
                    ),
                ),
                ("tries", models.PositiveIntegerField(default=1)),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("last_tried", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "verbose_name": "failed event",
                "indexes": [models.Index(fields=["state", "id"], name="failedevent_state")],
            },
        ),
        migrations.CreateModel(
            name="RoleChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("course_id", models.CharField(max_length=255)),
                ("role", models.CharField(max_length=64)),
                ("changed", models.DateTimeField()),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                "verbose_name": "role change",
                "constraints": [
                    models.UniqueConstraint(fields=("user", "course_id", "role"), name="unique_role_change")
                ],
            },
        ),
    ]
