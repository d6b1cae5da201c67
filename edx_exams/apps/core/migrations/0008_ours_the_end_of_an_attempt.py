# SPDX-License-Identifier: AGPL-3.0-only
"""The bound of an attempt's end, and when its end was last moved later: of the tool's minutes, pauses and grants."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0007_ours_owed_emails"),
    ]

    operations = [
        migrations.AddField(
            model_name="examattempt",
            name="end_moved_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="examattempt",
            name="latest_end",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="historicalexamattempt",
            name="end_moved_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="historicalexamattempt",
            name="latest_end",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
