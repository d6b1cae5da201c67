# SPDX-License-Identifier: AGPL-3.0-only
"""The ways to the LMS other than plain HTTP: TLS, and by way of a proxy."""

import datetime as dt
import ipaddress
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_django import Settings

from edx_exams.apps.router.client import LegacyResponse, legacy_client
from edx_exams.apps.router.exceptions import Unreachable
from edx_exams.apps.router.transport import DeadlineAdapter
from tests.router import legacy_lms
from tests.router.conftest import SHORT_TIMEOUT
from tests.router.legacy_lms import LegacyLms, answers

STATUS = "user_onboarding/status"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with the key and certificate of 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lms")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "lms.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def tls_lms(with_legacy_service: None, settings: Settings, certificate: Path) -> Iterator[LegacyLms]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with legacy_lms.running(context) as stand_in:
        settings.LMS_ROOT_URL = stand_in.url
        yield stand_in


def assert_gives_up_in_time() -> None:
    start = time.monotonic()
    with pytest.raises(Unreachable):
        legacy_client().ask("GET", STATUS, retry=True)
    assert time.monotonic() - start < 2


def test_an_lms_is_reached_over_tls_by_one_connection(
    tls_lms: LegacyLms, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    tls_lms.behave = answers(200, {"a": "ü" * 50_000})
    assert [legacy_client().ask("GET", STATUS) for _ in range(5)] == [LegacyResponse(200, {"a": "ü" * 50_000})] * 5
    assert (len(tls_lms.asked), tls_lms.connections) == (5, 1)


def test_an_lms_whose_certificate_nobody_vouches_for_gets_nothing(tls_lms: LegacyLms) -> None:
    with pytest.raises(Unreachable):
        legacy_client().ask("GET", STATUS, retry=True)
    assert not tls_lms.token_requests


@pytest.mark.parametrize("drips", [legacy_lms.drips_its_head, legacy_lms.drips_its_body])
def test_dripping_has_an_end_over_tls_too(
    drips: legacy_lms.Behaviour,
    impatient: None,
    tls_lms: LegacyLms,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    tls_lms.behave = drips
    assert_gives_up_in_time()


def test_an_lms_behind_a_proxy_is_asked_in_the_same_bounds(
    lms: LegacyLms, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", lms.url)
    settings.LMS_ROOT_URL = "http://lms.example.org"
    lms.behave = answers(200, {"a": 1})
    assert legacy_client().ask("GET", STATUS) == LegacyResponse(200, {"a": 1})
    lms.behave = legacy_lms.drips_its_head
    settings.LEGACY_CONNECT_TIMEOUT = settings.LEGACY_READ_TIMEOUT = SHORT_TIMEOUT
    assert_gives_up_in_time()


def test_a_session_takes_the_connections_of_the_server_and_the_options_of_each_request(
    lms: LegacyLms, certificate: Path
) -> None:
    with requests.Session() as session, legacy_lms.running() as another:
        session.mount("http://", adapter := DeadlineAdapter())
        for server in (lms, another, lms, lms):
            server.behave = answers(200, {"url": server.url})
            assert session.get(server.url, allow_redirects=False).json() == {"url": server.url}
        assert (lms.connections, another.connections) == (1, 1)
        request = requests.Request("GET", lms.url).prepare()
        pools = [adapter.get_connection_with_tls_context(request, True, cert=cert) for cert in (None, str(certificate))]
        assert pools[0] is not pools[1]
        adapter.close()
        assert session.get(lms.url).status_code == 200
