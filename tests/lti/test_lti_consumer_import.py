# SPDX-License-Identifier: AGPL-3.0-only
"""Registrations of the earlier service's library become tools, and their vendors notice nothing."""

import json
import re
import uuid
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.management import CommandError, call_command
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from edx_exams.apps.lti import platform_keys
from edx_exams.apps.lti.lti_consumer_import import import_registrations
from edx_exams.apps.lti.models import LtiPlatformKey, LtiTool
from tests.factories import ProviderFactory
from tests.lti.vendor import pem_of, private_pem_of, rsa_key

pytestmark = pytest.mark.django_db

DUMP: Final = Path(__file__).parents[1] / "services" / "succession" / "old-sqlite.sql"
CONFIGURATION: Final = "lti_consumer_lticonfiguration"
PASSPORT: Final = "lti_consumer_lti1p3passport"
CONFIG_ID: Final = "d02023bd-eb7b-4924-b834-1c8da6a8112b"
PASSPORT_ID: Final = "11111111-2222-4333-8444-555555555555"

#: As 10.x has them.
ROW: Final[dict[str, Any]] = {
    "id": 7,
    "version": "lti_1p3",
    "config_store": "CONFIG_ON_DB",
    "config_id": CONFIG_ID.replace("-", ""),
    "lti_1p3_client_id": "client",
    "lti_1p3_internal_private_key": "",
    "lti_1p3_internal_private_key_id": "old-kid",
    "lti_1p3_internal_public_jwk": "",
    "lti_1p3_oidc_url": "https://v.example.com/oidc",
    "lti_1p3_launch_url": "https://v.example.com/launch",
    "lti_1p3_redirect_uris": "[]",
    "lti_advantage_deep_linking_launch_url": "",
    "lti_1p3_tool_public_key": "",
    "lti_1p3_tool_keyset_url": "https://v.example.com/jwks",
    "lti_1p3_proctoring_enabled": 1,
}
MOVED: Final = (
    "lti_1p3_internal_private_key",
    "lti_1p3_internal_private_key_id",
    "lti_1p3_internal_public_jwk",
    "lti_1p3_client_id",
    "lti_1p3_tool_public_key",
    "lti_1p3_tool_keyset_url",
)


def fill(table: str, *rows: dict[str, Any]) -> None:
    """Make a table of these rows' columns, or add to it."""
    with connection.cursor() as cursor:
        names = list(rows[0])
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(names)})")
        for row in rows:
            marks = ", ".join(["%s"] * len(names))
            cursor.execute(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", [row[name] for name in names])


def in_11(row: dict[str, Any], passport: int | None) -> dict[str, Any]:
    """A configuration as 11.x has it, its passport elsewhere."""
    return {name: value for name, value in row.items() if name not in MOVED} | {"lti_1p3_passport_id": passport}


def passport(row: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"id": 3, "passport_id": PASSPORT_ID.replace("-", ""), **{name: row[name] for name in MOVED}, **changes}


def test_the_earlier_services_own_database_is_taken_over() -> None:
    statements = re.findall(
        rf'^(?:CREATE TABLE IF NOT EXISTS "{CONFIGURATION}"|INSERT INTO {CONFIGURATION}).*?;$',
        DUMP.read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert len(statements) == 5
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.replace("%", "%%"))
        cursor.execute(
            f"SELECT id, config_id, lti_1p3_client_id, lti_1p3_internal_private_key_id, lti_1p3_internal_public_jwk"
            f" FROM {CONFIGURATION} WHERE version = 'lti_1p3' ORDER BY id"
        )
        old = cursor.fetchall()
    report = import_registrations()
    assert (len(report.taken), len(report.skipped), report.known) == (3, 1, [])
    assert report.skipped == ["LTI configuration 4: not imported: its version is lti_1p1, and proctoring is LTI 1.3"]
    for number, config_id, client_id, kid, jwk_set in old:
        tool = LtiTool.objects.get(pk=number)
        (published,) = platform_keys.key_set(tool)["keys"]
        (before,) = json.loads(jwk_set)["keys"]
        assert (tool.config_id, tool.client_id, published["kid"]) == (uuid.UUID(config_id), client_id, kid)
        assert (published["n"], published["e"]) == (before["n"], before["e"])
        assert platform_keys.sign(tool, {})
        assert tool.allowed_redirect_uris == [tool.launch_url]
    assert LtiTool.objects.get(pk=2).public_key.startswith("-----BEGIN PUBLIC KEY-----\n")

    again = import_registrations()
    assert (again.taken, len(again.known), list(again.news())) == ([], 3, report.skipped)
    assert LtiPlatformKey.objects.count() == 3


def test_a_tool_that_is_here_is_never_overwritten() -> None:
    fill(CONFIGURATION, ROW)
    import_registrations()
    LtiTool.objects.update(launch_url="https://new.example.com")
    import_registrations()
    assert LtiTool.objects.get().launch_url == "https://new.example.com"


def test_11_keeps_keys_and_url_id_in_a_passport() -> None:
    key = rsa_key("imported")
    row = {**ROW, "lti_1p3_internal_private_key": private_pem_of(key)}
    fill(CONFIGURATION, in_11(row, 3))
    fill(PASSPORT, passport(row))
    assert len(import_registrations().taken) == 1
    tool = LtiTool.objects.get()
    assert (tool.pk, str(tool.config_id), tool.client_id) == (7, PASSPORT_ID, "client")
    assert platform_keys.key_set(tool)["keys"] == [platform_keys.public_jwk(key.public_key(), "old-kid")]
    assert tool.keyset_url == "https://v.example.com/jwks"


def test_half_way_between_the_two_the_configurations_own_values_win() -> None:
    fill(CONFIGURATION, {**ROW, "lti_1p3_tool_keyset_url": "", "lti_1p3_passport_id": 3})
    other = {**ROW, "lti_1p3_client_id": "passport's", "lti_1p3_tool_keyset_url": "https://passport.example.com"}
    fill(PASSPORT, passport(other))
    import_registrations()
    tool = LtiTool.objects.get()
    assert (tool.client_id, tool.keyset_url) == ("client", "https://passport.example.com")


def test_a_configuration_without_a_passport_stands_for_itself() -> None:
    fill(CONFIGURATION, in_11(ROW, None) | {name: ROW[name] for name in MOVED})
    fill(PASSPORT, passport(ROW))
    import_registrations()
    assert str(LtiTool.objects.get().config_id) == CONFIG_ID


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("[]", ["https://v.example.com/launch"]),
        ("", ["https://v.example.com/launch"]),
        (None, ["https://v.example.com/launch"]),
        (
            '["https://v.example.com/a", "https://v.example.com/b"]',
            ["https://v.example.com/a", "https://v.example.com/b"],
        ),
    ],
)
def test_redirect_uris_may_be_json_or_nothing(stored: Any, expected: list[str]) -> None:
    if stored == "":
        stored = None
    fill(CONFIGURATION, {**ROW, "lti_1p3_redirect_uris": stored})
    import_registrations()
    assert LtiTool.objects.get().allowed_redirect_uris == expected


