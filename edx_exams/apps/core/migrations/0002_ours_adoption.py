# SPDX-License-Identifier: AGPL-3.0-only
"""
Takes over a database of the earlier service, whose `core.0001_initial` is recorded and whose schema ours equals.

An empty database passes through unchanged.
"""

from typing import Final

from django.apps.registry import Apps
from django.core.management.base import CommandError
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder

#: The earlier service's migrations of `core` after its first; the last one makes the schema that we take over.
EARLIER: Final = (
    "0002_create_exam_models",
    "0003_allow_null_provider",
    "0004_alter_exam_unique_together",
    "0005_user_lms_user_id",
    "0006_alter_courseexamconfiguration_course_id",
    "0007_alter_proctoringprovider_name",
    "0008_allow_null_provider",
    "0009_alter_exam_exam_type",
    "0010_remove_user_anonymous_user_id",
    "0011_user_anonymous_user_id",
    "0012_alter_exam_unique_together",
    "0013_alter_choice_fields",
    "0014_historicalexam_historicalexamattempt",
    "0015_exam_only one exam instance active",
    "0016_provider_contact_information",
    "0017_assessmentcontrolresult",
    "0018_staff_roles",
    "0019_alter_user_full_name",
    "0020_auto_20231010_1442",
    "0021_alter_exam_exam_types",
    "0022_courseexamconfiguration_escalation_email",
    "0023_proctoringprovider_tech_support_url",
    "0024_coursestaffrole_role",
    "0025_proctoringprovider_org_key",
    "0026_studentallowance",
    "0027_coursestaffrole_unique_course_staff_role",
    "0028_admin_optional_fields",
)


def refuse_half_migrated(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Stop where the earlier service's migrations have been begun and not finished: the schema is neither theirs nor ours."""
    applied = MigrationRecorder(schema_editor.connection).applied_migrations()
    theirs = [name for name in EARLIER if ("core", name) in applied]
    if theirs and theirs[-1] != EARLIER[-1]:
        message = (
            f"This database stands at the earlier service's core migration {theirs[-1]}. Bring it to {EARLIER[-1]} with that "
            "service's own `migrate` first, then run this again. Nothing has been changed."
        )
        raise CommandError(message)


def speak_native_uuid(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """
    Make `core_user.anonymous_user_id` a native UUID where Django takes it for one.

    MariaDB has had the type since 10.7 and Django speaks it since 5.0; a column made before that is char(32), in which
    Django would find nothing and write too much. Elsewhere the types agree.
    """
    connection = schema_editor.connection
    if connection.vendor != "mysql" or not connection.features.has_native_uuid_field:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = 'core_user' AND column_name = 'anonymous_user_id'"
        )
        (data_type,) = cursor.fetchone()
    if data_type.lower() != "uuid":
        schema_editor.execute("ALTER TABLE core_user MODIFY anonymous_user_id uuid NOT NULL")


class Migration(migrations.Migration):
    """Checks, then the one conversion that an old database may need."""

    dependencies = [("core", "0001_initial")]

    operations = [
        migrations.RunPython(refuse_half_migrated, migrations.RunPython.noop),
        # MySQL and MariaDB cannot undo a change of structure, so Django wants none within a transaction there.
        migrations.RunPython(speak_native_uuid, migrations.RunPython.noop, atomic=False),
    ]
