# SPDX-License-Identifier: AGPL-3.0-only
"""
Columns that identify compare to the letter, on MySQL and MariaDB.

Their rows stay as they are, and so does what Django knows of the models.
"""

from typing import Final

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from edx_exams.apps.core.collations import compare_exactly

COLUMNS: Final = {
    "core_user": ["username"],
    "exams_coursestaffrole": ["course_id", "role"],
    "exams_proctoringprovider": ["name", "lti_configuration_id", "org_key"],
    "exams_exam": ["resource_id", "course_id", "content_id"],
    "exams_examhistory": ["resource_id", "course_id", "content_id"],
    "exams_courseexamconfiguration": ["course_id"],
}


def make_exact(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Change what is not exact yet. Run again after a failure, it goes on where it ended."""
    for statement in compare_exactly(schema_editor.connection, COLUMNS):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("core", "0005_ours_renamed_people")]

    # MySQL and MariaDB cannot undo a change of structure, so Django wants none within a transaction there.
    operations = [migrations.RunPython(make_exact, migrations.RunPython.noop, atomic=False)]