def test_without_a_list_the_deep_linking_url_is_one_too() -> None:
    fill(CONFIGURATION, {**ROW, "lti_advantage_deep_linking_launch_url": "https://v.example.com/deep"})
    import_registrations()
    assert LtiTool.objects.get().allowed_redirect_uris == ["https://v.example.com/launch", "https://v.example.com/deep"]


def test_uuids_and_pems_are_understood_however_they_are_written() -> None:
    key = rsa_key("imported")
    escaped = private_pem_of(key).replace("\n", "\\n")
    public = pem_of(rsa_key("vendor")).replace("\n", "\\n")
    fill(
        CONFIGURATION,
        {**ROW, "config_id": CONFIG_ID, "lti_1p3_internal_private_key": escaped, "lti_1p3_tool_public_key": public},
    )
    import_registrations()
    tool = LtiTool.objects.get()
    assert str(tool.config_id) == CONFIG_ID
    assert tool.public_key == pem_of(rsa_key("vendor"))
    assert platform_keys.key_set(tool)["keys"] == [platform_keys.public_jwk(key.public_key(), "old-kid")]


def test_a_key_that_was_never_made_is_made() -> None:
    fill(CONFIGURATION, {**ROW, "lti_1p3_internal_private_key_id": ""})
    import_registrations()
    assert platform_keys.sign(LtiTool.objects.get(), {})


def test_what_was_switched_off_stays_off() -> None:
    fill(CONFIGURATION, {**ROW, "lti_1p3_proctoring_enabled": 0})
    (line,) = import_registrations().taken
    assert "switched off" in line
    assert not LtiTool.objects.get().is_enabled


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"config_store": "CONFIG_EXTERNAL"}, "not in the database"),
        ({"version": "lti_1p1"}, "lti_1p1"),
        ({"lti_1p3_internal_private_key": "text"}, "cannot be read"),
        ({"lti_1p3_client_id": ""}, "no client id"),
        ({"config_id": "text"}, "not a valid UUID"),
        ({"lti_1p3_redirect_uris": "{"}, "not valid JSON"),
    ],
)
def test_a_row_that_makes_no_tool_is_reported_and_the_others_are_taken(changes: dict[str, Any], why: str) -> None:
    other = {**ROW, "id": 8, "lti_1p3_client_id": "other", "config_id": str(uuid.uuid4())}
    fill(CONFIGURATION, {**ROW, **changes}, other)
    report = import_registrations()
    assert len(report.taken) == 1
    (line,) = report.skipped
    assert line.startswith("LTI configuration 7: ")
    assert why in line


