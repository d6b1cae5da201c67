# SPDX-License-Identifier: AGPL-3.0-only
"""Remember when a person was renamed, so that an older token renames nobody back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0004_ours_what_tools_report")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="renamed_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
