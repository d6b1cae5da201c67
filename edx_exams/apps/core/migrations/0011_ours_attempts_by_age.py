# SPDX-License-Identifier: AGPL-3.0-only
"""
An index that has an exam's attempts by age: for the first page of the course team's list, and for its count.

On MySQL and MariaDB it is added INPLACE with LOCK=NONE: attempts can be written meanwhile.
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
