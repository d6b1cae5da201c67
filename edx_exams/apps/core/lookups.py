"""Comparing identifiers byte by byte, on every database."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Lookup
from django.db.models.sql.compiler import SQLCompiler


@CharField.register_lookup
class Exactly(Lookup):
    """
    `course_id__exactly=…`: equal to the letter.

    MySQL and MariaDB compare text without regard to case, accents and trailing blanks, under the collation that
    existing databases have, while course and usage keys that differ in case name different things: a team must not be
    let into the course `course-v1:Acme+Bio+R1` because it works in `course-v1:acme+bio+r1`. The plain comparison beside
    the exact one lets the database use its index.
    """

    lookup_name = "exactly"

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Equality, which is exact where the collation is binary."""
        column, column_parameters = self.process_lhs(compiler, connection)
        value, value_parameters = self.process_rhs(compiler, connection)
        return f"{column} = {value}", (*column_parameters, *value_parameters)

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Equality by the collation, which has an index, and equality of the bytes."""
        column, column_parameters = self.process_lhs(compiler, connection)
        value, value_parameters = self.process_rhs(compiler, connection)
        parameters = (*column_parameters, *value_parameters)
        sql = f"({column} = {value} AND CAST({column} AS BINARY) = CAST({value} AS BINARY))"
        return sql, parameters * 2
