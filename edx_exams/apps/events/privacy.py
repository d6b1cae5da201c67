"""
Keeping people out of the log.

On every failure the bus libraries log the whole event, names and addresses included, and raise errors that repeat it.
"""

import logging
from typing import Final, override

#: The loggers that do so. A filter works on the logger that it is put on, not on those below.
_LOGGERS: Final = (
    "edx_event_bus_kafka.internal.consumer",
    "edx_event_bus_kafka.internal.producer",
    "edx_event_bus_redis.internal.consumer",
    "edx_event_bus_redis.internal.producer",
)


class WithoutEventData(logging.Filter):
    """
    Shortens a failure's record to what failed: the library's words up to the data, and the class of the error.

    What is below a warning tells of ids and offsets, and passes.
    """

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno >= logging.WARNING:
            error = record.exc_info[0] if record.exc_info else None
            what = f"{record.funcName} failed" + (f" ({error.__name__})" if error else "")
            record.msg = f"{what}; what it said of the event is left out here"
            record.args, record.exc_info, record.exc_text, record.stack_info = (), None, None, None
        return True


def keep_event_data_out_of_logs() -> None:
    """Put the filter on the libraries' loggers, whatever `LOGGING` says. Twice is once."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(present, WithoutEventData) for present in logger.filters):
            logger.addFilter(WithoutEventData())
