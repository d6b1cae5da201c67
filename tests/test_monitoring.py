# SPDX-License-Identifier: AGPL-3.0-only
"""`/metrics`: off by default; what is counted, and what the database tells."""

import json
from typing import Any

import pytest
import yaml
from django.conf import settings as configured
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from edx_exams import monitoring
from edx_exams.logs import JSONFormatter, RequestIdFilter
from tests import tokens
from tests.factories import UserFactory, overdue_attempt, submitted_attempt
from tests.test_settings import CHECKOUT

pytestmark = pytest.mark.django_db


@pytest.fixture
def measured(settings: Settings) -> Client:
    """A client of a service whose metrics are on."""
    settings.METRICS_ENABLED = True
    return Client()


def values(client: Client) -> dict[str, float]:
    """The numbers on the page, by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    lines = [line for line in answer.content.decode().splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_it_is_off_by_default() -> None:
    assert configured.METRICS_ENABLED is False
    assert Client().get("/metrics").status_code == 404


def test_committed_transitions_are_counted(
    measured: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    name = 'edx_exams_attempt_transitions_total{status="submitted"}'
    before = values(measured).get(name, 0)
    with django_capture_on_commit_callbacks(execute=True):
        submitted_attempt()
    assert values(measured)[name] == before + 1


def test_responses_are_counted_by_the_urls_name(measured: Client) -> None:
    name = 'edx_exams_responses_total{status="405",view="health"}'
    before = values(measured).get(name, 0)
    measured.post("/health/")
    assert values(measured)[name] == before + 1


def test_backlogs_and_what_is_late_are_told(measured: Client) -> None:
    overdue_attempt()
    submitted_attempt()
    told = values(measured)
    assert told['edx_exams_backlog{queue="events",state="pending"}'] == 1
    assert told['edx_exams_backlog_oldest_seconds{queue="events",state="failed"}'] == 0
    assert told['edx_exams_backlog{queue="emails",state="failed"}'] == 0
    assert told["edx_exams_attempts_left_over"] == 1
    assert told["edx_exams_relay_lease_seconds"] == 0
    assert told["edx_exams_tools_without_key_set"] == 0
    assert told["edx_exams_database_up"] == 1


def test_without_the_database_the_counters_are_there_all_the_same(measured: Client) -> None:
    def unavailable(*_: Any) -> Any:
        raise OperationalError(2002, "Can't connect")

    with connection.execute_wrapper(unavailable):
        told = values(measured)
    assert told["edx_exams_database_up"] == 0
    assert "edx_exams_lock_waits_total" in told


def test_alerts_and_dashboard_name_metrics_that_exist(measured: Client) -> None:
    overdue_attempt()
    measured.get("/live/")
    monitoring._responses.labels("lti:launch", "200").inc(0)
    known = {name.partition("{")[0] for name in values(measured)} | {"edx_exams_attempt_transitions_total"}
    directory = CHECKOUT / "docs" / "how-tos" / "monitoring"
    rules = yaml.safe_load((directory / "alerts.yml").read_text())["groups"][0]["rules"]
    dashboard = yaml.safe_load((directory / "dashboard.json").read_text())
    expressions = [rule["expr"] for rule in rules]
    expressions += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    named = {word for text in expressions for word in _names(text)}
    assert len(rules) >= 8
    assert named <= known


def _names(expression: str) -> set[str]:
    words = expression.replace("(", " ").replace(")", " ").replace("{", " ").replace("[", " ").split()
    return {word for word in words if word.startswith("edx_exams_")}


def test_each_request_is_a_line_of_json_with_ids_and_duration(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LOG_REQUESTS = True
    learner = UserFactory.create(username="ada", lms_user_id=7)
    person = tokens.Person("ada", lms_user_id=7)
    caplog.set_level("INFO", logger="edx_exams.monitoring")
    client = Client(headers={**person.authorization("RS512"), "X-Request-ID": "abc-1"})
    client.get("/api/v1/exams/attempt/latest?secret=1")
    (record,) = [record for record in caplog.records if record.name == "edx_exams.monitoring"]
    RequestIdFilter().filter(record)
    line = json.loads(JSONFormatter().format(record))
    assert {name: line[name] for name in ("request_id", "user_id", "method", "path", "status")} == {
        "request_id": "abc-1",
        "user_id": learner.pk,
        "method": "GET",
        "path": "/api/v1/exams/attempt/latest",
        "status": 200,
    }
    assert line["duration_ms"] >= 0
    assert "secret" not in json.dumps(line)
    assert "ada" not in json.dumps(line)
