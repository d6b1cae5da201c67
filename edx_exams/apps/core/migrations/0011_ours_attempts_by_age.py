# SPDX-License-Identifier: AGPL-3.0-only
"""
An index that has an exam's attempts by age: for the first page of the course team's list, and for its count.

MariaDB adds it INPLACE with LOCK=NONE: attempts can be written meanwhile. InnoDB then drops the index that it had made by
itself for the foreign key, which this one serves too; going back makes that one anew.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0010_ours_told_people")]

    operations = [
        migrations.AddIndex(
            model_name="examattempt",
            index=models.Index(fields=["exam", "created"], name="examattempt_by_age"),
        ),
    ]
