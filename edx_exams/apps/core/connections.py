# SPDX-License-Identifier: AGPL-3.0-only
"""Settings that every connection to the database needs, whoever configured it."""

import sqlite3
from typing import Any, Final

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper

from edx_exams.apps.core.database_times import read_datetime
from edx_exams.apps.core.unstorable_text import refuse_unstorable_text


def tune_connection(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Set up a connection that has just been made: a receiver of `connection_created`."""
    if refuse_unstorable_text not in connection.execute_wrappers:  # a connection that was closed comes again
        connection.execute_wrappers.append(refuse_unstorable_text)
    if connection.vendor == "sqlite":
        # Django assumes the smallest SQLite there is and would cut bulk writes into pieces of 999 values.
        connection.features.max_query_params = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    elif connection.vendor == "mysql":
        _tune_mysql(connection)


def _tune_mysql(connection: BaseDatabaseWrapper) -> None:
    # Installed with this database alone.
    from MySQLdb.constants import FIELD_TYPE  # type: ignore[import-untyped]  # noqa: PLC0415

    connection.connection.converter |= dict.fromkeys((FIELD_TYPE.DATETIME, FIELD_TYPE.TIMESTAMP), read_datetime)
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION {_SESSION}", [settings.LOCK_WAIT_TIMEOUT])


#: Variables of each session. What stands in a comment is for MariaDB of that version and newer.
_SESSION: Final = (
    # The server's 50 s would outlive the worker; we run a transaction again instead.
    "innodb_lock_wait_timeout = %s"
    # Of a list of ids it would count the rows of each before it reads them.
    ", eq_range_index_dive_limit = 10"
    # It would make a sub-query of a list of a thousand ids, and read the whole table for it.
    " /*M!100318 , in_predicate_conversion_threshold = 0 */"
    # For a learner's few attempts it would look at each poll whether an index of all attempts in progress could filter
    # them. No statement of ours gains by such a filter.
    " /*M!100403 , optimizer_switch = 'rowid_filter=off' */"
)
