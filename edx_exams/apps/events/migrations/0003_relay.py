# SPDX-License-Identifier: AGPL-3.0-only
"""The relay's needs: its lease, the path of an event's key, an index for the oldest of each course."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0002_consumer")]

    operations = [
        migrations.CreateModel(
            name="RelayLease",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("term", models.PositiveBigIntegerField(default=0)),
                ("holder", models.CharField(blank=True, default="", max_length=255)),
                ("expires", models.DateTimeField(blank=True, null=True)),
            ],
            options={"verbose_name": "relay lease"},
        ),
        migrations.AddField(
            model_name="outboxevent",
            name="key_field",
            field=models.CharField(default="exam_attempt.course_key", max_length=255),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="outboxevent",
            name="next_try",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_due"),
        migrations.RemoveIndex(model_name="outboxevent", name="outbox_key"),
        migrations.RemoveField(model_name="outboxevent", name="claimed_until"),
        migrations.AddIndex(
            model_name="outboxevent",
            index=models.Index(fields=["state", "key", "id"], name="outbox_next"),
        ),
    ]
