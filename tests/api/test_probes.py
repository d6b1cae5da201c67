# SPDX-License-Identifier: AGPL-3.0-only
"""Probes: what restarts a process, and what takes it out of the load balancer."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from edx_exams.apps.api import probes


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_known", set())


def unavailable(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    raise OperationalError(2002, "Can't connect")


@pytest.mark.parametrize("path", ["/live/", "/live"])
def test_a_process_is_live_without_any_database(path: str, client: Client) -> None:
    answer = client.get(path)  # the database is out of bounds for this test
    assert (answer.status_code, answer.json()) == (200, {"status": "OK"})


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/ready/", "/ready", "/heartbeat/", "/heartbeat"])
def test_it_is_ready_where_the_database_answers(
    path: str, client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    assert client.get(path).json() == {"status": "OK"}
    with django_assert_num_queries(1):  # migrations are looked at until they are applied
        assert client.head(path).status_code == 200
    assert client.post(path).status_code == 405
    with connection.execute_wrapper(unavailable):
        answer = client.get(path)
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database is unavailable.")


@pytest.mark.django_db
def test_it_is_not_ready_before_the_migrations_are_applied(client: Client) -> None:
    MigrationRecorder(connection).migration_qs.filter(app="lti").delete()
    answer = client.get("/ready/")
    assert answer.status_code == 503
    assert "migrations are not applied" in answer.json()["detail"]
