# SPDX-License-Identifier: AGPL-3.0-only
"""
A database of the earlier service comes up under this one with ``manage.py migrate`` alone, and both can write to it.

The two dumps are described in ``succession/README.rst``.
"""

import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connections
from django.db.backends.base.introspection import FieldInfo
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import AssessmentControlResult, Exam, ExamAttempt, StudentAllowance, User
from tests.services.catalogue import Table, catalogue
from tests.services.conftest import ServiceOn
from tests.services.courses import STAFF
from tests.services.databases import Database, load_sqlite, on_mariadb, on_sqlite
from tests.services.mariadb import MariaDB
from tests.services.server import Call, Service
from tests.services.tables import Rows, changed, columns, rows
from tests.tokens import Person

pytestmark = pytest.mark.services

DUMPS: Final = Path(__file__).parent / "succession"
#: Django adds rows of its own to these when it migrates.
GROWING: Final = ("django_migrations", "django_content_type", "auth_permission")
#: Incidents that a proctoring tool reports need not be graded; what the earlier service writes fits still.
MAY_BE_NULL_NOW: Final = {
    ("exams_assessmentcontrolresult", "severity"),
    ("exams_assessmentcontrolresult", "reason_code"),
}
LAST_OLD_MIGRATION: Final = "0028_admin_optional_fields"

MakeDatabase = Callable[[str], Database]


@dataclass(frozen=True)
class Succession:
    """An old database, migrated twice: rows before and after in what it had, and what the second run said."""

    database: Database
    old_columns: dict[str, tuple[str, ...]]
    old_catalogue: dict[str, Table]
    before: Rows
    after: Rows
    second_run: str

    @property
    def alias(self) -> str:
        return self.database.alias


@pytest.fixture(scope="module", params=["MariaDB", "MariaDB, utf8mb3", "SQLite"])
def make_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> MakeDatabase:
    """Makes a database by name, on each kind of server in turn: empty, or (``old…``) loaded from a dump."""

    def on_server(name: str) -> Database:
        server: MariaDB = request.getfixturevalue("mariadb")
        server.create_database(name)
        dump = (DUMPS / "old-mysql.sql").read_text(encoding="utf-8")
        if "utf8mb3" in request.param:
            server.execute(f"ALTER DATABASE `{name}` CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci")
            dump = in_utf8mb3(dump)
        if name.startswith("old"):
            server.execute(dump, name)
        return on_mariadb(server, name)

    def in_file(name: str) -> Database:
        file = tmp_path_factory.mktemp("succession") / f"{name}.sqlite3"
        if name.startswith("old"):
            load_sqlite(file, DUMPS / "old-sqlite.sql")
        return on_sqlite(file)

    return in_file if request.param == "SQLite" else on_server


def in_utf8mb3(dump: str) -> str:
    """The dump of a database whose tables are utf8mb3, as those of long ago are."""
    return re.sub(r"CHARSET=utf8mb4 COLLATE=\w+", "CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci", dump)


@pytest.fixture(scope="module")
def succession(make_database: MakeDatabase, django_db_blocker: DjangoDbBlocker) -> Iterator[Succession]:
    database = make_database("old")
    with django_db_blocker.unblock(), database.connected():
        alias = database.alias
        old_columns, old_catalogue = columns(alias), catalogue(alias)
        before = rows(alias, old_columns)
        database.migrate()
        second_run = database.migrate()
        yield Succession(database, old_columns, old_catalogue, before, rows(alias, old_columns), second_run)


@pytest.fixture(scope="module")
def fresh_catalogue(make_database: MakeDatabase, django_db_blocker: DjangoDbBlocker) -> dict[str, Table]:
    """The structure that ``migrate`` gives to an empty database."""
    database = make_database("fresh")
    database.migrate()
    with django_db_blocker.unblock(), database.connected():
        return catalogue(database.alias)


@pytest.fixture(scope="module")
def service(succession: Succession, service_on: ServiceOn) -> Iterator[Service]:
    """The service on the migrated database."""
    service = service_on(succession.database)
    yield service
    service.stop()


def test_every_old_row_is_as_it_was(succession: Succession) -> None:
    assert sum(map(len, succession.before.values())) > 500
    grown = {
        table: [row for row in found if row in succession.before[table]]
        for table, found in succession.after.items()
        if table in GROWING
    }
    assert not changed(succession.before, succession.after | grown)


def test_migrating_again_does_nothing(succession: Succession) -> None:
    assert "No migrations to apply" in succession.second_run


def course_ids(alias: str) -> list[str]:
    return list(Exam.objects.using(alias).order_by().values_list("course_id", flat=True).distinct())


