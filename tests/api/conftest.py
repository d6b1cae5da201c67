# SPDX-License-Identifier: AGPL-3.0-only
"""Fixtures of the API's tests: the whole content of the tables, and answers held against the OpenAPI document."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

import pytest
from django.db import DEFAULT_DB_ALIAS
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.services.tables import Columns, Rows, changed, columns, rows

Snapshot = Callable[[], Rows]
Unchanged = Callable[[], AbstractContextManager[None]]


@pytest.fixture(autouse=True)
def _hold_answers_against_the_document(settings: Settings) -> None:
    settings.MIDDLEWARE = ["tests.api.conformance.HoldsAgainstDocument", *settings.MIDDLEWARE]


@pytest.fixture
def as_nobody() -> APIClient:
    """The client of someone without credentials."""
    return APIClient()


@cache
def _columns() -> Columns:
    return columns(DEFAULT_DB_ALIAS)


@pytest.fixture
def snapshot(db: None) -> Snapshot:
    """All rows of all tables."""
    return lambda: rows(DEFAULT_DB_ALIAS, _columns())


@pytest.fixture
def unchanged(snapshot: Snapshot) -> Unchanged:
    """Assert that a block changes nothing in any table."""

    @contextmanager
    def check() -> Iterator[None]:
        before = snapshot()
        yield
        assert not changed(before, snapshot())

    return check
