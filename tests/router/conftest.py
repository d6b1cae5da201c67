# SPDX-License-Identifier: AGPL-3.0-only
"""A course that is not ours, and the stand-in that has it."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from edx_exams.apps.core.models import User
from edx_exams.apps.router import client
from tests.conftest import ClientFor
from tests.router import legacy_lms
from tests.router.legacy_lms import LegacyLms

#: Seconds for the tests in which nobody answers.
SHORT_TIMEOUT: Final = 0.1

PassSeconds = Callable[[float], None]


@pytest.fixture
def with_legacy_service(settings: Settings) -> Iterator[None]:
    """Courses without a provider are not ours."""
    settings.LEGACY_EXAMS_ENABLED = True
    settings.BACKEND_SERVICE_EDX_OAUTH2_KEY = legacy_lms.KEY
    settings.BACKEND_SERVICE_EDX_OAUTH2_SECRET = legacy_lms.SECRET
    client._client.cache_clear()
    yield
    client._client.cache_clear()


@pytest.fixture
def lms(with_legacy_service: None, settings: Settings) -> Iterator[LegacyLms]:
    """The LMS with the legacy service, known to this one."""
    with legacy_lms.running() as stand_in:
        settings.LMS_ROOT_URL = stand_in.url
        yield stand_in


@pytest.fixture
def impatient(settings: Settings) -> None:
    """The legacy service gets little time to answer."""
    settings.LEGACY_CONNECT_TIMEOUT = settings.LEGACY_READ_TIMEOUT = SHORT_TIMEOUT
    settings.LEGACY_WRITE_TIMEOUT = SHORT_TIMEOUT


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> PassSeconds:
    """Put the clock by which the service waits forward."""
    running, ahead = time.monotonic, 0.0

    def put_forward(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    monkeypatch.setattr(time, "monotonic", lambda: running() + ahead)
    return put_forward


@pytest.fixture
def other_host() -> Iterator[LegacyLms]:
    """Another host, which must get nothing that is meant for the LMS."""
    with legacy_lms.running() as stand_in:
        yield stand_in


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that refuses connections, for nobody listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port of this machine whose queue is full, so that a connection is neither made nor refused."""
    with socket.socket() as sock, socket.socket() as first, socket.socket() as second:
        sock.bind(("127.0.0.1", 0))
        sock.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(sock.getsockname())
        yield sock.getsockname()[1]


@pytest.fixture
def as_global_staff(client_for: ClientFor, global_staff: User) -> APIClient:
    """The client of someone who administers the platform."""
    return client_for(global_staff)