def answer_to(service: Service, path: str, person: Person = STAFF) -> Any:
    return service.expect(Call("GET", path, person), 200).json


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None


def test_every_exam_is_served(succession: Succession, service: Service) -> None:
    for course_id in course_ids(succession.alias):
        active = Exam.objects.using(succession.alias).filter(course_id=course_id, is_active=True)
        served = {exam["id"]: exam for exam in answer_to(service, f"exams/course_id/{course_id}")}
        assert served.keys() == set(active.values_list("pk", flat=True))
        for exam in active:
            assert moment(served[exam.pk].pop("due_date")) == exam.due_date
            assert served[exam.pk] == {
                "id": exam.pk,
                "exam_name": exam.exam_name,
                "course_id": course_id,
                "content_id": exam.content_id,
                "time_limit_mins": exam.time_limit_mins,
                "exam_type": exam.exam_type,
                "hide_after_due": exam.hide_after_due,
                "is_active": True,
            }


def test_every_attempt_and_review_is_served(succession: Succession, service: Service) -> None:
    reviews = 0
    for exam in Exam.objects.using(succession.alias).all():
        attempts = ExamAttempt.objects.using(succession.alias).filter(exam=exam).select_related("user")
        page = answer_to(
            service, f"instructor_view/course_id/{exam.course_id}/attempts?exam_id={exam.pk}&limit=1000000"
        )
        served = {attempt["attempt_id"]: attempt for attempt in page["results"]}
        assert page["count"] == len(page["results"])
        assert served.keys() == {attempt.pk for attempt in attempts}
        for attempt in attempts:
            shown = served[attempt.pk]
            review = (
                AssessmentControlResult.objects.using(succession.alias).filter(attempt=attempt).order_by("pk").first()
            )
            assert shown["attempt_status"] == attempt.status
            assert (moment(shown["start_time"]), moment(shown["end_time"])) == (attempt.start_time, attempt.end_time)
            assert shown["allowed_time_limit_mins"] == attempt.allowed_time_limit_mins
            assert (shown["exam_id"], shown["exam_type"], shown["exam_display_name"]) == (
                exam.pk,
                exam.exam_type,
                exam.exam_name,
            )
            assert shown["username"] == attempt.user.username
            if review is None:
                assert shown["proctored_review"] is None
            else:
                reviews += 1
                assert moment(shown["proctored_review"]["submission_time"]) == review.incident_time
                assert shown["proctored_review"]["severity"] == f"{review.severity:.2f}"
                assert shown["proctored_review"]["submission_reason"]
    assert reviews == AssessmentControlResult.objects.using(succession.alias).values("attempt").distinct().count() > 0


def test_every_allowance_is_served(succession: Succession, service: Service) -> None:
    fields = ("id", "exam_id", "user_id", "extra_time_mins", "user__username", "user__email", "exam__exam_name")
    served = []
    for course_id in course_ids(succession.alias):
        served += [
            tuple(allowance[name.rpartition("__")[2]] for name in fields)
            for allowance in answer_to(service, f"exams/course_id/{course_id}/allowances")
        ]
    allowances = StudentAllowance.objects.using(succession.alias).filter(exam__is_active=True)
    assert sorted(served) == sorted(allowances.values_list(*fields))
    assert served


def test_every_learner_is_served_whatever_the_old_rows_say(succession: Succession, service: Service) -> None:
    exams = list(Exam.objects.using(succession.alias).filter(is_active=True))
    learners = list(
        User.objects.using(succession.alias).filter(is_active=True, is_staff=False, lms_user_id__isnull=False)
    )
    assert learners
    for learner in learners:
        person = Person(learner.username, learner.lms_user_id, learner.email, learner.full_name)
        assert isinstance(answer_to(service, "exams/attempt/latest", person), dict)
        for exam in exams:
            answer = answer_to(
                service, f"student/exam/attempt/course_id/{exam.course_id}/content_id/{exam.content_id}", person
            )
            assert answer["exam"]["id"] == exam.pk


def test_the_earlier_service_can_still_write_to_every_table(succession: Succession) -> None:
    connection = connections[succession.alias]
    refused = {}
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute("SET SESSION sql_mode = 'STRICT_TRANS_TABLES'")
        for table in _parents_first(succession):
            try:
                _insert_as_before(cursor, table, succession)
            except Exception as error:  # noqa: BLE001 (whatever the database says, for all tables at once)
                refused[table] = str(error)
    assert refused == {}


def _parents_first(succession: Succession) -> list[str]:
    introspection = connections[succession.alias].introspection
    with connections[succession.alias].cursor() as cursor:
        parents = {
            table: {relation[1] for relation in introspection.get_relations(cursor, table).values()} - {table}
            for table in succession.old_columns
        }
    ordered: list[str] = []
    while len(ordered) < len(parents):
        ordered += [table for table in parents if table not in ordered and parents[table] <= set(ordered)]
    return ordered