def test_of_two_with_one_client_id_the_one_that_a_provider_names_wins() -> None:
    ProviderFactory.create(lti_configuration_id="9")
    fill(CONFIGURATION, ROW, {**ROW, "id": 9, "config_id": str(uuid.uuid4())})
    report = import_registrations()
    assert LtiTool.objects.get().pk == 9
    assert report.skipped == ["LTI configuration 7: not imported: tool 9 has the same client id"]


def test_of_two_with_one_passport_one_wins_and_the_other_is_reported() -> None:
    fill(CONFIGURATION, in_11(ROW, 3), {**in_11(ROW, 3), "id": 9})
    fill(PASSPORT, passport(ROW))
    assert len(import_registrations().skipped) == 1
    assert LtiTool.objects.get().pk == 7


@pytest.fixture
def stdout() -> Iterator[StringIO]:
    return StringIO()  # type: ignore[return-value]


def test_the_command_says_what_it_took_and_its_sum(stdout: StringIO) -> None:
    fill(CONFIGURATION, ROW, {**ROW, "id": 8, "version": "lti_1p1"})
    call_command("import_lti_consumer", stdout=stdout)
    lines = stdout.getvalue().splitlines()
    assert lines[-1] == "2 registrations: 1 imported, 0 were here, 1 not imported"
    assert len(lines) == 3


def test_the_command_says_where_there_is_nothing(stdout: StringIO) -> None:
    call_command("import_lti_consumer", stdout=stdout)
    assert "lti_consumer has left none in this database" in stdout.getvalue()


def test_migrate_takes_over_by_itself_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    fill(CONFIGURATION, ROW)
    call_command("migrate", "lti", verbosity=1, stdout=StringIO())
    assert "LTI configuration 7: imported" in capsys.readouterr().out
    call_command("migrate", "lti", verbosity=1, stdout=StringIO())
    assert "LTI configuration" not in capsys.readouterr().out
    assert LtiTool.objects.count() == 1


def test_before_all_is_migrated_nothing_is_imported_and_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """`migrate core`, `migrate lti zero`: they too end in what runs after `migrate`."""
    fill(CONFIGURATION, ROW)
    MigrationRecorder(connection).migration_qs.filter(app="lti").delete()
    emit_post_migrate_signal(verbosity=1, interactive=False, db="default")
    assert "LTI configuration" not in capsys.readouterr().out
    with pytest.raises(CommandError, match="run migrate"):
        call_command("import_lti_consumer", stdout=StringIO())
    assert not LtiTool.objects.exists()


def test_a_private_key_and_its_id_come_from_one_place() -> None:
    """A configuration that has lost its own key has its passport's with the passport's kid, and no mixture."""
    passports, own = rsa_key("imported"), {**ROW, "lti_1p3_internal_private_key_id": "stale", "lti_1p3_passport_id": 3}
    fill(CONFIGURATION, own)
    fill(
        PASSPORT,
        passport(
            ROW,
            lti_1p3_internal_private_key=private_pem_of(passports),
            lti_1p3_internal_private_key_id="passport's kid",
        ),
    )
    import_registrations()
    assert platform_keys.key_set(LtiTool.objects.get())["keys"] == [
        platform_keys.public_jwk(passports.public_key(), "passport's kid")
    ]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lti_1p3_oidc_url": ""}, "it has no address (https) to be launched at"),
        ({"lti_1p3_redirect_uris": '["app:back"]'}, "one of its redirect URIs is not a valid web address"),
        ({"lti_1p3_tool_keyset_url": ""}, "neither a key set URL nor a public key"),
        ({"lti_1p3_tool_keyset_url": "http://v.example.com/jwks"}, "must begin with https://"),
        ({"lti_1p3_tool_public_key": "-----BEGIN CERTIFICATE-----"}, "The public key is not a valid RSA key"),
    ],
    ids=str,
)
def test_what_an_imported_tool_lacks_is_said(changes: dict[str, str], said: str) -> None:
    fill(CONFIGURATION, {**ROW, **changes})
    (line,) = import_registrations().taken
    assert line.startswith("LTI configuration 7: imported; ")
    assert said in line


def test_an_imported_private_key_is_stored_encrypted() -> None:
    pem = private_pem_of(rsa_key("imported"))
    fill(CONFIGURATION, {**ROW, "lti_1p3_internal_private_key": pem})
    import_registrations()
    stored = LtiPlatformKey.objects.get().encrypted_private_key
    assert "PRIVATE" not in stored
    assert load_pem_private_key(platform_keys.encryption().decrypt(stored.encode()), None) is not None
