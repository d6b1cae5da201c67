# SPDX-License-Identifier: AGPL-3.0-only
"""Order by arrival: role changes by our clock and stream id; failed events of Redis streams; leases of consumers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0006_identity_columns")]

    operations = [
        migrations.RenameField(model_name="rolechange", old_name="changed", new_name="applied"),
        migrations.AddField(
            model_name="rolechange",
            name="stream_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AlterField(
            model_name="failedevent", name="kafka_partition", field=models.IntegerField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="failedevent", name="kafka_offset", field=models.BigIntegerField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="failedevent",
            name="stream_id",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.AddField(
            model_name="failedevent", name="received", field=models.DateTimeField(blank=True, null=True)
        ),
        migrations.AlterField(
            model_name="relaylease",
            name="name",
            field=models.CharField(max_length=255, primary_key=True, serialize=False),
        ),
        migrations.AlterModelOptions(name="relaylease", options={"verbose_name": "lease"}),
    ]
