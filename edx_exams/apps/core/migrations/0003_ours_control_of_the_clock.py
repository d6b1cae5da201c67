"""The proctoring tool's control of an attempt's clock, and the index that the sweep reads."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0002_ours_adoption"),
    ]

    operations = [
        migrations.AddField(
            model_name="examattempt",
            name="extra_time_mins",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="examattempt",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="examattempt",
            name="paused_seconds",
            field=models.FloatField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="historicalexamattempt",
            name="extra_time_mins",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="historicalexamattempt",
            name="paused_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="historicalexamattempt",
            name="paused_seconds",
            field=models.FloatField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="examattempt",
            index=models.Index(fields=["status", "start_time"], name="examattempt_in_progress"),
        ),
    ]
