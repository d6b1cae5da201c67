# SPDX-License-Identifier: AGPL-3.0-only
"""
Import of the registrations of lti_consumer, the library on which the earlier service did LTI.

Its tables are read as they are, for the library is not installed, and by the columns that are there: up to 10.x all
stands in one table, 11.x has moved six columns to a second one, and a database may be on its way between the two. A
vendor notices nothing: ids in URLs, client id, keys and key ids stay.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.db import IntegrityError, connections, transaction
from django.db.migrations.loader import MigrationLoader

from edx_exams.apps.core.models import ProctoringProvider
from edx_exams.apps.lti import platform_keys, tool_keys
from edx_exams.apps.lti.models import LtiTool, is_safe_to_launch

_CONFIGURATION: Final = "lti_consumer_lticonfiguration"
_PASSPORT: Final = "lti_consumer_lti1p3passport"
_NEEDED: Final = frozenset({"id", "version", "config_store", "config_id", "lti_1p3_oidc_url", "lti_1p3_launch_url"})
#: What 11.x has moved to the passport. A private key and its id belong together, whichever of the two tables has them.
_MOVED: Final = (
    ("lti_1p3_internal_private_key", "lti_1p3_internal_private_key_id"),
    ("lti_1p3_client_id",),
    ("lti_1p3_tool_public_key",),
    ("lti_1p3_tool_keyset_url",),
)

_Row = Mapping[str, Any]


class Report(NamedTuple):
    """Result for each row, in words."""

    taken: list[str]
    skipped: list[str]
    known: list[str]

    def news(self) -> Iterator[str]:
        """Lines that an operator has not seen at an earlier run."""
        yield from self.taken
        yield from self.skipped


class NotMigrated(Exception):
    """This app's tables are not there yet, or not as its models are."""


class _Unusable(Exception):
    """A row that makes no tool; the text says why."""


def import_registrations(*, using: str = "default") -> Report:
    """
    Make a tool of each LTI 1.3 registration that has none yet. What is here already is never overwritten.

    :returns: empty where there are no such tables
    :raises NotMigrated: there are, but ours are not what they should be yet
    """
    report = Report([], [], [])
    tables = _tables(using)
    if _CONFIGURATION not in tables:
        return report
    if not _is_migrated(using):
        raise NotMigrated("The tables of the LTI platform are not up to date yet: run migrate.")
    rows = list(_rows(using, tables))
    known = set(LtiTool.objects.using(using).values_list("pk", flat=True))
    named = set(ProctoringProvider.objects.using(using).values_list("lti_configuration_id", flat=True))
    # Of two with one client id, the one that a provider names comes first and wins.
    for row in sorted(rows, key=lambda row: (str(row["id"]) not in named, row["id"])):
        what = f"LTI configuration {row['id']}"
        if row["id"] in known:
            report.known.append(f"{what}: is here already")
            continue
        try:
            tool = _import_row(row, using)
        except _Unusable as reason:
            report.skipped.append(f"{what}: not imported: {reason}")
        else:
            report.taken.append(f"{what}: imported{''.join(f'; {note}' for note in _notes(tool))}")
    return report


def _tables(using: str) -> frozenset[str]:
    connection = connections[using]
    with connection.cursor() as cursor:
        return frozenset(connection.introspection.table_names(cursor))


def _is_migrated(using: str) -> bool:
    """Tell whether all migrations of this app are applied; `migrate` may have been told to stop before."""
    loader = MigrationLoader(connections[using])
    return all(leaf in loader.applied_migrations for leaf in loader.graph.leaf_nodes(LtiTool._meta.app_label))


