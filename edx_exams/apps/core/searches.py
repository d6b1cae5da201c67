# SPDX-License-Identifier: AGPL-3.0-only
"""
Searches that do not regard case, on every database.

On MySQL and MariaDB Django leaves `icontains` and its siblings to the column's collation. The columns that identify
compare to the letter (`core.collations`), so there a search names its own collation. It converts the column first: one
that lacks a character of the pattern would be an error, and so finds nothing.
"""

from typing import Any, ClassVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, TextField
from django.db.models.lookups import IContains, IEndsWith, IExact, IStartsWith, Lookup
from django.db.models.sql.compiler import SQLCompiler

#: Known to MySQL and MariaDB alike.
_COLLATION = "utf8mb4_unicode_ci"


class _Search(Lookup):
    """Mixin: on MySQL compares under a collation of its own, whatever the column's is."""

    #: Of lookups whose pattern is the value itself.
    operator: ClassVar[str] = "LIKE"

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """Write the comparison for MySQL and MariaDB."""
        if not self.rhs_is_direct_value():
            return self.as_sql(compiler, connection)
        column, column_parameters = self.process_lhs(compiler, connection)
        pattern, pattern_parameters = self.process_rhs(compiler, connection)
        sql = f"CONVERT({column} USING utf8mb4) COLLATE {_COLLATION} {self.operator} {pattern}"
        return sql, (*column_parameters, *pattern_parameters)


@CharField.register_lookup
@TextField.register_lookup
class SearchContains(_Search, IContains):
    """`username__icontains=…`."""


@CharField.register_lookup
@TextField.register_lookup
class SearchStartsWith(_Search, IStartsWith):
    """`username__istartswith=…`."""


@CharField.register_lookup
@TextField.register_lookup
class SearchEndsWith(_Search, IEndsWith):
    """`username__iendswith=…`."""


@CharField.register_lookup
@TextField.register_lookup
class SearchExact(_Search, IExact):
    """`username__iexact=…`."""
