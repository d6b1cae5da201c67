# SPDX-License-Identifier: AGPL-3.0-only
"""The sweep: what learners left running is submitted, in batches, by a command that ends politely."""

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import SystemCheckError
from django.db import OperationalError
from openedx_events.learning.signals import EXAM_ATTEMPT_SUBMITTED
from pytest_django import Settings

from edx_exams.apps.core.api import submit_timed_out_attempts
from edx_exams.apps.core.models import ExamAttempt
from tests.core.conftest import NOON, EventsOwed, Trail, every_statement, reloaded
from tests.factories import OldAttemptFactory, make_attempt, overdue_attempt, running_attempt, submitted_attempt

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)

COMMAND = "submit_timed_out_attempts"


def sweep(**options: Any) -> list[int]:
    return list(submit_timed_out_attempts(**{"batch_size": 100, **options}))


def said(**options: Any) -> str:
    out = StringIO()
    call_command(COMMAND, stdout=out, **options)
    return out.getvalue()


@pytest.fixture
def _keep_signal_handlers() -> Iterator[None]:
    """Give the process its handlers back, which the command takes while it loops."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_it_submits_all_that_is_over_as_of_when_it_was(trail: Trail, events_owed: EventsOwed) -> None:
    attempts = [running_attempt(time_limit_mins=minutes, at=NOON) for minutes in (10, 20, 30)]
    assert sweep(now=NOON + HOUR) == [3]
    for attempt, minutes in zip(attempts, (10, 20, 30), strict=True):
        assert reloaded(attempt).end_time == NOON + minutes * MINUTE
        assert trail(attempt) == ["created", "started", "submitted"]
    assert events_owed() == ["submitted"] * 3


def test_it_leaves_everything_else_alone() -> None:
    untouched = [
        running_attempt(at=NOON, time_limit_mins=61),
        make_attempt(at=NOON),
        submitted_attempt(at=NOON),
        OldAttemptFactory.create(status="started", start_time=NOON, allowed_time_limit_mins=30, extra_time_mins=31),
        OldAttemptFactory.create(status="started", start_time=NOON, allowed_time_limit_mins=30, paused_seconds=1900),
        OldAttemptFactory.create(
            status="started", start_time=NOON, allowed_time_limit_mins=30, paused_at=NOON + MINUTE
        ),
        OldAttemptFactory.create(status="error", start_time=NOON, allowed_time_limit_mins=30),
        OldAttemptFactory.create(status="expired", start_time=NOON, allowed_time_limit_mins=30),
    ]
    assert sum(sweep(now=NOON + HOUR)) == 0
    for attempt in untouched:
        assert reloaded(attempt).status == attempt.status


@pytest.mark.parametrize("status", ["started", "ready_to_submit"])
@pytest.mark.parametrize(("left", "submitted"), [(1.001, 0), (0.999, 1)])
def test_less_than_one_second_is_none(status: str, left: float, submitted: int) -> None:
    OldAttemptFactory.create(status=status, start_time=NOON, allowed_time_limit_mins=60)
    assert sum(sweep(now=NOON + HOUR - timedelta(seconds=left))) == submitted


@pytest.mark.parametrize("fields", [{"allowed_time_limit_mins": 60}, {"start_time": NOON}, {}])
def test_old_rows_without_start_or_limit_are_submitted(fields: dict[str, Any]) -> None:
    attempt = OldAttemptFactory.create(status="started", **fields)
    assert sweep(now=NOON) == [1]
    assert reloaded(attempt).end_time == NOON


def test_it_works_in_batches() -> None:
    for _ in range(5):
        overdue_attempt()
    assert sweep(batch_size=2) == [2, 2, 1]
    assert sweep(batch_size=2) == []


def test_two_attempts_of_one_learner_are_both_submitted(events_owed: EventsOwed) -> None:
    first = OldAttemptFactory.create(status="started", start_time=NOON, allowed_time_limit_mins=1)
    OldAttemptFactory.create(user=first.user, status="ready_to_submit", start_time=NOON, allowed_time_limit_mins=1)
    assert sweep(now=NOON + HOUR) == [2]
    assert events_owed() == ["submitted"] * 2


def test_an_attempt_that_somebody_else_ends_while_the_sweep_goes_on_is_passed_over(events_owed: EventsOwed) -> None:
    first, second, third = overdue_attempt(), overdue_attempt(), overdue_attempt()
    batches = submit_timed_out_attempts(batch_size=1)
    assert next(batches) == 1
    ExamAttempt.objects.filter(pk=second.pk).update(status="rejected")
    third.delete()
    assert list(batches) == [0, 0]
    assert reloaded(first).status == "submitted"
    assert events_owed() == ["submitted"]


def test_one_attempt_that_cannot_be_submitted_does_not_hold_up_the_others(
    caplog: pytest.LogCaptureFixture, events_owed: EventsOwed
) -> None:
    good = [overdue_attempt(), overdue_attempt()]
    bad = overdue_attempt(course_id="course-v1:Acme+Broken+2026")

    def fail(sql: str, params: Any) -> None:
        if "events_outboxevent" in sql and "course-v1:Acme+Broken+2026" in params:
            message = "no event of this course can be stored"
            raise ValueError(message)

    with every_statement(fail):
        assert sweep() == [2]
    assert [reloaded(attempt).status for attempt in (*good, bad)] == ["submitted", "submitted", "started"]
    assert f"Attempt {bad.pk} is out of time and was not submitted: EventNotRecorded" in caplog.text
    assert events_owed() == ["submitted"] * 2


class TestCommand:
    """`manage.py submit_timed_out_attempts`."""

    def test_its_last_line_is_a_sum(self) -> None:
        overdue_attempt()
        overdue_attempt()
        assert said().splitlines()[-1] == "Timed out attempts submitted: 2"
        assert said() == "Timed out attempts submitted: 0\n"

    def test_help_shows_examples(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as exit_:
            call_command(COMMAND, "--help")
        assert exit_.value.code == 0
        text = capsys.readouterr().out
        assert "Examples:" in text
        assert f"manage.py {COMMAND} --loop 30" in text

    @pytest.mark.parametrize("options", [{"loop": 0.0}, {"loop": -1.0}, {"batch_size": 0}])
    def test_numbers_that_make_no_sense_are_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(CommandError, match="above zero"):
            said(**options)

    def test_it_does_not_run_with_settings_that_must_not_be(self, settings: Settings) -> None:
        settings.REFUSE_PLACEHOLDER_SECRETS = True
        settings.SECRET_KEY = "replace-me"
        attempt = overdue_attempt()
        with pytest.raises(SystemCheckError, match="SECRET_KEY"):
            said()
        assert reloaded(attempt).status == "started"

    @pytest.mark.usefixtures("_keep_signal_handlers")
    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_the_loop_after_the_batch_in_hand(self, ending: signal.Signals) -> None:
        attempts = [overdue_attempt() for _ in range(3)]

        def end(**event: Any) -> None:
            os.kill(os.getpid(), ending)

        EXAM_ATTEMPT_SUBMITTED.connect(end)
        try:
            text = said(loop=60.0, batch_size=1)
        finally:
            EXAM_ATTEMPT_SUBMITTED.disconnect(end)
        assert text == "Timed out attempts submitted: 1\n"
        assert sorted(reloaded(attempt).status for attempt in attempts) == ["started", "started", "submitted"]

    @pytest.mark.usefixtures("_keep_signal_handlers")
    def test_the_loop_goes_on_sweeping_and_says_nothing_where_it_did_nothing(self) -> None:
        sweeps = 0

        def count(sql: str, params: Any) -> None:
            nonlocal sweeps
            if not sql.startswith('SELECT "exams_examattempt"."id"'):
                return
            sweeps += 1
            if sweeps == 2:
                overdue_attempt()
            if sweeps == 4:
                os.kill(os.getpid(), signal.SIGTERM)

        with every_statement(lambda sql, params: count(sql, params) if "user_id" not in sql else None):
            text = said(loop=0.01)
        assert sweeps == 4
        assert text == "Timed out attempts submitted: 1\n"

    @pytest.mark.usefixtures("_keep_signal_handlers")
    def test_a_database_that_is_away_is_waited_for(self, caplog: pytest.LogCaptureFixture) -> None:
        attempt = overdue_attempt()
        sweeps = 0

        def fail_once(sql: str, params: Any) -> None:
            nonlocal sweeps
            if sql.startswith('SELECT "exams_examattempt"."id"') and "user_id" not in sql:
                sweeps += 1
                if sweeps == 1:
                    raise OperationalError(2006, "Server has gone away")
                os.kill(os.getpid(), signal.SIGTERM)

        with every_statement(fail_once):
            said(loop=0.01)
        assert "DATABASES: there is no connection to the database: Server has gone away (2006)" in caplog.messages
        assert reloaded(attempt).status == "submitted"
