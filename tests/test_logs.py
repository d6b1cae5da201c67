# SPDX-License-Identifier: AGPL-3.0-only
"""The format of log lines."""

import json
import logging
import sys
from contextlib import suppress
from datetime import datetime
from logging.config import DictConfigurator
from typing import Any

import pytest
from django.conf import settings as django_settings

from edx_exams.logs import JSONFormatter, logging_configuration


def record(message: str = "Attempt 5 is over", **extra: Any) -> logging.LogRecord:
    """A record as a logger of ours makes it."""
    made = logging.getLogger("edx_exams.tests").makeRecord(
        "edx_exams.tests", logging.WARNING, "/somewhere/attempts.py", 7, message, (), None, extra=extra
    )
    made.process = 42
    return made


def formatted(style: str, made: logging.LogRecord) -> str:
    """The line that the configuration of that style writes."""
    configuration = logging_configuration(style)
    configurator = DictConfigurator(configuration)
    name = configuration["handlers"]["console"]["formatter"]
    formatter: logging.Formatter = configurator.configure_formatter(configuration["formatters"][name])
    return formatter.format(made)


class TestOpenEdxStyle:
    """The ecosystem's line."""

    def test_ids_that_are_missing_print_as_0(self) -> None:
        line = formatted("openedx", record())
        assert "WARNING 42 [edx_exams.tests] [attempts.py:7] [dd.trace_id=0 dd.span_id=0] " in line
        assert line.endswith(" - Attempt 5 is over")

    def test_ids_that_are_there_are_shown(self) -> None:
        ids: dict[str, Any] = {"dd.trace_id": "11", "dd.span_id": "22", "userid": 3, "remoteip": "127.0.0.1"}
        line = formatted("openedx", record(**ids))
        assert "[dd.trace_id=11 dd.span_id=22] " in line
        assert "[user 3] " in line
        assert "[ip 127.0.0.1] " in line


class TestJsonStyle:
    """One object a line."""

    def test_a_record_is_one_line_of_json(self) -> None:
        line = formatted("json", record("two\nlines"))
        assert "\n" not in line
        parsed = json.loads(line)
        assert datetime.fromisoformat(parsed.pop("time")).utcoffset() is not None
        assert parsed == {
            "level": "WARNING",
            "logger": "edx_exams.tests",
            "file": "attempts.py:7",
            "message": "two\nlines",
            "dd.trace_id": "0",
            "dd.span_id": "0",
            "request_id": "0",
            "remoteip": "0",
            "userid": "0",
        }

    def test_it_shows_the_ids_of_request_and_user(self) -> None:
        ids: dict[str, Any] = {"dd.trace_id": "11", "userid": 3}
        parsed = json.loads(JSONFormatter().format(record(**ids)))
        assert (parsed["dd.trace_id"], parsed["userid"]) == ("11", 3)

    def test_it_shows_a_traceback(self) -> None:
        made = record()
        with suppress(ValueError):
            try:
                int("x")
            finally:
                made.exc_info = sys.exc_info()
        assert "ValueError" in json.loads(JSONFormatter().format(made))["exception"]

    def test_what_json_does_not_know_is_shown_as_text(self) -> None:
        moment = datetime.fromisoformat("2026-03-02T12:00:00+00:00")
        assert json.loads(JSONFormatter().format(record(userid=moment)))["userid"] == str(moment)


@pytest.mark.parametrize("style", ["openedx", "json"])
def test_everything_goes_to_stdout(style: str) -> None:
    configuration = logging_configuration(style)
    (handler,) = configuration["handlers"].values()
    assert (handler["stream"], handler["formatter"]) == ("ext://sys.stdout", style)
    assert configuration["root"] == {"handlers": ["console"], "level": "INFO"}


def test_the_library_that_logs_the_data_of_events_is_kept_quiet() -> None:
    assert django_settings.LOGGING["loggers"]["openedx_events.tooling"]["level"] == "WARNING"
    assert not logging.getLogger("openedx_events.tooling").isEnabledFor(logging.INFO)