_numbers = count(1)


def _insert_as_before(cursor: Any, table: str, succession: Succession) -> None:
    """Insert one row as the earlier service would: it knows the old columns alone, and lets the database count."""
    connection = connections[succession.alias]
    quote = connection.ops.quote_name
    references = connection.introspection.get_relations(cursor, table)
    described = {column.name: column for column in connection.introspection.get_table_description(cursor, table)}
    kinds = {
        name: connection.introspection.get_field_type(column.type_code, column) for name, column in described.items()
    }
    sequences = connection.introspection.get_sequences(cursor, table)
    counted = {sequence["column"] for sequence in sequences if kinds[sequence["column"]] != "CharField"}
    values: dict[str, Any] = {}
    for name in succession.old_columns[table]:
        if name in counted:
            continue
        if name in references:
            key, other, *_ = references[name]
            cursor.execute(f"SELECT MAX({quote(key)}) FROM {quote(other)}")
            values[name] = cursor.fetchone()[0]
        else:
            values[name] = _value(kinds[name], described[name])
    placeholders = ", ".join(["%s"] * len(values))
    cursor.execute(
        f"INSERT INTO {quote(table)} ({', '.join(map(quote, values))}) VALUES ({placeholders})", list(values.values())
    )


def _value(kind: str | tuple[str, dict[str, Any]], column: FieldInfo) -> Any:
    number = next(_numbers)
    values = {
        "UUIDField": str(uuid.uuid4()),
        "DateTimeField": datetime.now(UTC).replace(tzinfo=None),
        "BooleanField": False,
        "DecimalField": Decimal("0.1"),
        "JSONField": "{}",
        "TextField": f"t{number}",
        # On SQLite a UUID is such a text.
        "CharField": uuid.uuid4().hex if column.display_size == 32 else f"t{number}"[: column.display_size],
    }
    return values.get(str(kind), number % 100)


def test_an_empty_database_gets_the_old_structure(succession: Succession, fresh_catalogue: dict[str, Table]) -> None:
    differences = []
    for name, old in succession.old_catalogue.items():
        new = fresh_catalogue.get(name, Table())
        differences += [
            f"{name}.{column}: {kind} became {new.columns.get(column)}"
            for column, kind in old.columns.items()
            if new.columns.get(column) != (replace(kind, nullable=True) if (name, column) in MAY_BE_NULL_NOW else kind)
        ]
        differences += [f"{name}: no {index}" for index in old.indexes - new.indexes]
        differences += [f"{name}: no foreign key {reference}" for reference in old.references ^ new.references]
        differences += [f"{name}: no check {check}" for check in old.checks - new.checks]
    assert not differences, "\n".join(differences)


def test_what_is_new_in_old_tables_does_not_hinder_the_earlier_service(
    succession: Succession, fresh_catalogue: dict[str, Table]
) -> None:
    hindrances = []
    for name, old in succession.old_catalogue.items():
        new = fresh_catalogue[name]
        hindrances += [
            f"{name}.{column} is required"
            for column, kind in new.columns.items()
            if column not in old.columns and not kind.nullable and kind.default is None
        ]
        hindrances += [f"{name}: {index}" for index in new.indexes - old.indexes if index.unique]
        # A check of a column that the earlier service never writes cannot refuse its rows.
        hindrances += [
            f"{name}: {check}"
            for check in new.checks - old.checks
            if any(f"`{column}`" in check for column in old.columns)
        ]
    assert not hindrances, "\n".join(hindrances)


def test_old_and_empty_databases_end_up_alike(succession: Succession, fresh_catalogue: dict[str, Table]) -> None:
    assert catalogue(succession.alias) == fresh_catalogue


@pytest.mark.parametrize(
    "recorded",
    [
        "0027_coursestaffrole_unique_course_staff_role",
        "0014_historicalexam_historicalexamattempt",
        "0002_create_exam_models",
    ],
)
def test_a_half_migrated_old_database_is_refused_with_a_clear_message(
    make_database: MakeDatabase, recorded: str
) -> None:
    database = make_database("old_halfway")
    with database.connected() as connection:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'core' AND name > %s", [recorded])
        core = {
            table: names for table, names in columns(database.alias).items() if table.startswith(("core_", "exams_"))
        }
        before = rows(database.alias, core)
        done = database.manage("migrate", "--no-color")
        after = rows(
            database.alias, {table: names for table, names in columns(database.alias).items() if table in core}
        )
    assert done.returncode != 0
    assert LAST_OLD_MIGRATION in done.stderr.strip().splitlines()[-1]
    assert after == before


