# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of all fast tests: people, what they send, and counting what the database is asked."""

import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from tests import tokens
from tests.factories import CourseStaffRoleFactory, UserFactory

pytest_plugins = ["tests.sampling"]

ClientFor = Callable[[User], APIClient]
CountStatements = Callable[[int], AbstractContextManager[None]]


def pytest_configure() -> None:
    """Look for garbage seldom: a fifth of the tests' time goes into going through what was imported."""
    gc.set_threshold(50_000, 50, 50)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected to the end: none of it is garbage before."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _environment() -> Iterator[None]:
    """The service knows the key with which `tests.tokens` signs, and looks for no static files that nobody gathered."""
    jwt_auth = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": tokens.public_jwk_set()}
    with override_settings(JWT_AUTH=jwt_auth, STATIC_ROOT=None):
        yield


def person(user: User) -> tokens.Person:
    """Someone as the LMS introduces them."""
    return tokens.Person(
        username=user.username,
        lms_user_id=user.lms_user_id,
        email=user.email,
        full_name=user.full_name,
        administrator=user.is_staff,
    )


@pytest.fixture
def client_for() -> ClientFor:
    """A client of the API that is a given person."""

    def make(user: User) -> APIClient:
        return APIClient(headers=person(user).authorization())

    return make


@pytest.fixture
def learner(db: None) -> User:
    """Someone who takes exams."""
    return UserFactory.create()


@pytest.fixture
def course_team(db: None) -> User:
    """A member of the team of the course that factories make things for."""
    return CourseStaffRoleFactory.create().user


@pytest.fixture
def global_staff(db: None) -> User:
    """Someone who administers the platform."""
    return UserFactory.create(is_staff=True)


@pytest.fixture
def as_learner(client_for: ClientFor, learner: User) -> APIClient:
    """The learner's client."""
    return client_for(learner)


@pytest.fixture
def as_course_team(client_for: ClientFor, course_team: User) -> APIClient:
    """The course team's client."""
    return client_for(course_team)


@pytest.fixture
def statements_of() -> Callable[[Callable[[], Any]], list[str]]:
    """The SQL statements that a call makes, those of its transactions included."""

    def run(call: Callable[[], Any]) -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            call()
        return [query["sql"] for query in captured.captured_queries]

    return run


@pytest.fixture
def at_most() -> CountStatements:
    """Assert that a block makes at most so many SQL statements."""

    @contextmanager
    def check(statements: int) -> Iterator[None]:
        with CaptureQueriesContext(connection) as captured:
            yield
        made = [query["sql"] for query in captured.captured_queries]
        assert len(made) <= statements, "\n".join([f"{len(made)} statements:", *made])

    return check