def _rows(using: str, tables: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The registrations, each with what its passport says where it says nothing itself."""
    configurations = _all(using, _CONFIGURATION)
    passports = {row["id"]: row for row in _all(using, _PASSPORT)} if _PASSPORT in tables else {}
    for configuration in configurations:
        passport = passports.get(configuration.get("lti_1p3_passport_id")) or {}
        row = dict(configuration)
        for columns in _MOVED:
            source = configuration if configuration.get(columns[0]) or not passport.get(columns[0]) else passport
            row |= {column: source.get(column) or "" for column in columns}
        row["passport_id"] = passport.get("passport_id")
        yield row


def _all(using: str, table: str) -> Iterable[dict[str, Any]]:
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY id")  # noqa: S608  (names of ours)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _import_row(row: _Row, using: str) -> LtiTool:
    """
    Make the tool of a row, with its platform key.

    :raises _Unusable: it makes none
    """
    if missing := _NEEDED - row.keys():
        raise _Unusable(f"the table lacks {', '.join(sorted(missing))}")
    if row["version"] != "lti_1p3":
        raise _Unusable(f"its version is {row['version']}, and proctoring is LTI 1.3")
    if row["config_store"] != "CONFIG_ON_DB":
        raise _Unusable(f"its values are not in the database ({row['config_store']})")
    private_key = _private_key(row["lti_1p3_internal_private_key"])
    client_id = str(row["lti_1p3_client_id"]).strip()
    if not client_id:
        raise _Unusable("it has no client id")
    tool = LtiTool(
        id=row["id"],
        config_id=_uuid(row["passport_id"] or row["config_id"]),
        client_id=client_id,
        oidc_login_url=row["lti_1p3_oidc_url"] or "",
        launch_url=row["lti_1p3_launch_url"] or "",
        redirect_uris=_redirect_uris(row),
        keyset_url=row["lti_1p3_tool_keyset_url"],
        public_key=row["lti_1p3_tool_public_key"].replace("\\n", "\n"),
        is_enabled=bool(row.get("lti_1p3_proctoring_enabled", False)),
        # The earlier service knew no other tools.
        extension_answers=True,
    )
    if (problem := _conflict(tool, using)) is not None:
        raise _Unusable(problem)
    try:
        with transaction.atomic(using=using):
            tool.save(using=using, force_insert=True)
            platform_keys.store_key(tool, private_key, kid=row["lti_1p3_internal_private_key_id"] or None, using=using)
    except IntegrityError:
        raise _Unusable("another tool has its client id or its config id") from None
    return tool


def _notes(tool: LtiTool) -> Iterator[str]:
    """Problems that keep an imported tool from being launched or verified."""
    if not tool.is_enabled:
        yield "switched off as it was"
    if not tool.can_be_launched:
        yield "it has no address (https) to be launched at"
    if not all(map(is_safe_to_launch, tool.allowed_redirect_uris)):
        yield "one of its redirect URIs is not a valid web address (https)"
    yield from (problem.rstrip(".") for problem in tool_keys.known_problems(tool))


def _conflict(tool: LtiTool, using: str) -> str | None:
    tools = LtiTool.objects.using(using)
    if other := tools.filter(client_id=tool.client_id).first():
        return f"tool {other.pk} has the same client id"
    if other := tools.filter(config_id=tool.config_id).first():
        return f"tool {other.pk} has the same passport or config id"
    return None


def _private_key(pem: str) -> rsa.RSAPrivateKey | None:
    """The platform's key, None where none was made yet."""
    text = pem.replace("\\n", "\n").strip()
    if not text:
        return None
    try:
        key = load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _Unusable("its private key cannot be read") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise _Unusable("its private key is not an RSA key")
    return key


def _uuid(value: object) -> uuid.UUID:
    try:
        return value if isinstance(value, uuid.UUID) else uuid.UUID(str(value))
    except ValueError:
        raise _Unusable("its id for URLs is not a valid UUID") from None


def _redirect_uris(row: _Row) -> list[str]:
    """Return the listed redirect URIs; without a list, the launch URL and the one for deep linking."""
    value = row.get("lti_1p3_redirect_uris")
    if isinstance(value, str | bytes):
        try:
            value = json.loads(value)
        except ValueError:
            raise _Unusable("its redirect URIs are not valid JSON") from None
    if value and isinstance(value, list):
        return [uri for uri in value if isinstance(uri, str) and uri]
    both = (row["lti_1p3_launch_url"], row.get("lti_advantage_deep_linking_launch_url"))
    return list(dict.fromkeys(uri for uri in both if uri))
