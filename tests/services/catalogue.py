# SPDX-License-Identifier: AGPL-3.0-only
"""A database's structure, from its own catalogue, in a form that two databases can be compared by."""

from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connections

#: Unique indexes that bear other names in databases of the earlier service.
NAMED_OTHERWISE: Final = frozenset(
    {
        ("core_user", ("anonymous_user_id",)),
        ("exams_courseexamconfiguration", ("course_id",)),
        ("exams_proctoringprovider", ("name",)),
    }
)


@dataclass(frozen=True)
class Column:
    """A column's type, whether it may be null, and its default as the database prints it."""

    type: str
    nullable: bool
    default: str | None


@dataclass(frozen=True)
class Index:
    """An index's columns; nameless if the database chose the name or it is one of :data:`NAMED_OTHERWISE`."""

    name: str | None
    columns: tuple[str, ...]
    unique: bool
    partial: bool = False


@dataclass
class Table:
    """One table."""

    columns: dict[str, Column] = field(default_factory=dict)
    indexes: set[Index] = field(default_factory=set)
    references: set[tuple[str, str, str]] = field(default_factory=set)
    checks: set[str] = field(default_factory=set)


def catalogue(alias: str) -> dict[str, Table]:
    """Every table of ``core`` with its columns, indexes, foreign keys and check constraints."""
    tables = _mariadb(alias) if connections[alias].vendor == "mysql" else _sqlite(alias)
    return {name: table for name, table in tables.items() if name.startswith(("exams_", "core_"))}


def _query(alias: str, sql: str) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _index(table: str, name: str | None, columns: tuple[str, ...], *, unique: bool, partial: bool = False) -> Index:
    nameless = (table, columns) in NAMED_OTHERWISE and unique
    return Index(None if nameless else name, columns, unique, partial)


def _mariadb(alias: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for table, column, kind, nullable, default in _query(
        alias,
        "SELECT table_name, column_name, column_type, is_nullable, column_default"
        " FROM information_schema.columns WHERE table_schema = DATABASE()",
    ):
        tables.setdefault(table, Table()).columns[column] = Column(
            kind, nullable == "YES", None if default == "NULL" else default
        )
    for table, name, columns, not_unique in _query(
        alias,
        "SELECT table_name, index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index), MAX(non_unique)"
        " FROM information_schema.statistics WHERE table_schema = DATABASE() GROUP BY table_name, index_name",
    ):
        tables[table].indexes.add(_index(table, name, tuple(columns.split(",")), unique=not not_unique))
    for table, column, other, key in _query(
        alias,
        "SELECT table_name, column_name, referenced_table_name, referenced_column_name"
        " FROM information_schema.key_column_usage"
        " WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL",
    ):
        tables[table].references.add((column, other, key))
    for table, clause in _query(
        alias,
        "SELECT table_name, check_clause"
        " FROM information_schema.check_constraints WHERE constraint_schema = DATABASE()",
    ):
        tables[table].checks.add(clause)
    return tables


def _sqlite(alias: str) -> dict[str, Table]:
    tables: dict[str, Table] = {}
    for (name,) in _query(alias, "SELECT name FROM sqlite_master WHERE type = 'table'"):
        table = tables[name] = Table()
        for _, column, kind, not_null, default, _key in _query(alias, f'PRAGMA table_info("{name}")'):
            table.columns[column] = Column(kind, not not_null, default)
        for _, index, unique, origin, partial in _query(alias, f'PRAGMA index_list("{name}")'):
            columns = tuple(column for _, _, column in _query(alias, f'PRAGMA index_info("{index}")'))
            table.indexes.add(
                _index(name, index if origin == "c" else None, columns, unique=bool(unique), partial=bool(partial))
            )
        for _, _, other, column, key, *_ in _query(alias, f'PRAGMA foreign_key_list("{name}")'):
            table.references.add((column, other, key))
    return tables
