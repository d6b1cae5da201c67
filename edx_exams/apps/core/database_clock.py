# SPDX-License-Identifier: AGPL-3.0-only
"""The database's clock, which all processes share."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import DateTimeField
from django.db.models.functions import Now
from django.db.models.sql.compiler import SQLCompiler


class DatabaseNow(Now):
    """
    Time of the database, in UTC.

    Django's own `Now` is MySQL's local time, which is UTC only where the server was set up so.
    """

    output_field = DateTimeField()

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> tuple[str, Any]:
        """MySQL's and MariaDB's form, in microseconds."""
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **context)
