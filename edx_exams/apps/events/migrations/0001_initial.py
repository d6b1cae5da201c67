# SPDX-License-Identifier: AGPL-3.0-only
"""The outbox."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="OutboxEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.UUIDField(editable=False, unique=True)),
                ("event_type", models.CharField(max_length=255)),
                ("topic", models.CharField(max_length=255)),
                ("key", models.CharField(max_length=255)),
                ("data", models.JSONField()),
                ("metadata", models.JSONField()),
                ("unknown_users", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "pending"),
                            ("waiting", "waiting"),
                            ("published", "published"),
                            ("failed", "failed"),
                        ],
                        default="pending",
                        max_length=16,
                    ),
                ),
                ("created", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_try", models.DateTimeField(default=django.utils.timezone.now)),
                ("claimed_until", models.DateTimeField(blank=True, null=True)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                ("last_error", models.TextField(blank=True, default="")),
            ],
            options={
                "verbose_name": "outbox event",
                "indexes": [
                    models.Index(fields=["state", "next_try", "id"], name="outbox_due"),
                    models.Index(fields=["state", "published_at"], name="outbox_published"),
                    models.Index(fields=["key", "id"], name="outbox_key"),
                ],
            },
        ),
    ]
