# SPDX-License-Identifier: AGPL-3.0-only
"""Times as MySQL gives them, read in a fraction of the time that its driver and Django take for them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from django.db.backends.base.base import BaseDatabaseWrapper


def read_datetime(text: str) -> datetime | None:
    """
    Read a time as MySQL writes it: mysqlclient's own reader is written in Python and takes ten times as long.

    :returns: without a zone; None for what is no time, such as MySQL's zero date
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


#: The same moment with and without its zone.
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_EPOCH_WITHOUT_ZONE: Final = _EPOCH.replace(tzinfo=None)


def quicker(convert: Callable[..., Any], connection: BaseDatabaseWrapper) -> Callable[..., Any]:
    """
    Return what converts a column's values as this converter of Django's does, in less time.

    :param convert: as a compiler's `get_converters` has it
    """
    if connection.vendor != "mysql" or connection.timezone is not UTC:
        return convert
    operations: Any = connection.ops
    return _in_utc if convert == operations.convert_datetimefield_value else convert


def _in_utc(value: datetime | None, _column: object, _connection: object) -> datetime | None:
    """Put the zone to a time that is read without one: `replace` takes seven times as long."""
    return None if value is None else _EPOCH + (value - _EPOCH_WITHOUT_ZONE)
