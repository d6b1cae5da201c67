"""How the service logs: a line a record on stdout, in the ecosystem's format or as JSON; no PII and no token in any."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

_IDS: Final = {"dd.trace_id": "0", "dd.span_id": "0", "remoteip": None, "userid": None}

OPENEDX_FORMAT: Final = (
    "%(asctime)s %(levelname)s %(process)d [%(name)s] [%(filename)s:%(lineno)d] "
    "[dd.trace_id=%(dd.trace_id)s dd.span_id=%(dd.span_id)s] [user %(userid)s] [ip %(remoteip)s] - %(message)s"
)


class JSONFormatter(logging.Formatter):
    """A record as one JSON object a line, for collectors that parse."""

    def format(self, record: logging.LogRecord) -> str:
        """The record's time (UTC, ISO 8601), level, logger, place, ids of request and user, message and traceback."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "file": f"{record.filename}:{record.lineno}",
            "message": record.getMessage(),
            **{name: getattr(record, name, missing) for name, missing in _IDS.items()},
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def logging_configuration(style: str) -> dict[str, Any]:
    """
    The `LOGGING` setting.

    :param style: `openedx` or `json`
    """
    formatters: dict[str, dict[str, Any]] = {
        "openedx": {"format": OPENEDX_FORMAT, "defaults": _IDS},
        "json": {"()": "edx_exams.logs.JSONFormatter"},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "filters": {
            "remoteip": {"()": "edx_django_utils.logging.RemoteIpFilter"},
            "userid": {"()": "edx_django_utils.logging.UserIdFilter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": style,
                "filters": ["remoteip", "userid"],
            },
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # Django brings a handler of its own for debug mode, which would say everything twice.
            "django": {"handlers": [], "level": "INFO"},
            # It logs the data of every event, names and addresses of learners included.
            "openedx_events.tooling": {"level": "WARNING"},
            # It prints each refused token's traceback; a refusal is answered and counted, not an error of ours.
            "edx_rest_framework_extensions.auth.jwt": {"level": "CRITICAL"},
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
