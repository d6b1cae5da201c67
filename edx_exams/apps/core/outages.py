# SPDX-License-Identifier: AGPL-3.0-only
"""Log lines about a database that does not answer: the setting and the cause, once a minute, no values of rows."""

import logging
import time
from typing import Final

from django.db.utils import Error as DatabaseError
from django.db.utils import IntegrityError, InterfaceError, OperationalError

#: Seconds for which the same cause is not logged again by this process.
QUIET_SECONDS: Final = 60
#: Errors of MySQL and MariaDB about the connection: refused account, unknown database, server not reached or gone.
_CONNECTION: Final = frozenset({1040, 1044, 1045, 1049, 1053, 1130, 1698, 2002, 2003, 2005, 2006, 2013, 2026, 2059})

_last_logged: Final[dict[object, float]] = {}


def connection_fault(error: BaseException) -> str | None:
    """Say in one line why there is no connection to the database; None for an error that has another cause."""
    if not isinstance(error, (OperationalError, InterfaceError)) or not error.args:
        return None
    code, text = error.args[0], error.args[-1]
    if code not in _CONNECTION:
        return None
    return f"DATABASES: there is no connection to the database: {text} ({code})"


def log_database_error(log: logging.Logger, error: DatabaseError) -> None:
    """
    Log an error of the database.

    A connection that cannot be had is one line a minute. Of anything else the traceback is logged, except of a broken
    constraint: its text holds the values that broke it, which may be somebody's name.
    """
    if (fault := connection_fault(error)) is None:
        log.error("The database failed: %s", type(error).__name__, exc_info=not isinstance(error, IntegrityError))
    elif _is_due(error.args[0]):
        log.error("%s", fault)


def _is_due(cause: object) -> bool:
    """Tell whether this cause has not been logged for a while, and note that it is now."""
    now, last = time.monotonic(), _last_logged.get(cause)
    if last is not None and now - last < QUIET_SECONDS:
        return False
    _last_logged[cause] = now
    return True
