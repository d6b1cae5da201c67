# SPDX-License-Identifier: AGPL-3.0-only
"""Logging: a line a record on stdout, in the ecosystem's format or as JSON; no PII and no token in any."""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any, Final

from crum import get_current_request
from django.core.exceptions import ImproperlyConfigured

#: Ids that a record carries where there are any.
_IDS: Final = ("dd.trace_id", "dd.span_id", "request_id", "userid", "remoteip")

#: What the line of an answered request has besides.
_OF_REQUESTS: Final = ("user_id", "method", "path", "status", "duration_ms")

OPENEDX_FORMAT: Final = (
    "%(asctime)s %(levelname)s %(process)d [%(name)s] [%(filename)s:%(lineno)d] "
    "[dd.trace_id=%(dd.trace_id)s dd.span_id=%(dd.span_id)s] [request %(request_id)s] [user %(userid)s] "
    "[ip %(remoteip)s] - %(message)s"
)

#: A valid id of a request: what a proxy in front of us may put into `X-Request-ID`, and what we pass on.
REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


#: Loggers of libraries that write what no log of ours may hold, and the level from which on they are heard.
QUIET: Final = {
    # It logs the data of every event, names and addresses of learners included.
    "openedx_events.tooling": "WARNING",
    # It prints each refused token's traceback; a refusal is answered and counted, not an error of ours.
    "edx_rest_framework_extensions.auth.jwt": "CRITICAL",
    # It logs usernames of whoever signs in.
    "auth_backends": "CRITICAL",
}


def quieten_libraries() -> None:
    """Keep personal data of `QUIET` out of the logs, also where a deployment has a `LOGGING` of its own."""
    for name, level in QUIET.items():
        logging.getLogger(name).setLevel(level)


class RequestIdFilter(logging.Filter):
    """Adds the id that a proxy in front of us gave the request, where it looks like one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Never drops a record."""
        if request := get_current_request() or getattr(record, "answered_request", None):
            given = REQUEST_ID.fullmatch(request.headers.get("X-Request-ID", ""))
            record.request_id = given.group() if given else None
        else:
            record.request_id = None
        return True


class OpenedxFormatter(logging.Formatter):
    """A record as the ecosystem's line; ids that are missing print as 0."""

    def __init__(self) -> None:
        super().__init__(OPENEDX_FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        for name in _IDS:
            if getattr(record, name, None) is None:
                setattr(record, name, "0")
        return super().format(record)


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
            **{name: getattr(record, name, None) or "0" for name in _IDS},
        }
        line.update({name: getattr(record, name) for name in _OF_REQUESTS if hasattr(record, name)})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def logging_configuration(style: str) -> dict[str, Any]:
    """
    The `LOGGING` setting.

    :param style: `openedx` or `json`
    :raises ImproperlyConfigured: it is another
    """
    formatters: dict[str, dict[str, Any]] = {
        "openedx": {"()": "edx_exams.logs.OpenedxFormatter"},
        "json": {"()": "edx_exams.logs.JSONFormatter"},
    }
    if style not in formatters:
        message = f"LOGGING_FORMAT must be one of {', '.join(formatters)}."
        raise ImproperlyConfigured(message)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": formatters,
        "filters": {
            "remoteip": {"()": "edx_django_utils.logging.RemoteIpFilter"},
            "userid": {"()": "edx_django_utils.logging.UserIdFilter"},
            "request_id": {"()": "edx_exams.logs.RequestIdFilter"},
        },
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": style,
                "filters": ["remoteip", "userid", "request_id"],
            },
        },
        "root": {"handlers": ["console"], "level": "INFO"},
        "loggers": {
            # Django brings a handler of its own for debug mode, which would say everything twice.
            "django": {"handlers": [], "level": "INFO"},
            **{name: {"level": level} for name, level in QUIET.items()},
            "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
        },
    }
