# SPDX-License-Identifier: AGPL-3.0-only
"""The schema, and the take-over of databases of the earlier service."""

from importlib import import_module
from typing import Final

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

adoption = import_module("edx_exams.apps.core.migrations.0002_ours_adoption")

#: What an existing database has recorded of `core`, as the contract lists it, oldest first.
NAMES: Final = (
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


def adopt() -> None:
    """Run what the migration runs."""
    with connection.schema_editor() as editor:
        adoption.refuse_half_migrated(apps, editor)
        adoption.speak_native_uuid(apps, editor)


@pytest.mark.django_db
def test_no_model_has_changed_without_its_migration() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_earlier_services_migrations_are_known_by_name() -> None:
    assert adoption.EARLIER == NAMES


def test_ours_have_names_that_it_never_recorded_and_hang_together_without_it() -> None:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    ours = {name for app, name in loader.disk_migrations if app == "core"}
    assert not ours & set(NAMES)
    assert all(name == "0001_initial" or "_ours_" in name for name in ours)
    assert loader.disk_migrations["core", "0001_initial"].dependencies == [
        ("auth", "0012_alter_user_first_name_max_length")
    ]


@pytest.mark.django_db(transaction=True)
class TestAdoption:
    """The first of our migrations, on databases of all ages."""

    @pytest.mark.parametrize("last", [NAMES[0], NAMES[13], NAMES[-2]])
    def test_one_that_is_migrated_half_way_is_refused_with_what_to_do(self, last: str) -> None:
        recorder = MigrationRecorder(connection)
        for name in NAMES[: NAMES.index(last) + 1]:
            recorder.record_applied("core", name)
        try:
            with pytest.raises(CommandError, match="0028_admin_optional_fields") as refusal:
                adopt()
            assert f"stands at the earlier service's core migration {last}." in str(refusal.value)
        finally:
            recorder.migration_qs.filter(app="core", name__in=NAMES).delete()

    def test_one_that_is_migrated_to_the_end_passes(self) -> None:
        recorder = MigrationRecorder(connection)
        for name in NAMES:
            recorder.record_applied("core", name)
        try:
            adopt()
        finally:
            recorder.migration_qs.filter(app="core", name__in=NAMES).delete()

    def test_an_empty_one_passes(self) -> None:
        adopt()

    def test_migrating_again_does_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("migrate", verbosity=1)
        assert "No migrations to apply" in capsys.readouterr().out
