# SPDX-License-Identifier: AGPL-3.0-only
"""The domain app."""

import sqlite3
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from edx_exams.apps.core.unstorable_text import refuse_unstorable_text
from edx_exams.logs import quieten_libraries


def _tune_connection(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Set what every connection needs, whoever configured the database."""
    if refuse_unstorable_text not in connection.execute_wrappers:  # a connection that was closed comes again
        connection.execute_wrappers.append(refuse_unstorable_text)
    if connection.vendor == "sqlite":
        # Django assumes the smallest SQLite there is and would cut bulk writes into pieces of 999 values.
        connection.features.max_query_params = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
    elif connection.vendor == "mysql":
        with connection.cursor() as cursor:
            # The server's 50 s would outlive the worker; we run a transaction again instead. And MariaDB, not MySQL,
            # would make a sub-query of a list of a thousand ids, and read the whole table for it.
            cursor.execute(
                "SET SESSION innodb_lock_wait_timeout = %s /*M!100318 , in_predicate_conversion_threshold = 0 */",
                [settings.LOCK_WAIT_TIMEOUT],
            )


class CoreConfig(AppConfig):
    """Exams, attempts, who may do what, and everything else that is the domain."""

    name = "edx_exams.apps.core"
    label = "core"
    default_auto_field = "django.db.models.AutoField"
    verbose_name = "Special exams"

    def ready(self) -> None:
        """Register the checks and the connections' settings."""
        from edx_exams.apps.core import checks, database_checks  # noqa: F401, PLC0415  (register themselves)
        from edx_exams.apps.core.metrics import attempts_left_over, register_gauge  # noqa: PLC0415  (needs the models)

        quieten_libraries()
        register_gauge(
            "edx_exams_attempts_left_over",
            "Attempts whose time has been over for a minute: the sweep is late.",
            attempts_left_over,
        )
        connection_created.connect(_tune_connection, dispatch_uid="edx_exams.core.tune_connection")
