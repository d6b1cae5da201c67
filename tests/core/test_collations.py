# SPDX-License-Identifier: AGPL-3.0-only
"""Columns that identify compare to the letter, and searches do not; what that takes is written for MySQL alone."""

from importlib import import_module
from typing import Any, Final

import factory
import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.db.models import F, Q

from edx_exams.apps.core import collations
from edx_exams.apps.core.models import CourseExamConfiguration, CourseStaffRole, Exam, User
from tests.factories import COURSE_ID, ConfigurationFactory, CourseStaffRoleFactory, ExamFactory, UserFactory

pytestmark = pytest.mark.django_db

migration: Final[Any] = import_module("edx_exams.apps.core.migrations.0006_ours_identity_columns")

#: Names of columns that say which person, course, content, role, vendor or client is meant, wherever they stand.
IDENTIFYING: Final = frozenset(
    {"username", "course_id", "content_id", "resource_id", "role", "org_key", "lti_configuration_id"}
    | {"client_id", "deployment_id", "kid", "session_data", "topic", "key"}
)
OURS: Final = ("core", "events", "lti", "router", "instructor")

#: Differ in case, accent, width, what a letter is made of, a soft hyphen: each pair is one letter to some collation.
ALIKE: Final = (
    *("X", "x", "ß", "ss", "é", "e", "\uff43", "c", "o\u0308", "ö", "a\u00adb", "ab", "\u2167", "VIII"),
    *("\U0001f600", "\U0001f601"),
)


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite compares to the letter by itself")
def test_every_column_that_identifies_is_exact() -> None:
    found = {}
    for label in OURS:
        if not apps.is_installed(f"edx_exams.apps.{label}"):
            continue
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            for column in collations.text_columns(connection, model._meta.db_table):
                provider_name = column.name == "name" and model._meta.model_name == "proctoringprovider"
                if column.name in IDENTIFYING or provider_name:
                    found[f"{model._meta.db_table}.{column.name}"] = column.collation
    assert len(found) > 15
    assert set(found.values()) == {collations.EXACT}, found


@pytest.mark.skipif(connection.vendor != "mysql", reason="SQLite compares to the letter by itself")
@pytest.mark.django_db(transaction=True)
def test_the_migration_makes_columns_exact_whatever_they_were() -> None:
    """On tables of another collation than the ones that the test database has."""
    before = collations.text_columns(connection, "core_user")[0]
    for was in ("utf8mb4_general_ci", before.collation):
        with connection.cursor() as cursor:
            for table in migration.COLUMNS:
                cursor.execute(f"ALTER TABLE {table} CONVERT TO CHARACTER SET {was.partition('_')[0]} COLLATE {was}")
            with pytest.raises(IntegrityError):
                UserFactory.create_batch(2, username=factory.Iterator(["Strase", "strase"]))
            User.objects.all().delete()
            for statement in collations.compare_exactly(connection, migration.COLUMNS):
                cursor.execute(statement)
        test_every_column_that_identifies_is_exact()
        test_what_some_collation_takes_for_the_same_is_told_apart()
        User.objects.all().delete()
        CourseExamConfiguration.objects.all().delete()
        Exam.objects.all().delete()
        Exam.history.all().delete()


def test_what_some_collation_takes_for_the_same_is_told_apart() -> None:
    for letter in ALIKE:
        course_id = f"course-v1:Acme+{letter}+2026"
        user = UserFactory.create(username=f"user_{letter}", email="", full_name="")
        ConfigurationFactory.create(course_id=course_id)
        for role in ALIKE:
            CourseStaffRoleFactory.create(user=user, course_id=course_id, role=role)
        ExamFactory.create(course_id=course_id, content_id=letter)
    for letter in ALIKE:
        course_id = f"course-v1:Acme+{letter}+2026"
        assert User.objects.filter(username=f"user_{letter}").count() == 1
        assert CourseExamConfiguration.objects.filter(course_id=course_id).count() == 1
        assert CourseStaffRole.objects.filter(course_id=course_id, role=letter).count() == 1
        assert Exam.objects.filter(Q(course_id=course_id) & Q(content_id=letter)).count() == 1
        user = User.objects.get(username=f"user_{letter}")
        assert user.has_course_staff_permission(course_id)
        assert not any(
            user.has_course_staff_permission(f"course-v1:Acme+{other}+2026") for other in ALIKE if other != letter
        )


@pytest.mark.parametrize(
    ("lookup", "value"),
    [
        ({"username__icontains": "LOVE"}, True),
        ({"username__istartswith": "ada_"}, True),
        ({"username__iendswith": "LACE"}, True),
        ({"username__iexact": "ada_lovelace"}, True),
        ({"username__iexact": "ada"}, False),
        ({"username__icontains": "a%l"}, False),
        ({"username__icontains": "ADA\\"}, False),
        ({"full_name__icontains": "\U0001f600"}, False),
        ({"email__icontains": "\U0001f600"}, False),
    ],
)
def test_searches_regard_no_case(lookup: dict[str, Any], value: bool) -> None:
    UserFactory.create(username="Ada_Lovelace", full_name="Ada")
    assert User.objects.filter(**lookup).exists() == value


def test_a_search_can_compare_columns() -> None:

    UserFactory.create(username="ada", email="ada@example.com")
    assert User.objects.filter(email__icontains=F("username")).exists()


@pytest.mark.skipif(connection.vendor == "mysql", reason="there it is done")
def test_other_databases_have_nothing_to_do() -> None:
    assert collations.compare_exactly(connection, {"core_user": ["username"]}) == []
    assert collations.convert_to_utf8mb4(connection) == []
    assert collations.tables_short_of_utf8mb4(connection) == []


def test_a_course_id_as_a_test_knows_it_is_its_own(course_team: User) -> None:
    assert course_team.has_course_staff_permission(COURSE_ID)
    assert not course_team.has_course_staff_permission(COURSE_ID.lower())
