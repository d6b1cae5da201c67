# SPDX-License-Identifier: AGPL-3.0-only
"""
Keeps personal data out of the log.

On every failure the bus libraries log the whole event, names and addresses included, and raise errors that repeat it.
So does Django where a receiver fails, for a database's error quotes the row that it refused.
"""

import logging
import traceback
from typing import Final, override

#: The loggers that do so. A filter works on the logger that it is put on, not on those below.
_LOGGERS: Final = (
    "edx_event_bus_kafka.internal.consumer",
    "edx_event_bus_kafka.internal.producer",
    "edx_event_bus_redis.internal.consumer",
    "edx_event_bus_redis.internal.producer",
    "django.dispatch",
)
#: Logs at INFO what each receiver of an event returned or raised, with the traceback.
_VERBOSE_LOGGER: Final = "openedx_events.tooling"


def describe(error: BaseException) -> str:
    """Describe an error without its text, which may quote data: by its class, and a database's number for it."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    return f"{type(error).__name__} {number}" if number is not None else type(error).__name__


def place(error: BaseException) -> str:
    """Return the line that raised an error, as `module.py:12`; empty if it was not raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""


class WithoutEventData(logging.Filter):
    """
    Shortens a failure's record to what failed: the library's function, the class of the error and where it was raised.

    What is below a warning tells of ids and offsets, and passes.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            error = record.exc_info[1] if record.exc_info else None
            what = f"{record.funcName} failed" + (f" ({describe(error)}, {place(error)})" if error else "")
            record.msg = f"{what}; details are left out because they may hold personal data"
            record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


class WarningsOnly(logging.Filter):
    """Drops what is below a warning."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


def keep_event_data_out_of_logs() -> None:
    """Put the filters on the libraries' loggers, whatever `LOGGING` says. Twice is once."""
    for name, kind in [*((name, WithoutEventData) for name in _LOGGERS), (_VERBOSE_LOGGER, WarningsOnly)]:
        logger = logging.getLogger(name)
        if not any(isinstance(present, kind) for present in logger.filters):
            logger.addFilter(kind())
