# SPDX-License-Identifier: AGPL-3.0-only
"""Keep which tool let an attempt begin; imported tools have an extension that answers the learning interface."""

from typing import ClassVar

import django.db.models.deletion
from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

_IMPORTED_FROM = "lti_consumer_lticonfiguration"


def imported_tools_answer(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Vendors that were registered with the earlier service have an extension that answers."""
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if _IMPORTED_FROM not in connection.introspection.table_names(cursor):
            return
        cursor.execute(f"SELECT id FROM {connection.ops.quote_name(_IMPORTED_FROM)}")  # noqa: S608  (a name of ours)
        imported = [row[0] for row in cursor.fetchall()]
    tools = apps.get_model("lti", "LtiTool").objects.using(connection.alias)
    tools.filter(pk__in=imported).update(extension_answers=True)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("lti", "0005_extension_answers")]

    operations: ClassVar[list[Operation]] = [
        migrations.AddField(
            "proctoredattempt",
            "tool",
            models.ForeignKey("lti.LtiTool", on_delete=django.db.models.deletion.CASCADE, null=True, blank=True),
        ),
        migrations.RunPython(imported_tools_answer, migrations.RunPython.noop),
    ]
