# SPDX-License-Identifier: AGPL-3.0-only
"""Each alert fires for its cause and for no other: our own `/metrics`, evaluated by Prometheus' own `promtool`."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from edx_exams.apps.core.models import OwedEmail, OwedEmailState
from edx_exams.apps.core.transactions import write_transaction
from edx_exams.apps.events.lease import OUTBOX
from edx_exams.apps.events.models import OutboxEvent, OutboxState, RelayLease
from edx_exams.apps.lti.models import LtiTool
from tests.events.owed import owe
from tests.factories import overdue_attempt, submitted_attempt

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("promtool") is None, reason="apt-get install prometheus"),
]

RULES: Final = Path(__file__).resolve().parents[2] / "docs" / "how-tos" / "monitoring" / "alerts.yml"
ALERTS: Final = [rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
#: Seconds between two looks of Prometheus, and the time for which a cause lasts.
EVERY: Final = 15
MINUTES: Final = 30

Metrics = dict[str, float]


@pytest.fixture
def scrape(settings: Settings) -> Callable[[], Metrics]:
    """Returns what Prometheus reads."""
    settings.METRICS_ENABLED = True
    client = Client()

    def read() -> Metrics:
        lines = client.get("/metrics").content.decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if line.startswith("edx_exams_")]
        return {series: float(value) for series, _, value in pairs if "_created" not in series}

    return read


@pytest.fixture(autouse=True)
def _relay_at_work() -> None:
    RelayLease.objects.update_or_create(name=OUTBOX, defaults={"expires": timezone.now() + timedelta(minutes=5)})


@contextmanager
def database_away() -> Iterator[None]:
    """The server answers no statement."""

    def unavailable(*_: Any) -> Any:
        raise OperationalError(2002, "Can't connect")

    with connection.execute_wrapper(unavailable):
        yield


def event_that_is(state: OutboxState, minutes: float) -> None:
    OutboxEvent.objects.filter(pk=owe().pk).update(state=state, created=timezone.now() - timedelta(minutes=minutes))


def email_that_is(state: OwedEmailState, minutes: float) -> None:
    attempt = submitted_attempt()
    OutboxEvent.objects.all().delete()
    OwedEmail.objects.create(
        attempt=attempt, kind="submitted", state=state, due_since=timezone.now() - timedelta(minutes=minutes)
    )


def no_relay() -> None:
    RelayLease.objects.all().delete()


def tool_without_key_set() -> None:
    LtiTool.objects.create(
        oidc_login_url="https://tool.example.org/login",
        launch_url="https://tool.example.org/launch",
        keyset_url="https://tool.example.org/keys",
        keyset_tried_at=timezone.now(),
    )


def error_of_the_server() -> None:
    """A request that the database fails."""
    with database_away():
        assert Client().get("/ready/").status_code == 503


def wait_for_a_lock() -> None:
    """Twenty transactions that find the database locked once each."""
    for _ in range(20):
        tries = iter([OperationalError("database is locked"), None])

        @write_transaction
        def change() -> None:
            if (error := next(tries)) is not None:  # noqa: B023
                raise error

        change()


#: Alert by what brings it about.
STANDING: Final[dict[str, Callable[[], object]]] = {
    "ExamsEventsLate": lambda: event_that_is(OutboxState.pending, minutes=6),
    "ExamsRelayMissing": no_relay,
    "ExamsEventsFailed": lambda: event_that_is(OutboxState.failed, minutes=0),
    "ExamsEventsWaiting": lambda: event_that_is(OutboxState.waiting, minutes=25 * 60),
    "ExamsEmailsFailed": lambda: email_that_is(OwedEmailState.failed, minutes=0),
    "ExamsEmailsLate": lambda: email_that_is(OwedEmailState.pending, minutes=16),
    "ExamsSweepLate": overdue_attempt,
    "ExamsToolWithoutKeySet": tool_without_key_set,
}
#: The same of what happens again between two looks.
HAPPENING: Final[dict[str, Callable[[], None]]] = {
    "ExamsServerErrors": error_of_the_server,
    "ExamsLockWaits": wait_for_a_lock,
}


def firing(before: Metrics, after: Metrics, directory: Path) -> set[str]:
    """
    Return the alerts that fire half an hour later.

    :param before: what is seen at the first look
    :param after: at the second; gauges stay, and counters grow on as they did
    """
    series = [
        {
            "series": name,
            "values": f"{before.get(name, 0)}+{value - before.get(name, 0)}x{MINUTES * 60 // EVERY}"
            if "_total" in name
            else f"{value}x{MINUTES * 60 // EVERY}",
        }
        for name, value in after.items()
    ]
    alert_tests = [{"eval_time": f"{MINUTES}m", "alertname": alert, "exp_alerts": []} for alert in ALERTS]
    file = directory / "tests.json"
    every = f"{EVERY}s"
    tests = [{"interval": every, "input_series": series, "alert_rule_test": alert_tests}]
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": every, "tests": tests}))
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True)
    # It fails for each alert that fires, for none was expected, and names it.
    said = done.stdout + done.stderr
    fired = {alert for alert in ALERTS if f"alertname: {alert}," in said}
    assert bool(fired) == bool(done.returncode), said
    return fired


def test_promtool_has_nothing_to_say_of_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_cause_here() -> None:
    assert {"ExamsDatabaseUnavailable", *STANDING, *HAPPENING} == set(ALERTS)


def test_none_fires_while_all_is_well(scrape: Callable[[], Metrics], tmp_path: Path) -> None:
    owe()
    assert firing(scrape(), scrape(), tmp_path) == set()


@pytest.mark.parametrize("alert", STANDING)
def test_an_alert_fires_for_its_cause_alone(alert: str, scrape: Callable[[], Metrics], tmp_path: Path) -> None:
    before = scrape()
    STANDING[alert]()
    assert firing(before, scrape(), tmp_path) == {alert}


@pytest.mark.parametrize("alert", HAPPENING)
def test_an_alert_fires_for_what_goes_on(alert: str, scrape: Callable[[], Metrics], tmp_path: Path) -> None:
    scrape()
    HAPPENING[alert]()  # so that the counter is there
    before = scrape()
    HAPPENING[alert]()
    assert firing(before, scrape(), tmp_path) == {alert}


def test_an_alert_fires_without_a_database(scrape: Callable[[], Metrics], tmp_path: Path) -> None:
    before = scrape()
    with database_away():
        assert firing(before, scrape(), tmp_path) == {"ExamsDatabaseUnavailable"}
