# SPDX-License-Identifier: AGPL-3.0-only
"""One name in both tables for how often an event was tried, which `attempts` of this service's attempts is not."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0004_event_in_topic")]

    operations = [
        migrations.RenameField(model_name="outboxevent", old_name="attempts", new_name="delivery_attempts"),
        migrations.RenameField(model_name="failedevent", old_name="tries", new_name="delivery_attempts"),
    ]
