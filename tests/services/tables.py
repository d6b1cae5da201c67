# SPDX-License-Identifier: AGPL-3.0-only
"""Rows as they stand in the tables, to see whether anything changed."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connections

Columns = Mapping[str, Sequence[str]]
Rows = dict[str, list[tuple[Any, ...]]]


def columns(alias: str) -> dict[str, tuple[str, ...]]:
    """The columns of every table."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        return {
            table: tuple(column.name for column in connection.introspection.get_table_description(cursor, table))
            for table in connection.introspection.table_names(cursor)
        }


def rows(alias: str, of: Columns) -> Rows:
    """All rows of some tables, in some columns, sorted."""
    quote = connections[alias].ops.quote_name
    found: Rows = {}
    with connections[alias].cursor() as cursor:
        for table, names in of.items():
            cursor.execute(f"SELECT {', '.join(map(quote, names))} FROM {quote(table)}")
            found[table] = sorted(map(tuple, cursor.fetchall()), key=repr)
    return found


def changed(before: Rows, after: Rows) -> str:
    """Describe the differences in words; empty if there are none."""
    return "\n".join(
        f"{table}: gone {_few(was, now)}; new {_few(now, was)}"
        for table, was in before.items()
        if (now := after[table]) != was
    )


def _few(these: list[tuple[Any, ...]], others: list[tuple[Any, ...]]) -> str:
    only = [row for row in these if row not in others]
    return f"{[repr(row)[:400] for row in only[:3]]}{' and more' if len(only) > 3 else ''}"
