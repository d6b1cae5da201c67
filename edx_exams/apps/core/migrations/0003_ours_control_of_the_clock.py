# SPDX-License-Identifier: AGPL-3.0-only
"""The proctoring tool's control of an attempt's clock, and the index that the sweep reads."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_ours_adoption"),
    ]

    operations = [
        *(
            migrations.AddField(model_name=model, name=name, field=field)
            for model in ("examattempt", "historicalexamattempt")
            for name, field in (
                ("extra_time_mins", models.PositiveIntegerField(db_default=0, default=0)),
                ("paused_at", models.DateTimeField(blank=True, null=True)),
                ("paused_seconds", models.FloatField(db_default=0, default=0)),
            )
        ),
        migrations.AddIndex(
            model_name="examattempt",
            index=models.Index(fields=["status", "start_time"], name="examattempt_in_progress"),
        ),
    ]
