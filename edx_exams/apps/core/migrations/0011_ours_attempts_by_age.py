# SPDX-License-Identifier: AGPL-3.0-only
"""
An index that has an exam's attempts by age: for the first page of the course team's list, and for its count.

On MySQL and MariaDB it is added INPLACE with LOCK=NONE: attempts can be written meanwhile. These databases then drop the
index that they made by themselves for the foreign key; it is made again, for the earlier service's tables keep their
indexes.
"""

from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_TABLE = "exams_examattempt"
_COLUMN = "exam_id"


def _indexes_of_exam(schema_editor: BaseDatabaseSchemaEditor) -> list[str]:
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, _TABLE)
    return [name for name, of in constraints.items() if of["index"] and of["columns"] == [_COLUMN]]


class AddIndexKeepingOthers(migrations.AddIndex):
    """Adds an index, and those again that MySQL takes for superfluous then."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Add the index."""
        before = _indexes_of_exam(schema_editor)
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        for name in set(before) - set(_indexes_of_exam(schema_editor)):
            quote = schema_editor.quote_name
            schema_editor.execute(f"CREATE INDEX {quote(name)} ON {quote(_TABLE)} ({quote(_COLUMN)})")


class Migration(migrations.Migration):
    dependencies = [("core", "0010_ours_told_people")]

    operations = [
        AddIndexKeepingOthers(
            model_name="examattempt",
            index=models.Index(fields=["exam", "created"], name="examattempt_by_age"),
        ),
    ]
