# SPDX-License-Identifier: AGPL-3.0-only
"""Log lines about a database that does not answer."""

import logging

import pytest
from django.db.utils import Error as DatabaseError
from django.db.utils import IntegrityError, InterfaceError, OperationalError

from edx_exams.apps.core import outages

LOG = logging.getLogger("edx_exams.tests.outages")

REFUSED = OperationalError(1045, "Access denied for user 'exams'@'localhost' (using password: YES)")


@pytest.fixture(autouse=True)
def _forget_earlier_causes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "_last_logged", {})


def logged(error: DatabaseError, caplog: pytest.LogCaptureFixture, times: int = 1) -> list[logging.LogRecord]:
    caplog.clear()
    for _ in range(times):
        outages.log_database_error(LOG, error)
    return caplog.records


def test_a_refused_account_is_one_line_a_minute_with_setting_and_cause(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (line,) = logged(REFUSED, caplog, times=20)
    assert line.getMessage().startswith("DATABASES: there is no connection to the database: Access denied for user")
    assert line.getMessage().endswith("(1045)")
    assert not line.exc_info
    monkeypatch.setattr(outages, "QUIET_SECONDS", 0)
    assert len(logged(REFUSED, caplog)) == 1


def test_another_cause_is_logged_at_once(caplog: pytest.LogCaptureFixture) -> None:
    logged(REFUSED, caplog)
    assert len(logged(InterfaceError(2013, "Lost connection to server during query"), caplog)) == 1


def test_the_values_of_a_broken_constraint_are_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = logged(IntegrityError(1062, "Duplicate entry 'ada'"), caplog)
    assert "ada" not in caplog.text
    assert line.getMessage() == "The database failed: IntegrityError"


@pytest.mark.parametrize(
    "error", [OperationalError("database is locked"), OperationalError(), InterfaceError("closed")]
)
def test_what_does_not_concern_the_connection_keeps_its_traceback(
    error: DatabaseError, caplog: pytest.LogCaptureFixture
) -> None:
    assert [bool(line.exc_info) for line in logged(error, caplog, times=2)] == [True, True]
