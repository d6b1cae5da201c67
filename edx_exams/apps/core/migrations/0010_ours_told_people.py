# SPDX-License-Identifier: AGPL-3.0-only
"""Remember when the LMS said what is stored of a person, so that an older token does not undo it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0009_ours_kinds_of_allowances")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="told_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