def test_old_user_ids_as_text_become_native(mariadb: MariaDB, service_on: ServiceOn) -> None:
    """MariaDB has a type for UUIDs; in a column of text, made before Django knew of it, Django would find nothing."""
    mariadb.create_database("old_text_ids")
    mariadb.execute((DUMPS / "old-mysql.sql").read_text(encoding="utf-8"), "old_text_ids")
    mariadb.execute(
        """
        ALTER TABLE core_user MODIFY anonymous_user_id varchar(36) NOT NULL;
        UPDATE core_user SET anonymous_user_id = REPLACE(anonymous_user_id, '-', '');
        ALTER TABLE core_user MODIFY anonymous_user_id char(32) NOT NULL;
        """,
        "old_text_ids",
    )
    listed = mariadb.execute("SELECT id, anonymous_user_id FROM core_user ORDER BY id", "old_text_ids")
    ids = {int(key): uuid.UUID(value) for key, value in re.findall(r"(\d+)\t([0-9a-f]{32})\n", listed)}
    assert len(ids) == 16
    database = on_mariadb(mariadb, "old_text_ids")
    database.migrate()
    with ExitStack() as stack:
        stack.enter_context(database.connected())
        assert catalogue(database.alias)["core_user"].columns["anonymous_user_id"].type == "uuid"
        assert dict(User.objects.using(database.alias).values_list("pk", "anonymous_user_id")) == ids
        assert User.objects.using(database.alias).get(anonymous_user_id=ids[2]).pk == 2
        service = service_on(database)
        stack.callback(service.stop)
        service.expect(Call("GET", "providers", Person("newcomer", lms_user_id=4711)), 200)
        assert User.objects.using(database.alias).get(username="newcomer").anonymous_user_id not in ids.values()
    assert "No migrations to apply" in database.migrate()


def test_old_tables_learn_every_character_and_keep_their_rows(mariadb: MariaDB) -> None:
    mariadb.create_database("old_utf8mb3")
    mariadb.execute("ALTER DATABASE old_utf8mb3 CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci")
    mariadb.execute(in_utf8mb3((DUMPS / "old-mysql.sql").read_text(encoding="utf-8")), "old_utf8mb3")
    database = on_mariadb(mariadb, "old_utf8mb3")
    database.migrate()
    assert "edx_exams.W050" in database.manage("check", "--database", "default").stderr
    with database.connected():
        known = columns(database.alias)
        before = rows(database.alias, known)
        planned = database.manage("convert_to_utf8mb4", "--dry-run").stdout
        assert planned.count("ALTER TABLE") > 30
        assert "edx_exams.W050" in database.manage("check", "--database", "default").stderr
        done = database.manage("convert_to_utf8mb4").stdout
        assert done.splitlines()[-1].endswith("tables converted")
        assert not changed(before, rows(database.alias, known))
        User.objects.using(database.alias).filter(pk=1).update(full_name="Ada \U0001f600")
        assert User.objects.using(database.alias).get(pk=1).full_name == "Ada \U0001f600"
    assert database.manage("convert_to_utf8mb4").stdout == "0 tables converted\n"
    assert "edx_exams.W050" not in database.manage("check", "--database", "default").stderr
    exact = mariadb.execute(
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = 'old_utf8mb3'"
        " AND table_name = 'core_user' AND column_name = 'username' AND collation_name = 'utf8mb4_bin'"
    )
    assert exact.strip() == "1"


def test_rows_that_only_trailing_blanks_tell_apart_stop_the_migration(mariadb: MariaDB) -> None:
    """Collations that do not pad allow them, as MySQL 8's default does; `utf8mb4_bin` takes them for the same."""
    mariadb.create_database("old_blanks")
    mariadb.execute((DUMPS / "old-mysql.sql").read_text(encoding="utf-8"), "old_blanks")
    mariadb.execute(
        """
        ALTER TABLE core_user MODIFY username varchar(150) CHARACTER SET utf8mb4
            COLLATE utf8mb4_unicode_nopad_ci NOT NULL;
        UPDATE core_user SET username = 'bob' WHERE id = 2;
        UPDATE core_user SET username = 'bob ' WHERE id = 3;
        """,
        "old_blanks",
    )
    database = on_mariadb(mariadb, "old_blanks")
    refused = database.manage("migrate", "--no-color")
    assert refused.returncode != 0
    assert "core_user differ by blanks at the end of username alone: ids 2,3." in refused.stderr
    mariadb.execute("UPDATE core_user SET username = 'bob2' WHERE id = 3", "old_blanks")
    database.migrate()
