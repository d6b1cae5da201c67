# SPDX-License-Identifier: AGPL-3.0-only
"""Finding the LMS by its name, which takes no longer than connecting may."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings

from edx_exams.apps.router.client import LegacyResponse, legacy_client
from edx_exams.apps.router.exceptions import Unreachable
from tests.router.legacy_lms import LegacyLms, answers
from tests.router.test_client import at_once

STATUS = "user_onboarding/status"
NameServer = Callable[..., list[Any]]


def finds(*ports: int) -> NameServer:
    """A name server that knows one machine, at these ports in turn."""

    def look_up(host: str, port: int, *_: Any) -> list[Any]:
        found = [port] if host == "127.0.0.1" else ports
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", each)) for each in found]

    return look_up


@pytest.fixture
def by_name(with_legacy_service: None, settings: Settings) -> None:
    settings.LMS_ROOT_URL = "http://lms.example.org"


def assert_gives_up_in_time() -> None:
    start = time.monotonic()
    with pytest.raises(Unreachable):
        legacy_client().ask("GET", STATUS, retry=True)
    assert time.monotonic() - start < 1


@pytest.fixture
def silent_name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A name server that answers nobody; the names that it was asked for."""
    asked: list[str] = []
    ended = threading.Event()

    def look_up(host: str, *_: Any) -> list[Any]:
        asked.append(host)
        ended.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "silence")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield asked
    ended.set()


@pytest.mark.usefixtures("by_name", "impatient")
def test_a_silent_name_server_holds_nobody_and_one_thread(silent_name_server: list[str]) -> None:
    assert_gives_up_in_time()
    assert at_once(20, lambda: legacy_client().ask("GET", STATUS)) == [Unreachable] * 20
    assert silent_name_server == ["lms.example.org"]


@pytest.mark.usefixtures("by_name", "impatient")
def test_many_addresses_that_are_deaf_take_no_longer_than_one(deaf_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", finds(*[deaf_port] * 40))
    assert_gives_up_in_time()


def test_the_second_address_is_tried_while_there_is_time(
    lms: LegacyLms, deaf_port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.LMS_ROOT_URL = "http://lms.example.org"
    settings.LEGACY_CONNECT_TIMEOUT = 0.6
    lms.behave = answers(200, {"a": 1})
    monkeypatch.setattr(socket, "getaddrinfo", finds(deaf_port, int(lms.url.rpartition(":")[2])))
    assert legacy_client().ask("GET", STATUS) == LegacyResponse(200, {"a": 1})


@pytest.mark.usefixtures("with_legacy_service")
@pytest.mark.parametrize("host", ["lms..example.org", "x" * 64 + ".example.org", "lms.invalid"])
def test_what_is_no_name_cannot_be_reached(host: str, settings: Settings) -> None:
    settings.LMS_ROOT_URL = f"http://{host}"
    with pytest.raises(Unreachable):
        legacy_client().ask("GET", STATUS)
