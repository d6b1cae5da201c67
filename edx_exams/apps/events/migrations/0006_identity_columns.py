# SPDX-License-Identifier: AGPL-3.0-only
"""Columns that identify compare to the letter, on MySQL and MariaDB."""

from typing import Final

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from edx_exams.apps.core.collations import compare_exactly

COLUMNS: Final = {
    "events_outboxevent": ["topic", "key"],
    "events_failedevent": ["topic"],
    "events_rolechange": ["course_id", "role"],
}


def make_exact(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Change what is not exact yet."""
    for statement in compare_exactly(schema_editor.connection, COLUMNS):
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("events", "0005_delivery_attempts")]

    operations = [migrations.RunPython(make_exact, migrations.RunPython.noop, atomic=False)]
