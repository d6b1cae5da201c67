# SPDX-License-Identifier: AGPL-3.0-only
"""Registrations of lti_consumer on MariaDB, in each shape in which its versions leave them: vendors notice nothing."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from edx_exams.apps.core.models import ProctoringProvider
from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.models import LtiPlatformKey, LtiTool
from tests.services.conftest import ServiceOn
from tests.services.databases import Database, on_mariadb
from tests.services.mariadb import MariaDB
from tests.services.server import Call

pytestmark = pytest.mark.services

DUMP: Final = Path(__file__).parent / "succession" / "old-mysql.sql"
CONFIGURATION: Final = "lti_consumer_lticonfiguration"
PASSPORT: Final = "lti_consumer_lti1p3passport"
MOVED: Final = {
    "lti_1p3_internal_private_key": "longtext",
    "lti_1p3_internal_private_key_id": "varchar(255)",
    "lti_1p3_internal_public_jwk": "longtext",
    "lti_1p3_client_id": "varchar(255)",
    "lti_1p3_tool_public_key": "longtext",
    "lti_1p3_tool_keyset_url": "varchar(255)",
}
PASSPORT_ID: Final = "99999999-2222-4333-8444-0000000000{:02d}"

#: UUIDs as Django before 5 made them on MariaDB, and still does on MySQL.
TO_CHAR_32: Final = f"""
    ALTER TABLE {CONFIGURATION} MODIFY config_id varchar(40) NOT NULL;
    UPDATE {CONFIGURATION} SET config_id = REPLACE(config_id, '-', '');
    ALTER TABLE {CONFIGURATION} MODIFY config_id char(32) NOT NULL;
"""
#: Keys that somebody pasted out of JSON.
TO_LITERAL_LINE_ENDS: Final = rf"""
    UPDATE {CONFIGURATION} SET
        lti_1p3_internal_private_key = REPLACE(lti_1p3_internal_private_key, '\n', '\\n'),
        lti_1p3_tool_public_key = REPLACE(lti_1p3_tool_public_key, '\n', '\\n');
"""
#: lti_consumer 11: six columns move to a passport, of whose id the URLs are made.
ADD_PASSPORTS: Final = f"""
    CREATE TABLE {PASSPORT} (
        id int NOT NULL AUTO_INCREMENT PRIMARY KEY,
        passport_id {{uuid_type}} NOT NULL UNIQUE,
        {", ".join(f"{name} {kind} NOT NULL" for name, kind in MOVED.items())}
    );
    ALTER TABLE {CONFIGURATION} ADD lti_1p3_passport_id int NULL;
    INSERT INTO {PASSPORT} (id, passport_id, {", ".join(MOVED)})
        SELECT id + 10, {{passport_id}}, {", ".join(MOVED)} FROM {CONFIGURATION} WHERE version = 'lti_1p3';
    UPDATE {CONFIGURATION} SET lti_1p3_passport_id = id + 10 WHERE version = 'lti_1p3';
"""
DROP_MOVED: Final = f"ALTER TABLE {CONFIGURATION} {', '.join(f'DROP COLUMN {name}' for name in MOVED)};"
NATIVE: Final = {"uuid_type": "uuid", "passport_id": "CONCAT('99999999-2222-4333-8444-0000000000', LPAD(id, 2, '0'))"}
PLAIN: Final = {
    "uuid_type": "char(32)",
    "passport_id": "CONCAT('99999999222243338444', '0000000000', LPAD(id, 2, '0'))",
}

#: By what an operator may have: the statements that make it of the dump, and whether URLs have the passport's id.
SHAPES: Final[dict[str, tuple[str, bool]]] = {
    "9.x, native uuid": ("", False),
    "9.x, char(32)": (TO_CHAR_32, False),
    "11.x, native uuid": (ADD_PASSPORTS.format(**NATIVE) + DROP_MOVED, True),
    "11.x, char(32)": (TO_CHAR_32 + ADD_PASSPORTS.format(**PLAIN) + DROP_MOVED, True),
    "half-way to 11.x": (ADD_PASSPORTS.format(**NATIVE), True),
    "literal line ends in keys": (TO_LITERAL_LINE_ENDS, False),
}


@dataclass(frozen=True)
class Imported:
    """A database, migrated, and what was in the old tables before."""

    database: Database
    has_passports: bool
    old: list[dict[str, Any]]
    said: str

    @property
    def alias(self) -> str:
        return self.database.alias

    def published(self, tool: LtiTool) -> list[tuple[str, str, str]]:
        return [(key["kid"], key["n"], key["e"]) for key in platform_keys.key_set(tool)["keys"]]


def old_registrations(mariadb: MariaDB, name: str) -> list[dict[str, Any]]:
    """The dump's LTI 1.3 rows, before they were given another shape."""
    wanted = ("id", "config_id", "lti_1p3_client_id", "lti_1p3_internal_private_key_id", "lti_1p3_launch_url")
    text = mariadb.execute(
        f"SELECT {', '.join(wanted)}, REPLACE(lti_1p3_internal_public_jwk, '\\n', '')"
        f" FROM {CONFIGURATION} WHERE version = 'lti_1p3' ORDER BY id",
        name,
    )
    return [dict(zip((*wanted, "jwk_set"), line.split("\t"), strict=True)) for line in text.splitlines()]


