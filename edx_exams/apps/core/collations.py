# SPDX-License-Identifier: AGPL-3.0-only
"""
Character sets and collations of MySQL's and MariaDB's columns.

Old databases compare text without regard to case, accents, width or trailing blanks, while course and usage keys, roles
and usernames that differ in one of these name different things. So the columns that identify are `utf8mb4_bin`. Some
tables still are utf8mb3, which holds no emoji. Elsewhere there is nothing to do.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from django.core.management.base import CommandError
from django.db.backends.base.base import BaseDatabaseWrapper

CHARACTER_SET: Final = "utf8mb4"
#: Compares by the code points; pads, so that only trailing blanks still are equal to none.
EXACT: Final = "utf8mb4_bin"
#: Of columns whose own collation has no counterpart in utf8mb4.
_FALLBACK: Final = "utf8mb4_unicode_ci"
#: Row formats whose index keys are at most 767 bytes long: too short for 255 characters of utf8mb4.
_SHORT_KEYS: Final = frozenset({"compact", "redundant"})

#: A column as SHOW CREATE TABLE writes it: name, type, the rest of its definition.
_DEFINITION: Final = re.compile(
    r"^\s*`(?P<name>[^`]+)` (?P<type>\w+(?:\([^)]*\))?)(?: CHARACTER SET \w+)?(?: COLLATE \w+)?(?P<rest>.*?),?$",
    re.MULTILINE,
)


class TextColumn(NamedTuple):
    """A column of text."""

    name: str
    character_set: str
    collation: str


def compare_exactly(connection: BaseDatabaseWrapper, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """
    Write the statements after which these columns compare to the letter: one for each table that needs it.

    :param columns: names of columns by table
    :raises CommandError: rows that are different now, and would be equal then, must be told apart first
    """
    if connection.vendor != "mysql":
        return []
    statements = []
    for table, names in columns.items():
        inexact = [
            column for column in text_columns(connection, table) if column.name in names and column.collation != EXACT
        ]
        if inexact:
            _refuse_blanks_that_differ(connection, table, inexact)
            statements.append(_alter(connection, table, {column.name: EXACT for column in inexact}))
    return statements


def convert_to_utf8mb4(connection: BaseDatabaseWrapper) -> list[str]:
    """Write the statements, one for each table that needs it, after which installed apps can store every character."""
    statements = []
    for table in tables_short_of_utf8mb4(connection):
        collations = {
            column.name: _counterpart(column.collation)
            for column in text_columns(connection, table)
            if column.character_set != CHARACTER_SET
        }
        default = _counterpart(_table_collation(connection, table))
        statements.append(_alter(connection, table, collations, default=default))
    return statements


def tables_short_of_utf8mb4(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the tables of installed apps that cannot hold every character, by name."""
    if connection.vendor != "mysql":
        return []
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [
        table
        for table in sorted(tables)
        if not _table_collation(connection, table).startswith(f"{CHARACTER_SET}_")
        or any(column.character_set != CHARACTER_SET for column in text_columns(connection, table))
    ]


def text_columns(connection: BaseDatabaseWrapper, table: str) -> list[TextColumn]:
    """Return a table's columns of text, in their order."""
    rows = _rows(
        connection,
        "SELECT column_name, character_set_name, collation_name FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = %s AND collation_name IS NOT NULL ORDER BY ordinal_position",
        table,
    )
    return [TextColumn(*row) for row in rows]


def _table_collation(connection: BaseDatabaseWrapper, table: str) -> str:
    return _about_table(connection, table)[0]


def _about_table(connection: BaseDatabaseWrapper, table: str) -> tuple[str, str]:
    """Return a table's collation and row format."""
    rows = _rows(
        connection,
        "SELECT table_collation, row_format FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND table_name = %s",
        table,
    )
    collation, row_format = next(rows)
    return collation, row_format


def _rows(connection: BaseDatabaseWrapper, sql: str, *parameters: str) -> Iterator[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return iter(cursor.fetchall())


def _counterpart(collation: str) -> str:
    """Name utf8mb4's collation that compares as this one does."""
    character_set, _, rest = collation.partition("_")
    if character_set == CHARACTER_SET:
        return collation
    return f"{CHARACTER_SET}_{rest}" if character_set in ("utf8", "utf8mb3") else _FALLBACK


def _alter(
    connection: BaseDatabaseWrapper, table: str, collations: Mapping[str, str], *, default: str | None = None
) -> str:
    """Write the statement that changes nothing but the collations of some columns, and the table's default."""
    quote = connection.ops.quote_name
    (_, created) = next(_rows(connection, f"SHOW CREATE TABLE {quote(table)}"))
    definitions = {found["name"]: found for found in _DEFINITION.finditer(created)}
    changes = [
        f"MODIFY {quote(name)} {definitions[name]['type']} CHARACTER SET {CHARACTER_SET} COLLATE {collation}"
        f"{definitions[name]['rest']}"
        for name, collation in collations.items()
    ]
    if default:
        changes.append(f"DEFAULT CHARACTER SET {CHARACTER_SET} COLLATE {default}")
    if _about_table(connection, table)[1].lower() in _SHORT_KEYS:
        changes.append("ROW_FORMAT=DYNAMIC")
    return f"ALTER TABLE {quote(table)} {', '.join(changes)}"


def _refuse_blanks_that_differ(connection: BaseDatabaseWrapper, table: str, columns: Iterable[TextColumn]) -> None:
    """
    Look for rows of a unique index that only trailing blanks tell apart. Collations that do not pad allow them.

    :raises CommandError: there are some
    """
    unpadded = {column.name for column in columns if "_0900_" in column.collation or "nopad" in column.collation}
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        constraints = connection.introspection.get_constraints(cursor, table)
        for constraint in constraints.values():
            fields = constraint["columns"]
            if not constraint["unique"] or not unpadded & set(fields):
                continue
            exact = ", ".join(
                f"BINARY TRIM(TRAILING ' ' FROM {quote(field)})" if field in unpadded else quote(field)
                for field in fields
            )
            cursor.execute(
                f"SELECT GROUP_CONCAT(id ORDER BY id) FROM {quote(table)} GROUP BY {exact}"  # noqa: S608  (names of ours)
                " HAVING COUNT(*) > 1 LIMIT 10"
            )
            if found := [row[0] for row in cursor.fetchall()]:
                message = (
                    f"Rows of {table} differ by blanks at the end of {', '.join(fields)} alone: ids {'; '.join(found)}."
                    " Please rename or delete all but one of each, then run this again. The table has not been changed."
                )
                raise CommandError(message)
