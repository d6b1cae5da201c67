# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of the domain's tests: an attempt's history, the events owed, times that do not move."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from edx_exams.apps.core.models import ExamAttempt, User
from edx_exams.apps.events.models import OutboxEvent
from tests.factories import UserFactory

#: A moment at which tests happen that say what time it is.
NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)

EventsOwed = Callable[[], list[str]]
Trail = Callable[[ExamAttempt], list[str]]


def reloaded(attempt: ExamAttempt) -> ExamAttempt:
    """The attempt as the database has it."""
    return ExamAttempt.objects.select_related("exam", "user").get(pk=attempt.pk)


@contextmanager
def every_statement(look: Callable[[str, Any], None]) -> Iterator[None]:
    """Let `look` see each statement with its parameters before the database does."""

    def wrapper(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        look(sql, params)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield


@pytest.fixture
def events_owed(db: None) -> EventsOwed:
    """The outcomes that events in the outbox tell of, oldest first: `submitted`, `verified` …"""

    def read() -> list[str]:
        types = OutboxEvent.objects.order_by("pk").values_list("event_type", flat=True)
        return [
            event_type.removeprefix("org.openedx.learning.exam.attempt.").removesuffix(".v1") for event_type in types
        ]

    return read


@pytest.fixture
def trail(db: None) -> Trail:
    """The statuses that an attempt's history tells of, oldest first."""

    def read(attempt: ExamAttempt) -> list[str]:
        return list(ExamAttempt.history.filter(id=attempt.pk).order_by("history_id").values_list("status", flat=True))

    return read


@pytest.fixture
def without_one_active_exam_each(db: None) -> None:
    """A database that lets several exams of one content be active, as MySQL and MariaDB do."""
    with connection.cursor() as cursor:
        cursor.execute('DROP INDEX "only one exam instance active"')


# The admin


def browser_of(user: User) -> Client:
    """The browser of someone who is logged in."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def superuser(db: None) -> User:
    """Someone who may do everything in the admin."""
    return UserFactory.create(username="root", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(superuser: User) -> Client:
    """The superuser's browser."""
    return browser_of(superuser)


def page(model: type[Model], name: str, *args: Any) -> str:
    """The path of a page of the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def text_of(response: Any) -> str:
    """The page that was answered."""
    assert response.status_code == 200
    text: str = response.content.decode()
    return text