@pytest.fixture(scope="module", params=SHAPES)
def imported(
    request: pytest.FixtureRequest, mariadb: MariaDB, django_db_blocker: DjangoDbBlocker
) -> Iterator[Imported]:
    name = f"lti_old_{list(SHAPES).index(request.param)}"
    statements, has_passports = SHAPES[request.param]
    mariadb.create_database(name)
    mariadb.execute(DUMP.read_text(encoding="utf-8"), name)
    old = old_registrations(mariadb, name)
    mariadb.execute(statements, name)
    database = on_mariadb(mariadb, name)
    said = database.migrate()
    with django_db_blocker.unblock(), database.connected():
        yield Imported(database, has_passports, old, said)


def test_vendors_find_the_ids_and_keys_that_they_know(imported: Imported) -> None:
    assert len(imported.old) == 3
    for row in imported.old:
        tool = LtiTool.objects.using(imported.alias).get(pk=int(row["id"]))
        (before,) = json.loads(row["jwk_set"])["keys"]
        known = PASSPORT_ID.format(int(row["id"])) if imported.has_passports else row["config_id"]
        assert (tool.config_id, tool.client_id, tool.deployment_id) == (uuid.UUID(known), row["lti_1p3_client_id"], "1")
        assert imported.published(tool) == [(row["lti_1p3_internal_private_key_id"], before["n"], before["e"])]
        assert before["kid"] == row["lti_1p3_internal_private_key_id"]
        assert tool.allowed_redirect_uris == [row["lti_1p3_launch_url"]]
        assert tool.is_enabled
    assert LtiTool.objects.using(imported.alias).get(pk=2).public_key.startswith("-----BEGIN PUBLIC KEY-----\nMII")


def test_migrate_tells_what_it_took_and_what_it_could_not(imported: Imported) -> None:
    lines = [line.strip() for line in imported.said.splitlines() if "LTI configuration" in line]
    assert lines == [
        "LTI configuration 1: imported",
        "LTI configuration 2: imported",
        "LTI configuration 3: imported",
        "LTI configuration 4: not imported: its version is lti_1p1, and proctoring is LTI 1.3",
    ]


def test_a_second_run_changes_nothing(imported: Imported) -> None:
    def rows() -> list[Any]:
        using = imported.alias
        return [*LtiTool.objects.using(using).values(), *LtiPlatformKey.objects.using(using).values()]

    before = rows()
    done = imported.database.manage("import_lti_consumer")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "4 registrations: 0 imported, 3 were here, 1 not imported"
    assert rows() == before


def test_the_old_tables_are_as_they_were(imported: Imported) -> None:
    with connections[imported.alias].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*), COUNT(DISTINCT config_id) FROM {CONFIGURATION}")
        assert cursor.fetchone() == (4, 4)


def test_every_provider_that_named_a_registration_has_its_tool(imported: Imported) -> None:
    named = set(ProctoringProvider.objects.using(imported.alias).values_list("lti_configuration_id", flat=True))
    tools = {str(pk) for pk in LtiTool.objects.using(imported.alias).values_list("pk", flat=True)}
    registered = {row["id"] for row in imported.old}
    assert named & registered == named & tools


def test_a_migration_that_stops_before_ours_fails_on_nothing(
    mariadb: MariaDB, django_db_blocker: DjangoDbBlocker
) -> None:
    mariadb.create_database("lti_old_stops")
    mariadb.execute(DUMP.read_text(encoding="utf-8"), "lti_old_stops")
    database = on_mariadb(mariadb, "lti_old_stops")
    for target in (("core",), ("lti", "zero")):
        done = database.manage("migrate", *target)
        assert done.returncode == 0, done.stderr
        assert "LTI configuration" not in done.stdout
    done = database.manage("import_lti_consumer")
    assert (done.returncode, "run migrate" in done.stderr) == (1, True)
    assert "LTI configuration 1: imported" in database.migrate()


def test_a_vendors_server_finds_our_key_set_where_it_was(
    mariadb: MariaDB, service_on: ServiceOn, django_db_blocker: DjangoDbBlocker
) -> None:
    mariadb.create_database("lti_old_served")
    mariadb.execute(DUMP.read_text(encoding="utf-8"), "lti_old_served")
    old = old_registrations(mariadb, "lti_old_served")
    database = on_mariadb(mariadb, "lti_old_served")
    database.migrate()
    service = service_on(database)
    for row in old:
        path = f"/lti/lti_consumer/v1/public_keysets/{row['config_id']}"
        (published,) = service.expect(Call("GET", path), 200).json["keys"]
        (before,) = json.loads(row["jwk_set"])["keys"]
        assert {name: published[name] for name in ("kid", "n", "e")} == {
            name: before[name] for name in ("kid", "n", "e")
        }
    service.stop()
