# SPDX-License-Identifier: AGPL-3.0-only
"""Key sets over TLS: a real certificate over a real socket, of an authority that is thrown away."""

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from pytest_django import Settings

from edx_exams.apps.lti import fetching
from edx_exams.apps.lti.fetching import FetchFailed, fetch_key_set
from edx_exams.apps.lti.tool_keys import problems, verified_claims
from tests.lti.certificates import TRUSTED, authority
from tests.lti.keyserver import KeyServer, hang, key_server
from tests.lti.vendor import jwk_of, register

HOST: Final = "keys.vendor.example.com"

Serve = Callable[..., AbstractContextManager[KeyServer]]


@pytest.fixture(autouse=True)
def _trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """This machine trusts that authority, and the operator the vendor's host, whose address is a private one here."""
    bundle = tmp_path / "authority.pem"
    bundle.write_bytes(authority(TRUSTED).pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    settings.LTI_TOOL_URL_ALLOWED_HOSTS = [HOST]


@pytest.fixture
def asked_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name server, which has every name here, and remembers what it was asked."""
    names: list[str] = []
    resolve = socket.getaddrinfo

    def answer(host: str, *args: Any, **kwargs: Any) -> Any:
        names.append(host)
        return resolve("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", answer)
    return names


@pytest.fixture
def serve(tmp_path: Path, asked_names: list[str]) -> Serve:
    """A vendor's server; its URL has the vendor's name."""

    @contextmanager
    def running(*names: str, by: str = TRUSTED, expired: bool = False) -> Iterator[KeyServer]:
        tls = authority(by).server_context(tmp_path, *(names or (HOST,)), expired=expired)
        with key_server(tls) as server:
            server.url = server.url.replace("127.0.0.1", HOST)
            yield server

    return running


def test_a_key_set_comes_by_tls_and_the_name_is_looked_up_once(serve: Serve, asked_names: list[str]) -> None:
    """The address that was looked at is the one connected to; the certificate must be the name's all the same."""
    with serve() as server:
        assert fetch_key_set(server.url) == server.key_set["keys"]
    assert asked_names == [HOST, "127.0.0.1"], "the second is the address itself"


def test_the_server_is_told_which_name_is_meant(tmp_path: Path, asked_names: list[str]) -> None:
    """SNI: many vendors are behind one address."""
    told: list[str | None] = []
    tls = authority(TRUSTED).server_context(tmp_path, HOST)
    tls.sni_callback = lambda _socket, name, _context: told.append(name)
    with key_server(tls) as server:
        fetch_key_set(server.url.replace("127.0.0.1", HOST))
    assert told == [HOST]


def test_a_certificate_of_another_name_is_refused(serve: Serve) -> None:
    with serve("elsewhere.example.com") as server, pytest.raises(FetchFailed, match="certificate is refused"):
        fetch_key_set(server.url)
    assert server.asked == 0


def test_a_certificate_of_nobody_we_trust_is_refused(serve: Serve) -> None:
    with serve(by="A stranger") as server, pytest.raises(FetchFailed, match="certificate is refused"):
        fetch_key_set(server.url)
    assert server.asked == 0


def test_an_expired_certificate_is_refused(serve: Serve) -> None:
    with serve(expired=True) as server, pytest.raises(FetchFailed, match="certificate is refused"):
        fetch_key_set(server.url)


def test_a_server_that_speaks_no_tls_is_refused(asked_names: list[str]) -> None:
    with key_server() as server, pytest.raises(FetchFailed, match="SSL"):
        fetch_key_set(server.url.replace("http://127.0.0.1", f"https://{HOST}"))


def test_a_private_address_is_refused_whatever_its_certificate(serve: Serve, settings: Settings) -> None:
    settings.LTI_TOOL_URL_ALLOWED_HOSTS = ["another.example.com"]
    with serve() as server, pytest.raises(FetchFailed, match="not a public one"):
        fetch_key_set(server.url)
    assert server.asked == 0


def test_a_server_that_dawdles_in_the_handshake_is_left(
    asked_names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "STEP_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(FetchFailed, match="No answer"):
        fetch_key_set(f"https://{HOST}:{silent.getsockname()[1]}/jwks")


def test_a_server_that_hangs_after_the_handshake_is_left(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "STEP_TIMEOUT", 0.2)
    with serve() as server:
        server.answer = hang
        with pytest.raises(FetchFailed, match="No answer"):
            fetch_key_set(server.url)


@pytest.mark.django_db
def test_a_tools_message_is_verified_with_keys_that_came_by_tls(serve: Serve) -> None:
    with serve() as server:
        vendor = register(public_key="", keyset_url=server.url)
        server.key_set = {"keys": [jwk_of(vendor.key, vendor.kid)]}
        assert problems(vendor.tool) == []
        assert verified_claims(vendor.tool, vendor.sign({"a": 1})) == {"a": 1}
