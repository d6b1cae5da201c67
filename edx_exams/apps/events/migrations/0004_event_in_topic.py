# SPDX-License-Identifier: AGPL-3.0-only
"""An event may go to several topics: it is a row for each."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0003_relay")]

    operations = [
        migrations.AlterField(model_name="outboxevent", name="event_id", field=models.UUIDField(editable=False)),
        migrations.AddConstraint(
            model_name="outboxevent",
            constraint=models.UniqueConstraint(fields=("event_id", "topic"), name="unique_event_in_topic"),
        ),
    ]
